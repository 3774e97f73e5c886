"""A pack that behaves like one, and emulated devices that speak the real protocols."""
