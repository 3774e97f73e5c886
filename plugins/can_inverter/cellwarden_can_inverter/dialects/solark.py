"""Sol-Ark LV V1.3: the Pylontech set, every frame 8 bytes long, the pack voltage in 0.1 V.

Sources: the vendor's sheet V1.3; dalathegreat/Battery-Emulator. Frames shorter than 8 bytes are
not recognised. Users of the technically related Deye report that 0.01 V works in 0x356: the
option `voltage_step_v` chooses. 0x379 adds the capacity of the bank.
"""

from dataclasses import replace

from cellwarden_can_inverter.dialects.pylontech_lv import PYLONTECH_LV
from cellwarden_can_inverter.dialects.victron import INSTALLED
from cellwarden_can_inverter.frames import Dialect

SOLARK: Dialect = replace(
    replace(PYLONTECH_LV, frames=(*PYLONTECH_LV.frames, INSTALLED)).varied(
        whole_frames=True, voltage_per=10
    ),
    name="solark",
    summary="Sol-Ark LV V1.3: Pylontech with 8 bytes a frame and 0.1 V",
)
