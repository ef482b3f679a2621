"""The market actor: what it refuses, what it tells, and to whom."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from actors.market import MarketActor
from domain.market import Candle, MarketState, OrderBook, PublicTrade, Source, SymbolRules, Ticker
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
    Ping,
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
from settings import parse_settings

D = Decimal
MINUTE = 60_000
T0 = 1_767_225_600_000  # the fixture clock's start, a whole hour
BTC, ETH = "BTCUSDT", "ETHUSDT"


class ScriptedSource:
    """Stands in for an exchange connection: notes what it is asked."""

    kind = Source.BINANCE

    def __init__(self, *, has_books: bool = True) -> None:
        self.has_books = has_books
        self.calls: list[object] = []

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

    def fetch_trades(self, pair: str, *, since_ms: int, since_trade_id: int | None, request_id: str) -> None:
        self.calls.append((pair, since_ms, since_trade_id, request_id))

    def follow(self, pairs: tuple[str, ...]) -> None:
        self.calls.append(("follow", pairs))


class CountRefusals:
    """A test -> market."""


@pytest.fixture(autouse=True)
def _refusals_can_be_asked_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(MarketActor, "test_hooks", {CountRefusals: lambda actor, _: dict(actor.refused)})


class Market:
    """A running market actor and what it told."""

    def __init__(self, peers, clock, timers, *, has_books: bool = True) -> None:
        self.peers, self.clock, self.timers = peers, clock, timers
        self.source = ScriptedSource(has_books=has_books)
        self.settings = parse_settings(
            {"bots": {"pairs": {BTC: {}, ETH: {}}}, "market": {"history": 5, "stale_after_seconds": 10}}
        )
        self.ref = MarketActor.start(
            settings=self.settings,
            peers=peers,
            clock=clock,
            timers=timers,
            source=self.source,
            bots=("bot-BTCUSDT", "bot-ETHUSDT"),
        )
        assert self.ref.ask(Ping(), timeout=30)  # it has started

    def handle(self, *messages: object) -> None:
        """Give one message after the other; each is handled before the next, so nothing is conflated."""
        for message in messages:
            self.ref.tell(message)
            assert self.ref.ask(Ping(), timeout=30)

    def refused(self) -> dict[tuple[str, str], int]:
        return self.ref.ask(CountRefusals(), timeout=30)

    def told(self, name: str, kind: type) -> list:
        return self.peers.to(name, kind)

    def pass_seconds(self, seconds: float) -> None:
        """Move the clock and let the timers fire on the way."""
        end_ms = self.clock.now_ms() + round(seconds * 1000)
        while (due_ms := self.timers.next_due_ms()) is not None and due_ms <= end_ms:
            self.clock.move_to(due_ms)
            self.timers.fire_next()
            for name, message in self.peers.sent[-1:]:
                if name == "market" and isinstance(message, TimerFired):
                    self.handle(message)
        self.clock.move_to(end_ms)


@pytest.fixture
def market(peers, clock, timers) -> Iterator[Market]:
    yield Market(peers, clock, timers)


@pytest.fixture
def candle_market(peers, clock, timers) -> Iterator[Market]:
    yield Market(peers, clock, timers, has_books=False)


def candle(minute: int, close: int = 100) -> Candle:
    price = D(close)
    return Candle(open_ms=T0 + minute * MINUTE, open=price, high=price, low=price, close=price, volume=D(1))


def closed(minute: int, close: int = 100, pair: str = BTC, **more) -> CandleReceived:
    return CandleReceived(pair=pair, interval="1m", candle=candle(minute, close), closed=True, **more)


def trade(trade_id: int, price: int | str = 100, ms: int = T0) -> TradeReceived:
    made = PublicTrade(trade_id=trade_id, price=D(price), quantity=D(1), traded_ms=ms, buyer_is_maker=False)
    return TradeReceived(pair=BTC, trade=made)


def book(bid: int = 99, ask: int = 101, update_id: int = 1, pair: str = BTC) -> BookReceived:
    made = OrderBook(update_id=update_id, received_ms=T0, bids=((D(bid), D(1)),), asks=((D(ask), D(1)),))
    return BookReceived(pair=pair, book=made)


def ticker(event_ms: int = T0) -> TickerReceived:
    return TickerReceived(
        pair=BTC,
        ticker=Ticker(
            change_percent=D(1),
            change=D(1),
            high=D(110),
            low=D(90),
            volume=D(5),
            quote_volume=D(500),
            event_ms=event_ms,
        ),
    )


def status(state: MarketState, message: str = "a sentence") -> SourceStatusChanged:
    return SourceStatusChanged(state=state, message=message, at_ms=T0)


RULES = SymbolRules(
    pair=BTC,
    base="BTC",
    quote="USDT",
    tick_size=D("0.01"),
    step_size=D("0.00001"),
    min_quantity=D("0.00001"),
    max_quantity=D(0),
    min_notional=D(5),
)


# --- who is told what -------------------------------------------------------------------------------------------------


def test_it_starts_its_source_anew(market: Market):
    assert market.source.calls == ["stop", "start"]


def test_trades_go_to_the_broker_in_order_with_their_mark(market: Market):
    late = TradeReceived(pair=BTC, trade=trade(2).trade, catch_up=True)
    market.handle(trade(1), late)
    assert market.told("broker", TradePrinted) == [
        TradePrinted(pair=BTC, trade=trade(1).trade, catch_up=False),
        TradePrinted(pair=BTC, trade=trade(2).trade, catch_up=True),
    ]
    assert market.told("hub", TradePrinted) == []


def test_books_go_to_broker_and_hub(market: Market):
    market.handle(book())
    assert (
        market.told("broker", BookChanged)
        == market.told("hub", BookChanged)
        == [BookChanged(pair=BTC, book=book().book)]
    )


def test_a_closed_candle_goes_to_the_pairs_bot_and_the_hub_once(market: Market):
    market.handle(closed(0), closed(0))
    (told,) = market.told("bot-BTCUSDT", CandleClosed)
    assert (told.candle, told.source, told.catch_up) == (candle(0), Source.BINANCE, False)
    assert len(market.told("hub", CandleClosed)) == 1
    assert market.told("bot-ETHUSDT", CandleClosed) == market.told("broker", CandleClosed) == []


def test_the_open_candle_goes_to_the_hub(market: Market):
    so_far = CandleReceived(pair=BTC, interval="1m", candle=candle(1), closed=False)
    market.handle(so_far)
    assert market.told("hub", CandleChanged) == [CandleChanged(pair=BTC, interval="1m", candle=candle(1))]


def test_where_candles_are_all_there_is_the_broker_gets_opens_and_the_finest_closes(candle_market: Market):
    hour = CandleReceived(pair=BTC, interval="1h", candle=candle(0), closed=True)
    candle_market.handle(CandleOpenReceived(pair=BTC, open_ms=T0, price=D(99)), closed(0), hour)
    assert candle_market.told("broker", CandleOpened) == [CandleOpened(pair=BTC, open_ms=T0, price=D(99))]
    assert [told.interval for told in candle_market.told("broker", CandleClosed)] == ["1m"]
    assert [told.interval for told in candle_market.told("bot-BTCUSDT", CandleClosed)] == ["1m", "1h"]


def test_tickers_go_to_the_pairs_bot_and_the_hub(market: Market):
    market.handle(ticker())
    for name in ("bot-BTCUSDT", "hub"):
        assert market.told(name, TickerChanged) == [TickerChanged(pair=BTC, ticker=ticker().ticker)]


def test_rules_and_the_connections_state_go_to_everybody(market: Market):
    market.handle(RulesReceived(rules=(RULES,)), status(MarketState.LIVE))
    for name in ("broker", "bot-BTCUSDT", "bot-ETHUSDT", "hub"):
        assert market.told(name, RulesChanged) == [RulesChanged(rules=(RULES,))]
        (told,) = market.told(name, MarketStatusChanged)
        assert (told.state, told.message, told.pair) == (MarketState.LIVE, "a sentence", None)


# --- quotes -----------------------------------------------------------------------------------------------------------


def test_a_quote_is_told_when_it_changes(market: Market):
    market.handle(trade(1, 100), trade(2, 100, T0 + 10), book(), book(update_id=2), trade(3, 101, T0 + 20))
    quotes = [told.quote for told in market.told("bot-BTCUSDT", QuoteChanged)]
    assert [(quote.price, quote.bid, quote.ask) for quote in quotes] == [
        (100, None, None),
        (100, 99, 101),
        (101, 99, 101),
    ]
    assert market.told("hub", QuoteChanged) == market.told("bot-BTCUSDT", QuoteChanged)
    assert market.told("bot-ETHUSDT", QuoteChanged) == []


def test_an_unchanged_quote_is_told_again_after_a_second(market: Market):
    market.handle(trade(1, 100), trade(2, 100, T0 + 999), trade(3, 100, T0 + 1000))
    assert [told.quote.event_ms for told in market.told("hub", QuoteChanged)] == [T0, T0 + 1000]


def test_before_any_trade_the_price_is_the_middle_of_the_book(market: Market):
    market.handle(HistoryReceived(pair=BTC, interval="1m", candles=(candle(-1, 95),)), book(99, 102))
    assert [told.quote.price for told in market.told("hub", QuoteChanged)] == [95, D("100.5")]


def test_the_last_candle_of_the_history_is_a_price_until_trades_come(market: Market):
    market.handle(HistoryReceived(pair=BTC, interval="1m", candles=(candle(-2, 90), candle(-1, 95))))
    assert [told.quote.price for told in market.told("broker", QuoteChanged)] == [95]
    market.handle(trade(1, 100), trade(2, 101))
    assert market.told("broker", QuoteChanged)[1:] == []  # it sees the trades themselves


def test_an_older_price_does_not_replace_a_newer_one(market: Market):
    market.handle(trade(1, 100, T0 + MINUTE), closed(-1, 50))
    assert [told.quote.price for told in market.told("hub", QuoteChanged)] == [100]


# --- refusals ---------------------------------------------------------------------------------------------------------


def bad_candle(**changes) -> CandleReceived:
    figures = dict(open_ms=T0, open=D(1), high=D(2), low=D(1), close=D(1), volume=D(1)) | changes
    return CandleReceived(pair=BTC, interval="1m", candle=Candle(**figures), closed=True)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (book(101, 100), "crossed_book"),
        (trade(1, 0), "not_positive"),
        (trade(1, "NaN"), "not_finite"),
        (bad_candle(high=D("0.5")), "high_below_low"),
        (bad_candle(close=D("Infinity")), "not_finite"),
        (bad_candle(open_ms=T0 + 1), "off_the_interval"),
        (CandleOpenReceived(pair=BTC, open_ms=T0, price=D("NaN")), "not_finite"),
        (
            TickerReceived(
                pair=BTC,
                ticker=Ticker(
                    change_percent=D("NaN"),
                    change=D(1),
                    high=D(2),
                    low=D(1),
                    volume=D(1),
                    quote_volume=D(1),
                    event_ms=T0,
                ),
            ),
            "not_finite",
        ),
    ],
)
def test_what_cannot_be_true_is_refused_counted_and_never_used(market: Market, message: object, reason: str):
    market.handle(message)
    assert market.refused() == {(BTC, reason): 1}
    assert market.peers.sent == []


def test_repeats_and_older_news_are_refused(market: Market):
    market.handle(trade(5), trade(5), trade(4), book(update_id=9), book(98, update_id=8), ticker(T0 + 5), ticker(T0))
    market.handle(closed(3), closed(3, 101), closed(1))
    assert market.refused() == {
        (BTC, "trade_repeated"): 2,
        (BTC, "book_out_of_order"): 1,
        (BTC, "ticker_out_of_order"): 1,
        (BTC, "candle_conflicting"): 1,
        (BTC, "candle_out_of_order"): 1,
    }
    assert len(market.told("broker", TradePrinted)) == 1
    assert [told.candle.close for told in market.told("hub", CandleClosed)] == [100]


def test_a_pair_that_is_not_traded_is_refused(market: Market):
    market.handle(closed(0, pair="DOGEUSDT"), book(pair="DOGEUSDT"))
    assert market.told("hub", CandleClosed) == market.told("hub", BookChanged) == []


def test_a_new_connection_counts_its_book_updates_anew(market: Market):
    market.handle(book(update_id=900), status(MarketState.RECONNECTING), book(98, update_id=3))
    assert [told.book.update_id for told in market.told("broker", BookChanged)] == [900, 3]


# --- freshness --------------------------------------------------------------------------------------------------------


def test_a_silent_pair_becomes_stale_once_and_fresh_with_its_next_data(market: Market):
    market.handle(trade(1), book(pair=ETH))
    market.pass_seconds(8)
    market.handle(book(pair=ETH, update_id=2))
    market.pass_seconds(6)
    told = [message for message in market.told("bot-BTCUSDT", MarketStatusChanged)]
    assert [(message.state, message.pair) for message in told] == [(MarketState.STALE, BTC)]
    assert "BTCUSDT" in told[0].message
    assert market.told("bot-BTCUSDT", QuoteChanged)[-1].quote.stale
    assert market.told("bot-ETHUSDT", MarketStatusChanged) == []
    assert market.told("broker", MarketStatusChanged) == market.told("hub", MarketStatusChanged) == told

    market.handle(trade(2))
    assert market.told("bot-BTCUSDT", MarketStatusChanged)[-1].state is MarketState.LIVE
    assert not market.told("bot-BTCUSDT", QuoteChanged)[-1].quote.stale


def test_a_pair_without_any_data_is_stale(market: Market):
    market.pass_seconds(12)
    assert {message.pair for message in market.told("hub", MarketStatusChanged)} == {BTC, ETH}


def test_caught_up_trades_do_not_make_a_pair_fresh(market: Market):
    market.pass_seconds(12)
    market.handle(TradeReceived(pair=BTC, trade=trade(1).trade, catch_up=True))
    assert market.told("bot-BTCUSDT", MarketStatusChanged)[-1].state is MarketState.STALE
    assert market.told("bot-BTCUSDT", QuoteChanged)[-1].quote.stale


def test_where_candles_are_all_there_is_two_of_them_may_pass(candle_market: Market):
    candle_market.handle(closed(0), closed(0, pair=ETH))
    candle_market.pass_seconds(119)
    assert candle_market.told("hub", MarketStatusChanged) == []
    candle_market.pass_seconds(62)
    assert {message.pair for message in candle_market.told("hub", MarketStatusChanged)} == {BTC, ETH}


def test_a_stale_connection_makes_every_pair_stale_at_once(market: Market):
    market.handle(trade(1), status(MarketState.STALE, "recording ended"))
    assert market.told("bot-BTCUSDT", QuoteChanged)[-1].quote.stale
    assert [message.pair for message in market.told("broker", MarketStatusChanged)] == [None, BTC, ETH]


def test_a_new_staleness_limit_holds_at_once(market: Market):
    longer = market.settings.model_copy(
        update={"market": market.settings.market.model_copy(update={"stale_after_seconds": 100})}
    )
    market.handle(SettingsApplied(settings=longer, settings_hash="h"), ActorStarted(name="hub", generation=2))
    market.pass_seconds(60)
    assert market.told("hub", MarketStatusChanged) == []


def test_pairs_that_the_settings_add_are_followed_and_others_let_go(market: Market):
    market.handle(closed(0, pair=ETH))
    pairs = {pair: market.settings.bots.pairs[ETH] for pair in (ETH, "SOLUSDT")}
    changed = market.settings.model_copy(update={"bots": market.settings.bots.model_copy(update={"pairs": pairs})})
    market.handle(SettingsApplied(settings=changed, settings_hash="h"))
    assert market.source.calls[-1] == ("follow", (ETH, "SOLUSDT"))
    market.handle(closed(1, pair="SOLUSDT"), closed(1, pair=BTC), closed(1, pair=ETH))
    assert [told.pair for told in market.told("bot-SOLUSDT", CandleClosed)] == ["SOLUSDT"]
    assert [told.candle.open_ms for told in market.told("bot-ETHUSDT", CandleClosed)][-2:] == [T0, T0 + MINUTE]
    assert market.told("bot-BTCUSDT", CandleClosed) == []


# --- requests ---------------------------------------------------------------------------------------------------------


def test_candles_are_sent_to_who_asks(market: Market):
    so_far = CandleReceived(pair=BTC, interval="1m", candle=candle(3), closed=False)
    market.handle(closed(0), closed(1), closed(2), so_far)
    market.handle(SendCandles(pair=BTC, interval="1m", limit=2, reply_to="bot-BTCUSDT", request_id="r"))
    assert market.told("bot-BTCUSDT", CandleHistory) == [
        CandleHistory(pair=BTC, interval="1m", candles=(candle(1), candle(2)), open_candle=candle(3), request_id="r")
    ]


def test_who_asked_too_early_is_answered_again_when_there_are_candles(market: Market):
    ask = SendCandles(pair=BTC, interval="1m", limit=9, reply_to="bot-BTCUSDT", request_id="r")
    market.handle(ask, ask, HistoryReceived(pair=BTC, interval="1m", candles=(candle(0), candle(1))), closed(2))
    lengths = [len(answer.candles) for answer in market.told("bot-BTCUSDT", CandleHistory)]
    assert lengths == [0, 0, 2]


def test_damaged_candles_of_a_history_are_left_out(market: Market):
    damaged = bad_candle(high=D("0.5")).candle
    market.handle(HistoryReceived(pair=BTC, interval="1m", candles=(candle(-1), damaged, candle(1))))
    market.handle(SendCandles(pair=BTC, interval="1m", limit=9, reply_to="hub"))
    assert market.told("hub", CandleHistory)[0].candles == (candle(-1), candle(1))


def test_an_unknown_series_is_empty(market: Market):
    market.handle(SendCandles(pair="DOGEUSDT", interval="1m", limit=9, reply_to="hub"))
    assert market.told("hub", CandleHistory)[0].candles == ()


def test_who_starts_is_told_the_newest_state(market: Market):
    market.handle(RulesReceived(rules=(RULES,)), status(MarketState.LIVE), ticker(), book(), trade(1))
    market.peers.sent.clear()
    for name in ("hub", "bot-BTCUSDT", "bot-ETHUSDT"):
        market.handle(SendMarketState(reply_to=name))
    kinds = {
        name: [type(message).__name__ for message in market.peers.to(name)]
        for name in ("hub", "bot-BTCUSDT", "bot-ETHUSDT")
    }
    assert kinds["hub"] == ["RulesChanged", "MarketStatusChanged", "TickerChanged", "BookChanged", "QuoteChanged"]
    assert kinds["bot-BTCUSDT"] == ["RulesChanged", "MarketStatusChanged", "TickerChanged", "QuoteChanged"]
    assert kinds["bot-ETHUSDT"] == ["RulesChanged", "MarketStatusChanged"]


def ask_for(since_ms: int, since_id: int | None) -> SendTrades:
    return SendTrades(pair=BTC, since_ms=since_ms, since_trade_id=since_id, request_id="r")


def test_missed_trades_come_from_memory_where_they_are_there(market: Market):
    market.handle(trade(1), trade(2), trade(3), ask_for(T0, 1))
    (missed,) = market.told("broker", MissedTrades)
    assert [one.trade_id for one in missed.trades] == [2, 3]
    assert missed.request_id == "r"


def test_older_trades_come_from_the_source(market: Market):
    market.handle(trade(5), ask_for(T0 - 1, 3))
    assert market.source.calls[-1] == (BTC, T0 - 1, 3, "r")
    fetched = TradesFetched(pair=BTC, trades=(trade(4).trade, trade(5).trade), candles=(candle(-9),), request_id="r")
    market.handle(fetched)
    (missed,) = market.told("broker", MissedTrades)
    assert ([one.trade_id for one in missed.trades], missed.candles) == ([4, 5], (candle(-9),))


def test_fetched_trades_and_candles_that_cannot_be_true_are_refused_and_counted(market: Market):
    candles = (
        candle(-9),
        replace(candle(-8), low=D("NaN")),
        replace(candle(-7), high=D(1)),
        replace(candle(-6), open=D("Infinity")),
        replace(candle(-5), open_ms=T0 + 7),
    )
    trades = (trade(4).trade, replace(trade(5).trade, price=D("NaN")))
    market.handle(TradesFetched(pair=BTC, trades=trades, candles=candles, request_id="r"))
    (missed,) = market.told("broker", MissedTrades)
    assert ([one.trade_id for one in missed.trades], missed.candles) == ([4], (candle(-9),))
    assert sum(market.refused().values()) == 5


def test_missed_candles_come_from_the_series_or_from_the_source(candle_market: Market):
    candle_market.handle(closed(0), closed(1), closed(2), ask_for(T0 + 2 * MINUTE, None))
    (missed,) = candle_market.told("broker", MissedTrades)
    assert (missed.trades, missed.candles) == ((), (candle(2),))
    candle_market.handle(ask_for(T0 - 1, None))
    assert candle_market.source.calls[-1] == (BTC, T0 - 1, None, "r")


def test_the_open_of_the_candle_that_is_open_is_told_again_to_who_missed_something(candle_market: Market):
    opened = CandleOpened(pair=BTC, open_ms=T0 + MINUTE, price=D(99))
    candle_market.handle(closed(0), CandleOpenReceived(pair=BTC, open_ms=T0 + MINUTE, price=D(99)))
    before = len(candle_market.peers.to("broker"))
    candle_market.handle(ask_for(T0, None), ask_for(T0 - 1, None))
    candle_market.handle(TradesFetched(pair=BTC, trades=(), candles=(candle(-1),), request_id="r"))
    again = candle_market.peers.to("broker")[before:]
    assert [type(message) for message in again] == [CandleOpened, MissedTrades] * 2
    assert again[0] == again[2] == opened


def test_a_pair_that_is_not_traded_has_missed_nothing(market: Market):
    market.handle(SendTrades(pair="DOGEUSDT", since_ms=0, since_trade_id=None, request_id="r"))
    (missed,) = market.told("broker", MissedTrades)
    assert (missed.trades, missed.candles) == ((), ())


def test_it_stops_its_source_when_it_stops(market: Market):
    market.ref.stop(timeout=30)
    assert market.source.calls[-1] == "stop"
