"""Waiting for a condition in real time, where sockets are real."""

import time
from collections.abc import Callable

import gevent


def eventually(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until `holds` returns something true; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        gevent.sleep(0.02)
