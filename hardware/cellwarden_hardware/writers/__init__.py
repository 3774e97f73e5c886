"""The writing side of the drivers: what each protocol can be told, and how.

A driver that can write has an attribute `writer`, an object of a class here. Only the gate uses it.
"""
