"""What was not asked, and about what it would have cost."""

from decimal import Decimal

from domain.archives import read_savings, savings_document
from domain.savings import Saving, Savings, Spared

DAY = "2026-01-01"


def test_a_question_that_was_spared_is_worth_what_the_others_cost_on_the_mean() -> None:
    counted = Savings().with_call(DAY, questions=5, cost_usd=Decimal("0.02"), cached_tokens=700)
    counted = counted.with_call(DAY, questions=0, cost_usd=Decimal("0.01"), cached_tokens=0)  # a repair
    for _ in range(7):
        counted = counted.with_spared(DAY, Spared.UNCHANGED)
    counted = counted.with_spared(DAY, Spared.BREAKER_OPEN, 3)
    assert (counted.calls, counted.asked, counted.cached_tokens) == (2, 5, 700)
    assert counted.table() == (
        Saving(reason=Spared.UNCHANGED, questions=7, usd=Decimal("0.042")),  # 7 * 0.03 / 5
        Saving(reason=Spared.BREAKER_OPEN, questions=3, usd=Decimal("0.018")),
    )


def test_before_the_first_call_nobody_knows_what_was_saved() -> None:
    (row,) = Savings().with_spared(DAY, Spared.BUDGET_USED).table()
    assert (row.questions, row.usd) == (1, 0)


def test_a_new_utc_day_begins_anew() -> None:
    counted = Savings().with_call(DAY, questions=1, cost_usd=Decimal(1), cached_tokens=1)
    assert counted.on(DAY) is counted
    assert counted.with_spared("2026-01-02", Spared.OUT_OF_TIME) == Savings(
        day="2026-01-02", spared={Spared.OUT_OF_TIME: 1}
    )
    assert Savings().table() == ()


def test_the_counts_of_an_earlier_process_are_added_on_the_same_day() -> None:
    earlier = Savings().with_call(DAY, questions=2, cost_usd=Decimal("0.01"), cached_tokens=5)
    earlier = earlier.with_spared(DAY, Spared.UNCHANGED, 3)
    own = Savings().with_call(DAY, questions=1, cost_usd=Decimal("0.02"), cached_tokens=7)
    own = own.with_spared(DAY, Spared.OUT_OF_TIME).with_spared(DAY, Spared.UNCHANGED)
    assert own.after(earlier) == Savings(
        day=DAY,
        calls=2,
        asked=3,
        cost_usd=Decimal("0.03"),
        cached_tokens=12,
        spared={Spared.UNCHANGED: 4, Spared.OUT_OF_TIME: 1},
    )
    assert Savings().after(earlier) == earlier
    assert own.after(Savings(day="2025-12-31", calls=9)) == own


def test_counts_read_back_from_their_document() -> None:
    counted = Savings().with_call(DAY, questions=2, cost_usd=Decimal("0.01"), cached_tokens=5)
    counted = counted.with_spared(DAY, Spared.BUDGET_USED, 3)
    assert read_savings(savings_document("grok", counted, at_ms=7)) == counted
