"""Imports point one way: plugins and hardware know the core, the core knows nobody."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = {
    "cellwarden": ROOT / "core" / "cellwarden",
    "cellwarden_hardware": ROOT / "hardware" / "cellwarden_hardware",
    **{
        folder.name: folder
        for plugin in (ROOT / "plugins").iterdir()
        for folder in plugin.glob("cellwarden_*")
    },
}

ALLOWED = {name: {name, "cellwarden"} for name in PACKAGES}

PURE = (
    "cellwarden/model",
    "cellwarden/engine",
    "cellwarden/diagnosis",
    "cellwarden_hardware/codecs",
)
IMPURE_MODULES = {
    "asyncio", "can", "dbus_fast", "dbus_next", "logging", "os", "paho", "pathlib", "random",
    "selectors", "serial", "socket", "sqlite3", "subprocess", "threading", "time",
}  # fmt: skip

HEAVY = {"bleak", "can", "dbus_fast", "dbus_next", "paho", "pymodbus", "serial", "sqlite3"}


def modules(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            yield node.module


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_arrows_point_to_the_core_only(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, tree in modules(PACKAGES[package])
        for name in imported(tree)
        if name.partition(".")[0] in PACKAGES and name.partition(".")[0] not in ALLOWED[package]
    ]
    assert wrong == []


def test_model_engine_and_codecs_do_no_io_and_read_no_clock() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in PACKAGES.values()
        for path, tree in modules(package)
        if any(part in path.as_posix() for part in PURE)
        for name in imported(tree)
        if name.partition(".")[0] in IMPURE_MODULES
    ]
    assert wrong == []


def test_the_core_reaches_up_only_along_its_own_order() -> None:
    """`model` knows nothing, `engine` only `model`; the shell around them knows both."""
    order = {"model": set(), "engine": {"model"}, "diagnosis": {"model", "engine"}}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room, below in order.items()
        for path, tree in modules(PACKAGES["cellwarden"] / room)
        for name in imported(tree)
        if name.startswith("cellwarden.") and name.split(".")[1] not in {room, *below}
    ]
    assert wrong == []


def test_plugin_modules_are_cheap_to_import() -> None:
    """No heavy library at module level of what the host imports for every command."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {alias}"
        for package in PACKAGES.values()
        for path in [package / "plugin.py"]
        if path.exists()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in imported(node)
        if alias.partition(".")[0] in HEAVY
    ]
    assert wrong == []


def test_except_exception_lives_in_the_supervisor_only() -> None:
    wrong = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES.values()
        for path, tree in modules(package)
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
    ]
    assert set(wrong) <= {"core/cellwarden/runtime/supervisor.py"}


def test_the_test_is_able_to_see_a_wrong_arrow() -> None:
    tree = ast.parse("from cellwarden_victron import paths")
    assert [n for n in imported(tree) if n not in ALLOWED["cellwarden"]] == ["cellwarden_victron"]
