"""The exchange's time, on clocks that are moved by hand."""

import pytest

from adapters.exchange_clock import ExchangeClock


class Clocks:
    """A wall clock and a monotonic one, and an exchange 90 s ahead of the wall at the beginning."""

    def __init__(self) -> None:
        self.wall_ms, self.counter, self.exchange_ms = 1_000_000, 50.0, 1_090_000
        self.way_seconds = [0.05]

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic(self) -> float:
        return self.counter

    def passed(self, seconds: float) -> None:
        self.wall_ms += round(seconds * 1000)
        self.exchange_ms += round(seconds * 1000)
        self.counter += seconds

    def ask(self) -> int:
        way = self.way_seconds.pop(0) if len(self.way_seconds) > 1 else self.way_seconds[0]
        self.passed(way)
        answer = self.exchange_ms
        self.passed(way)
        return answer


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def measured(clocks: Clocks) -> ExchangeClock:
    made = ExchangeClock(clock=clocks, monotonic=clocks.monotonic)
    made.measure(clocks.ask)
    return made


def test_it_is_never_ahead_of_the_exchange_and_behind_by_the_way_of_the_answer(clocks: Clocks):
    made = measured(clocks)
    clocks.passed(100)
    assert made.offset_ms == 90_000
    assert made.now_ms() == clocks.exchange_ms - 50


def test_a_slow_answer_is_asked_for_again_and_the_fastest_counts(clocks: Clocks):
    clocks.way_seconds = [2.0, 0.3, 0.4]
    made = measured(clocks)
    assert clocks.exchange_ms - made.now_ms() == pytest.approx(300, abs=2)
    clocks.way_seconds = [2.0, 0.1]
    made.measure(clocks.ask)
    assert clocks.exchange_ms - made.now_ms() == pytest.approx(100, abs=2)


def test_a_wall_clock_that_is_set_moves_nothing_and_is_noticed(clocks: Clocks):
    made = measured(clocks)
    clocks.wall_ms += 3_600_000
    assert made.now_ms() == clocks.exchange_ms - 50
    assert made.jump_ms() == 3_600_000
    made.measure(clocks.ask)
    assert (made.jump_ms(), made.offset_ms) == (0, 90_000 - 3_600_000)


def test_a_machine_that_slept_is_behind_until_it_asks_again(clocks: Clocks):
    made = measured(clocks)
    clocks.wall_ms += 600_000
    clocks.exchange_ms += 600_000  # the counter stands still during sleep
    assert made.now_ms() < clocks.exchange_ms
    assert made.jump_ms() == 600_000
    made.measure(clocks.ask)
    assert made.now_ms() == clocks.exchange_ms - 50


def test_small_corrections_of_the_wall_clock_are_no_jump(clocks: Clocks):
    made = measured(clocks)
    clocks.wall_ms += 1500
    assert made.jump_ms() == 0
    clocks.wall_ms -= 5000
    assert made.jump_ms() == -3500
