"""Trades: deterministic, numbered without a gap, and exactly what the candles sum up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.paths import MinuteBar, SeededPath
from sim.symbols import listing
from sim.tape import Tape, merge, sums_of

MINUTE = 29_454_480  # 2026-01-01T12:00Z
PAIRS = ["BTCUSDT", "XRPUSDT", "SHIBUSDT"]


def tape(pair="BTCUSDT", seed=7):
    listed = listing(pair)
    return Tape(listing=listed, path=SeededPath(listing=listed, seed=seed), seed=seed)


class OneBar:
    """A path that gives the same bar for every minute."""

    def __init__(self, bar):
        self._bar = bar

    def bars(self, hour):
        return (self._bar,) * 60


@given(minute=st.integers(28_000_000, 31_000_000), seed=st.integers(0, 99), pair=st.sampled_from(PAIRS))
@settings(max_examples=60, deadline=None)
def test_a_minutes_candle_is_the_sum_of_its_trades(minute, seed, pair):
    some = tape(pair, seed)
    trades = some.minute_trades(minute)
    assert some.minute_sums(minute) == sums_of(trades, minute * 60_000)
    assert all(trade.quantity > 0 and trade.time_ms // 60_000 == minute for trade in trades)
    assert [trade.time_ms for trade in trades] == sorted(trade.time_ms for trade in trades)


@given(
    first=st.integers(1, 10_000),
    last=st.integers(1, 10_000),
    above=st.integers(0, 500),
    below=st.integers(0, 500),
    volume=st.integers(0, 10**9),
)
@settings(max_examples=60, deadline=None)
def test_any_recorded_bar_comes_back_from_its_trades(first, last, above, below, volume):
    bar = MinuteBar(first, max(first, last) + above, max(1, min(first, last) - below), last, volume)
    some = Tape(listing=listing("BTCUSDT"), path=OneBar(bar), seed=7)
    sums = sums_of(some.minute_trades(MINUTE), MINUTE * 60_000)
    assert (sums.open, sums.high, sums.low, sums.close) == bar[:4]
    assert sums.volume >= volume  # a thin minute is given what its trades need
    assert sums.volume == volume or volume < 2000
    assert sums == some.minute_sums(MINUTE)


@pytest.mark.parametrize("pair", PAIRS)
def test_ids_have_no_gap_over_minutes_and_hours(pair):
    some = tape(pair)
    trades = [trade for minute in range(MINUTE - 62, MINUTE + 3) for trade in some.minute_trades(minute)]
    assert [trade.id for trade in trades] == list(range(trades[0].id, trades[0].id + len(trades)))
    orders = list(dict.fromkeys(trade.order_id for trade in trades))
    assert orders == list(range(orders[0], orders[0] + len(orders)))


def test_the_minute_of_a_trade_follows_from_its_id():
    some = tape()
    for minute in range(MINUTE - 61, MINUTE + 2):
        trades = some.minute_trades(minute)
        for trade in (trades[0], trades[-1]):
            assert some.minute_of_trade(trade.id) == minute
            assert some.minute_of_order(trade.order_id) == minute


def test_fills_of_one_order_share_time_price_and_side():
    by_order = {}
    for trade in tape().minute_trades(MINUTE):
        by_order.setdefault(trade.order_id, set()).add((trade.time_ms, trade.price, trade.buyer_is_maker))
    assert all(len(kinds) == 1 for kinds in by_order.values())


def test_an_hour_is_the_sum_of_its_minutes():
    some = tape()
    minutes = [some.minute_sums(MINUTE + later) for later in range(60)]
    assert some.hour_sums(MINUTE // 60) == merge(minutes, MINUTE * 60_000)


def test_a_restarted_tape_goes_on_with_the_same_trades():
    begin, end = MINUTE * 60_000 + 12_345, MINUTE * 60_000 + 200_000
    whole = tape().trades_between(begin, end)
    middle = begin + 70_000
    assert tape().trades_between(begin, middle) + tape().trades_between(middle, end) == whole


def test_around_gives_the_trades_on_either_side_of_a_moment():
    some = tape()
    first, second = some.minute_trades(MINUTE)[:3:2]
    assert some.around(second.time_ms - 1)[1] == second
    assert some.around(second.time_ms)[0] == second
    assert some.around(first.time_ms - 1)[0] == some.minute_trades(MINUTE - 1)[-1]


def test_ids_of_two_pairs_do_not_look_alike():
    assert abs(tape("BTCUSDT").minute_trades(MINUTE)[0].id - tape("ETHUSDT").minute_trades(MINUTE)[0].id) > 1000
