"""One pair's live data: leaves out repeats, sees gaps, and holds everything back while a gap is being filled."""

from collections.abc import Callable, Iterable
from heapq import merge

from adapters import binance_wire as wire
from domain.market import INTERVAL_MS, Candle, OrderBook, PublicTrade
from domain.messages import BookReceived, CandleReceived, TickerReceived, TradeReceived

HELD_LIMIT = 50_000  # messages; beyond it the gap is let be, so that memory stays bounded
OVERDUE_MS = 15_000  # a candle that was not told to have closed by then is fetched
TICKER_SILENCE_SECONDS = 60.0


class PairFeed:
    """The streams of one pair.

    Args:
        pair: e.g. BTCUSDT.
        intervals: candle intervals that are followed.
        tell: takes the messages for the market actor, in order.
        on_gap: called when something is missing; the feed holds back until `release`.
        monotonic: seconds, for ages.
    """

    def __init__(
        self,
        *,
        pair: str,
        intervals: tuple[str, ...],
        tell: Callable[[object], object],
        on_gap: Callable[["PairFeed"], None],
        monotonic: Callable[[], float],
    ) -> None:
        self.pair = pair
        self.intervals = intervals
        self.last_trade: PublicTrade | None = None
        self.last_closed: dict[str, int] = {}  # interval -> open time of the last closed candle
        self.holding = False
        self.repeats = 0
        self._tell = tell
        self._on_gap = on_gap
        self._monotonic = monotonic
        self._held: list[PublicTrade | CandleReceived] = []
        self._held_book: BookReceived | None = None
        self._book: OrderBook | None = None
        self._accept_gap = False
        self._depth_at = self._ticker_at = self._monotonic()
        self._ticker: wire.TickerEvent | None = None
        self._counted_id: int | None = None  # the last trade id that the exchange counts
        self._behind_since: float | None = None
        self._overdue_again_ms = 0

    # --- frames -----------------------------------------------------------------------------------------------------

    def take_trade(self, trade: PublicTrade) -> None:
        """Take one trade of the stream."""
        if self.last_trade is not None and trade.trade_id <= self.last_trade.trade_id:
            self.repeats += 1
            return
        if self.holding:
            self._hold_back(trade)
            return
        if self.last_trade is not None and trade.trade_id > self.last_trade.trade_id + 1 and not self._accept_gap:
            self.hold()
            self._hold_back(trade)
            self._on_gap(self)
            return
        self._pass_trade(TradeReceived(pair=self.pair, trade=trade))

    def take_candle(self, interval: str, candle: Candle, *, closed: bool) -> None:
        """Take one candle of the stream."""
        message = CandleReceived(pair=self.pair, interval=interval, candle=candle, closed=closed)
        last = self.last_closed.get(interval)
        if last is not None and candle.open_ms <= last:
            self.repeats += 1
            return
        if self.holding:
            if closed:
                self._hold_back(message)
            return
        if closed and last is not None and candle.open_ms > last + INTERVAL_MS[interval] and not self._accept_gap:
            self.hold()
            self._hold_back(message)
            self._on_gap(self)
            return
        self._pass_candle(message)

    def take_book(self, book: OrderBook) -> None:
        """Take one partial book of the stream."""
        self._depth_at = self._monotonic()
        if self._book is not None and book.update_id < self._book.update_id:
            self.repeats += 1
            return
        self._book = book
        message = BookReceived(pair=self.pair, book=book)
        if self.holding:
            self._held_book = message
        else:
            self._tell(message)

    def take_ticker(self, event: wire.TickerEvent) -> None:
        """Take the 24 h statistics of the stream; they also show whether the other streams of the pair are alive."""
        now = self._monotonic()
        self._ticker_at, self._ticker = now, event
        if self._counted_id is None:
            self._counted_id = event.L
        known = self._counted_id if self.last_trade is None else self.last_trade.trade_id
        if known >= event.L or self.holding:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = now
        self._tell(TickerReceived(pair=self.pair, ticker=wire.ticker_of(event)))

    # --- gaps -------------------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Hold trades, candles and the newest book back until `release`."""
        self.holding = True

    def reconnected(self) -> None:
        """Begin to judge freshness anew; a new connection may also count book updates anew."""
        self._depth_at = self._ticker_at = self._monotonic()
        self._behind_since = None
        self._book = None

    def lags(self, fetched: tuple[PublicTrade, ...]) -> bool:
        """Return whether there still is a hole between what was fetched and what is held back."""
        first = next((item.trade_id for item in self._held if isinstance(item, PublicTrade)), None)
        newest = fetched[-1] if fetched else self.last_trade
        return first is not None and newest is not None and first > newest.trade_id + 1

    def release(self, trades: Iterable[PublicTrade], candles: Iterable[tuple[str, Candle]]) -> None:
        """Tell what was fetched (closed candles with their interval), in order, then what was held back; go on."""
        self._tell_fetched(trades, candles)
        held, self._held = self._held, []
        book, self._held_book = self._held_book, None
        self.holding, self._accept_gap = False, True  # what is missing now does not exist, or cannot be had
        for item in held:
            if isinstance(item, PublicTrade):
                self.take_trade(item)
            else:
                self.take_candle(item.interval, item.candle, closed=True)
        self._accept_gap = False
        if book is not None:
            self._tell(book)

    # --- freshness --------------------------------------------------------------------------------------------------

    def fault(self, stale_seconds: float) -> str | None:
        """Return which stream of the pair tells nothing although it should, or None."""
        now = self._monotonic()
        depth_age, ticker_age = now - self._depth_at, now - self._ticker_at
        if depth_age > stale_seconds and (ticker_age > stale_seconds or not self._best_is_known()):
            return f"no order book of {self.pair} for {depth_age:.0f} s"
        if self._behind_since is not None and now - self._behind_since > stale_seconds:
            return f"no trades of {self.pair} for {now - self._behind_since:.0f} s, though there were some"
        if ticker_age > max(stale_seconds, TICKER_SILENCE_SECONDS):
            return f"no 24 h statistics of {self.pair} for {ticker_age:.0f} s"
        return None

    def is_candle_overdue(self, exchange_ms: int) -> bool:
        """Return whether a candle should have been told to be closed by now; True at most every 15 s."""
        overdue = not self.holding and any(
            exchange_ms > open_ms + 2 * INTERVAL_MS[interval] + OVERDUE_MS
            for interval, open_ms in self.last_closed.items()
        )
        if not overdue or exchange_ms < self._overdue_again_ms:
            return False
        self._overdue_again_ms = exchange_ms + OVERDUE_MS
        return True

    # --- helpers ----------------------------------------------------------------------------------------------------

    def _best_is_known(self) -> bool:
        """Return whether the exchange's best bid and ask still are those of the last book."""
        if self._ticker is None or self._book is None or not self._book.bids or not self._book.asks:
            return False
        best = (self._book.bids[0], self._book.asks[0])
        return best == ((self._ticker.b, self._ticker.B), (self._ticker.a, self._ticker.A))

    def _tell_fetched(self, trades: Iterable[PublicTrade], candles: Iterable[tuple[str, Candle]]) -> None:
        """Tell trades and closed candles in the order in which they happened."""
        printed: list[tuple[int, TradeReceived | CandleReceived]] = [
            (trade.traded_ms, TradeReceived(pair=self.pair, trade=trade, catch_up=True)) for trade in trades
        ]
        closed: list[tuple[int, TradeReceived | CandleReceived]] = [
            (
                candle.open_ms + INTERVAL_MS[interval],
                CandleReceived(pair=self.pair, interval=interval, candle=candle, closed=True, catch_up=True),
            )
            for interval, candle in candles
        ]
        closed.sort(key=lambda entry: entry[0])
        for _, message in merge(printed, closed, key=lambda entry: entry[0]):
            if isinstance(message, TradeReceived):
                if self.last_trade is None or message.trade.trade_id > self.last_trade.trade_id:
                    self._pass_trade(message)
            elif message.candle.open_ms > self.last_closed.get(message.interval, -1):
                self._pass_candle(message)

    def _hold_back(self, item: PublicTrade | CandleReceived) -> None:
        if len(self._held) < HELD_LIMIT:
            self._held.append(item)

    def _pass_trade(self, message: TradeReceived) -> None:
        self.last_trade = message.trade
        self._behind_since = None
        self._tell(message)

    def _pass_candle(self, message: CandleReceived) -> None:
        if message.closed:
            self.last_closed[message.interval] = message.candle.open_ms
        self._tell(message)
