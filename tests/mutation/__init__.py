"""Mutation testing of the engine: does a test notice when a line of it is changed?"""
