"""Market events that cannot be true do not reach the exchange, whoever lets them through."""

from dataclasses import replace

import pytest

from domain.market import Candle
from domain.messages import MissedTrades, OrderFilled
from tests.domain.paper import PAIR, T0, D, book, bought, exchange, told, trade

GOOD = Candle(open_ms=T0 + 60_000, open=D("100"), high=D("101"), low=D("99"), close=D("100"), volume=D("1"))
NUMBERS = [D("NaN"), D("sNaN"), D("Infinity"), D("-1"), D("0")]


@pytest.fixture
def ex():
    made = exchange()
    made.on_book(PAIR, book(0), T0)
    bought(made, stop_loss="95", take_profit="120")
    return made


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", ["open", "high", "low", "close"])
def test_a_candle_of_no_numbers_is_not_gone_through(ex, name, number):
    bad = replace(GOOD, **{name: number})
    ex.on_missed(MissedTrades(pair=PAIR, trades=(), candles=(bad,), request_id="r"), T0 + 130_000)
    assert ex.refused == 1 and PAIR not in ex.books.seen
    ex.on_missed(MissedTrades(pair=PAIR, trades=(), candles=(GOOD,), request_id="r"), T0 + 130_000)
    assert ex.books.seen[PAIR].id == GOOD.open_ms and ex.market.pair(PAIR).last_price == 100


@pytest.mark.parametrize("number", NUMBERS)
def test_a_trade_of_no_number_is_not_gone_through(ex, number):
    for catch_up in (True, False):
        for bad in (replace(trade(1, "100", 200), price=number), replace(trade(1, "100", 200), quantity=number)):
            ex.on_trade(PAIR, bad, catch_up=catch_up, now_ms=T0 + 200)
    assert ex.refused == 4 and PAIR not in ex.books.seen
    assert ex.market.pair(PAIR).last_price is None


@pytest.mark.parametrize("number", NUMBERS[:3])
def test_a_book_of_no_numbers_is_not_used(ex, number):
    ex.on_book(PAIR, replace(book(200), bids=((D("99"), number),)), T0 + 200)
    ex.on_book(PAIR, replace(book(200), asks=((number, D("1")),)), T0 + 200)
    assert ex.refused == 2 and ex.market.pair(PAIR).walked.book.received_ms == T0 + 100


@pytest.mark.parametrize("number", NUMBERS)
def test_a_candle_does_not_open_at_no_number(number):
    made = exchange(has_books=False)
    made.on_candle_opened(PAIR, T0, number, T0)
    assert made.refused == 1 and told(made, OrderFilled) == []


def test_a_candle_that_was_gone_through_says_nothing_of_the_length_of_those_to_come():
    made = exchange(has_books=False)
    made.on_candle(PAIR, GOOD, 60_000, catch_up=False, now_ms=T0 + 120_000)
    made.on_candle(PAIR, GOOD, 1000, catch_up=True, now_ms=T0 + 120_000)
    assert made.market.pair(PAIR).candle_ms == 60_000


def test_candles_that_come_twice_have_the_length_of_their_steps(ex):
    twice = (GOOD, GOOD, replace(GOOD, open_ms=GOOD.open_ms + 60_000))
    ex.on_missed(MissedTrades(pair=PAIR, trades=(), candles=twice, request_id="r"), T0 + 200_000)
    assert ex.books.seen[PAIR].ts_ms == T0 + 179_999
