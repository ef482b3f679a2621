"""The market actor: takes what an exchange connection tells, refuses what cannot be true, tells the desk the rest."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from actors.base import Actor
from domain import market_checks
from domain.candles import CandleSeries, Merge
from domain.market import INTERVAL_MS, Candle, MarketState, OrderBook, PublicTrade, Quote, SymbolRules, Ticker
from domain.messages import (
    ActorStarted,
    BookChanged,
    BookReceived,
    CandleChanged,
    CandleClosed,
    CandleHistory,
    CandleOpened,
    CandleOpenReceived,
    CandleReceived,
    HistoryReceived,
    MarketStatusChanged,
    MissedTrades,
    QuoteChanged,
    RulesChanged,
    RulesReceived,
    SendCandles,
    SendMarketState,
    SendTrades,
    SettingsApplied,
    SourceStatusChanged,
    TickerChanged,
    TickerReceived,
    TimerFired,
    TradePrinted,
    TradeReceived,
    TradesFetched,
)
from domain.ports import Clock, MarketSource, Peers, Timers
from domain.tape import TradeTape
from settings import Settings

BROKER, HUB = "broker", "hub"
MAX_WAITING_REQUESTS = 100  # for candles of a series that is still empty
QUOTE_AGAIN_MS = 1000  # an unchanged quote is told again after this long
DEFAULT_CANDLE_MS = 60_000  # how often news of a pair is expected where candles are all there is


@dataclass(slots=True)
class _Pair:
    """What is known of one pair."""

    bot: str | None
    tape: TradeTape = field(default_factory=TradeTape)
    series: dict[str, CandleSeries] = field(default_factory=dict)
    finest: str | None = None  # the finest interval whose candles were seen to close
    book: OrderBook | None = None
    ticker: Ticker | None = None
    quote: Quote | None = None
    price: Decimal | None = None  # of the last trade, or the newest candle
    price_ms: int = 0
    seen_ms: int = 0  # clock time of the last news
    stale: bool = False
    told_ms: int = 0  # event time of the quote as last told


class MarketActor(Actor):
    """Owns the exchange connection, candle series, books, 24 h statistics and their freshness.

    Handles: what a MarketSource tells (RulesReceived ... TradesFetched), SendCandles, SendMarketState, SendTrades,
    SettingsApplied, TimerFired(staleness).
    Tells: the broker TradePrinted, BookChanged, RulesChanged, MarketStatusChanged, MissedTrades and, where candles are
    all there is, CandleOpened and CandleClosed; each bot QuoteChanged, CandleClosed, TickerChanged of its pair,
    RulesChanged, MarketStatusChanged; the hub all of these but trades.
    State: nothing that the source cannot refill; a restart connects anew.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        peers: Peers,
        clock: Clock,
        timers: Timers,
        source: MarketSource,
        bots: tuple[str, ...],
        on_death: Callable[[str, str, str], None] | None = None,
    ) -> None:
        super().__init__(name="market", on_death=on_death)
        self._settings = settings
        self._peers = peers
        self._clock = clock
        self._timers = timers
        self._source = source
        self._bots = bots
        self._pairs = {
            pair: _Pair(bot=f"bot-{pair}" if f"bot-{pair}" in bots else None) for pair in settings.bots.pairs
        }
        self._rules: tuple[SymbolRules, ...] = ()
        self._status: SourceStatusChanged | None = None
        self._waiting: dict[tuple[str, str], list[SendCandles]] = {}
        self.refused: Counter[tuple[str, str]] = Counter()  # (pair, reason)

    def on_start(self) -> None:
        now_ms = self._clock.now_ms()
        for state in self._pairs.values():
            state.seen_ms = now_ms
        self._set_staleness_timer()
        self._source.stop()
        self._source.start()

    def on_stop(self) -> None:
        self._source.stop()

    def on_receive(self, message: object) -> object:
        match message:
            case BookReceived():
                self._on_book_received(message)
            case TradeReceived():
                self._on_trade_received(message)
            case CandleReceived():
                self._on_candle_received(message)
            case CandleOpenReceived():
                self._on_candle_open_received(message)
            case TickerReceived():
                self._on_ticker_received(message)
            case HistoryReceived():
                self._on_history_received(message)
            case RulesReceived():
                self._on_rules_received(message)
            case SourceStatusChanged():
                self._on_source_status_changed(message)
            case TradesFetched():
                self._on_trades_fetched(message)
            case SendCandles():
                self._on_send_candles(message)
            case SendMarketState():
                self._on_send_market_state(message)
            case SendTrades():
                self._on_send_trades(message)
            case TimerFired(key="staleness"):
                self._on_staleness_timer()
            case SettingsApplied(settings=Settings() as settings):
                self._settings = settings
                self._set_staleness_timer()
            case ActorStarted():
                pass  # who needs the market's state asks for it
            case _:
                return super().on_receive(message)
        return None

    # --- from the source --------------------------------------------------------------------------------------------

    def _on_rules_received(self, message: RulesReceived) -> None:
        self._rules = tuple(rules for rules in message.rules if rules.pair in self._pairs)
        self._tell_all(RulesChanged(rules=self._rules))

    def _on_book_received(self, message: BookReceived) -> None:
        state = self._known(message.pair)
        if state is None:
            return
        if (fault := market_checks.book_fault(message.book)) is not None:
            self._refuse(message.pair, fault)
            return
        if state.book is not None and message.book.update_id < state.book.update_id:
            self._refuse(message.pair, "book_out_of_order")
            return
        state.book = message.book
        self._seen(message.pair, state)
        changed = BookChanged(pair=message.pair, book=message.book)
        self._peers.tell(BROKER, changed)
        self._peers.tell(HUB, changed)
        self._tell_quote(message.pair, state, message.book.received_ms)

    def _on_trade_received(self, message: TradeReceived) -> None:
        state = self._known(message.pair)
        if state is None:
            return
        if (fault := market_checks.trade_fault(message.trade)) is not None:
            self._refuse(message.pair, fault)
            return
        if not state.tape.add(message.trade):
            self._refuse(message.pair, "trade_repeated")
            return
        printed = TradePrinted(pair=message.pair, trade=message.trade, catch_up=message.catch_up)
        self._peers.tell(BROKER, printed)
        if not message.catch_up:
            self._seen(message.pair, state)
        self._take_price(message.pair, state, message.trade.price, message.trade.traded_ms)

    def _on_candle_received(self, message: CandleReceived) -> None:
        state, interval_ms = self._known(message.pair), INTERVAL_MS.get(message.interval)
        if state is None or interval_ms is None:
            return
        if (fault := market_checks.candle_fault(message.candle, interval_ms)) is not None:
            self._refuse(message.pair, fault)
            return
        series = self._series(state, message.interval)
        if not message.closed:
            if series.set_open(message.candle):
                changed = CandleChanged(pair=message.pair, interval=message.interval, candle=message.candle)
                self._peers.tell(HUB, changed)
            return
        self._close_candle(message, state, series)

    def _close_candle(self, message: CandleReceived, state: _Pair, series: CandleSeries) -> None:
        outcome = series.add(message.candle)
        if outcome not in (Merge.ADDED, Merge.AFTER_GAP):
            if outcome is not Merge.REPEATED:
                self._refuse(message.pair, f"candle_{outcome}")
            return
        if outcome is Merge.AFTER_GAP:
            self._refuse(message.pair, "candle_gap", what="Seen")
        if state.finest is None or series.interval_ms < INTERVAL_MS[state.finest]:
            state.finest = message.interval
        if not message.catch_up:
            self._seen(message.pair, state)
        closed = CandleClosed(
            pair=message.pair,
            interval=message.interval,
            candle=message.candle,
            catch_up=message.catch_up,
            source=self._source.kind,
        )
        if not self._source.has_books and message.interval == state.finest:
            self._peers.tell(BROKER, closed)
        self._take_price(message.pair, state, message.candle.close, message.candle.open_ms + series.interval_ms)
        self._tell_bot(state, closed)
        self._peers.tell(HUB, closed)
        self._answer_waiting(message.pair, message.interval, series)

    def _on_candle_open_received(self, message: CandleOpenReceived) -> None:
        state = self._known(message.pair)
        if state is None:
            return
        if (fault := market_checks.price_fault(message.price)) is not None:
            self._refuse(message.pair, fault)
            return
        self._seen(message.pair, state)
        self._peers.tell(BROKER, CandleOpened(pair=message.pair, open_ms=message.open_ms, price=message.price))
        self._take_price(message.pair, state, message.price, message.open_ms)

    def _on_history_received(self, message: HistoryReceived) -> None:
        state, interval_ms = self._known(message.pair), INTERVAL_MS.get(message.interval)
        if state is None or interval_ms is None:
            return
        sound = []
        for candle in message.candles:
            if (fault := market_checks.candle_fault(candle, interval_ms)) is None:
                sound.append(candle)
            else:
                self._refuse(message.pair, fault)
        series = self._series(state, message.interval)
        series.merge(sound)
        if (newest := series.newest) is not None:
            self._take_price(message.pair, state, newest.close, newest.open_ms + interval_ms)
            self._answer_waiting(message.pair, message.interval, series)

    def _on_ticker_received(self, message: TickerReceived) -> None:
        state = self._known(message.pair)
        if state is None:
            return
        if (fault := market_checks.ticker_fault(message.ticker)) is not None:
            self._refuse(message.pair, fault)
            return
        if state.ticker is not None and message.ticker.event_ms < state.ticker.event_ms:
            self._refuse(message.pair, "ticker_out_of_order")
            return
        state.ticker = message.ticker
        changed = TickerChanged(pair=message.pair, ticker=message.ticker)
        self._tell_bot(state, changed)
        self._peers.tell(HUB, changed)

    def _on_source_status_changed(self, message: SourceStatusChanged) -> None:
        self._status = message
        self.log.info("Market %s: %s", message.state, message.message)
        self._tell_all(MarketStatusChanged(state=message.state, message=message.message, at_ms=message.at_ms))
        if message.state in (MarketState.CONNECTING, MarketState.RECONNECTING):
            for state in self._pairs.values():
                state.book = None  # a new connection counts its updates anew; an old book is of no use
        if message.state is MarketState.STALE:
            for pair, state in self._pairs.items():
                self._mark_stale(pair, state, message.message)

    # --- requests ---------------------------------------------------------------------------------------------------

    def _on_send_candles(self, message: SendCandles) -> None:
        state = self._pairs.get(message.pair)
        series = None if state is None else state.series.get(message.interval)
        self._peers.tell(message.reply_to, _history(message, series))
        if state is not None and (series is None or not len(series)):
            waiting = self._waiting.setdefault((message.pair, message.interval), [])
            if message not in waiting and len(waiting) < MAX_WAITING_REQUESTS:
                waiting.append(message)  # answered again when there is something to answer

    def _on_send_market_state(self, message: SendMarketState) -> None:
        to = message.reply_to
        if self._rules:
            self._peers.tell(to, RulesChanged(rules=self._rules))
        if (status := self._status) is not None:
            changed = MarketStatusChanged(state=status.state, message=status.message, at_ms=status.at_ms)
            self._peers.tell(to, changed)
        for pair, state in self._pairs.items():
            if to in self._bots and to != state.bot:
                continue
            if state.ticker is not None:
                self._peers.tell(to, TickerChanged(pair=pair, ticker=state.ticker))
            if state.book is not None and to not in self._bots:
                self._peers.tell(to, BookChanged(pair=pair, book=state.book))
            if state.quote is not None:
                self._peers.tell(to, QuoteChanged(quote=state.quote))
            if state.stale:
                self._peers.tell(to, self._pair_status(pair, MarketState.STALE, f"no fresh data of {pair}"))

    def _on_send_trades(self, message: SendTrades) -> None:
        state = self._pairs.get(message.pair)
        if state is None:
            self._peers.tell(BROKER, _missed(message, (), ()))
            return
        if self._source.has_books:
            if state.tape.covers(since_ms=message.since_ms, since_trade_id=message.since_trade_id):
                trades = state.tape.since(since_ms=message.since_ms, since_trade_id=message.since_trade_id)
                self._peers.tell(BROKER, _missed(message, trades, ()))
                return
        elif state.finest is not None:
            series = state.series[state.finest]
            if series.oldest is not None and series.oldest.open_ms <= message.since_ms:
                self._peers.tell(BROKER, _missed(message, (), series.since(message.since_ms)))
                return
        self._source.fetch_trades(
            message.pair,
            since_ms=message.since_ms,
            since_trade_id=message.since_trade_id,
            request_id=message.request_id,
        )

    def _on_trades_fetched(self, message: TradesFetched) -> None:
        """Pass the answer on. What was printed meanwhile may be in it too: the broker recognises it."""
        trades = tuple(trade for trade in message.trades if market_checks.trade_fault(trade) is None)
        missed = MissedTrades(pair=message.pair, trades=trades, candles=message.candles, request_id=message.request_id)
        self._peers.tell(BROKER, missed)

    # --- freshness --------------------------------------------------------------------------------------------------

    def _set_staleness_timer(self) -> None:
        seconds = max(1.0, self._stale_after_ms(None) / 10_000) if self._source.has_books else 60.0
        self._timers.every(seconds, self.name, "staleness")

    def _stale_after_ms(self, finest: str | None) -> int:
        if self._source.has_books:
            return self._settings.market.stale_after_seconds * 1000
        return 2 * (DEFAULT_CANDLE_MS if finest is None else INTERVAL_MS[finest])

    def _on_staleness_timer(self) -> None:
        now_ms = self._clock.now_ms()
        for pair, state in self._pairs.items():
            silent_ms = now_ms - state.seen_ms
            if silent_ms > self._stale_after_ms(state.finest):
                self._mark_stale(pair, state, f"no fresh data of {pair} for {silent_ms // 1000} s")

    def _mark_stale(self, pair: str, state: _Pair, reason: str) -> None:
        if state.stale:
            return
        state.stale = True
        self.log.warning("%s is stale: %s", pair, reason)
        if state.quote is not None:
            state.quote = replace(state.quote, stale=True)
            self._send_quote(state, state.quote)
        self._tell_pair(state, self._pair_status(pair, MarketState.STALE, reason))

    def _seen(self, pair: str, state: _Pair) -> None:
        state.seen_ms = self._clock.now_ms()
        if not state.stale:
            return
        state.stale = False
        self.log.info("%s is fresh again", pair)
        self._tell_pair(state, self._pair_status(pair, MarketState.LIVE, f"fresh data of {pair}"))
        if state.quote is not None and state.price is not None:
            self._tell_quote(pair, state, state.price_ms)

    def _pair_status(self, pair: str, market_state: MarketState, message: str) -> MarketStatusChanged:
        return MarketStatusChanged(state=market_state, message=message, at_ms=self._clock.now_ms(), pair=pair)

    # --- quotes -----------------------------------------------------------------------------------------------------

    def _take_price(self, pair: str, state: _Pair, price: Decimal, at_ms: int) -> None:
        if at_ms >= state.price_ms:
            state.price, state.price_ms = price, at_ms
            self._tell_quote(pair, state, at_ms)

    def _tell_quote(self, pair: str, state: _Pair, at_ms: int) -> None:
        """Tell the pair's quote if it changed, else once a second, so that who reads its time knows that it holds.

        Without any trade or candle yet, the price is the middle of the book.
        """
        bid = state.book.bids[0][0] if state.book is not None and state.book.bids else None
        ask = state.book.asks[0][0] if state.book is not None and state.book.asks else None
        price = state.price
        if price is None and bid is not None and ask is not None:
            price = (bid + ask) / 2
        if price is None:
            return
        before = state.quote
        event_ms = at_ms if before is None else max(at_ms, before.event_ms)
        same = before is not None and (before.price, before.bid, before.ask, before.stale) == (
            price,
            bid,
            ask,
            state.stale,
        )
        if before is not None and same and event_ms - state.told_ms < QUOTE_AGAIN_MS:
            state.quote = replace(before, event_ms=event_ms)
            return
        state.quote = Quote(
            pair=pair, price=price, bid=bid, ask=ask, event_ms=event_ms, source=self._source.kind, stale=state.stale
        )
        self._send_quote(state, state.quote)

    def _send_quote(self, state: _Pair, quote: Quote) -> None:
        state.told_ms = quote.event_ms
        changed = QuoteChanged(quote=quote)
        if self._source.has_books and state.tape.newest is None:
            self._peers.tell(BROKER, changed)  # until trades show it the price
        self._tell_bot(state, changed)
        self._peers.tell(HUB, changed)

    # --- helpers ----------------------------------------------------------------------------------------------------

    def _known(self, pair: str) -> _Pair | None:
        state = self._pairs.get(pair)
        if state is None:
            self._refuse(pair, "unknown_pair")
        return state

    def _series(self, state: _Pair, interval: str) -> CandleSeries:
        if (series := state.series.get(interval)) is None:
            series = CandleSeries(interval_ms=INTERVAL_MS[interval], capacity=self._settings.market.history)
            state.series[interval] = series
        return series

    def _answer_waiting(self, pair: str, interval: str, series: CandleSeries) -> None:
        for request in self._waiting.pop((pair, interval), ()):
            self._peers.tell(request.reply_to, _history(request, series))

    def _refuse(self, pair: str, reason: str, *, what: str = "Refused") -> None:
        """Count, and log the 1st, 10th, 100th ... of its kind."""
        self.refused[(pair, reason)] += 1
        count = self.refused[(pair, reason)]
        if count == 10 ** (len(str(count)) - 1):
            self.log.warning("%s from the exchange: %s %s (%s so far)", what, pair, reason, count)

    def _tell_bot(self, state: _Pair, message: object) -> None:
        if state.bot is not None:
            self._peers.tell(state.bot, message)

    def _tell_pair(self, state: _Pair, message: object) -> None:
        self._peers.tell(BROKER, message)
        self._tell_bot(state, message)
        self._peers.tell(HUB, message)

    def _tell_all(self, message: object) -> None:
        for name in (BROKER, *self._bots, HUB):
            self._peers.tell(name, message)


def _history(request: SendCandles, series: CandleSeries | None) -> CandleHistory:
    return CandleHistory(
        pair=request.pair,
        interval=request.interval,
        candles=() if series is None else series.last(request.limit),
        open_candle=None if series is None else series.open_candle,
        request_id=request.request_id,
    )


def _missed(request: SendTrades, trades: tuple[PublicTrade, ...], candles: tuple[Candle, ...]) -> MissedTrades:
    return MissedTrades(pair=request.pair, trades=trades, candles=candles, request_id=request.request_id)
