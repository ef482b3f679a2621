"""How fast a replay goes, and where it stops."""

import time

import gevent


class Pace:
    """Waits so that recorded time passes `speed` times as fast as real time; 0: never waits."""

    def __init__(self, *, speed: float = 0.0, until_ms: int | None = None) -> None:
        self._speed = speed
        self._until_ms = until_ms
        self.stopped = False  # at `until_ms`
        self._began: tuple[int, float] | None = None  # recorded ms, real s

    def before(self, now_ms: int, name: str, message: object) -> bool:
        """Wait until it is time; return whether the replay goes on."""
        if self._until_ms is not None and now_ms > self._until_ms:
            self.stopped = True
            return False
        if self._speed:
            if self._began is None:
                self._began = (now_ms, time.monotonic())
            first_ms, began = self._began
            gevent.sleep(max(0.0, (now_ms - first_ms) / 1000 / self._speed - (time.monotonic() - began)))
        return True
