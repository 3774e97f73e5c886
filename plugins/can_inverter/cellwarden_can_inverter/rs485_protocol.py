"""The RS485 protocol by hand: `cellwarden decode pylontech_rs485` and `encode`.

An answer does not say what it answers. With several frames in a row the request before it tells;
otherwise `--request` or `--variant 63` does; otherwise the only command that it fits.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cellwarden.errors import CommandRefused, ConfigError, FrameError
from cellwarden_can_inverter.protocol import bank_state
from cellwarden_can_inverter.pylontech_ascii import Frame, encode_frame, length_field, parse
from cellwarden_can_inverter.pylontech_ascii_commands import COMMANDS
from cellwarden_can_inverter.pylontech_ascii_scaling import SCALINGS, Scaling
from cellwarden_can_inverter.rs485_persona import Persona
from cellwarden_can_inverter.rs485_slave import ANY_MODULE, MASTER_ONLY, Slave, reply_to
from cellwarden_can_inverter.rs485_values import told
from cellwarden_can_inverter.view import Manners

NAME = "pylontech_rs485"
_NAME_LAYOUTS = (0x51, 0x60, 0x93)
"""Answers made of text, which other bytes fit by their number alone."""


class PylontechAsciiProtocol:
    """Decodes either direction, encodes what a bank would answer."""

    def decode(
        self, chunks: Sequence[str], *, request: bytes | None = None, variant: str | None = None
    ) -> list[dict[str, object]]:
        """Return what each frame says; FrameError, with its `kind`, for the first that is wrong.

        Frames are written as they are (`~2002...`) or as hex of their characters. `variant` is the
        command that was asked (`63`), or how a clone counts (`pace`, `limits_10mA`).
        """
        asked, scaling = _variant(variant)
        if request is not None:
            asked = _asked(request)
        shown = []
        for body in _bodies(chunks):
            frame = parse(body)
            shown.append(explain(frame, body, asked, scaling))
            asked = None if frame.is_answer else frame.code
        return shown

    def encode(self, state: Mapping[str, object]) -> list[dict[str, object]]:
        """Return what a battery at address 2 answers to each command for a state.

        Commands that need values which the state does not give are left out. ConfigError lists
        every mistake in the state; CommandRefused where no charge voltage can be told.
        """
        bank = bank_state(state)
        age_s = bank.data_age_s or 0.0
        manners, persona = Manners(), Persona()
        slave = Slave(persona, manners)
        view = slave.view(bank, age_s)
        if view is None:
            if age_s > manners.gone_after_s:
                return []
            raise CommandRefused(
                slave.trouble or "no charge voltage is known: cvl_V and pack_voltage_V say nothing"
            )
        heard = told(bank, view, persona)
        frames: list[dict[str, object]] = []
        for code in (*MASTER_ONLY, *ANY_MODULE):
            info = b"\x02" if COMMANDS[code].request else b""
            reply = reply_to(Frame(address=2, code=code, info=info), heard)
            if reply is not None and reply.code == 0:
                frames.append(
                    {"answers_cid2": f"{code:02X}", "frame_ascii": encode_frame(reply).decode()}
                )
        return frames


def explain(
    frame: Frame, body: bytes, asked: int | None = None, scaling: Scaling = SCALINGS["pylontech"]
) -> dict[str, object]:
    """Return everything a frame says; `asked` is the command that an answer answers, if known."""
    info = frame.info.hex().upper()
    said: dict[str, Any] = {
        "direction": "response" if frame.is_answer else "request",
        "ver": f"{frame.version:02X}",
        "adr": f"{frame.address:02X}",
        "cid1": f"{frame.device:02X}",
        "cid2_or_rtn": f"{frame.code:02X}",
        "length_field": f"{length_field(len(info)):04X}",
        "lenid": len(info),
        "info_hex": info,
        "checksum": body[-4:].decode().upper(),
        "checksum_ok": True,
        "length_ok": True,
    }
    if not frame.is_answer:
        command = COMMANDS.get(frame.code)
        if command is not None:
            said["meaning"] = command.meaning
            said["decoded"] = command.decode_request(frame.info) if frame.info else {}
        return said
    if frame.code:
        return said
    answered = asked if asked in COMMANDS else _only_fit(frame.info)
    if answered is None:
        return said
    decoded = COMMANDS[answered].decode(frame.info, scaling)
    said |= {"answers_cid2": f"{answered:02X}", "meaning": COMMANDS[answered].meaning}
    for side in ("charge", "discharge"):
        raw = decoded.get(f"{side}_current_raw")
        if raw is not None:
            said[f"{side}_current_limit_A"] = raw / scaling.system_limit
    return said | {"decoded": decoded}


def _only_fit(info: bytes) -> int | None:
    """Return the only command that such an answer can belong to, None if it is none or several."""
    fitting = []
    for code, command in COMMANDS.items():
        if not info or command.acts:
            continue
        try:
            decoded = command.decode(info)
        except FrameError:
            continue
        if _credible(code, decoded):
            fitting.append(code)
    return fitting[0] if len(fitting) == 1 else None


def _credible(code: int, decoded: Mapping[str, Any]) -> bool:
    """Whether an answer that has the right length also looks like one."""
    if code in (0x42, 0x44):
        modules = decoded.get("modules", [decoded])
        cells = [m["cells"] if code == 0x44 else len(m["cells_V"]) for m in modules]
        return bool(cells) and all(cells)
    if code in _NAME_LAYOUTS:
        names = [v for v in decoded.values() if isinstance(v, str)]
        return any(names) and all(name.isprintable() and "\\x" not in name for name in names)
    return True


def _variant(variant: str | None) -> tuple[int | None, Scaling]:
    if variant is None:
        return None, SCALINGS["pylontech"]
    if variant in SCALINGS:
        return None, SCALINGS[variant]
    codes = {f"{code:02X}": code for code in COMMANDS}
    if variant.upper() in codes:
        return codes[variant.upper()], SCALINGS["pylontech"]
    raise ConfigError(
        f"{NAME} has no variant {variant!r}: the command that was asked"
        f" ({', '.join(codes)}), or {', '.join(SCALINGS)}"
    )


def _asked(request: bytes) -> int:
    """Return the command in a request: its characters, the same as hex, or the command alone."""
    if len(request) == 1:
        return request[0]
    characters = request if request[:1] == b"~" else b"~" + request.hex().upper().encode()
    return parse(characters.strip(b"~\r\n")).code


def _bodies(chunks: Sequence[str]) -> Iterator[bytes]:
    """Yield the characters of each frame, without `~` and CR."""
    for chunk in chunks:
        text = chunk.strip()
        if not text:
            continue
        if "~" not in text:
            try:
                text = bytes.fromhex(text).decode("ascii", "replace")
            except ValueError:
                text = ""
        before, *frames = text.split("~")
        if before.strip() or not frames:
            raise FrameError("header", "a frame begins with ~, or with 7E where it is given as hex")
        for body in frames:
            yield body.replace("\\r", "").strip().encode("ascii", "replace")
