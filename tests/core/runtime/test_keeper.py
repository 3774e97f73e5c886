"""What is worth writing, and when."""

from collections.abc import Mapping

from cellwarden.model import BankState, Event
from cellwarden.runtime.keeper import Keeper
from cellwarden.runtime.store import Save
from support.states import bank_state, pack_state


class Paper:
    """A store that keeps what it was given."""

    def __init__(self) -> None:
        self.saves: list[Save] = []

    def save(self, save: Save) -> None:
        self.saves.append(save)


def records() -> Mapping[str, Mapping[str, object]]:
    return {"left": {"soc": 64.0}}


def keeper(every_s: float = 3600.0) -> tuple[Keeper, Paper]:
    paper = Paper()
    return Keeper(paper, records, every_s=every_s), paper  # type: ignore[arg-type]


def at(soc: float) -> BankState:
    return bank_state(packs=(pack_state("left", soc_percent=soc),))


def test_the_first_decision_is_saved_durably() -> None:
    watch, paper = keeper()
    watch.consider(at(64.0))
    assert [save.durable for save in paper.saves] == [True]
    assert paper.saves[0].records == {"left": {"soc": 64.0}}


def test_nothing_is_saved_while_nothing_happens() -> None:
    watch, paper = keeper()
    for _ in range(100):
        watch.consider(at(64.0))
    assert len(paper.saves) == 1


def test_one_percent_is_worth_the_flash() -> None:
    watch, paper = keeper()
    for soc in (64.0, 64.4, 64.8, 65.1, 65.3):
        watch.consider(at(soc))
    assert [save.durable for save in paper.saves] == [True, True]


def test_a_trip_is_saved_at_once_with_its_text() -> None:
    watch, paper = keeper()
    watch.consider(at(64.0))
    event = Event(at_s=1.0, pack="left", text="cell over-voltage tripped")
    watch.consider(bank_state(packs=(pack_state("left", soc_percent=64.0, events=(event,)),)))
    assert paper.saves[-1].durable
    assert [note.text for note in paper.saves[-1].notes] == ["cell over-voltage tripped"]


def test_between_that_only_memory_is_written() -> None:
    watch, paper = keeper(every_s=0.0)
    for _ in range(3):
        watch.consider(at(64.0))
    assert [save.durable for save in paper.saves] == [True, False, False]
