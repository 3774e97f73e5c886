"""What the output remembers: the mean current, the last errors."""

import pytest

from cellwarden.model import Alarm, AlarmKind, BankPhase, Severity
from cellwarden_victron import keeping
from cellwarden_victron.items import Items
from cellwarden_victron.own import Memory, faults_of
from cellwarden_victron.paths import Shape
from cellwarden_victron.rows import Fault, Own
from support.states import bank_state


def tripped(kind: AlarmKind, at_s: float):
    alarm = Alarm(kind=kind, severity=Severity.PROTECTION, pack="left", since_s=1.0)
    return bank_state(at_s=at_s, alarms=(alarm,))


def test_the_mean_current_is_that_of_the_last_five_minutes_by_time():
    memory = Memory()
    assert memory.current_avg_a is None
    for second in range(1001):
        memory.hear(bank_state(at_s=float(second), current_a=10.0), 0.0)
    assert memory.current_avg_a == pytest.approx(10.0)
    for second in range(1001, 1151):  # half of five minutes
        memory.hear(bank_state(at_s=float(second), current_a=-10.0), 0.0)
    assert memory.current_avg_a == pytest.approx(0.0, abs=0.1)


def test_the_mean_current_begins_anew_after_a_gap():
    memory = Memory()
    for at_s, current_a in ((0.0, 10.0), (1.0, 10.0), (2.0, None), (3.0, 4.0), (4.0, 4.0)):
        memory.hear(bank_state(at_s=at_s, current_a=current_a), 0.0)
    assert memory.current_avg_a == 4.0
    memory.hear(bank_state(at_s=100.0, current_a=4.0), 0.0)
    assert memory.current_avg_a is None


def test_the_same_decision_again_counts_once():
    memory = Memory()
    for at_s, current_a in ((0.0, 1.0), (1.0, 1.0), (1.0, 1.0), (2.0, 3.0)):
        memory.hear(bank_state(at_s=at_s, current_a=current_a), 0.0)
    assert memory.current_avg_a == 2.0


def test_the_last_four_errors_are_kept_with_their_time_newest_first():
    memory = Memory()
    kinds = (
        AlarmKind.CELL_OVERVOLTAGE, AlarmKind.CELL_UNDERVOLTAGE, AlarmKind.SHORT_CIRCUIT,
        AlarmKind.MOS_OVERTEMPERATURE, AlarmKind.CHARGE_UNDERTEMPERATURE,
    )  # fmt: skip
    for n, kind in enumerate(kinds):
        memory.hear(tripped(kind, at_s=10.0 * n), 1000.0 + n)
        memory.hear(tripped(kind, at_s=10.0 * n + 1), 5000.0)  # still the same one
    assert memory.faults == (Fault(16, 1004), Fault(15, 1003), Fault(27, 1002), Fault(14, 1001))
    values = Items(Shape(bms=True, packs=2)).moving(bank_state(), Own(faults=memory.faults))
    assert values["/Diagnostics/LastErrors/1/Error"] == 16
    assert values["/Diagnostics/LastErrors/4/Time"] == 1001


def test_an_error_that_comes_again_is_a_new_one():
    memory = Memory()
    memory.hear(bank_state(at_s=1.0, phase=BankPhase.SILENT), 1.0)
    memory.hear(bank_state(at_s=2.0), 2.0)
    memory.hear(bank_state(at_s=3.0, phase=BankPhase.SILENT), 3.0)
    assert memory.faults == (Fault(2, 3), Fault(2, 1))


def test_the_last_errors_outlive_a_restart(tmp_path):
    memory = Memory()
    memory.hear(tripped(AlarmKind.SHORT_CIRCUIT, at_s=1.0), 1000.0)
    memory.hear(tripped(AlarmKind.CELL_OVERVOLTAGE, at_s=2.0), 2000.0)
    file = tmp_path / "errors.json"
    keeping.write(file, memory.fault_record())
    assert faults_of(keeping.read(file)) == (Fault(13, 2000), Fault(27, 1000))
    assert [path.name for path in tmp_path.iterdir()] == ["errors.json"]


@pytest.mark.parametrize(
    "content", ["", "null", "{", '{"a": 1}', "[1, 2]", '[["27", 1]]', "[[27]]", "[[true, 1]]"]
)
def test_errors_that_were_kept_badly_are_forgotten(content, tmp_path):
    (tmp_path / "errors.json").write_text(content)
    assert faults_of(keeping.read(tmp_path / "errors.json")) == ()


def test_a_folder_that_cannot_be_written_costs_the_memory_only(tmp_path, caplog):
    keeping.write(tmp_path / "none" / "errors.json", [])
    assert "cannot be written" in caplog.text
    assert keeping.read(tmp_path / "none" / "errors.json") is None
