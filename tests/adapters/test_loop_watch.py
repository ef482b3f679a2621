"""What computes for too long is named: at once on standard error, afterwards in the log."""

import logging
import os
import time

import gevent
import gevent.events
import pytest
from gevent.monkey import get_original

from adapters.loop_watch import LoopWatch
from tests.adapters.waiting import eventually

# The monitor's thread writes down what all greenlets keep, hypothesis' strategies of earlier tests among it.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")

blocking_sleep = get_original("time", "sleep")
LIMIT_SECONDS = 0.1


@pytest.fixture
def reports():
    """Yield the file descriptor on which a watch writes; it watches this thread's loop."""
    read, write = os.pipe2(os.O_NONBLOCK)
    watch = LoopWatch(limit_seconds=LIMIT_SECONDS, output=write)
    watch.start()
    yield read
    watch.stop()
    os.close(read)
    os.close(write)


def compute_for_long(condition):
    """Keep the loop until the condition is met."""
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        blocking_sleep(0.01)


def read(descriptor):
    try:
        return os.read(descriptor, 65_536).decode()
    except BlockingIOError:
        return ""


def test_the_stack_is_written_while_the_loop_is_still_blocked_and_logged_afterwards(reports, caplog):
    written = []

    def seen():
        written.append(read(reports))
        return any(written)

    with caplog.at_level(logging.WARNING, "adapters.loop_watch"):
        gevent.spawn(compute_for_long, seen).join()
        assert "blocked for more than 0.1 s" in "".join(written)
        assert "compute_for_long" in "".join(written)
        eventually(lambda: "compute_for_long" in caplog.text)


def test_one_long_computation_is_one_report(reports):
    events = []
    hear = events.append
    gevent.events.subscribers.append(hear)
    gevent.spawn(compute_for_long, lambda: len(events) > 3).join()
    gevent.events.subscribers.remove(hear)
    assert len(events) > 3  # the monitor says it again and again
    assert read(reports).count("The loop is blocked") == 1


def test_waiting_is_no_computing(reports):
    gevent.sleep(3 * LIMIT_SECONDS)  # real time by intent: the watch has none other

    assert read(reports) == ""
