"""The weight budget, on a clock that is moved by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.weight_governor import WeightGovernor


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def governor(time: Time, share: int = 100) -> WeightGovernor:
    return WeightGovernor(weight_per_minute=share, monotonic=time.monotonic, sleep=time.sleep)


def test_requests_within_the_share_do_not_wait(time: Time):
    made = governor(time)
    for _ in range(10):
        made.acquire(10)
    assert time.now == 1000
    assert made.used() == 100


def test_what_is_beyond_the_share_waits_until_the_oldest_is_a_minute_old(time: Time):
    made = governor(time)
    made.acquire(60)
    time.now += 20
    made.acquire(40)
    made.acquire(10)
    assert time.now == pytest.approx(1060)
    assert made.used() == 50


def test_the_share_can_be_changed(time: Time):
    made = governor(time)
    made.acquire(100)
    assert made.wait_seconds(1) > 0
    made.limit_share(101)
    assert made.wait_seconds(1) == 0
    with pytest.raises(ValueError, match="must be > 0, was 0"):
        made.limit_share(0)


def test_a_request_bigger_than_the_share_goes_alone(time: Time):
    made = governor(time, 20)
    made.acquire(250)
    made.acquire(1)
    assert time.now == pytest.approx(1060)


def test_others_at_our_address_leave_less_room(time: Time):
    made = governor(time, 3000)
    made.acquire(100)
    made.observed(5350)  # 5250 of them are of others; 6000 x 0.9 = 5400 may be used
    assert made.wait_seconds(50) == 0
    assert made.wait_seconds(51) > 0
    time.now += 61
    assert made.wait_seconds(51) == 0


def test_what_others_use_is_remembered_when_the_exchange_begins_to_count_anew(time: Time):
    made = governor(time, 3000)
    made.observed(5000)
    time.now += 5
    made.observed(10)  # a new minute
    assert made.wait_seconds(400) == 0
    assert made.wait_seconds(401) > 0
    time.now += 56
    assert made.wait_seconds(3000) == 0


def test_the_exchanges_own_limit_is_taken(time: Time):
    made = governor(time, 3000)
    made.limit_address(1200)
    made.acquire(1000)
    assert made.wait_seconds(80) == 0
    assert made.wait_seconds(81) > 0


def test_nothing_is_sent_while_the_exchange_asks_to_wait(time: Time):
    made = governor(time)
    made.block(120)
    made.block(5)  # a shorter wish does not shorten it
    assert made.blocked_seconds() == 120
    made.acquire(1)
    assert time.now == pytest.approx(1120)


def test_a_share_of_nothing_is_refused():
    with pytest.raises(ValueError, match="weight_per_minute must be > 0"):
        WeightGovernor(weight_per_minute=0)


@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 20)), max_size=40))
def test_no_minute_ever_holds_more_than_the_share(requests: list[tuple[int, float]]):
    time, sent = Time(), []
    made = governor(time, 100)
    for weight, pause in requests:
        time.now += pause
        made.acquire(weight)
        sent.append((time.now, weight))
    for at, _ in sent:
        assert sum(weight for when, weight in sent if at - 60 < when <= at) <= 100
