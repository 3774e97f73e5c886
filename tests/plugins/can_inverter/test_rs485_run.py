"""`cellwarden run` as a process: emulated packs on serial ports in, an RS485 inverter out."""

import json
import os
import select
import sys
import time
import tty
from pathlib import Path

import pytest

from support.processes import cellwarden, started, status, until


class Master:
    """An inverter that asks and slices answers by the sheet's columns."""

    def __init__(self) -> None:
        self.line, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)

    def ask(self, text: str) -> str:
        os.write(self.line, text.encode() + b"\r")
        heard = b""
        while not heard.endswith(b"\r") and select.select([self.line], [], [], 0.3)[0]:
            heard += os.read(self.line, 64)
        return heard.decode().strip("\r")

    def limits(self) -> tuple[float, float, float, str] | None:
        """Return CVL in V, CCL and DCL in A and the status byte of 63H."""
        heard = self.ask("~200246630000FDA9")
        if heard[7:13] != "00D012":
            return None
        cvl, _, ccl, dcl = (int(heard[n : n + 4], 16) for n in range(13, 29, 4))
        return cvl / 1000, ccl / 10, dcl / 10, heard[29:31]

    def close(self) -> None:
        os.close(self.line)
        os.close(self._theirs)


@pytest.mark.system
def test_an_rs485_inverter_lives_through_a_bank_that_falls_silent_and_returns(
    tmp_path: Path,
) -> None:
    master = Master()
    emulator = [sys.executable, "-m", "cellwarden_hardware.simulator", "--packs", "2"]
    with started(emulator) as packs:
        ports = json.loads(packs.next_line())["ports"]
        tables = "".join(
            f'[[pack]]\nname = "{name}"\ndriver = "jk-rs485"\nport = "{port}"\n'
            'chemistry = "LiFePO4"\ncells = 16\ncapacity_ah = 280\n'
            for name, port in zip(("left", "right"), ports, strict=True)
        )
        config = tmp_path / "config.toml"
        config.write_text(
            f'[controller]\nstate_dir = "{tmp_path}/state"\nruntime_dir = "{tmp_path}/run"\n'
            f"gone_after_s = 5\nmax_age_s = 2\n{tables}"
            f'[[output]]\nplugin = "rs485_inverter"\nport = "{master.port}"\naddresses = [2, 3]\n'
        )
        with started(cellwarden("run", "--config", str(config)), log=tmp_path / "log") as house:
            allowed = until(master.limits, 15.0, "limits on the line")
            bank = until(lambda: status(tmp_path / "run"), 5.0, "the status")["bank"]
            assert allowed[0] == pytest.approx(bank["limits"]["charge_voltage"]["value"], abs=0.06)
            until(lambda: (master.limits() or (0, 0, 0, ""))[3] == "C0", 30.0, "both enables")
            heard = master.ask("~20024642E002FFFD09")
            assert heard[7:9] == "00"
            assert heard[15:19] == "0210"  # two packs, 16 cells in the first
            second = master.ask("~20034692E00203FD2C")
            assert second[3:5] == "03"
            assert second[13:15] == "03"
            for number in (0, 1):
                packs.say(f"silent {number}")
            blocked = until(
                lambda: (said := master.limits()) and said[3] == "00" and said, 10.0, "0 A"
            )
            assert blocked[1:] == (0.0, 0.0, "00")
            assert blocked[0] == pytest.approx(allowed[0], abs=1.0)
            assert int(master.ask("~200246620000FDAA")[15:17], 16) & 0x10  # internal comms
            until(lambda: master.ask("~0002464F0000FD9A") == "", 15.0, "silence")
            for number in (0, 1):
                packs.say(f"speak {number}")
            until(lambda: (master.limits() or (0, 0, 0, ""))[3] == "C0", 40.0, "the return")
            house.process.terminate()
            time.sleep(0.5)
            said = master.limits()
            assert said is None or said[1:] == (0.0, 0.0, "00")
            assert house.end() == 0
    master.close()
