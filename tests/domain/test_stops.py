"""The stop of a position, live: which trades reach it, and how its rest is filled when a book does not suffice."""

from domain.messages import AmendProtection, OrderFilled
from domain.trading import FillModel, Reason
from tests.domain.paper import PAIR, T0, D, book, bought, exchange, told, trade


def held(**changes):
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    bought(made, at_ms=1000, stop_loss="99", **changes)
    return made


def live(made, trade_id, price, at_ms, *, heard_ms=None):
    made.on_trade(PAIR, trade(trade_id, price, at_ms), catch_up=False, now_ms=T0 + (heard_ms or at_ms))


def bid(made, at_ms, *bids, update_id):
    made.on_book(PAIR, book(at_ms, bids=bids, asks=(("100", "1"),), update_id=update_id), T0 + at_ms)


def exits(made):
    fills = [each.trade for each in told(made, OrderFilled)][1:]
    return [(each.price, each.quantity, each.fill_model.value, each.ts_ms - T0) for each in fills]


def test_a_trade_from_before_the_position_does_not_stop_it():
    made = held()
    live(made, 5, "98.5", 999, heard_ms=1050)
    assert made.waiting.triggers == {} and exits(made) == []
    live(made, 6, "98.5", 1001, heard_ms=1060)
    assert made.waiting.triggers[PAIR].reason is Reason.STOP_LOSS


def test_a_trade_from_before_the_stop_was_moved_does_not_reach_it():
    made = held()
    amend = AmendProtection(
        amend_id="amend:x",
        pair=PAIR,
        stop_loss=D("99.9"),
        take_profit=None,
        remove_stop_loss=False,
        remove_take_profit=False,
        reply_to="hub",
        submitted_ms=T0 + 2000,
    )
    made.amend(amend, T0 + 2000)
    live(made, 5, "99.5", 1900, heard_ms=2050)
    assert made.waiting.triggers == {}
    live(made, 6, "99.5", 2060)
    assert made.waiting.triggers[PAIR].price == D("99.5")


def test_the_rest_of_a_stop_is_filled_by_the_books_that_follow():
    """Not at the first deadline, a second after the trade, while books come."""
    made = held()
    live(made, 5, "98.9", 2000)
    bid(made, 2900, ("98.8", "0.4"), update_id=60)
    made.on_time(T0 + 3001)
    bid(made, 3500, ("98.8", "0.4"), update_id=61)  # taken already: this level has not changed
    assert made.next_deadline_ms() == T0 + 4500
    bid(made, 4400, ("98.2", "0.5"), ("98.1", "9"), update_id=62)
    assert exits(made) == [
        (D("98.8"), D("0.4"), "book20", 2900),
        (D("98.18333333333333333333333333").quantize(D("1e-12")), D("0.6"), "book20", 4400),
    ]
    assert made.waiting.triggers == {} and made.desk.position(PAIR) is None


def test_the_rest_of_a_stop_falls_back_from_the_worst_price_a_book_gave():
    made = held()
    live(made, 5, "98.9", 2000)
    bid(made, 2050, ("98.8", "0.4"), ("98.0", "0.1"), update_id=60)
    made.on_time(T0 + 3049)
    assert len(exits(made)) == 1
    made.on_time(T0 + 3050)
    [_, rest] = exits(made)
    assert rest == (D("98.0") * D("0.9995"), D("0.5"), "fallback", 3050)


def test_a_stop_that_no_book_came_for_falls_back_from_its_trade():
    made = held()
    live(made, 5, "98.9", 2000)
    made.on_time(T0 + 3000)
    assert exits(made) == [(D("98.9") * D("0.9995"), 1, "fallback", 3000)]
    assert told(made, OrderFilled)[-1].trade.fill_model is FillModel.FALLBACK
