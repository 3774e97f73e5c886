"""Writing to a JK over Bluetooth: three layouts in which the same number means different things."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cellwarden.errors import CommandRefused, WrongPassword
from cellwarden.model import RequestKind, SettingValue
from cellwarden_hardware.codecs import jk_ble
from cellwarden_hardware.codecs.jk_ble import FrameType
from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.jk_ble_writes import WRITES, number_command
from cellwarden_hardware.jk_reading import Lasting, lasting_of
from cellwarden_hardware.simulator.jk_ble_board import JkBleBoard
from cellwarden_hardware.simulator.jk_frame_values import device_values
from cellwarden_hardware.writers.common import SETTINGS, Password
from cellwarden_hardware.writers.jk_ble import JkBleWriter
from cellwarden_hardware.writers.jk_frames import makers_passwords
from support.jk_frames import frame
from support.written import simulated_pack

K = RequestKind
NOON_S = 1_764_429_119.0
"""When the maker's app set a clock in a capture: 2025-11-29 15:11:59 UTC."""

CAPTURED = {
    Layout.JK04: "ble-jk04-b2a16s",
    Layout.JK02_24S: "ble-24s-b2a24s20p",
    Layout.JK02_32S: "ble-32s-b2a8s20p-1117",
}


class Air:
    """A board without a radio between: what the driver lends the writing side."""

    def __init__(self, board: JkBleBoard, layout: Layout | None) -> None:
        self.board = board
        self.layout = layout
        self.told: list[bytes] = []

    async def ask_settings(self) -> Lasting:
        body = jk_ble.read_body(self.board.frame(FrameType.SETTINGS, 0), self.layout)
        assert isinstance(body, jk_ble.Settings)
        return lasting_of(body)

    async def ask_device(self) -> jk_ble.DeviceInfo:
        device = self.board.frame(FrameType.DEVICE_INFO, 0)
        body = jk_ble.read_body(device, None, secrets=True)
        assert isinstance(body, jk_ble.DeviceInfo)
        return body

    async def tell(self, command: bytes) -> None:
        self.told.append(command)
        self.board.take(jk_ble.read_command(command))


def of_capture(layout: Layout) -> tuple[Air, JkBleWriter]:
    frames = {
        FrameType.DEVICE_INFO: frame("jk_ble", f"{CAPTURED[layout]}-devinfo"),
        FrameType.SETTINGS: frame("jk_ble", f"{CAPTURED[layout]}-settings"),
    }
    board = JkBleBoard(simulated_pack(), device=device_values("x", 1), frames=frames)
    assert board.layout is layout
    return with_writer(Air(board, layout))


def simulated() -> tuple[Air, JkBleWriter]:
    board = JkBleBoard(simulated_pack(), device=device_values("emulated", 1))
    return with_writer(Air(board, Layout.JK02_32S))


def with_writer(air: Air, **password: str | None) -> tuple[Air, JkBleWriter]:
    reference: dict[str, str | None] = {"file": None, "env": None, "default": "123456", **password}
    return air, JkBleWriter(air, Password(which=SETTINGS, **reference), lambda: NOON_S)


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


@pytest.mark.parametrize("layout", CAPTURED)
def test_every_setting_of_a_captured_board_is_written_and_read_back(layout: Layout) -> None:
    async def test() -> None:
        _, writer = of_capture(layout)
        before = dict(await writer.read_settings())
        for name, setting in writer.writable().items():
            if name == "heating_switch" or name not in before:
                continue
            held = before[name]
            other: SettingValue = not held if isinstance(held, bool) else held + 2 * setting.step
            if name in ("shutdown_v", "cell_undervoltage_v"):
                other = float(held) - 2 * float(setting.step or 0)  # the board knows the order
            await writer.write_setting(name, other)
            now = dict(await writer.read_settings())
            assert now[name] == pytest.approx(other, abs=1e-4), name
            assert {n: v for n, v in now.items() if n != name} == {
                n: v for n, v in before.items() if n != name
            }, name
            await writer.write_setting(name, held)
        assert dict(await writer.read_settings()) == pytest.approx(before)

    run(test)


@pytest.mark.parametrize(
    ("layout", "name", "register"),
    [
        (Layout.JK04, "cell_count", "0x1C"),
        (Layout.JK04, "shutdown_v", "0x20"),
        (Layout.JK04, "balance_start_v", "0x58"),
        (Layout.JK04, "balance_trigger_v", "0x64"),
        (Layout.JK04, "balance_switch", "0x6C"),
        (Layout.JK02_24S, "cell_overvoltage_v", "0x04"),
        (Layout.JK02_24S, "charge_switch", "0x1D"),
        (Layout.JK02_24S, "discharge_switch", "0x1E"),
        (Layout.JK02_24S, "design_capacity_ah", "0x20"),
        (Layout.JK02_24S, "short_circuit_delay_s", "0x25"),
        (Layout.JK02_24S, "balance_start_v", "0x26"),
        (Layout.JK02_32S, "short_circuit_delay_s", "0x21"),
        (Layout.JK02_32S, "balance_start_v", "0x22"),
        (Layout.JK02_32S, "heating_switch", "0x27"),
        (Layout.JK02_32S, "discharge_undertemperature_c", "0x3A"),
    ],
)
def test_each_layout_has_its_own_registers(layout: Layout, name: str, register: str) -> None:
    _, writer = of_capture(layout)
    assert writer.writable()[name].register == register


def test_before_the_layout_is_known_nothing_is_writable() -> None:
    async def test() -> None:
        air, writer = of_capture(Layout.JK02_24S)
        air.layout = None
        assert writer.writable() == {}
        assert "has not said yet which layout" in str(writer.refusal(K.CHARGE_SWITCH))
        with pytest.raises(CommandRefused, match="has not said yet"):
            await writer.write_setting("cell_overvoltage_v", 3.6)
        with pytest.raises(CommandRefused, match="has not said yet"):
            await writer.act(K.RESTART, None)
        assert air.told == []

    run(test)


@pytest.mark.parametrize(
    ("name", "layout", "value"),
    [
        ("ble-app-jk04-power-off-2v7", Layout.JK04, ("power_off_voltage", 2.7)),
        ("ble-app-jk04-balance-on", Layout.JK04, ("balance_switch", True)),
        ("ble-app-heating-start-3c", Layout.JK02_32S, ("heating_start", 3)),
    ],
)
def test_commands_are_those_of_the_makers_app(
    name: str, layout: Layout, value: tuple[str, float | bool]
) -> None:
    captured = jk_ble.read_command(frame("jk_ble", name))
    ours = jk_ble.read_command(WRITES[layout][value[0]].command(value[1]))
    assert (ours.register, ours.data) == (captured.register, captured.data)


def test_the_clock_is_set_as_the_makers_app_did() -> None:
    async def test() -> None:
        air, writer = simulated()
        said = await writer.act(K.CLOCK, None)
        captured = jk_ble.read_command(frame("jk_ble", "ble-app-time-sync"))
        assert jk_ble.read_command(air.told[0]).value_raw == captured.value_raw
        assert said == "the clock was set to 2025-11-29 15:11 UTC"
        assert air.board.clock_s == captured.value_raw

    run(test)


@pytest.mark.requirement("R42")
@pytest.mark.requirement("R43")
@pytest.mark.parametrize(
    ("layout", "kind", "register", "count"),
    [
        (Layout.JK02_24S, K.CALIBRATE_VOLTAGE, 0x21, 52_310),
        (Layout.JK02_24S, K.CALIBRATE_CURRENT, 0x24, 52_310),
        (Layout.JK02_32S, K.CALIBRATE_VOLTAGE, 0x64, 52_310),
        (Layout.JK02_32S, K.CALIBRATE_CURRENT, 0x67, 52_310),
    ],
)
def test_a_calibration_goes_to_the_register_of_its_layout(
    layout: Layout, kind: RequestKind, register: int, count: int
) -> None:
    async def test() -> None:
        air, writer = of_capture(layout)
        await writer.act(kind, 52.31)
        command = jk_ble.read_command(air.told[0])
        assert (command.register, command.value_raw) == (register, count)

    run(test)


def test_a_discharge_is_calibrated_with_its_sign() -> None:
    assert jk_ble.read_command(number_command(0x67, -25_000)).data == b"\x58\x9e\xff\xff"


def test_restart_and_shut_down_are_told() -> None:
    async def test() -> None:
        air, writer = simulated()
        await writer.act(K.RESTART, None)
        assert (air.board.restarts, air.board.off) == (1, False)
        await writer.act(K.SHUTDOWN, None)
        assert air.board.off

    run(test)


def test_the_heating_switch_changes_its_own_bit_only() -> None:
    async def test() -> None:
        air, writer = simulated()
        await writer.write_setting("heating_switch", value=True)
        assert (await writer.read_settings())["heating_switch"] is True
        assert air.board.settings.values()["control_bits"] == 1
        await writer.write_setting("heating_switch", value=False)
        assert air.board.settings.values()["control_bits"] == 0

    run(test)


@pytest.mark.requirement("R46")
def test_private_data_of_13_characters_is_kept_and_more_is_refused() -> None:
    async def test() -> None:
        _, writer = simulated()
        assert "hello world 1" in await writer.act(K.USER_DATA, "hello world 1")
        for text in ("hello world 12", "grün", "", "a\nb"):
            with pytest.raises(CommandRefused, match="1 to 13 printable ASCII"):
                await writer.act(K.USER_DATA, text)

    run(test)


@pytest.mark.parametrize(
    ("layout", "kinds"),
    [
        (Layout.JK04, {K.BALANCE_SWITCH, K.PARAMETERS, K.PRESET}),
        (
            Layout.JK02_24S,
            {
                K.CHARGE_SWITCH, K.DISCHARGE_SWITCH, K.BALANCE_SWITCH, K.PARAMETERS, K.PRESET,
                K.CALIBRATE_VOLTAGE, K.CALIBRATE_CURRENT, K.USER_DATA,
            },
        ),
        (
            Layout.JK02_32S,
            {
                K.CHARGE_SWITCH, K.DISCHARGE_SWITCH, K.BALANCE_SWITCH, K.HEATING_SWITCH,
                K.PARAMETERS, K.PRESET, K.CALIBRATE_VOLTAGE, K.CALIBRATE_CURRENT, K.USER_DATA,
                K.CLOCK, K.RESTART, K.SHUTDOWN,
            },
        ),
    ],
)  # fmt: skip
def test_what_a_layout_can_do(layout: Layout, kinds: set[RequestKind]) -> None:
    _, writer = of_capture(layout)
    can = {kind for kind in RequestKind if kind.reaches_bms and writer.refusal(kind) is None}
    assert can == kinds


@pytest.mark.requirement("R45")
def test_the_makers_password_is_tried_where_none_is_configured() -> None:
    async def test() -> None:
        air, writer = simulated()
        await writer.log_in()
        air.board.device["setup_passcode"] = "s3cret"
        with pytest.raises(WrongPassword, match="settings_password_file") as caught:
            await writer.log_in()
        assert "s3cret" not in str(caught.value)

    run(test)


@pytest.mark.requirement("R45")
def test_a_configured_password_must_be_the_boards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        file = tmp_path / "password"
        file.write_text("s3cret\n")
        air, _ = simulated()
        _, by_file = with_writer(air, file=str(file))
        _, by_env = with_writer(air, env="BMS_PASSWORD")
        monkeypatch.setenv("BMS_PASSWORD", "s3cret")
        for writer in (by_file, by_env):
            air.board.device["setup_passcode"] = "s3cret"
            await writer.log_in()
            air.board.device["setup_passcode"] = "123456"
            with pytest.raises(WrongPassword, match="another settings password") as caught:
                await writer.log_in()
            assert "s3cret" not in str(caught.value)
        file.unlink()
        with pytest.raises(CommandRefused, match="cannot be read"):
            await by_file.log_in()

    run(test)


@pytest.mark.requirement("R45")
def test_passwords_that_nobody_has_changed_are_a_notice_without_the_password() -> None:
    async def test() -> None:
        air, _ = simulated()
        told = makers_passwords(await air.ask_device())
        assert [notice.split(" is still")[0] for notice in told] == [
            "the connection password", "the settings password",
        ]  # fmt: skip
        assert "123" not in "".join(told)
        air.board.device.update(device_passcode="7", setup_passcode="8")
        assert makers_passwords(await air.ask_device()) == ()

    run(test)
