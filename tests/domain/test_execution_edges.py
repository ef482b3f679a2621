"""Corners of the paper exchange: orders that come to nothing, orders on their way, stops that wait, late candles."""

import pytest

from domain.market import Candle
from domain.messages import AmendProtection, CancelOrder, MissedTrades, OrderCancelled, OrderFilled
from domain.trading import FillModel, OrderType, Reason, Side
from tests.domain.paper import PAIR, T0, D, bought, close, exchange, limit, order, replayed, told, trade, trailing
from tests.domain.paper import book as book_of

MINUTE = 60_000


@pytest.fixture
def ex():
    return exchange()


def book(made, at_ms, **changes):
    made.on_book(PAIR, book_of(at_ms, **changes), T0 + at_ms)


def live(made, trade_id, price, at_ms):
    made.on_trade(PAIR, trade(trade_id, price, at_ms), catch_up=False, now_ms=T0 + at_ms)


def missed(made, *trades, candles=(), now_ms=T0 + 10 * MINUTE):
    made.on_missed(MissedTrades(pair=PAIR, trades=trades, candles=candles, request_id="r"), now_ms)


def candle(n, open_, high, low, close_):
    return Candle(open_ms=T0 + n * MINUTE, open=D(open_), high=D(high), low=D(low), close=D(close_), volume=D(1))


def trades(made):
    return [(m.trade.side.value, m.trade.quantity, m.trade.price) for m in told(made, OrderFilled)]


# --- what was not filled is not taken from the book ------------------------------------------------------------------


def test_an_order_that_lost_its_position_takes_nothing_from_the_book(ex):
    bought(ex)
    ex.submit(limit("l1", Side.SELL, "1", "99.5", reduce_only=True, submitted_ms=T0 + 150), T0 + 150)
    ex.submit(order("m1", Side.SELL, "1", submitted_ms=T0 + 100), T0 + 180)
    book(ex, 200, bids=(("99.99", "1"),), update_id=3)  # closes the position: the limit is still on its way
    ex.submit(order("m2", Side.SELL, "1", submitted_ms=T0 + 160), T0 + 210)
    book(ex, 260, bids=(("99.9", "1"),), update_id=4)
    assert [m.order.order_id for m in told(ex, OrderCancelled)] == ["l1"]
    assert trades(ex)[-1] == ("sell", D("1"), D("99.9"))


def test_an_order_that_lacks_cash_takes_nothing_from_the_book():
    made = exchange(balance="100")
    book(made, 0, asks=(("50", "1"),), bids=(("49", "9"),))
    made.submit(order("m1", quantity="1"), T0)
    made.submit(order("m2", quantity="0.5"), T0)
    book(made, 100, asks=(("100", "1"),), bids=(("99", "9"),), update_id=2)
    assert [m.order.order_id for m in told(made, OrderCancelled)] == ["m1"]
    assert trades(made) == [("buy", D("0.5"), D("100"))]


def test_a_missed_trade_is_not_used_up_by_an_order_that_lost_its_position(ex):
    bought(ex)
    ex.submit(limit("l1", Side.SELL, "1", "105", reduce_only=True, submitted_ms=T0 + 100), T0 + 110)
    ex.submit(limit("l2", Side.SELL, "2", "105", submitted_ms=T0 + 100), T0 + 110)
    ex.close(close(submitted_ms=T0 + 100), T0 + 110)
    book(ex, 250, update_id=3)
    missed(ex, trade(9, "106", 500, quantity="1"))
    assert [m.order.order_id for m in told(ex, OrderCancelled)] == ["l1"]
    assert trades(ex)[-1] == ("sell", D("1"), D("105"))


# --- orders on their way ----------------------------------------------------------------------------------------------


def test_a_stop_order_is_not_reached_before_it_arrives(ex):
    book(ex, 0)
    ex.submit(order("s1", order_type=OrderType.STOP, price="103"), T0)
    live(ex, 1, "104", 99)
    book(ex, 120, update_id=2)
    assert trades(ex) == []
    live(ex, 2, "104", 130)
    book(ex, 140, update_id=3)
    assert len(trades(ex)) == 1


def test_missed_trades_do_not_fill_what_was_still_on_its_way(ex):
    ex.submit(limit("l1", Side.BUY, "1", "95", submitted_ms=T0), T0)
    book(ex, 0)
    ex.submit(limit("l1", Side.BUY, "1", "95", submitted_ms=T0), T0)
    ex.submit(order("s1", order_type=OrderType.STOP, price="103", submitted_ms=T0), T0)
    missed(ex, trade(1, "94", 99), trade(2, "104", 99))
    assert trades(ex) == []
    missed(ex, trade(3, "94", 100), trade(4, "104", 100))
    assert [price for _, _, price in trades(ex)] == [D("95"), D("104")]


# --- stops that wait for their book -----------------------------------------------------------------------------------


def test_a_stop_that_waits_for_its_book_survives_a_crash(ex):
    bought(ex, stop_loss="95")
    live(ex, 7, "96", 200)
    live(ex, 8, "94", 300)  # reached; no book yet
    ex.submit(limit("l1", Side.BUY, "1", "80", submitted_ms=T0 + 300), T0 + 310)  # this is the journal's newest event
    again = exchange(desk=replayed(ex.pending), now_ms=T0 + 1000)
    assert again.desk.seen[PAIR].id == 7
    missed(again, trade(8, "94", 300), trade(9, "97", 400))
    last = told(again, OrderFilled)[-1]
    assert (last.trade.reason, last.trade.price, last.trade.ts_ms) == (Reason.STOP_LOSS, D("94"), T0 + 300)


def test_the_rest_of_a_stop_survives_a_crash(ex):
    bought(ex, quantity="2", stop_loss="95")
    live(ex, 8, "94", 300)
    book(ex, 310, bids=(("93", "0.5"),), asks=(("94", "1"),), update_id=3)
    ex.checkpoint(T0 + 320)
    again = exchange(desk=replayed(ex.pending), now_ms=T0 + 1000)
    assert again.desk.position(PAIR).quantity == D("1.5")
    missed(again, trade(8, "94", 300))
    assert trades(again) == [("sell", D("1.5"), D("94"))]


def test_once_the_stop_is_filled_the_journal_tells_all_that_was_seen(ex):
    bought(ex, stop_loss="95")
    live(ex, 8, "94", 300)
    book(ex, 310, bids=(("93", "5"),), asks=(("94", "1"),), update_id=3)
    ex.checkpoint(T0 + 320)
    assert replayed(ex.pending).seen[PAIR].id == 8


def test_the_stop_of_a_position_that_is_gone_does_not_hide_the_next_ones(ex):
    book(ex, 0)
    bought(ex, stop_loss="95")
    ex.submit(order("flip", Side.SELL, "3", stop_loss="105", submitted_ms=T0 + 150), T0 + 150)
    live(ex, 8, "94", 1249)  # reached, and its book never comes
    ex.on_time(T0 + 1250)  # the flip waited for a second: it fills from the book that is known
    assert ex.desk.position(PAIR).direction == "short"
    live(ex, 9, "106", 1260)
    ex.on_time(T0 + 2260)
    last = told(ex, OrderFilled)[-1]
    assert (last.trade.reason, last.trade.fill_model) == (Reason.STOP_LOSS, FillModel.FALLBACK)


def test_an_exit_waits_for_the_first_price_while_only_an_old_book_is_known(ex):
    bought(ex)
    ex.close(close(submitted_ms=T0 + 20_000), T0 + 20_000)
    assert ex.next_deadline_ms() is None
    ex.on_time(T0 + 30_000)
    assert "c1" in ex.desk.orders
    live(ex, 1, "98", 30_000)
    ex.on_time(T0 + 30_000)
    assert trades(ex)[-1] == ("sell", D("1"), D("97.951"))


def test_a_moved_stop_does_not_hide_the_liquidation_before_it(ex):
    bought(ex, leverage=10)
    amend = AmendProtection(
        amend_id="amend:BTCUSDT:1",
        pair=PAIR,
        stop_loss=D("95"),
        take_profit=None,
        remove_stop_loss=False,
        remove_take_profit=False,
        reply_to="hub",
        submitted_ms=T0 + 900,
    )
    ex.amend(amend, T0 + 900)
    missed(ex, trade(3, "80", 500))
    assert told(ex, OrderFilled)[-1].trade.reason is Reason.LIQUIDATION


# --- candles ----------------------------------------------------------------------------------------------------------


def candle_market():
    made = exchange(has_books=False)
    made.on_candle(PAIR, candle(0, "100", "100", "100", "100"), MINUTE, catch_up=False, now_ms=T0 + MINUTE)
    return made


def test_an_order_given_within_a_candle_is_not_filled_by_prices_before_it():
    made = candle_market()
    made.on_candle_opened(PAIR, T0 + MINUTE, D("100"), T0 + MINUTE)
    late = T0 + 2 * MINUTE - 1
    made.submit(limit("l1", Side.BUY, "1", "95", submitted_ms=late), late)
    made.on_candle(PAIR, candle(1, "100", "100", "94", "100"), MINUTE, catch_up=False, now_ms=T0 + 2 * MINUTE)
    assert trades(made) == []
    made.on_candle(PAIR, candle(2, "100", "100", "94", "100"), MINUTE, catch_up=False, now_ms=T0 + 3 * MINUTE)
    assert trades(made) == [("buy", D("1"), D("95"))]


def test_a_target_moved_within_a_candle_is_not_reached_by_prices_before_it():
    made = candle_market()
    made.submit(order(submitted_ms=T0 + MINUTE, take_profit="120"), T0 + MINUTE)
    made.on_candle_opened(PAIR, T0 + MINUTE, D("100"), T0 + MINUTE)
    amend = AmendProtection(
        amend_id="amend:BTCUSDT:1",
        pair=PAIR,
        stop_loss=None,
        take_profit=D("105"),
        remove_stop_loss=False,
        remove_take_profit=False,
        reply_to="hub",
        submitted_ms=T0 + 2 * MINUTE - 1,
    )
    made.amend(amend, T0 + 2 * MINUTE - 1000)
    made.on_candle(PAIR, candle(1, "100", "106", "100", "100"), MINUTE, catch_up=False, now_ms=T0 + 2 * MINUTE)
    assert len(trades(made)) == 1


def test_the_open_of_a_candle_is_handled_once():
    made = candle_market()
    made.on_candle_opened(PAIR, T0 + MINUTE, D("100"), T0 + MINUTE)
    made.submit(order(submitted_ms=T0 + MINUTE + 500), T0 + MINUTE + 500)
    made.on_candle_opened(PAIR, T0 + MINUTE, D("100"), T0 + MINUTE + 600)
    assert trades(made) == []


def test_what_a_missed_candle_bought_is_stopped_by_the_same_candle():
    made = exchange()
    book(made, 0)
    made.submit(limit("l1", Side.BUY, "1", "97", stop_loss="95", submitted_ms=T0), T0)
    missed(made, candles=(candle(1, "100", "101", "94", "100"),))
    assert trades(made) == [("buy", D("1"), D("97")), ("sell", D("1"), D("95"))]


def test_a_missed_candle_from_before_the_entry_does_not_move_the_trailing_stop():
    made = exchange()
    bought(made, at_ms=30_000, trailing=trailing("2", "1"))
    missed(made, candles=(candle(0, "100", "110", "99", "100"),))
    assert made.desk.position(PAIR).trailing.stop is None


def test_a_cancelled_order_is_forgotten_by_the_book(ex):
    book(ex, 0)
    ex.submit(order("s1", order_type=OrderType.STOP, price="103"), T0)
    live(ex, 1, "104", 130)
    ex.cancel(CancelOrder(order_id="s1", reply_to="hub", request_id=""), T0 + 131)
    book(ex, 140, update_id=3)
    assert trades(ex) == []
