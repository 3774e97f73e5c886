"""What a check's observations come to: good, bad, or not to be told."""

import argparse
import asyncio
import time
from typing import Any

import can
import pytest

from cellwarden.errors import CommandRefused
from cellwarden.links.can import CanLink
from cellwarden.links.can_frame import CanFrame, parse_frame
from cellwarden_can_inverter.check import _refuse_beside
from cellwarden_can_inverter.check_report import (
    Ear,
    Finding,
    Observed,
    Step,
    Verdict,
    document,
    findings,
    passed,
)
from cellwarden_can_inverter.check_speech import state_of_controller
from cellwarden_can_inverter.dialects import DIALECTS
from cellwarden_can_inverter.watch import Picture, heard_can
from cellwarden_can_inverter.where import Where, where
from support.flaky_can import Adapter

SPOKE: dict[str, Any] = {
    "frames_sent": 300,
    "heartbeats": 45,
    "heartbeat_age_s": 0.4,
    "second_sender": {},
    "link_losses": 0,
    "last_error": "",
}


def seen(**changes: Any) -> Observed:
    values: dict[str, Any] = {
        "bus": "socketcan:can0",
        "dialect": "pylontech_lv",
        "profile": "deye",
        "bitrate": 500_000,
        "listened_s": 10.0,
        "heard": 50,
        "period_s": 1.0,
        "gap_s": 1.1,
        "status": SPOKE,
    }
    return Observed(**(values | changes))


def found(what: str, **changes: Any) -> Finding:
    (finding,) = (f for f in findings(seen(**changes)) if f.what == what)
    return finding


def spoke(**changes: Any) -> dict[str, Any]:
    return SPOKE | changes


def test_whole_frames_show_the_bit_rate_and_damaged_ones_doubt_it() -> None:
    assert found("bit rate").verdict is Verdict.GOOD
    assert found("bit rate", error_frames=51).verdict is Verdict.BAD
    assert found("bit rate", error_frames=3).verdict is Verdict.GOOD


def test_a_bus_that_failed_is_bad_and_one_that_took_many_frames_was_acknowledged() -> None:
    broken = spoke(link_losses=2, last_error="bus off; check wiring")
    assert "bus off" in found("bit rate", heard=0, status=broken).text
    assert found("bit rate", heard=0, status=broken).verdict is Verdict.BAD
    assert found("bit rate", heard=0).verdict is Verdict.GOOD
    assert found("bit rate", heard=0, bus="slcan:/dev/ttyACM0").verdict is Verdict.UNKNOWN
    assert found("bit rate", heard=0, status=spoke(frames_sent=5)).verdict is Verdict.UNKNOWN


def test_a_heartbeat_that_stopped_or_paused_is_bad() -> None:
    assert found("inverter").text == "45 heartbeats, one each 1.00 s, longest gap 1.1 s"
    assert found("inverter").verdict is Verdict.GOOD
    assert found("inverter", status=spoke(heartbeat_age_s=9.0)).verdict is Verdict.BAD
    assert found("inverter", gap_s=7.0).verdict is Verdict.BAD
    restart = Step(name="restart", expected="", seconds=10.0, silent=True)
    assert found("inverter", gap_s=7.0, steps=(restart,)).verdict is Verdict.GOOD


def test_an_inverter_without_a_heartbeat_is_bad_only_where_nothing_at_all_is_heard() -> None:
    silent = spoke(heartbeats=0, heartbeat_age_s=None)
    assert found("inverter", status=silent).verdict is Verdict.UNKNOWN
    assert found("inverter", status=silent, heard=0).verdict is Verdict.BAD


def test_the_inverters_own_name_is_told() -> None:
    assert "it is a Victron GX" in found("inverter", status=spoke(inverter_name="Victron GX")).text


def test_a_second_sender_is_bad_whenever_it_was_heard() -> None:
    assert found("other batteries").verdict is Verdict.GOOD
    assert found("other batteries", status=spoke(second_sender={"0x355": 3})).verdict is Verdict.BAD
    early = found("other batteries", other_batteries=["0x351"], status={})
    assert early.verdict is Verdict.BAD
    assert early.text.endswith("nothing was sent beside it")


@pytest.mark.parametrize(
    ("aims_v", "verdict"), [(53.0, Verdict.GOOD), (52.0, Verdict.GOOD), (56.0, Verdict.BAD)]
)
def test_an_inverter_that_tells_its_aim_shows_whether_it_took_the_limit(
    aims_v: float, verdict: Verdict
) -> None:
    status = spoke(inverter_says={"charge_voltage_setpoint_V": aims_v})
    assert found("limits", status=status, told_cvl_v=53.0).verdict is verdict


def test_where_the_dialect_has_no_answer_nothing_is_claimed() -> None:
    assert found("limits").verdict is Verdict.UNKNOWN
    assert "answers since" in found("limits").text
    assert "answers since" not in found("limits", heartbeats_before=9).text


@pytest.mark.parametrize(
    ("name", "current_a", "verdict"),
    [
        ("CCL 0", 8.0, Verdict.BAD),
        ("CCL 0", 0.4, Verdict.GOOD),
        ("CCL 0", -20.0, Verdict.GOOD),
        ("DCL 0", -8.0, Verdict.BAD),
        ("DCL 0", 8.0, Verdict.GOOD),
        ("CCL 0", None, Verdict.UNKNOWN),
        ("alarm", 8.0, Verdict.UNKNOWN),
    ],
)
def test_a_what_if_is_judged_by_the_current_that_still_flows(
    name: str, current_a: float | None, verdict: Verdict
) -> None:
    step = Step(name=name, expected="", seconds=10.0, heartbeats=10, current_a=current_a)
    assert found(f"what if: {name}", steps=(step,)).verdict is verdict


def test_only_what_is_bad_fails_a_check() -> None:
    found_ = findings(seen())
    assert {f.verdict for f in found_} == {Verdict.GOOD, Verdict.UNKNOWN}
    assert passed(found_)
    assert document(seen(), found_)["passed"] is True
    bad = findings(seen(error_frames=99))
    assert not passed(bad)


def test_rs485_is_judged_by_its_polls() -> None:
    polled = {
        "heartbeats": 30, "heartbeat_age_s": 0.5, "second_sender": {}, "characters": 900,
        "damaged": 0, "polled": {"63": 30}, "limits_interval_s": 1.0,
    }  # fmt: skip
    changes = {"dialect": "pylontech_rs485", "bus": "/dev/ttyUSB0", "gap_s": None}
    assert found("inverter", status=polled, **changes).text == "30 polls, one each 1.00 s"
    assert "(63H) each 1 s" in found("limits", status=polled, **changes).text
    never = polled | {"polled": {"4F": 30}}
    assert "never asked" in found("limits", status=never, **changes).text
    other = polled | {"heartbeats": 0, "heartbeat_age_s": None}
    assert found("inverter", status=other, **changes).verdict is Verdict.BAD
    noise = other | {"characters": 40}
    assert found("bit rate", heard=0, status=noise, **changes).verdict is Verdict.BAD


def test_an_ear_tells_who_speaks_and_how_regularly() -> None:
    ear = Ear(dialect=DIALECTS["pylontech_lv"])
    for n, frame in enumerate(["305#00", "351#0000000000000000", "305#00", "00000305#00", "7FF#"]):
        ear.heard(parse_frame(frame), 10.0 + n)
    assert ear.count() == 5
    assert ear.ids("battery") == ["0x351"]
    assert ear.ids("unknown") == ["0x7FF"]
    (first, *_) = (row for row in ear.rows() if row["can_id"] == "0x305")
    assert (first["count"], first["period_s"], first["longest_gap_s"]) == (2, 2.0, 2.0)
    assert ear.ids("inverter") == ["0x305", "0x00000305"]


def arguments(**changes: Any) -> argparse.Namespace:
    return argparse.Namespace(
        **({
            "profile": "deye", "dialect": None, "interface": "socketcan", "channel": "can0",
            "bitrate": 500_000, "bus_option": [], "port": None, "baudrate": 9600, "address": 2,
        } | changes)
    )  # fmt: skip


def test_the_place_is_named_as_outputs_name_it_in_the_status() -> None:
    assert where(arguments()).bus == "socketcan:can0"
    rs485 = arguments(profile=None, dialect="pylontech_rs485", port="/dev/ttyUSB0")
    assert where(rs485).bus == "/dev/ttyUSB0"


def test_only_a_controller_on_the_same_bus_stops_the_check() -> None:
    place: Where = where(arguments())
    _refuse_beside(None, place)
    _refuse_beside({"outputs": {"a": {"bus": "socketcan:can1"}, "b": None}}, place)
    with pytest.raises(CommandRefused, match="output a speaks on socketcan:can0"):
        _refuse_beside({"outputs": {"a": {"bus": "socketcan:can0"}}}, place)


@pytest.mark.parametrize("bank", [None, {"phase": "starting", "limits": None}])
def test_a_controller_that_decided_nothing_tells_nothing(bank: Any) -> None:
    assert state_of_controller({"bank": bank}) is None


def test_the_status_document_of_the_product_gives_a_state() -> None:
    from cellwarden.runtime.status import document as status_document
    from cellwarden_can_inverter.protocol import bank_state as described
    from support.states import bank_state

    told = state_of_controller(status_document(bank_state(), time.monotonic(), {}, "monitor"))
    assert told is not None
    bank = described(told)
    assert bank.limits is not None
    assert (bank.limits.cvl_v, bank.limits.ccl_a, bank.limits.dcl_a) == (55.2, 100.0, 200.0)
    silent = status_document(bank_state(), time.monotonic(), {}, "monitor")
    assert isinstance(silent["bank"], dict)
    assert state_of_controller({"bank": silent["bank"] | {"phase": "silent"}}) is None


def test_a_picture_keeps_the_newest_of_each_identifier() -> None:
    picture = Picture("socketcan:can0")
    assert picture.lines(3.0)[-1] == "Nothing was heard so far."
    for n in (1, 2):
        frame = parse_frame(f"355#{n:02X}006200")
        picture.take(heard_can(DIALECTS["pylontech_lv"], frame, float(n)))
    assert picture.lines(4.0) == [
        "socketcan:can0, 4 s, Ctrl-C ends",
        "",
        "0x355           2    2.0 s ago  battery: state of charge and health",
        "    soc_pct 2  soh_pct 98",
    ]


def test_error_frames_on_the_bus_are_counted(adapter: Adapter) -> None:
    async def scene() -> tuple[int, int]:
        heard: list[CanFrame] = []
        link = CanLink(interface="flaky", channel="usb0", all_errors=True)
        await link.open(heard.append)
        for _ in range(3):
            adapter.incoming.put(can.Message(is_error_frame=True, arbitration_id=0x08))
        adapter.incoming.put(can.Message(arbitration_id=0x305, is_extended_id=False))
        for _ in range(300):
            if heard:
                break
            await asyncio.sleep(0.01)
        counts = link.error_frames, len(heard)
        link.check()  # they are no failure
        await link.close()
        return counts

    assert asyncio.run(scene()) == (3, 1)
