"""A diagnosis as one HTML page that carries everything in itself and runs nothing."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from cellwarden.cli import svg

STYLE = """
:root { --ink:#1c2330; --soft:#5b6575; --paper:#fff; --card:#f4f6f9; --edge:#dde2ea;
        --bar:#3f7fbf; --now:#c62f2f; --soon:#b26a00; --note:#3a6ea5; --good:#2b7a3d;
        --c1:#d07c1f; }
@media (prefers-color-scheme: dark) {
  :root { --ink:#e6e9ef; --soft:#9aa5b5; --paper:#14181f; --card:#1d232d; --edge:#303947;
          --bar:#5b9bd9; --now:#ff7b72; --soon:#f0b152; --note:#79b1e8; --good:#6cc781;
          --c1:#f0a55a; } }
* { box-sizing:border-box } body { margin:0; background:var(--paper); color:var(--ink);
  font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif }
main { max-width:960px; margin:0 auto; padding:28px 18px 60px }
h1 { font-size:1.7rem; margin:0 0 4px } h2 { font-size:1.25rem; margin:36px 0 10px }
h3 { font-size:.95rem; margin:18px 0 2px; color:var(--soft); font-weight:600 }
p { margin:4px 0 } .soft { color:var(--soft); font-size:.9rem }
.finding { background:var(--card); border:1px solid var(--edge); border-left:6px solid var(--note);
  border-radius:8px; padding:12px 16px; margin:12px 0 }
.finding.now { border-left-color:var(--now) } .finding.soon { border-left-color:var(--soon) }
.finding > b { font-size:1.05rem } .tag { display:inline-block; font-size:.75rem; font-weight:700;
  letter-spacing:.04em; text-transform:uppercase; margin-right:8px; color:var(--note) }
.now .tag { color:var(--now) } .soon .tag { color:var(--soon) }
.good { border-left-color:var(--good) }
dl { display:flex; flex-wrap:wrap; gap:6px 26px; margin:10px 0 }
dt { color:var(--soft); font-size:.8rem } dd { margin:0; font-weight:600 }
.plots { display:grid; gap:8px 24px;
  grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr)) }
svg { width:100%; height:auto; display:block } .grid { stroke:var(--edge); stroke-width:1 }
.tick { fill:var(--soft); font-size:11px } .bar { fill:var(--bar) } .bar.marked { fill:var(--now) }
.dot { fill:var(--bar) } .dot.marked { fill:var(--now) }
.limit { stroke:var(--now); stroke-width:1.5; stroke-dasharray:6 4 }
.curve { fill:none; stroke-width:1.6 } polyline.c0 { stroke:var(--bar) }
polyline.c1 { stroke:var(--c1) }
.name { font-size:12px; font-weight:600 } text.c0 { fill:var(--bar) } text.c1 { fill:var(--c1) }
table { border-collapse:collapse; width:100%; font-size:.9rem } th,td { text-align:left;
  padding:6px 10px 6px 0; border-bottom:1px solid var(--edge) } th { color:var(--soft) }
.wide { overflow-x:auto }
"""

URGENCY = {"now": "now", "soon": "soon", "note": "note"}


def page(report: Mapping[str, Any]) -> str:
    """Return the page for a report of `cellwarden diagnose`."""
    bank = report["bank"]
    made = f"{report['source']} · Cellwarden {report['version']} · {report['made']}"
    end = "Made for a forum post or a service desk: no serial number, password or address is in it."
    body = [
        f"<h1>{_text(bank['name'])}: {_headline(report['findings'])}</h1>",
        f'<p class="soft">{_text(made)}</p>',
        *_findings(report["findings"]),
        *(part for pack in report["packs"] for part in _pack(pack, report)),
        *_calibration(report["calibration"]),
        f'<p class="soft">{end}</p>',
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy"'
        " content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>Diagnosis of {_text(bank['name'])}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _headline(findings: Iterable[Mapping[str, Any]]) -> str:
    count = len(list(findings))
    return "nothing found" if not count else f"{count} finding{'s' if count > 1 else ''}"


def _findings(findings: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    shown = False
    for found in findings:
        shown = True
        kind = URGENCY.get(found["urgency"], "note")
        where = " · ".join(_text(x) for x in (found["pack"], found["where"]) if x)
        code = f", error code {found['manual_code']} of the manual" if found["manual_code"] else ""
        procedure = f"; procedure <b>{_text(found['procedure'])}</b>" if found["procedure"] else ""
        yield (
            f'<section class="finding {kind}"><span class="tag">{kind}</span>'
            f"<b>{_text(found['what'])}</b><p>{_text(found['evidence'])}</p>"
            f'<p class="soft">{where + ": " if where else ""}{_text(found["code"])},'
            f" {100 * found['confidence']:.0f} % sure{code}{procedure}</p></section>"
        )
    if not shown:
        yield (
            '<section class="finding good"><b>Nothing is wrong as far as can be seen.</b>'
            "<p>Some findings need days: see how long this pack has been watched below.</p>"
            "</section>"
        )


def _pack(pack: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2>Pack {_text(pack['pack'])}</h2><dl>"
    for name, value in _facts(pack):
        yield f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>"
    yield '</dl><div class="plots">'
    marked = {
        kind: frozenset(
            int(found["where"].split()[1]) - 1
            for found in report["findings"]
            if found["pack"] == pack["pack"]
            and found["where"].startswith(f"{kind} ")
            and found["where"].split()[1].isdigit()
        )
        for kind in ("cell", "wire")
    }
    cells = pack["cells"]
    middle = pack["middle_cell_ohm"]
    plots = (
        (
            "Cell voltages",
            [c["voltage_v"] for c in cells],
            {"unit": "V", "digits": 3, "from_zero": False, "marked": marked["cell"]},
        ),
        (
            "Answer to load steps, more than the middle cell"
            + (f" ({1e6 * middle:.0f} µΩ)" if middle else ""),
            [None if c["more_ohm"] is None else 1e6 * c["more_ohm"] for c in cells],
            {
                "unit": "µΩ",
                "digits": 0,
                "marked": marked["cell"],
                "line": 0.6e6 * middle if middle and middle > 0 else None,
            },
        ),
        (
            "Balance leads",
            [None if c["lead_ohm"] is None else 1000 * c["lead_ohm"] for c in cells],
            {"unit": "mΩ", "digits": 0, "marked": marked["wire"]},
        ),
        (
            "Charge against the middle cell, nearly full",
            [c["nearly_full_percent"] for c in cells],
            {"unit": "%", "digits": 1, "marked": marked["cell"]},
        ),
        (
            "Charge against the middle cell, nearly empty",
            [c["nearly_empty_percent"] for c in cells],
            {"unit": "%", "digits": 1, "marked": marked["cell"]},
        ),
    )
    for title, values, options in plots:
        drawn = svg.bars(values, label=title, **options)
        if drawn:
            yield f"<div><h3>{_text(title)}</h3>{drawn}</div>"
    yield from _history(report["series"].get(pack["pack"]))
    yield "</div>"


def _history(series: Mapping[str, Any] | None) -> Iterator[str]:
    if not series:
        return
    times = series["t_h"]
    for title, names, unit, digits in (
        ("Highest and lowest cell", ("cell_max_v", "cell_min_v"), "V", 3),
        ("Current, charging upwards", ("current_a",), "A", 1),
        ("Temperature", ("temperature_max_c", "temperature_min_c"), "°C", 1),
    ):
        labels = {"cell_max_v": "highest", "cell_min_v": "lowest", "current_a": "current"}
        labels |= {"temperature_max_c": "warmest", "temperature_min_c": "coldest"}
        curves = [(labels[name], series[name]) for name in names]
        drawn = svg.lines(times, curves, unit=unit, label=title, digits=digits)
        if drawn:
            yield f"<div><h3>{_text(title)}</h3>{drawn}</div>"


def _facts(pack: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "cells", f"{len(pack['cells'])} {pack['chemistry']}, {pack['capacity_ah']:g} Ah"
    for name, key, unit in (
        ("voltage", "voltage_v", " V"),
        ("current", "current_a", " A"),
        ("SoC", "soc_percent", " %"),
        ("SoH", "soh_percent", " %"),
        ("counted capacity", "counted_ah", " Ah"),
    ):
        if pack[key] is not None:
            yield name, f"{pack[key]:g}{unit}"
    known = [t for t in pack["temperatures_c"] if t is not None]
    if known:
        yield "temperature", " / ".join(f"{t:.1f} °C" for t in known)
    if pack["board"]:
        yield "board", f"{pack['board']} {pack['firmware'] or ''}".strip()
    yield "state", pack["phase"]
    yield "watched", f"{pack['days']:.1f} days, {pack['load_steps']} load steps"
    for name, cells in pack["rank"].items():
        yield f"weakest cells by {name}", " ".join(map(str, cells[:5]))


def _calibration(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    shown = list(rows)
    if not shown:
        return
    yield '<h2>What others measure, against the BMS</h2><div class="wide"><table><tr>'
    heads = ("device", "cable run", "drop at the highest current", "off at no current", "set there")
    yield "".join(f"<th>{head}</th>" for head in heads) + "</tr>"
    for row in shown:
        yield (
            f"<tr><td>{_text(row['source'])}</td>"
            f"<td>{_number(row['resistance_ohm'], 1000, 2, 'mΩ')}</td>"
            f"<td>{_number(row['drop_v'], 1, 2, 'V')}</td>"
            f"<td>{_number(row['offset_v'], 1, 3, 'V')}</td>"
            f"<td>{_number(row['set_more_v'], 1, 2, 'V')}</td></tr>"
        )
    yield "</table></div>"


def _number(value: float | None, times: float, digits: int, unit: str) -> str:
    return "not known yet" if value is None else f"{times * value:+.{digits}f} {unit}"


def _text(value: object) -> str:
    return escape(str(value))
