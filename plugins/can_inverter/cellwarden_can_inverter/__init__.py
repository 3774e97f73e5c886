"""The inverter on the CAN bus: the bank, told in the dialect that the inverter understands."""
