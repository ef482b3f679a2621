"""What an analyst did not have to ask on one UTC day: how often, why, and about what that would have cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from domain import money


class Spared(StrEnum):
    """Why no call was made for a question."""

    UNCHANGED = "unchanged"  # nothing moved and nothing is new: the last opinion was given again
    BREAKER_OPEN = "breaker_open"
    TOO_MANY_CALLS = "too_many_calls"
    BUDGET_USED = "budget_used"
    OUT_OF_TIME = "out_of_time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """One row of the table."""

    reason: Spared
    questions: int
    usd: Decimal  # questions times what a question that was asked cost on the mean; 0 while none was


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """The counts of one UTC day; `Savings()` of none."""

    day: str = ""
    calls: int = 0  # repairs included
    asked: int = 0  # questions that calls were made for
    cost_usd: Decimal = Decimal(0)  # of those calls
    cached_tokens: int = 0  # of the prompts, read from the provider's cache
    spared: Mapping[Spared, int] = field(default_factory=dict)

    def on(self, day: str) -> "Savings":
        """Return the counts of `day`, which begin anew when it is another."""
        return self if self.day == day else Savings(day=day)

    def after(self, earlier: "Savings") -> "Savings":
        """Return these counts and those of an earlier process, if they are of the same day (or there are none yet)."""
        if self.day not in ("", earlier.day):
            return self
        reasons = [reason for reason in Spared if reason in self.spared or reason in earlier.spared]
        return Savings(
            day=earlier.day,
            calls=self.calls + earlier.calls,
            asked=self.asked + earlier.asked,
            cost_usd=self.cost_usd + earlier.cost_usd,
            cached_tokens=self.cached_tokens + earlier.cached_tokens,
            spared={reason: self.spared.get(reason, 0) + earlier.spared.get(reason, 0) for reason in reasons},
        )

    def with_spared(self, day: str, reason: Spared, questions: int = 1) -> "Savings":
        """Return the counts after `questions` more for which no call was made."""
        now = self.on(day)
        return replace(now, spared={**now.spared, reason: now.spared.get(reason, 0) + questions})

    def with_call(self, day: str, *, questions: int, cost_usd: Decimal, cached_tokens: int) -> "Savings":
        """Return the counts after one more call for `questions` (0: a repair, whose questions are counted)."""
        now = self.on(day)
        return replace(
            now,
            calls=now.calls + 1,
            asked=now.asked + questions,
            cost_usd=now.cost_usd + cost_usd,
            cached_tokens=now.cached_tokens + cached_tokens,
        )

    def table(self) -> tuple[Saving, ...]:
        """Return a row for each reason there was, in the order of the reasons."""
        each = self.cost_usd / self.asked if self.asked else Decimal(0)
        return tuple(
            Saving(reason=reason, questions=count, usd=money.half_even(each * count))
            for reason in Spared
            if (count := self.spared.get(reason, 0))
        )
