"""The picture of a bank in a terminal, drawn from a status document; plain text, no I/O.

Shared by `cellwarden status` and the demonstration. The document is what the status socket gives,
so that whatever is shown here could also be read by a program.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cellwarden.model import Standing

Document = Mapping[str, Any]

BOLD, DIM, RED, GREEN, YELLOW, PLAIN = (
    "\x1b[1m",
    "\x1b[2m",
    "\x1b[31m",
    "\x1b[32m",
    "\x1b[33m",
    "\x1b[0m",
)
CELLS_A_ROW = 8
PHASE_COLOURS = {"live": GREEN, "online": GREEN, "starting": YELLOW, "waiting": YELLOW}
LIMITS = (
    ("CVL", "charge_voltage", "V", 2),
    ("CCL", "charge_current", "A", 1),
    ("DCL", "discharge_current", "A", 1),
    ("DVL", "discharge_voltage", "V", 2),
)


class Pen:
    """Adds colour, or nothing where the output is no terminal."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, *codes: str) -> str:
        """Return the text in these colours."""
        return f"{''.join(codes)}{text}{PLAIN}" if self._colour and codes else text


def picture(document: Document, *, colour: bool = False) -> list[str]:
    """Return the lines of the picture."""
    pen = Pen(colour=colour)
    bank = document["bank"]
    if bank is None:
        return [pen("Cellwarden", BOLD), "", "Waiting for the first answer of a BMS ..."]
    lines = [*_head(document, bank, pen), "", *_limits(bank, pen), "", *_packs(bank, pen)]
    for pack in bank["packs"]:
        lines += _cells(pack, pen)
    lines += ["", *_alarms(bank, pen), *_members(bank, pen), *_notices(bank, pen)]
    lines += _heaters(bank, document.get("relays", {}), pen)
    if document["outputs"]:
        lines += ["", *_outputs(document["outputs"], pen)]
    return lines


def number(value: float | None, digits: int, unit: str = "", *, sign: bool = False) -> str:
    """Return a number for people, `-` where it is not known."""
    if value is None:
        return "-"
    return f"{value:{'+' if sign else ''}.{digits}f}{f' {unit}' if unit else ''}"


def _soc(source: Document, unit: str) -> str:
    soc, sigma = source["soc_percent"], source["soc_sigma_percent"]
    return number(soc, 1, unit) + ("" if sigma is None else f" ±{number(sigma, 1)}")


def _head(document: Document, bank: Document, pen: Pen) -> list[str]:
    phase = bank["phase"]
    soc = _soc(bank, "%")
    charge = f"{number(bank['remaining_ah'], 1)} of {number(bank['capacity_ah'], 1, 'Ah')}"
    return [
        (
            f"{pen(bank['name'], BOLD)}  {pen(phase, PHASE_COLOURS.get(phase, RED), BOLD)}"
            f"  mode {document['mode']}"
            + (f"  charging: {bank['charge_phase']}" if bank["charge_phase"] else "")
        ),
        "   ".join(
            (
                f"SoC {pen(soc, BOLD)}",
                number(bank["voltage_v"], 2, "V"),
                number(bank["current_a"], 1, "A", sign=True),
                number(bank["power_w"], 0, "W", sign=True),
                number(bank["temperature_c"], 1, "°C"),
                charge,
            )
        ),
    ]


def _limits(bank: Document, pen: Pen) -> list[str]:
    limits = bank["limits"]
    if limits is None:
        return [pen("No limits yet: nothing usable was heard, so nothing is announced.", YELLOW)]
    lines = []
    for short, key, unit, digits in LIMITS:
        limit = limits[key]
        blocked = unit == "A" and limit["value"] == 0
        value = pen(f"{number(limit['value'], digits, unit):>9}", *((RED,) if blocked else (BOLD,)))
        lines.append(f"{short} {value}  {limit['reasons'][0]}")
        lines += [pen(f"{'':13}  then {reason}", DIM) for reason in limit["reasons"][1:2]]
    return lines


def _packs(bank: Document, pen: Pen) -> list[str]:
    lines = [
        pen(
            f"{'pack':<14}{'phase':<9}{'SoC':>13}{'V':>8}{'A':>8}{'°C':>12}{'MOS':>6}"
            f"  {'FETs':<8}{'answers':>12}",
            DIM,
        )
    ]
    for pack in bank["packs"]:
        reading = pack["reading"] or {}
        soc = _soc(pack, "")
        temperatures = " ".join(number(t, 1) for t in reading.get("temperatures_c", ())) or "-"
        link = pack["link"] or {}
        fets = "".join(
            letter if reading.get(key) else "-"
            for letter, key in (
                ("C", "charge_fet_on"),
                ("D", "discharge_fet_on"),
                ("B", "balancing"),
            )
        )
        phase = pen(f"{pack['phase']:<9}", PHASE_COLOURS.get(pack["phase"], RED))
        lines.append(
            f"{pack['pack']:<14}{phase}{soc:>13}{number(reading.get('voltage_v'), 2):>8}"
            f"{number(reading.get('current_a'), 1, sign=True):>8}{temperatures:>12}"
            f"{number(reading.get('mos_temperature_c'), 0):>6}  {fets:<8}"
            f"{link.get('answered', 0):>6}/{link.get('asked', 0)}"
        )
    return lines


def _cells(pack: Document, pen: Pen) -> list[str]:
    if pack["reading"] is None:
        return []
    low, high = pack["cell_min"], pack["cell_max"]
    texts = []
    for count, voltage in enumerate(pack["reading"]["cell_voltages_v"], 1):
        text = f"{number(voltage, 3):>6}"
        if high and count == high["cell"]:
            text = pen(f"{text}▲", GREEN)
        elif low and count == low["cell"]:
            text = pen(f"{text}▼", YELLOW)
        else:
            text += " "
        texts.append(text)
    lines = [""]
    for at in range(0, len(texts), CELLS_A_ROW):
        name = pen(f"{pack['pack']:<14}", BOLD) if at == 0 else " " * 14
        lines.append(f"{name}{at + 1:>2} {' '.join(texts[at : at + CELLS_A_ROW])}")
    return lines


def _alarms(bank: Document, pen: Pen) -> list[str]:
    if not bank["alarms"]:
        return [pen("no alarms", GREEN)]
    return [
        pen(
            f"{'ALARM' if alarm['severity'] == 'protection' else 'warning'}  {alarm['text']}",
            RED if alarm["severity"] == "protection" else YELLOW,
        )
        + (f"; ends when {alarm['releases']}" if alarm["releases"] else "")
        for alarm in bank["alarms"]
    ]


def _members(bank: Document, pen: Pen) -> list[str]:
    """Return which packs are not simply in, and what was found in and between them."""
    return (
        [
            pen(f"{m['pack']}: {m['standing']}{f': {why}' if (why := m['why']) else ''}", YELLOW)
            for m in bank["members"]
            if m["standing"] != Standing.IN.value
        ]
        + [
            pen(f"found: {finding['what']} ({finding['evidence']})", YELLOW)
            for finding in bank["findings"]
        ]
        + [
            pen(f"{pack['pack']}: found: {finding['what']}; see `cellwarden diagnose`", YELLOW)
            for pack in bank["packs"]
            for finding in pack["findings"]
        ]
    )


def _notices(bank: Document, pen: Pen) -> list[str]:
    """Return what a BMS says that is no danger, or that nobody understands."""
    return [
        pen(f"{pack['pack']}: the BMS says: {notice}", DIM)
        for pack in bank["packs"]
        for notice in (pack["reading"] or {}).get("notices", ())
    ]


def _heaters(bank: Document, relays: Mapping[str, Document], pen: Pen) -> list[str]:
    """Return where each pack's heater stands and why, and which relay cannot be reached."""
    lines = []
    for pack in bank["packs"]:
        heating = pack.get("heating")
        if heating is None:
            continue
        stands = {True: "on", False: "off"}.get(heating["active"], "not known")
        wanted = (
            ""
            if heating["wanted"] is heating["active"]
            else (", wanted on" if heating["wanted"] else ", wanted off")
        )
        power = number(heating["power_w"], 0, "W")
        power = f", {power}" if heating["power_w"] else ""
        lines.append(f"{pack['pack']}: heater {stands}{power}{wanted}: {heating['why']}")
    return lines + [
        pen(f"{relay['pack']}: relay {name} cannot be reached: {relay['trouble']}", YELLOW)
        for name, relay in relays.items()
        if relay["trouble"]
    ]


def _outputs(outputs: Mapping[str, Document], pen: Pen) -> list[str]:
    return [
        f"{pen(name, BOLD)}  "
        + "  ".join(
            f"{key.replace('_', ' ')} {_short(value)}"
            for key, value in status.items()
            if value not in ("", None) and not isinstance(value, list | dict)
        )
        for name, status in outputs.items()
    ]


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def fit(lines: Sequence[str], width: int) -> list[str]:
    """Return the lines cut to a width, colour codes not counted."""
    return [_cut(line, width) for line in lines]


def _cut(line: str, width: int) -> str:
    shown = at = 0
    while at < len(line):
        if line[at] == "\x1b":
            at = line.index("m", at) + 1
            continue
        if shown == width:
            return line[:at] + (PLAIN if "\x1b" in line[:at] else "")
        shown += 1
        at += 1
    return line
