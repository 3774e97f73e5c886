"""Cellwarden: one controller that reads any BMS, decides what is safe and serves every ecosystem.

The packages, in the direction a value travels: `links` and drivers hear a BMS, `engine` decides,
`runtime` waits, retries and hands the decision to the outputs. `model` is what crosses borders.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
