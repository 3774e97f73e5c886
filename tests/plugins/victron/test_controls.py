"""The writable items: what they show, and what a written value asks of the gate. No bus."""

from math import nan

import pytest

from cellwarden.model import ChargeMode, Order, Orders, RequestKind
from cellwarden_victron.controls import (
    BANK_CONTROLS,
    PACK_CONTROLS,
    BadValueError,
    requests,
    shown,
)
from support.states import bank_state, pack_state

BANK = {control.path: control for control in BANK_CONTROLS}
PACK = {control.path: control for control in PACK_CONTROLS}


def asked(path, value, *, bms=True, state=None):
    control = (BANK if bms else PACK)[path]
    found = requests(
        control, value, state or bank_state(), "victron", bms=bms, reset_to_percent=95.0
    )
    assert {request.who for request in found} <= {"victron"}
    return [(request.kind, request.pack, request.value) for request in found]


@pytest.mark.parametrize(
    ("path", "value", "kind", "wanted"),
    [
        ("/Settings/ForceChargingOff", 1, RequestKind.CHARGE_BLOCK, True),
        ("/Settings/ForceChargingOff", 0, RequestKind.CHARGE_BLOCK, None),
        ("/Settings/ForceDischargingOff", 1, RequestKind.DISCHARGE_BLOCK, True),
        ("/Settings/ForceDischargingOff", 0.0, RequestKind.DISCHARGE_BLOCK, None),
        ("/Settings/ChargeMode", "float", RequestKind.CHARGE_MODE, "float"),
        ("/Settings/FullCharge", 1, RequestKind.FULL_CHARGE, True),
        ("/Settings/ChargeCurrentLimit", 25, RequestKind.CHARGE_CURRENT_LIMIT, 25.0),
        ("/Settings/ChargeCurrentLimit", -1, RequestKind.CHARGE_CURRENT_LIMIT, None),
        ("/Settings/DischargeCurrentLimit", 0.0, RequestKind.DISCHARGE_CURRENT_LIMIT, 0.0),
        ("/Settings/ResetSocToApply", 1, RequestKind.RESET_SOC, 95.0),
    ],
)
def test_a_written_value_asks_the_gate_once_for_the_bank(path, value, kind, wanted):
    assert asked(path, value) == [(kind, "", wanted)]


def test_balancing_is_switched_at_every_bms():
    assert asked("/Settings/TurnBalancingOff", 1) == [
        (RequestKind.BALANCE_SWITCH, "left", False),
        (RequestKind.BALANCE_SWITCH, "right", False),
    ]
    assert asked("/Settings/TurnBalancingOff", 0)[0] == (RequestKind.BALANCE_SWITCH, "left", True)


def test_at_a_pack_the_switches_are_those_of_its_bms():
    alone = bank_state(packs=(pack_state("left"),))
    assert asked("/Settings/ForceChargingOff", 1, bms=False, state=alone) == [
        (RequestKind.CHARGE_SWITCH, "left", False)
    ]
    assert asked("/Settings/ForceDischargingOff", 0, bms=False, state=alone) == [
        (RequestKind.DISCHARGE_SWITCH, "left", True)
    ]
    assert asked("/Settings/ResetSocToApply", 1, bms=False, state=alone) == [
        (RequestKind.RESET_SOC, "left", 95.0)
    ]


def test_the_value_to_reset_to_is_only_remembered():
    assert asked("/Settings/ResetSocTo", 80) == []
    assert asked("/Settings/ResetSocToApply", 0) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/Settings/ForceChargingOff", 2),
        ("/Settings/ForceChargingOff", "1"),
        ("/Settings/ForceChargingOff", None),
        ("/Settings/TurnBalancingOff", -1),
        ("/Settings/ChargeMode", "boost"),
        ("/Settings/ChargeMode", 1),
        ("/Settings/ChargeCurrentLimit", nan),
        ("/Settings/ChargeCurrentLimit", 1e9),
        ("/Settings/ChargeCurrentLimit", -2),
        ("/Settings/DischargeCurrentLimit", True),
        ("/Settings/ResetSocTo", 100.5),
        ("/Settings/ResetSocTo", "full"),
        ("/Settings/ResetSocToApply", [1]),
    ],
)
def test_a_value_that_makes_no_sense_asks_for_nothing(path, value):
    with pytest.raises(BadValueError):
        asked(path, value)


def values(state=None, refused=()):
    kinds = {control.request: control.request in refused for control in BANK_CONTROLS}
    return shown(BANK_CONTROLS, state or bank_state(), kinds, 95.0)


def test_without_orders_everything_is_at_rest():
    assert values() == {
        "/Settings/ForceChargingOff": 0,
        "/Settings/ForceDischargingOff": 0,
        "/Settings/ChargeMode": "automatic",
        "/Settings/FullCharge": 0,
        "/Settings/ChargeCurrentLimit": -1.0,
        "/Settings/DischargeCurrentLimit": -1.0,
        "/Settings/TurnBalancingOff": 0,
        "/Settings/ResetSocTo": 95.0,
        "/Settings/ResetSocToApply": 0,
    }


def test_orders_are_shown_whoever_gave_them():
    orders = Orders(
        charge_block=Order(value=1.0, who="homeassistant"),
        charge_current_a=Order(value=30.0, who="web"),
        mode=ChargeMode.FLOAT,
    )
    found = values(bank_state(orders=orders), refused=set(RequestKind))
    assert found["/Settings/ForceChargingOff"] == 1
    assert found["/Settings/ChargeCurrentLimit"] == 30.0
    assert found["/Settings/ChargeMode"] == "float"


def test_what_would_be_refused_is_not_offered():
    assert set(values(refused=set(RequestKind)).values()) == {None}
    found = values(refused={RequestKind.BALANCE_SWITCH})
    assert [path for path, value in found.items() if value is None] == [
        "/Settings/TurnBalancingOff"
    ]
