"""What a battery on the RS485 line says, and when it keeps silent."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.model import Alarm, AlarmKind, BankPhase, BankState, PackPhase, Severity
from cellwarden_can_inverter.pylontech_ascii import DamagedFrame, Frame, Receiver, encode_frame
from cellwarden_can_inverter.pylontech_ascii_commands import COMMANDS
from cellwarden_can_inverter.pylontech_ascii_scaling import TEN_MILLIAMPERES
from cellwarden_can_inverter.rs485_persona import Persona
from cellwarden_can_inverter.rs485_slave import Slave
from cellwarden_can_inverter.view import Manners
from support.states import bank_state, limits, pack_state

READ_ONE = (0x42, 0x44, 0x47, 0x4F, 0x51, 0x92, 0x93, 0x96)
READ_GROUP = (0x60, 0x61, 0x62, 0x63)


def slave(*addresses: int, **persona: Any) -> Slave:
    return Slave(Persona(addresses=addresses or (2,), **persona), Manners())


def ask(
    acting: Slave,
    code: int,
    state: BankState | None,
    *,
    address: int = 2,
    info: str = "",
    age_s: float = 0.5,
    now_s: float = 100.0,
) -> Frame | None:
    said = acting.answer(
        Frame(address=address, code=code, info=bytes.fromhex(info)), state, age_s, now_s
    )
    if said is None:
        return None
    (reply,) = Receiver().feed(said)
    assert isinstance(reply, Frame)
    return reply


def says(acting: Slave, code: int, state: BankState, **how: Any) -> dict[str, Any]:
    reply = ask(acting, code, state, **how)
    assert reply is not None
    assert reply.code == 0, f"refused with {reply.code:02X}"
    return COMMANDS[code].decode(reply.info)


def refused(acting: Slave, code: int, state: BankState, **how: Any) -> int:
    reply = ask(acting, code, state, **how)
    assert reply is not None
    assert reply.info == b""
    return reply.code


# -- what is said ----------------------------------------------------------------------------


@pytest.mark.parametrize("code", [*READ_ONE, *READ_GROUP])
def test_every_command_that_asks_is_answered(code: int) -> None:
    says(slave(), code, bank_state(), info="02" if COMMANDS[code].request else "")


def test_the_limits_of_the_bank() -> None:
    said = says(slave(), 0x63, bank_state())
    assert said == {
        "charge_voltage_limit_V": 55.2,
        "discharge_voltage_limit_V": 48.0,
        "charge_current_raw": 1000,
        "discharge_current_raw": 2000,
        "status_hex": "C0",
        "charge_enable": True,
        "discharge_enable": True,
        "charge_immediately": False,
        "full_charge_request": False,
    }


def test_the_same_limits_as_a_pack_says_them_with_a_negative_discharge_limit() -> None:
    reply = ask(slave(), 0x92, bank_state(), info="02")
    assert reply is not None
    assert reply.info.hex().upper() == "02" + "D7A0" + "BB80" + "03E8" + "F830" + "C0"


def test_for_inverters_that_read_63h_in_hundredths() -> None:
    said = says(slave(scaling=TEN_MILLIAMPERES), 0x63, bank_state())
    assert (said["charge_current_raw"], said["discharge_current_raw"]) == (10000, 20000)


def test_measurements_of_the_bank_and_whose_they_are() -> None:
    said = says(slave(2, 3), 0x61, bank_state())
    assert (
        said.items()
        >= {
            "voltage_V": 52.92,
            "current_A": 12.0,
            "soc_pct": 64,
            "soh_avg_pct": 98,
            "soh_min_pct": 98,
            "cycles_max": 12,
            "cell_voltage_max_V": 3.315,
            "cell_voltage_max_addr": "0003",
            "cell_voltage_min_V": 3.3,
            "cell_voltage_min_addr": "0002",
            "cell_temp_avg_C": 22.0,
            "cell_temp_max_C": 23.0,
            "cell_temp_min_C": 21.0,
            "mos_temp_max_C": 28.0,
            "bms_temp_max_C": None,
        }.items()
    )


def test_one_address_tells_the_bank_as_one_battery() -> None:
    acting = slave()
    said = says(acting, 0x42, bank_state(), info="FF")
    assert said["command_value"] == 1
    (block,) = said["modules"]
    assert len(block["cells_V"]) == 16
    assert block["temperatures_C"] == [28.0, 21.0, 23.0]
    assert (block["current_A"], block["voltage_V"]) == (12.0, 52.92)
    assert (block["remaining_Ah"], block["total_Ah"], block["cycles"]) == (128.0, 200.0, 12)
    assert len(says(acting, 0x60, bank_state())["serial_numbers"]) == 1


def test_several_addresses_tell_a_pack_each_and_share_the_limits_out() -> None:
    acting, state = slave(2, 3), bank_state(limits=limits(55.2, 100.1, 201.0, 48.0))
    assert says(acting, 0x42, state, info="FF")["command_value"] == 2
    for address in (2, 3):
        said = says(acting, 0x92, state, address=address, info=f"{address:02X}")
        assert said["charge_current_limit_A"] == 50.0  # 50.05 rounded down: never above the bank
        assert said["discharge_current_limit_A"] == -100.5
        (block,) = says(acting, 0x42, state, address=address)["modules"]
        assert (block["current_A"], block["total_Ah"]) == (6.0, 100.0)
    assert says(acting, 0x63, state)["charge_current_raw"] == 1001
    assert says(acting, 0x93, state, address=3)["serial_number"] == "SNright"
    assert says(acting, 0x60, state)["serial_numbers"] == ["SNleft", "SNright"]


def test_packs_beyond_the_addresses_are_not_told_but_their_share_of_the_limits_is() -> None:
    packs = tuple(pack_state(name) for name in ("left", "middle", "right"))
    acting, state = slave(2, 3), bank_state(packs=packs)
    assert says(acting, 0x42, state, info="FF")["command_value"] == 2
    for address in (2, 3):
        assert says(acting, 0x92, state, address=address)["charge_current_limit_A"] == 50.0


def test_a_pack_that_does_not_tell_its_current_is_not_told_as_0_a() -> None:
    blind = replace(pack_state().reading, current_a=None)  # type: ignore[type-var]
    state = bank_state(packs=(pack_state(reading=blind), pack_state("right")))
    assert refused(slave(2, 3), 0x42, state, info="FF") == 0x91
    assert refused(slave(2, 3), 0x42, state) == 0x91
    assert says(slave(2, 3), 0x42, state, address=3)["modules"][0]["current_A"] == 6.0


def test_after_a_loss_the_packs_in_use_move_up_and_the_last_address_is_silent() -> None:
    lost = pack_state("left", phase=PackPhase.LOST, reading=None)
    state = bank_state(packs=(lost, pack_state("right")), limits=limits(55.2, 50.0, 90.0, 48.0))
    acting = slave(2, 3)
    assert says(acting, 0x93, state)["serial_number"] == "SNright"
    assert says(acting, 0x92, state)["charge_current_limit_A"] == 50.0
    assert ask(acting, 0x92, state, address=3) is None
    assert says(acting, 0x42, state, info="FF")["command_value"] == 1


def test_system_parameters_are_the_present_limits_and_the_packs_own_settings() -> None:
    reading = replace(
        pack_state().reading,  # type: ignore[type-var]
        settings={"cell_overvoltage_v": 3.6, "cell_undervoltage_v": 2.7},
    )
    looser = replace(reading, settings={"cell_overvoltage_v": 3.65, "cell_undervoltage_v": 2.6})
    state = bank_state(packs=(pack_state(reading=reading), pack_state("right", reading=looser)))
    said = says(slave(), 0x47, state)
    assert said == {
        "info_flag": 0,
        "cell_high_voltage_limit_V": 3.6,
        "cell_low_voltage_alarm_V": 3.0,  # 48 V / 16 cells
        "cell_under_voltage_protect_V": 2.7,
        "charge_high_temperature_C": 55.0,
        "charge_low_temperature_C": 0.0,
        "charge_current_limit_A": 100.0,
        "module_high_voltage_V": 55.2,
        "module_low_voltage_alarm_V": 48.0,
        "module_under_voltage_protect_V": 48.0,
        "discharge_high_temperature_C": 55.0,
        "discharge_low_temperature_C": -10.0,
        "discharge_current_limit_A": -200.0,
    }


def test_who_it_is() -> None:
    acting = slave(device_name="US5000", manufacturer="Pylon")
    assert says(acting, 0x51, bank_state()) == {
        "device_name": "US5000",
        "software_version": "1.0",
        "manufacturer": "Pylon",
    }
    reply = ask(slave(protocol_version=0x28), 0x4F, bank_state())
    assert reply is not None
    assert (reply.version, reply.code, reply.info) == (0x28, 0, b"")


def test_a_force_charge_is_asked_for_in_each_commands_own_bits() -> None:
    acting = Slave(
        Persona(), Manners(force_charge_below_percent=15, force_charge_urgent_below_percent=8)
    )
    low, urgent = bank_state(soc_percent=12.0), bank_state(soc_percent=5.0)
    assert says(acting, 0x63, low)["status_hex"] == "E0"
    assert says(acting, 0x92, low)["status_hex"] == "E0"
    assert says(acting, 0x63, urgent)["status_hex"] == "E0"
    assert says(acting, 0x92, urgent)["status_hex"] == "F0"


# -- alarms ----------------------------------------------------------------------------------


def alarm(kind: AlarmKind, severity: Severity, where: str = "") -> Alarm:
    return Alarm(kind=kind, severity=severity, pack="left", since_s=1.0, where=where)


def alarmed(*alarms: Alarm, **changes: Any) -> BankState:
    packs = (pack_state("left", alarms=alarms, cell_max=None), pack_state("right", cell_max=None))
    return bank_state(alarms=alarms, packs=packs, **changes)


W, P = Severity.WARNING, Severity.PROTECTION


@pytest.mark.parametrize(
    ("kind", "severity", "flag"),
    [
        (AlarmKind.CELL_OVERVOLTAGE, W, "alarm_cell_high_voltage"),
        (AlarmKind.CELL_OVERVOLTAGE, P, "prot_cell_over_voltage"),
        (AlarmKind.PACK_OVERVOLTAGE, P, "prot_module_over_voltage"),
        (AlarmKind.CELL_UNDERVOLTAGE, P, "prot_cell_under_voltage"),
        (AlarmKind.LOW_SOC, W, "alarm_module_low_voltage"),
        (AlarmKind.CHARGE_UNDERTEMPERATURE, P, "prot_cell_under_temp"),
        (AlarmKind.DISCHARGE_OVERTEMPERATURE, W, "alarm_cell_high_temp"),
        (AlarmKind.MOS_OVERTEMPERATURE, P, "prot_mos_over_temp"),
        (AlarmKind.CHARGE_OVERCURRENT, P, "prot_charge_over_current"),
        (AlarmKind.SHORT_CIRCUIT, P, "prot_discharge_over_current"),
        (AlarmKind.CELL_DIFFERENCE, W, "alarm_cell_voltage_inconsistent"),
        (AlarmKind.TEMPERATURE_SENSOR, P, "prot_system_fault"),
        (AlarmKind.BMS_INTERNAL, W, "alarm_internal_comm_error"),
        (AlarmKind.BMS_LOST, P, "alarm_internal_comm_error"),
    ],
)
def test_an_alarm_sets_its_bit_of_62h(kind: AlarmKind, severity: Severity, flag: str) -> None:
    assert says(slave(), 0x62, alarmed(alarm(kind, severity)))["flags_set"] == [flag]


@pytest.mark.parametrize("kind", AlarmKind)
def test_every_protection_sets_some_bit_of_62h(kind: AlarmKind) -> None:
    assert says(slave(), 0x62, alarmed(alarm(kind, P)))["flags_set"]


def test_44h_names_the_cell_and_the_sensor() -> None:
    state = alarmed(
        alarm(AlarmKind.CELL_OVERVOLTAGE, P, "cell 7"),
        alarm(AlarmKind.CHARGE_OVERTEMPERATURE, W, "T2"),
        current_a=-3.0,
    )
    said = says(slave(), 0x44, state)
    assert (said["cells"], said["temps"]) == (16, 3)
    assert said["cell_codes"] == {"7": 2}
    assert said["temp_codes"] == {"3": 2}  # sensor 1 is the board
    assert said["status1"] == "01"
    assert said["status2"] == "0E"
    assert said["status3"] == "40"


@pytest.mark.parametrize(
    ("current_a", "soc_percent", "status3"),
    [(12.0, 64.0, "80"), (-12.0, 64.0, "40"), (0.1, 64.0, "00"), (-0.1, 100.0, "08")],
)
def test_44h_tells_what_the_battery_does(
    current_a: float, soc_percent: float, status3: str
) -> None:
    state = bank_state(current_a=current_a, soc_percent=soc_percent)
    assert says(slave(), 0x44, state)["status3"] == status3


@pytest.mark.parametrize(
    ("kind", "code"),
    [(AlarmKind.PACK_OVERVOLTAGE, 2), (AlarmKind.PACK_UNDERVOLTAGE, 1), (AlarmKind.LOW_SOC, 0)],
)
def test_44h_tells_the_voltage_of_the_module(kind: AlarmKind, code: int) -> None:
    assert says(slave(), 0x44, alarmed(alarm(kind, W)))["module_voltage_code"] == code


def test_44h_of_each_pack_shows_its_own_alarms() -> None:
    state = alarmed(alarm(AlarmKind.CHARGE_OVERCURRENT, P))
    left, right = says(slave(2, 3), 0x44, state, info="FF")["modules"]
    assert (left["status1"], left["charge_current_code"]) == ("04", 2)
    assert (right["status1"], right["charge_current_code"]) == ("00", 0)


# -- who is answered -------------------------------------------------------------------------


def test_other_addresses_and_other_devices_are_left_alone() -> None:
    acting, state = slave(2, 3), bank_state()
    assert ask(acting, 0x42, state, address=4) is None
    assert ask(acting, 0x4F, state, address=0x12) is None
    assert ask(acting, 0x92, state, address=0) is None
    request = Frame(address=2, code=0x92, device=0x4A)
    assert acting.answer(request, state, 0.5, 1.0) is None
    assert (acting.line.polls, acting.line.elsewhere) == (0, 4)


def test_a_probing_inverter_is_answered_at_the_masters_address_only() -> None:
    for group in range(8):
        answers = [
            ask(slave(0x10 * group + 2), 0x4F, bank_state(), address=address) is not None
            for address in (0x02, 0x12, 0x22, 0x32, 0x42, 0x52, 0x62, 0x72)
        ]
        assert answers == [n == group for n in range(8)]


def test_what_is_wrong_is_said_only_to_whom_it_concerns() -> None:
    acting, state = slave(2, 3), bank_state()
    assert refused(acting, 0x7A, state) == 4
    assert refused(acting, 0x61, state, address=3) == 4  # the group is the master's business
    assert refused(acting, 0x92, state, info="03") == 6
    assert refused(acting, 0x42, state, address=3, info="FF") == 6
    assert refused(acting, 0x92, state, info="FF") == 6
    assert refused(acting, 0x42, state, info="0202") == 5
    for frame, code in (
        (b"~20024642E002020000\r", b"~20024602"),
        (b"~20024642E00302FD32\r", b"~20024603"),
    ):
        (damaged,) = Receiver().feed(frame)
        assert isinstance(damaged, DamagedFrame)
        said = acting.answer(damaged, state, 0.5, 1.0)
        assert said is not None
        assert said.startswith(code)
    (damaged,) = Receiver().feed(b"~20044642E002020000\r")
    assert acting.answer(damaged, state, 0.5, 1.0) is None


def test_a_request_without_a_command_byte_means_the_address_itself() -> None:
    assert says(slave(2, 3), 0x92, bank_state(), address=3)["command_value"] == 3


@pytest.mark.parametrize("code", [0x64, 0x94, 0x95])
def test_nobody_shuts_the_battery_down_or_sets_its_limits_over_the_line(code: int) -> None:
    acting = slave()
    assert refused(acting, code, bank_state(), info="02") == 4
    assert acting.line.refused == 1


def test_our_own_echo_is_ignored_and_a_second_battery_is_counted() -> None:
    acting, state = slave(), bank_state()
    reply = ask(acting, 0x92, state, now_s=10.0)
    assert reply is not None
    assert acting.answer(reply, state, 0.5, 10.1) is None
    assert acting.line.foreign == {}
    assert acting.answer(reply, state, 0.5, 11.5) is None  # too late for an echo
    assert acting.line.foreign == {2: 1}
    other = Frame(address=2, code=0, info=bytes.fromhex("02D002AFC80000FCE040"))
    assert acting.answer(other, state, 0.5, 11.6) is None
    assert acting.line.foreign == {2: 2}


def test_polls_are_counted_and_timed() -> None:
    acting, state = slave(), bank_state()
    for now_s in (1.0, 2.5):
        ask(acting, 0x4F, state, now_s=now_s - 0.3)
        ask(acting, 0x63, state, now_s=now_s)
    assert acting.line.polls == 4
    assert acting.line.commands == {0x4F: 2, 0x63: 2}
    assert acting.line.interval_s == 1.5


# -- the life of a bank ----------------------------------------------------------------------


@pytest.mark.parametrize("code", [*READ_ONE, *READ_GROUP, 0x64, 0x7A])
def test_before_the_first_reading_and_after_the_last_there_is_silence(code: int) -> None:
    for phase in (BankPhase.STARTING, BankPhase.GONE):
        assert ask(slave(), code, bank_state(phase=phase)) is None
    assert ask(slave(), code, None) is None
    assert ask(slave(), code, bank_state(), age_s=61.0) is None


SILENT = bank_state(
    phase=BankPhase.SILENT,
    packs=tuple(pack_state(name, phase=PackPhase.LOST, reading=None) for name in ("left", "right")),
    limits=limits(55.2, 0.0, 0.0, 48.0),
    voltage_v=None,
    current_a=None,
    soc_percent=None,
    cell_min=None,
    cell_max=None,
)


@pytest.mark.parametrize(
    ("state", "age_s"), [(SILENT, 0.5), (bank_state(), 11.0)], ids=["packs lost", "hanging"]
)
@pytest.mark.parametrize("addresses", [(2,), (2, 3)])
def test_without_fresh_data_nothing_is_allowed_and_no_old_value_is_told(
    state: BankState, age_s: float, addresses: tuple[int, ...]
) -> None:
    acting = slave(*addresses)
    said = says(acting, 0x63, state, age_s=age_s)
    assert (said["charge_current_raw"], said["discharge_current_raw"]) == (0, 0)
    assert said["status_hex"] == "00"
    assert said["charge_voltage_limit_V"] == 55.2
    for address in addresses:
        said = says(acting, 0x92, state, age_s=age_s, address=address)
        assert said["charge_current_limit_A"] == said["discharge_current_limit_A"] == 0
        assert said["status_hex"] == "00"
    serials = says(acting, 0x60, SILENT, age_s=age_s)["serial_numbers"]
    assert serials == ["Battery"] * len(addresses)
    flags = says(acting, 0x62, state, age_s=age_s)["flags_set"]
    assert "alarm_internal_comm_error" in flags
    for code in (0x42, 0x44, 0x61):
        assert refused(acting, code, state, age_s=age_s) == 0x91


def test_while_stopping_nothing_is_allowed_then_silence() -> None:
    acting = slave()
    says(acting, 0x63, bank_state(), now_s=100.0)
    stopping = bank_state(phase=BankPhase.STOPPING)
    assert not acting.finished(bank_state(), 100.5)
    assert not acting.finished(stopping, 101.0)
    said = says(acting, 0x63, stopping, now_s=101.2)
    assert (said["charge_current_raw"], said["status_hex"]) == (0, "00")
    assert not acting.finished(stopping, 103.4)
    assert acting.finished(stopping, 103.6)


def test_an_inverter_that_never_asked_needs_no_goodbye() -> None:
    stopping = bank_state(phase=BankPhase.STOPPING)
    assert slave().finished(stopping, 1.0)
    acting = slave()
    says(acting, 0x63, bank_state(), now_s=1.0)
    assert acting.finished(stopping, 12.0)


def test_a_charge_voltage_that_does_not_fit_is_not_told_as_a_lower_one() -> None:
    acting = slave()
    assert ask(acting, 0x63, bank_state(limits=limits(70.0, 1.0, 1.0, 60.0))) is None
    assert "65.5 V" in acting.trouble
    assert ask(acting, 0x63, bank_state()) is not None
    assert acting.trouble == ""


@pytest.mark.parametrize("cvl_v", [0.0, float("nan"), -1.0])
def test_a_charge_voltage_of_nothing_is_never_told(cvl_v: float) -> None:
    said = says(slave(), 0x92, bank_state(limits=limits(cvl_v, 0.0, 10.0, 48.0)))
    assert said["charge_voltage_limit_V"] == 52.9  # the pack's own


amperes = st.one_of(
    st.floats(-10, 5000), st.sampled_from([float("nan"), float("inf"), 0.04, 0.05, 3276.8])
)


@given(
    cvl_v=st.one_of(st.floats(-10, 80), st.just(float("nan"))),
    ccl_a=amperes,
    dcl_a=amperes,
    charge=st.booleans(),
    discharge=st.booleans(),
    packs=st.integers(1, 3),
    phase=st.sampled_from(BankPhase),
)
@settings(max_examples=200, deadline=None)
def test_for_any_bank_the_limits_told_are_never_more_and_agree_with_their_enables(
    cvl_v: float,
    ccl_a: float,
    dcl_a: float,
    charge: bool,
    discharge: bool,
    packs: int,
    phase: BankPhase,
) -> None:
    state = bank_state(
        limits=limits(cvl_v, ccl_a, dcl_a, 44.0),
        charge_allowed=charge,
        discharge_allowed=discharge,
        packs=tuple(pack_state(f"p{n}") for n in range(packs)),
        phase=phase,
    )
    acting = slave(2, 3, 4)
    reply = ask(acting, 0x63, state)
    if reply is None:
        assert phase in (BankPhase.STARTING, BankPhase.GONE) or cvl_v > 65.4
        return
    bank = COMMANDS[0x63].decode(reply.info)
    assert bank["charge_voltage_limit_V"] >= 10
    assert bank["charge_enable"] == (bank["charge_current_raw"] > 0)
    assert bank["discharge_enable"] == (bank["discharge_current_raw"] > 0)
    if not charge or not ccl_a > 0 or phase is not BankPhase.LIVE:
        assert bank["charge_current_raw"] == 0
    else:
        assert bank["charge_current_raw"] <= max(ccl_a, 0) * 10 + 0.5
    sums = {"charge": 0.0, "discharge": 0.0}
    for address in (2, 3, 4)[:packs]:
        said = says(acting, 0x92, state, address=address)
        for side, sign in (("charge", 1), ("discharge", -1)):
            share = sign * said[f"{side}_current_limit_A"]
            assert share >= 0
            assert said[f"{side}_enable"] == (share > 0)
            sums[side] += share
    for side, total in sums.items():
        assert total <= bank[f"{side}_current_raw"] / 10 + 1e-6


@given(st.binary(max_size=12), st.integers(0, 255), st.sampled_from([2, 3]))
@settings(max_examples=150, deadline=None)
def test_any_request_is_answered_by_a_whole_frame_from_its_address(
    info: bytes, code: int, address: int
) -> None:
    acting = slave(2, 3)
    said = acting.answer(Frame(address=address, code=code, info=info), bank_state(), 0.5, 1.0)
    if said is not None:
        (reply,) = Receiver().feed(said)
        assert isinstance(reply, Frame)
        assert reply.address == address
        assert reply.is_answer
        assert encode_frame(reply) == said
