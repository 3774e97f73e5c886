"""Reads packs: one file a driver. Which there are, and their options, stands in `kinds`."""
