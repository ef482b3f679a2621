"""Reserve, check, call, settle: whatever the order of the steps of many callers, no limit is ever passed."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.budget import (
    completion_token_bound,
    overdrawn,
    prompt_token_bound,
    reservation,
    settlement,
    spent_by,
    utc_day,
)

TOTAL, OWN = Decimal("1.00"), Decimal("0.60")


def _overdrawn(*spent: tuple[str, str]) -> str | None:
    rows = [(name, Decimal(usd)) for name, usd in spent]
    return overdrawn(rows, analyst="grok", analyst_limit=OWN, total_limit=TOTAL)


def test_a_reservation_that_reaches_a_limit_exactly_fits() -> None:
    assert _overdrawn(("grok", "0.60"), ("gpt", "0.40")) is None


def test_a_reservation_beyond_the_analysts_own_limit_does_not_fit() -> None:
    reason = _overdrawn(("grok", "0.50"), ("grok", "0.10000001"))
    assert reason == "the call could pass the analyst's budget of 0.6 USD a day"


def test_a_reservation_beyond_the_limit_of_all_does_not_fit() -> None:
    reason = _overdrawn(("grok", "0.10"), ("gpt", "0.90000001"))
    assert reason == "the call could pass the budget of all analysts of 1 USD a day"


def test_with_a_limit_of_zero_only_a_free_call_fits() -> None:
    none = Decimal(0)
    assert overdrawn([("a", Decimal(0))], analyst="a", analyst_limit=None, total_limit=none) is None
    assert overdrawn([("a", Decimal("0.00000001"))], analyst="a", analyst_limit=None, total_limit=none) is not None


def test_all_tries_are_reserved_and_rounded_up() -> None:
    assert reservation(Decimal("0.01")) == Decimal("0.02")
    assert reservation(Decimal("0.0000000001")) == Decimal("0.00000001")


@pytest.mark.parametrize("cost", ["-0.01", "NaN", "Infinity"])
def test_a_cost_that_is_no_amount_cannot_be_reserved(cost: str) -> None:
    with pytest.raises(ValueError, match="cost_per_try must be >= 0 USD"):
        reservation(Decimal(cost))


@pytest.mark.parametrize(
    ("reported", "booked"),
    [(None, "0.05"), ("NaN", "0.05"), ("-1", "0.05"), ("0", "0"), ("0.001", "0.001"), ("0.0000000001", "0.00000001")],
)
def test_an_unknown_cost_is_settled_at_the_reservation(reported: str | None, booked: str) -> None:
    told = None if reported is None else Decimal(reported)
    assert settlement(Decimal("0.05"), told) == Decimal(booked)


def test_no_text_has_more_tokens_than_bytes() -> None:
    assert prompt_token_bound(["héllo"]) >= len("héllo".encode())
    assert completion_token_bound(5) == 6000


def test_days_are_utc_days() -> None:
    assert utc_day(1_767_225_599_999) == "2025-12-31"
    assert utc_day(1_767_225_600_000) == "2026-01-01"


class _Store:
    """The rows of a budget store, by call."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[str, Decimal]] = {}

    def spent(self) -> list[tuple[str, Decimal]]:
        return list(self.rows.values())


def _caller(number: int, analyst: str, bound: Decimal, share: Decimal | None, store: _Store) -> Iterator[None]:
    """One call, cut into the steps between which other callers may run; share None: killed during the call."""
    reserved = reservation(bound)
    store.rows[number] = (analyst, reserved)
    yield
    if overdrawn(store.spent(), analyst=analyst, analyst_limit=OWN, total_limit=TOTAL) is not None:
        store.rows[number] = (analyst, Decimal(0))
        return
    store.rows[number] = (analyst, reserved)
    yield
    if share is not None:
        store.rows[number] = (analyst, settlement(reserved, reserved * share))


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["grok", "claude", "gpt"]),
        st.decimals(min_value=0, max_value=Decimal("0.4"), places=6),
        st.none() | st.decimals(min_value=0, max_value=1, places=3),
    ),
    max_size=12,
)


@given(calls=CALLS, order=st.randoms(use_true_random=False))
def test_however_calls_interleave_and_die_the_spend_never_passes_a_limit(calls, order) -> None:
    store = _Store()
    made: dict[int, tuple[str, Decimal]] = {}
    running = {n: _caller(n, *call, store) for n, call in enumerate(calls)}
    checked: set[int] = set()
    while running:
        number = order.choice(sorted(running))
        step = next(running[number], StopIteration)
        if step is StopIteration:
            del running[number]
        elif number in checked or store.rows[number][1] == 0:
            made[number] = store.rows[number]
        checked.add(number)
        # What was really called is what may be billed; a reservation that is taken back was never called.
        billed = [store.rows[each] for each in made]
        assert sum((usd for _, usd in billed), Decimal(0)) <= TOTAL
        for analyst in ("grok", "claude", "gpt"):
            assert spent_by(billed, analyst) <= OWN
