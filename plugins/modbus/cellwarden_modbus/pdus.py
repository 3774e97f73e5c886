"""The requests that are served, hardened; every other function code is refused.

pymodbus would answer more than is meant here (coils out of registers, files, counters, a switch to
listen-only), answer for unit ids that are somebody else's on the line, and answer a request that
is cut short with a function code that was never asked for. These classes, given to a server as
`custom_pdu`, take the place of its own.
"""

import struct
from typing import Any, ClassVar, Protocol

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteMultipleRegistersResponse,
    WriteSingleRegisterRequest,
    WriteSingleRegisterResponse,
)

MOST_WRITTEN = 123
"""Registers in one request, by the standard."""


class Service(Protocol):
    """What answers."""

    def serves(self, unit: int, *, rtu: bool) -> int | None:
        """Return the unit that answers for this id, None if none does."""

    async def write(self, unit: int, address: int, values: list[int]) -> ExcCodes | None:
        """Try to write; None if it is done, else what kind of no it is."""


class _Hardened(ModbusPDU):
    """Refuses what is cut short, and leaves other unit ids alone."""

    service: ClassVar[Service]
    rtu: ClassVar[bool]
    malformed = False

    def decode(self, data: bytes) -> None:
        """Take the fields; what cannot be is remembered, not raised."""
        try:
            super().decode(data)
        except (ValueError, IndexError, struct.error):
            self.malformed = True

    async def datastore_update(self, context: Any, device_id: int) -> ModbusPDU:
        """Answer; NoSuchIdException for a unit that is not ours."""
        unit = self.service.serves(device_id, rtu=self.rtu)
        if unit is None:
            raise NoSuchIdException
        if self.malformed:
            return self._no(ExcCodes.ILLEGAL_VALUE)
        return await self._answer(context, unit)

    async def _answer(self, context: Any, unit: int) -> ModbusPDU:
        return await super().datastore_update(context, unit)

    def _no(self, code: ExcCodes) -> ModbusPDU:
        return ExceptionResponse(self.function_code, code)


class _ReadHolding(_Hardened, ReadHoldingRegistersRequest):
    """Function 3."""


class _ReadInput(_Hardened, ReadInputRegistersRequest):
    """Function 4: the same registers."""


class _WriteOne(_Hardened, WriteSingleRegisterRequest):
    """Function 6."""

    async def _answer(self, context: Any, unit: int) -> ModbusPDU:
        del context
        code = await self.service.write(unit, self.address, list(self.registers))
        if code is not None:
            return self._no(code)
        return WriteSingleRegisterResponse(address=self.address, registers=self.registers)


class _WriteMany(_Hardened, WriteMultipleRegistersRequest):
    """Function 16."""

    async def _answer(self, context: Any, unit: int) -> ModbusPDU:
        del context
        whole = self.byte_count == 2 * self.count == self._payload_byte_count
        if not 1 <= self.count <= MOST_WRITTEN or not whole:
            return self._no(ExcCodes.ILLEGAL_VALUE)
        code = await self.service.write(unit, self.address, list(self.registers))
        if code is not None:
            return self._no(code)
        return WriteMultipleRegistersResponse(address=self.address, count=self.count)


class _Refused(_Hardened):
    """Any other function: its content does not matter."""

    def decode(self, data: bytes) -> None:
        """Look at nothing."""

    async def _answer(self, context: Any, unit: int) -> ModbusPDU:
        del context, unit
        return self._no(ExcCodes.ILLEGAL_FUNCTION)


_SERVED: tuple[type[_Hardened], ...] = (_ReadHolding, _ReadInput, _WriteOne, _WriteMany)


def requests(service: Service, *, rtu: bool) -> list[type[ModbusPDU]]:
    """Return the classes for one server.

    On a serial line only codes whose length is known can be told apart from noise.
    """
    known = DecodePDU(is_server=True).pdu_table
    parents: dict[int, tuple[type[ModbusPDU], ...]] = {
        code: (_Refused, known[code][0]) if code in known else (_Refused,)
        for code in (known if rtu else range(1, 0x80))
    }
    parents.update({request.function_code: (request,) for request in _SERVED})
    return [
        type(f"Function{code}", bases, {"function_code": code, "service": service, "rtu": rtu})
        for code, bases in parents.items()
    ]
