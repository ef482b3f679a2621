"""Books are walked level by level, and what our own fills took stays taken until the level changes."""

from decimal import Decimal

from domain.book_walk import WalkedBook
from domain.trading import Side
from tests.domain.paper import book

D = Decimal
ASKS = (("100", "1"), ("101", "2"), ("103", "5"))
BIDS = (("99", "1"), ("98", "2"))


def walked():
    return WalkedBook(book(0, bids=BIDS, asks=ASKS))


def levels(*pairs):
    return tuple((D(price), D(quantity)) for price, quantity in pairs)


def test_a_buy_takes_asks_from_the_best():
    assert walked().walk(Side.BUY, D("2.5")) == levels(("100", "1"), ("101", "1.5"))


def test_a_sell_takes_bids_from_the_best_and_gets_what_there_is():
    assert walked().walk(Side.SELL, D("9")) == levels(("99", "1"), ("98", "2"))


def test_a_limit_ends_the_walk():
    assert walked().walk(Side.BUY, D("9"), limit=D("101")) == levels(("100", "1"), ("101", "2"))
    assert walked().walk(Side.SELL, D("9"), limit=D("99.5")) == ()


def test_what_was_consumed_cannot_be_taken_again():
    memory = walked()
    memory.consume(Side.BUY, memory.walk(Side.BUY, D("1.5")))
    assert memory.walk(Side.BUY, D("2")) == levels(("101", "1.5"), ("103", "0.5"))
    memory.replace(book(100, bids=BIDS, asks=ASKS, update_id=2))
    assert memory.walk(Side.BUY, D("2")) == levels(("101", "1.5"), ("103", "0.5"))


def test_a_level_that_changed_is_whole_again():
    memory = walked()
    memory.consume(Side.BUY, memory.walk(Side.BUY, D("1.5")))
    memory.replace(book(100, bids=BIDS, asks=(("100", "1"), ("101", "2.1")), update_id=2))
    assert memory.walk(Side.BUY, D("9")) == levels(("101", "2.1"))


def test_a_level_that_left_the_book_is_whole_when_it_returns():
    memory = walked()
    memory.consume(Side.BUY, memory.walk(Side.BUY, D("1")))
    memory.replace(book(100, bids=BIDS, asks=(("101", "2"),), update_id=2))
    memory.replace(book(200, bids=BIDS, asks=ASKS, update_id=3))
    assert memory.walk(Side.BUY, D("1")) == levels(("100", "1"))


def test_a_level_below_a_full_books_depth_is_not_known_to_have_changed():
    memory = WalkedBook(book(0, asks=(("100", "1"), ("101", "2")), depth=2))
    memory.consume(Side.BUY, memory.walk(Side.BUY, D("3")))
    memory.replace(book(100, asks=(("99.5", "1"), ("100", "1")), depth=2, update_id=2))
    memory.replace(book(200, asks=(("100", "1"), ("101", "2")), depth=2, update_id=3))
    assert memory.walk(Side.BUY, D("3")) == ()


def test_the_spread_is_told_in_basis_points_of_the_middle():
    assert WalkedBook(book(0, bids=(("99", "1"),), asks=(("101", "1"),))).spread_bps() == 200
    assert WalkedBook(book(0, bids=(), asks=ASKS)).spread_bps() is None
