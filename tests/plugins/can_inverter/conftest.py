"""An inverter in another process, on a bus of its own; an adapter that can be pulled out."""

from collections.abc import Iterator

import pytest

from support import flaky_can
from support.can_far_end import FarEnd
from support.multicast import free_channel

adapter = flaky_can.adapter


@pytest.fixture
def inverter() -> Iterator[FarEnd]:
    far_end = FarEnd(*free_channel())
    yield far_end
    far_end.close()
