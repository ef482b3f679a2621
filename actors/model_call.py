"""One model call with its money, made in a greenlet: bound, reserve, check, call, settle."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain import budget as rules
from domain.errors import AlreadyReserved, LedgerUnavailable
from domain.messages import ModelAnswered
from domain.ports import BudgetStore, Clock, ModelAnswer, ModelEndpoint
from domain.prompts import ANSWER_SCHEMA

NO_LEDGER = "the ledger is unavailable, so the cost could not be reserved"
MADE_BEFORE = "a call of this moment was made before, so nothing could be reserved for another"
NO_TIME = "no time was left for the call"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOrder:
    """What is to be asked, until when, and what it may cost."""

    call_id: str
    analyst: str
    model: str
    messages: tuple[tuple[str, str], ...]  # (role, content)
    pairs: int
    deadline_ms: int
    day: str  # UTC day the cost is booked on
    analyst_limit: Decimal | None  # USD a day
    total_limit: Decimal  # USD a day
    fallbacks: tuple[str, ...] = ()  # models that may answer instead


def make_call(order: CallOrder, *, endpoint: ModelEndpoint, budget: BudgetStore, clock: Clock) -> ModelAnswered:
    """Make the call if its whole bound fits the budgets; blocks the calling greenlet.

    The reservation is stored before the call, and given back where no call follows.
    """
    completion_tokens = rules.completion_token_bound(order.pairs)
    prompt_tokens = rules.prompt_token_bound([*(content for _, content in order.messages), str(ANSWER_SCHEMA)])
    reserved = rules.reservation(
        endpoint.max_cost_usd(
            model=order.model,
            prompt_tokens=prompt_tokens,
            max_completion_tokens=completion_tokens,
            fallbacks=order.fallbacks,
        )
    )
    try:
        before = budget.spent(day=order.day)
    except LedgerUnavailable:
        return _not_made(order, NO_LEDGER, None)
    if reason := _overdrawn(order, [*before, (order.analyst, reserved)]):
        return _not_made(order, reason, rules.spent_by(before, order.analyst), over_budget=True)
    try:
        budget.reserve(call_id=order.call_id, analyst=order.analyst, day=order.day, usd=reserved)
        spent = budget.spent(day=order.day)  # with everybody's reservations, this one included
    except AlreadyReserved:  # the clock went back, or a recording is played again: that money is spent
        return _not_made(order, MADE_BEFORE, None)
    except LedgerUnavailable:
        budget.settle(call_id=order.call_id, usd=Decimal(0))  # it may have been stored, and nothing was called
        return _not_made(order, NO_LEDGER, None)
    others = rules.spent_by(spent, order.analyst) - reserved
    reason = _overdrawn(order, spent)
    left_ms = order.deadline_ms - clock.now_ms()
    if reason or left_ms <= 0:
        budget.settle(call_id=order.call_id, usd=Decimal(0))
        return _not_made(order, reason or NO_TIME, others, over_budget=reason is not None)
    answer = endpoint.complete(
        model=order.model,
        messages=order.messages,
        schema=ANSWER_SCHEMA,
        timeout_seconds=left_ms / 1000,
        max_completion_tokens=completion_tokens,
        fallbacks=order.fallbacks,
    )
    cost = rules.settlement(reserved, answer.cost_usd)
    budget.settle(call_id=order.call_id, usd=cost)
    return _made(order, answer, reserved=reserved, cost=cost, spent=others + cost)


def _overdrawn(order: CallOrder, spent: Iterable[tuple[str, Decimal]]) -> str | None:
    return rules.overdrawn(
        spent, analyst=order.analyst, analyst_limit=order.analyst_limit, total_limit=order.total_limit
    )


def _made(order: CallOrder, answer: ModelAnswer, *, reserved: Decimal, cost: Decimal, spent: Decimal) -> ModelAnswered:
    return ModelAnswered(
        call_id=order.call_id,
        answer=answer,
        blocked="",
        reserved_usd=reserved,
        cost_usd=cost,
        spent_today_usd=spent,
    )


def _not_made(order: CallOrder, blocked: str, spent: Decimal | None, *, over_budget: bool = False) -> ModelAnswered:
    return ModelAnswered(
        call_id=order.call_id,
        answer=None,
        blocked=blocked,
        reserved_usd=Decimal(0),
        cost_usd=Decimal(0),
        spent_today_usd=spent,
        over_budget=over_budget,
    )
