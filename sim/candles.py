"""Klines of any interval and rolling statistics, summed from a tape."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby

import gevent

from sim.paths import HOUR_MS, MINUTE_MS
from sim.tape import Sums, Tape, Trade, merge, sums_of

LISTED_MS = 1_735_689_600_000  # 2025-01-01: no candle is older
DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
_MONDAY_MS = 4 * DAY_MS  # the epoch was a Thursday
_FIXED: dict[str, int] = {
    "1s": 1000,
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
}
INTERVALS = (*_FIXED, "1w", "1M")


def open_of(interval: str, at_ms: int) -> int:
    """Return the open time of the candle that holds `at_ms`. Weeks begin on Monday, months on their first, UTC."""
    if interval == "1M":
        return _month_ms(datetime.fromtimestamp(at_ms // 1000, UTC), 0)
    if interval == "1w":
        return (at_ms - _MONDAY_MS) // WEEK_MS * WEEK_MS + _MONDAY_MS
    length = _FIXED[interval]
    return at_ms // length * length


def end_of(interval: str, open_ms: int) -> int:
    """Return the first millisecond after the candle that opens at `open_ms`."""
    if interval == "1M":
        return _month_ms(datetime.fromtimestamp(open_ms // 1000, UTC), 1)
    return open_ms + (WEEK_MS if interval == "1w" else _FIXED[interval])


def _month_ms(moment: datetime, later: int) -> int:
    year, month = divmod(moment.year * 12 + moment.month - 1 + later, 12)
    return int(datetime(year, month + 1, 1, tzinfo=UTC).timestamp()) * 1000


class Candles:
    """All candles of one pair."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def at(self, interval: str, open_ms: int, now_ms: int) -> Sums:
        """Return the candle that opens at `open_ms`, as far as it has come by `now_ms`.

        A candle without any trade is flat at the last price, as on Binance.
        """
        end_ms = min(end_of(interval, open_ms), now_ms + 1)
        if interval == "1s":
            return self._of_trades(open_ms, self._tape.trades_between(open_ms - 1, end_ms - 1))
        parts = list(self._parts(open_ms, end_ms))
        return merge(parts, open_ms) if parts else self._of_trades(open_ms, [])

    def select(
        self, interval: str, *, now_ms: int, limit: int, start_ms: int | None = None, end_ms: int | None = None
    ) -> list[Sums]:
        """Return up to `limit` candles as GET /klines does: from `start_ms` on, else the newest before `end_ms`."""
        last_ms = open_of(interval, min(now_ms, now_ms if end_ms is None else end_ms))
        opens: list[int] = []
        if start_ms is None:
            open_ms = last_ms
            while len(opens) < limit and open_ms >= LISTED_MS:
                opens.append(open_ms)
                open_ms = open_of(interval, open_ms - 1)
            opens.reverse()
        else:
            open_ms = open_of(interval, max(start_ms, LISTED_MS))
            open_ms = open_ms if open_ms >= start_ms else end_of(interval, open_ms)
            while len(opens) < limit and open_ms <= last_ms:
                opens.append(open_ms)
                open_ms = end_of(interval, open_ms)
        if interval == "1s":
            return self._seconds(opens, now_ms)
        return [self.at(interval, open_ms, now_ms) for open_ms in opens]

    def window(self, begin_ms: int, now_ms: int) -> Sums:
        """Return the statistics of the minutes from `begin_ms` (a whole minute) up to `now_ms`."""
        return merge(list(self._parts(begin_ms, now_ms + 1)), begin_ms)

    def _seconds(self, opens: list[int], now_ms: int) -> list[Sums]:
        if not opens:
            return []
        trades = self._tape.trades_between(opens[0] - 1, min(now_ms, opens[-1] + 999))
        by_second = {second: list(some) for second, some in groupby(trades, key=lambda trade: trade.time_ms // 1000)}
        return [self._of_trades(open_ms, by_second.get(open_ms // 1000, [])) for open_ms in opens]

    def _of_trades(self, open_ms: int, trades: list[Trade]) -> Sums:
        if trades:
            return sums_of(trades, open_ms)
        last = self._tape.around(open_ms)[0]
        return Sums(open_ms, last.price, last.price, last.price, last.price, 0, 0, 0, 0, 0, -1, -1)

    def _parts(self, begin_ms: int, end_ms: int) -> Iterator[Sums]:
        """Yield the largest closed parts, hours and minutes, and what has been traded of the last minute."""
        at_ms = begin_ms
        while at_ms < end_ms:
            if at_ms % HOUR_MS == 0 and at_ms + HOUR_MS <= end_ms:
                if at_ms // HOUR_MS % 24 == 0:
                    gevent.sleep(0)  # years of history must not hold up the streams
                yield self._tape.hour_sums(at_ms // HOUR_MS)
                at_ms += HOUR_MS
                continue
            if at_ms + MINUTE_MS <= end_ms:
                yield self._tape.minute_sums(at_ms // MINUTE_MS)
            elif trades := self._tape.trades_between(at_ms - 1, end_ms - 1):
                yield sums_of(trades, at_ms)
            at_ms += MINUTE_MS
