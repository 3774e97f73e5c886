"""Charge control of the whole bank: phases, the planned charge voltage, full charges."""

from dataclasses import replace

import pytest

from cellwarden.engine.bank_charge import ChargeControl, Moment, Plan
from cellwarden.engine.bank_settings import BankMember, BankSettings
from cellwarden.engine.bank_voltages import Voltage
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


def cap(phase: ChargePhase, orders: Orders = NO_ORDERS, own_v: float = 55.2):
    return Charging().control.cap(Plan(phase=phase), 54.0, own_v, orders)


def test_in_bulk_nothing_is_planned_below_the_packs_own_voltage() -> None:
    assert cap(BULK) is None


def test_a_full_bank_is_held_at_its_float_voltage() -> None:
    assert (cap(FLOAT).rule, cap(FLOAT).value) == ("float", 54.0)


def test_the_order_float_caps_the_voltage_in_any_phase() -> None:
    assert cap(BULK, Orders(mode=ChargeMode.FLOAT)).value == 54.0


def test_packs_that_want_less_than_float_have_it() -> None:
    assert cap(FLOAT, own_v=53.5) is None


# Cables

OWN = Reason(rule="charge voltage setting", value=55.2)


def raised(current_a: float, rule: str = "", *, trouble: bool = False):
    control = Charging(cable_resistance_ohm=0.004).control
    reasons = (replace(OWN, rule=rule), OWN) if rule else (OWN,)
    voltage = Voltage(Limit(value=55.2, reasons=reasons), 55.2, trouble=trouble)
    return control.raised(voltage, current_a)


def test_what_cables_drop_is_added_and_at_most_one_percent() -> None:
    assert raised(100.0).limit.value == pytest.approx(55.6)
    assert raised(900.0).limit.value == pytest.approx(55.752)


def test_nothing_is_added_while_discharging_or_while_a_rule_lowers_the_voltage() -> None:
    assert raised(-100.0).limit.value == 55.2
    assert raised(100.0, "highest cell held at its target").limit.value == 55.2


def test_what_was_added_may_go_slowly_but_in_trouble_it_goes_at_once() -> None:
    assert raised(-100.0).urgent_v == pytest.approx(55.752)
    assert raised(100.0, "over-voltage", trouble=True).urgent_v == 55.2
