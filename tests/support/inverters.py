"""Inverters that listen to a battery, one for each CAN dialect, strict as the real ones.

Written by hand from the makers' sheets, byte by byte, and from nothing of the product, so that a
slip in its tables shows here. Pure: time is passed in. `inverter_process.py` puts one on a bus.

An inverter is `waiting` until it has heard everything it needs, then `content`, and shows a fault
by its maker's name when the battery falls silent or says what it cannot accept. Timeouts are real
s divided by `speed`.
"""

from collections.abc import Callable
from typing import ClassVar

SILENT_S = 3.0
"""Without limits for this long an inverter stops (vendor sheet for Victron-like systems)."""
SMA_SILENT_S = 60.0
SMA_FASTEST_S = 0.19
"""SMA takes a frame each 200 ms; some jitter forgiven."""
GROWATT_BUDGET_S = 0.25

Frame = tuple[int, bool, bytes]


def le(data: bytes, at: int) -> int:
    return data[at] | data[at + 1] << 8


def le_signed(data: bytes, at: int) -> int:
    value = le(data, at)
    return value - 0x10000 if value & 0x8000 else value


def be(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def be_signed(data: bytes, at: int) -> int:
    value = be(data, at)
    return value - 0x10000 if value & 0x8000 else value


class Inverter:
    """What all low-voltage inverters have in common; 11-bit identifiers only."""

    needs: tuple[int, ...] = ()
    lengths: ClassVar[dict[int, tuple[int, ...]]] = {}
    """Lengths that are recognised; a frame of another length is not heard."""
    extended = False
    silent_s = SILENT_S
    silence = "battery lost"
    """What it shows when a frame that it needs is missing."""
    too_low = "charge voltage 0"
    volts_per_count = 0.01

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.fault = ""
        self.last: dict[int, float] = {}
        self.ignored: dict[int, int] = {}
        self.read: dict[str, float | str] = {}
        """What it understood, by our own words."""
        self.frames = 0

    @property
    def state(self) -> str:
        if self.fault:
            return "fault"
        return "content" if all(can_id in self.last for can_id in self.needs) else "waiting"

    def hear(self, frame: Frame, now_s: float) -> list[Frame]:
        """Take a frame; return what is said in answer."""
        can_id, extended, data = frame
        if extended != self.extended or not self.recognises(can_id, data, now_s):
            self.ignored[can_id] = self.ignored.get(can_id, 0) + 1
            return []
        self.frames += 1
        self.last[can_id] = now_s
        reader: Callable[[bytes], None] | None = getattr(self, f"read_{can_id:x}", None)
        if reader is not None:
            reader(data)
        return self.reply(can_id)

    def tick(self, now_s: float) -> list[Frame]:
        """Let time pass; return what is said unasked. Called often, says something once a s."""
        for can_id in self.needs:
            heard_s = self.last.get(can_id)
            if heard_s is not None and (now_s - heard_s) * self.speed > self.silent_s:
                self.trip(f"{self.silence} (0x{can_id:03X})")
        return []

    def recognises(self, can_id: int, data: bytes, now_s: float) -> bool:
        return can_id not in self.lengths or len(data) in self.lengths[can_id]

    def reply(self, can_id: int) -> list[Frame]:
        return []

    def trip(self, fault: str) -> None:
        if not self.fault:
            self.fault = fault

    def take_limits(self, cvl: float, ccl: float, dcl: float, dvl: float | None = None) -> None:
        self.read |= {"cvl": cvl, "ccl": ccl, "dcl": dcl}
        if dvl is not None:
            self.read["dvl"] = dvl
        if cvl < 1.0:
            self.trip(self.too_low)
        if ccl < 0 or dcl < 0:
            self.trip("negative limit")

    def take_enables(self, *, charge: bool, discharge: bool) -> None:
        self.read |= {"charge": charge, "discharge": discharge}

    def take_soc(self, soc: float, soh: float) -> None:
        self.read |= {"soc": soc, "soh": soh}
        if not (0 <= soc <= 100 and 0 < soh <= 100):
            self.trip("implausible state of charge")

    def take_measured(self, voltage: float, current: float, temperature: float) -> None:
        self.read |= {"voltage": voltage, "current": current, "temperature": temperature}
        if not 40 <= voltage <= 63:
            self.trip(self.implausible)
        if not -40 <= temperature <= 100:
            self.trip("implausible temperature")

    implausible = "implausible voltage"

    # -- the frames that most makers share -----------------------------------------------------

    def read_351(self, d: bytes) -> None:
        self.take_limits(le(d, 0) / 10, le_signed(d, 2) / 10, le_signed(d, 4) / 10, le(d, 6) / 10)

    def read_355(self, d: bytes) -> None:
        self.take_soc(le(d, 0), le(d, 2))

    def read_356(self, d: bytes) -> None:
        volts = le_signed(d, 0) * self.volts_per_count
        self.take_measured(volts, le_signed(d, 2) / 10, le_signed(d, 4) / 10)

    def read_35c(self, d: bytes) -> None:
        self.take_enables(charge=bool(d[0] & 0x80), discharge=bool(d[0] & 0x40))

    def read_359(self, d: bytes) -> None:
        self.read |= {
            "protection": bool(d[0] or d[1]),
            "warning": bool(d[2] or d[3]),
            "modules": d[4],
        }

    def read_35e(self, d: bytes) -> None:
        self.read["name"] = d.rstrip(b"\0 ").decode("latin-1")


class Deye(Inverter):
    """Battery mode Lithium 00: knows some makers' names; W31 for nonsense, F58 for silence."""

    needs = (0x351, 0x355, 0x356, 0x359, 0x35C, 0x35E)
    lengths: ClassVar = {0x351: (8,), 0x355: (4, 6, 8), 0x356: (6, 8), 0x359: (7, 8), 0x35C: (2, 8)}
    silence = "F58"
    too_low = "W31"
    implausible = "W31"

    def read_35e(self, d: bytes) -> None:
        super().read_35e(d)
        if not str(self.read["name"]).startswith(("PYLON", "BYD", "SHEnergy", "DY001")):
            self.trip("battery not known")

    def reply(self, can_id: int) -> list[Frame]:
        return [(0x305, False, bytes(8))] if can_id == 0x356 else []


class DeyePcs(Deye):
    """The PCS port: limits on the grid, extremes and a module besides."""

    needs = (*Deye.needs, 0x361, 0x364, 0x371, 0x110, 0x150)

    def read_371(self, d: bytes) -> None:
        self.read |= {"grid_ccl": le(d, 0) / 10, "grid_dcl": le(d, 2) / 10}

    def read_361(self, d: bytes) -> None:
        self.read |= {"cell_max": le(d, 0) / 1000, "cell_min": le(d, 2) / 1000}
        if not 2.0 < le(d, 2) / 1000 <= le(d, 0) / 1000 < 4.5:
            self.trip("W31")

    def read_364(self, d: bytes) -> None:
        self.read["modules"] = d[0]
        if d[0] + d[3] != d[4]:
            self.trip("modules do not add up")

    def read_150(self, d: bytes) -> None:
        if abs(le(d, 0) / 10 - float(self.read["voltage"])) > 2.0:
            self.trip("W31")


class SolArk(Deye):
    """8 bytes or nothing; the pack voltage in 0.1 V."""

    lengths = dict.fromkeys((*Deye.needs, 0x379), (8,))
    volts_per_count = 0.1


class HybridV2(Inverter):
    """A Solis, GoodWe or Studer with Pylontech's later set."""

    needs = (0x351, 0x355, 0x356, 0x359, 0x35C, 0x35A, 0x35E, 0x372, 0x373, 0x379)
    lengths: ClassVar = {0x351: (8,), 0x355: (6, 8), 0x356: (8,), 0x35A: (8,), 0x373: (8,)}

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__(speed)
        self.next_s = 0.0

    def tick(self, now_s: float) -> list[Frame]:
        super().tick(now_s)
        if now_s < self.next_s:
            return []
        self.next_s = now_s + 1.0 / self.speed
        return self.beat()

    def beat(self) -> list[Frame]:
        return [(0x305, False, bytes(8))]

    def read_355(self, d: bytes) -> None:
        super().read_355(d)
        self.read["soc_fine"] = le(d, 4) / 100
        if abs(le(d, 4) / 100 - le(d, 0)) > 0.51:
            self.trip("two different states of charge")

    def read_35a(self, d: bytes) -> None:
        bits = int.from_bytes(d, "little")
        pairs = [bits >> 2 * k & 3 for k in range(32)]
        self.read |= {"protection": 1 in pairs[:16], "warning": 1 in pairs[16:]}

    def read_373(self, d: bytes) -> None:
        self.read |= {"cell_min": le(d, 0) / 1000, "cell_max": le(d, 2) / 1000}
        if not 233 <= le(d, 4) <= le(d, 6) <= 373:  # -40 to 100 °C
            self.trip("implausible temperature")


class Schneider(HybridV2):
    """Speaks with a 29-bit identifier."""

    def beat(self) -> list[Frame]:
        return [(0x305, True, bytes(8))]


class LuxPower(HybridV2):
    """Extremes inside 355 and 356, no pairs of alarms."""

    needs = (0x351, 0x355, 0x356, 0x359, 0x35C, 0x35E)
    lengths: ClassVar = {0x351: (8,), 0x355: (8,), 0x356: (8,)}

    def read_355(self, d: bytes) -> None:
        Inverter.read_355(self, d)
        self.read |= {"cell_max": le(d, 4) / 1000, "cell_min": le(d, 6) / 1000}

    def read_356(self, d: bytes) -> None:
        self.take_measured(le_signed(d, 0) / 100, le_signed(d, 2) / 10, le_signed(d, 4) / 10)

    def beat(self) -> list[Frame]:
        return [(0x305, False, bytes(8)), (0x300, False, bytes(8))]


class VictronGx(HybridV2):
    """Every identifier again and again; a charge voltage of 0 empties the battery."""

    needs = (0x351, 0x355, 0x356, 0x35A, 0x35E, 0x35F, 0x372, 0x373, 0x379)
    silence = "no BMS"
    too_low = "discharges into the grid"

    def read_35e(self, d: bytes) -> None:
        super().read_35e(d)
        if str(self.read["name"]) in ("PYLON", "BYD", "LG"):
            self.trip("charge voltage capped for its name")

    def beat(self) -> list[Frame]:
        return [
            (0x305, False, bytes(8)),
            (0x306, False, bytes(8)),
            (0x307, False, bytes.fromhex("1234567856494300")),
        ]


class BydHost(VictronGx):
    """Expects the captured box: 8 bytes each, the name BYD."""

    needs = (0x351, 0x355, 0x356, 0x35A, 0x35B, 0x35E, 0x360, 0x372, 0x373, 0x379, 0x382)
    lengths = dict.fromkeys(needs, (8,))
    silence = "battery lost"
    too_low = "charge voltage 0"

    def read_35e(self, d: bytes) -> None:
        if d not in (b"BYD\0\0\0\0\0", b"BYD     "):
            self.trip("battery not known")

    def read_355(self, d: bytes) -> None:
        Inverter.read_355(self, d)


class SunnyIsland(HybridV2):
    """Ignores what is out of range or too fast; an alarm stops it; measures by itself."""

    needs = (0x351, 0x355, 0x356, 0x35A)
    lengths: ClassVar = {0x351: (8,), 0x355: (4, 6, 8), 0x356: (6, 8), 0x35A: (8,)}
    silent_s = SMA_SILENT_S
    silence = "F952"
    allowed = (0x351, 0x355, 0x356, 0x35A, 0x35B, 0x35E, 0x35F, 0x00F)

    def recognises(self, can_id: int, data: bytes, now_s: float) -> bool:
        if can_id not in self.allowed:
            self.trip("foreign identifier")
        too_fast = now_s - self.last.get(can_id, -1.0) < SMA_FASTEST_S
        return not too_fast and super().recognises(can_id, data, now_s)

    def read_351(self, d: bytes) -> None:
        cvl, ccl, dcl = le(d, 0) / 10, le_signed(d, 2) / 10, le_signed(d, 4) / 10
        if not (
            41 <= cvl <= 63 and 0 <= ccl <= 1200 and 0 <= dcl <= 1200 and 410 <= le(d, 6) <= 480
        ):
            self.ignored[0x351] = self.ignored.get(0x351, 0) + 1
            return  # the last good values stay
        self.take_limits(cvl, ccl, dcl, le(d, 6) / 10)

    def read_35a(self, d: bytes) -> None:
        super().read_35a(d)
        if self.read["protection"]:
            self.read["stops within 10 s"] = 1.0

    def beat(self) -> list[Frame]:
        volts = round(float(self.read.get("voltage", 0.0)) * 10)
        amps = round(-float(self.read.get("current", 0.0)) * 10)  # negative while charging
        measured = volts.to_bytes(2, "little") + amps.to_bytes(2, "little", signed=True)
        return [
            (0x305, False, measured + bytes.fromhex("E600DE03")),
            (0x306, False, bytes.fromhex("64000A0100003002")),
        ]


class Growatt(HybridV2):
    """Asks each second, big-endian; cuts its output when nobody answers in time."""

    needs = (0x311, 0x312, 0x313, 0x314, 0x319)
    lengths = dict.fromkeys(needs, (8,))
    silence = "communication failed"

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__(speed)
        self.asked_s = 0.0
        self.slowest_s = 0.0

    def tick(self, now_s: float) -> list[Frame]:
        said = super().tick(now_s)
        if said:
            self.asked_s = now_s
        return said

    def beat(self) -> list[Frame]:
        return [(0x301, False, bytes.fromhex("1122334455667788"))]

    def recognises(self, can_id: int, data: bytes, now_s: float) -> bool:
        if not 0x311 <= can_id <= 0x321:
            return False
        self.slowest_s = max(self.slowest_s, now_s - self.asked_s)
        self.read["slowest_answer_s"] = self.slowest_s
        return super().recognises(can_id, data, now_s)

    def read_311(self, d: bytes) -> None:
        self.take_limits(be(d, 0) / 10, be(d, 2) / 10, be(d, 4) / 10)
        self.read["doing"] = d[7] & 3

    def read_312(self, d: bytes) -> None:
        self.read |= {"protection": bool(d[0] or d[1]), "warning": bool(d[2] or d[3])}
        if not (1 <= d[4] <= 254 and 1 <= d[7] <= 254):
            self.trip("no packs or cells")

    def read_313(self, d: bytes) -> None:
        self.take_measured(be_signed(d, 0) / 100, be_signed(d, 2) / 10, be_signed(d, 4) / 10)
        self.take_soc(d[6], d[7] & 0x7F)

    def read_319(self, d: bytes) -> None:
        self.take_enables(charge=bool(d[0] & 0x80), discharge=bool(d[0] & 0x40))
        self.read |= {"cell_max": be(d, 1) / 1000, "cell_min": be(d, 3) / 1000}


class HighVoltage(Growatt):
    """Polls with 29 bits: the values each second, the identity now and then."""

    extended = True
    needs = (0x4210, 0x4220, 0x4250, 0x4280, 0x7310, 0x7320, 0x7330)
    lengths = dict.fromkeys(needs, (8,))
    silence = "communication failed"

    def __init__(self, speed: float = 1.0) -> None:
        super().__init__(speed)
        self.polls = 0

    def beat(self) -> list[Frame]:
        self.polls += 1
        code = 2 if self.polls % 2 else 0
        return [(0x4200, True, bytes([code, 0, 0, 0, 0, 0, 0, 0xE8]))]

    def recognises(self, can_id: int, data: bytes, now_s: float) -> bool:
        return can_id not in self.lengths or len(data) == 8

    def read_4210(self, d: bytes) -> None:
        self.take_measured(le(d, 0) / 10, (le(d, 2) - 30000) / 10, (le(d, 4) - 1000) / 10)
        self.take_soc(d[6], d[7])

    def read_4220(self, d: bytes) -> None:
        ccl, dcl = (le(d, 4) - 30000) / 10, abs(le(d, 6) - 30000) / 10
        self.take_limits(le(d, 0) / 10, ccl, dcl, le(d, 2) / 10)

    def read_4250(self, d: bytes) -> None:
        self.read |= {"protection": bool(d[6] or d[7]), "warning": bool(d[4] or d[5])}

    def read_4280(self, d: bytes) -> None:
        self.take_enables(charge=d[0] != 0xAA, discharge=d[1] != 0xAA)


INVERTERS: dict[str, type[Inverter]] = {
    "pylontech_lv": Deye,
    "pylontech_plus": HybridV2,
    "victron": VictronGx,
    "byd_lv": BydHost,
    "sma_si": SunnyIsland,
    "luxpower": LuxPower,
    "solark": SolArk,
    "deye_pcs": DeyePcs,
    "growatt_lv": Growatt,
    "pylontech_hv": HighVoltage,
    "schneider": Schneider,
}
"""By dialect; the last one is another that speaks `pylontech_plus`."""
