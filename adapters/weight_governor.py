"""One budget of Binance request weight for the whole process: who wants to ask waits here until there is room.

Binance counts weight per address and minute (429 beyond it, 418 and a ban for who goes on). The governor keeps the
desk's own share of any 60 seconds below a limit, leaves room for others who share the address, and waits out what the
exchange asks for with Retry-After.
"""

import time
from collections import deque
from collections.abc import Callable

import gevent

WINDOW_SECONDS = 60.0
LONGEST_NAP_SECONDS = 1.0
ADDRESS_LIMIT = 6000  # Binance's limit per address and minute, until exchangeInfo says otherwise
HEADROOM = 0.9  # of the address limit


class WeightGovernor:
    """Weight used and allowed in the last minute.

    Args:
        weight_per_minute: the desk's own share, > 0.
        monotonic, sleep: time, for tests.
    """

    def __init__(
        self,
        *,
        weight_per_minute: int,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = gevent.sleep,
    ) -> None:
        self.limit_share(weight_per_minute)
        self._address_limit = ADDRESS_LIMIT
        self._monotonic = monotonic
        self._sleep = sleep
        self._spent: deque[tuple[float, int]] = deque()
        self._own = 0
        # Weight of others at our address: falling, the first is the most that was seen within a minute. The exchange
        # counts from each full minute on, so that its figures say little of others when a minute begins.
        self._others: deque[tuple[float, int]] = deque()
        self._blocked_until = 0.0

    def acquire(self, weight: int) -> None:
        """Wait until a request of `weight` may be sent, and count it. Blocks the calling greenlet only."""
        while (wait := self.wait_seconds(weight)) > 0:
            self._sleep(min(wait, LONGEST_NAP_SECONDS))
        self._spent.append((self._monotonic(), weight))
        self._own += weight

    def wait_seconds(self, weight: int) -> float:
        """Return how long a request of `weight` has to wait at least; 0 when it may be sent now."""
        now = self._monotonic()
        self._forget(now)
        if now < self._blocked_until:
            return self._blocked_until - now
        others = self._others[0][1] if self._others else 0
        fits_share = self._own + weight <= self._share
        fits_address = self._own + others + weight <= self._address_limit * HEADROOM
        if (fits_share and fits_address) or (not self._own and not others):  # one bigger than the limit goes alone
            return 0.0
        oldest = self._spent[0][0] if self._spent else self._others[0][0]
        return max(oldest + WINDOW_SECONDS - now, 0.001)

    def observed(self, used: int) -> None:
        """Take the weight that the exchange says was used at our address in its current minute."""
        now = self._monotonic()
        self._forget(now)
        others = max(0, used - self._own)
        while self._others and self._others[-1][1] <= others:
            self._others.pop()
        if others:
            self._others.append((now, others))

    def block(self, seconds: float) -> None:
        """Send nothing for `seconds`: the exchange asked for it."""
        self._blocked_until = max(self._blocked_until, self._monotonic() + seconds)

    def limit_share(self, weight_per_minute: int) -> None:
        """Change the desk's own share, > 0."""
        if weight_per_minute <= 0:
            raise ValueError(f"weight_per_minute must be > 0, was {weight_per_minute}")
        self._share = weight_per_minute

    def limit_address(self, weight_per_minute: int) -> None:
        """Take the exchange's own limit per address, as exchangeInfo tells it."""
        if weight_per_minute > 0:
            self._address_limit = weight_per_minute

    def used(self) -> int:
        """Return the weight this process used in the last minute."""
        self._forget(self._monotonic())
        return self._own

    def blocked_seconds(self) -> float:
        """Return for how long nothing may be sent, 0 when free."""
        return max(0.0, self._blocked_until - self._monotonic())

    def _forget(self, now: float) -> None:
        while self._spent and self._spent[0][0] <= now - WINDOW_SECONDS:
            self._own -= self._spent.popleft()[1]
        while self._others and self._others[0][0] <= now - WINDOW_SECONDS:
            self._others.popleft()
