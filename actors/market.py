"""The market actor: takes what an exchange connection tells, refuses what cannot be true, tells the desk the rest."""

import logging
from collections import Counter
from collections.abc import Callable

from actors.base import Actor
from domain import market_checks
from domain.candles import CandleSeries, Merge
from domain.market import INTERVAL_MS, Candle, MarketState, PublicTrade, SymbolRules
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
from domain.pair_market import PairMarket
from domain.ports import Clock, MarketSource, Peers, Timers
from domain.settlement import INTERVAL as SETTLED_BY
from settings import Settings

BROKER, HUB = "broker", "hub"
CALM = (MarketState.CONNECTING, MarketState.LIVE, MarketState.CATCHING_UP)  # states nobody has to look after
MAX_WAITING_REQUESTS = 100  # for candles of a series that is still empty
CANDLE_LOOK_SECONDS = 60.0  # how often freshness is judged where candles are all there is


class MarketActor(Actor):
    """Owns the exchange connection, candle series, books, 24 h statistics and their freshness.

    Handles: what a MarketSource tells (RulesReceived ... TradesFetched), SendCandles, SendMarketState, SendTrades,
    SettingsApplied, TimerFired(staleness).
    Tells: the broker TradePrinted, BookChanged, RulesChanged, MarketStatusChanged, MissedTrades and, where candles are
    all there is, CandleOpened and CandleClosed; each bot QuoteChanged, CandleClosed, TickerChanged of its pair,
    RulesChanged, MarketStatusChanged; the hub all of these but trades; each analyst CandleClosed of 1 m.
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
        self._bot_of = {pair: f"bot-{pair}" for pair in settings.bots.pairs if f"bot-{pair}" in bots}
        self._pairs = {pair: self._unknown(pair, 0) for pair in settings.bots.pairs}
        self._rules: tuple[SymbolRules, ...] = ()
        self._status: SourceStatusChanged | None = None
        self._waiting: dict[tuple[str, str], list[SendCandles]] = {}
        self._opened: dict[str, CandleOpened] = {}  # the newest of each pair
        self.refused: Counter[tuple[str, str]] = Counter()  # (pair, reason)

    def on_start(self) -> None:
        now_ms = self._clock.now_ms()
        for market in self._pairs.values():
            market.seen_ms = now_ms
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
                self._on_settings_applied(settings)
            case ActorStarted():
                pass  # who needs the market's state asks for it
            case _:
                return super().on_receive(message)
        return None

    def _on_settings_applied(self, settings: Settings) -> None:
        self._settings = settings
        self._set_staleness_timer()
        wanted, now_ms = tuple(settings.bots.pairs), self._clock.now_ms()
        if wanted == tuple(self._pairs):
            return
        self._pairs = {pair: self._pairs.get(pair) or self._unknown(pair, now_ms) for pair in wanted}
        self._bot_of = {pair: f"bot-{pair}" for pair in wanted}
        self._bots = tuple(self._bot_of.values())
        self._waiting = {key: asked for key, asked in self._waiting.items() if key[0] in self._pairs}
        self._source.follow(wanted)

    def _unknown(self, pair: str, now_ms: int) -> PairMarket:
        history = self._settings.market.history
        return PairMarket(pair=pair, source=self._source.kind, history=history, seen_ms=now_ms)

    # --- from the source --------------------------------------------------------------------------------------------

    def _on_rules_received(self, message: RulesReceived) -> None:
        self._rules = tuple(rules for rules in message.rules if rules.pair in self._pairs)
        self._tell_all(RulesChanged(rules=self._rules))

    def _on_book_received(self, message: BookReceived) -> None:
        market = self._known(message.pair)
        if market is None or self._refused(message.pair, market.take_book(message.book)):
            return
        self._seen(market)
        changed = BookChanged(pair=message.pair, book=message.book)
        self._peers.tell(BROKER, changed)
        self._peers.tell(HUB, changed)
        self._tell_quote(market, message.book.received_ms)

    def _on_trade_received(self, message: TradeReceived) -> None:
        market = self._known(message.pair)
        if market is None or self._refused(message.pair, market.take_trade(message.trade)):
            return
        printed = TradePrinted(pair=message.pair, trade=message.trade, catch_up=message.catch_up)
        self._peers.tell(BROKER, printed)
        if not message.catch_up:
            self._seen(market)
        self._tell_quote(market, market.price_ms)

    def _on_candle_received(self, message: CandleReceived) -> None:
        market = self._known(message.pair)
        if market is None or message.interval not in INTERVAL_MS:
            return
        if message.closed:
            self._close_candle(message, market)
            return
        fault = market.take_open_candle(message.interval, message.candle)
        if fault is None:
            changed = CandleChanged(pair=message.pair, interval=message.interval, candle=message.candle)
            self._peers.tell(HUB, changed)
        elif fault:
            self._refused(message.pair, fault)

    def _close_candle(self, message: CandleReceived, market: PairMarket) -> None:
        outcome, reason = market.close_candle(message.interval, message.candle)
        self._refused(message.pair, reason)
        if outcome not in (Merge.ADDED, Merge.AFTER_GAP):
            return
        if not message.catch_up:
            self._seen(market)
        closed = CandleClosed(
            pair=message.pair,
            interval=message.interval,
            candle=message.candle,
            catch_up=message.catch_up,
            source=self._source.kind,
        )
        if not self._source.has_books and message.interval == market.finest:
            self._peers.tell(BROKER, closed)
        self._tell_quote(market, market.price_ms)
        self._tell_bot(market, closed)
        if message.interval == SETTLED_BY:
            for analyst in self._settings.analysts:
                self._peers.tell(f"analyst-{analyst}", closed)
        self._peers.tell(HUB, closed)
        self._answer_waiting(message.pair, message.interval, market.series_of(message.interval))

    def _on_candle_open_received(self, message: CandleOpenReceived) -> None:
        market = self._known(message.pair)
        if market is None or self._refused(message.pair, market.take_open_price(message.open_ms, message.price)):
            return
        self._seen(market)
        opened = CandleOpened(pair=message.pair, open_ms=message.open_ms, price=message.price)
        self._opened[message.pair] = opened
        self._peers.tell(BROKER, opened)
        self._tell_quote(market, market.price_ms)

    def _on_history_received(self, message: HistoryReceived) -> None:
        market = self._known(message.pair)
        if market is None or message.interval not in INTERVAL_MS:
            return
        for fault in market.take_history(message.interval, message.candles):
            self._refused(message.pair, fault)
        series = market.series_of(message.interval)
        if len(series):
            self._tell_quote(market, market.price_ms)
            self._answer_waiting(message.pair, message.interval, series)

    def _on_ticker_received(self, message: TickerReceived) -> None:
        market = self._known(message.pair)
        if market is None or self._refused(message.pair, market.take_ticker(message.ticker)):
            return
        changed = TickerChanged(pair=message.pair, ticker=message.ticker)
        self._tell_bot(market, changed)
        self._peers.tell(HUB, changed)

    def _on_source_status_changed(self, message: SourceStatusChanged) -> None:
        self._status = message
        level = logging.INFO if message.state in CALM else logging.WARNING
        self.log.log(level, "Market %s: %s", message.state, message.message)
        self._tell_all(MarketStatusChanged(state=message.state, message=message.message, at_ms=message.at_ms))
        if message.state in (MarketState.CONNECTING, MarketState.RECONNECTING):
            for market in self._pairs.values():
                market.book = None  # a new connection counts its updates anew; an old book is of no use
        if message.state is MarketState.STALE:
            for market in self._pairs.values():
                self._mark_stale(market, message.message)

    # --- requests ---------------------------------------------------------------------------------------------------

    def _on_send_candles(self, message: SendCandles) -> None:
        market = self._pairs.get(message.pair)
        series = None if market is None else market.series.get(message.interval)
        self._peers.tell(message.reply_to, _history(message, series))
        if market is not None and (series is None or not len(series)):
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
        for pair, market in self._pairs.items():
            if to not in self._bots or to == self._bot_of.get(pair):
                self._send_state(market, to)

    def _send_state(self, market: PairMarket, to: str) -> None:
        if market.ticker is not None:
            self._peers.tell(to, TickerChanged(pair=market.pair, ticker=market.ticker))
        if market.book is not None and to not in self._bots:
            self._peers.tell(to, BookChanged(pair=market.pair, book=market.book))
        if market.quote is not None:
            self._peers.tell(to, QuoteChanged(quote=market.quote))
        if market.stale:
            self._peers.tell(to, self._pair_status(market, MarketState.STALE, f"no fresh data of {market.pair}"))

    def _on_send_trades(self, message: SendTrades) -> None:
        market = self._pairs.get(message.pair)
        missed = _missed(message, (), ()) if market is None else self._missed_in_memory(message, market)
        if missed is not None:
            self._tell_missed(missed)
            return
        self._source.fetch_trades(
            message.pair,
            since_ms=message.since_ms,
            since_trade_id=message.since_trade_id,
            request_id=message.request_id,
        )

    def _missed_in_memory(self, asked: SendTrades, market: PairMarket) -> MissedTrades | None:
        """Return the answer, None where memory does not go back far enough."""
        if self._source.has_books:
            if not market.tape.covers(since_ms=asked.since_ms, since_trade_id=asked.since_trade_id):
                return None
            trades = market.tape.since(since_ms=asked.since_ms, since_trade_id=asked.since_trade_id)
            return _missed(asked, trades, ())
        series = None if market.finest is None else market.series[market.finest]
        if series is None or series.oldest is None or series.oldest.open_ms > asked.since_ms:
            return None
        return _missed(asked, (), series.since(asked.since_ms))

    def _on_trades_fetched(self, message: TradesFetched) -> None:
        """Pass the answer on. What was printed meanwhile may be in it too: the broker recognises it."""
        pair = message.pair
        missed = MissedTrades(
            pair=pair,
            trades=tuple(each for each in message.trades if not self._refused(pair, market_checks.trade_fault(each))),
            candles=tuple(
                each
                for each in message.candles
                if not self._refused(pair, market_checks.candle_fault(each, INTERVAL_MS["1s"]))
            ),
            request_id=message.request_id,
        )
        self._tell_missed(missed)

    def _tell_missed(self, missed: MissedTrades) -> None:
        """Tell what was missed; the open candle's first price, told once only, may have been missed as well.

        It goes first: the broker keeps it until it has gone through the rest.
        """
        if (opened := self._opened.get(missed.pair)) is not None:
            self._peers.tell(BROKER, opened)
        self._peers.tell(BROKER, missed)

    # --- freshness --------------------------------------------------------------------------------------------------

    def _set_staleness_timer(self) -> None:
        seconds = CANDLE_LOOK_SECONDS
        if self._source.has_books:
            seconds = max(1.0, self._settings.market.stale_after_seconds / 10)
        self._timers.every(seconds, self.name, "staleness")

    def _on_staleness_timer(self) -> None:
        now_ms = self._clock.now_ms()
        for market in self._pairs.values():
            silent_ms = now_ms - market.seen_ms
            if silent_ms > self._stale_after_ms(market):
                self._mark_stale(market, f"no fresh data of {market.pair} for {silent_ms // 1000} s")

    def _stale_after_ms(self, market: PairMarket) -> int:
        if self._source.has_books:
            return self._settings.market.stale_after_seconds * 1000
        return 2 * market.candle_ms()

    def _mark_stale(self, market: PairMarket, reason: str) -> None:
        if market.stale:
            return
        market.stale = True
        self.log.warning("%s is stale: %s", market.pair, reason)
        self._tell_quote(market, market.price_ms)
        self._tell_pair(market, self._pair_status(market, MarketState.STALE, reason))

    def _seen(self, market: PairMarket) -> None:
        market.seen_ms = self._clock.now_ms()
        if not market.stale:
            return
        market.stale = False
        self.log.info("%s is fresh again", market.pair)
        self._tell_pair(market, self._pair_status(market, MarketState.LIVE, f"fresh data of {market.pair}"))

    def _pair_status(self, market: PairMarket, state: MarketState, message: str) -> MarketStatusChanged:
        return MarketStatusChanged(state=state, message=message, at_ms=self._clock.now_ms(), pair=market.pair)

    def _tell_quote(self, market: PairMarket, at_ms: int) -> None:
        if (quote := market.next_quote(at_ms)) is None:
            return
        changed = QuoteChanged(quote=quote)
        if self._source.has_books and market.tape.newest is None:
            self._peers.tell(BROKER, changed)  # until trades show it the price
        self._tell_bot(market, changed)
        self._peers.tell(HUB, changed)

    # --- helpers ----------------------------------------------------------------------------------------------------

    def _known(self, pair: str) -> PairMarket | None:
        market = self._pairs.get(pair)
        if market is None:
            self._refused(pair, "unknown_pair")
        return market

    def _answer_waiting(self, pair: str, interval: str, series: CandleSeries) -> None:
        for request in self._waiting.pop((pair, interval), ()):
            self._peers.tell(request.reply_to, _history(request, series))

    def _refused(self, pair: str, reason: str | None) -> bool:
        """Return whether there is a reason; count it, and log the 1st, 10th, 100th ... of its kind."""
        if reason is None:
            return False
        self.refused[(pair, reason)] += 1
        count = self.refused[(pair, reason)]
        if count == 10 ** (len(str(count)) - 1):
            self.log.warning("Not as it should be from the exchange: %s %s (%s so far)", pair, reason, count)
        return True

    def _tell_bot(self, market: PairMarket, message: object) -> None:
        if (bot := self._bot_of.get(market.pair)) is not None:
            self._peers.tell(bot, message)

    def _tell_pair(self, market: PairMarket, message: object) -> None:
        self._peers.tell(BROKER, message)
        self._tell_bot(market, message)
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
