"""A joint of high resistance: when it stands out, and how much current it may carry."""

import pytest

from cellwarden.engine.joint import Joint, worst_joint
from cellwarden.model import CellEstimate
from support.fault_house import OPERATIONS, FaultHouse


def cells(*ohms: float | None) -> tuple[CellEstimate, ...]:
    return tuple(CellEstimate(cell=n, resistance_ohm=ohm) for n, ohm in enumerate(ohms, start=1))


@pytest.mark.parametrize(
    ("ohms", "joint"),
    [
        ((0.0004, 0.0004, 0.0024, 0.0004, 0.0005), Joint(3, 0.0020)),
        ((0.0004, 0.0004, 0.00119, 0.0004, 0.0005), None),  # not three times the median
        ((0.0001, 0.0001, 0.0005, 0.0001, 0.0001), None),  # not half a milliohm
        ((0.0004, 0.0004, 0.0024), None),  # too few to tell what is usual
        ((None, None, 0.0024, None, 0.0004), None),
        ((), None),
    ],
)
def test_a_joint_stands_out_beside_the_median(ohms, joint) -> None:
    found = worst_joint(cells(*ohms))
    assert (found is None) is (joint is None)
    if found is not None:
        assert found.cell == joint.cell
        assert found.excess_ohm == pytest.approx(joint.excess_ohm)


def test_the_current_is_held_where_the_joint_makes_10_w() -> None:
    house = FaultHouse(OPERATIONS["discharging"])
    house.faults.busbar_ohm = (8, 0.002)
    house.run(1200)
    reason = house.state.limits.discharge_current.binding
    assert (reason.rule, reason.source) == ("heat in a joint", "cell 8")
    assert house.state.limits.dcl_a == pytest.approx(70.7, abs=3.5)  # 10 W / 2 mΩ
    assert house.state.limits.ccl_a == pytest.approx(50, abs=1)  # which makes 5 W only


def test_a_healthy_pack_has_no_such_joint() -> None:
    house = FaultHouse(OPERATIONS["discharging"])
    for state in house.run(600):
        assert "heat in a joint" not in {r.rule for r in state.limits.discharge_current.reasons}
