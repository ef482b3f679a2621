"""The virtual driver: one order of events and timers, one thing at a time."""

from collections.abc import Callable

import gevent
import pytest

from actors.timers import VirtualTimers
from actors.virtual_time import VirtualDriver
from adapters.clock import VirtualClock
from domain.market import MarketState
from domain.messages import TimerFired
from domain.ports import RecordedEvent


class Desk:
    """Notes what happens and when; may have work that takes a while."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.seen: list[tuple[int, object]] = []
        self.work = 0
        self.on_deliver: Callable[[object], None] = lambda message: None

    def deliver(self, message: object) -> None:
        assert self.quiet(), "something was delivered while the desk still worked"
        self.seen.append((self.clock.now_ms(), message))
        self.on_deliver(message)

    def tell(self, name: str, message: object) -> bool:
        assert self.quiet()
        self.seen.append((self.clock.now_ms(), message.key if isinstance(message, TimerFired) else message))
        return True

    def quiet(self) -> bool:
        return self.work == 0


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(start_ms=0)


@pytest.fixture
def desk(clock: VirtualClock) -> Desk:
    return Desk(clock)


@pytest.fixture
def timers(desk: Desk, clock: VirtualClock) -> VirtualTimers:
    return VirtualTimers(peers=desk, clock=clock)


def run(desk: Desk, timers: VirtualTimers, *events: RecordedEvent) -> list[tuple[int, object]]:
    driver = VirtualDriver(clock=desk.clock, timers=timers, events=iter(events), deliver=desk.deliver, quiet=desk.quiet)
    with gevent.Timeout(5):
        driver.run()
    return desk.seen[:-1]  # without the end


def test_what_happened_comes_before_timers_and_what_begins_after_them(desk: Desk, timers: VirtualTimers):
    timers.every(1, "desk", "timer")
    seen = run(
        desk,
        timers,
        RecordedEvent(500, 0, "early"),
        RecordedEvent(1000, 0, "closed"),
        RecordedEvent(1000, 2, "open"),
        RecordedEvent(2500, 0, "late"),
    )
    assert seen == [
        (500, "early"),
        (1000, "closed"),
        (1000, "timer"),
        (1000, "open"),
        (2000, "timer"),
        (2500, "late"),
    ]


def test_a_timer_set_while_time_is_moved_fires_in_its_turn(desk: Desk, timers: VirtualTimers):
    desk.on_deliver = lambda message: timers.after(0.1, "desk", "set late") if message == "a" else None
    seen = run(desk, timers, RecordedEvent(100, 0, "a"), RecordedEvent(300, 0, "b"))
    assert seen == [(100, "a"), (200, "set late"), (300, "b")]


def test_the_next_thing_waits_until_the_desk_is_quiet(desk: Desk, timers: VirtualTimers):
    def work(_: object) -> None:
        def done() -> None:
            desk.work -= 1

        desk.work += 1
        gevent.spawn_later(0.01, done)

    desk.on_deliver = work
    seen = run(desk, timers, RecordedEvent(100, 0, "a"), RecordedEvent(100, 0, "b"))
    assert [message for _, message in seen] == ["a", "b"]  # deliver() itself asserts that nothing was going on


def test_at_the_end_the_desk_is_told_and_time_stands_still(desk: Desk, timers: VirtualTimers):
    timers.every(1, "desk", "timer")
    run(desk, timers, RecordedEvent(1_774_742_400_000 - 1_774_742_399_500, 0, "only"))
    time_ms, ended = desk.seen[-1]
    assert time_ms == desk.clock.now_ms() == 500
    assert ended.state is MarketState.STALE
    assert ended.message == "recording ended at 1970-01-01 00:00:00 UTC"


def test_an_empty_recording_ends_at_once(desk: Desk, timers: VirtualTimers):
    assert run(desk, timers) == []


def test_it_can_be_stopped_in_between(desk: Desk, timers: VirtualTimers):
    driver = VirtualDriver(
        clock=desk.clock,
        timers=timers,
        events=(RecordedEvent(n, 0, n) for n in range(1_000_000)),
        deliver=desk.deliver,
        quiet=desk.quiet,
    )
    desk.on_deliver = lambda message: driver.stop() if message == 3 else None
    driver.run()
    assert [message for _, message in desk.seen[:-1]] == [0, 1, 2, 3]
