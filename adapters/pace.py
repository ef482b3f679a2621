"""A limit on how often something is done in any stretch of time: connections in five minutes, messages in a second."""

import time
from collections import deque
from collections.abc import Callable


class Pace:
    """At most `limit` times in any `seconds`. It counts; who is too early waits by himself."""

    def __init__(self, *, limit: int, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        if limit <= 0 or seconds <= 0:
            raise ValueError(f"limit and seconds must be > 0, were {limit} and {seconds}")
        self._limit = limit
        self._seconds = seconds
        self._monotonic = monotonic
        self._done: deque[float] = deque()

    def wait_seconds(self) -> float:
        """Return how long the next time has to wait, 0 when it may be now."""
        now = self._monotonic()
        while self._done and self._done[0] <= now - self._seconds:
            self._done.popleft()
        return 0.0 if len(self._done) < self._limit else max(self._done[0] + self._seconds - now, 0.001)

    def count(self) -> None:
        """Note that it is done now."""
        self._done.append(self._monotonic())
