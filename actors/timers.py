"""Timer mail: live on gevent's own timers, or on a virtual clock that is moved by hand."""

import heapq
from itertools import count

import gevent

from actors.directory import PeersOf
from domain.messages import TimerFired
from domain.ports import Clock, Peers, Timers


class GeventTimers:
    """Timers in real time. `speed` > 1 shortens them, for a recording that plays faster."""

    def __init__(self, *, peers: Peers, clock: Clock, speed: float = 1.0) -> None:
        self._peers = peers
        self._clock = clock
        self._speed = speed
        self._running: dict[tuple[str, str], gevent.Greenlet[..., None]] = {}

    def after(self, seconds: float, name: str, key: str) -> None:
        self._set(name, key, seconds, repeat=False)

    def every(self, seconds: float, name: str, key: str) -> None:
        if seconds <= 0:
            raise ValueError(f"a period must be > 0 s, was {seconds}")
        self._set(name, key, seconds, repeat=True)

    def cancel(self, name: str, key: str) -> None:
        if (running := self._running.pop((name, key), None)) is not None:
            running.kill(block=False)

    def cancel_all(self) -> None:
        for name, key in tuple(self._running):
            self.cancel(name, key)

    def _set(self, name: str, key: str, seconds: float, *, repeat: bool) -> None:
        self.cancel(name, key)
        self._running[(name, key)] = gevent.spawn(self._run, name, key, max(0.0, seconds) / self._speed, repeat)

    def _run(self, name: str, key: str, real_seconds: float, repeat: bool) -> None:
        while True:
            gevent.sleep(real_seconds)
            if not repeat:
                self._running.pop((name, key), None)
            self._peers.tell(name, TimerFired(key=key, due_ms=self._clock.now_ms()))
            if not repeat:
                return


class VirtualTimers:
    """Timers that fire when their owner moves the clock: tests and recordings at speed 0.

    `resolution_seconds` stretches shorter periods: between two candles of a recording nothing can have changed.
    """

    def __init__(self, *, peers: Peers, clock: Clock, resolution_seconds: float = 0.0) -> None:
        self._peers = peers
        self._clock = clock
        self._resolution_ms = round(resolution_seconds * 1000)
        self._order = count()
        self._heap: list[tuple[int, int, str, str, int]] = []  # due, order of setting, name, key, period (0 once)
        self._valid: dict[tuple[str, str], int] = {}

    def after(self, seconds: float, name: str, key: str) -> None:
        self._push(self._clock.now_ms() + round(seconds * 1000), name, key, 0)

    def every(self, seconds: float, name: str, key: str) -> None:
        if seconds <= 0:
            raise ValueError(f"a period must be > 0 s, was {seconds}")
        period = max(1, self._resolution_ms, round(seconds * 1000))
        self._push(self._clock.now_ms() + period, name, key, period)

    def cancel(self, name: str, key: str) -> None:
        self._valid.pop((name, key), None)

    def next_due_ms(self) -> int | None:
        """Return when the next timer is due, None when there is none."""
        while self._heap and self._valid.get(self._heap[0][2:4]) != self._heap[0][1]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def fire_next(self) -> None:
        """Tell the next timer's mail. The caller has moved the clock to its due time."""
        due, _, name, key, period = heapq.heappop(self._heap)
        self._valid.pop((name, key), None)
        if period:
            self._push(due + period, name, key, period)
        self._peers.tell(name, TimerFired(key=key, due_ms=due))

    def _push(self, due_ms: int, name: str, key: str, period: int) -> None:
        order = next(self._order)
        self._valid[(name, key)] = order
        heapq.heappush(self._heap, (due_ms, order, name, key, period))


class TimersOf:
    """Timers as one generation of one actor sees them: once it is revoked, it can set and cancel none."""

    def __init__(self, timers: Timers, peers: PeersOf) -> None:
        self._timers = timers
        self._peers = peers

    def after(self, seconds: float, name: str, key: str) -> None:
        if not self._peers.revoked:
            self._timers.after(seconds, name, key)

    def every(self, seconds: float, name: str, key: str) -> None:
        if not self._peers.revoked:
            self._timers.every(seconds, name, key)

    def cancel(self, name: str, key: str) -> None:
        if not self._peers.revoked:
            self._timers.cancel(name, key)
