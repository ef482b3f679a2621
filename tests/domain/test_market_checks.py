"""What market data must satisfy."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.market import Candle, OrderBook, PublicTrade, Ticker
from domain.market_checks import book_fault, candle_fault, price_fault, ticker_fault, trade_fault

D = Decimal
CANDLE = Candle(open_ms=60_000, open=D(10), high=D(12), low=D(9), close=D(11), volume=D(0))
TRADE = PublicTrade(trade_id=1, price=D(10), quantity=D(1), traded_ms=1, buyer_is_maker=True)
BOOK = OrderBook(update_id=1, received_ms=1, bids=((D(10), D(1)), (D(9), D(1))), asks=((D(11), D(1)), (D(12), D(1))))
TICKER = Ticker(change_percent=D(-1), change=D(-1), high=D(12), low=D(9), volume=D(5), quote_volume=D(50), event_ms=1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"close": D("NaN")}, "not_finite"),
        ({"high": D("Infinity")}, "not_finite"),
        ({"volume": D("sNaN")}, "not_finite"),
        ({"low": D(0)}, "not_positive"),
        ({"volume": D(-1)}, "not_positive"),
        ({"high": D(8)}, "high_below_low"),
        ({"high": D("10.5")}, "high_below_low"),  # below the close
        ({"low": D("10.5")}, "high_below_low"),  # above the open
        ({"open_ms": 60_001}, "off_the_interval"),
        ({"open_ms": -60_000}, "off_the_interval"),
    ],
)
def test_candles(changes: dict, reason: str | None):
    assert candle_fault(replace(CANDLE, **changes), 60_000) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"price": D("NaN")}, "not_finite"),
        ({"quantity": D("-Infinity")}, "not_finite"),
        ({"price": D(0)}, "not_positive"),
        ({"quantity": D(0)}, "not_positive"),
        ({"trade_id": -1}, "negative_id"),
    ],
)
def test_trades(changes: dict, reason: str | None):
    assert trade_fault(replace(TRADE, **changes)) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"asks": ()}, None),  # one side may be empty
        ({"bids": (), "asks": ()}, "empty_book"),
        ({"depth": 1}, "too_many_levels"),
        ({"bids": ((D("NaN"), D(1)),)}, "not_finite"),
        ({"asks": ((D(11), D("Infinity")),)}, "not_finite"),
        ({"asks": ((D(11), D(0)),)}, "not_positive"),
        ({"bids": ((D(11), D(1)),)}, "crossed_book"),
        ({"bids": ((D(9), D(1)), (D(10), D(1)))}, "unsorted_book"),
        ({"asks": ((D(12), D(1)), (D(11), D(1)))}, "unsorted_book"),
        ({"asks": ((D(11), D(1)), (D(11), D(1)))}, "unsorted_book"),
    ],
)
def test_books(changes: dict, reason: str | None):
    assert book_fault(replace(BOOK, **changes)) == reason


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "-Infinity", "0", "-0", "-1"])
@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("place", [0, 9, 19])
@pytest.mark.parametrize("side", ["bids", "asks"])
def test_one_bad_number_anywhere_spoils_a_book(side: str, place: int, part: int, number: str):
    sides = {
        "bids": [[D(100 - level), D(1)] for level in range(20)],
        "asks": [[D(101 + level), D(1)] for level in range(20)],
    }
    sides[side][place][part] = D(number)
    book = OrderBook(update_id=1, received_ms=1, **{name: tuple(map(tuple, levels)) for name, levels in sides.items()})
    assert book_fault(book) == ("not_positive" if D(number).is_finite() else "not_finite")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"change": D("NaN")}, "not_finite"),
        ({"volume": D(-1)}, "not_positive"),
        ({"high": D(8)}, "high_below_low"),
    ],
)
def test_tickers(changes: dict, reason: str | None):
    assert ticker_fault(replace(TICKER, **changes)) == reason


def test_single_prices():
    assert price_fault(D(1)) is None
    assert price_fault(D(0)) == "not_positive"
    assert price_fault(D("NaN")) == "not_finite"
