"""The register map of JK's Modbus: what single registers hold.

It is that of the frames with 32 cells: register = base + byte offset, and the place in a frame is
that offset + 6. Only the byte order differs: high byte and high word first.
"""

import struct
from collections.abc import Iterator

from cellwarden_hardware.codecs import jk_ble_cells as cells
from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.jk_ble_device import DEVICE_32S
from cellwarden_hardware.codecs.jk_ble_fields import Field, Form, Value
from cellwarden_hardware.codecs.jk_ble_settings import SETTINGS

_BODY_AT = 6

# Of protocol V1.0 only, and not in the frames.
_STATUS_V10 = (
    Field(at=230, code="H", name="balance_pwm_charge", unit="%"),
    Field(at=232, code="H", name="balance_pwm_discharge", unit="%"),
    Field(at=250, code="I", name="power_dip_time", unit="s", per=10),
)
_STATUS = tuple(
    field
    for group in (
        cells.CELLS, cells.SCALED, cells.PLAIN, cells.SWITCHES, cells.ONLY_32S_SCALED,
        cells.ONLY_32S, _STATUS_V10,
    )
    for field in group
)  # fmt: skip

MAPS: dict[int, tuple[Field, ...]] = {
    0x1000: SETTINGS[Layout.JK02_32S].fields,
    0x1200: tuple(sorted(_STATUS, key=lambda field: field.at)),
    0x1400: DEVICE_32S.fields,
}
"""The fields by the base of their registers, placed as in the frames."""
_SPAN = 0x200


def read_registers(
    register: int, words: tuple[int, ...], *, secrets: bool = False
) -> dict[str, Value]:
    """Return what words from `register` on hold, by name; nothing for registers not known.

    Of the fields for every cell, each cell that was read stands alone: `cell_voltages_3`.
    """
    base = register - register % _SPAN
    data = struct.pack(f">{len(words)}H", *words)
    begin = register - base + _BODY_AT
    values: dict[str, Value] = {}
    for field in MAPS.get(base, ()):
        if field.secret and not secrets:
            continue
        for part in _parts(field):
            at = part.at - begin
            if at >= 0 and at + part.size <= len(data):
                values[part.name] = part.value(struct.unpack_from(f">{part.code}", data, at))
    return values


def _parts(field: Field) -> Iterator[Field]:
    if field.count == 1:
        yield field
        return
    code = field.code[-1]
    for place in range(field.count):
        yield Field(
            at=field.at + place * struct.calcsize(f">{code}"),
            code=code,
            name=f"{field.name}_{place + 1}",
            unit=field.unit,
            per=field.per,
            form=Form.NUMBER,
        )
