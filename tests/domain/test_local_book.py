"""The full book from a snapshot and differences."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.local_book import LocalBook


def levels(*pairs: tuple[int, int]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(quantity)) for price, quantity in pairs]


def book() -> LocalBook:
    made = LocalBook()
    made.snapshot(100, levels((10, 1), (9, 2)), levels((11, 1), (12, 2)))
    return made


def test_best_levels_come_first():
    assert book().bids(1) == tuple(levels((10, 1)))
    assert book().bids(5) == tuple(levels((10, 1), (9, 2)))
    assert book().asks(5) == tuple(levels((11, 1), (12, 2)))


def test_a_difference_changes_adds_and_removes_levels():
    kept = book()
    assert kept.change(101, 103, levels((10, 0), (8, 5)), levels((11, 7)))
    assert kept.bids(5) == tuple(levels((9, 2), (8, 5)))
    assert kept.asks(1) == tuple(levels((11, 7)))
    assert kept.update_id == 103


def test_what_is_older_than_the_snapshot_is_dropped():
    kept = book()
    assert kept.change(90, 100, levels((10, 0)), [])
    assert kept.bids(1) == tuple(levels((10, 1)))


def test_a_difference_that_straddles_the_snapshot_is_applied():
    kept = book()
    assert kept.change(99, 101, levels((10, 3)), [])
    assert kept.bids(1) == tuple(levels((10, 3)))


def test_missing_updates_empty_the_book_until_the_next_snapshot():
    kept = book()
    assert not kept.change(102, 103, levels((10, 3)), [])
    assert kept.update_id is None
    kept.change(104, 104, levels((10, 4)), [])
    kept.snapshot(102, levels((10, 1)), levels((11, 1)))
    assert kept.update_id == 104
    assert kept.bids(1) == tuple(levels((10, 4)))


def test_differences_before_the_first_snapshot_wait_for_it():
    kept = LocalBook()
    kept.change(99, 100, levels((10, 9)), [])
    kept.change(101, 101, [], levels((11, 0)))
    kept.snapshot(100, levels((10, 1)), levels((11, 1), (12, 1)))
    assert kept.asks(5) == tuple(levels((12, 1)))
    assert kept.bids(5) == tuple(levels((10, 1)))


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5)), max_size=80), st.integers(1, 25))
def test_it_equals_a_sorted_dict(changes: list[tuple[int, int]], depth: int):
    kept, truth = LocalBook(), {}
    kept.snapshot(0, [], [])
    for update_id, (price, quantity) in enumerate(changes, start=1):
        kept.change(update_id, update_id, levels((price, quantity)), levels((price, quantity)))
        truth[Decimal(price)] = Decimal(quantity)
        truth = {p: q for p, q in truth.items() if q}
        assert kept.asks(depth) == tuple(sorted(truth.items())[:depth])
        assert kept.bids(depth) == tuple(sorted(truth.items(), reverse=True)[:depth])
