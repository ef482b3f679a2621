"""The vote, the trade it asks for, and the decision."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.analysis import Action, Outcome
from domain.bot_state import situation_of
from domain.gates import GATES
from domain.messages import OrderRefused
from domain.strategy import combine, decide, fresh_opinions, plan_trade, refused
from domain.trading import Direction, OrderSource, Refusal
from tests.bots import NOW, PAIR, RULES, SYMBOL, opinion, signal, state

BUY, SELL, HOLD = Action.BUY, Action.SELL, Action.HOLD


def vote(*said, agreement="majority"):
    """Combine (action, confidence, weight) of analysts a, b, c …"""
    opinions = [opinion(chr(97 + i), action, confidence) for i, (action, confidence, _) in enumerate(said)]
    weights = {chr(97 + i): Decimal(str(weight)) for i, (*_, weight) in enumerate(said)}
    return combine(opinions, (), weights, agreement, pair=PAIR, round_id="r", now_ms=NOW)


@pytest.mark.parametrize(
    ("said", "action", "score"),
    [
        (((BUY, 0.8, 1),), BUY, 0.8),
        (((SELL, 0.8, 1),), SELL, -0.8),
        (((BUY, 0.8, 1), (BUY, 0.4, 1)), BUY, 0.6),
        (((BUY, 0.9, 1), (SELL, 0.3, 2)), BUY, 0.1),  # (0.9 - 0.6) / 3
        (((BUY, 0.5, 1), (HOLD, 0.9, 1)), BUY, 0.25),  # a HOLD weighs on the mean, not on the direction
        (((BUY, 0.1, 3), (SELL, 0.3, 1)), HOLD, 0.0),  # an exact tie, though 0.1 * 3 is not 0.3 in binary
        (((HOLD, 0.9, 1),), HOLD, 0.0),
        ((), HOLD, 0.0),
        (((BUY, 0.8, 1), (SELL, 1.0, 0)), BUY, 0.8),  # weight 0: no vote
    ],
)
def test_the_score_is_the_weighted_mean_of_direction_times_confidence(said, action, score):
    made = vote(*said)
    assert (made.action, made.score, made.confidence) == (action, score, abs(score))


@pytest.mark.parametrize(
    ("said", "majority", "unanimous"),
    [
        (((BUY, 0.8, 1), (BUY, 0.4, 1)), True, True),
        (((BUY, 0.8, 2), (SELL, 0.4, 1)), True, False),
        (((BUY, 0.8, 1), (SELL, 0.4, 1)), False, False),  # exactly half is not more than half
        (((BUY, 0.9, 0.1), (BUY, 0.9, 0.2), (SELL, 0.1, 0.3)), False, False),  # exactly half, in tenths
        (((BUY, 0.8, 1), (HOLD, 0.4, 1)), False, False),
        (((BUY, 0.8, 2), (HOLD, 0.4, 1)), True, False),  # a HOLD is another direction
        (((HOLD, 0.8, 1),), True, True),
        (((BUY, 0.6, 1), (SELL, 0.6, 1)), False, False),  # a tie has no winner
    ],
)
def test_agreement(said, majority, unanimous):
    assert vote(*said).agreed is majority
    assert vote(*said, agreement="unanimous").agreed is unanimous
    assert vote(*said, agreement="any").agreed is True


@given(
    st.lists(st.tuples(st.sampled_from(list(Action)), st.floats(0, 1), st.integers(0, 5)), min_size=0, max_size=6),
    st.randoms(),
)
def test_the_signal_is_bounded_and_does_not_depend_on_the_order_of_opinions(said, random):
    made = vote(*said)
    assert -1 <= made.score <= 1
    assert made.confidence == abs(made.score)
    assert made.action.sign == (made.score > 0) - (made.score < 0)
    weights = {chr(97 + i): Decimal(weight) for i, (*_, weight) in enumerate(said)}
    shuffled = list(made.opinions)
    random.shuffle(shuffled)
    assert combine(shuffled, (), weights, "majority", pair=PAIR, round_id="r", now_ms=NOW).score == made.score


def test_an_opinion_is_fresh_up_to_its_time_to_live():
    old, new = opinion("a", formed_ms=NOW - 300_001), opinion("b", formed_ms=NOW - 300_000)
    assert fresh_opinions((old, new), now_ms=NOW, ttl_ms=300_000) == (new,)


def planned(made, rules=RULES, **changes):
    known = {"symbol": SYMBOL, "price": Decimal(100_000), "equity": Decimal(100_000), "features": None}
    weights = {each.analyst: Decimal(1) for each in made.opinions}
    return plan_trade(made, rules, **(known | {"weights": weights} | changes))


def test_a_sell_plans_a_short_with_its_exits_on_the_other_sides():
    plan = planned(signal(opinion(action=SELL)))
    assert plan.direction is Direction.SHORT
    assert (plan.stop_loss, plan.take_profit) == (Decimal(101_000), Decimal(98_000))
    assert plan.quantity == Decimal("0.0005")
    assert plan.risk_reward == 2


def test_cash_needed_is_margin_and_fee():
    # 0.0005 BTC at 100,000 = 50; a fifth of it as margin, 0.05 fee
    assert planned(signal(opinion()), replace(RULES, leverage=5)).cash_needed == Decimal("10.05")


def test_a_hold_plans_nothing():
    assert planned(signal(opinion(action=HOLD))) is None


def test_usd_exits_hold_for_the_whole_position():
    # 0.0005 BTC: 1 USD is 2,000 a coin, 2 USD are 4,000
    plan = planned(signal(opinion()), replace(RULES, exits="usd"))
    assert (plan.stop_loss, plan.take_profit) == (Decimal(98_000), Decimal(104_000))
    assert (plan.trailing.trigger, plan.trailing.distance) == (Decimal(2000), Decimal(1000))


def decided(made, rules=RULES, **changes):
    situation = situation_of(state(**changes), rules, signal=made, features=None, now_ms=NOW)
    return decide(situation, rules, decision_id=f"bot:{PAIR}:{NOW}", features=None)


def test_a_trade_that_passes_every_gate_is_explained():
    verdict = decided(signal(opinion()))
    assert verdict.traded
    assert verdict.decision.order_id == f"bot:{PAIR}:{NOW}"
    assert tuple(check.gate for check in verdict.decision.checks) == GATES
    assert verdict.decision.explanation == (
        "Bought 0.0005 BTCUSDT near 100000: 1 opinion with confidence 0.60; stop 99000, target 102000."
    )


def test_a_blocked_trade_names_one_gate_and_no_order():
    decision = decided(signal(opinion(confidence=0.05))).decision
    assert (decision.outcome, decision.gate, decision.order_id) == (Outcome.BLOCKED, "low_confidence", None)
    assert [check.gate for check in decision.checks if not check.passed] == ["low_confidence"]
    assert decision.explanation == ("No trade in BTCUSDT: the signal is too weak (confidence 0.050, needed is >= 0.1).")


@pytest.mark.parametrize(
    ("code", "message", "gate"),
    [
        (Refusal.INSUFFICIENT_BALANCE, "cash must be >= 50, was 3", "insufficient_balance"),
        (Refusal.FILTER_FAILURE, "NOTIONAL: value must be >= 5, was 4", "size_below_minimum"),
        (Refusal.SLIPPAGE_EXCEEDED, "slippage must be at most 10 bps, was 30 bps", "slippage"),
        (Refusal.STALE_PRICE, "the market must be live, was stale", "data_stale"),
        (Refusal.LEDGER_UNAVAILABLE, "the ledger must be available", "data_stale"),
        (Refusal.DUPLICATE_ORDER, "order_id must be new", "position_open"),
        (Refusal.BAD_MESSAGE, "stop_loss must be below", "risk_reward"),
    ],
)
def test_what_the_exchange_refuses_is_blocked_by_the_gate_concerned(code, message, gate):
    told = OrderRefused(
        order_id=f"bot:{PAIR}:{NOW}", pair=PAIR, code=code, message=message, source=OrderSource.BOT, at_ms=NOW
    )
    decision = refused(decided(signal(opinion())).decision, told)
    assert (decision.outcome, decision.gate, decision.order_id) == (Outcome.BLOCKED, gate, None)
    assert [check.gate for check in decision.checks if not check.passed] == [gate]
    assert decision.checks[-1].value == message
    assert tuple(check.gate for check in decision.checks) == GATES[: GATES.index(gate) + 1]
    named = refused(decided(signal(opinion())).decision, replace(told, gate="concurrent_trades"))
    assert named.gate == "concurrent_trades"
