"""The minutes of a run as arrays: which candle each holds, where prices reach a level, where opinions may come."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.signals import Candidates, Flags, candidates
from backtest.tables import CandleTable, FloatArray, IntArray

if TYPE_CHECKING:
    from backtest.engine import Job

MINUTE_MS = 60_000
NEVER = 1 << 60
AFTER_GAP = 5  # minutes after the last candle before a gap in which the pair becomes stale
FIRST_LOOK, LONGEST_LOOK = 128, 16_384


@dataclass(slots=True)
class PairGrid:
    """One pair; step k is the minute that begins k minutes after the start. Candle k opens at step k, ends at k + 1.

    Attributes:
        rows: row of the table for each step, -1 where there is no candle: int64, shape (steps,).
        open, high, low, quote_low, quote_high: float64, NaN where there is no candle; the last two of open and close.
        uneven: steps around missing candles, which are gone through one by one.
        any_steps, buy_steps, sell_steps: rising steps whose round may end in an opinion other than HOLD.
    """

    rows: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    quote_low: FloatArray
    quote_high: FloatArray
    uneven: Flags
    found: Candidates
    any_steps: list[int]
    buy_steps: list[int]
    sell_steps: list[int]

    @classmethod
    def of(cls, job: "Job", table: CandleTable, pair: str) -> "PairGrid":
        """Return the grid of one pair's table over the period of `job`."""
        steps = -(-(job.to_ms - job.from_ms) // MINUTE_MS)
        first, last = (int(place) for place in np.searchsorted(table.open_ms, (job.from_ms, job.to_ms)))
        at = (table.open_ms[first:last] - job.from_ms) // MINUTE_MS
        rows = np.full(steps + 1, -1, dtype=np.int64)
        rows[at] = np.arange(first, last)
        opens, highs, lows, closes = (_spread(steps + 1, at, table.floats[n, first:last]) for n in range(4))
        found = candidates(table.floats, job.settings.market.history)
        buy, sell = _opinion_steps(job, table, pair, steps, found)
        return cls(
            rows=rows,
            open=opens,
            high=highs,
            low=lows,
            quote_low=np.minimum(opens, closes),
            quote_high=np.maximum(opens, closes),
            uneven=_uneven(rows[:steps] < 0, steps + 1),
            found=found,
            any_steps=np.flatnonzero(buy | sell).tolist(),
            buy_steps=np.flatnonzero(buy).tolist(),
            sell_steps=np.flatnonzero(sell).tolist(),
        )

    def row(self, step: int) -> int:
        """Return the row of the candle that opens at `step`, -1 where there is none."""
        return int(self.rows[step])

    def next_reach(self, step: int, level: float, *, falls: bool, until: int, opened: bool) -> int:
        """Return at which step a candle that reaches `level` has to be looked at: where it opens beyond, or ends."""
        found = _first(self.low if falls else self.high, step, level, falls=falls, until=until)
        return self._where(found, step if opened else step - 1, level, falls=falls)

    def next_quote(self, step: int, level: float, *, falls: bool, until: int, opened: bool) -> int:
        """Return at which step an open or a close reaches `level`; `opened`: the open of `step` is past."""
        found = _first(self.quote_low if falls else self.quote_high, step, level, falls=falls, until=until)
        return self._where(found, step if opened else step - 1, level, falls=falls)

    def next_extreme(self, step: int, level: float, *, falls: bool, until: int) -> int:
        """Return at which step a candle ends whose high (low) reaches `level`."""
        found = _first(self.low if falls else self.high, step, level, falls=falls, until=until)
        return NEVER if found == NEVER else found + 1

    def _where(self, found: int, step: int, level: float, *, falls: bool) -> int:
        if found == NEVER:
            return NEVER
        opened = self.open[found]
        beyond = opened <= level if falls else opened >= level
        return found if beyond and found > step else found + 1


def _first(values: FloatArray, step: int, level: float, *, falls: bool, until: int) -> int:
    """Return the first step from `step` on, before `until`, whose value is at the level or beyond."""
    end, size = min(until, len(values)), FIRST_LOOK
    while step < end:
        part = values[step : min(end, step + size)]
        hits = part <= level if falls else part >= level
        place = int(hits.argmax())
        if hits[place]:
            return step + place
        step, size = step + len(part), min(LONGEST_LOOK, 2 * size)
    return NEVER


def _spread(size: int, at: IntArray, values: FloatArray) -> FloatArray:
    spread = np.full(size, np.nan)
    spread[at] = values
    return spread


def _opinion_steps(job: "Job", table: CandleTable, pair: str, steps: int, found: Candidates) -> tuple[Flags, Flags]:
    """Return at which steps a round may end in BUY, and in SELL."""
    buy, sell = np.zeros(steps + 1, dtype=bool), np.zeros(steps + 1, dtype=bool)
    after = (table.open_ms - job.from_ms) // MINUTE_MS + 1
    inside = (after >= 0) & (after <= steps)
    if any(entry.model == "technical" for entry in job.settings.analysts.values()):
        buy[after[inside]], sell[after[inside]] = found.buy[inside], found.sell[inside]
    _add_recorded(job, pair, buy, sell)
    every = max(1, round(job.settings.analysis.interval_seconds * 1000) // MINUTE_MS)
    off = np.arange(steps + 1) % every != 0
    buy[off] = sell[off] = False
    return buy, sell


def _add_recorded(job: "Job", pair: str, buy: Flags, sell: Flags) -> None:
    """Mark the steps in which a recorded BUY or SELL is fresh."""
    if job.opinions is None:
        return
    ttl_ms = job.settings.analysis.opinion_ttl_seconds * 1000
    for opinion in job.opinions.all_of(pair):
        first = max(0, -(-(opinion.formed_ms - job.from_ms) // MINUTE_MS))
        last = (opinion.formed_ms + ttl_ms - job.from_ms) // MINUTE_MS
        if opinion.action.sign and last >= 0:  # several votes: the direction of the whole is not known
            buy[first : last + 1] = sell[first : last + 1] = True


def _uneven(missing: Flags, size: int) -> Flags:
    """Return the steps next to missing candles: until the pair is stale, and where it comes back."""
    uneven = np.zeros(size, dtype=bool)
    before = np.concatenate(([False], missing[:-1]))
    begins, ends = np.flatnonzero(missing & ~before), np.flatnonzero(before & ~missing)
    for begin in begins:
        uneven[begin : begin + AFTER_GAP] = True
    for end in ends:
        uneven[end - 1 : end + 2] = True
    return uneven
