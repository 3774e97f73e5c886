"""What the BMS measures: current zero and sign, pack voltage against the cells, frozen values."""

from collections.abc import Iterator

from cellwarden.diagnosis import procedures
from cellwarden.diagnosis.rule import Clue, Look, Rule, by_size, sureness
from cellwarden.model import Urgency

OFFSET_C = 0.0007
"""An offset of this many C is 1.7 % of the charge a day (ours)."""
LEAST_OFFSET_A = 0.12
LOSS_PART = (0.0, 0.012)
"""Of the charge that went in, what a battery keeps for itself (ours; 0.999 is typical)."""
SIGN_SIGMAS = 10.0
CALIBRATION_PART = 0.004
"""Of the pack voltage; cells read to 3 mV each do not sum up to this (R3)."""
FROZEN_S = 600.0
FROZEN_C = 0.05


def _sign(look: Look) -> Iterator[Clue]:
    loads = look.stats.recent
    share = loads.share(loads.middle)
    if share is None or loads.n < 12:
        return
    if share.ohm < 0.0 and -share.ohm > SIGN_SIGMAS * share.sigma:
        yield Clue(
            "the current has the wrong sign: charging is shown as discharging",
            f"in {loads.n:.0f} load steps the cells rose when the current was said to fall:"
            f" {1e6 * share.ohm:.0f} µΩ a cell",
            sureness(-share.ohm / max(share.sigma, 1e-9), SIGN_SIGMAS, most=0.98),
            Urgency.NOW,
        )


def _offset(look: Look) -> Iterator[Clue]:
    least_a = max(LEAST_OFFSET_A, OFFSET_C * look.facts.capacity_ah)
    resting = look.stats.resting
    if resting.n >= 30.0 and abs(resting.mean) > LEAST_OFFSET_A:
        yield _off(
            look, resting.mean, f"{resting.mean:+.2f} A are shown while both FETs are off", 0.95
        )
        return
    fulls = look.stats.fulls[-4:]
    days = sum(f.days for f in fulls)
    if len(fulls) < 2 or days < 1.5:
        return
    net_ah = sum(f.net_ah for f in fulls)
    moved_ah = 0.5 * sum(f.moved_ah for f in fulls)
    low_ah, high_ah = (part * moved_ah for part in LOSS_PART)
    beyond_ah = net_ah - high_ah if net_ah > high_ah else min(net_ah - low_ah, 0.0)
    offset_a = beyond_ah / (24.0 * days)
    if abs(offset_a) > least_a:
        text = (
            f"over {len(fulls)} full charges in {days:.1f} days the counted charge did not close:"
            f" {net_ah:+.1f} Ah net, of {moved_ah:.0f} Ah put in"
        )
        yield _off(look, offset_a, text, min(0.9, 0.6 + 0.1 * (abs(offset_a) / least_a - 1.0)))


def _off(look: Look, offset_a: float, evidence: str, confidence: float) -> Clue:
    daily = 2400.0 * abs(offset_a) / look.facts.capacity_ah
    return Clue(
        f"the current sensor reads about {offset_a:+.2f} A too much",
        f"{evidence}; the SoC drifts by {daily:.1f} % a day",
        round(confidence, 2),
        by_size(daily, 1.5, 25.0),
    )


def _calibration(look: Look) -> Iterator[Clue]:
    line = look.stats.mismatch
    if line.n < 30.0:
        return
    fit = line.fit()
    at_rest_v, ohm = line.mean, 0.0
    if fit is not None and line.spread_x > 0.01 * look.facts.capacity_ah:
        at_rest_v, ohm = fit.at(0.0), fit.slope
    total_v = sum(look.stats.last.cells_v) if look.stats.last is not None else 0.0
    if not total_v:
        return
    part = abs(at_rest_v) / total_v
    if part < CALIBRATION_PART:
        return
    more = f", and {1000 * ohm:.1f} mΩ between" if abs(ohm) > 0.0005 else ""
    yield Clue(
        f"the pack voltage reads {at_rest_v:+.2f} V against the sum of its cells",
        f"{100 * part:.2f} % of {total_v:.2f} V, at no current{more}",
        min(0.95, round(0.6 + 20.0 * part, 2)),
        by_size(part, 0.006, 0.02),
    )


def _frozen(look: Look) -> Iterator[Clue]:
    track = look.stats.frozen
    if track is None or look.now_s - track.since_s < FROZEN_S:
        return
    moved_a = track.high - track.low
    flowing_a = max(abs(track.low), abs(track.high))
    least_a = FROZEN_C * look.facts.capacity_ah
    if flowing_a > least_a:
        yield Clue(
            "the cell voltages stand still while current flows",
            f"no cell has changed for {(look.now_s - track.since_s) / 60:.0f} min while the current"
            f" was {track.low:.1f} to {track.high:.1f} A",
            0.9 if moved_a > 0.5 * least_a else 0.75,
            Urgency.NOW,
        )


RULES: tuple[Rule, ...] = (
    Rule(
        code="current-sign",
        means="the current has the wrong sign",
        rests_on="load steps: the resistance of the middle cell comes out negative, by"
        f" {SIGN_SIGMAS:g} sigma in at least 12 steps (F13)",
        found_within="6 h of normal use",
        procedure=procedures.CURRENT_SENSOR,
        find=_sign,
        hold_s=60.0,
    ),
    Rule(
        code="current-offset",
        means="the current sensor has an offset",
        rests_on=f"more than {LEAST_OFFSET_A:g} A shown while both FETs are off; or from full"
        f" charge to full charge more or less counted than losses explain, by {OFFSET_C:g} C and"
        f" {LEAST_OFFSET_A:g} A",
        found_within="10 min with both FETs off, else three full charges",
        procedure=procedures.CURRENT_SENSOR,
        find=_offset,
        hold_s=30.0,
    ),
    Rule(
        code="voltage-calibration",
        means="the pack voltage is off the sum of the cells",
        rests_on="pack voltage minus sum of the cells over the current, at no current, beyond"
        f" {100 * CALIBRATION_PART:g} % (R42, F11)",
        found_within="15 min",
        procedure=procedures.VOLTAGE_CALIBRATION,
        find=_calibration,
        hold_s=120.0,
    ),
    Rule(
        code="values-frozen",
        means="the measured values stand still",
        rests_on=f"no cell voltage changed for {FROZEN_S / 60:g} min at more than {FROZEN_C:g} C"
        " (F2)",
        found_within="15 min",
        procedure=procedures.PROCESSOR_EXCEPTION,
        find=_frozen,
        manual_code=7,
    ),
)
