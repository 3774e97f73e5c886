"""How `cellwarden params` shows to a person what it was answered."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cellwarden.cli.show import print_rows, value_text

Document = Mapping[str, Any]


def show(action: str, document: Document) -> None:
    """Print an answer."""
    views = {"list": _list, "show": _show, "audit": _audit}
    views.get(action, _outcome)(document)


def _list(document: Document) -> None:
    print(f"mode {document['mode']}")
    for pack in document["packs"]:
        print(f"\n{pack['pack']}")
        rows = [("  can", ", ".join(pack["can"]) or "nothing")]
        rows += [("  parameters", ", ".join(pack["writable"]) or "none")]
        by_reason: dict[str, list[str]] = {}
        for kind, reason in pack["cannot"].items():
            by_reason.setdefault(reason, []).append(kind)
        rows += [("  cannot", f"{', '.join(kinds)}: {why}") for why, kinds in by_reason.items()]
        print_rows(rows)
        if left := pack["half_done"]:
            print(
                f"  half done: {left['kind']} {left['asked']} by {left['who']}; `cellwarden params"
                f" finish {pack['pack']}` or `cellwarden params undo {pack['pack']}`"
            )
            _steps(left["steps"])


def _show(document: Document) -> None:
    identity = document["identity"] or {}
    who = (str(identity.get(key) or "") for key in ("manufacturer", "model", "firmware_version"))
    print(f"{document['pack']}: {' '.join(part for part in who if part) or 'unknown device'}")
    rows = [("name", "value", "unit", "range", "register", "engine", "")]
    for row in document["settings"]:
        low, high = row["minimum"], row["maximum"]
        rows.append(
            (
                row["name"],
                _value(row["value"]),
                row["unit"],
                "" if low is None or high is None else f"{low:g}..{high:g}",
                row["register"],
                _value(row["engine"]) if row["engine"] is not None else "",
                "" if row["writable"] else "read-only",
            )
        )
    print_rows(rows)


def _audit(document: Document) -> None:
    if not document["entries"]:
        print("nothing has been asked for yet")
        return
    for entry in document["entries"]:
        when = datetime.fromtimestamp(entry["at_s"], UTC)
        times = f" ({entry['times']} times)" if entry["times"] > 1 else ""
        where = entry["pack"] or "the bank"
        print(
            f"{when:%Y-%m-%d %H:%M:%S} UTC  {entry['verdict']}{times}: {entry['kind']}"
            f" {entry['asked']} for {where} by {entry['who']}"
        )
        if entry["reason"]:
            print(f"  {entry['reason']}")
        _steps(entry["steps"])


def _outcome(document: Document) -> None:
    print(f"{document['verdict']}: {document['reason']}")
    _steps(document["steps"])


def _steps(steps: Sequence[Document]) -> None:
    if not steps:
        return
    rows = [("  setting", "register", "before", "wanted", "now", "unit", "")]
    for step in steps:
        values = (_value(step[key]) for key in ("before", "wanted", "now"))
        rows.append((f"  {step['what']}", step["register"], *values, step["unit"], step["note"]))
    print_rows(rows)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.10g}" if isinstance(value, float) else value_text(value)
