"""What is known of one pair: its candle series, book, trades, statistics, and the quote they make."""

from dataclasses import dataclass, field
from decimal import Decimal

from domain import market_checks
from domain.candles import CandleSeries, Merge
from domain.market import INTERVAL_MS, Candle, OrderBook, PublicTrade, Quote, Source, Ticker
from domain.tape import TradeTape

QUOTE_AGAIN_MS = 1000  # an unchanged quote is told again after this long
DEFAULT_CANDLE_MS = 60_000  # how often news of a pair is expected where candles are all there is


@dataclass(slots=True)
class PairMarket:
    """One pair. Every `take_…` checks what it is given and returns the reason to refuse it, or None."""

    pair: str
    source: Source
    history: int  # candles kept of each series
    seen_ms: int  # clock time of the last news
    tape: TradeTape = field(default_factory=TradeTape)
    series: dict[str, CandleSeries] = field(default_factory=dict)
    finest: str | None = None  # the finest interval whose candles were seen to close
    book: OrderBook | None = None
    ticker: Ticker | None = None
    quote: Quote | None = None  # as last made
    price_ms: int = 0
    stale: bool = False
    _price: Decimal | None = None  # of the last trade, or the newest candle
    _told_ms: int = 0  # event time of the quote as last told

    def take_book(self, book: OrderBook) -> str | None:
        """Take the newest book."""
        if (fault := market_checks.book_fault(book)) is not None:
            return fault
        if self.book is not None and book.update_id < self.book.update_id:
            return "book_out_of_order"
        self.book = book
        return None

    def take_trade(self, trade: PublicTrade) -> str | None:
        """Take the next trade."""
        if (fault := market_checks.trade_fault(trade)) is not None:
            return fault
        if not self.tape.add(trade):
            return "trade_repeated"
        self._take_price(trade.price, trade.traded_ms)
        return None

    def take_ticker(self, ticker: Ticker) -> str | None:
        """Take the newest 24 h statistics."""
        if (fault := market_checks.ticker_fault(ticker)) is not None:
            return fault
        if self.ticker is not None and ticker.event_ms < self.ticker.event_ms:
            return "ticker_out_of_order"
        self.ticker = ticker
        return None

    def take_open_price(self, open_ms: int, price: Decimal) -> str | None:
        """Take the first price of a new candle."""
        if (fault := market_checks.price_fault(price)) is None:
            self._take_price(price, open_ms)
        return fault

    def take_open_candle(self, interval: str, candle: Candle) -> str | None:
        """Take the open candle so far. Late ones are let go without a reason worth counting: ""."""
        if (fault := market_checks.candle_fault(candle, INTERVAL_MS[interval])) is not None:
            return fault
        return None if self.series_of(interval).set_open(candle) else ""

    def close_candle(self, interval: str, candle: Candle) -> tuple[Merge | None, str | None]:
        """Take a closed candle; return what became of it, and what is wrong with it or before it."""
        interval_ms = INTERVAL_MS[interval]
        if (fault := market_checks.candle_fault(candle, interval_ms)) is not None:
            return None, fault
        outcome = self.series_of(interval).add(candle)
        if outcome in (Merge.ADDED, Merge.AFTER_GAP):
            if self.finest is None or interval_ms < INTERVAL_MS[self.finest]:
                self.finest = interval
            self._take_price(candle.close, candle.open_ms + interval_ms)
        if outcome is Merge.AFTER_GAP:
            return outcome, "candle_gap"
        return outcome, None if outcome in (Merge.ADDED, Merge.REPEATED) else f"candle_{outcome}"

    def take_history(self, interval: str, candles: tuple[Candle, ...]) -> tuple[str, ...]:
        """Take closed candles of any age; return the faults of those that were left out."""
        interval_ms = INTERVAL_MS[interval]
        faults = {candle.open_ms: market_checks.candle_fault(candle, interval_ms) for candle in candles}
        series = self.series_of(interval)
        series.merge(candle for candle in candles if faults[candle.open_ms] is None)
        if (newest := series.newest) is not None:
            self._take_price(newest.close, newest.open_ms + interval_ms)
        return tuple(fault for fault in faults.values() if fault is not None)

    def series_of(self, interval: str) -> CandleSeries:
        """Return the series of `interval`, new and empty where there was none."""
        if (series := self.series.get(interval)) is None:
            series = self.series[interval] = CandleSeries(interval_ms=INTERVAL_MS[interval], capacity=self.history)
        return series

    def candle_ms(self) -> int:
        """Return how long the finest candles last."""
        return DEFAULT_CANDLE_MS if self.finest is None else INTERVAL_MS[self.finest]

    def next_quote(self, at_ms: int) -> Quote | None:
        """Return the quote as of `at_ms` where it is to be told: it changed, or a second has gone by.

        Until a trade is seen the price is the middle of the best bid and ask; without those the newest candle's close.
        """
        bid = self.book.bids[0][0] if self.book is not None and self.book.bids else None
        ask = self.book.asks[0][0] if self.book is not None and self.book.asks else None
        price = self._price
        if self.tape.newest is None and bid is not None and ask is not None:
            price = (bid + ask) / 2
        if price is None:
            return None
        before = self.quote
        event_ms = at_ms if before is None else max(at_ms, before.event_ms)
        self.quote = quote = Quote(
            pair=self.pair, price=price, bid=bid, ask=ask, event_ms=event_ms, source=self.source, stale=self.stale
        )
        if before is not None and event_ms - self._told_ms < QUOTE_AGAIN_MS and _says_the_same(before, quote):
            return None
        self._told_ms = event_ms
        return self.quote

    def _take_price(self, price: Decimal, at_ms: int) -> None:
        if at_ms >= self.price_ms:
            self._price, self.price_ms = price, at_ms


def _says_the_same(one: Quote, other: Quote) -> bool:
    """Return whether two quotes of one pair differ in nothing but their time."""
    return (
        one.price == other.price
        and one.bid == other.bid
        and one.ask == other.ask
        and one.stale == other.stale
        and one.source == other.source
    )
