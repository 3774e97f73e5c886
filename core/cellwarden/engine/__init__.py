"""The engine: pure functions of what was known, what was heard and what time it is."""
