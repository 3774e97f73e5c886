"""Hardware: wire protocols without I/O, drivers of one file each, and a simulated pack."""
