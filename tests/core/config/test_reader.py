"""The configuration file: what is good, and every sentence about what is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cellwarden.config.reader import default_path, load, parse
from cellwarden.config.settings import Settings
from cellwarden.errors import ConfigError
from support.fake_plugin import Parity
from support.hosts import fake_host

PACK = """
[[pack]]
name = "left"
driver = "fake-bms"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 280
port = "/dev/ttyUSB0"
"""


def read(text: str) -> Settings:
    return parse(text, fake_host())


def mistakes(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return caught.value.problems


def test_a_short_file_gives_every_default() -> None:
    settings = read(PACK)
    assert settings.controller.mode == "monitor"
    assert settings.controller.poll_interval_s == 1.0
    assert settings.controller.effective_max_age_s == 3.0
    (pack,) = settings.packs
    assert (pack.name, pack.driver.name, pack.chemistry) == ("left", "fake-bms", "LiFePO4")
    assert pack.driver_options.port == "/dev/ttyUSB0"
    assert pack.driver_options.parity is Parity.NONE
    assert settings.outputs == ()


def test_parameters_follow_chemistry_cells_and_capacity() -> None:
    parameters = read(PACK).packs[0].parameters
    assert (parameters.cell_count, parameters.design_capacity_ah) == (16, 280)
    assert (parameters.charge_voltage_v, parameters.cell_overvoltage_v) == (3.45, 3.6)
    assert (parameters.charge_current_max_a, parameters.discharge_current_max_a) == (140, 200)


def test_parameters_in_the_file_replace_the_defaults() -> None:
    parameters = read(PACK + "[pack.parameters]\ncharge_voltage_v = 3.5\ncharge_current_max_a = 80")
    assert parameters.packs[0].parameters.charge_voltage_v == 3.5
    assert parameters.packs[0].parameters.charge_current_max_a == 80.0


def test_a_whole_number_serves_where_a_number_is_wanted() -> None:
    settings = read(PACK + 'timeout_s = 2\n[controller]\nname = "Battery"')
    assert settings.packs[0].driver_options.timeout_s == 2.0
    assert isinstance(settings.packs[0].driver_options.timeout_s, float)


def test_the_folders_of_the_controller_are_taken_as_written() -> None:
    controller = read(PACK + '[controller]\nstate_dir = "/var/lib/cellwarden"').controller
    assert (controller.state_dir, controller.runtime_dir) == ("/var/lib/cellwarden", None)


def test_outputs_are_read_with_their_own_keys() -> None:
    settings = read(
        PACK
        + """
        [[output]]
        plugin = "fake_mqtt"
        topics = ["a", "b"]
        levels = [3]
        [[output]]
        plugin = "fake_can"
        name = "inverter"
        """
    )
    mqtt, can = settings.outputs
    assert (mqtt.name, mqtt.options.topics, mqtt.options.levels) == ("fake_mqtt", ("a", "b"), (3,))
    assert (can.name, can.output.name) == ("inverter", "fake_can")


def test_an_output_that_is_not_enabled_is_left_out() -> None:
    settings = read(PACK + '[[output]]\nplugin = "fake_can"\nenabled = false')
    assert settings.outputs == ()


def test_an_output_that_is_not_enabled_is_checked_all_the_same() -> None:
    assert mistakes(PACK + '[[output]]\nplugin = "fake_can"\nenabled = false\nx = 1') == (
        'output[1].x ("fake_can"): unknown key; known here: enabled, may_ask, name, plugin',
    )


@pytest.mark.parametrize("name", ["engine", "params"])
def test_an_output_cannot_take_the_name_of_the_engine_or_the_owner(name: str) -> None:
    (mistake,) = mistakes(PACK + f'[[output]]\nplugin = "fake_can"\nname = "{name}"')
    assert "are names of the controller itself" in mistake


BROKEN: dict[str, tuple[str, str]] = {
    "an empty file": (
        "",
        (
            "pack: there is none: add a [[pack]] table with name, driver, chemistry, cells and"
            " capacity_ah (`cellwarden config init` shows one)"
        ),
    ),
    "an empty pack": (
        "[[pack]]",
        (
            'pack[1].driver: missing; the drivers there are: "bare", "fake-bms"\n'
            "pack[1].name: missing: short name of this pack (a text in quotes)\n"
            'pack[1].chemistry: missing: cell chemistry ("LiFePO4" or "Li-ion" or "LTO")\n'
            "pack[1].cells: missing: cells in series (a whole number, 2..32)\n"
            "pack[1].capacity_ah: missing: design capacity (a number, 5..2000 Ah)"
        ),
    ),
    "a table that is not known": (
        PACK + "[controler]",
        "controler: unknown key; did you mean controller?",
    ),
    "a key of the controller at the top": (
        'mode = "control"' + PACK,
        "mode: unknown key; it belongs in [controller]",
    ),
    "packs in single brackets, with a mistake inside": (
        PACK.replace("[[pack]]", "[pack]").replace("16", "1"),
        (
            "pack: write [[pack]] in double brackets: there may be several\n"
            'pack[1].cells ("left"): 1 is outside 2..32'
        ),
    ),
    "a pack that is no table": (
        "pack = [1]",
        "pack[1]: must be a table: write [[pack]] in double brackets, its keys below",
    ),
    "packs that are no tables at all": (
        "pack = 1",
        "pack: must be a table: write [[pack]] in double brackets, its keys below",
    ),
    "a controller in double brackets": (
        PACK + "[[controller]]",
        "controller: must be one table: write [controller] once, in single brackets",
    ),
    "parameters in double brackets": (
        PACK + "[[pack.parameters]]",
        (
            'pack[1].parameters ("left"): must be one table: write [pack.parameters] once, in'
            " single brackets"
        ),
    ),
    "a number outside its range": (
        PACK + "[controller]\npoll_interval_s = 0.01",
        "controller.poll_interval_s: 0.01 is outside 0.1..60 s",
    ),
    "a text where a number is wanted": (
        PACK.replace("280", '"280"'),
        (
            'pack[1].capacity_ah ("left"): "280" is a text; a number, 5..2000 Ah is wanted'
            " (without quotes)"
        ),
    ),
    "true where a whole number is wanted": (
        PACK.replace("16", "true"),
        'pack[1].cells ("left"): true is a boolean; a whole number, 2..32 is wanted',
    ),
    "a fraction where a whole number is wanted": (
        PACK.replace("16", "16.0"),
        'pack[1].cells ("left"): 16.0 is no whole number; a whole number, 2..32 is wanted',
    ),
    "nan": (
        PACK.replace("280", "nan"),
        'pack[1].capacity_ah ("left"): nan is no finite number; a number, 5..2000 Ah is wanted',
    ),
    "infinity": (
        PACK + "timeout_s = inf",
        'pack[1].timeout_s ("left"): inf is no finite number; a number, 0.1..5 s is wanted',
    ),
    "a number beyond any float": (
        PACK.replace("280", "1" + "0" * 400),
        (
            'pack[1].capacity_ah ("left"): a number of very many digits is no finite number;'
            " a number, 5..2000 Ah is wanted"
        ),
    ),
    "a number where a text is wanted": (
        PACK + "[controller]\nname = 1",
        "controller.name: 1 is a number; a text in quotes is wanted",
    ),
    "a date where a text is wanted": (
        PACK + "[controller]\nname = 2026-11-23",
        "controller.name: 2026-11-23 is a date or time; a text in quotes is wanted",
    ),
    "a number where a switch is wanted": (
        PACK + "allow_outside_chemistry = 1",
        'pack[1].allow_outside_chemistry ("left"): 1 is a number; true or false is wanted',
    ),
    "a choice that is none": (
        PACK + '[controller]\nmode = "controll"',
        'controller.mode: "controll" is none of "monitor", "control"; did you mean control?',
    ),
    "a choice in the wrong letters": (
        PACK.replace("LiFePO4", "lifepo4"),
        (
            'pack[1].chemistry ("left"): "lifepo4" is none of "LiFePO4", "Li-ion", "LTO"; did you'
            " mean LiFePO4?"
        ),
    ),
    "a curve with a point that lacks its voltage": (
        PACK + "ocv_soc_percent = [0, 50, 100]\nocv_v = [2.5, 3.6]",
        'pack[1] ("left"): ocv_soc_percent and ocv_v must have as many values, at least 2',
    ),
    "a curve that does not reach full": (
        PACK + "ocv_soc_percent = [0, 50, 90]\nocv_v = [2.5, 3.3, 3.6]",
        'pack[1] ("left"): ocv_soc_percent must rise from 0 to 100',
    ),
    "a curve that falls": (
        PACK + "ocv_soc_percent = [0, 50, 100]\nocv_v = [2.5, 3.3, 3.2]",
        'pack[1] ("left"): ocv_v must not fall with the SoC',
    ),
    "a choice of a driver's own": (
        PACK + 'parity = "odd"',
        'pack[1].parity ("left"): "odd" is none of "none", "even"',
    ),
    "a list where one is wanted": (
        PACK.replace('"/dev/ttyUSB0"', '["/dev/ttyUSB0"]'),
        'pack[1].port ("left"): [...] is a list; a text in quotes is wanted',
    ),
    "one where a list is wanted": (
        PACK + '[[output]]\nplugin = "fake_mqtt"\ntopics = "a"',
        (
            'output[1].topics ("fake_mqtt"): "a" is a text; a list such as [a text in quotes,'
            " ...] is wanted"
        ),
    ),
    "a wrong item in a list": (
        PACK + '[[output]]\nplugin = "fake_mqtt"\nlevels = [1, 10]',
        'output[1].levels ("fake_mqtt"): 10 is outside 0..9',
    ),
    "a rule between two keys of a plugin": (
        PACK + '[[output]]\nplugin = "fake_mqtt"\npassword_file = "/etc/secret"',
        'output[1] ("fake_mqtt"): password_file needs user',
    ),
    "a key with a missing end": (
        PACK + "time = 1",
        'pack[1].time ("left"): unknown key; did you mean timeout_s?',
    ),
    "a key in quotes with a line break": (
        PACK + '"a\\nb" = 1',
        (
            'pack[1]."a\\nb" ("left"): unknown key; known here: address, allow_outside_chemistry,'
            " bms_soc, capacity_ah, cell_profile, cells, chemistry, driver, heating, model, name,"
            " ocv_soc_percent, ocv_v, parameters, parity, port, serial_number, timeout_s"
        ),
    ),
    "a parameter beside the pack's keys": (
        PACK + "cell_overvoltage_v = 3.6",
        (
            'pack[1].cell_overvoltage_v ("left"): unknown key; it belongs in [pack.parameters],'
            " below the other keys of its [[pack]]"
        ),
    ),
    "a key of the controller in a pack": (
        PACK + "poll_interval_s = 1",
        'pack[1].poll_interval_s ("left"): unknown key; it belongs in [controller]',
    ),
    "the cell count among the parameters": (
        PACK + "[pack.parameters]\ncell_count = 16",
        (
            'pack[1].parameters.cell_count ("left"): unknown key; write `cells = ...` in [[pack]]'
            " instead"
        ),
    ),
    "a driver that is not there": (
        PACK.replace("fake-bms", "fake-bsm"),
        (
            "pack[1].driver (\"left\"): there is no driver 'fake-bsm'; did you mean 'fake-bms'?"
            " available: bare, fake-bms"
        ),
    ),
    "a driver that is no text": (
        PACK.replace('"fake-bms"', "1"),
        (
            'pack[1].driver ("left"): 1 is no text in quotes; the drivers there are: "bare",'
            ' "fake-bms"'
        ),
    ),
    "an output that is not there": (
        PACK + '[[output]]\nplugin = "mqtt"',
        (
            "output[1].plugin (\"mqtt\"): there is no output 'mqtt'; did you mean 'fake_mqtt'?"
            " available: fake_can, fake_mqtt"
        ),
    ),
    "a name with a blank": (
        PACK.replace('"left"', '"left one"'),
        (
            'pack[1].name ("left one"): "left one": a name has 1 to 32 of the characters A-Z a-z'
            " 0-9 _ -"
        ),
    ),
    "a name of 33 characters": (
        PACK.replace('"left"', f'"{"x" * 33}"'),
        f'pack[1].name: "{"x" * 33}": a name has 1 to 32 of the characters A-Z a-z 0-9 _ -',
    ),
    "an empty name of the bank": (
        PACK + '[controller]\nname = ""',
        'controller.name: "": a name has 1 to 32 printable characters',
    ),
    "a folder that depends on where one stands": (
        PACK + '[controller]\nstate_dir = "state"',
        'controller.state_dir: "state": write the whole path, from / on',
    ),
    "two packs of one name": (
        PACK + PACK.replace("USB0", "USB1"),
        'pack[2].name ("left"): pack[1] has the same name',
    ),
    "two packs on one port": (
        PACK + PACK.replace("left", "right"),
        'pack[2].port ("right"): "/dev/ttyUSB0" is already read by pack[1]',
    ),
    "two outputs of one name": (
        PACK + '[[output]]\nplugin = "fake_can"\n[[output]]\nplugin = "fake_can"',
        'output[2].name ("fake_can"): output[1] has the same name: give each its own',
    ),
    "a 24 V pack beside a 48 V pack": (
        PACK + PACK.replace("left", "right").replace("USB0", "USB1").replace("16", "8"),
        (
            "pack: the packs of a bank are in parallel, but right has 25.6 V and left 51.2 V:"
            " check chemistry and cells"
        ),
    ),
    "a parameter outside its range": (
        PACK + "[pack.parameters]\ncell_overvoltage_v = 36",
        'pack[1].parameters.cell_overvoltage_v ("left"): 36 is outside 1.2..4.35 V',
    ),
    "parameters in the wrong order": (
        PACK + "[pack.parameters]\ncell_overvoltage_v = 3.55\ncell_overvoltage_recovery_v = 3.56",
        (
            'pack[1].parameters ("left"): cell_overvoltage_v = 3.55 must be greater than'
            " cell_overvoltage_recovery_v = 3.56"
        ),
    ),
    "a parameter in the wrong order with a default": (
        PACK + "[pack.parameters]\ncharge_voltage_v = 3.62",
        (
            'pack[1].parameters ("left"): cell_overvoltage_v = 3.6 must be greater than'
            " charge_voltage_v = 3.62 (cell_overvoltage_v: the default of LiFePO4)"
        ),
    ),
    "voltages beyond the chemistry": (
        PACK
        + "[pack.parameters]\ncharge_voltage_v = 3.7\ncell_overvoltage_v = 3.8\nshutdown_v = 2.4",
        "\n".join(
            f'pack[1].parameters.{name} ("left"): {wrong} that LiFePO4 stands; with the cell\'s'
            " data sheet in hand, set allow_outside_chemistry = true in its [[pack]]"
            for name, wrong in (
                ("cell_overvoltage_v", "3.8 is above the 3.65 V"),
                ("charge_voltage_v", "3.7 is above the 3.65 V"),
                ("shutdown_v", "2.4 is below the 2.5 V"),
            )
        ),
    ),
    "a reading that is too old before the next poll": (
        PACK + "[controller]\npoll_interval_s = 5\nmax_age_s = 5",
        (
            "controller.max_age_s: 5 s is less than two polls (poll_interval_s = 5): one late"
            " answer would take the pack out; give it 10 s or more"
        ),
    ),
    "gone before it is lost": (
        PACK + "[controller]\nmax_age_s = 30\ngone_after_s = 20",
        (
            "controller.gone_after_s: 20 s must be more than max_age_s = 30 s, after which a pack"
            " is lost"
        ),
    ),
    "a syntax error": (
        "[[pack]]\nname left",
        "line 2, column 6: Expected '=' after a key in a key/value pair: \"name left\"",
    ),
    "a key given twice": (
        PACK + "cells = 15",
        'line 9, column 11: Cannot overwrite a value: "cells = 15"',
    ),
    "nesting without end": (
        "a = " + "[" * 100_000,
        "cannot be read: nested too deep, or a number has thousands of digits",
    ),
    "a number of 5000 digits": (
        "a = " + "9" * 5000,
        "cannot be read: nested too deep, or a number has thousands of digits",
    ),
}


@pytest.mark.parametrize(("text", "expected"), BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_is_said_exactly(text: str, expected: str) -> None:
    assert "\n".join(mistakes(text)) == expected


def test_every_mistake_of_a_file_is_reported_at_once() -> None:
    found = mistakes(
        """
        [controller]
        mode = "auto"
        poll_intervall_s = 1
        [[pack]]
        name = "a b"
        driver = "fake-bms"
        chemistry = "LFP"
        cells = 40
        capacity_ah = 100
        address = 2.5
        [pack.parameters]
        cell_overvoltage_v = "high"
        [[pack]]
        name = "right"
        driver = "unknown"
        chemistry = "LTO"
        cells = 20
        capacity_ah = -1
        [[pack]]
        name = "right"
        driver = "fake-bms"
        port = "/dev/ttyUSB1"
        chemistry = "LTO"
        cells = 4
        capacity_ah = 100
        x = 1
        [[pack]]
        name = "third"
        driver = "fake-bms"
        port = "/dev/ttyUSB1"
        address = 1
        chemistry = "LTO"
        cells = 4
        [[output]]
        plugin = "fake_mqtt"
        retain = "yes"
        [[output]]
        """
    )
    assert found == (
        "controller.poll_intervall_s: unknown key; did you mean poll_interval_s?",
        'controller.mode: "auto" is none of "monitor", "control"',
        'pack[1].name ("a b"): "a b": a name has 1 to 32 of the characters A-Z a-z 0-9 _ -',
        (
            'pack[1].chemistry ("a b"): "LFP" is none of "LiFePO4", "Li-ion", "LTO"; did you mean'
            " LiFePO4?"
        ),
        'pack[1].cells ("a b"): 40 is outside 2..32',
        'pack[1].port ("a b"): missing: where it is (a text in quotes)',
        'pack[1].address ("a b"): 2.5 is no whole number; a whole number, 1..15 is wanted',
        (
            'pack[1].parameters.cell_overvoltage_v ("a b"): "high" is a text; a number, 1.2..4.35 V'
            " is wanted (without quotes)"
        ),
        "pack[2].driver (\"right\"): there is no driver 'unknown'; available: bare, fake-bms",
        'pack[2].capacity_ah ("right"): -1 is outside 5..2000 Ah',
        (
            'pack[3].x ("right"): unknown key; known here: address, allow_outside_chemistry,'
            " bms_soc, capacity_ah, cell_profile, cells, chemistry, driver, heating, model, name,"
            " ocv_soc_percent, ocv_v, parameters, parity, port, serial_number, timeout_s"
        ),
        'pack[3].name ("right"): pack[2] has the same name',
        'pack[4].capacity_ah ("third"): missing: design capacity (a number, 5..2000 Ah)',
        'pack[4].port ("third"): "/dev/ttyUSB1" is already read by pack[3]',
        (
            "pack: the packs of a bank are in parallel, but right has 9.2 V and right 46 V: check"
            " chemistry and cells"
        ),
        'output[1].retain ("fake_mqtt"): "yes" is a text; true or false is wanted (without quotes)',
        'output[2].plugin: missing; the outputs there are: "fake_can", "fake_mqtt"',
    )


def test_voltages_beyond_the_chemistry_are_taken_where_the_person_says_so() -> None:
    settings = read(
        PACK + "allow_outside_chemistry = true\n[pack.parameters]\ncell_overvoltage_v = 3.7"
    )
    assert settings.packs[0].parameters.cell_overvoltage_v == 3.7


def test_one_port_may_serve_several_addresses() -> None:
    second = PACK.replace("left", "right") + "address = 2\n"
    assert [pack.name for pack in read(PACK + second).packs] == ["left", "right"]


def test_packs_of_nearly_the_same_voltage_may_differ_in_chemistry() -> None:
    second = PACK.replace("left", "right").replace("USB0", "USB1")
    second = second.replace("LiFePO4", "Li-ion").replace("16", "14")
    assert len(read(PACK + second).packs) == 2


def test_a_slow_poll_moves_the_age_with_it() -> None:
    settings = read(PACK + "[controller]\npoll_interval_s = 20")
    assert settings.controller.effective_max_age_s == 40.0


def test_a_file_is_read_with_a_byte_order_mark_and_foreign_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "cellwarden.toml"
    path.write_bytes(b"\xef\xbb\xbf" + PACK.replace("\n", "\r\n").encode())
    assert load(path, fake_host()).source == str(path)


def _missing(path: Path) -> str:
    return f"there is no configuration file {path}: write one with `cellwarden config init {path}`"


def _folder(path: Path) -> str:
    path.mkdir()
    return f"{path} is a folder: name the file in it, such as {path}/cellwarden.toml"


def _latin(path: Path) -> str:
    path.write_bytes(b'# caf\xe9\n\nname = "\xe9"')
    return f"{path}, line 1: not UTF-8 text; save the file as UTF-8"


def _huge(path: Path) -> str:
    path.write_bytes(b"#" * 1_000_001)
    return f"{path} is larger than 1000000 bytes: that is no configuration"


def _syntax(path: Path) -> str:
    path.write_text("[[pack]")
    return (
        f"{path}: line 1, column 7: Expected ']]' at the end of an array declaration: \"[[pack]\""
    )


@pytest.mark.parametrize("make", [_missing, _folder, _latin, _huge, _syntax])
def test_a_file_that_cannot_be_used_says_what_to_do(
    make: Callable[[Path], str], tmp_path: Path
) -> None:
    path = tmp_path / "given.toml"
    expected = make(path)
    with pytest.raises(ConfigError) as caught:
        load(path, fake_host())
    assert caught.value.problems == (expected,)


def test_a_file_below_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="file/x cannot be read: Not a directory"):
        load(tmp_path / "file" / "x", fake_host())


def test_a_file_of_somebody_else_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.toml"

    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything: the test may be root
    with pytest.raises(ConfigError, match="may not be read by this user: change its permissions"):
        load(path, fake_host())


def test_the_environment_names_the_file_before_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWARDEN_CONFIG", "/somewhere/else.toml")
    assert default_path() == Path("/somewhere/else.toml")


def test_then_comes_the_file_in_this_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CELLWARDEN_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cellwarden.toml").touch()
    assert default_path() == Path("cellwarden.toml")


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("conf", "{tmp}/conf/cellwarden.toml"), ("nowhere", "/etc/cellwarden.toml")],
)
def test_then_the_folder_that_venus_os_keeps_or_else_the_system_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str, expected: str
) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "empty").mkdir()
    monkeypatch.delenv("CELLWARDEN_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setattr("cellwarden.config.reader.VENUS_FOLDER", tmp_path / folder)
    assert default_path() == Path(expected.format(tmp=tmp_path))
