"""What comes again and again is noted now and then: flash is not for every order."""

from cellwarden.model import Outcome, Request, RequestKind, Verdict
from cellwarden.runtime.notes import EVERY_S, FewNotes


def limit(amps: float) -> tuple[Request, Outcome]:
    request = Request(kind=RequestKind.CHARGE_CURRENT_LIMIT, value=amps, who="output panel")
    reason = f"charge current limit: {amps}, was {amps - 1} by output panel"
    return request, Outcome(verdict=Verdict.APPLIED, reason=reason)


def test_an_order_every_10_s_for_a_day_is_noted_every_5_minutes() -> None:
    notes = FewNotes()
    noted = [note for n in range(8640) for note in notes.take(*limit(20 + n), now_s=10.0 * n)]
    assert len(noted) == 86_400 / EVERY_S
    assert sum(note.times for note in (*noted, *notes.rest())) == 8640


def test_the_first_is_noted_at_once_and_the_last_at_the_end() -> None:
    notes = FewNotes()
    assert [note.request.value for note in notes.take(*limit(20), now_s=0.0)] == [20]
    assert notes.take(*limit(21), now_s=1.0) == ()
    assert notes.take(*limit(22), now_s=2.0) == ()
    assert [(note.request.value, note.times) for note in notes.rest()] == [(22, 2)]
    assert notes.rest() == ()


def test_another_asker_and_another_reason_are_noted_apart() -> None:
    notes = FewNotes()
    request, applied = limit(20)
    refused = Outcome(verdict=Verdict.REFUSED, reason="there is no such pack")
    assert notes.take(request, applied, 0.0) != ()
    assert notes.take(request, refused, 0.0) != ()
