"""Which orders are taken as entries, which may only reduce, what they set aside, and how many may rest."""

import pytest

from domain import acceptance
from domain.messages import OrderAccepted, OrderCancelled, OrderFilled, OrderRefused
from domain.trading import OrderStatus, OrderType, Refusal, Side
from tests.domain.paper import PAIR, T0, D, balances, book, bought, close, exchange, limit, order, told, trade


def stop(order_id, side, quantity, price, **changes):
    return order(order_id, side, quantity, order_type=OrderType.STOP, price=price, **changes)


def accepted(made, order_id):
    return next(each.order for each in told(made, OrderAccepted) if each.order.order_id == order_id)


def at(made, ms, *commands):
    for command in commands:
        made.submit(command, T0 + ms)


def test_an_order_that_was_taken_to_reduce_never_opens():
    """Two sells of the whole position at once: the second is an entry, and is checked as one."""
    made = exchange(balance="105")
    made.on_book(PAIR, book(0), T0)
    bought(made)
    later = {"submitted_ms": T0 + 100}
    at(made, 100, order("first", Side.SELL, **later), order("second", Side.SELL, leverage=1, **later))
    assert accepted(made, "first").reduce_only
    [refused] = told(made, OrderRefused)
    assert (refused.order_id, refused.code) == ("second", Refusal.INSUFFICIENT_BALANCE)
    made.on_book(PAIR, book(300, update_id=9), T0 + 300)
    assert made.desk.position(PAIR) is None


def test_what_waits_to_reduce_is_not_reduced_again():
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    bought(made)
    later = {"submitted_ms": T0 + 100}
    at(made, 100, limit("part", Side.SELL, "0.4", "120", **later), order("rest", Side.SELL, "0.6", **later))
    at(made, 100, order("more", Side.SELL, "0.1", leverage=20, **later))
    assert [accepted(made, name).reduce_only for name in ("part", "rest", "more")] == [True, True, False]


def test_a_close_that_waits_counts_as_reducing():
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    bought(made)
    made.close(close("c", "0.75", submitted_ms=T0 + 100), T0 + 100)
    at(made, 100, order("s", Side.SELL, "0.5", submitted_ms=T0 + 100))
    assert not accepted(made, "s").reduce_only


def test_an_order_that_must_only_reduce_may_compete_with_others():
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    bought(made)
    later = {"submitted_ms": T0 + 100, "reduce_only": True}
    at(made, 100, limit("high", Side.SELL, "1", "120", **later), stop("low", Side.SELL, "1", "90", **later))
    assert [accepted(made, name).quantity for name in ("high", "low")] == [1, 1]


@pytest.mark.parametrize("kind", ["limit", "stop"])
def test_a_reducing_order_ends_with_the_position_it_was_to_reduce(kind):
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    bought(made, stop_loss="95")
    resting = limit if kind == "limit" else stop
    at(made, 100, resting("r", Side.SELL, "1", "120" if kind == "limit" else "90", submitted_ms=T0 + 100))
    made.on_trade(PAIR, trade(5, "94", 300), catch_up=False, now_ms=T0 + 300)
    made.on_book(PAIR, book(310, bids=(("93", "5"),), asks=(("94", "5"),), update_id=9), T0 + 310)
    [ended] = told(made, OrderCancelled)
    assert (ended.order.order_id, ended.order.status) == ("r", OrderStatus.EXPIRED)
    assert not made.desk.orders and made.desk.position(PAIR) is None


def test_a_reducing_order_ends_when_the_position_is_flipped():
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    bought(made)
    at(made, 100, limit("r", Side.SELL, "1", "120", submitted_ms=T0 + 100))
    at(made, 100, order("flip", Side.SELL, "3", submitted_ms=T0 + 100))
    made.on_book(PAIR, book(300, update_id=9), T0 + 300)
    assert [each.order.order_id for each in told(made, OrderFilled)][1:] == ["flip", "flip"]
    assert [each.order.order_id for each in told(made, OrderCancelled)] == ["r"]
    assert made.desk.position(PAIR).quantity == 2


def test_a_stop_order_that_opens_is_checked_and_holds_its_margin_and_fee():
    made = exchange(balance="1000")
    made.on_book(PAIR, book(0), T0)
    at(made, 0, stop("s", Side.BUY, "4", "110"))
    held = D("440") + D("0.44")
    assert accepted(made, "s").held == held
    assert balances(made)["held"] == held and balances(made)["cash"] == 1000 - held
    at(made, 0, stop("t", Side.BUY, "6", "110"))
    assert [each.code for each in told(made, OrderRefused)] == [Refusal.INSUFFICIENT_BALANCE]
    made.on_trade(PAIR, trade(5, "110", 300), catch_up=False, now_ms=T0 + 300)
    made.on_book(PAIR, book(310, bids=(("109", "5"),), asks=(("109.5", "5"),), update_id=9), T0 + 310)
    assert balances(made)["held"] == 0
    assert balances(made)["cash"] == 1000 - D("438") - D("0.438")


def test_a_stop_order_that_reduces_holds_nothing():
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    bought(made)
    at(made, 100, stop("s", Side.SELL, "1", "95", submitted_ms=T0 + 100))
    assert (accepted(made, "s").held, accepted(made, "s").reduce_only) == (0, True)


@pytest.mark.parametrize(("late_ms", "taken"), [(15_000, True), (15_001, False)])
def test_an_entry_that_was_decided_long_ago_is_refused(late_ms, taken):
    made = exchange()
    made.on_book(PAIR, book(late_ms), T0 + late_ms)
    at(made, late_ms, order("o"))
    assert [each.code for each in told(made, OrderRefused)] == ([] if taken else [Refusal.STALE_PRICE])


@pytest.mark.parametrize(("late_ms", "taken"), [(75_000, True), (75_001, False)])
def test_where_candles_are_all_there_is_an_entry_may_be_a_candle_older(late_ms, taken):
    made = exchange(has_books=False)
    made.on_candle_opened(PAIR, T0 + 60_000, D("100"), T0 + 60_000)
    at(made, late_ms, order("o", quantity="0.1"))
    assert [each.code for each in told(made, OrderRefused)] == ([] if taken else [Refusal.STALE_PRICE])


def test_an_exit_that_was_decided_long_ago_is_taken():
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    bought(made)
    made.close(close(submitted_ms=T0 + 100), T0 + 600_000)
    at(made, 600_000, order("o", Side.SELL, "0.5", submitted_ms=T0 + 100, reduce_only=True))
    assert told(made, OrderRefused) == []


def test_as_many_orders_of_a_pair_may_rest_as_the_exchange_allows():
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    for number in range(acceptance.MAX_NUM_ORDERS + 1):
        at(made, 0, limit(f"l{number}", Side.BUY, "0.1", "90"))
    at(made, 0, stop("s", Side.SELL, "0.1", "90"), order("m", quantity="0.1"))
    assert [(each.order_id, each.code) for each in told(made, OrderRefused)] == [
        ("l200", Refusal.FILTER_FAILURE),
        ("s", Refusal.FILTER_FAILURE),
    ]
    assert told(made, OrderRefused)[0].message.startswith("MAX_NUM_ORDERS: fewer than 200 orders of BTCUSDT")
    assert len(made.desk.orders) == 201  # a market order does not rest


def test_the_desk_keeps_only_as_many_orders_as_a_checkpoint_holds(monkeypatch):
    monkeypatch.setattr(acceptance, "MOST_ORDERS", 3)
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    for number in range(4):
        at(made, 0, order(f"m{number}", quantity="0.1"))
    assert [(each.order_id, each.code) for each in told(made, OrderRefused)] == [("m3", Refusal.FILTER_FAILURE)]


def test_several_market_orders_that_wait_share_what_there_is_to_reduce():
    """Long 1; two sells of 2 wait: the first opens 1, the second 2. Nothing is left for a third of 2."""
    made = exchange(balance="400")
    made.on_book(PAIR, book(0), T0)
    bought(made)  # cash 299.89: the sells need 100 + 200
    later = {"submitted_ms": T0 + 100}
    at(made, 100, order("a", Side.SELL, "2", **later), order("b", Side.SELL, "0.9", **later))
    at(made, 100, order("c", Side.SELL, "2", **later))
    assert [each.order_id for each in told(made, OrderRefused)] == ["c"]


def test_while_the_ledger_is_away_nothing_that_rests_opens():
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    at(made, 0, limit("l", Side.BUY, "1", "99.5"), stop("s", Side.BUY, "1", "101"))
    made.executor.ledger_available = False
    made.on_book(PAIR, book(500, update_id=5, bids=(("99.3", "5"),), asks=(("99.4", "5"),)), T0 + 500)
    made.on_trade(PAIR, trade(5, "101", 600), catch_up=False, now_ms=T0 + 600)
    made.on_trade(PAIR, trade(6, "99", 700), catch_up=True, now_ms=T0 + 700)
    made.on_time(T0 + 5000)
    assert made.desk.position(PAIR) is None and made.waiting.triggered == {}
    made.executor.ledger_available = True
    made.on_book(PAIR, book(6000, update_id=6, bids=(("99.3", "5"),), asks=(("99.4", "5"),)), T0 + 6000)
    assert [each.order.order_id for each in told(made, OrderFilled)] == ["l"]


def test_while_the_ledger_is_away_what_reduces_fills():
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    bought(made, take_profit="110")
    at(made, 100, limit("l", Side.SELL, "0.5", "105", submitted_ms=T0 + 100))
    at(made, 100, stop("s", Side.SELL, "0.2", "95", submitted_ms=T0 + 100))
    made.executor.ledger_available = False
    made.on_book(PAIR, book(500, update_id=5, bids=(("106", "5"),), asks=(("107", "5"),)), T0 + 500)
    made.on_trade(PAIR, trade(5, "95", 600), catch_up=False, now_ms=T0 + 600)
    made.on_book(PAIR, book(610, update_id=6, bids=(("94", "5"),), asks=(("95", "5"),)), T0 + 610)
    assert [each.order.order_id for each in told(made, OrderFilled)][1:] == ["l", "s"]
