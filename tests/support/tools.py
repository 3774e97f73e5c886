"""Programs of this machine that tests start for real."""

import os
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"


def missing(what: str) -> None:
    """Skip the test, saying what is missing; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must not skip for that")
    pytest.skip(f"{what} is missing")


def require_tool(name: str, package: str) -> str:
    """Return the path of a program, or skip, naming the Debian package that has it."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        missing(f"{name} (Debian package {package})")
    return str(path)


def require_shared(*parts: str) -> Path:
    """Return a path beside the checkout, or skip: those tests are an extra."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"shared/{'/'.join(parts)} is not beside this checkout")
    return path
