"""What must hold for any packs in parallel: shares, limits and what a loss does."""

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from cellwarden.engine.bank_limits import CHARGE, DISCHARGE, UNPROVEN, Member, current_wish
from cellwarden.engine.bank_members import Part
from cellwarden.model import Limit, PackPhase, Reason, Standing
from support.states import limits, pack_state

amps = st.floats(0.0, 300.0)


@st.composite
def members(draw: st.DrawFn) -> list[Member]:
    """Two to eight packs of any size and conductance; one may be lost."""
    count = draw(st.integers(2, 8))
    offsets = [draw(st.floats(-10.0, 10.0)) for _ in range(count)]
    excess = sum(offsets) / count
    made = []
    for n in range(count):
        size_ah = draw(st.sampled_from([50.0, 100.0, 280.0]))
        pack = pack_state(f"p{n}", limits=limits(55.2, draw(amps), draw(amps), 48.0))
        made.append(
            Member(
                pack,
                Part(Standing.IN, "", 0.0, pack.limits, True, True),
                size_ah * draw(st.floats(0.3, 3.0)),
                offsets[n] - excess,
                size_ah,
            )
        )
    return made


def own_a(member: Member, direction: object) -> float:
    charging = direction is CHARGE
    return member.pack.limits.ccl_a if charging else member.pack.limits.dcl_a


@given(members(), st.sampled_from([CHARGE, DISCHARGE]), st.floats(0.0, 1.0))
def test_at_the_limit_and_below_no_pack_carries_more_than_its_own(bank, direction, part) -> None:
    shared = current_wish(direction, bank, floating=False)
    total_a = part * shared.limit.value
    carried = shared.carried_a(shared.limit.value)
    if shared.limit.value > 0:
        assert abs(sum(carried.values()) - shared.limit.value) < 1e-6 * max(1.0, shared.limit.value)
    for member, share, offset_a in zip(bank, shared.shares, shared.offsets_a, strict=True):
        if shared.limit.value > 0:
            # What circulates without any current is not the limit's doing.
            most_a = max(own_a(member, direction), offset_a)
            assert share * total_a + offset_a <= most_a + 1e-6


@given(members(), st.sampled_from([CHARGE, DISCHARGE]))
def test_the_first_reason_is_the_limit_and_none_is_below_it(bank, direction) -> None:
    limit = current_wish(direction, bank, floating=False).limit
    assert limit.reasons[0].value == limit.value
    assert all(r.value >= limit.value - 1e-9 for r in limit.reasons)


@given(members(), st.sampled_from([CHARGE, DISCHARGE]), st.integers(0, 7))
def test_a_lost_pack_never_raises_a_limit(bank, direction, which: int) -> None:
    bank = [m._replace(offset_a=0.0) for m in bank]
    before = current_wish(direction, bank, floating=False).limit
    n = which % len(bank)
    member = bank[n]
    gone = replace(
        member.pack, phase=PackPhase.LOST, reading=None, limits=limits(55.2, 0.0, 0.0, 48.0)
    )
    lost = Member(
        gone, Part(Standing.LOST, "", 0.0, last=member.pack), member.weight, 0.0, member.size_ah
    )
    bank[n] = lost
    after = current_wish(direction, bank, floating=False).limit
    assert after.value <= before.value + 1e-6


@given(
    members(),
    st.sampled_from([CHARGE, DISCHARGE]),
    st.floats(1.0, 4.0),
    st.floats(-200.0, 200.0),
    st.data(),
)
def test_while_shares_are_in_doubt_no_pack_is_overloaded_whatever_they_are(
    bank, direction, most: float, pivot_a: float, data
) -> None:
    """The truth may be any conductances between sizes and `most` times them."""
    bank = [m._replace(offset_a=0.0, weight=m.size_ah) for m in bank]
    sizes = [m.size_ah for m in bank]
    true = [m.size_ah * data.draw(st.floats(1.0, most)) for m in bank]
    shares = [w / sum(true) for w in true]
    # What they carry at the pivot was seen: it is in the offsets.
    bank = [
        m._replace(
            most=most,
            offset_a=(share - m.size_ah / sum(sizes)) * pivot_a,
        )
        for m, share in zip(bank, shares, strict=True)
    ]
    limit = current_wish(direction, bank, floating=False, pivot_a=pivot_a).limit
    if direction.sign * pivot_a < 0.0:
        return  # what is seen of one direction is an offset to the other
    for member, share in zip(bank, shares, strict=True):
        assert share * limit.value <= own_a(member, direction) * (1.0 + 1e-6) + 1e-6


@given(members(), st.sampled_from([CHARGE, DISCHARGE]), st.floats(1.0, 4.0))
def test_doubt_only_lowers_a_limit_and_its_reason_says_so(bank, direction, most: float) -> None:
    known = current_wish(direction, bank, floating=False).limit
    doubted = [m._replace(most=most) for m in bank]
    guess = current_wish(direction, doubted, floating=False).limit
    assert guess.value <= known.value
    assert (guess.value < known.value) == (guess.reasons[0].rule == UNPROVEN)


@given(members(), st.integers(0, 7))
def test_a_pack_that_must_not_be_charged_while_it_conducts_stops_the_bank(bank, which) -> None:
    n = which % len(bank)
    why = Reason(rule="cell over-voltage", value=0.0)
    pack = bank[n].pack
    stopped = replace(pack.limits, charge_current=Limit(value=0.0, reasons=(why,)))
    bank[n] = bank[n]._replace(pack=replace(pack, limits=stopped))
    shared = current_wish(CHARGE, bank, floating=False)
    assert shared.limit.value == 0.0
    assert any(r.rule == "cell over-voltage" for r in shared.limit.reasons) or any(
        m.pack.limits.ccl_a == 0.0 for m in bank if m is not bank[n]
    )


@given(members())
def test_the_order_of_the_packs_does_not_matter(bank) -> None:
    assume(len({m.weight for m in bank}) == len(bank))
    one = current_wish(CHARGE, bank, floating=False).limit.value
    other = current_wish(CHARGE, list(reversed(bank)), floating=False).limit.value
    assert abs(one - other) <= 1e-9 * max(one, 1.0)
