"""A cell that steps by itself, both sides of every number: four cells, 100 Ah, at 1 Hz."""

from dataclasses import dataclass, field

import pytest

from cellwarden.engine.lone_steps import BUSY, Lone, LoneSteps
from cellwarden.engine.view import View, look
from support.packs import reading

EVEN = (3.3, 3.3, 3.3, 3.3)
QUIET = Lone(quiet_s=0.0)


def up(by_v: float, cell: int = 1, others_v: float = 0.0) -> tuple[float, ...]:
    """One cell stepped by this much; another one moved a little too."""
    cells = list(EVEN)
    cells[cell] += by_v
    cells[(cell + 1) % 4] += others_v
    return tuple(cells)


def view(heard_s: float, cells: tuple[float, ...] = EVEN, **changes: object) -> View:
    told: dict[str, object] = {"balancing": False, "voltage_v": None, **changes}
    return look(reading(heard_s, cell_voltages_v=cells, **told))


@dataclass
class Watched:
    """The watcher with a clock that is moved by hand; quiet for ten seconds already."""

    watch: LoneSteps = field(default_factory=lambda: LoneSteps(4, 100.0))
    lone: Lone = QUIET
    at_s: float = 10.0
    before: View | None = field(default_factory=lambda: view(10.0))

    def hear(self, cells: tuple[float, ...] = EVEN, gap_s: float = 1.0, **changes: object) -> Lone:
        self.at_s += gap_s
        now = view(self.at_s, cells, **changes)
        self.lone = self.watch.hear(self.lone, self.before, now, gap_s)
        self.before = now
        return self.lone


@pytest.mark.parametrize(
    ("by_v", "seen"), [(0.0134, True), (0.0099, False), (-0.0134, True), (-0.0099, False)]
)
def test_a_step_of_10_mv_against_the_others_is_remembered(by_v: float, seen: bool) -> None:
    lone = Watched().hear(up(by_v))
    assert (lone.cell == 1) is seen
    if seen:
        assert lone == Lone(0.0, 1, pytest.approx(0.0), pytest.approx(by_v), 11.0, False)


@pytest.mark.parametrize("cell", [0, 1, 2, 3])
def test_the_cell_is_named_wherever_it_is(cell: int) -> None:
    assert Watched().hear(up(0.02, cell)).cell == cell


def test_how_far_it_stood_from_the_others_before_is_kept() -> None:
    watched = Watched(before=view(10.0, (3.3, 3.36, 3.3, 3.3)))
    lone = watched.hear((3.3, 3.38, 3.3, 3.3))
    assert (lone.before_v, lone.step_v) == (pytest.approx(0.06), pytest.approx(0.02))


@pytest.mark.parametrize(("others_v", "seen"), [(0.0039, True), (0.0041, False), (-0.0041, False)])
def test_the_others_must_stay_together(others_v: float, seen: bool) -> None:
    assert (Watched().hear(up(0.03, others_v=others_v)).cell == 1) is seen


def test_what_the_others_did_is_taken_off_the_step() -> None:
    moved = tuple(v + 0.003 for v in EVEN)
    lone = Watched().hear((moved[0], 3.32, *moved[2:]))
    assert lone.step_v == pytest.approx(0.017)
    assert Watched().hear((moved[0], 3.312, *moved[2:])).cell == -1  # 9 mV beside them


@pytest.mark.parametrize(
    ("was_a", "now_a", "gap_s", "seen"),
    [
        (0.0, 2.0, 1.0, True),
        (0.0, 2.1, 1.0, False),
        (40.0, 38.0, 5.0, True),
        (40.0, 38.0, 5.1, False),
        (2.0, 2.0, 60.0, True),
        (2.1, 2.0, 60.0, False),
        (-2.1, -2.0, 60.0, False),
        (2.0, 2.0, 60.1, False),
        (None, 0.0, 1.0, False),
        (0.0, None, 1.0, False),
    ],
)
def test_the_current_must_stand_still(was_a, now_a, gap_s: float, seen: bool) -> None:
    watched = Watched(before=view(10.0, current_a=was_a))
    assert (watched.hear(up(0.02), gap_s, current_a=now_a).cell == 1) is seen


@pytest.mark.parametrize(("quiet_s", "seen"), [(1.0, True), (1.01, False)])
def test_no_balancer_may_have_worked_for_ten_seconds(quiet_s: float, seen: bool) -> None:
    assert (Watched(lone=Lone(quiet_s=quiet_s)).hear(up(0.02)).cell == 1) is seen


@pytest.mark.parametrize("balancing", [True, None])
def test_while_a_balancer_works_or_does_not_tell_nothing_is_seen(balancing) -> None:
    assert Watched().hear(up(0.02), balancing=balancing) is BUSY
    sure = Lone(0.0, 1, 0.0, 0.02, 11.0, True)
    assert Watched(lone=sure).hear(up(0.02), balancing=balancing) == sure._replace(quiet_s=None)
    # Once it is quiet again the ten seconds begin.
    assert Watched(lone=BUSY).hear() == Lone(quiet_s=11.0)
    again = Watched(lone=sure._replace(quiet_s=None)).hear(up(0.02))
    assert again == sure._replace(quiet_s=11.0)


def test_without_all_cells_or_the_reading_before_it_begins_anew() -> None:
    unknown = Watched()
    now = view(11.0, (3.3, None, 3.3, 3.3))  # type: ignore[arg-type]
    assert unknown.watch.hear(unknown.lone, unknown.before, now, 1.0) == Lone(quiet_s=11.0)
    assert unknown.watch.hear(unknown.lone, None, view(11.0, up(0.02)), 1.0).cell == -1
    assert unknown.watch.hear(unknown.lone, unknown.before, view(11.0), None) == Lone(quiet_s=11.0)
    two = LoneSteps(2, 100.0)
    assert two.hear(Lone(quiet_s=0.0), view(10.0), view(11.0), 1.0) == Lone(quiet_s=11.0)
    three = LoneSteps(3, 100.0)
    assert three.hear(Lone(quiet_s=0.0), view(10.0), view(11.0), 1.0) == Lone(quiet_s=0.0)


STEPPED = Lone(0.0, 1, 0.0, 0.02, 11.0, False)


@pytest.mark.parametrize(("after_s", "sure"), [(8.0, True), (7.9, False)])
def test_it_is_believed_after_eight_seconds(after_s: float, sure: bool) -> None:
    lone = Watched(lone=STEPPED, at_s=11.0).hear(up(0.02), after_s)
    assert lone == STEPPED._replace(sure=sure)


@pytest.mark.parametrize(
    ("now_v", "kept"), [(0.0279, True), (0.0281, False), (0.0121, True), (0.0119, False)]
)
def test_meanwhile_it_must_stand_there(now_v: float, kept: bool) -> None:
    lone = Watched(lone=STEPPED, at_s=11.0).hear(up(now_v))
    assert lone == (STEPPED if kept else Lone(quiet_s=0.0))


@pytest.mark.parametrize(("now_v", "kept"), [(0.0081, True), (0.0079, False), (0.2, True)])
def test_once_believed_it_is_over_when_two_fifths_are_left(now_v: float, kept: bool) -> None:
    sure = STEPPED._replace(sure=True)
    lone = Watched(lone=sure, at_s=30.0).hear(up(now_v))
    assert lone == (sure if kept else Lone(quiet_s=0.0))


def test_a_clock_that_goes_back_moves_its_times() -> None:
    assert STEPPED.later(-5.0) == STEPPED._replace(quiet_s=-5.0, since_s=6.0)
    assert STEPPED._replace(quiet_s=None).later(-5.0) == STEPPED._replace(quiet_s=None, since_s=6.0)
    assert BUSY.later(-5.0) is BUSY
