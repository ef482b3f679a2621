"""Bots that decide in the same moment: the exchange sees their orders one after another."""

from dataclasses import replace

from domain.messages import OrderAccepted, OrderRefused
from domain.trading import Refusal, Side
from tests.domain.paper import PAIR, RULES, T0, book, close, exchange, order, told

PAIRS = ("ETHUSDT", "XRPUSDT", PAIR)


def market(**changes):
    made = exchange(**changes)
    made.market.take_rules(tuple(replace(RULES, pair=pair) for pair in PAIRS))
    for pair in PAIRS:
        made.on_book(pair, book(0), T0)
    return made


def submit(made, pair, most, **changes):
    made.submit(order(f"bot:{pair}:{T0}", pair=pair, max_open_positions=most, **changes), T0)


def refusals(made):
    return [(each.pair, each.code, each.gate) for each in told(made, OrderRefused)]


def test_one_entry_too_many_is_refused_while_the_others_are_on_their_way():
    made = market()
    for pair in PAIRS:
        submit(made, pair, 2)
    assert [each.order.pair for each in told(made, OrderAccepted)] == ["ETHUSDT", "XRPUSDT"]
    assert refusals(made) == [(PAIR, Refusal.PAIR_DISABLED, "concurrent_trades")]


def test_open_positions_count():
    made = market(latency_ms=0)
    submit(made, "ETHUSDT", 2)
    submit(made, "XRPUSDT", 2)
    assert set(made.desk.holdings) == {"ETHUSDT", "XRPUSDT"}
    submit(made, PAIR, 2)
    assert len(refusals(made)) == 1
    made.close(close(pair="ETHUSDT"), T0)
    made.submit(order("again", pair=PAIR, max_open_positions=2), T0)
    assert len(refusals(made)) == 1


def test_orders_without_a_limit_and_those_that_only_reduce_pass():
    made = market(latency_ms=0)
    submit(made, "ETHUSDT", None)
    submit(made, PAIR, None)
    made.submit(order("less", Side.SELL, "0.5", pair=PAIR, max_open_positions=0), T0)
    assert refusals(made) == []


def test_a_spread_too_wide_names_its_gate():
    made = market()
    submit(made, PAIR, 9, max_spread_bps="1")
    assert refusals(made) == [(PAIR, Refusal.SLIPPAGE_EXCEEDED, "spread")]
