"""Timer mail in virtual and in real time."""

import gevent
import pytest

from actors.timers import GeventTimers, VirtualTimers
from adapters.clock import SystemClock
from domain.messages import TimerFired


def fire_until(timers, clock, end_ms):
    while (due := timers.next_due_ms()) is not None and due <= end_ms:
        clock.move_to(due)
        timers.fire_next()


def test_virtual_timers_fire_in_order_of_due_time_then_of_setting(timers, clock, peers):
    start = clock.now_ms()
    timers.every(60, "bot", "round")
    timers.after(60, "hub", "once")
    timers.after(30, "hub", "early")
    fire_until(timers, clock, start + 120_000)

    assert [(to, m.key, m.due_ms - start) for to, m in peers.sent] == [
        ("hub", "early", 30_000),
        ("bot", "round", 60_000),
        ("hub", "once", 60_000),
        ("bot", "round", 120_000),
    ]


def test_setting_a_timer_again_replaces_it(timers, clock, peers):
    timers.every(10, "bot", "round")
    timers.every(60, "bot", "round")
    fire_until(timers, clock, clock.now_ms() + 60_000)

    assert len(peers.sent) == 1


def test_a_cancelled_timer_is_silent(timers, clock, peers):
    timers.after(1, "bot", "round")
    timers.cancel("bot", "round")

    assert timers.next_due_ms() is None


def test_a_period_below_the_resolution_of_the_recording_is_stretched_to_it(clock, peers):
    timers = VirtualTimers(peers=peers, clock=clock, resolution_seconds=60)
    timers.every(1, "broker", "mark")
    timers.after(1, "broker", "once")
    fire_until(timers, clock, clock.now_ms() + 120_000)

    assert [message.key for _, message in peers.sent] == ["once", "mark", "mark"]


@pytest.mark.parametrize("period", [0, -1])
def test_a_period_must_be_positive(timers, period):
    with pytest.raises(ValueError, match="a period must be > 0 s"):
        timers.every(period, "bot", "round")


def test_real_timers_speed_up_with_the_recording(peers):
    timers = GeventTimers(peers=peers, clock=SystemClock(), speed=1000)
    timers.every(10, "bot", "round")
    timers.after(10, "hub", "once")
    with gevent.Timeout(2):
        while len(peers.to("bot", TimerFired)) < 3:
            gevent.sleep(0.005)
    timers.cancel_all()

    assert [message.key for message in peers.to("hub")] == ["once"]
