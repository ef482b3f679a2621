"""One pair's feed: repeats, gaps, holding back, freshness."""

from dataclasses import replace
from decimal import Decimal

import pytest

from adapters import binance_wire as wire
from adapters.binance_feed import PairFeed
from domain.market import Candle, OrderBook, PublicTrade
from domain.messages import BookReceived, CandleReceived, TickerReceived, TradeReceived

D = Decimal
MINUTE = 60_000


class Feed(PairFeed):
    """A feed that notes what it tells and which gaps it sees, on a clock moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[object] = []
        self.gaps = 0
        super().__init__(
            pair="BTCUSDT",
            intervals=("1m", "1h"),
            tell=self.told.append,
            on_gap=lambda _: self.count(),
            monotonic=lambda: self.now,
        )

    def count(self) -> None:
        self.gaps += 1

    def trades(self) -> list[tuple[int, bool]]:
        return [(told.trade.trade_id, told.catch_up) for told in self.told if isinstance(told, TradeReceived)]

    def candles(self) -> list[tuple[str, int, bool]]:
        return [
            (told.interval, told.candle.open_ms // MINUTE, told.catch_up)
            for told in self.told
            if isinstance(told, CandleReceived) and told.closed
        ]


@pytest.fixture
def feed() -> Feed:
    return Feed()


def trade(trade_id: int, ms: int | None = None) -> PublicTrade:
    at_ms = trade_id if ms is None else ms
    return PublicTrade(trade_id=trade_id, price=D(1), quantity=D(1), traded_ms=at_ms, buyer_is_maker=False)


def candle(minute: int) -> Candle:
    return Candle(open_ms=minute * MINUTE, open=D(1), high=D(1), low=D(1), close=D(1), volume=D(1))


def book(update_id: int, bid: int = 9) -> OrderBook:
    return OrderBook(update_id=update_id, received_ms=0, bids=((D(bid), D(1)),), asks=((D(11), D(1)),))


def ticker(last_id: int = 0, bid: int = 9) -> wire.TickerEvent:
    zero = D(0)
    return wire.TickerEvent(
        E=1, P=zero, p=zero, h=zero, l=zero, v=zero, q=zero, b=D(bid), B=D(1), a=D(11), A=D(1), L=last_id
    )


def test_the_overlap_of_two_connections_is_told_once(feed: Feed):
    for trade_id in (1, 2, 1, 2, 3):
        feed.take_trade(trade(trade_id))
    for minute in (1, 1, 2):
        feed.take_candle("1m", candle(minute), closed=True)
    for update_id in (5, 6, 5):
        feed.take_book(book(update_id))
    assert feed.trades() == [(1, False), (2, False), (3, False)]
    assert feed.candles() == [("1m", 1, False), ("1m", 2, False)]
    assert [told.book.update_id for told in feed.told if isinstance(told, BookReceived)] == [5, 6]
    assert feed.repeats == 4


def test_a_missing_trade_is_seen_and_everything_waits_for_it(feed: Feed):
    feed.take_trade(trade(1))
    feed.take_trade(trade(4))
    feed.take_trade(trade(5))
    feed.take_book(book(7))
    feed.take_book(book(8))
    feed.take_candle("1m", candle(1), closed=True)
    assert (feed.gaps, feed.holding, feed.trades()) == (1, True, [(1, False)])
    feed.release((trade(2), trade(3), trade(4)), [])
    assert feed.trades() == [(1, False), (2, True), (3, True), (4, True), (5, False)]
    assert feed.candles() == [("1m", 1, False)]
    assert [told.book.update_id for told in feed.told if isinstance(told, BookReceived)] == [8]
    assert not feed.holding


def test_a_missing_candle_is_seen(feed: Feed):
    feed.take_candle("1m", candle(1), closed=True)
    feed.take_candle("1m", candle(4), closed=True)
    assert (feed.gaps, feed.candles()) == (1, [("1m", 1, False)])
    feed.release((), [("1m", candle(2)), ("1m", candle(3)), ("1m", candle(1))])
    assert feed.candles() == [("1m", 1, False), ("1m", 2, True), ("1m", 3, True), ("1m", 4, False)]


def test_what_was_missed_is_told_in_the_order_in_which_it_happened(feed: Feed):
    feed.take_trade(trade(1, 0))
    feed.last_closed = {"1m": 0, "1h": -60 * MINUTE}
    feed.hold()
    trades = (trade(2, 1 * MINUTE), trade(3, 2 * MINUTE), trade(4, 2 * MINUTE + 1))
    feed.release(trades, [("1h", candle(0)), ("1m", candle(1)), ("1m", candle(2))])
    order = [
        told.trade.trade_id if isinstance(told, TradeReceived) else (told.interval, told.candle.open_ms // MINUTE)
        for told in feed.told[1:]
    ]
    assert order == [2, ("1m", 1), 3, 4, ("1m", 2), ("1h", 0)]  # trade 3 is the first of the second minute


def test_an_id_that_does_not_exist_is_let_be_after_it_was_asked_for(feed: Feed):
    feed.take_trade(trade(1))
    feed.take_trade(trade(4))
    feed.release((), [])
    assert feed.trades() == [(1, False), (4, False)]
    feed.take_trade(trade(6))
    assert feed.gaps == 2  # the next hole is asked for again


def test_it_knows_that_the_answer_lags_behind_the_stream(feed: Feed):
    feed.take_trade(trade(1))
    feed.take_trade(trade(5))
    assert feed.lags(())
    assert feed.lags((trade(2), trade(3)))
    assert not feed.lags((trade(2), trade(3), trade(4)))
    assert not feed.lags((trade(2), trade(6)))


def test_open_candles_are_not_held_back_and_told_late(feed: Feed):
    feed.hold()
    feed.take_candle("1m", candle(1), closed=False)
    feed.release((), [])
    assert feed.told == []


def test_a_silent_book_is_a_fault_unless_the_exchange_confirms_its_best_prices(feed: Feed):
    feed.take_book(book(1))
    feed.take_ticker(ticker())
    feed.now += 11
    assert feed.fault(10) == "no order book of BTCUSDT for 11 s"
    feed.take_ticker(ticker())
    assert feed.fault(10) is None
    feed.take_ticker(ticker(bid=10))
    assert feed.fault(10) == "no order book of BTCUSDT for 11 s"


def test_a_silent_trade_stream_is_a_fault_only_when_the_exchange_counts_on(feed: Feed):
    feed.take_trade(trade(5))
    for _ in range(30):
        feed.now += 1
        feed.take_book(book(1))
        feed.take_ticker(ticker(last_id=5))
        assert feed.fault(10) is None
    for _ in range(12):
        feed.now += 1
        feed.take_book(book(1))
        feed.take_ticker(ticker(last_id=6))
    assert feed.fault(10) == "no trades of BTCUSDT for 11 s, though there were some"
    feed.take_trade(trade(6))
    assert feed.fault(10) is None


def test_a_trade_stream_that_never_told_anything_is_noticed_too(feed: Feed):
    feed.take_ticker(ticker(last_id=5))
    for _ in range(12):
        feed.now += 1
        feed.take_book(book(1))
        feed.take_ticker(ticker(last_id=6))
    assert feed.fault(10) == "no trades of BTCUSDT for 11 s, though there were some"


def test_a_new_connection_is_judged_anew(feed: Feed):
    feed.take_book(book(900))
    feed.now += 20
    feed.reconnected()
    assert feed.fault(10) is None
    feed.take_book(book(3))
    assert [told.book.update_id for told in feed.told] == [900, 3]


def test_an_overdue_candle_is_asked_for_every_quarter_of_a_minute(feed: Feed):
    feed.take_candle("1m", candle(1), closed=True)
    assert not feed.is_candle_overdue(3 * MINUTE + 5_000)
    assert feed.is_candle_overdue(3 * MINUTE + 5_001)
    assert not feed.is_candle_overdue(3 * MINUTE + 20_000)
    assert feed.is_candle_overdue(3 * MINUTE + 21_000)


def test_a_candle_stream_that_tells_no_closed_ones_is_a_fault(feed: Feed):
    feed.take_candle("1m", candle(1), closed=True)
    for minute in (2, 3, 4):
        assert feed.fault(1000) is None
        assert feed.is_candle_overdue((minute + 1) * MINUTE + 16_000)
        feed.take_closed([("1m", candle(minute))])
    assert feed.candles()[1:] == [("1m", minute, True) for minute in (2, 3, 4)]
    assert feed.fault(1000) == "no closed candles of BTCUSDT"
    feed.take_candle("1m", candle(5), closed=True)
    assert feed.fault(1000) is None


def test_candles_without_trades_do_not_accuse_the_stream(feed: Feed):
    feed.take_candle("1m", candle(1), closed=True)
    for minute in (2, 3, 4, 5):
        assert feed.is_candle_overdue((minute + 1) * MINUTE + 16_000)
        feed.take_closed([("1m", replace(candle(minute), volume=D(0)))])
    assert feed.fault(1000) is None


def test_trades_that_came_in_disorder_while_it_held_are_all_told(feed: Feed):
    feed.take_trade(trade(1))
    for trade_id in (4, 7, 6, 5, 7):
        feed.take_trade(trade(trade_id))
    assert not feed.lags((trade(2), trade(3)))
    feed.release((trade(2), trade(3)), [])
    assert feed.trades() == [(1, False), (2, True), (3, True), (4, False), (5, False), (6, False), (7, False)]


def test_a_trade_missing_among_those_held_back_is_fetched_too(feed: Feed):
    feed.take_trade(trade(1))
    for trade_id in (3, 5):
        feed.take_trade(trade(trade_id))
    assert feed.lags((trade(2),))
    assert feed.lags((trade(2), trade(3)))
    assert not feed.lags((trade(2), trade(3), trade(4)))


def test_an_order_told_as_one_is_not_told_again_by_its_parts_that_were_held_back(feed: Feed):
    feed.take_trade(trade(1))
    feed.hold()
    for trade_id in (3, 4, 5):
        feed.take_trade(trade(trade_id))
    feed.release((trade(4),), [])  # stands for the trades 2 to 4 of one order
    assert feed.trades() == [(1, False), (4, True), (5, False)]


def test_a_candle_missing_before_those_held_back_is_fetched_too(feed: Feed):
    feed.take_candle("1m", candle(1), closed=True)
    feed.hold()
    feed.take_candle("1m", candle(4), closed=True)
    assert feed.lags((), [("1m", candle(2))])
    assert not feed.lags((), [("1m", candle(2)), ("1m", candle(3))])


def test_candles_that_the_exchange_does_not_send_are_built_from_minutes():
    told: list[CandleReceived] = []
    feed = PairFeed(
        pair="BTCUSDT", intervals=("1m", "2m"), tell=told.append, on_gap=lambda _: None, monotonic=lambda: 0.0
    )
    assert feed.sent_intervals == ("1m",)
    assert [bar.open_ms // MINUTE for bar in feed.begin_building("2m", map(candle, range(1, 5)))] == [2]
    feed.last_closed["1m"] = 4 * MINUTE
    feed.take_candle("1m", candle(5), closed=False)
    feed.take_candle("1m", candle(5), closed=True)
    feed.take_candle("1m", candle(6), closed=False)
    built = [(each.candle.open_ms // MINUTE, int(each.candle.volume), each.closed) for each in told[1::2]]
    assert [each.interval for each in told] == ["1m", "2m"] * 3
    assert built == [(4, 2, False), (4, 2, True), (6, 1, False)]


def test_tickers_pass_even_while_it_holds(feed: Feed):
    feed.hold()
    feed.take_ticker(ticker())
    assert [type(told) for told in feed.told] == [TickerReceived]
