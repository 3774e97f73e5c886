"""Battery frames for inverters on CAN, a table file a dialect."""
