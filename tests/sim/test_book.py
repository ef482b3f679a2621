"""Order books: uncrossed, in step with the trades, and what their differences build."""

import pytest

from sim.book import BookMaker, difference
from sim.paths import SeededPath
from sim.symbols import listing
from sim.tape import Tape

GRID = 17_672_688_000  # 2026-01-01T12:00Z


def maker(pair="BTCUSDT", seed=7):
    listed = listing(pair)
    tape = Tape(listing=listed, path=SeededPath(listing=listed, seed=seed), seed=seed)
    return BookMaker(listing=listed, tape=tape, seed=seed), tape


@pytest.mark.parametrize("pair", ["BTCUSDT", "XRPUSDT", "SHIBUSDT", "NEWCOINUSDT"])
def test_bids_fall_asks_rise_and_never_cross(pair):
    books, _ = maker(pair)
    for grid in range(GRID, GRID + 300):
        book = books.book(grid, 20)
        bids, asks = [price for price, _ in book.bids], [price for price, _ in book.asks]
        assert bids == sorted(set(bids), reverse=True) and asks == sorted(set(asks))
        assert bids[0] < asks[0] and len(bids) == len(asks) == 20
        assert all(quantity > 0 for _, quantity in book.bids + book.asks)


def test_a_trade_happens_at_the_best_price_of_its_side():
    books, tape = maker()
    for trade in tape.trades_between(GRID * 100, GRID * 100 + 60_000):
        if tape.around(trade.time_ms)[0] is trade:  # the last one where two share a millisecond
            bid, ask = books.best(trade.time_ms)
            assert trade.price == (bid if trade.buyer_is_maker else ask)


def test_differences_turn_one_book_into_the_next():
    books, _ = maker()
    bids, asks = (dict(side) for side in books.book(GRID, 100)[1:])
    last = books.book(GRID, 100)
    for grid in range(GRID + 1, GRID + 100):
        book = books.book(grid, 100)
        assert last.update_id < book.update_id
        for side, changes in ((bids, difference(last.bids, book.bids)), (asks, difference(last.asks, book.asks))):
            for price, quantity in changes:
                if quantity:
                    side[price] = quantity
                else:
                    del side[price]
        assert bids == dict(book.bids) and asks == dict(book.asks)
        last = book


def test_levels_stand_for_seconds_and_then_change():
    books, _ = maker()
    before, soon, later = (dict(books.book(grid, 100).asks) for grid in (GRID, GRID + 1, GRID + 300))
    kept = [price for price in before if soon.get(price) == before[price]]
    assert len(kept) > 80
    assert sum(later.get(price) == before[price] for price in before) < 30


def test_a_book_does_not_depend_on_what_was_asked_before():
    one, _ = maker()
    other, _ = maker()
    forward = [one.book(GRID + step, 20) for step in range(0, 400, 7)]
    backward = [other.book(GRID + step, 20) for step in reversed(range(0, 400, 7))]
    assert forward == backward[::-1]
