"""A trailing stop moves with every trade; the journal is told of it now and then, and before it matters."""

from dataclasses import replace

import pytest

from domain.messages import CancelOrder, MissedTrades, OrderFilled, PositionAmended
from domain.trading import Reason, Side
from tests.domain.paper import (
    PAIR,
    RULES,
    T0,
    D,
    book,
    bought,
    close,
    exchange,
    limit,
    replayed,
    told,
    trade,
    trailing,
)


@pytest.fixture
def ex():
    """Long 1 from 100.01; from a gain of 1 on, the stop follows at 0.50."""
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    bought(made, trailing=trailing("1", "0.5"))
    return made


def live(made, trade_id, price, at_ms):
    made.on_trade(PAIR, trade(trade_id, price, at_ms), catch_up=False, now_ms=T0 + at_ms)


def amended(made):
    return [m.position.trailing.stop for m in told(made, PositionAmended)]


def documents(made, kind):
    return [document for document in made.pending if document["type"] == kind]


def test_a_stop_that_creeps_is_journaled_once_a_second(ex):
    """1,000 trades a second, each a tick of 0.001 basis points better."""
    ex.market.take_rules((replace(RULES, tick_size=D("0.00001")),))
    for n in range(3001):
        live(ex, 10 + n, str(D("102") + n * D("0.00001")), 1000 + n)
    assert amended(ex) == [D("101.5"), D("101.51"), D("101.52"), D("101.53")]


def test_a_stop_that_leaps_is_journaled_ten_times_a_second_at_most(ex):
    for n in range(1001):
        live(ex, 10 + n, str(D("102") + n * D("0.02")), 1000 + n)
    assert len(amended(ex)) == 11
    assert amended(ex)[-1] == D("102") + 20 - D("0.5")


def test_each_document_of_a_moved_stop_has_an_id_of_its_own(ex):
    for n in range(4):
        live(ex, 10 + n, str(102 + n), 1000 + 1000 * n)
    ids = [document["_id"] for document in documents(ex, "amend")]
    assert ids == [f"amend:BTCUSDT:trailing:3:{seq}" for seq in (4, 5, 6, 7)]


def test_the_stop_counts_where_it_is_whatever_the_journal_tells(ex):
    live(ex, 10, "102", 1000)
    live(ex, 11, "102.05", 1010)  # the stop is at 101.55 now, the journal still says 101.50
    assert amended(ex) == [D("101.5")]
    live(ex, 12, "101.55", 1020)
    ex.on_book(PAIR, book(1030, bids=(("101.4", "5"),), asks=(("101.6", "5"),), update_id=9), T0 + 1030)
    sold = told(ex, OrderFilled)[-1]
    assert (sold.trade.reason, sold.order.trigger_price) == (Reason.TRAILING_STOP, D("101.55"))
    assert amended(ex) == [D("101.5"), D("101.55")]  # told before the exit that it explains
    kinds = [document["type"] for document in ex.pending]
    assert kinds[-3:] == ["amend", "amend", "fill"]


@pytest.mark.parametrize("what", ["accept", "cancel", "close", "checkpoint"])
def test_what_is_recorded_of_a_pair_comes_after_where_its_stop_is(ex, what):
    """`seen` says that the trades until then need not be seen again: so the stop must be told with it."""
    ex.submit(limit("l", Side.BUY, "1", "90", submitted_ms=T0 + 100), T0 + 200)
    live(ex, 10, "102", 1000)
    live(ex, 11, "102.4", 1010)
    before = len(ex.pending)
    match what:
        case "accept":
            ex.submit(limit("m", Side.BUY, "1", "90", submitted_ms=T0 + 1000), T0 + 1020)
        case "cancel":
            ex.cancel(CancelOrder(order_id="l", reply_to="hub", request_id=""), T0 + 1020)
        case "close":
            ex.close(close("c", "0.5", submitted_ms=T0 + 1000), T0 + 1020)
        case "checkpoint":
            ex.checkpoint(T0 + 1020)
    kinds = [document["type"] for document in ex.pending[before:]]
    assert kinds[:1] == ["amend"] and len(kinds) == 2
    assert replayed(ex.pending).position(PAIR).trailing.stop == D("101.9")


def test_after_a_crash_the_same_level_is_found_again(ex):
    live(ex, 10, "102", 1000)
    stored = list(ex.pending)  # the rest is lost
    after = [trade(11, "102.4", 1010), trade(12, "102.1", 1020)]
    for each in after:
        live(ex, each.trade_id, str(each.price), each.traded_ms - T0)
    level = ex.executor.trailed(ex.desk.holdings[PAIR]).trailing
    again = exchange(desk=replayed(stored), now_ms=T0 + 60_000)
    assert again.books.seen[PAIR].id == 10
    again.on_missed(MissedTrades(pair=PAIR, trades=tuple(after), candles=(), request_id="r"), T0 + 60_000)
    assert again.executor.trailed(again.desk.holdings[PAIR]).trailing == level
    assert level.stop == D("101.9")


def test_a_new_position_does_not_have_the_trail_of_the_one_before(ex):
    live(ex, 10, "102", 1000)
    live(ex, 11, "102.4", 1010)
    ex.close(close(submitted_ms=T0 + 1010), T0 + 1020)
    ex.on_book(PAIR, book(1200, update_id=9), T0 + 1200)
    bought_again = limit("again", Side.BUY, "1", "101", submitted_ms=T0 + 1200, trailing=trailing("1", "0.5"))
    ex.submit(bought_again, T0 + 1300)
    ex.on_book(PAIR, book(1400, update_id=10), T0 + 1400)
    assert ex.desk.position(PAIR).trailing.stop is None
    assert ex.executor.trails == {}
    live(ex, 12, "101", 1500)
    assert ex.executor.trails == {} and ex.waiting.triggers == {}
