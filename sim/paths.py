"""Price paths: the bars of any minute, as a pure function of (seed, pair, time) or out of a recording.

A path is asked for whole hours. It answers 60 bars of whole ticks and steps; the trades inside each bar are laid out by
`sim.tape`. Nothing is remembered but caches, so a restarted simulator goes on with exactly the same prices.
"""

import math
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple, Protocol

from sim.noise import EXTREME, NORMAL, noise
from sim.symbols import Listing

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
OCTAVES = 5  # days: value noise of 2, 4, 8, 16 and 32 days


class MinuteBar(NamedTuple):
    """One minute, prices in ticks, volume in steps."""

    open: int
    high: int
    low: int
    close: int
    volume: int


class PricePath(Protocol):
    """Where the bars come from."""

    def bars(self, hour: int) -> tuple[MinuteBar, ...]:
        """Return the 60 bars of the hour that begins `hour` hours after the epoch."""
        ...


class SeededPath:
    """A random walk with random access in time.

    The logarithm of the price is value noise over days (sums of octaves whose amplitude grows with the square root of
    their period, as that of a Brownian motion does, and which end at 32 days, so that prices stay near their base).
    Hours are a Brownian bridge inside their day, minutes one inside their hour, and the extremes of a minute follow the
    distribution of a Brownian bridge's extremes: P(max > m) = exp(-2 (m - a)(m - b) / s^2).

    Args:
        volatility: factor on all moves up to a day; longer ones grow with its square root.
    """

    def __init__(self, *, listing: Listing, seed: int, volatility: float = 1.0) -> None:
        self._listing = listing
        self._key = f"{seed}:{listing.pair}"
        self._day_sd = listing.daily_volatility * volatility
        self._long_sd = listing.daily_volatility * math.sqrt(volatility)
        self._ticks_per_unit = 1e8 / listing.tick
        self._hours = lru_cache(maxsize=64)(self._make_hours)
        self._day_log = lru_cache(maxsize=64)(self._make_day_log)

    def bars(self, hour: int) -> tuple[MinuteBar, ...]:
        data = noise(f"{self._key}:minutes:{hour}", 241)
        burst = math.exp(0.35 * NORMAL[data[240]] - 0.06)  # some hours are livelier than others
        minute_sd = self._day_sd / math.sqrt(1440) * burst
        day, hour_of_day = divmod(hour, 24)
        begin, end = self._hours(day)[hour_of_day : hour_of_day + 2]
        logs = _bridge(begin, end, data[:60], minute_sd)
        ticks = [max(1, round(math.exp(value) * self._ticks_per_unit)) for value in logs]
        usual = self._listing.minute_volume * burst
        return tuple(
            _bar(first, last, first * minute_sd, up, down, usual * math.exp(0.5 * NORMAL[volume]))
            for (first, last), up, down, volume in zip(
                pairwise(ticks), data[60:120], data[120:180], data[180:240], strict=True
            )
        )

    def _make_hours(self, day: int) -> list[float]:
        steps = noise(f"{self._key}:hours:{day}", 24)
        return _bridge(self._day_log(day), self._day_log(day + 1), steps, self._day_sd / math.sqrt(24))

    def _make_day_log(self, day: int) -> float:
        value = math.log(self._listing.price)
        for octave in range(1, OCTAVES + 1):
            index, rest = divmod(day, 1 << octave)
            before, after = self._lattice(octave, index), self._lattice(octave, index + 1)
            value += (before + (after - before) * rest / (1 << octave)) * 0.7 * self._long_sd * math.sqrt(1 << octave)
        return value

    def _lattice(self, octave: int, index: int) -> float:
        return int.from_bytes(noise(f"{self._key}:days:{octave}:{index}", 4), "big") / 2**31 - 1


def _bridge(begin: float, end: float, steps: bytes, sd: float) -> list[float]:
    """Return len(steps) + 1 values from `begin` to `end`: a random walk of normal steps, its drift taken out."""
    walk = list(accumulate((NORMAL[step] for step in steps), initial=0.0))
    slope = (end - begin - sd * walk[-1]) / len(steps)
    return [begin + sd * value + slope * index for index, value in enumerate(walk)]


def _bar(first: int, last: int, sd: float, up: int, down: int, volume: float) -> MinuteBar:
    middle, spread, variance = first + last, (first - last) ** 2, sd * sd
    high = int((middle + math.sqrt(spread + variance * EXTREME[up])) / 2)
    low = math.ceil((middle - math.sqrt(spread + variance * EXTREME[down])) / 2)
    lively = 0.5 + 0.3 * (high - low) / max(sd, 1.0)
    return MinuteBar(first, max(high, first, last), max(1, min(low, first, last)), last, int(volume * lively))
