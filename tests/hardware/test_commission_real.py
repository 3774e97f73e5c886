"""The trial on a real BMS, with a pack that is played: what goes wrong is said, and undone."""

from collections.abc import Mapping

import pytest

from cellwarden.errors import ConfigError, LinkError
from cellwarden.repair.checklist import Result
from cellwarden.repair.seen import Seen
from cellwarden_hardware.commission.real import CHARGE, DISCHARGE, Real, RealTrial

SETTINGS = {
    "cell_overvoltage_v": 3.6,
    "cell_overvoltage_recovery_v": 3.4,
    "cell_undervoltage_v": 2.7,
    "cell_undervoltage_recovery_v": 3.0,
}


class Played:
    """A pack whose MOSFETs follow its settings, unless it is told to be stubborn."""

    def __init__(self) -> None:
        self.settings = dict(SETTINGS)
        self.cells = (3.300, 3.310)
        self.stubborn = False
        self.answers: list[str] = []
        """Verdicts other than `applied`, for the writes to come; `gone` for no controller."""
        self.written: list[Mapping[str, object]] = []
        self.on = True
        self.upset: list[BaseException] = []
        """Raised by the looks to come, after the first."""
        self.looks = 0

    def look(self) -> Seen:
        self.looks += 1
        if self.looks > 1 and self.upset:
            raise self.upset.pop(0)
        charge = self.stubborn or max(self.cells) <= self.settings["cell_overvoltage_v"]
        discharge = self.stubborn or min(self.cells) >= self.settings["cell_undervoltage_v"]
        return Seen(
            pack="left",
            online=True,
            cells_v=self.cells,
            settings=dict(self.settings),
            charge_fet_on=charge and self.on,
            discharge_fet_on=discharge and self.on,
        )

    def ask(self, message: Mapping[str, object]) -> Mapping[str, object]:
        verdict = self.answers.pop(0) if self.answers else "applied"
        if verdict == "gone":
            raise LinkError("the controller", "is gone")
        if verdict == "applied":
            changes = message["changes"]
            assert isinstance(changes, dict)
            self.written.append(changes)
            self.settings.update(changes)
        return {"verdict": verdict, "reason": f"it says {verdict}"}

    def show(self, trial: RealTrial = CHARGE) -> tuple[Result, str]:
        judged = Real("left", self.look, self.ask, lambda _: None).show(trial)
        return judged.result, judged.text


@pytest.mark.parametrize(
    ("trial", "first"),
    [
        (CHARGE, {"cell_overvoltage_v": 3.290, "cell_overvoltage_recovery_v": 3.260}),
        (DISCHARGE, {"cell_undervoltage_v": 3.320, "cell_undervoltage_recovery_v": 3.350}),
    ],
)
def test_the_threshold_is_brought_to_the_cell_and_back(
    trial: RealTrial, first: dict[str, float]
) -> None:
    pack = Played()
    assert pack.show(trial)[0] is Result.GOOD
    assert pack.written[0] == first
    assert pack.settings == SETTINGS


def test_a_mosfet_that_does_not_open_is_bad_and_the_settings_are_back() -> None:
    pack = Played()
    pack.stubborn = True
    assert pack.show() == (Result.BAD, "its MOSFET did not open; the settings are back")
    assert pack.settings == SETTINGS


def test_settings_that_do_not_go_back_are_said_loudly() -> None:
    pack = Played()
    pack.answers = ["applied", "refused"]
    result, text = pack.show()
    assert result is Result.BAD
    assert text.startswith("THE OLD SETTINGS DID NOT GO BACK (it says refused): set")
    assert "cell_overvoltage_v = 3.6, cell_overvoltage_recovery_v = 3.4" in text


@pytest.mark.parametrize("answer", ["refused", "rolled back", "gone"])
def test_a_controller_that_does_not_write_tells_nothing_of_the_bms(answer: str) -> None:
    pack = Played()
    pack.answers = [answer]
    result, text = pack.show()
    assert result is Result.UNKNOWN
    assert "the controller would not write" in text
    assert pack.settings == SETTINGS


def test_a_mosfet_that_is_off_already_is_not_judged() -> None:
    pack = Played()
    pack.on = False
    assert pack.show() == (Result.UNKNOWN, "its MOSFET is not on to begin with")
    assert pack.written == []


def test_without_settings_or_cells_nothing_is_written() -> None:
    pack = Played()
    pack.settings = {"cell_overvoltage_v": 3.6}
    judged = Real(
        "left",
        lambda: Seen(pack="left", online=True, cells_v=(3.3, None), charge_fet_on=True),
        pack.ask,
        lambda _: None,
    ).show(CHARGE)
    assert judged.result is Result.UNKNOWN
    assert pack.written == []


def test_a_pack_that_is_silent_for_a_moment_is_looked_at_again() -> None:
    pack = Played()
    pack.upset = [ConfigError("left does not answer now"), LinkError("left", "gone")]
    assert pack.show()[0] is Result.GOOD
    assert pack.settings == SETTINGS


def test_ctrl_c_in_the_middle_puts_the_settings_back() -> None:
    pack = Played()
    pack.upset = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        pack.show()
    assert pack.settings == SETTINGS
