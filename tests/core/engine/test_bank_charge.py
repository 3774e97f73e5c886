"""Charge control of the whole bank: phases, the planned charge voltage, full charges."""

from dataclasses import replace

import pytest

from cellwarden.engine.bank_charge import ChargeControl, Moment, Plan
from cellwarden.engine.bank_settings import BankMember, BankSettings
from cellwarden.model import NO_ORDERS, ChargeMode, ChargePhase, Limit, Order, Orders, Reason
from support.states import pack_state

BULK, ABSORPTION, FLOAT = ChargePhase.BULK, ChargePhase.ABSORPTION, ChargePhase.FLOAT
FULL_ORDER = Order(value=1.0, who="the page")


class Charging:
    """Charge control on the bench: phases of two packs in, the bank's phase out."""

    def __init__(self, **settings: object) -> None:
        members = (BankMember("left", 100.0), BankMember("right", 100.0))
        self.control = ChargeControl(BankSettings("b", members, **settings))  # type: ignore[arg-type]
        self.plan = Plan()
        self.orders = NO_ORDERS
        self.news: list[str] = []

    def hear(
        self, left: ChargePhase, right: ChargePhase, for_s: float = 1.0, *,
        soc: float = 90.0, sigma: float = 1.0, charging: bool = True,
    ) -> ChargePhase:  # fmt: skip
        packs = (pack_state("left", charge_phase=left), pack_state("right", charge_phase=right))
        moment = Moment(packs, soc, sigma, charging, self.orders, for_s)
        self.plan, news = self.control.follow(self.plan, moment)
        self.news += news
        return self.plan.phase


def test_bulk_lasts_until_a_pack_is_at_the_top() -> None:
    bank = Charging()
    assert bank.hear(BULK, BULK) is BULK
    assert bank.hear(BULK, ABSORPTION) is ABSORPTION


def test_the_bank_is_full_when_all_are() -> None:
    bank = Charging()
    bank.hear(BULK, ABSORPTION)
    assert bank.hear(ABSORPTION, FLOAT) is ABSORPTION
    assert bank.hear(FLOAT, FLOAT) is FLOAT


def test_the_first_full_pack_is_enough_where_the_owner_says_so() -> None:
    bank = Charging(full_when="any")
    bank.hear(BULK, ABSORPTION)
    assert bank.hear(BULK, FLOAT) is FLOAT


def test_absorption_ends_when_nobody_is_at_the_top_for_two_minutes() -> None:
    bank = Charging()
    bank.hear(BULK, ABSORPTION)
    assert bank.hear(BULK, BULK, 100.0) is ABSORPTION
    assert bank.hear(BULK, BULK, 30.0) is BULK


def test_absorption_is_kept_short_and_says_who_was_not_full() -> None:
    bank = Charging(absorption_max_s=3600.0)
    bank.hear(BULK, ABSORPTION)
    bank.hear(ABSORPTION, FLOAT, 3599.0)
    assert bank.hear(ABSORPTION, FLOAT, 1.0) is FLOAT
    assert bank.news[-1] == (
        "charge phase: float, absorption has lasted long enough, not full: left"
    )


def test_time_at_the_top_without_charging_does_not_end_absorption() -> None:
    bank = Charging(absorption_max_s=3600.0)
    bank.hear(BULK, ABSORPTION)
    assert bank.hear(ABSORPTION, ABSORPTION, 9000.0, charging=False) is ABSORPTION


def test_a_charge_that_was_cut_short_begins_again_once_3_percent_were_used() -> None:
    bank = Charging(absorption_max_s=60.0)
    bank.hear(BULK, ABSORPTION)
    bank.hear(ABSORPTION, FLOAT, 60.0, soc=97.0)
    assert bank.hear(BULK, BULK, soc=94.5) is FLOAT
    assert bank.hear(BULK, BULK, soc=93.9) is BULK


def test_float_ends_when_no_pack_is_full_any_more_or_much_was_used() -> None:
    bank = Charging()
    bank.hear(FLOAT, FLOAT)
    assert bank.hear(BULK, FLOAT, soc=98.0) is FLOAT
    assert bank.hear(BULK, FLOAT, soc=94.0) is BULK
    bank.hear(FLOAT, FLOAT)
    assert bank.hear(BULK, BULK, soc=97.0) is BULK


def test_a_full_charge_is_due_by_the_schedule_and_done_when_full() -> None:
    bank = Charging(full_every_s=1000.0)
    bank.hear(BULK, BULK, 999.0)
    assert not bank.control.to_the_end(bank.plan, NO_ORDERS)
    bank.hear(BULK, BULK, 1.0)
    assert bank.control.to_the_end(bank.plan, NO_ORDERS)
    assert bank.news == ["a full charge is due"]
    bank.hear(FLOAT, FLOAT)
    assert not bank.control.to_the_end(bank.plan, NO_ORDERS)
    assert bank.plan.without_full_s == 0.0


def test_a_full_charge_is_due_when_the_soc_has_become_a_guess_and_stays_due() -> None:
    bank = Charging(full_sigma_percent=10.0)
    bank.hear(BULK, BULK, sigma=11.0)
    bank.hear(BULK, BULK, sigma=8.0)
    assert bank.control.to_the_end(bank.plan, NO_ORDERS)


def test_an_order_for_a_full_charge_ends_by_itself_and_says_so() -> None:
    bank = Charging()
    bank.orders = Orders(full_charge=FULL_ORDER)
    bank.hear(BULK, BULK)
    assert bank.control.to_the_end(bank.plan, bank.orders)
    bank.hear(FLOAT, FLOAT)
    assert not bank.control.to_the_end(bank.plan, bank.orders)
    assert bank.news[-1] == "the full charge that the page asked for is done"


def test_a_full_charge_gives_absorption_twice_its_time() -> None:
    bank = Charging(absorption_max_s=3600.0)
    bank.orders = Orders(full_charge=FULL_ORDER)
    bank.hear(BULK, ABSORPTION)
    assert bank.hear(ABSORPTION, ABSORPTION, 7199.0) is ABSORPTION
    assert bank.hear(ABSORPTION, ABSORPTION, 1.0) is FLOAT


def test_an_order_wakes_a_bank_whose_charge_was_cut_short() -> None:
    bank = Charging(absorption_max_s=60.0)
    bank.hear(BULK, ABSORPTION)
    bank.hear(ABSORPTION, FLOAT, 60.0)
    bank.orders = Orders(full_charge=FULL_ORDER)
    assert bank.hear(BULK, FLOAT) is BULK


# The planned charge voltage

OWN = Reason(rule="charge voltage setting", value=55.2)


def cap(plan: Plan, told_v: float, for_s: float, orders: Orders = NO_ORDERS):
    control = Charging().control
    return control.cap(plan, 54.0, OWN, told_v, orders, for_s)


def test_in_bulk_nothing_is_planned_below_the_packs_own_voltage() -> None:
    plan, why = cap(Plan(), 55.2, 60.0)
    assert (plan.cap_v, why) == (None, None)


def test_float_goes_down_by_45_mv_a_minute() -> None:
    plan, why = cap(Plan(phase=FLOAT), 55.2, 60.0)
    assert why.value == pytest.approx(55.155)
    plan, why = cap(plan, 55.155, 120.0)
    assert why.value == pytest.approx(55.065)
    plan, why = cap(plan, 55.065, 1e6)
    assert why.value == 54.0


def test_after_float_the_charge_voltage_goes_up_as_slowly() -> None:
    plan, why = cap(Plan(phase=BULK, cap_v=54.0), 54.0, 60.0)
    assert why.value == pytest.approx(54.045)
    plan, why = cap(plan, 54.045, 1e6)
    assert (plan.cap_v, why) == (None, None)


def test_the_order_float_caps_the_voltage_in_any_phase() -> None:
    _, why = cap(Plan(), 55.2, 1e6, Orders(mode=ChargeMode.FLOAT))
    assert why.value == 54.0


def test_a_charge_voltage_that_trouble_had_lowered_below_float_comes_up_to_it() -> None:
    _, why = cap(Plan(phase=FLOAT), 53.5, 60.0)
    assert why.value == pytest.approx(53.545)


# Cables


def raised(current_a: float, for_s: float, plan: Plan | None = None, **trouble: str):
    control = Charging(cable_resistance_ohm=0.004).control
    reasons = (replace(OWN, **trouble), OWN) if trouble else (OWN,)
    limit = Limit(value=55.2, reasons=reasons)
    return control.raised(plan or Plan(), limit, current_a, for_s)


def test_what_cables_drop_is_added_slowly_and_at_most_one_percent() -> None:
    plan, limit = raised(100.0, 60.0)
    assert limit.value == pytest.approx(55.245)
    _, limit = raised(100.0, 1e6, plan)
    assert limit.value == pytest.approx(55.6)
    _, limit = raised(900.0, 1e6)
    assert limit.value == pytest.approx(55.752)


def test_nothing_is_added_while_discharging_or_with_a_pack_in_trouble() -> None:
    assert raised(-100.0, 60.0)[1].value == 55.2
    plan, _ = raised(100.0, 1e6)
    assert raised(100.0, 1.0, plan, rule="highest cell held at its target")[1].value == 55.2
