"""The exchange where candles are all there is: gaps at the open, worse order of high and low, stop before target."""

import pytest

from domain.market import Candle
from domain.messages import MissedTrades, OrderAccepted, OrderFilled, OrderRefused, PositionAmended
from domain.resting import first_hit, resting_of
from domain.trading import FillModel, MarketEvent, OrderType, Reason, Refusal, Side
from tests.domain.paper import PAIR, T0, D, balances, bought, exchange, limit, order, replayed, told, trade, trailing

MINUTE = 60_000


def candle(n, open_, high, low, close):
    return Candle(open_ms=T0 + n * MINUTE, open=D(open_), high=D(high), low=D(low), close=D(close), volume=D("10"))


@pytest.fixture
def ex():
    """A market at 100: one candle has closed."""
    made = exchange(has_books=False)
    made.on_candle(PAIR, candle(0, "100", "100", "100", "100"), MINUTE, catch_up=False, now_ms=T0 + MINUTE)
    return made


def opened(made, n, price):
    made.on_candle_opened(PAIR, T0 + n * MINUTE, D(price), T0 + n * MINUTE)


def closed(made, n, open_, high, low, close):
    made.on_candle(PAIR, candle(n, open_, high, low, close), MINUTE, catch_up=False, now_ms=T0 + (n + 1) * MINUTE)


def enter(made, side=Side.BUY, price="100", **changes):
    made.submit(order(side=side, submitted_ms=T0 + MINUTE, **changes), T0 + MINUTE)
    opened(made, 1, price)


def fill(made, n=-1):
    return told(made, OrderFilled)[n]


def exits(made):
    return [(m.trade.price, m.trade.reason) for m in told(made, OrderFilled) if m.closed is not None]


def test_a_market_order_fills_at_the_next_open(ex):
    ex.submit(order(submitted_ms=T0 + MINUTE), T0 + MINUTE)
    assert ex.next_deadline_ms() is None
    opened(ex, 1, "100.5")
    made = fill(ex)
    assert (made.trade.price, made.trade.fill_model, made.trade.ts_ms) == (D("100.5"), FillModel.CANDLE, T0 + MINUTE)
    assert ex.pending[-1]["market_event"] == {"kind": "candle", "id": T0 + MINUTE, "ts": T0 + MINUTE}


def test_both_reached_in_one_candle_is_the_stop(ex):
    enter(ex, stop_loss="95", take_profit="110")
    closed(ex, 1, "100", "111", "94", "105")
    assert exits(ex) == [(D("95"), Reason.STOP_LOSS)]
    assert fill(ex).trade.ts_ms == T0 + 2 * MINUTE - 1


def test_a_short_fears_the_high_first(ex):
    enter(ex, Side.SELL, stop_loss="105", take_profit="90")
    closed(ex, 1, "100", "106", "89", "95")
    assert exits(ex) == [(D("105"), Reason.STOP_LOSS)]


def test_the_target_fills_at_its_price_as_maker(ex):
    enter(ex, stop_loss="95", take_profit="110")
    closed(ex, 1, "100", "111", "96", "105")
    assert exits(ex) == [(D("110"), Reason.TAKE_PROFIT)]
    assert fill(ex).trade.fee == D("0.055")


@pytest.mark.parametrize(("price", "reason"), [("93", Reason.STOP_LOSS), ("112", Reason.TAKE_PROFIT)])
def test_a_gap_fills_at_the_open(ex, price, reason):
    enter(ex, stop_loss="95", take_profit="110")
    closed(ex, 1, "100", "101", "99", "100")
    opened(ex, 2, price)
    assert exits(ex) == [(D(price), reason)]
    assert fill(ex).trade.ts_ms == T0 + 2 * MINUTE


def test_a_candle_whose_open_was_not_told_gaps_all_the_same(ex):
    enter(ex, stop_loss="95")
    closed(ex, 1, "100", "101", "99", "100")
    closed(ex, 2, "93", "94", "92", "93")
    assert exits(ex) == [(D("93"), Reason.STOP_LOSS)]


def test_the_trailing_stop_rises_with_the_high_and_may_be_hit_by_the_close(ex):
    enter(ex, trailing=trailing("2", "1"))
    closed(ex, 1, "100", "104", "99.5", "102.5")
    assert told(ex, PositionAmended)[-1].position.trailing.stop == D("103")
    assert exits(ex) == [(D("103"), Reason.TRAILING_STOP)]


def test_a_trailing_stop_is_not_hit_by_the_low_before_the_high(ex):
    enter(ex, trailing=trailing("2", "1"))
    closed(ex, 1, "100", "104", "99.5", "103.5")
    assert exits(ex) == []
    closed(ex, 2, "103.5", "103.6", "102", "103")
    assert exits(ex) == [(D("103"), Reason.TRAILING_STOP)]


def test_liquidation_at_its_price_within_a_candle(ex):
    enter(ex, leverage=10)
    closed(ex, 1, "100", "101", "85", "95")
    # (100 - 10) / 0.995, rounded down
    assert exits(ex) == [(D("90.45226130"), Reason.LIQUIDATION)]
    # margin 10 - loss 9.54773870 - fee 0.09045226(13 -> 14): what is left returns to cash
    assert balances(ex)["cash"] == D("100000") - D("10") - D("0.1") + D("0.45226130") - D("0.09045227")


def test_a_resting_limit_fills_on_the_way_and_its_stop_after_it(ex):
    ex.submit(limit("l1", Side.BUY, "1", "97", stop_loss="95", submitted_ms=T0 + MINUTE), T0 + MINUTE)
    closed(ex, 1, "100", "101", "94", "100")
    first, second = told(ex, OrderFilled)
    assert (first.trade.price, first.trade.liquidity) == (D("97"), "maker")
    assert (second.trade.price, second.trade.reason) == (D("95"), Reason.STOP_LOSS)


def test_a_bought_dip_does_not_reach_its_target_in_the_same_candle(ex):
    changes = {"stop_loss": "90", "take_profit": "102", "submitted_ms": T0 + MINUTE}
    ex.submit(limit("l1", Side.BUY, "1", "97", **changes), T0 + MINUTE)
    closed(ex, 1, "100", "103", "96", "98")  # the worse order: high before low
    assert len(told(ex, OrderFilled)) == 1


def test_a_limit_below_the_open_fills_at_the_open(ex):
    ex.submit(limit("l1", Side.BUY, "1", "97", submitted_ms=T0 + MINUTE), T0 + MINUTE)
    opened(ex, 1, "96")
    assert fill(ex).trade.price == D("96")


def test_a_stop_order_fills_at_its_trigger_on_the_way(ex):
    stop = order("s1", order_type=OrderType.STOP, price="103", submitted_ms=T0 + MINUTE)
    ex.submit(stop, T0 + MINUTE)
    closed(ex, 1, "100", "104", "99", "100")
    assert (fill(ex).trade.price, fill(ex).trade.liquidity) == (D("103"), "taker")


def test_a_candle_is_handled_once(ex):
    enter(ex, stop_loss="95")
    closed(ex, 1, "100", "101", "99", "100")
    documents = len(ex.pending)
    closed(ex, 1, "100", "101", "90", "100")
    opened(ex, 1, "90")
    assert len(ex.pending) == documents


def test_a_price_is_fresh_for_a_candle_longer(ex):
    ex.submit(order(submitted_ms=T0 + 2 * MINUTE), T0 + 2 * MINUTE)
    assert len(told(ex, OrderAccepted)) == 1
    late = T0 + 2 * MINUTE + 10_000
    ex.submit(order("o2", submitted_ms=late), late)
    assert [message.code for message in told(ex, OrderRefused)] == [Refusal.STALE_PRICE]


def test_a_candle_that_was_gone_through_is_not_gone_through_again_with_what_came_of_it(ex):
    ex.submit(limit("l1", Side.BUY, "1", "96", take_profit="103", submitted_ms=T0 + MINUTE), T0 + MINUTE)
    opened(ex, 1, "100")
    late = candle(1, "100", "105", "95", "99")  # a waiting buy fears the high after it: 105 comes before 96
    ex.on_candle(PAIR, late, MINUTE, catch_up=False, now_ms=T0 + 2 * MINUTE)
    assert fill(ex).trade.price == D("96")
    assert ex.pending[-1]["seen"] == {"kind": "candle", "id": T0 + MINUTE, "ts": T0 + 2 * MINUTE - 1}

    again = exchange(has_books=False, desk=replayed(ex.pending), now_ms=T0 + 2 * MINUTE)
    missed = MissedTrades(pair=PAIR, trades=(), candles=(late,), request_id="r")
    again.on_missed(missed, T0 + 2 * MINUTE)
    assert again.desk.position(PAIR).take_profit == D("103")


@pytest.mark.parametrize("restarted", [False, True])
def test_an_open_is_not_handled_again_after_a_restart(ex, restarted):
    enter(ex, price="94", stop_loss="95")  # filled beyond its stop
    made = exchange(has_books=False, desk=replayed(ex.pending), now_ms=T0 + MINUTE) if restarted else ex
    opened(made, 1, "94")
    assert exits(made) == []
    closed(made, 1, "94", "96", "93", "95")
    assert (exits(made), fill(made).trade.ts_ms) == ([(D("94"), Reason.STOP_LOSS)], T0 + 2 * MINUTE - 1)


@pytest.mark.parametrize("told", [True, False], ids=["open told", "open missed"])
def test_a_market_order_never_fills_at_an_open_before_it(told):
    made = exchange(has_books=False)
    made.on_candle(PAIR, candle(0, "100", "100", "100", "100"), MINUTE, catch_up=False, now_ms=T0 + MINUTE)
    made.submit(order(submitted_ms=T0 + MINUTE + 1), T0 + MINUTE + 1)
    if told:  # a restarted market tells it again
        made.on_candle_opened(PAIR, T0 + MINUTE, D("90"), T0 + MINUTE + 2)
    made.on_candle(PAIR, candle(1, "90", "110", "80", "105"), MINUTE, catch_up=False, now_ms=T0 + 2 * MINUTE)
    assert made.desk.position(PAIR) is None
    made.on_candle_opened(PAIR, T0 + 2 * MINUTE, D("105"), T0 + 2 * MINUTE)
    assert fill(made).trade.price == D("105")


def test_longer_candles_are_handled_by_their_length():
    made = exchange(has_books=False)
    first = candle(0, "100", "100", "100", "100")
    made.on_candle(PAIR, first, 5 * MINUTE, catch_up=False, now_ms=T0 + 5 * MINUTE)
    made.submit(order(submitted_ms=T0 + 5 * MINUTE, stop_loss="95"), T0 + 5 * MINUTE)
    made.on_candle_opened(PAIR, T0 + 5 * MINUTE, D("100"), T0 + 5 * MINUTE)
    late = candle(5, "100", "101", "94", "99")
    made.on_missed(MissedTrades(pair=PAIR, trades=(), candles=(late,), request_id="r"), T0 + 10 * MINUTE)
    assert exits(made) == [(D("95"), Reason.STOP_LOSS)]
    assert fill(made).trade.ts_ms == T0 + 10 * MINUTE - 1


def test_candles_stand_in_for_trades_that_are_gone():
    made = exchange()
    made.market.pair(PAIR).take_price(D("100"), _event())
    made.submit(order(stop_loss="95", take_profit="110"), T0)
    missed = MissedTrades(
        pair=PAIR,
        trades=(trade(9, "100", 200),),
        candles=(candle(1, "100", "112", "94", "100"), candle(2, "100", "120", "99", "115")),
        request_id="r",
    )
    made.on_missed(missed, T0 + 3_600_000)
    last = fill(made)
    assert (last.trade.price, last.trade.reason, last.trade.catch_up) == (D("95"), Reason.STOP_LOSS, True)
    assert last.trade.ts_ms == T0 + 2 * MINUTE - 1
    assert replayed(made.pending).part() == made.desk.part()


def test_a_candle_that_began_before_the_stop_was_set_does_not_reach_it_where_trades_are_known():
    made = exchange()
    bought(made, stop_loss="95")
    missed = MissedTrades(pair=PAIR, trades=(), candles=(candle(0, "100", "100", "90", "99"),), request_id="r")
    made.on_missed(missed, T0 + 3_600_000)
    assert exits(made) == []
    opened = candle(1, "94", "95", "93", "94")
    made.on_missed(MissedTrades(pair=PAIR, trades=(), candles=(opened,), request_id="r"), T0 + 3_600_000)
    assert exits(made) == [(D("94"), Reason.STOP_LOSS)]


def _event():
    return MarketEvent(kind="trade", id=1, ts_ms=T0)


def test_of_equals_the_stop_is_hit_first(ex):
    enter(ex, stop_loss="95")
    ex.submit(limit("l1", Side.BUY, "1", "95", submitted_ms=T0 + MINUTE), T0 + MINUTE)
    item, price = first_hit(resting_of(ex.desk, PAIR), D("100"), D("90"))
    assert (item.reason, price) == (Reason.STOP_LOSS, D("95"))
