import gevent
import pytest
from pymongo.errors import AutoReconnect

from adapters import background
from adapters.background import BackgroundWriter


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(background, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(background, "LONGEST_PAUSE_SECONDS", 0.002)


def test_it_writes_until_nothing_is_left():
    left = [3, 2, 1]

    def write() -> bool:
        left.pop()
        return bool(left)

    writer = BackgroundWriter(name="numbers", write=write)
    writer.wake()
    writer.wake()
    assert left == [3, 2, 1]  # not in the caller's turn
    assert writer.close(timeout_seconds=1)
    assert left == []


def test_a_database_that_is_away_is_waited_for():
    outcomes = [AutoReconnect("away"), AutoReconnect("away"), False]

    def write() -> bool:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    writer = BackgroundWriter(name="numbers", write=write)
    writer.wake()
    assert writer.close(timeout_seconds=1)
    assert outcomes == []


def test_closing_gives_up_in_time():
    def write() -> bool:
        raise AutoReconnect("away")

    writer = BackgroundWriter(name="numbers", write=write)
    writer.wake()
    with gevent.Timeout(1):
        assert not writer.close(timeout_seconds=0.01)
    writer.wake()
    gevent.idle()
    assert not writer.busy


def test_a_bug_in_one_batch_does_not_end_later_writing():
    written = []

    def write() -> bool:
        written.append(1)
        if len(written) == 1:
            raise ZeroDivisionError
        return False

    writer = BackgroundWriter(name="numbers", write=write)
    writer.wake()
    gevent.idle()
    writer.wake()
    assert writer.close(timeout_seconds=1)
    assert len(written) == 2
