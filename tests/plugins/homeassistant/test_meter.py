"""The bank's energy meter never runs backwards, whatever becomes of its packs."""

import json
import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.model import Counters
from cellwarden_homeassistant.meter import BankMeter, MeterFile, restored
from support.states import bank_state, pack_state


def counted(name, charged_wh, discharged_wh):
    counters = Counters(charged_wh=charged_wh, discharged_wh=discharged_wh)
    return pack_state(name, counters=counters)


def bank(*packs):
    return bank_state(packs=packs)


def test_before_any_pack_told_there_is_no_sum():
    assert BankMeter().take(bank_state()) == (None, None)


def test_the_sum_is_that_of_all_packs():
    meter = BankMeter()
    assert meter.take(bank(counted("a", 100.0, 40.0), counted("b", 10.0, 4.0))) == (110.0, 44.0)
    assert meter.take(bank(counted("a", 101.0, 40.0), counted("b", 10.0, 6.0))) == (111.0, 46.0)


def test_a_pack_that_is_lost_or_taken_out_takes_nothing_away():
    meter = BankMeter()
    meter.take(bank(counted("a", 100.0, 40.0), counted("b", 10.0, 4.0)))
    assert meter.take(bank(counted("a", 100.0, 40.0), pack_state("b"))) == (110.0, 44.0)
    assert meter.take(bank(counted("a", 105.0, 40.0))) == (115.0, 44.0)
    assert meter.take(bank(counted("a", 105.0, 40.0), counted("b", 12.0, 4.0))) == (117.0, 44.0)


def test_a_counter_that_begins_anew_is_counted_on():
    meter = BankMeter()
    meter.take(bank(counted("a", 100.0, 40.0)))
    assert meter.take(bank(counted("a", 3.0, 1.0))) == (103.0, 41.0)


def test_a_counter_that_is_none_is_left_out():
    meter = BankMeter()
    meter.take(bank(counted("a", 100.0, 40.0)))
    for nonsense in (float("nan"), float("inf"), -5.0):
        assert meter.take(bank(counted("a", nonsense, 40.0))) == (100.0, 40.0)


@given(steps=st.lists(st.lists(st.none() | st.floats(0, 1e9), min_size=3, max_size=3), max_size=20))
def test_it_never_runs_backwards(steps):
    meter, before = BankMeter(), 0.0
    for values in steps:
        packs = [
            pack_state(str(n)) if value is None else counted(str(n), value, 0.0)
            for n, value in enumerate(values)
        ]
        charged, _ = meter.take(bank(*packs))
        assert (charged or 0.0) >= before
        before = charged or 0.0


def test_a_restart_goes_on_where_the_packs_have_gone(tmp_path):
    file = MeterFile(tmp_path, "homeassistant")
    meter = file.load()
    meter.take(bank(counted("a", 100.0, 40.0), counted("old", 7.0, 7.0)))
    file.save(meter, 0.0, at_once=True)
    again = MeterFile(tmp_path, "homeassistant").load()
    assert again.take(bank(counted("a", 130.0, 40.0))) == (137.0, 47.0)


def test_it_is_written_rarely_and_only_when_it_changed(tmp_path):
    file, meter = MeterFile(tmp_path, "homeassistant"), BankMeter()
    meter.take(bank(counted("a", 1.0, 0.0)))
    file.save(meter, 1000.0)
    written = json.loads(file.path.read_text())
    meter.take(bank(counted("a", 2.0, 0.0)))
    file.save(meter, 1899.0)
    assert json.loads(file.path.read_text()) == written
    file.save(meter, 1901.0)
    assert json.loads(file.path.read_text())["charged_wh"] == 2.0
    before = file.path.stat().st_mtime_ns
    file.save(meter, 9000.0)
    assert file.path.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"charged_wh": -1, "discharged_wh": 0, "seen": {}}',
        '{"charged_wh": NaN, "discharged_wh": 0, "seen": {}}',
        '{"charged_wh": 1, "discharged_wh": 0, "seen": {"a": [1]}}',
    ],
)  # fmt: skip
def test_a_broken_file_is_said_and_counted_anew(tmp_path, text, caplog):
    file = MeterFile(tmp_path, "homeassistant")
    file.path.write_text(text)
    assert file.load() == BankMeter()
    assert "the bank's energy is counted anew" in caplog.text


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path, caplog):
    file, meter = MeterFile(tmp_path / "none", "homeassistant"), BankMeter()
    for now_s in (1000.0, 3000.0):
        meter.take(bank(counted("a", now_s, 0.0)))
        file.save(meter, now_s)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_what_is_dumped_is_restored():
    meter = BankMeter(5.0, 3.0, {"a": (5.0, 3.0)})
    assert restored(json.loads(json.dumps(meter.dump()))) == replace(meter)
