"""The paper exchange, rule by rule, to the cent. The book at rest: 99.99 x 10 / 100.01 x 10, fee 0.1 % and 0.05 %."""

from dataclasses import replace

import pytest

from domain.market import Candle, MarketState
from domain.messages import (
    AmendProtection,
    CancelOrder,
    MissedTrades,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    PositionAmended,
)
from domain.money import ZERO
from domain.trading import FillModel, OrderStatus, OrderType, Reason, Refusal, Side
from tests.domain.paper import (
    PAIR,
    RULES,
    T0,
    D,
    balances,
    book,
    bought,
    close,
    exchange,
    limit,
    order,
    replayed,
    terms,
    told,
    trade,
    trailing,
)


@pytest.fixture
def ex():
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    return made


def fill(made, n=-1):
    return told(made, OrderFilled)[n]


def refused(made):
    return [message.code for message in told(made, OrderRefused)]


def at(made, at_ms, **changes):
    made.on_book(PAIR, book(at_ms, update_id=at_ms + 2, **changes), T0 + at_ms)


def print_trade(made, trade_id, price, at_ms, **changes):
    made.on_trade(PAIR, trade(trade_id, price, at_ms), catch_up=changes.get("catch_up", False), now_ms=T0 + at_ms)


def consistent(made):
    """The journal replayed gives the live state, and each asset's accounts sum to zero."""
    assert replayed(made.pending).part() == made.desk.part()
    sums = {}
    for (_, asset), balance in made.desk.balances.items():
        sums[asset] = sums.get(asset, ZERO) + balance
    assert not any(sums.values())


# --- market orders --------------------------------------------------------------------------------------------------


def test_a_market_order_waits_for_the_first_book_after_its_latency(ex):
    ex.submit(order(), T0)
    at(ex, 99, asks=(("100.02", "10"),))
    assert told(ex, OrderFilled) == []
    at(ex, 100, asks=(("100.05", "10"),))
    trade_made = fill(ex).trade
    assert (trade_made.price, trade_made.fill_model, trade_made.ts_ms) == (D("100.05"), FillModel.BOOK20, T0 + 100)
    assert ex.pending[-1]["market_event"] == {"kind": "book", "id": 102, "ts": T0 + 100}
    consistent(ex)


def test_an_order_handled_late_fills_from_the_book_that_is_already_there(ex):
    at(ex, 150)
    ex.submit(order(submitted_ms=T0), T0 + 160)
    assert fill(ex).trade.ts_ms == T0 + 150


def test_a_buy_walks_the_asks_and_is_one_document(ex):
    ex.submit(order(quantity="3"), T0)
    at(ex, 100, asks=(("100", "1"), ("101", "1.5"), ("102", "9")))
    made = fill(ex)
    # 100 + 151.5 + 51 = 302.5; mean 100.833...; fee 0.3025; margin 302.5
    assert (made.trade.notional, made.trade.fee) == (D("302.5"), D("0.3025"))
    assert made.trade.price == D("100.833333333333")
    assert ex.pending[-1]["fill"]["levels"] == [[100, 1], [101, D("1.5")], [102, D("0.5")]]
    assert balances(ex)["cash"] == D("100000") - D("302.5") - D("0.3025")
    assert len(told(ex, OrderFilled)) == 1


def test_a_sell_without_a_position_opens_a_short_at_the_bids(ex):
    ex.submit(order(side=Side.SELL), T0)
    at(ex, 100)
    position = fill(ex).position
    assert (position.direction, position.entry_price, position.margin) == ("short", D("99.99"), D("99.99"))
    assert balances(ex)["position:BTCUSDT"] == -1


def test_what_the_book_cannot_fill_expires(ex):
    ex.submit(order(quantity="12"), T0)
    at(ex, 100)
    assert fill(ex).trade.quantity == 10
    [ended] = told(ex, OrderCancelled)
    assert (ended.order.status, ended.order.filled) == (OrderStatus.EXPIRED, 10)
    assert ex.desk.orders == {}
    consistent(ex)


def test_consumed_quantity_is_not_filled_twice(ex):
    ex.submit(order(quantity="8"), T0)
    ex.submit(order("o2", quantity="8"), T0)
    at(ex, 100)
    assert [message.trade.quantity for message in told(ex, OrderFilled)] == [8, 2]


def test_best_bid_and_ask_only_are_named_as_the_model(ex):
    ex.submit(order(), T0)
    at(ex, 100, depth=1)
    assert fill(ex).trade.fill_model is FillModel.TOP


def test_a_slippage_limit_ends_the_walk(ex):
    ex.submit(order(quantity="2", max_slippage_bps="50"), T0)
    at(ex, 100, asks=(("100", "1"), ("100.50", "0.5"), ("100.51", "9")))
    assert fill(ex).trade.quantity == D("1.5")
    assert told(ex, OrderCancelled)[0].order.filled == D("1.5")


def test_without_any_book_the_last_price_with_slippage_fills_after_a_second():
    made = exchange()
    print_trade(made, 5, "100", 0)
    made.submit(order(side=Side.SELL), T0)
    assert made.next_deadline_ms() == T0 + 1100
    made.on_time(T0 + 1099)
    assert told(made, OrderFilled) == []
    made.on_time(T0 + 1100)
    assert (fill(made).trade.price, fill(made).trade.fill_model) == (D("99.95"), FillModel.FALLBACK)
    assert made.pending[-1]["market_event"] == {"kind": "last", "id": 5, "ts": T0}
    consistent(made)


def test_a_book_that_has_not_changed_still_fills_after_a_second(ex):
    ex.submit(order(), T0)
    ex.on_time(T0 + 1100)
    assert (fill(ex).trade.price, fill(ex).trade.fill_model) == (D("100.01"), FillModel.BOOK20)


def test_an_exit_without_any_price_waits_for_the_first():
    first = exchange()
    bought(first)
    again = exchange(desk=replayed(first.pending), now_ms=T0 + 5000)
    again.submit(order("o9", submitted_ms=T0 + 5000), T0 + 5000)
    again.close(close(submitted_ms=T0 + 5000), T0 + 5000)
    again.on_time(T0 + 60_000)
    assert refused(again) == [Refusal.NO_PRICE] and told(again, OrderCancelled) == []
    at(again, 60_500)
    assert fill(again).position is None


def test_cash_that_is_gone_when_the_book_comes_cancels_the_order():
    made = exchange(balance="1000")
    made.on_book(PAIR, book(0), T0)
    made.submit(order(quantity="9"), T0)
    at(made, 100, asks=(("120", "10"),))
    assert told(made, OrderFilled) == []
    assert told(made, OrderCancelled)[0].order.status is OrderStatus.CANCELLED
    assert balances(made)["cash"] == 1000


# --- limits ---------------------------------------------------------------------------------------------------------


def test_a_limit_that_crosses_on_arrival_takes(ex):
    ex.submit(limit("l1", Side.BUY, "1", "101"), T0)
    at(ex, 100)
    assert (fill(ex).trade.price, fill(ex).trade.liquidity, fill(ex).trade.fee) == (D("100.01"), "taker", D("0.10001"))
    assert balances(ex)["held"] == 0
    consistent(ex)


@pytest.mark.parametrize(("traded_ms", "price", "liquidity"), [(99, "100.01", "taker"), (100, "101", "maker")])
def test_after_a_start_a_limit_has_rested_if_the_market_went_on_after_it_arrived(ex, traded_ms, price, liquidity):
    ex.submit(limit("l1", Side.BUY, "1", "101"), T0)
    ex.on_trade(PAIR, trade(1, "102", traded_ms), catch_up=False, now_ms=T0 + traded_ms)
    ex.submit(order("o9", submitted_ms=T0 + traded_ms), T0 + traded_ms)  # tells what was seen
    again = exchange(desk=replayed(ex.pending), now_ms=T0 + 5000)
    again.on_book(PAIR, book(50), T0 + 5000)  # the market's newest, older than the order's arrival
    at(again, 5000)
    first = fill(again, 0)
    assert (first.order.order_id, first.trade.price, first.trade.liquidity) == ("l1", D(price), liquidity)


def test_a_resting_limit_holds_and_fills_as_maker_at_its_price_at_most_what_is_shown(ex):
    ex.submit(limit("l1", Side.BUY, "3", "95"), T0)
    # margin 285 + taker fee 0.285
    assert (balances(ex)["held"], balances(ex)["cash"]) == (D("285.285"), D("99714.715"))
    at(ex, 100)
    at(ex, 200, asks=(("94.90", "1"), ("95.00", "1"), ("95.01", "5")))
    made = fill(ex)
    assert (made.trade.price, made.trade.quantity, made.trade.liquidity) == (D("95"), 2, "maker")
    assert made.trade.fee == D("0.095")  # 190 x 0.05 %
    assert balances(ex)["held"] == D("285.285") - D("190.19")  # 2/3 released
    at(ex, 300, asks=(("94.90", "1"), ("95.00", "1"), ("95.01", "5")))
    assert len(told(ex, OrderFilled)) == 1  # the levels have not changed: consumed
    at(ex, 400, asks=(("94.50", "4"),))
    assert fill(ex).trade.trade_id == "l1:2"
    assert (balances(ex)["held"], fill(ex).order.status) == (0, OrderStatus.FILLED)
    consistent(ex)


def test_a_cancelled_limit_gives_its_hold_back(ex):
    ex.submit(limit("l1", Side.SELL, "1", "110"), T0)
    ex.cancel(CancelOrder(order_id="l1", reply_to="hub", request_id="r"), T0 + 1)
    assert (balances(ex)["held"], balances(ex)["cash"]) == (0, 100_000)
    consistent(ex)


def test_a_limit_that_only_reduces_holds_nothing(ex):
    bought(ex)
    ex.submit(limit("l1", Side.SELL, "1", "110", reduce_only=True), T0 + 200)
    assert balances(ex).get("held", 0) == 0
    at(ex, 400)
    at(ex, 500, bids=(("110.5", "3"),), asks=(("110.6", "1"),))
    assert fill(ex).trade.price == D("110") and fill(ex).position is None


def test_a_reduce_only_order_never_opens(ex):
    bought(ex)
    ex.submit(order("r1", Side.SELL, "5", reduce_only=True, submitted_ms=T0 + 200), T0 + 200)
    ex.close(close(submitted_ms=T0 + 200), T0 + 200)
    at(ex, 300)
    assert fill(ex).trade.quantity == 1
    assert ex.desk.holdings == {}
    assert told(ex, OrderCancelled)[-1].order.order_id == "c1"
    consistent(ex)


# --- stops ----------------------------------------------------------------------------------------------------------


def test_a_stop_order_triggers_on_a_trade_and_then_walks_the_book(ex):
    print_trade(ex, 1, "100", 10)
    ex.submit(order("s1", order_type=OrderType.STOP, price="105"), T0 + 20)
    print_trade(ex, 2, "104.99", 200)
    at(ex, 210, asks=(("106", "5"),))
    assert told(ex, OrderFilled) == []
    print_trade(ex, 3, "105", 220)
    at(ex, 230, asks=(("106.20", "5"),))
    assert (fill(ex).trade.price, fill(ex).order.trigger_price) == (D("106.20"), D("105"))
    consistent(ex)


def test_a_protective_stop_fills_at_the_actual_price_of_the_first_book(ex):
    bought(ex, stop_loss="95", take_profit="110")
    print_trade(ex, 2, "94.50", 200)
    assert told(ex, OrderFilled)[-1].trade.side is Side.BUY  # the book of before the trade is not used
    at(ex, 220, bids=(("94.40", "0.4"), ("94.30", "3")), asks=(("94.60", "1"),))
    made = fill(ex)
    assert (made.trade.price, made.trade.reason, made.trade.source) == (D("94.34"), Reason.STOP_LOSS, "exchange")
    # bought at 100.01, sold for 94.34
    assert (made.closed.realized_pnl, made.closed.fees) == (D("-5.67"), D("0.10001") + D("0.09434"))
    assert made.position is None
    consistent(ex)


def test_a_stop_without_a_book_fills_at_the_trades_price_with_slippage(ex):
    bought(ex, stop_loss="95")
    print_trade(ex, 2, "94", 200)
    assert ex.next_deadline_ms() == T0 + 1200
    ex.on_time(T0 + 1200)
    assert (fill(ex).trade.price, fill(ex).trade.fill_model) == (D("93.953"), FillModel.FALLBACK)


def test_a_stop_that_the_book_cannot_fill_goes_on_with_the_next_book(ex):
    bought(ex, stop_loss="95")
    print_trade(ex, 2, "94", 200)
    at(ex, 210, bids=(("94", "0.4"),), asks=(("99", "1"),))
    assert fill(ex).position.quantity == D("0.6")
    at(ex, 310, bids=(("99", "5"),), asks=(("99.5", "1"),))
    assert (fill(ex).position, fill(ex).trade.trade_id) == (None, "stop_loss:BTCUSDT:3:2")
    consistent(ex)


def test_the_target_is_a_maker_at_its_price(ex):
    bought(ex, stop_loss="95", take_profit="110")
    at(ex, 200, bids=(("109.99", "5"),), asks=(("110.2", "1"),))
    at(ex, 300, bids=(("110.50", "0.3"), ("110", "5")), asks=(("110.6", "1"),))
    made = fill(ex)
    assert (made.trade.price, made.trade.liquidity, made.trade.reason) == (D("110"), "maker", Reason.TAKE_PROFIT)
    assert (made.trade.fee, made.closed.realized_pnl) == (D("0.055"), D("9.99"))


def test_the_trailing_stop_follows_the_best_price_and_is_journaled_when_it_moves_a_tick(ex):
    bought(ex, trailing=trailing("2", "1"))
    print_trade(ex, 2, "102.00", 200)  # 1.99 above the entry: not yet
    assert told(ex, PositionAmended) == []
    print_trade(ex, 3, "102.01", 300)
    print_trade(ex, 4, "102.015", 400)  # the stop would move half a tick
    print_trade(ex, 5, "103", 500)
    print_trade(ex, 6, "102.5", 600)
    stops = [message.position.trailing.stop for message in told(ex, PositionAmended)]
    assert stops == [D("101.01"), D("102")]
    print_trade(ex, 7, "101.99", 700)
    at(ex, 710, bids=(("101.95", "5"),), asks=(("102", "1"),))
    assert (fill(ex).trade.price, fill(ex).trade.reason) == (D("101.95"), Reason.TRAILING_STOP)
    consistent(ex)


def test_a_short_trails_above(ex):
    ex.submit(order(side=Side.SELL, trailing=trailing("2", "1")), T0)
    at(ex, 100)
    print_trade(ex, 2, "97", 200)
    assert told(ex, PositionAmended)[-1].position.trailing.stop == D("98")
    print_trade(ex, 3, "98", 300)
    at(ex, 310, bids=(("98.1", "5"),), asks=(("98.2", "5"),))
    assert (fill(ex).trade.price, fill(ex).trade.reason) == (D("98.2"), Reason.TRAILING_STOP)


# --- positions ------------------------------------------------------------------------------------------------------


def test_a_fraction_is_closed_rounded_down_to_the_lot(ex):
    bought(ex)
    ex.close(close(fraction="0.3333333", submitted_ms=T0 + 200), T0 + 200)
    at(ex, 300)
    made = fill(ex)
    # 0.33333 of 100.01: cost 33.33633..., margin alike, both rounded down; sold at 99.99
    assert (made.trade.quantity, made.trade.notional) == (D("0.33333"), D("33.3296667"))
    assert made.closed.realized_pnl == D("33.3296667") - D("33.3363333")
    assert made.position.cost == D("100.01") - D("33.3363333")


def test_a_flip_is_two_documents_and_the_stop_belongs_to_the_new_position(ex):
    bought(ex, stop_loss="95", take_profit="110")
    ex.submit(order("f1", Side.SELL, "3", stop_loss="104", take_profit="90", submitted_ms=T0 + 200), T0 + 200)
    at(ex, 300)
    closing, opening = told(ex, OrderFilled)[-2:]
    assert (closing.trade.trade_id, closing.trade.quantity, closing.position) == ("f1", 1, None)
    assert (opening.trade.trade_id, opening.trade.quantity) == ("f1:2", 2)
    assert (opening.position.direction, opening.position.stop_loss, opening.position.trade_id) == ("short", 104, "f1")
    assert [document["_id"] for document in ex.pending[-2:]] == ["fill:f1:1", "fill:f1:2"]
    consistent(ex)


def test_protection_on_an_order_that_only_reduces_is_ignored_with_a_warning(ex):
    bought(ex, stop_loss="95")
    ex.submit(order("r1", Side.SELL, "0.5", stop_loss="120", submitted_ms=T0 + 200), T0 + 200)
    assert told(ex, OrderAccepted)[-1].warnings != ()
    at(ex, 300)
    assert fill(ex).position.stop_loss == 95


def test_adding_keeps_the_stop_unless_a_new_one_is_given(ex):
    bought(ex, stop_loss="95", take_profit="110")
    ex.submit(order("o2", stop_loss="96", submitted_ms=T0 + 200), T0 + 200)
    at(ex, 300)
    position = fill(ex).position
    assert (position.quantity, position.stop_loss, position.take_profit) == (2, 96, 110)
    assert (position.cost, position.entry_price, position.trade_id) == (D("200.02"), D("100.01"), "o1")


def test_leverage_divides_the_margin(ex):
    bought(ex, leverage=3)
    assert (fill(ex).position.margin, balances(ex)["margin:BTCUSDT"]) == (D("33.33666666"), D("33.33666666"))


def test_liquidation_takes_the_margin_and_insurance_the_rest(ex):
    bought(ex, leverage=10)
    # cost 100.01, margin 10.001: (100.01 - 10.001) / 0.995 = 90.461306...
    print_trade(ex, 2, "90.47", 200)
    print_trade(ex, 3, "90.46", 300)
    at(ex, 310, bids=(("89", "5"),), asks=(("91", "5"),))
    document, made = ex.pending[-1], fill(ex)
    assert (document["type"], made.trade.reason, made.trade.price) == ("liquidation", Reason.LIQUIDATION, 89)
    # loss 11.01 and fee 0.089 against a margin of 10.001
    assert balances(ex)["insurance"] == D("10.001") - D("11.01") - D("0.089")
    assert balances(ex)["cash"] == D("100000") - D("10.001") - D("0.10001")
    consistent(ex)


def test_the_insurance_bears_a_gap_beyond_the_margin_of_an_ordinary_stop(ex):
    bought(ex, leverage=10, stop_loss="95")
    print_trade(ex, 2, "80", 200)
    at(ex, 210, bids=(("80", "5"),), asks=(("91", "5"),))
    # loss 20.01, margin 10.001: the fee 0.08 comes from cash
    assert balances(ex)["insurance"] == D("-10.009")
    assert balances(ex)["cash"] == D("100000") - D("10.001") - D("0.10001") - D("0.08")


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"quantity": "0"}, Refusal.BAD_MESSAGE, "amount"),
        ({"quantity": "-1"}, Refusal.BAD_MESSAGE, "amount"),
        ({"quantity": "NaN"}, Refusal.BAD_MESSAGE, "amount"),
        ({"quantity": "Infinity"}, Refusal.BAD_MESSAGE, "amount"),
        ({"quantity": "1e16"}, Refusal.BAD_MESSAGE, "amount"),
        ({"quantity": "1e-21"}, Refusal.BAD_MESSAGE, "amount"),
        ({"notional": "5"}, Refusal.BAD_MESSAGE, "exactly one"),
        ({"quantity": None}, Refusal.BAD_MESSAGE, "exactly one"),
        ({"leverage": 0}, Refusal.BAD_MESSAGE, "leverage"),
        ({"leverage": 21}, Refusal.BAD_MESSAGE, "leverage"),
        ({"order_id": "stop_loss:BTCUSDT:3"}, Refusal.BAD_MESSAGE, "id"),
        ({"order_id": ""}, Refusal.BAD_MESSAGE, "id"),
        ({"order_type": OrderType.LIMIT}, Refusal.BAD_MESSAGE, "price"),
        ({"order_type": OrderType.LIMIT, "price": "NaN"}, Refusal.BAD_MESSAGE, "price"),
        ({"order_type": OrderType.LIMIT, "price": "19"}, Refusal.FILTER_FAILURE, "PERCENT_PRICE"),
        ({"order_type": OrderType.LIMIT, "price": "501"}, Refusal.FILTER_FAILURE, "PERCENT_PRICE"),
        ({"order_type": OrderType.LIMIT, "price": "0.001"}, Refusal.FILTER_FAILURE, "PRICE_FILTER"),
        ({"order_type": OrderType.STOP, "price": "99"}, Refusal.BAD_MESSAGE, "stop"),
        ({"pair": "NOPEUSDT"}, Refusal.UNKNOWN_SYMBOL, "NOPEUSDT"),
        ({"quantity": "0.000009"}, Refusal.FILTER_FAILURE, "LOT_SIZE"),
        ({"quantity": "9001"}, Refusal.FILTER_FAILURE, "LOT_SIZE"),
        ({"quantity": "0.04"}, Refusal.FILTER_FAILURE, "NOTIONAL"),
        ({"quantity": "1000"}, Refusal.INSUFFICIENT_BALANCE, "cash"),
        ({"stop_loss": "101"}, Refusal.BAD_MESSAGE, "stop_loss"),
        ({"take_profit": "99"}, Refusal.BAD_MESSAGE, "take_profit"),
        ({"side": Side.SELL, "stop_loss": "99"}, Refusal.BAD_MESSAGE, "stop_loss"),
        ({"stop_loss": "1"}, Refusal.FILTER_FAILURE, "PERCENT_PRICE"),
        ({"reduce_only": True}, Refusal.NO_POSITION, "position"),
        ({"max_spread_bps": "1.9"}, Refusal.SLIPPAGE_EXCEEDED, "spread"),
        ({"quantity": "11", "max_slippage_bps": "4"}, Refusal.SLIPPAGE_EXCEEDED, "slippage"),
        ({"max_slippage_bps": "-1"}, Refusal.BAD_MESSAGE, "max_slippage_bps"),
        ({"trailing": trailing("-1", "1")}, Refusal.BAD_MESSAGE, "trailing"),
        ({"trailing": trailing("1", "0")}, Refusal.BAD_MESSAGE, "trailing"),
    ],
)
def test_a_bad_order_is_one_named_refusal_and_nothing_is_booked(changes, code, says):
    made = exchange()
    made.on_book(PAIR, book(0, asks=(("100.01", "10"), ("101", "10"))), T0)
    print_trade(made, 1, "100", 0)
    before = made.desk.part()
    made.submit(order(**changes), T0)
    [message] = told(made, OrderRefused)
    assert (message.code, says in message.message) == (code, True), message.message
    assert made.desk.part() == before


@pytest.mark.parametrize("fraction", ["0", "-1", "1.01", "NaN"])
def test_a_bad_fraction_is_refused(ex, fraction):
    bought(ex)
    ex.close(close(fraction=fraction), T0 + 200)
    assert refused(ex) == [Refusal.BAD_MESSAGE]


def test_closing_nothing_is_refused(ex):
    ex.close(close(), T0)
    assert refused(ex) == [Refusal.NO_POSITION]


@pytest.mark.parametrize(
    ("state", "at_ms", "code"),
    [
        (MarketState.STALE, 10, Refusal.STALE_PRICE),
        (MarketState.CATCHING_UP, 10, Refusal.STALE_PRICE),
        (None, 10, Refusal.STALE_PRICE),
        (MarketState.LIVE, 10_001, Refusal.STALE_PRICE),
    ],
)
def test_new_risk_needs_live_and_fresh_prices_and_exits_do_not(ex, state, at_ms, code):
    bought(ex)
    ex.market.state = state
    now_ms = T0 + 100 + at_ms
    ex.submit(order("o2", submitted_ms=now_ms), now_ms)
    ex.submit(order("o3", Side.SELL, "1.5", submitted_ms=now_ms), now_ms)
    assert refused(ex) == [code, code]
    ex.submit(order("o4", Side.SELL, "0.5", submitted_ms=now_ms), now_ms)
    ex.close(close(submitted_ms=now_ms), now_ms)
    assert refused(ex) == [code, code]


def test_a_pair_that_is_not_live_alone_is_refused(ex):
    ex.market.pair(PAIR).state = MarketState.STALE
    ex.submit(order(), T0)
    assert refused(ex) == [Refusal.STALE_PRICE]


def test_without_a_ledger_exits_are_taken_and_entries_refused(ex):
    bought(ex)
    ex.executor.ledger_available = False
    ex.submit(order("o2"), T0 + 200)
    ex.close(close(), T0 + 200)
    assert refused(ex) == [Refusal.LEDGER_UNAVAILABLE]
    assert told(ex, OrderAccepted)[-1].order.order_id == "c1"


def test_two_orders_cannot_count_on_the_same_cash():
    made = exchange(balance="1000")
    made.on_book(PAIR, book(0), T0)
    made.submit(order(quantity="6"), T0)
    made.submit(order("o2", quantity="6"), T0)
    assert refused(made) == [Refusal.INSUFFICIENT_BALANCE]


def test_quantities_and_prices_are_put_on_the_grid(ex):
    ex.submit(order(quantity="0.123456789"), T0)
    ex.submit(limit("l1", Side.BUY, "1", "95.019"), T0)
    ex.submit(limit("l2", Side.SELL, "1", "105.011"), T0)
    orders = [message.order for message in told(ex, OrderAccepted)]
    assert orders[0].quantity == D("0.12345")
    assert [one.limit_price for one in orders[1:]] == [D("95.01"), D("105.02")]


def test_a_value_in_quote_becomes_a_quantity(ex):
    ex.submit(order(quantity=None, notional="500"), T0)
    assert told(ex, OrderAccepted)[0].order.quantity == D("4.99950")  # 500 / 100.01


# --- amendments -----------------------------------------------------------------------------------------------------


def amend(**changes):
    values = {
        "amend_id": "amend:BTCUSDT:1",
        "pair": PAIR,
        "stop_loss": None,
        "take_profit": None,
        "remove_stop_loss": False,
        "remove_take_profit": False,
        "reply_to": "hub",
        "submitted_ms": T0 + 200,
    }
    return AmendProtection(**(values | changes))


def test_stop_and_target_are_moved_kept_and_removed(ex):
    bought(ex, stop_loss="95", take_profit="110")
    print_trade(ex, 1, "100", 150)
    ex.amend(amend(stop_loss=D("97.005")), T0 + 200)
    ex.amend(amend(amend_id="amend:2", remove_take_profit=True), T0 + 300)
    positions = [message.position for message in told(ex, PositionAmended)]
    assert [(one.stop_loss, one.take_profit) for one in positions] == [(97, 110), (97, None)]
    consistent(ex)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"stop_loss": D("100")}, Refusal.BAD_MESSAGE),
        ({"take_profit": D("99")}, Refusal.BAD_MESSAGE),
        ({"stop_loss": D("NaN")}, Refusal.BAD_MESSAGE),
        ({"pair": "ETHUSDT"}, Refusal.NO_POSITION),
    ],
)
def test_an_impossible_amendment_is_refused(ex, changes, code):
    bought(ex)
    print_trade(ex, 1, "100", 150)
    ex.amend(amend(**changes), T0 + 200)
    assert refused(ex) == [code]


def test_a_level_is_not_set_before_a_price_is_known_and_may_be_taken_away(ex):
    bought(ex, stop_loss="95")
    again = exchange(desk=replayed(ex.pending))
    again.amend(amend(stop_loss=D("150")), T0 + 200)
    again.amend(amend(amend_id="amend:2", remove_stop_loss=True), T0 + 300)
    assert refused(again) == [Refusal.NO_PRICE]
    assert [message.position.stop_loss for message in told(again, PositionAmended)] == [None]


# --- catch-up -------------------------------------------------------------------------------------------------------


def missed(*trades, candles=()):
    return MissedTrades(pair=PAIR, trades=tuple(trades), candles=tuple(candles), request_id="r")


def test_in_catch_up_the_stop_fills_at_the_triggering_trade_with_its_time(ex):
    bought(ex, stop_loss="95", take_profit="110")
    ex.on_missed(missed(trade(2, "96", 1000), trade(3, "94.2", 2000), trade(4, "111", 3000)), T0 + 3_600_000)
    made = fill(ex)
    assert (made.trade.price, made.trade.fill_model, made.trade.reason) == (
        D("94.2"),
        FillModel.TRADE,
        Reason.STOP_LOSS,
    )
    assert (made.trade.ts_ms, made.trade.catch_up) == (T0 + 2000, True)
    assert ex.pending[-1]["market_event"] == {"kind": "trade", "id": 3, "ts": T0 + 2000}
    assert len(told(ex, OrderFilled)) == 2


def test_the_rest_of_a_minute_comes_as_trades_before_the_candles_that_follow(ex):
    bought(ex, at_ms=30_000, stop_loss="95")
    quiet = Candle(open_ms=T0 + 60_000, open=D(100), high=D(111), low=D(99), close=D(100), volume=D(1))
    ex.on_missed(missed(trade(2, "94", 45_000), trade(9, "99", 120_000), candles=[quiet]), T0 + 9_000_000)
    made = fill(ex).trade
    assert (made.price, made.fill_model, made.reason) == (D("94"), FillModel.TRADE, Reason.STOP_LOSS)
    assert (made.ts_ms, ex.books.seen[PAIR].id) == (T0 + 45_000, 9)


def test_trades_from_before_the_stop_was_set_do_not_reach_it(ex):
    bought(ex, stop_loss="95")
    ex.on_missed(missed(trade(2, "90", 50), trade(3, "94", 500)), T0 + 1000)
    assert fill(ex).trade.ts_ms == T0 + 500


def test_a_limit_in_catch_up_fills_when_a_trade_shows_that_it_was_crossed(ex):
    ex.submit(limit("l1", Side.BUY, "2", "95"), T0)
    ex.on_missed(
        missed(
            trade(2, "95", 500, buyer_is_maker=True),  # a seller hit the bid at our price: we stood in the queue
            trade(3, "95", 600, quantity="0.5", buyer_is_maker=False),  # a buyer took an ask at our price
            trade(4, "94.9", 700, quantity="5"),
        ),
        T0 + 1000,
    )
    assert [(m.trade.price, m.trade.quantity, m.trade.liquidity) for m in told(ex, OrderFilled)] == [
        (D("95"), D("0.5"), "maker"),
        (D("95"), D("1.5"), "maker"),
    ]


@pytest.mark.parametrize("seen", ["by a book", "in catch-up"])
def test_an_order_comes_before_the_target_where_both_are_crossed(ex, seen):
    bought(ex, take_profit="108")
    ex.submit(limit("l1", Side.SELL, "0.4", "110", submitted_ms=T0 + 200), T0 + 200)
    if seen == "by a book":
        at(ex, 500, bids=(("111", "5"),), asks=(("111.1", "5"),))
    else:
        ex.on_missed(missed(trade(2, "111", 500, quantity="5")), T0 + 1000)
    made = [(m.trade.order_id[:11], m.trade.quantity) for m in told(ex, OrderFilled)[1:]]
    assert made == [("l1", D("0.4")), ("take_profit", D("0.6"))]
    assert ex.desk.holdings == {}
    consistent(ex)


def test_the_target_of_a_position_that_this_trade_opened_is_not_reached_by_it(ex):
    bought(ex, take_profit="110")
    ex.submit(order("m1", Side.SELL, "3", take_profit="95", submitted_ms=T0 + 200), T0 + 200)
    ex.on_missed(missed(trade(2, "94", 500, quantity="5")), T0 + 1000)
    assert [m.trade.order_id for m in told(ex, OrderFilled)[1:]] == ["m1", "m1"]
    assert fill(ex).position.direction == "short"


def test_a_waiting_market_order_fills_at_the_first_trade_after_its_latency(ex):
    ex.submit(order(), T0)
    ex.on_missed(missed(trade(2, "100", 99), trade(3, "101", 100)), T0 + 5000)
    assert (fill(ex).trade.price, fill(ex).trade.fill_model) == (D("101"), FillModel.TRADE)


def test_a_repeated_trade_changes_nothing(ex):
    bought(ex, stop_loss="95")
    print_trade(ex, 5, "96", 200)
    ex.on_missed(missed(trade(4, "94", 190), trade(5, "96", 200)), T0 + 1000)
    assert len(told(ex, OrderFilled)) == 1


def test_the_journal_tells_how_far_the_market_was_gone_through(ex):
    print_trade(ex, 41, "100", 50)
    bought(ex)
    assert ex.desk.seen[PAIR].id == 41
    ex.on_missed(missed(trade(42, "100", 500)), T0 + 1000)
    ex.checkpoint(T0 + 1000)
    assert ex.desk.seen[PAIR].id == 42
    assert replayed(ex.pending).seen[PAIR].id == 42


def test_a_recording_played_again_begins_anew(ex):
    print_trade(ex, 41, "100", 60_000)
    bought(ex, at_ms=60_100, stop_loss="95")
    again = exchange(desk=replayed(ex.pending), now_ms=T0, again=True)
    again.on_trade(PAIR, trade(1, "99", 10), catch_up=False, now_ms=T0 + 10)
    assert again.account(T0 + 10).marks == ((PAIR, D("99")),)
    again.on_missed(missed(trade(2, "94", 20)), T0 + 30)
    assert fill(again).trade.reason is Reason.STOP_LOSS


# --- the account ----------------------------------------------------------------------------------------------------


def test_the_account_is_marked_to_the_last_trade(ex):
    bought(ex, leverage=2)
    print_trade(ex, 2, "103", 300)
    account = ex.account(T0 + 300)
    assert (account.margin, account.unrealized_pnl) == (D("50.005"), D("2.99"))
    assert account.equity == D("100000") + D("2.99") - D("0.10001")
    assert account.fees_today == D("0.10001")


def test_a_pair_whose_rules_are_not_known_is_closed_all_the_same(ex):
    bought(ex)
    again = exchange(desk=replayed(ex.pending), now_ms=T0 + 5000)
    again.market.pairs.clear()
    again.close(close(submitted_ms=T0 + 5000), T0 + 5000)
    at(again, 5200)
    assert fill(again).position is None
    assert balances(again)["position:BTCUSDT"] == 0


def test_changed_terms_count_from_then_on(ex):
    ex.executor.paper = replace(terms(), taker_fee=D("0.002"))
    bought(ex)
    assert fill(ex).trade.fee == D("0.20002")


def test_an_exchange_without_a_pair_trading_refuses_it(ex):
    ex.market.take_rules((replace(RULES, trading=False),))
    ex.submit(order(), T0)
    assert refused(ex) == [Refusal.UNKNOWN_SYMBOL]
