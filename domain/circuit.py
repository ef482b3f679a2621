"""The circuit breaker of one model, and the token bucket that bounds its calls.

closed --5 failures in a row--> open (60 s) --time over--> probing --success--> closed
                                  ^                           |
                                  '--failure: twice as long, at most 15 min--'
"""

from dataclasses import dataclass, replace

FAILURES_TO_OPEN = 5
FIRST_OPEN_MS = 60_000
LONGEST_OPEN_MS = 900_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The state of one breaker; `Breaker()` is closed."""

    failures: int = 0  # in a row
    open_until_ms: int | None = None  # None: closed
    open_for_ms: int = 0
    probing: bool = False

    def is_open(self, now_ms: int) -> bool:
        """Return whether calls are refused now, because it rests or because a probe is under way."""
        return self.open_until_ms is not None and (self.probing or now_ms < self.open_until_ms)

    def started(self) -> "Breaker":
        """Return the state once a permitted call has begun: after an open time it is the one probe."""
        return self if self.open_until_ms is None else replace(self, probing=True)

    def succeeded(self) -> "Breaker":
        """Return the state after a usable answer: closed, everything forgotten."""
        return Breaker()

    def spared(self) -> "Breaker":
        """Return the state after a call that said nothing about the model: it was never made."""
        return replace(self, probing=False)

    def failed(self, now_ms: int) -> "Breaker":
        """Return the state after a failed call, unusable content included."""
        failures = self.failures + 1
        if self.open_until_ms is None and failures < FAILURES_TO_OPEN:
            return Breaker(failures=failures)
        open_for_ms = min(2 * self.open_for_ms, LONGEST_OPEN_MS) if self.open_for_ms else FIRST_OPEN_MS
        return Breaker(failures=failures, open_until_ms=now_ms + open_for_ms, open_for_ms=open_for_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBucket:
    """At most `burst` calls at once, and one more each `refill_ms`."""

    burst: int
    refill_ms: int
    tokens: float
    at_ms: int

    def taken(self, now_ms: int) -> "TokenBucket | None":
        """Return the bucket without one token, None when there is none."""
        filled = min(float(self.burst), self.tokens + max(0, now_ms - self.at_ms) / self.refill_ms)
        return replace(self, tokens=filled - 1.0, at_ms=now_ms) if filled >= 1.0 else None
