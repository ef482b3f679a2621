"""What the market actor would tell of one pair: its candles in turn, quotes, and whether it is fresh."""

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from backtest.series import OPEN, PairSeries
from domain.market import INTERVAL_MS, Candle, Quote, Source
from domain.messages import CandleClosed, QuoteChanged

CLOSES, OPENS = 0, 2


@dataclass(slots=True)
class Feed:
    """The candles of one pair from `from_ms` until before `to_ms`; `series.rows` counts those that are closed."""

    pair: str
    series: PairSeries
    from_ms: int
    to_ms: int
    seen_ms: int = 0  # when the market last heard of the pair
    stale: bool = False
    opened: bool = False  # the candle at `series.rows` has begun
    quote: Quote | None = None
    last_row: int = field(init=False)  # one after the last candle of the period
    interval: str = field(init=False)
    _times: list[int] = field(init=False)

    def __post_init__(self) -> None:
        table = self.series.table
        first, last = (int(place) for place in np.searchsorted(table.open_ms, (self.from_ms, self.to_ms)))
        self.series.rows, self.last_row, self.seen_ms = first, last, self.from_ms
        self.interval = next(name for name, length in INTERVAL_MS.items() if length == table.interval_ms)
        self._times = table.open_ms.tolist()

    def warm_up(self) -> QuoteChanged | None:
        """Return the newest price of before the period, None where nothing is known."""
        row, table = self.series.rows - 1, self.series.table
        if row < 0:
            return None
        return self.quote_at(self._times[row] + table.interval_ms, table.price(3, row))

    def next_event(self) -> tuple[int, int] | None:
        """Return when the next candle opens or closes, and which; None at the end."""
        row = self.series.rows
        if row >= self.last_row:
            return None
        open_ms = self._times[row]
        return (open_ms + self.series.table.interval_ms, CLOSES) if self.opened else (open_ms, OPENS)

    def open(self) -> tuple[int, Decimal]:
        """Begin the next candle; return its open time and first price."""
        self.opened = True
        row = self.series.rows
        return self._times[row], self.series.table.price(OPEN, row)

    def close(self, candle: Candle) -> tuple[QuoteChanged, CandleClosed]:
        """Close the candle; return what the bot is told."""
        self.opened = False
        self.series.rows += 1
        closed = CandleClosed(
            pair=self.pair, interval=self.interval, candle=candle, catch_up=False, source=Source.RECORDED
        )
        return self.quote_at(candle.open_ms + self.series.table.interval_ms, candle.close), closed

    def leap(self, rows: int) -> None:
        """Go on within the candle at `rows`, as if all before it had been closed and it had been opened."""
        self.series.rows, self.opened = rows, True

    def quote_at(self, event_ms: int, price: Decimal) -> QuoteChanged:
        """Return the quote of a candle's open or close."""
        self.quote = Quote(
            pair=self.pair,
            price=price,
            bid=None,
            ask=None,
            event_ms=event_ms,
            source=Source.RECORDED,
            stale=self.stale,
        )
        return QuoteChanged(quote=self.quote)

    def quote_again(self) -> QuoteChanged | None:
        """Return the newest quote as it is now: stale or fresh."""
        quote = self.quote
        return None if quote is None else self.quote_at(quote.event_ms, quote.price)

    def patience_ms(self) -> int:
        """Return after how long a silence the pair is stale."""
        return 2 * self.series.table.interval_ms
