"""Decoding one full 4E57 frame, against the yardstick; and the engine's and the bank's step."""

import sys
from pathlib import Path

from yardstick import best_s, yardstick_s

from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings
from cellwarden.model import LinkQuality, PackState, Reading, preset
from cellwarden_hardware.codecs import jk_4e57

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support import jk_frames

FRAME = jk_frames.frame("jk_4e57", "16s-b2a20s20p")


def live_frames() -> list[bytes]:
    """Return frames as a live pack sends them: measured values move, the settings stand."""
    frames = []
    for step in range(32):
        values = bytearray(FRAME)
        for cell in range(16):
            values[15 + 3 * cell] = (values[15 + 3 * cell] + step * (cell + 1)) % 32
        total = sum(values[:-4])
        values[-2:] = (total & 0xFFFF).to_bytes(2, "big")
        frames.append(bytes(values))
    return frames


def run(seconds: float) -> list[tuple[str, str, str]]:
    """Return rows of (what, measured, aim)."""
    del seconds
    unit_s = yardstick_s()
    frames = live_frames()
    decoder = jk_4e57.Decoder()

    def decode() -> None:
        for frame in frames:
            (event,) = decoder.feed(frame)
            assert isinstance(event, jk_4e57.Reply)

    decode_s = best_s(decode) / len(frames)
    rows = [
        ("json.loads of 300 characters (yardstick)", f"{unit_s * 1e6:.2f} µs", ""),
        (
            "decode of one 4E57 frame, values moving",
            f"{decode_s * 1e6:.2f} µs = {decode_s / unit_s:.2f} yardsticks",
            "<= 2",
        ),
    ]
    for packs in (1, 16):
        step_s, bank_s = steps_s(packs)
        if packs == 1:
            rows.append(("engine step, 16 cells, values moving", f"{step_s * 1e6:.1f} µs", ""))
        rows.append((f"bank step, {packs} pack(s)", f"{bank_s / packs * 1e6:.1f} µs a pack", ""))
    return rows


def steps_s(packs: int) -> tuple[float, float]:
    """Return the time of one engine step and of one bank step of so many packs, in s."""
    parameters = preset("LiFePO4", cell_count=16, design_capacity_ah=280)
    names = [f"pack-{n}" for n in range(packs)]
    engines = [
        Engine(EngineSettings(pack=name, chemistry="LiFePO4", parameters=parameters, max_age_s=3.0))
        for name in names
    ]
    bank = Bank(
        BankSettings(
            name="bank",
            members=tuple(BankMember(name=name, design_capacity_ah=280) for name in names),
            on_pack_lost="exclude",
            hold_s=10,
            gone_after_s=60,
        )
    )
    memories = [engine.start(0.0) for engine in engines]
    bank_memory = bank.start(0.0)
    link = LinkQuality(connected=True)
    now_s = 0.0

    def step(k: int) -> PackState:
        memories[k], state = engines[k].step(memories[k], heard(names[k], now_s), now_s, link)
        return state

    def one_engine() -> None:
        nonlocal now_s
        now_s += 1.0
        step(0)

    def one_bank() -> None:
        nonlocal bank_memory, now_s
        now_s += 1.0
        bank_memory, _ = bank.step(bank_memory, moments[int(now_s) % len(moments)], now_s)

    engine_s = best_s(one_engine) - best_s(lambda: heard(names[0], now_s))
    moments = []
    for _ in range(7):
        now_s += 1.0
        moments.append([step(k) for k in range(packs)])
    return engine_s, best_s(one_bank)


def heard(pack: str, at_s: float) -> Reading:
    """Return a reading whose every measured value differs from that of the second before."""
    n = int(at_s) % 7
    cells = tuple(3.300 + 0.001 * ((cell + n) % 5) for cell in range(16))
    return Reading(
        pack=pack,
        heard_s=at_s,
        cell_voltages_v=cells,
        voltage_v=sum(cells),
        current_a=10.0 + n,
        temperatures_c=(21.0 + 0.1 * n, 22.0),
        mos_temperature_c=25.0,
        soc_percent=60.0,
        charge_fet_on=True,
        discharge_fet_on=True,
    )
