"""What models may cost: the bound of a call, and whether a reservation still fits.

A call's whole bound is reserved first, and only then is the sum of everything settled and reserved compared with the
limits. Of several callers at once the last one to reserve sees all others, so that together they never pass a limit;
who does not fit gives the reservation back without calling.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from domain import money

MAX_TRIES = 2  # of one call by its adapter; a try that was cut off may still be billed
COMPLETION_TOKENS = 3000  # for reasoning and the frame of the answer
COMPLETION_TOKENS_PER_PAIR = 600


def utc_day(now_ms: int) -> str:
    """Return the UTC day of epoch milliseconds as YYYY-MM-DD."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%d")


def prompt_token_bound(texts: Iterable[str]) -> int:
    """Return how many tokens `texts` can be at most: byte-pair tokens are never shorter than a byte."""
    return 64 + sum(16 + len(text.encode()) for text in texts)


def completion_token_bound(pairs: int) -> int:
    """Return how many tokens an answer for `pairs` pairs may have: the endpoint is told so."""
    return COMPLETION_TOKENS + COMPLETION_TOKENS_PER_PAIR * pairs


def reservation(cost_per_try: Decimal) -> Decimal:
    """Return what has to be reserved for one call whose tries cost at most `cost_per_try` USD (>= 0) each."""
    if not cost_per_try.is_finite() or cost_per_try < 0:
        raise ValueError(f"cost_per_try must be >= 0 USD, was {cost_per_try}")
    return money.up(cost_per_try * MAX_TRIES)


def settlement(reserved: Decimal, reported: Decimal | None) -> Decimal:
    """Return what a call is booked at: the reported cost in USD, or the whole reservation when that is unknown."""
    if reported is None or not reported.is_finite() or reported < 0:
        return reserved
    return money.up(reported)


def spent_by(spent: Iterable[tuple[str, Decimal]], analyst: str) -> Decimal:
    """Return what `analyst` has settled and reserved of (analyst, USD) rows."""
    return sum((usd for name, usd in spent if name == analyst), Decimal(0))


def overdrawn(
    spent: Iterable[tuple[str, Decimal]], *, analyst: str, analyst_limit: Decimal | None, total_limit: Decimal
) -> str | None:
    """Return why a reservation that is already part of `spent` does not fit, None when it does.

    Args:
        spent: (analyst, USD) settled and reserved on the UTC day.
        analyst: who reserved.
        analyst_limit: USD a day for that analyst; None = only the total limits it.
        total_limit: USD a day for all analysts together.
    """
    rows = tuple(spent)
    own = spent_by(rows, analyst)
    if analyst_limit is not None and own > analyst_limit:
        return f"the call could pass the analyst's budget of {money.text(analyst_limit)} USD a day"
    if sum((usd for _, usd in rows), Decimal(0)) > total_limit:
        return f"the call could pass the budget of all analysts of {money.text(total_limit)} USD a day"
    return None
