"""What actors and adapters measure, kept for `/metrics` over all their restarts."""

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from domain.ports import ModelAnswer

LATENCY_BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # seconds
CALL_BOUNDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0)


@dataclass(slots=True)
class Histogram:
    """Counts by size. `bounds`: seconds, rising; what is longer than the last counts as infinite."""

    bounds: tuple[float, ...]
    total: float = 0.0
    counts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def cumulated(self) -> list[tuple[str, float]]:
        """Return (upper bound, how many were at most as long) as Prometheus shows a histogram."""
        shown: list[tuple[str, float]] = []
        count = 0
        for bound, more in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            count += more
            shown.append((bound, count))
        return shown


def _of_calls() -> Histogram:
    return Histogram(CALL_BOUNDS)


@dataclass(slots=True)
class MeasuresKept:
    """Satisfies domain.ports.Measures."""

    orders: Histogram = field(default_factory=lambda: Histogram(LATENCY_BOUNDS))
    stops: Histogram = field(default_factory=lambda: Histogram(LATENCY_BOUNDS))
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)  # model, outcome
    cost_usd: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))  # model: as reported
    call_seconds: defaultdict[str, Histogram] = field(default_factory=lambda: defaultdict(_of_calls))
    notifications: Counter[tuple[str, str]] = field(default_factory=Counter)  # channel, outcome

    def order_durable(self, seconds: float) -> None:
        self.orders.observe(seconds)

    def stop_durable(self, seconds: float) -> None:
        self.stops.observe(seconds)

    def model_called(self, model: str, answer: ModelAnswer) -> None:
        self.calls[model, answer.outcome] += 1
        self.cost_usd[model] += answer.cost_usd or Decimal(0)
        self.call_seconds[model].observe(answer.latency_ms / 1000)

    def notified(self, channel: str, outcome: str, count: int) -> None:
        self.notifications[channel, outcome] += count
