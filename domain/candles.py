"""Candle series: exact candles for money, float64 columns for indicators, and coarser candles from finer ones.

The one place where exact prices become floats is `CandleSeries`.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from domain.market import Candle, PublicTrade, Ticker

DAY_MS = 86_400_000
_COLUMNS = 5  # open, high, low, close, volume


class Merge(StrEnum):
    """What became of a candle that was offered to a series."""

    ADDED = "added"
    AFTER_GAP = "after_gap"  # added, but candles between the last one and this one are missing
    REPEATED = "repeated"  # known already, nothing changed
    CONFLICTING = "conflicting"  # known with other figures; the first ones stay: a closed candle is final
    OUT_OF_ORDER = "out_of_order"  # older than the newest one and unknown


class CandleSeries:
    """The last `capacity` closed candles of one pair and interval, oldest first, and the open one where known."""

    def __init__(self, *, interval_ms: int, capacity: int) -> None:
        if interval_ms <= 0 or capacity <= 0:
            raise ValueError(f"interval_ms and capacity must be > 0, were {interval_ms} and {capacity}")
        self.interval_ms = interval_ms
        self.capacity = capacity
        self.open_candle: Candle | None = None
        self._candles: deque[Candle] = deque(maxlen=capacity)
        # Twice as long as needed, so that the newest `capacity` rows are always one contiguous view.
        self._rows = np.empty((_COLUMNS, 2 * capacity), dtype=np.float64)
        self._times = np.empty(2 * capacity, dtype=np.int64)
        self._end = 0

    def __len__(self) -> int:
        return len(self._candles)

    @property
    def newest(self) -> Candle | None:
        return self._candles[-1] if self._candles else None

    @property
    def oldest(self) -> Candle | None:
        return self._candles[0] if self._candles else None

    def add(self, candle: Candle) -> Merge:
        """Take one closed candle. The same one again changes nothing; an older unknown one is refused."""
        newest = self.newest
        if newest is not None and candle.open_ms <= newest.open_ms:
            known = self._at(candle.open_ms)
            if known is None:
                return Merge.OUT_OF_ORDER
            return Merge.REPEATED if known == candle else Merge.CONFLICTING
        self._append(candle)
        if self.open_candle is not None and self.open_candle.open_ms <= candle.open_ms:
            self.open_candle = None
        follows = newest is None or candle.open_ms == newest.open_ms + self.interval_ms
        return Merge.ADDED if follows else Merge.AFTER_GAP

    def set_open(self, candle: Candle) -> bool:
        """Take the open candle so far; False when it is older than what is known."""
        newest, current = self.newest, self.open_candle
        if newest is not None and candle.open_ms <= newest.open_ms:
            return False
        if current is not None and candle.open_ms < current.open_ms:
            return False
        self.open_candle = candle
        return True

    def merge(self, candles: Iterable[Candle]) -> tuple[Candle, ...]:
        """Take closed candles of any age, also between known ones. Return those that were new, oldest first.

        Known candles keep their figures. When there are more than `capacity`, the oldest are forgotten.
        """
        known = {candle.open_ms: candle for candle in self._candles}
        new = {candle.open_ms: candle for candle in candles if candle.open_ms not in known}
        if not new:
            return ()
        kept = sorted((known | new).values(), key=lambda candle: candle.open_ms)[-self.capacity :]
        self._candles.clear()
        self._end = 0
        for candle in kept:
            self._append(candle)
        if self.open_candle is not None and self.open_candle.open_ms <= kept[-1].open_ms:
            self.open_candle = None
        first = kept[0].open_ms
        return tuple(candle for open_ms, candle in sorted(new.items()) if open_ms >= first)

    def last(self, limit: int) -> tuple[Candle, ...]:
        """Return the newest `limit` closed candles, oldest first."""
        if limit <= 0:
            return ()
        return tuple(self._candles)[-limit:]

    def since(self, ms: int) -> tuple[Candle, ...]:
        """Return the closed candles that end after `ms`, oldest first."""
        candles = tuple(self._candles)
        return candles[bisect_left(candles, ms - self.interval_ms + 1, key=lambda candle: candle.open_ms) :]

    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Return the missing stretches inside the series as (first, last) open times, oldest first."""
        times = self.open_times()
        before = np.flatnonzero(np.diff(times) != self.interval_ms)
        step = self.interval_ms
        return tuple((int(times[i]) + step, int(times[i + 1]) - step) for i in before)

    def open_times(self) -> NDArray[np.int64]:
        """Return the open times: epoch ms, int64, shape (n,), oldest first; a view."""
        return self._times[self._end - len(self._candles) : self._end]

    def columns(self) -> NDArray[np.float64]:
        """Return open, high, low, close, volume: float64, shape (5, n), oldest first; a view, not to be changed."""
        return self._rows[:, self._end - len(self._candles) : self._end]

    def _append(self, candle: Candle) -> None:
        if self._end == 2 * self.capacity:
            kept = self.capacity - 1
            self._rows[:, :kept] = self._rows[:, self._end - kept : self._end]
            self._times[:kept] = self._times[self._end - kept : self._end]
            self._end = kept
        self._rows[:, self._end] = (candle.open, candle.high, candle.low, candle.close, candle.volume)
        self._times[self._end] = candle.open_ms
        self._end += 1
        self._candles.append(candle)

    def _at(self, open_ms: int) -> Candle | None:
        index = int(np.searchsorted(self.open_times(), open_ms))
        if index < len(self._candles) and self._candles[index].open_ms == open_ms:
            return self._candles[index]
        return None


class CandleAggregator:
    """Builds candles of a coarser interval from closed finer ones, given oldest first.

    A coarse candle is made only when all its parts are there: a candle with a hole would not be the exchange's.
    """

    def __init__(self, *, part_ms: int, interval_ms: int) -> None:
        if interval_ms % part_ms or interval_ms <= part_ms:
            raise ValueError(f"interval_ms must be a multiple of part_ms ({part_ms}), was {interval_ms}")
        self._part_ms = part_ms
        self._interval_ms = interval_ms
        self._parts = interval_ms // part_ms
        self._count = 0
        self._next_ms = -1
        self._bar: Candle | None = None

    def add(self, part: Candle) -> Candle | None:
        """Take the next closed part; return the coarse candle that it completes, or None."""
        if part.open_ms % self._interval_ms == 0:
            self._count, self._bar = 1, part
        elif self._bar is not None and part.open_ms == self._next_ms:
            self._count, self._bar = self._count + 1, joined(self._bar, part)
        else:  # a part is missing
            self._count, self._bar = 0, None
        self._next_ms = part.open_ms + self._part_ms
        if self._count < self._parts:
            return None
        bar, self._bar, self._count = self._bar, None, 0
        return bar

    def open_with(self, part: Candle) -> Candle | None:
        """Return the coarse candle so far with `part`, which is not closed yet; None where a part is missing."""
        if part.open_ms % self._interval_ms == 0:
            return part
        if self._bar is None or part.open_ms != self._next_ms:
            return None
        return joined(self._bar, part)


class CandleBuilder:
    """Builds candles from trades, given in order. The first candle is left out: its beginning was not seen.

    Where no trade at all happened (the next trade's id follows directly) flat candles without volume stand in, as the
    exchange makes them; where trades are missing, no candle is made up.
    """

    def __init__(self, *, interval_ms: int) -> None:
        self._interval_ms = interval_ms
        self._whole = False  # the current candle was seen from its beginning
        self._last_id: int | None = None
        self.current: Candle | None = None

    def add(self, trade: PublicTrade) -> Iterator[Candle]:
        """Take the next trade; yield the candles that it closes."""
        open_ms = trade.traded_ms - trade.traded_ms % self._interval_ms
        alone = Candle(
            open_ms=open_ms,
            open=trade.price,
            high=trade.price,
            low=trade.price,
            close=trade.price,
            volume=trade.quantity,
        )
        current, follows = self.current, self._last_id is not None and trade.trade_id == self._last_id + 1
        self._last_id = trade.trade_id
        if current is not None and open_ms == current.open_ms:
            self.current = joined(current, alone)
            self._whole = self._whole and follows
            return
        self.current = alone
        if current is not None:
            yield from self._closed(current, open_ms, follows)
            self._whole = follows

    def _closed(self, current: Candle, next_open_ms: int, follows: bool) -> Iterator[Candle]:
        if self._whole and follows:
            yield current
        flat = range(current.open_ms + self._interval_ms, next_open_ms, self._interval_ms) if follows else range(0)
        for open_ms in flat:
            price = current.close
            yield Candle(open_ms=open_ms, open=price, high=price, low=price, close=price, volume=Decimal(0))


def joined(bar: Candle, part: Candle) -> Candle:
    """Return `bar` with the later `part` added to it."""
    return Candle(
        open_ms=bar.open_ms,
        open=bar.open,
        high=max(bar.high, part.high),
        low=min(bar.low, part.low),
        close=part.close,
        volume=bar.volume + part.volume,
    )


class DayStatistics:
    """Rolling 24 h statistics from closed candles, given oldest first.

    Candles carry no quote volume, so it is approximated as volume x (high + low + close) / 3.
    """

    def __init__(self, *, interval_ms: int) -> None:
        self._interval_ms = interval_ms
        self._window: deque[tuple[Candle, Decimal]] = deque()
        self._highs: deque[Candle] = deque()  # falling highs: the first is the highest of the window
        self._lows: deque[Candle] = deque()  # rising lows
        self._volume = self._quote_volume = Decimal(0)

    def add(self, candle: Candle) -> Ticker:
        """Take the next closed candle and return the statistics of the 24 h that end with it."""
        quote_volume = (candle.volume * (candle.high + candle.low + candle.close) / 3).quantize(Decimal("0.00000001"))
        self._window.append((candle, quote_volume))
        self._volume += candle.volume
        self._quote_volume += quote_volume
        while self._highs and self._highs[-1].high <= candle.high:
            self._highs.pop()
        while self._lows and self._lows[-1].low >= candle.low:
            self._lows.pop()
        self._highs.append(candle)
        self._lows.append(candle)
        self._forget(candle.open_ms + self._interval_ms - DAY_MS)
        opened = self._window[0][0].open
        change = candle.close - opened
        return Ticker(
            change_percent=(change * 100 / opened).quantize(Decimal("0.001")),
            change=change,
            high=self._highs[0].high,
            low=self._lows[0].low,
            volume=self._volume,
            quote_volume=self._quote_volume,
            event_ms=candle.open_ms + self._interval_ms,
        )

    def _forget(self, before_ms: int) -> None:
        while self._window[0][0].open_ms < before_ms:
            candle, quote_volume = self._window.popleft()
            self._volume -= candle.volume
            self._quote_volume -= quote_volume
        while self._highs[0].open_ms < before_ms:
            self._highs.popleft()
        while self._lows[0].open_ms < before_ms:
            self._lows.popleft()
