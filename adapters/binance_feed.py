"""One pair's live data: leaves out repeats, sees gaps, and holds everything back while a gap is being filled."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from heapq import merge
from typing import NamedTuple

from adapters import binance_wire as wire
from domain.candles import CandleAggregator
from domain.market import BUILT_INTERVALS, INTERVAL_MS, Candle, OrderBook, PublicTrade
from domain.messages import BookReceived, CandleReceived, TickerReceived, TradeReceived

HELD_LIMIT = 50_000  # messages; beyond it the gap is let be, so that memory stays bounded
OVERDUE_MS = 5_000  # a candle that was not told to have closed by then is fetched
ASK_AGAIN_MS = 15_000
OVERDUE_TIMES = 3  # fetched so often in a row, the stream itself is broken
TICKER_SILENCE_SECONDS = 60.0


class ToldUntil(NamedTuple):
    """The newest trade that was told before the streams began."""

    trade_id: int
    traded_ms: int


class PairFeed:
    """The streams of one pair.

    Args:
        pair: e.g. BTCUSDT.
        intervals: candle intervals that are told; those that the exchange does not send are built from its 1 m candles.
        tell: takes the messages for the market actor, in order.
        on_gap: called when something is missing; the feed holds back until `release`.
        monotonic: seconds, for ages.
        told: up to where trades were told before; what comes next is compared with it.
    """

    def __init__(
        self,
        *,
        pair: str,
        intervals: tuple[str, ...],
        tell: Callable[[object], object],
        on_gap: Callable[["PairFeed"], None],
        monotonic: Callable[[], float],
        told: ToldUntil | None = None,
    ) -> None:
        self.pair = pair
        self.sent_intervals = tuple(interval for interval in intervals if interval not in BUILT_INTERVALS)
        self.built_intervals = tuple(interval for interval in intervals if interval in BUILT_INTERVALS)
        self.last_trade: PublicTrade | ToldUntil | None = told
        self.first_id: int | None = None  # of the first trade of the streams
        self.last_closed: dict[str, int] = {}  # interval -> open time of the last closed candle
        self.holding = False
        self.repeats = 0
        self._tell = tell
        self._on_gap = on_gap
        self._monotonic = monotonic
        self._held: list[TradeReceived | CandleReceived] = []
        self._held_book: BookReceived | None = None
        self._book: OrderBook | None = None
        self._depth_at = self._ticker_at = self._monotonic()
        self._ticker: wire.TickerEvent | None = None
        self._counted_id: int | None = None  # the last trade id that the exchange counts
        self._behind_since: float | None = None
        self._overdue_again_ms = 0
        self._overdue_times = 0  # candles with trades that had to be fetched, since the stream last told one by itself
        self._builders: dict[str, CandleAggregator] = {}

    # --- frames -----------------------------------------------------------------------------------------------------

    def take_trade(self, trade: PublicTrade) -> None:
        """Take one trade of the stream."""
        if self.first_id is None:
            self.first_id = trade.trade_id
        if self.last_trade is not None and trade.trade_id <= self.last_trade.trade_id:
            self.repeats += 1
            return
        message = TradeReceived(pair=self.pair, trade=trade)
        if self.holding:
            self._hold_back(message)
        elif self.last_trade is not None and trade.trade_id > self.last_trade.trade_id + 1:
            self._hold_for(message)
        else:
            self._pass_trade(message)

    def take_candle(self, interval: str, candle: Candle, *, closed: bool) -> None:
        """Take one candle of the stream."""
        message = CandleReceived(pair=self.pair, interval=interval, candle=candle, closed=closed)
        last = self.last_closed.get(interval)
        if last is not None and candle.open_ms <= last:
            self.repeats += 1
            return
        if closed:
            self._overdue_times = 0
        if self.holding:
            if closed:
                self._hold_back(message)
        elif closed and last is not None and candle.open_ms > last + INTERVAL_MS[interval]:
            self._hold_for(message)
        else:
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
        self._overdue_times = 0
        self._book = None

    def told_until(self, told: ToldUntil) -> bool:
        """Let the streams go on from `told`; False when they began later: what is between was told by nobody."""
        if self.first_id is not None:
            return self.first_id <= told.trade_id + 1
        if self.last_trade is None:
            self.last_trade = told
        return True

    def lags(self, trades: tuple[PublicTrade, ...], candles: Iterable[tuple[str, Candle]] = ()) -> bool:
        """Return whether a trade or closed candle is missing between what was fetched and what is held back.

        What is missing among that which is held back counts, too.
        """
        known = self.last_trade.trade_id if self.last_trade is not None else None
        newest = trades[-1].trade_id if trades else known
        if newest is not None and not _follow(newest, 1, self._held_ids()):
            return True
        fetched = {interval: candle.open_ms for interval, candle in candles}  # the last of each
        return any(
            not _follow(max(open_ms, fetched.get(interval, open_ms)), INTERVAL_MS[interval], self._held_opens(interval))
            for interval, open_ms in self.last_closed.items()
        )

    def release(self, trades: Iterable[PublicTrade], candles: Iterable[tuple[str, Candle]]) -> None:
        """Tell what was fetched (closed candles with their interval) and what was held back, in order; go on.

        Trades go by their ids, whatever order they came in. What is missing now does not exist, or cannot be had.
        """
        held, self._held = self._held, []
        book, self._held_book = self._held_book, None
        self.holding = False
        fetched = tuple(trades)
        newest = fetched[-1].trade_id if fetched else -1  # what was fetched is whole up to here, orders told as one
        later = (item for item in held if isinstance(item, CandleReceived) or item.trade.trade_id > newest)
        self._tell_in_order([*self._caught_up(fetched, candles), *later])
        if book is not None:
            self._tell(book)

    def take_closed(self, candles: Iterable[tuple[str, Candle]]) -> None:
        """Take overdue candles that were fetched. While it holds, whoever fills the gap fetches them."""
        fetched = tuple(candles)
        self._overdue_times += any(candle.volume > 0 for _, candle in fetched)
        if not self.holding:
            self._tell_in_order([*self._caught_up((), fetched)])

    # --- candles that the exchange does not send --------------------------------------------------------------------

    def begin_building(self, interval: str, minutes: Iterable[Candle]) -> tuple[Candle, ...]:
        """Build candles of `interval` from closed 1 m candles, oldest first; later ones are built as minutes close."""
        builder = CandleAggregator(part_ms=INTERVAL_MS["1m"], interval_ms=INTERVAL_MS[interval])
        self._builders[interval] = builder
        return tuple(built for minute in minutes if (built := builder.add(minute)) is not None)

    # --- freshness --------------------------------------------------------------------------------------------------

    def fault(self, stale_seconds: float) -> str | None:
        """Return which stream of the pair tells nothing although it should, or None."""
        now = self._monotonic()
        depth_age, ticker_age = now - self._depth_at, now - self._ticker_at
        if depth_age > stale_seconds and (ticker_age > stale_seconds or not self._best_is_known()):
            return f"no order book of {self.pair} for {depth_age:.0f} s"
        if self._behind_since is not None and now - self._behind_since > stale_seconds:
            return f"no trades of {self.pair} for {now - self._behind_since:.0f} s, though there were some"
        if self._overdue_times >= OVERDUE_TIMES:
            return f"no closed candles of {self.pair}"
        if ticker_age > max(stale_seconds, TICKER_SILENCE_SECONDS):
            return f"no 24 h statistics of {self.pair} for {ticker_age:.0f} s"
        return None

    def is_candle_overdue(self, exchange_ms: int) -> bool:
        """Return whether a candle should have been told to be closed by now; True at most every 15 s.

        Args:
            exchange_ms: the exchange's time.
        """
        overdue = not self.holding and any(
            exchange_ms > open_ms + 2 * INTERVAL_MS[interval] + OVERDUE_MS
            for interval, open_ms in self.last_closed.items()
        )
        if not overdue or exchange_ms < self._overdue_again_ms:
            return False
        self._overdue_again_ms = exchange_ms + ASK_AGAIN_MS
        return True

    # --- helpers ----------------------------------------------------------------------------------------------------

    def _best_is_known(self) -> bool:
        """Return whether the exchange's best bid and ask still are those of the last book."""
        if self._ticker is None or self._book is None or not self._book.bids or not self._book.asks:
            return False
        best = (self._book.bids[0], self._book.asks[0])
        return best == ((self._ticker.b, self._ticker.B), (self._ticker.a, self._ticker.A))

    def _caught_up(
        self, trades: Iterable[PublicTrade], candles: Iterable[tuple[str, Candle]]
    ) -> Iterator[TradeReceived | CandleReceived]:
        for trade in trades:
            yield TradeReceived(pair=self.pair, trade=trade, catch_up=True)
        for interval, candle in candles:
            yield CandleReceived(pair=self.pair, interval=interval, candle=candle, closed=True, catch_up=True)

    def _tell_in_order(self, messages: list[TradeReceived | CandleReceived]) -> None:
        """Tell trades by id and closed candles by their end; a candle comes before the trades of the next one."""
        trades = [message for message in messages if isinstance(message, TradeReceived)]
        closed = [message for message in messages if isinstance(message, CandleReceived)]
        by_id: list[TradeReceived | CandleReceived] = [*sorted(trades, key=lambda message: message.trade.trade_id)]
        by_end: list[TradeReceived | CandleReceived] = [*sorted(closed, key=_happened_ms)]
        for message in merge(by_end, by_id, key=_happened_ms):
            if isinstance(message, TradeReceived):
                if self.last_trade is None or message.trade.trade_id > self.last_trade.trade_id:
                    self._pass_trade(message)
            elif message.candle.open_ms > self.last_closed.get(message.interval, -1):
                self._pass_candle(message)

    def _hold_for(self, message: TradeReceived | CandleReceived) -> None:
        """Hold everything back: something is missing before `message`."""
        self.hold()
        self._hold_back(message)
        self._on_gap(self)

    def _hold_back(self, message: TradeReceived | CandleReceived) -> None:
        if len(self._held) < HELD_LIMIT:
            self._held.append(message)

    def _held_ids(self) -> list[int]:
        return [item.trade.trade_id for item in self._held if isinstance(item, TradeReceived)]

    def _held_opens(self, interval: str) -> list[int]:
        closed = (item for item in self._held if isinstance(item, CandleReceived))
        return [item.candle.open_ms for item in closed if item.interval == interval]

    def _pass_trade(self, message: TradeReceived) -> None:
        self.last_trade = message.trade
        self._behind_since = None
        self._tell(message)

    def _pass_candle(self, message: CandleReceived) -> None:
        if message.closed:
            self.last_closed[message.interval] = message.candle.open_ms
        self._tell(message)
        if message.interval != "1m":
            return
        for interval, builder in self._builders.items():
            candle = builder.add(message.candle) if message.closed else builder.open_with(message.candle)
            if candle is not None:
                self._tell(replace(message, interval=interval, candle=candle))


def _follow(last: int, step: int, numbers: Iterable[int]) -> bool:
    """Return whether those of `numbers` that are above `last` go on from there without a hole, in whatever order."""
    above = sorted({number for number in numbers if number > last})
    return above == list(range(last + step, last + step * len(above) + 1, step))


def _happened_ms(message: TradeReceived | CandleReceived) -> int:
    if isinstance(message, TradeReceived):
        return message.trade.traded_ms
    return message.candle.open_ms + INTERVAL_MS[message.interval]
