"""The D-Bus library of the Venus image, dbus-fast 2.22 in pure Python, passes the bus tests too."""

import os
import subprocess
import sys

import pytest

from support.tools import REPOSITORY

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

VERSION = "2.22.1"
TESTS = "every_item or subtree or one_signal or refused or introspection or restarts or floods"
"""Of each kind one: reading, signals, writing, a bus that dies, a flood."""


@pytest.fixture(scope="module")
def image_library():
    """Build it once, without a compiler, and keep it."""
    folder = REPOSITORY / "build" / f"dbus-fast-{VERSION}"
    if not (folder / "dbus_fast").is_dir():
        command = [
            sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install",
            "--no-deps", "--no-binary", "dbus-fast", "--target", folder, f"dbus-fast=={VERSION}",
        ]  # fmt: skip
        done = subprocess.run(
            command, env={**os.environ, "SKIP_CYTHON": "1"}, capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip(f"dbus-fast {VERSION} could not be fetched and built")
    assert list(folder.rglob("*.so")) == []
    return folder


def test_the_library_of_the_venus_image_passes_the_bus_tests(image_library, python_dbus):
    environment = {**os.environ, "PYTHONPATH": str(image_library)}
    where = [sys.executable, "-c", "import dbus_fast; print(dbus_fast.__file__)"]
    assert subprocess.check_output(where, env=environment).decode().startswith(str(image_library))
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
            "tests/plugins/victron/test_service.py", "tests/plugins/victron/test_settings.py",
            "-k", f"dbus_fast and ({TESTS})",
        ],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
