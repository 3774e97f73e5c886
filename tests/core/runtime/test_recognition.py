"""A pack is known by its serial number: its record follows it from name to name."""

import time
from collections.abc import Mapping

import pytest

from cellwarden.engine import Engine, EngineSettings, PackMemory
from cellwarden.model import Identity
from cellwarden.runtime.recognition import Recognition, off_for_s
from cellwarden.runtime.store import Saved
from support.packs import parameters, reading

A, B = Identity(serial_number="A-1"), Identity(serial_number="B-2")


def engine(name: str = "left") -> Engine:
    return Engine(EngineSettings(name, "LiFePO4", parameters(), 3.0))


def at(soc_percent: float, name: str = "left") -> PackMemory:
    """The memory of a pack that told this SoC."""
    made = engine(name)
    memory, _ = made.step(made.start(0.0), reading(0.0, pack=name, soc_percent=soc_percent), 0.0)
    return memory


def saved(soc_percent: float, serial_number: str | None, name: str = "left") -> Saved:
    record = {**engine(name).record(at(soc_percent, name), 0.0), "serial_number": serial_number}
    return Saved(record=record, saved_s=time.time())


def soc(memory: PackMemory) -> float | None:
    return memory.gauge.soc_percent


def nobody(serial_number: str) -> Mapping[str, object] | None:
    return None


def test_the_pack_that_was_there_before_keeps_its_memory() -> None:
    known = Recognition({"left": saved(40.0, "A-1")})
    memory = known.memory(engine(), 0.0, None)
    assert soc(memory) == 40.0
    assert known.heard(engine(), memory, A, 1.0, nobody) is memory
    assert known.heard(engine(), memory, A, 2.0, nobody) is memory


def test_another_pack_under_the_same_name_starts_afresh(caplog: pytest.LogCaptureFixture) -> None:
    known = Recognition({"left": saved(40.0, "A-1")})
    memory = known.memory(engine(), 0.0, None)
    fresh = known.heard(engine(), memory, B, 1.0, nobody)
    assert soc(fresh) is None
    assert "left: serial number B-2 answers now, A-1 before" in caplog.text


def test_a_pack_that_comes_back_gets_its_own_record_back() -> None:
    known = Recognition({"left": saved(40.0, "A-1")})
    memory = known.memory(engine(), 0.0, None)
    known.heard(engine(), memory, B, 1.0, nobody)
    again = known.heard(engine(), at(70.0), A, 2.0, nobody)
    assert soc(again) == 40.0


def test_packs_that_changed_places_over_a_restart_are_told_apart() -> None:
    known = Recognition({"left": saved(40.0, "A-1"), "right": saved(80.0, "B-2", "right")})
    left = known.memory(engine(), 0.0, None)
    right = known.memory(engine("right"), 0.0, None)
    assert soc(known.heard(engine(), left, B, 1.0, nobody)) == 80.0
    assert soc(known.heard(engine("right"), right, A, 1.0, nobody)) == 40.0


def test_packs_that_change_places_while_running_are_told_apart() -> None:
    known = Recognition({})
    left, right = at(40.0), at(80.0, "right")
    known.memory(engine(), 0.0, None)
    known.memory(engine("right"), 0.0, None)
    known.heard(engine(), left, A, 1.0, nobody)
    known.heard(engine("right"), right, B, 1.0, nobody)

    def others(serial_number: str) -> Mapping[str, object] | None:
        return engine("right").record(right, 1.0) if serial_number == "B-2" else None

    assert soc(known.heard(engine(), left, B, 2.0, others)) == 80.0
    assert soc(known.heard(engine("right"), right, A, 2.0, nobody)) == 40.0


def test_a_renamed_pack_is_found_by_its_serial_number() -> None:
    known = Recognition({"old": saved(40.0, "A-1", "old")})
    memory = known.memory(engine("new"), 0.0, None)
    assert soc(memory) is None
    assert soc(known.heard(engine("new"), memory, A, 1.0, nobody)) == 40.0


def test_a_configured_serial_number_finds_its_record_at_start() -> None:
    rows = {"left": saved(40.0, "A-1"), "right": saved(80.0, "B-2", "right")}
    assert soc(Recognition(rows).memory(engine(), 0.0, "B-2")) == 80.0
    assert soc(Recognition(rows).memory(engine(), 0.0, "C-3")) is None


def test_a_record_from_before_serial_numbers_were_kept_is_still_used() -> None:
    known = Recognition({"left": saved(40.0, None)})
    memory = known.memory(engine(), 0.0, "A-1")
    assert soc(memory) == 40.0
    assert known.heard(engine(), memory, A, 1.0, nobody) is memory


def test_what_was_put_aside_is_saved_under_its_serial_number() -> None:
    known = Recognition({"left": saved(40.0, "A-1")})
    memory = known.memory(engine(), 0.0, None)
    known.heard(engine(), memory, B, 1.0, nobody)
    records = known.records({"left": {"version": 2}})
    assert records["left"]["serial_number"] == "B-2"
    assert records["serial:A-1"]["soc_percent"] == 40.0
    later = Recognition({k: Saved(record=r, saved_s=time.time()) for k, r in records.items()})
    fresh = later.memory(engine("third"), 0.0, None)
    assert soc(later.heard(engine("third"), fresh, A, 1.0, nobody)) == 40.0


def test_a_record_of_other_cells_is_refused_and_said(caplog: pytest.LogCaptureFixture) -> None:
    other = saved(40.0, "A-1")
    record = {**other.record, "cells": 8}
    known = Recognition({"left": Saved(record=record, saved_s=time.time())})
    assert soc(known.memory(engine(), 0.0, None)) is None
    assert "left: the saved state is not used (cells was 8" in caplog.text


# Who answers is not known until it says so


def test_a_reading_of_nobody_knows_whom_counts_for_nobody() -> None:
    known = Recognition({"left": saved(40.0, "A-1")})
    known.memory(engine(), 0.0, None)
    assert not known.confirmed("left", None, 1.0)
    assert known.confirmed("left", B, 2.0)
    assert not known.confirmed("left", None, 3.0)


def test_a_pack_that_never_told_a_number_need_not() -> None:
    known = Recognition({})
    known.memory(engine(), 0.0, None)
    assert known.confirmed("left", None, 1.0)


def test_a_known_pack_that_loses_its_tongue_counts_after_half_a_minute_and_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    known = Recognition({"left": saved(40.0, "A-1")})
    known.memory(engine(), 0.0, None)
    assert not known.confirmed("left", None, 100.0)
    assert not known.confirmed("left", None, 129.0)
    assert known.confirmed("left", None, 130.0)
    assert known.confirmed("left", None, 131.0)
    assert caplog.text.count("does not tell its serial number: taken for A-1, as before") == 1


# Where nothing better can be had


def test_an_identity_without_a_number_says_nothing_new() -> None:
    known = Recognition({"left": saved(40.0, "A-1")})
    memory = known.memory(engine(), 0.0, None)
    assert known.heard(engine(), memory, Identity(serial_number="  "), 1.0, nobody) is memory
    assert known.serial_number("left") == "A-1"


def test_a_pack_that_tells_its_number_for_the_first_time_goes_on() -> None:
    known = Recognition({})
    memory = known.memory(engine(), 0.0, None)
    assert known.heard(engine(), memory, A, 1.0, nobody) is memory
    assert known.serial_number("left") == "A-1"
    assert known.serial_number("nobody") is None


def test_of_two_records_of_one_number_the_newer_is_used() -> None:
    old, new = saved(40.0, "A-1"), saved(70.0, "A-1", "right")
    old = Saved(record=old.record, saved_s=new.saved_s - 100.0)
    for rows in ({"left": old, "right": new}, {"right": new, "left": old}):
        known = Recognition(rows)
        memory = known.memory(engine("third"), 0.0, None)
        assert soc(known.heard(engine("third"), memory, A, 1.0, nobody)) == 70.0


def test_a_record_that_was_put_aside_is_as_old_as_it_says() -> None:
    row = saved(40.0, "A-1")
    aside = Saved(record={**row.record, "aside_since_s": row.saved_s - 500.0}, saved_s=row.saved_s)
    newer = Saved(record=saved(70.0, "A-1").record, saved_s=row.saved_s - 400.0)
    known = Recognition({"serial:A-1": aside, "left": newer})
    memory = known.memory(engine("third"), 0.0, None)
    assert soc(known.heard(engine("third"), memory, A, 1.0, nobody)) == 70.0


def test_of_a_record_that_is_refused_the_counters_are_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    row = saved(40.0, "A-1")
    known = Recognition({"left": Saved(record={**row.record, "full": "perhaps"}, saved_s=1.0)})
    memory = known.memory(engine(), 0.0, None)
    assert soc(memory) is None
    assert "starting afresh" in caplog.text
    assert "counters begin anew" not in caplog.text


def test_counters_that_are_damaged_too_begin_anew_and_that_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    row = saved(40.0, "A-1")
    record = {**row.record, "full": "perhaps", "insight": "none"}
    memory = Recognition({"left": Saved(record=record, saved_s=1.0)}).memory(engine(), 0.0, None)
    assert soc(memory) is None
    assert "left: its counters begin anew" in caplog.text


def test_a_record_of_the_future_has_no_known_age() -> None:
    assert off_for_s(Saved(record={}, saved_s=time.time() + 1000.0)) is None
    assert off_for_s(Saved(record={}, saved_s=time.time() - 10.0)) == pytest.approx(10.0, abs=1.0)
