"""Worlds on real loopback sockets for the tests of sim."""

import time

import pytest

from sim.world import World

NOON_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z
FAST = 40  # simulated seconds per real second


def fast_clock():
    """A clock that runs FAST times as fast as real time and begins five seconds before a full minute."""
    began = time.monotonic()
    return lambda: NOON_MS - 5_000 + int((time.monotonic() - began) * 1000 * FAST)


@pytest.fixture
def still_world():
    """A world whose time stands still at 2026-01-01T12:34:56.789Z: REST answers are the same each time."""
    with World(seed=7, control=True, think_seconds=0, clock=lambda: NOON_MS + 2_096_789) as world:
        yield world


@pytest.fixture
def fast_world():
    """A world in which a minute passes in a second and a half."""
    with World(seed=7, control=True, think_seconds=0, clock=fast_clock()) as world:
        yield world
