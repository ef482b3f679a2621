"""What was not asked, and about what it would have cost."""

from decimal import Decimal

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
