"""Hosts with plugins that exist only for tests."""

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from cellwarden.hooks import hookimpl
from cellwarden.host import Host


def point(name: str, module: str) -> EntryPoint:
    return EntryPoint(name=name, value=module, group="cellwarden")


FAKE = point("fake", "support.fake_plugin")


def fake_host() -> Host:
    """A host with `support.fake_plugin` and nothing else."""
    return Host([FAKE])


def plugin(
    monkeypatch: pytest.MonkeyPatch, name: str, **hooks: Callable[..., object]
) -> EntryPoint:
    """Install a module made of these hooks for the length of a test."""
    module = ModuleType(f"test_plugin_{name}")
    for hook, function in hooks.items():
        setattr(module, hook, hookimpl(function))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return point(name, module.__name__)
