"""Links shared by hardware and plugins: serial, CAN. Libraries are imported when opened."""
