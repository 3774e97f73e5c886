"""Fixtures for every test."""

import os
import signal
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from cellwarden.model import BankState, Limits, PackState
from support import states

# No test is timed: a busy machine must not fail one. CI tries the same examples every time, so that
# what it says is about the change; elsewhere each run tries others.
settings.register_profile(
    "cellwarden",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("cellwarden")

# What a shell starts in the background ignores Ctrl-C, and so would the programs under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def make_pack() -> Callable[..., PackState]:
    """A healthy pack at 64 %; keyword arguments replace fields."""
    return states.pack_state


@pytest.fixture
def make_bank() -> Callable[..., BankState]:
    """A healthy bank of two such packs; keyword arguments replace fields."""
    return states.bank_state


@pytest.fixture
def make_limits() -> Callable[..., Limits]:
    """Limits with one plain reason each: (cvl_v, ccl_a, dcl_a, dvl_v)."""
    return states.limits
