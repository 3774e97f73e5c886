"""Answers what `cellwarden params` asks: a gate's packs, their settings, the audit log.

Documents in and out, JSON types only, so that it makes no difference whether the controller's
socket is between or not.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping

from cellwarden.errors import CellwardenError, CommandRefused
from cellwarden.model import PARAMETERS, Request, RequestKind, Setting, SettingValue
from cellwarden.runtime.audit import Entry
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.rights import OWNER
from cellwarden.runtime.status import plain

Document = dict[str, object]

_SPECS = {spec.name: spec for spec in PARAMETERS}
_KINDS = {kind.value: kind for kind in RequestKind}
_MOST_ENTRIES = 10_000


class Office:
    """The desk at which a person asks."""

    def __init__(self, gate: ControlGate) -> None:
        self._gate = gate

    async def answer(self, message: Mapping[str, object], who: str) -> Document:
        """Return the answer to a message; what is wrong with it stands in `error`.

        `who` is added to the audit log's name for the person at this computer.
        """
        handlers: Mapping[str, Callable[[Mapping[str, object], str], Awaitable[Document]]] = {
            "list": self._list,
            "show": self._show,
            "ask": self._ask,
            "settle": self._settle,
            "audit": self._audit,
        }
        handler = handlers.get(str(message.get("do")))
        if handler is None:
            return {"error": f"nothing is known of doing {message.get('do')!r}"}
        try:
            return await handler(message, f"{OWNER} {who}")
        except (CellwardenError, ValueError) as error:
            return {"error": str(error)}
        except (OSError, sqlite3.Error) as error:
            return {"error": f"the audit log cannot be read ({error})"}

    def _pack(self, message: Mapping[str, object]) -> str:
        names = self._gate.packs
        pack = str(message.get("pack") or "")
        if not pack and len(names) == 1:
            return names[0]
        if pack not in names:
            raise CommandRefused(f"there is no pack {pack!r}: this bank has {', '.join(names)}")
        return pack

    async def _ask(self, message: Mapping[str, object], who: str) -> Document:
        return _document(await self._gate.ask(_request(message, who)))

    async def _settle(self, message: Mapping[str, object], who: str) -> Document:
        finish = message.get("finish") is True
        return _document(await self._gate.half_done.settle(self._pack(message), who, finish=finish))

    async def _list(self, _: Mapping[str, object], __: str) -> Document:
        gate = self._gate
        half_done = {entry.pack: entry for entry in await asyncio.to_thread(gate.half_done.left)}
        kinds = [kind for kind in RequestKind if kind.reaches_bms]
        return {
            "mode": gate.mode,
            "packs": [
                {
                    "pack": pack,
                    "writable": sorted(gate.writable_parameters(pack)),
                    "can": [k.value for k in kinds if gate.refusal(k, pack, OWNER) is None],
                    "cannot": {
                        kind.value: reason
                        for kind in kinds
                        if (reason := gate.refusal(kind, pack, OWNER)) is not None
                    },
                    "half_done": _entry(half_done[pack]) if pack in half_done else None,
                }
                for pack in gate.packs
            ],
        }

    async def _show(self, message: Mapping[str, object], _: str) -> Document:
        pack = self._pack(message)
        if reason := self._gate.can_read_settings(pack):
            raise CommandRefused(f"{pack}: {reason}")
        table, held = await self._gate.settings(pack)
        ours = self._gate.parameters(pack)
        rows: list[Document] = []
        for name in [*_SPECS, *sorted(set(held) - set(_SPECS))]:
            setting, value = table.get(name), held.get(name)
            if setting is None and value is None:
                continue
            low, high = _range(name, setting)
            rows.append(
                {
                    "name": name,
                    "text": _SPECS[name].text if name in _SPECS else name.replace("_", " "),
                    "value": _rounded(value),
                    "unit": "" if setting is None else setting.unit,
                    "register": "" if setting is None else setting.register,
                    "minimum": low,
                    "maximum": high,
                    "writable": setting is not None and value is not None,
                    "engine": getattr(ours, name, None),
                }
            )
        identity = plain(self._gate.identity(pack))
        return {"pack": pack, "at_s": time.time(), "identity": identity, "settings": rows}

    async def _audit(self, message: Mapping[str, object], _: str) -> Document:
        most = message.get("most")
        count = most if isinstance(most, int) and 0 < most <= _MOST_ENTRIES else 50
        entries = await asyncio.to_thread(self._gate.entries, count)
        return {"entries": [_entry(entry) for entry in entries]}


def _request(message: Mapping[str, object], who: str) -> Request:
    """Return the request in a message; CommandRefused where there is none."""
    kind = _KINDS.get(str(message.get("kind")))
    if kind is None:
        raise CommandRefused(f"there is no kind of request {message.get('kind')!r}")
    value, lasts_s = message.get("value"), message.get("lasts_s")
    changes = message.get("changes") or {}
    if not isinstance(changes, Mapping) or not isinstance(lasts_s, int | float | None):
        raise CommandRefused("the request is not in the right form")
    if not isinstance(value, float | int | bool | str | None):
        raise CommandRefused("the value is not in the right form")
    return Request(
        kind=kind,
        pack=str(message.get("pack") or ""),
        value=value,
        who=who,
        changes={str(name): each for name, each in changes.items()},
        lasts_s=lasts_s,
        dry_run=message.get("dry_run") is True,
    )


def _range(name: str, setting: Setting | None) -> tuple[float | None, float | None]:
    """Return what may be written: what the register can hold, within the range of the page."""
    if setting is None or setting.step is None:
        return None, None
    low, high = setting.minimum, setting.maximum
    spec = _SPECS.get(name)
    if spec is not None:
        low = spec.minimum if low is None else max(low, spec.minimum)
        high = spec.maximum if high is None else min(high, spec.maximum)
    return low, high


def _document(value: object) -> Document:
    document = plain(value)
    assert isinstance(document, dict)
    return document


def _entry(entry: Entry) -> Document:
    return _document(entry)


def _rounded(value: SettingValue | None) -> SettingValue | None:
    """Return a value without the last digits of a float that a register never had."""
    return round(value, 6) if isinstance(value, float) else value
