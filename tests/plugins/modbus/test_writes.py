"""Writes: refused by default, allowed one register at a time, through the gate."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from pymodbus.client import ModbusTcpClient

from cellwarden.model import BankPhase, BankState, Outcome, Request, RequestKind, Verdict
from cellwarden.runtime.monitor_gate import MonitorGate
from cellwarden_modbus import own, sunspec, writes
from cellwarden_modbus.config import WRITABLE
from support.modbus_server import OwnGate, Serve, Served
from support.processes import until

Connect = Callable[[Served], ModbusTcpClient]

BASE = 40_000 + 2 + 68
"""Model 802."""
SET_OP, SET_INVERTER, ALARM_RESET = BASE + 50, BASE + 51, BASE + 20
BANK = BASE + 64
STRING_1, STRING_2 = BANK + 28, BANK + 60
STRING_ALONE_1 = BANK + 92 + 9

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, FAILURE = 1, 2, 3, 4
ACKNOWLEDGE, BUSY, NEGATIVE, NO_RESPONSE = 5, 6, 7, 0x0B


def write(client: Any, address: int, *values: int, unit: int = 1) -> int:
    """Return 0 for what was applied, else the number of the exception."""
    if len(values) == 1:
        answer = client.write_register(address, values[0], device_id=unit)
    else:
        answer = client.write_registers(address, list(values), device_id=unit)
    return int(answer.exception_code) if answer.isError() else 0


def asked(gate: OwnGate) -> list[tuple[RequestKind, str, float | bool]]:
    return [(request.kind, request.pack, request.value) for request in gate.asked]


def test_nothing_is_writable_by_default(serve: Serve, client_of: Connect) -> None:
    served = serve()
    client = client_of(served)
    for address in (2060, 2010, SET_OP, ALARM_RESET, 9999):
        assert write(client, address, 1) == ILLEGAL_FUNCTION
        assert write(client, address, 1, 1) == ILLEGAL_FUNCTION
    assert served.gate.asked == []


def test_an_allowed_register_of_a_pack_asks_for_that_pack(serve: Serve, client_of: Connect) -> None:
    served = serve(allow_writes=("charge_switch",))
    client = client_of(served)
    assert write(client, 3060, 0, unit=3) == 0
    assert asked(served.gate) == [(RequestKind.CHARGE_SWITCH, "right", False)]
    assert served.gate.asked[0].who == "output modbus"


def test_one_allowed_register_allows_no_other(serve: Serve, client_of: Connect) -> None:
    served = serve(allow_writes=("charge_switch",))
    client = client_of(served)
    assert write(client, 3061, 0, unit=2) == ILLEGAL_ADDRESS
    assert write(client, 3060, 0, 0, unit=2) == ILLEGAL_ADDRESS  # the next one is not allowed
    assert write(client, SET_OP, 2) == ILLEGAL_ADDRESS
    assert write(client, 2010, 0) == ILLEGAL_ADDRESS
    assert served.gate.asked == []


def test_a_value_that_means_nothing_is_refused_before_anybody_is_asked(
    serve: Serve, client_of: Connect
) -> None:
    served = serve(allow_writes=("charge_switch", "802.SetOp"))
    client = client_of(served)
    assert write(client, 2060, 2) == ILLEGAL_VALUE
    assert write(client, SET_OP, 0) == ILLEGAL_VALUE
    assert write(client, SET_OP, 3) == ILLEGAL_VALUE
    assert served.gate.asked == []


def test_a_sunspec_point_without_effect_takes_no_value(serve: Serve, client_of: Connect) -> None:
    client = client_of(serve(allow_writes=("802.SetOp",)))
    for address in (ALARM_RESET, SET_INVERTER, BASE + 9, BASE + 10, BASE + 19, 40_002 + 66):
        assert write(client, address, 1) == ILLEGAL_VALUE


def test_the_banks_switch_asks_for_every_pack(serve: Serve, client_of: Connect) -> None:
    served = serve(allow_writes=("balance_switch",))
    assert write(client_of(served), 2062, 1) == 0
    assert asked(served.gate) == [
        (RequestKind.BALANCE_SWITCH, "left", True),
        (RequestKind.BALANCE_SWITCH, "right", True),
    ]


def test_several_registers_in_one_request_are_asked_one_after_the_other(
    serve: Serve, client_of: Connect
) -> None:
    served = serve(allow_writes=("charge_switch", "discharge_switch"))
    assert write(client_of(served), 3060, 1, 0, unit=2) == 0
    assert asked(served.gate) == [
        (RequestKind.CHARGE_SWITCH, "left", True),
        (RequestKind.DISCHARGE_SWITCH, "left", False),
    ]


@pytest.mark.parametrize(
    ("name", "address", "packs"),
    [
        ("802.SetOp", SET_OP, ["left", "right"]),
        ("803.StrSetEna", STRING_1 + 28, ["left"]),
        ("803.StrSetCon", STRING_2 + 29, ["right"]),
        ("804.SetEna", STRING_ALONE_1 + 36, ["left"]),
        ("804.SetCon", STRING_ALONE_1 + 64 + 44 + 64 + 37, ["right"]),
    ],
)
def test_a_sunspec_control_switches_both_directions_of_its_packs(
    serve: Serve, client_of: Connect, name: str, address: int, packs: list[str]
) -> None:
    served = serve(allow_writes=(name,))
    client = client_of(served)
    assert client.read_holding_registers(address, device_id=1).registers == [1]
    assert write(client, address, 2) == 0
    assert asked(served.gate) == [
        (kind, pack, False)
        for pack in packs
        for kind in (RequestKind.CHARGE_SWITCH, RequestKind.DISCHARGE_SWITCH)
    ]


@pytest.mark.parametrize(
    ("verdict", "code"), [(Verdict.REFUSED, NEGATIVE), (Verdict.ROLLED_BACK, FAILURE)]
)
def test_the_gates_no_has_its_own_exception(
    serve: Serve, client_of: Connect, verdict: Verdict, code: int
) -> None:
    served = serve(gate=OwnGate(verdict), allow_writes=("charge_switch",))
    assert write(client_of(served), 2060, 0) == code
    assert len(served.gate.asked) == 1  # the second pack is not asked for after a no


class BrokenGate(OwnGate):
    async def ask(self, request: Request) -> Outcome:
        raise RuntimeError("a defect")


def test_a_gate_that_breaks_is_a_failure_and_the_next_write_is_asked_again(
    serve: Serve, client_of: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(serve(gate=BrokenGate(), allow_writes=("charge_switch",)))
    assert [write(client, 2060, 0) for _ in range(2)] == [FAILURE, FAILURE]
    assert {record.getMessage() for record in caplog.records} == {"a write failed"}


def test_the_gate_of_this_version_refuses(serve: Serve, client_of: Connect) -> None:
    served = serve(gate=MonitorGate("monitor"), allow_writes=("charge_switch",))
    assert write(client_of(served), 2060, 0) == NEGATIVE


def test_a_slow_write_is_acknowledged_and_a_second_one_finds_it_busy(
    serve: Serve, client_of: Connect
) -> None:
    gate = OwnGate()
    gate.delay_s = 1.5
    served = serve(gate=gate, allow_writes=("charge_switch",))
    first, second = client_of(served), client_of(served)
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(write(first, 3060, 0, unit=2)))
    thread.start()
    until(lambda: len(gate.asked) == 1, 3, "the first write")
    began_s = time.monotonic()
    assert write(second, 3060, 1, unit=2) == BUSY
    assert second.read_holding_registers(2001, device_id=1).registers == [1]
    assert time.monotonic() - began_s < 0.5  # nobody waits for the one that is slow
    thread.join(5)
    assert codes == [ACKNOWLEDGE]
    time.sleep(1.0)
    gate.delay_s = 0.0
    assert write(second, 3060, 1, unit=2) == 0


def test_a_client_that_leaves_does_not_break_off_its_write(
    serve: Serve, client_of: Connect
) -> None:
    gate = OwnGate()
    gate.delay_s = 0.3
    served = serve(gate=gate, allow_writes=("charge_switch",))
    client = client_of(served)
    client.socket.sendall(b"\x00\x01\x00\x00\x00\x06\x01\x06\x08\x0c\x00\x00")
    until(lambda: len(gate.asked) == 1, 3, "the write")
    client.close()
    until(lambda: len(gate.asked) == 2, 3, "the second pack")


def test_without_data_nothing_is_written(
    serve: Serve, client_of: Connect, make_bank: Callable[..., BankState]
) -> None:
    served = serve(make_bank(phase=BankPhase.SILENT), allow_writes=("charge_switch",))
    assert write(client_of(served), 2060, 1) == NO_RESPONSE
    assert served.gate.asked == []


def test_what_the_configuration_may_name_is_what_the_tables_can_write(
    make_bank: Callable[..., BankState],
) -> None:
    layout = sunspec.layout_of(make_bank())
    every = writes.of_bank(layout, frozenset(WRITABLE))
    assert {target.name for target in every.values() if target.kinds} == set(WRITABLE)
    assert {row.name for row in own.PACK.rows if row.writes} == set(WRITABLE[:3])
    assert all(target.values == {} for target in every.values() if not target.kinds)
