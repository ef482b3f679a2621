"""Fixtures and time rules shared by all tests."""

from gevent import monkey

monkey.patch_all()  # first statement, as in supervisor.py

import os

import pykka
import pytest
from hypothesis import settings

from actors.timers import VirtualTimers
from adapters.clock import VirtualClock

# Invariants are tried on the same examples at every run; QUORUM_EXAMPLES=n hunts with n other ones each time.
_hunted = int(os.environ.get("QUORUM_EXAMPLES", "0"))
settings.register_profile("quorum", derandomize=not _hunted, database=None, deadline=None, max_examples=_hunted or 100)
settings.load_profile("quorum")


class RecordingPeers:
    """Stands in for the directory: keeps what an actor told, in order."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, object]] = []

    def tell(self, name: str, message: object) -> bool:
        self.sent.append((name, message))
        return True

    def to(self, name: str, kind: type | None = None) -> list:
        """Return what `name` was told, only of type `kind` if given."""
        return [message for to, message in self.sent if to == name and (kind is None or isinstance(message, kind))]


@pytest.fixture
def peers() -> RecordingPeers:
    return RecordingPeers()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(start_ms=1_767_225_600_000)  # 2026-01-01T00:00:00Z


@pytest.fixture
def timers(peers: RecordingPeers, clock: VirtualClock) -> VirtualTimers:
    """Timers that only fire when a test says so: move the clock, then fire_next()."""
    return VirtualTimers(peers=peers, clock=clock)


@pytest.fixture(autouse=True)
def _no_actor_survives_a_test():
    yield
    pykka.ActorRegistry.stop_all(block=False)  # block=True would wait for hung actors one after another
