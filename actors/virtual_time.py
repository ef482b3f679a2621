"""Plays a recording as fast as possible in virtual time: events and timers in one order, one at a time.

The next thing happens only when everything the last one caused has been done, so the same recording and settings
always lead to the same journal.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Protocol

import gevent

from actors.timers import VirtualTimers
from domain.market import MarketState
from domain.messages import SourceStatusChanged
from domain.ports import RecordedEvent

log = logging.getLogger(__name__)

TIMER_RANK = 1  # at one time: events of rank 0, then timers, then events of a higher rank
SPINS = 200  # yields to other greenlets before the driver begins to sleep between looks
NAP_SECONDS = 0.0005
PATIENCE_SECONDS = 30.0  # real time until a desk that does not become quiet is spoken of
PROGRESS_EVENTS = 50_000


class MovableClock(Protocol):
    """A clock that stands still until it is moved."""

    def now_ms(self) -> int: ...

    def move_to(self, now_ms: int) -> None: ...


class VirtualDriver:
    """Steps a desk through a recording. `run` returns when the recording has ended; time stands still then.

    Args:
        clock: the clock all actors read.
        timers: the timers all actors use, on that clock.
        events: the recording, in order.
        deliver: gives one event's message to the market actor.
        quiet: returns whether nobody has, handles or waits for anything.
    """

    def __init__(
        self,
        *,
        clock: MovableClock,
        timers: VirtualTimers,
        events: Iterator[RecordedEvent],
        deliver: Callable[[object], object],
        quiet: Callable[[], bool],
    ) -> None:
        self._clock = clock
        self._timers = timers
        self._events = events
        self._deliver = deliver
        self._quiet = quiet
        self.delivered = 0
        self.fired = 0
        self.stopped = False

    def run(self) -> None:
        """Play everything. Call it in a greenlet of its own, once all actors are up."""
        self._settle()
        event = next(self._events, None)
        while event is not None and not self.stopped:
            due_ms = self._timers.next_due_ms()
            if due_ms is not None and (due_ms, TIMER_RANK) < (event.time_ms, event.rank):
                self._clock.move_to(due_ms)
                self._timers.fire_next()
                self.fired += 1
            else:
                self._clock.move_to(event.time_ms)
                self._deliver(event.message)
                self._count()
                event = next(self._events, None)
            self._settle()
        self._end()

    def stop(self) -> None:
        """End after what is being done now."""
        self.stopped = True

    def _count(self) -> None:
        self.delivered += 1
        if self.delivered % PROGRESS_EVENTS == 0:
            log.info("Recording at %s, %s events played", _text(self._clock.now_ms()), self.delivered)

    def _settle(self) -> None:
        spins, waited = 0, 0.0
        while not self._quiet():
            spins += 1
            if spins <= SPINS:
                gevent.sleep(0)
                continue
            gevent.sleep(NAP_SECONDS)
            before, waited = waited, waited + NAP_SECONDS
            if before // PATIENCE_SECONDS != waited // PATIENCE_SECONDS:
                log.warning("Recording at %s waits for the desk to become quiet", _text(self._clock.now_ms()))

    def _end(self) -> None:
        now_ms = self._clock.now_ms()
        message = f"recording ended at {_text(now_ms)}"
        log.info("The %s: %s events, %s timers", message, self.delivered, self.fired)
        self._deliver(SourceStatusChanged(state=MarketState.STALE, message=message, at_ms=now_ms))
        self._settle()


def _text(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
