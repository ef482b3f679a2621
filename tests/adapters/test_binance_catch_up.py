"""Filling gaps over REST: whole, in order, no trade twice."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import binance_wire as wire
from adapters.binance_catch_up import closed_candles_after, missed, trades_after, trades_since
from domain.errors import SourceUnavailable
from domain.market import Candle

D = Decimal
MINUTE = 60_000
HOUR = 60 * MINUTE


class Exchange:
    """An exchange's REST lists over trades 1..n, one a second; `orders` are runs of ids that one order took."""

    def __init__(self, count: int, *, orders: tuple[tuple[int, int], ...] = (), newest: int = 5, by_id: bool = True):
        self.count = count
        self.newest = newest
        self.by_id = by_id
        runs = {first: last for first, last in orders}
        self.aggregates = []
        trade_id = 1
        while trade_id <= count:
            last = min(runs.get(trade_id, trade_id), count)
            self.aggregates.append((trade_id, last))
            trade_id = last + 1
        self.starts = {i: first for first, last in self.aggregates for i in range(first, last + 1)}

    def _ms(self, trade_id: int) -> int:
        return self.starts[trade_id] * 1000  # trades of one order happen at one time

    def _trade(self, trade_id: int) -> wire.RestTrade:
        return wire.RestTrade(id=trade_id, price=D(1), qty=D(trade_id), time=self._ms(trade_id), isBuyerMaker=False)

    def newest_trades(self, pair: str) -> list[wire.RestTrade]:
        return [self._trade(i) for i in range(max(1, self.count - self.newest + 1), self.count + 1)]

    def trades_from(self, pair: str, trade_id: int, limit: int) -> list[wire.RestTrade]:
        if not self.by_id:
            raise SourceUnavailable("not offered here")
        return [self._trade(i) for i in range(trade_id, min(trade_id + limit, self.count + 1))]

    def aggregates_since(self, pair: str, since_ms: int) -> Iterator[wire.AggregateTrade]:
        for number, (first, last) in enumerate(self.aggregates):
            if self._ms(first) >= since_ms:
                yield wire.AggregateTrade(
                    a=9000 + number,
                    p=D(1),
                    q=D(sum(range(first, last + 1))),
                    f=first,
                    l=last,
                    T=self._ms(first),
                    m=False,
                )

    def klines(self, pair: str, interval: str, *, start_ms: int, end_ms: int) -> Iterator[Candle]:
        for open_ms in range(start_ms, end_ms + 1, MINUTE):
            yield Candle(open_ms=open_ms, open=D(1), high=D(1), low=D(1), close=D(1), volume=D(1))


def ids(trades) -> list[int]:
    return [trade.trade_id for trade in trades]


def test_a_short_gap_is_filled_with_single_trades():
    assert ids(trades_after(Exchange(8), "BTCUSDT", last_id=4, last_ms=4000)) == [5, 6, 7, 8]


def test_nothing_was_missed():
    assert trades_after(Exchange(8), "BTCUSDT", last_id=8, last_ms=8000) == ()


def test_a_long_gap_is_filled_with_aggregates_that_bear_their_last_id():
    exchange = Exchange(12, orders=((4, 6),), newest=3)
    trades = trades_after(exchange, "BTCUSDT", last_id=2, last_ms=2000)
    assert ids(trades) == [3, 6, 7, 8, 9, 10, 11, 12]
    assert trades[1].quantity == D(4 + 5 + 6)


def test_an_order_known_in_part_is_told_in_its_unknown_part():
    exchange = Exchange(12, orders=((2, 5),), newest=3)
    trades = trades_after(exchange, "BTCUSDT", last_id=3, last_ms=2000)
    assert ids(trades) == [4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert trades[0].quantity == D(4)


def test_where_single_trades_are_not_offered_the_whole_order_stands_in():
    exchange = Exchange(12, orders=((2, 5),), newest=3, by_id=False)
    trades = trades_after(exchange, "BTCUSDT", last_id=3, last_ms=2000)
    assert ids(trades)[:2] == [5, 6]
    assert trades[0].quantity == D(2 + 3 + 4 + 5)


def test_an_order_that_reaches_into_the_newest_trades_is_cut_there():
    exchange = Exchange(12, orders=((8, 11),), newest=3)
    trades = trades_after(exchange, "BTCUSDT", last_id=2, last_ms=2000)
    assert ids(trades) == [3, 4, 5, 6, 7, 9, 10, 11, 12]
    assert trades[5].quantity == D(8 + 9)


def test_an_order_known_in_part_that_reaches_into_the_newest_trades_is_cut_at_both_ends():
    exchange = Exchange(12, orders=((4, 11),), newest=3)
    trades = trades_after(exchange, "BTCUSDT", last_id=5, last_ms=4000)
    assert ids(trades) == [6, 7, 8, 9, 10, 11, 12]
    assert trades[3].quantity == D(9)


@given(
    st.integers(2, 40),
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 6)), max_size=6),
    st.integers(1, 10),
    st.integers(1, 40),
)
def test_whatever_the_orders_every_quantity_is_told_once(count: int, runs, newest: int, last_id: int):
    last_id = min(last_id, count)
    exchange = Exchange(count, orders=tuple((first, first + length) for first, length in runs), newest=newest)
    trades = trades_after(exchange, "BTCUSDT", last_id=last_id, last_ms=exchange._ms(last_id))
    assert ids(trades) == sorted(set(ids(trades)))
    assert all(trade_id > last_id for trade_id in ids(trades))
    assert sum(trade.quantity for trade in trades) == sum(range(last_id + 1, count + 1))


def test_after_a_moment_without_a_known_id():
    assert ids(trades_since(Exchange(8), "BTCUSDT", since_ms=5000)) == [6, 7, 8]
    assert ids(trades_since(Exchange(12, newest=3), "BTCUSDT", since_ms=5000)) == [6, 7, 8, 9, 10, 11, 12]


def test_closed_candles_only():
    candles = closed_candles_after(Exchange(1), "BTCUSDT", "1m", after_open_ms=MINUTE, exchange_ms=5 * MINUTE + 501)
    assert [bar.open_ms // MINUTE for bar in candles] == [2, 3, 4]
    fresh = closed_candles_after(Exchange(1), "BTCUSDT", "1m", after_open_ms=MINUTE, exchange_ms=5 * MINUTE + 499)
    assert [bar.open_ms // MINUTE for bar in fresh] == [2, 3]  # the exchange may not be done with the last one
    assert closed_candles_after(Exchange(1), "BTCUSDT", "1m", after_open_ms=MINUTE, exchange_ms=3 * MINUTE - 1) == ()


def test_what_is_long_ago_comes_as_candles_up_to_where_the_trades_begin():
    exchange = Exchange(12_000, newest=1000)
    now_ms = 12_000_000
    trades, candles = missed(exchange, "BTCUSDT", since_ms=90_000, since_trade_id=90, exchange_ms=now_ms)
    boundary_ms = candles[-1].open_ms + MINUTE
    assert candles[0].open_ms == 2 * MINUTE
    assert boundary_ms == (now_ms - 2 * HOUR) // MINUTE * MINUTE
    assert next(trade.traded_ms for trade in trades if trade.traded_ms > 2 * MINUTE) == boundary_ms
    assert trades[-1].trade_id == 12_000


@pytest.mark.parametrize(
    ("since_ms", "since_id", "first", "last"),
    [
        (90_000, 90, 91, 119),
        (90_000, None, 91, 119),
        (92_000, 94, 95, 119),  # of the order of trades 92 to 96 the rest
        (119_000, 119, None, None),
        (119_999, None, None, None),
        (120_000, 120, 121, 179),
    ],
)
def test_the_minute_that_was_seen_in_part_is_told_by_its_trades(since_ms, since_id, first, last):
    exchange = Exchange(12_000, orders=((92, 96),), newest=1000)
    trades, candles = missed(exchange, "BTCUSDT", since_ms=since_ms, since_trade_id=since_id, exchange_ms=12_000_000)
    begun = [trade for trade in trades if trade.traded_ms < candles[0].open_ms]
    assert candles[0].open_ms == since_ms // MINUTE * MINUTE + MINUTE
    assert (begun[0].trade_id, begun[-1].trade_id) == (first, last) if first else not begun
    if first:
        assert sum(trade.quantity for trade in begun) == sum(range(first, last + 1))


def test_where_candles_would_begin_after_the_trades_there_are_trades_alone():
    now_ms = 12_030_000
    since_ms = now_ms - 2 * HOUR - 10_000
    trades, candles = missed(
        Exchange(12_000), "BTCUSDT", since_ms=since_ms, since_trade_id=since_ms // 1000, exchange_ms=now_ms
    )
    assert (candles, trades[0].trade_id) == ((), since_ms // 1000 + 1)


def test_what_is_longer_ago_than_thirty_days_is_left_out():
    day_ms, now_ms = 24 * HOUR, 100 * 24 * HOUR
    _, candles = missed(Exchange(1), "BTCUSDT", since_ms=0, since_trade_id=None, exchange_ms=now_ms)
    assert candles[0].open_ms == now_ms - 30 * day_ms + MINUTE


@pytest.mark.parametrize(("since_id", "first"), [(11_990, 11_991), (None, 11_991)])
def test_what_is_recent_comes_as_trades_alone(since_id: int | None, first: int):
    trades, candles = missed(
        Exchange(12_000), "BTCUSDT", since_ms=11_990_000, since_trade_id=since_id, exchange_ms=12_000_000
    )
    assert (candles, trades[0].trade_id) == ((), first)
