"""The exchange's time: its own answers, carried on by our monotonic clock.

A wall clock that is set anew, or that stood still while the machine slept, does not move it: whether a candle is closed
never hangs on our own idea of the time.
"""

import time
from collections.abc import Callable

from domain.ports import Clock

JUMP_MS = 2000  # the wall clock and the monotonic one drift apart by more only when one of them was moved
GOOD_ROUND_TRIP_MS = 500  # an answer slower than this is asked for again
TRIES = 3


class ExchangeClock:
    """What time it is at the exchange, never later than it is there.

    The exchange read its clock before we received the answer; counted from the moment of receipt, the time is behind by
    the way of the answer, never ahead.
    """

    def __init__(self, *, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._server_ms = clock.now_ms()  # until the first answer our own clock has to do
        self._at = monotonic()
        self._apart_ms = self._wall_minus_monotonic()
        self.offset_ms = 0  # the exchange's clock minus ours, by the middle of the round trip

    def measure(self, ask: Callable[[], int]) -> None:
        """Take the time from the fastest of up to three answers of `ask` (epoch ms). Raises what `ask` raises."""
        best: int | None = None
        for _ in range(TRIES):
            asked, asked_ms = self._monotonic(), self._clock.now_ms()
            server_ms = ask()
            answered = self._monotonic()
            trip_ms = round((answered - asked) * 1000)
            if best is None or trip_ms < best:
                best = trip_ms
                self._server_ms, self._at = server_ms, answered
                self.offset_ms = server_ms - (asked_ms + trip_ms // 2)
            if trip_ms <= GOOD_ROUND_TRIP_MS:
                break
        self._apart_ms = self._wall_minus_monotonic()

    def now_ms(self) -> int:
        """Return the exchange's time, epoch ms: at least this late, and behind by less than a round trip."""
        return self._server_ms + int((self._monotonic() - self._at) * 1000)

    def jump_ms(self) -> int:
        """Return by how much the wall clock moved against the monotonic one since the last measurement, 0 when little.

        More than 0: the machine slept, or its clock was set ahead. Less: its clock was set back.
        """
        moved_ms = self._wall_minus_monotonic() - self._apart_ms
        return moved_ms if abs(moved_ms) > JUMP_MS else 0

    def _wall_minus_monotonic(self) -> int:
        return self._clock.now_ms() - int(self._monotonic() * 1000)
