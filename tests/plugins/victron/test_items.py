"""Differences, texts, the tree of objects, and the states the output makes up itself. No bus."""

import pytest

from cellwarden.clock import Clock
from cellwarden.hooks import OutputContext
from cellwarden.model import BankPhase, PackPhase
from cellwarden_victron import plugin
from cellwarden_victron.config import VictronOptions
from cellwarden_victron.items import (
    blocked,
    changes,
    moving_values,
    signature_of,
    silenced,
    text_of,
)
from cellwarden_victron.tree import Tree
from support.states import bank_state, limits, pack_state


def test_changes_are_what_differs_and_only_that():
    assert changes({"/A": 1, "/B": None, "/C": "x"}, {"/A": 1, "/B": 2, "/C": None}) == {
        "/B": 2,
        "/C": None,
    }


def test_the_same_state_again_changes_nothing():
    assert changes(moving_values(bank_state()), moving_values(bank_state(at_s=2000.0))) == {}


@pytest.mark.parametrize(
    ("path", "value", "signature", "text"),
    [
        ("/Dc/0/Voltage", 53.1, "d", "53.10V"),
        ("/Dc/0/Power", -1234.0, "d", "-1234W"),
        ("/Dc/0/Temperature", 21.25, "d", "21.2°C"),
        ("/Soc", 64.0, "d", "64.0%"),
        ("/TimeToGo", 3600, "i", "3600s"),
        ("/Alarms/BmsCable", 2, "i", "2"),
        ("/System/MinVoltageCellId", "M1C7", "s", "M1C7"),
        ("/Dc/0/Voltage", None, "ai", "---"),
        ("/System/MinVoltageCellId", None, "ai", "---"),
    ],
)
def test_a_value_has_its_type_and_a_text_with_its_unit(path, value, signature, text):
    assert (signature_of(path, value), text_of(path, value)) == (signature, text)


def test_what_d_bus_cannot_carry_is_dropped_from_texts():
    pack = pack_state("left")
    identity = type(pack.identity)(serial_number="B2\0A\udcff 7°\n")
    values = moving_values(bank_state(packs=(pack_state("left", identity=identity),)))
    assert values["/Serial"] == "B2A 7°"


def test_a_blocked_state_keeps_its_voltages_and_says_why():
    state = blocked(bank_state(), "because")
    assert (state.limits.cvl_v, state.limits.ccl_a, state.limits.dcl_a) == (55.2, 0.0, 0.0)
    assert state.limits.dvl_v == 48.0
    assert state.limits.charge_current.binding.text == "because"


def test_a_silenced_state_has_no_values_left():
    waiting = pack_state("new", phase=PackPhase.WAITING, reading=None)
    state = silenced(bank_state(packs=(pack_state("left"), waiting)), "because")
    values = moving_values(state)
    assert (state.phase, [p.phase for p in state.packs]) == (
        BankPhase.SILENT,
        [PackPhase.LOST, PackPhase.WAITING],
    )
    measured = ("/Dc/0/Voltage", "/Dc/0/Current", "/Dc/0/Power", "/Soc", "/Capacity",
                "/ConsumedAmphours", "/System/MinCellVoltage", "/System/MaxCellTemperature",
                "/System/MOSTemperature", "/Voltages/Diff", "/TimeToGo")  # fmt: skip
    assert {values[path] for path in measured} == {None}
    assert values["/Alarms/BmsCable"] == 2
    assert values["/State"] == 10


# -- the tree --------------------------------------------------------------------------------

TREE = Tree(["/Soc", "/Dc/0/Voltage", "/Dc/0/Current", "/Dc/1/Voltage"])


def test_branches_know_their_leaves_by_relative_names():
    assert TREE.below("/Dc/0") == {"/Dc/0/Current": "Current", "/Dc/0/Voltage": "Voltage"}
    assert TREE.below("/Dc") == {
        "/Dc/0/Current": "0/Current",
        "/Dc/0/Voltage": "0/Voltage",
        "/Dc/1/Voltage": "1/Voltage",
    }
    assert list(TREE.below("/").values()) == ["Dc/0/Current", "Dc/0/Voltage", "Dc/1/Voltage", "Soc"]


def test_a_leaf_and_a_stranger_are_no_branches():
    assert TREE.below("/Soc") is None
    assert TREE.below("/D") is None
    assert (TREE.size("/"), TREE.size("/Dc"), TREE.size("/Soc"), TREE.size("/x")) == (4, 3, 1, 1)


def test_introspection_lists_each_child_once():
    assert TREE.introspection("/").count("<node name=") == 2
    assert TREE.introspection("/Dc").endswith('<node name="0"/><node name="1"/></node>')
    assert "GetItems" not in TREE.introspection("/Dc")
    assert TREE.introspection("/x") is None


# -- what should be on the bus ---------------------------------------------------------------

OPTIONS = VictronOptions(stale_after_s=10.0, leave_after_s=60.0)


def publishable(state, age_s):
    output = pytest.importorskip("cellwarden_victron.output", reason="needs a D-Bus library")
    return output.publishable(state, age_s, OPTIONS)


def test_a_fresh_live_or_silent_state_is_published_as_it_is():
    for phase in (BankPhase.LIVE, BankPhase.SILENT):
        state = bank_state(phase=phase)
        assert publishable(state, 10.0) is state


def test_before_the_first_reading_and_after_the_last_nothing_is_published():
    assert publishable(None, None) is None
    assert publishable(bank_state(phase=BankPhase.STARTING, limits=None), 0.1) is None
    assert publishable(bank_state(phase=BankPhase.GONE), 0.1) is None


def test_a_decision_older_than_the_setting_is_silence_and_a_very_old_one_is_nothing():
    assert publishable(bank_state(), 10.1).phase is BankPhase.SILENT
    assert publishable(bank_state(), 60.0).phase is BankPhase.SILENT
    assert publishable(bank_state(), 60.1) is None


def test_without_a_sane_charge_voltage_the_service_stays_away():
    assert publishable(bank_state(limits=limits(0.0, 10.0, 10.0, 48.0)), 0.1) is None
    assert publishable(bank_state(limits=limits(float("nan"), 10.0, 10.0, 48.0)), 0.1) is None
    assert publishable(bank_state(limits=None), 0.1) is None


# -- the plugin ------------------------------------------------------------------------------


def test_the_plugin_offers_one_control_output_that_names_its_extra():
    (kind,) = plugin.cellwarden_outputs()
    assert (kind.name, kind.control, kind.extra) == ("victron", True, "victron")
    output = kind.build(kind.options(), OutputContext(name="v", bank="B", state_dir="."))
    assert output.status() == {
        "service": "com.victronenergy.battery.cellwarden",
        "bus": "system",
        "connected": False,
        "library": "dbus_fast",
        "signals_sent": 0,
        "items_sent": 0,
        "last_error": "",
    }


def option_problem(name, value):
    return VictronOptions.__dataclass_fields__[name].metadata["option"].check(value)


def test_names_that_d_bus_or_victron_would_misread_are_refused():
    for good in ("cellwarden", "ttyUSB0", "can0__1", "a-b"):
        assert option_problem("service", good) is None
    for bad in ("", "0can", "a.b", "lynxparallel1", "batterie°"):
        assert "must be" in option_problem("service", bad)


def test_a_bus_is_system_session_or_a_socket():
    for good in ("system", "session", "unix:path=/run/bus"):
        assert option_problem("bus", good) is None
    for bad in ("", "System", "tcp:host=venus,port=78"):
        assert "must be" in option_problem("bus", bad)


def test_without_news_the_output_sleeps_until_something_must_change():
    output_module = pytest.importorskip("cellwarden_victron.output")
    output = output_module.VictronOutput(OPTIONS, OutputContext(name="v", bank="B", state_dir="."))

    class Feed:
        clock = Clock()

        def __init__(self, age_s):
            self._age_s = age_s

        def age_s(self):
            return self._age_s

    assert output._patience_s(Feed(None)) is None
    assert output._patience_s(Feed(1.0)) == pytest.approx(9.001)
    assert output._patience_s(Feed(20.0)) == pytest.approx(40.001)
    assert output._patience_s(Feed(61.0)) is None
