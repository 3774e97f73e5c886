"""Differences, texts, the tree of objects, and the states the output makes up itself. No bus."""

import asyncio

import pytest

from cellwarden.clock import Clock
from cellwarden.hooks import OutputContext
from cellwarden.model import BankPhase, PackPhase
from cellwarden_victron import plugin
from cellwarden_victron.config import VictronOptions
from cellwarden_victron.items import BY_ALARMS, Items, changes
from cellwarden_victron.paths import Shape, shape_of
from cellwarden_victron.rows import Own
from cellwarden_victron.tree import Tree
from cellwarden_victron.views import Patience, blocked, of_bank, of_pack, sane, silenced
from support.states import bank_state, limits, pack_state

ITEMS = Items(Shape(bms=True, packs=2))


def moving_values(state, published=None):
    return Items(shape_of(state, bms=True)).moving(state, Own(), published)


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
    assert (ITEMS.signature_of(path, value), ITEMS.text_of(path, value)) == (signature, text)


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

PATIENCE = Patience(stale_after_s=10.0, leave_after_s=60.0)


def published(state, age_s, last_good=None):
    return of_bank(state, age_s, PATIENCE, sane(state, sane(last_good, None)))


def test_a_fresh_live_or_silent_state_is_published_as_it_is():
    for phase in (BankPhase.LIVE, BankPhase.SILENT):
        state = bank_state(phase=phase)
        assert published(state, 10.0) is state


def test_before_the_first_reading_and_after_the_last_nothing_is_published():
    assert published(None, None) is None
    assert published(bank_state(phase=BankPhase.STARTING, limits=None), 0.1) is None
    assert published(bank_state(phase=BankPhase.GONE), 0.1) is None


def test_a_decision_older_than_the_setting_is_silence_and_a_very_old_one_is_nothing():
    assert published(bank_state(), 10.1).phase is BankPhase.SILENT
    assert published(bank_state(), 60.0).phase is BankPhase.SILENT
    assert published(bank_state(), 60.1) is None


NO_CVL = (limits(0.0, 10.0, 10.0, 48.0), limits(float("nan"), 10.0, 10.0, 48.0), None)


@pytest.mark.parametrize("unknown", NO_CVL)
def test_without_a_sane_charge_voltage_the_service_does_not_appear(unknown):
    assert published(bank_state(limits=unknown), 0.1) is None


@pytest.mark.parametrize("unknown", NO_CVL)
def test_a_charge_voltage_that_gets_lost_stops_both_currents_under_the_last_one(unknown):
    # Invalid, or gone at once, it would leave the last currents in the inverter for ever.
    good = bank_state(at_s=1000.0)
    state = published(bank_state(at_s=1030.0, limits=unknown), 0.1, last_good=good)
    values = moving_values(state)
    assert values["/Info/MaxChargeVoltage"] == 55.2
    assert values["/Info/MaxChargeCurrent"] == values["/Info/MaxDischargeCurrent"] == 0.0
    assert values["/Info/ChargeLimitation"] == "no charge voltage is known"
    assert values["/Alarms/InternalFailure"] == 2
    assert values["/Dc/0/Voltage"] == 52.92
    assert published(bank_state(at_s=1060.1, limits=unknown), 0.1, last_good=good) is None


def pack_view(age_s=0.1, pack_age_s=0.5, **changes):
    state = bank_state(packs=(pack_state("left"), pack_state("right", age_s=pack_age_s, **changes)))
    return of_pack(state, age_s, PATIENCE, "right")


def test_a_pack_is_shown_as_a_bank_of_its_own():
    state = pack_view()
    values = Items(shape_of(state, bms=False)).moving(state, Own())
    assert values["/Dc/0/Voltage"] == 52.92
    assert values["/Dc/0/Current"] == 6.0
    assert values["/Dc/0/Temperature"] == 22.0
    assert values["/InstalledCapacity"] == 100.0
    assert values["/Serial"] == "SNright"
    assert values["/System/MinVoltageCellId"] == "C1"
    assert values["/System/NrOfBatteries"] == 1
    assert values["/Voltages/Cell16"] == 3.315
    assert values["/History/ChargeCycles"] == 12
    assert values["/State"] == 9


def test_a_pack_beside_its_bank_has_no_limits_at_all_so_that_venus_sees_one_bms():
    rows = Items(shape_of(pack_view(), bms=False)).rows
    assert [path for path in rows if path.startswith("/Info/Max")] == []
    assert "/Info/ChargeRequest" not in rows


def test_a_lost_pack_alarms_without_values_and_leaves_after_the_setting():
    lost = {"phase": PackPhase.LOST, "reading": None, "cell_min": None, "soc_percent": None}
    state = pack_view(1.0, **lost, pack_age_s=20.0)
    values = Items(shape_of(state, bms=False)).moving(state, Own())
    assert (values["/Alarms/BmsCable"], values["/Dc/0/Voltage"], values["/Soc"]) == (2, None, None)
    assert values["/ErrorCode"] == 2
    assert pack_view(1.0, **lost, pack_age_s=59.5) is None
    assert pack_view(1.0, **lost, pack_age_s=None) is None


def test_a_pack_that_was_never_heard_has_no_service():
    assert pack_view(phase=PackPhase.WAITING, reading=None) is None


def test_packs_share_the_banks_fate_when_the_controller_stops_deciding():
    assert pack_view(10.1).phase is BankPhase.SILENT
    assert pack_view(60.1) is None


# -- what is told ------------------------------------------------------------------------------


def test_a_measured_value_between_two_digits_does_not_flap_with_its_noise():
    first = moving_values(bank_state(voltage_v=52.9249))
    assert first["/Dc/0/Voltage"] == 52.92
    assert moving_values(bank_state(voltage_v=52.9259), first)["/Dc/0/Voltage"] == 52.92
    assert moving_values(bank_state(voltage_v=52.9271), first)["/Dc/0/Voltage"] == 52.93


def test_a_limit_is_told_as_it_is_without_such_patience():
    first = moving_values(bank_state(limits=limits(55.2, 100.0, 200.0, 48.0)))
    values = moving_values(bank_state(limits=limits(55.194, 99.94, 200.0, 48.0)), first)
    assert values["/Info/MaxChargeVoltage"] == 55.19
    assert values["/Info/MaxChargeCurrent"] == 99.9


def test_groups_can_be_left_out_and_the_rest_is_the_same():
    whole = moving_values(bank_state())
    part = ITEMS.moving(bank_state(), Own(), without={5.0, 60.0, BY_ALARMS})
    assert {path: whole[path] for path in part} == part
    assert "/Info/MaxChargeCurrent" in part
    assert {"/Soc", "/History/ChargeCycles", "/Alarms/BmsCable"} & set(part) == set()


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
        "device_instance": None,
        "settings_found": False,
        "packs_connected": 0,
        "signals_sent": 0,
        "items_sent": 0,
        "last_error": "",
        "neighbours": [],
        "dvcc_on": None,
        "active_bms": None,
        "feeds_in_dc": False,
        "advice": None,
    }


def test_the_names_in_venus_settings_are_letters_digits_and_underscores():
    module = pytest.importorskip("cellwarden_victron.output")
    assert module._of_bank("cellwarden") == "cellwarden_bank"
    assert module._of_bank("cellwarden_2") == "cellwarden_2"
    assert module._of_bank("shed-1") == "cellwarden_shed_1"
    assert module.unique_name("JK/B2 °A-20") == "cellwarden_JK_B2_A_20"


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
    options = VictronOptions(stale_after_s=10.0, leave_after_s=60.0)
    output = output_module.VictronOutput(options, OutputContext(name="v", bank="B", state_dir="."))

    class Feed:
        clock = Clock()

        def __init__(self, age_s):
            self._age_s = age_s

        def age_s(self):
            return self._age_s

    async def patience_s(age_s):
        return output._patience_s(Feed(age_s))

    assert asyncio.run(patience_s(None)) is None
    assert asyncio.run(patience_s(1.0)) == pytest.approx(9.001)
    assert asyncio.run(patience_s(20.0)) == pytest.approx(40.001)
    assert asyncio.run(patience_s(61.0)) is None
