"""The bank as Modbus registers: SunSpec, the Victron map, and a plain map of our own."""
