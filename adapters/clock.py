"""Clocks. The only place that reads the wall clock."""

import time


class SystemClock:
    """The wall clock, but never backwards: where it was set back, time runs on at half its pace until it is true again.

    What is recorded later must not be dated earlier.
    """

    def __init__(self, *, not_before_ms: int = 0) -> None:
        """Args:
        not_before_ms: epoch milliseconds that were read before, by an earlier process.
        """
        self._last_ns = not_before_ms * 1_000_000
        self._read_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """Return epoch milliseconds, UTC."""
        wall_ns, read_ns = time.time_ns(), time.monotonic_ns()
        if wall_ns < self._last_ns:
            wall_ns = self._last_ns + (read_ns - self._read_ns) // 2
        self._last_ns, self._read_ns = wall_ns, read_ns
        return wall_ns // 1_000_000


class ScaledClock:
    """A clock that starts at `start_ms` and runs `speed` times as fast as real time."""

    def __init__(self, *, start_ms: int, speed: float) -> None:
        self._start_ms = start_ms
        self._speed = speed
        self._began = time.monotonic()

    def now_ms(self) -> int:
        return self._start_ms + int((time.monotonic() - self._began) * 1000 * self._speed)


class VirtualClock:
    """A clock that stands still until it is moved; never backwards."""

    def __init__(self, *, start_ms: int) -> None:
        self._now_ms = start_ms

    def now_ms(self) -> int:
        return self._now_ms

    def move_to(self, now_ms: int) -> None:
        """Set the time; an earlier one is ignored."""
        self._now_ms = max(self._now_ms, now_ms)
