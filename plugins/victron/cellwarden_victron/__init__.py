"""The bank as a battery service on the D-Bus of Venus OS."""
