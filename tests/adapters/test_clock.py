"""The clock that dates what is recorded."""

import time

import pytest

from adapters.clock import SystemClock

SECOND = 1_000_000_000


@pytest.fixture
def wall(monkeypatch):
    """A wall clock and a monotonic clock that the test sets, in nanoseconds."""
    times = {"time_ns": 1000 * SECOND, "monotonic_ns": 5 * SECOND}
    for name in times:
        monkeypatch.setattr(time, name, lambda name=name: times[name])
    return times


def pass_by(wall, seconds: float, *, step: float = 0) -> None:
    wall["monotonic_ns"] += int(seconds * SECOND)
    wall["time_ns"] += int((seconds + step) * SECOND)


def test_it_tells_the_wall_clocks_time(wall):
    clock = SystemClock()
    assert clock.now_ms() == 1_000_000
    pass_by(wall, 2.5)
    assert clock.now_ms() == 1_002_500
    pass_by(wall, 0, step=3600)  # set forward, or the machine slept
    assert clock.now_ms() == 4_602_500


def test_a_wall_clock_that_is_set_back_slows_it_down_until_it_is_true_again(wall):
    clock = SystemClock()
    clock.now_ms()
    pass_by(wall, 0, step=-10)
    assert clock.now_ms() == 1_000_000
    pass_by(wall, 4)
    assert clock.now_ms() == 1_002_000  # the wall clock says 994
    pass_by(wall, 4)
    assert clock.now_ms() == 1_004_000
    pass_by(wall, 8)
    assert clock.now_ms() == 1_006_000  # and now it is true
    pass_by(wall, 1)
    assert clock.now_ms() == 1_007_000


def test_it_begins_no_earlier_than_what_was_read_before(wall):
    clock = SystemClock(not_before_ms=1_500_000)
    assert clock.now_ms() == 1_500_000
    pass_by(wall, 2)
    assert clock.now_ms() == 1_501_000
    assert SystemClock(not_before_ms=900_000).now_ms() == 1_002_000
