"""Replay: recorded readings through the engine, with no waiting and the same decisions."""

from cellwarden.replay.recording import Recording, open_recording
from cellwarden.replay.sheet import Sheet, read_sheet, sheet_path

__all__ = ["Recording", "Sheet", "open_recording", "read_sheet", "sheet_path"]
