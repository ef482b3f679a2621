"""Every gate once as the first to fail, in the order of the contract."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain import explanations
from domain.analysis import Action
from domain.bot_state import Flight, situation_of
from domain.gates import GATES, check_gates, failed_gate
from domain.market import MarketState
from domain.messages import OrderRefused
from domain.strategy import decide, refused
from domain.trading import Order, OrderSource, OrderStatus, OrderType, Reason, Refusal, Side
from tests.bots import (
    ACCOUNT,
    CONTROL,
    HOUR,
    MINUTE,
    NOW,
    PAIR,
    RULES,
    STATISTICS,
    SYMBOL,
    closed,
    opinion,
    position,
    quote,
    signal,
    state,
)

BUY = signal(opinion())
SELL = signal(opinion(action=Action.SELL))
HOLD = signal(opinion(action=Action.HOLD))
SPLIT = signal(opinion("technical", confidence=0.9), opinion("grok", Action.SELL, 0.3))
OTHERS = tuple(replace(position(), pair=pair) for pair in ("ETHUSDT", "XRPUSDT", "BNBUSDT"))
GUARD = replace(RULES.protections, stoploss_trades=1)

ORDER = (
    "trading_off, pair_disabled, data_stale, run_time_over, protection_paused, cooldown, opportunity_cooldown, "
    "daily_trades, concurrent_trades, position_open, too_few_opinions, no_agreement, hold, low_confidence, "
    "short_not_allowed, risk_reward, daily_loss, spread, size_below_minimum, insufficient_balance, awaiting_approval, "
    "slippage"
)

# gate, signal, rules that differ, state that differs, value, limit
FIRST_TO_FAIL = [
    ("trading_off", BUY, {}, {"control": replace(CONTROL, trading=False)}, "off", "on"),
    ("trading_off", BUY, {}, {"control": None}, "off", "on"),
    ("pair_disabled", BUY, {"enabled": False}, {}, "disabled", "enabled"),
    ("data_stale", BUY, {}, {"quote": None}, "no price yet", "fresh"),
    ("data_stale", BUY, {}, {"quote": quote(stale=True)}, "the price is stale since 2026-01-01 00:00:00 UTC", "fresh"),
    ("data_stale", BUY, {}, {"connection": MarketState.RECONNECTING}, "the market is reconnecting", "fresh"),
    ("data_stale", BUY, {}, {"freshness": MarketState.STALE}, "the market is stale", "fresh"),
    (
        "data_stale",
        BUY,
        {},
        {"seen_ms": NOW - 150_001},
        "nothing newer than 2025-12-31 23:57:29 UTC came",
        "fresh",
    ),
    ("data_stale", BUY, {}, {"symbol": None}, "the exchange's filters are not known yet", "fresh"),
    (
        "data_stale",
        BUY,
        {},
        {"symbol": replace(SYMBOL, trading=False)},
        "the exchange does not trade the pair now",
        "fresh",
    ),
    ("data_stale", BUY, {}, {"account": None}, "the account is not known yet", "fresh"),
    (
        "data_stale",
        BUY,
        {},
        {"account": replace(ACCOUNT, ledger_available=False)},
        "the ledger is unavailable",
        "fresh",
    ),
    (
        "run_time_over",
        BUY,
        {"run_time_minutes": 30},
        {"control": replace(CONTROL, trading_since_ms=NOW - 30 * MINUTE)},
        "30 min",
        "30 min",
    ),
    (
        "protection_paused",
        BUY,
        {"protections": GUARD},
        {"statistics": replace(STATISTICS, recent_closed=(closed(-1, at_ms=NOW - 10 * MINUTE),))},
        "stoploss_guard until 2026-01-01 00:50:00 UTC: 1 trades of BTCUSDT were stopped out within 60 minutes",
        "none",
    ),
    (
        "cooldown",
        BUY,
        {},
        {"last_trade_ms": NOW - 299_999},
        "until 2026-01-01 00:00:00 UTC",
        "300 s after a trade, 60 s after an entry",
    ),
    (
        "opportunity_cooldown",
        BUY,
        {},
        {"found_ms": NOW - 899_000},
        "until 2026-01-01 00:00:01 UTC",
        "900 s after a high-confidence signal",
    ),
    (
        "daily_trades",
        BUY,
        {},
        {"statistics": replace(STATISTICS, trades_today_by_pair=((PAIR, 10),))},
        "10",
        "10",
    ),
    ("concurrent_trades", BUY, {}, {"account": replace(ACCOUNT, positions=OTHERS)}, "3", "3"),
    (
        "position_open",
        BUY,
        {},
        {"account": replace(ACCOUNT, positions=(position(source=OrderSource.MANUAL),))},
        "long 0.0005",
        "none",
    ),
    (
        "position_open",
        BUY,
        {},
        {"flight": Flight(command=None, decision=None, request_id=None, told_ms=NOW)},
        "an order is on its way",
        "none",
    ),
    ("too_few_opinions", BUY, {"min_opinions": 2}, {}, "1", ">= 2"),
    ("too_few_opinions", BUY, {}, {"weights": {"technical": Decimal(0)}}, "0", ">= 1"),
    ("no_agreement", SPLIT, {}, {}, "not agreed", "majority"),
    ("hold", HOLD, {}, {}, "HOLD", "BUY or SELL"),
    ("low_confidence", signal(opinion(confidence=0.0999)), {}, {}, "0.100", ">= 0.1"),
    ("short_not_allowed", SELL, {"allow_short": False}, {}, "short", "long"),
    ("risk_reward", BUY, {"min_risk_reward": Decimal("2.01")}, {}, "2.00", ">= 2.01"),
    ("daily_loss", BUY, {}, {"day_equity": Decimal("102040.82")}, "2.00 %", "< 2 %"),
    ("spread", BUY, {}, {"quote": quote(bid=99_899, ask=100_101)}, "20.2 bps", "<= 20 bps"),
    (
        "size_below_minimum",
        BUY,
        {"trade_amount_usdt": Decimal("4.99")},
        {},
        "0.00004 worth 4.00 USDT",
        ">= 0.00001 and >= 5 USDT",
    ),
    (
        "insufficient_balance",
        BUY,
        {},
        {"account": replace(ACCOUNT, cash=Decimal("50.04"))},
        "needs 50.05",
        "<= 50.04",
    ),
    ("awaiting_approval", BUY, {"manual_approval_mode": True}, {}, "waits", "accepted or not needed"),
]


@pytest.mark.parametrize(("gate", "made", "rules", "changes", "value", "limit"), FIRST_TO_FAIL)
def test_a_gate_that_fails_first_is_the_reason(gate, made, rules, changes, value, limit):
    rules = replace(RULES, **rules)
    situation = situation_of(state(**changes), rules, signal=made, features=None, now_ms=NOW)
    checks = check_gates(situation, rules)
    failed = failed_gate(checks)
    assert (failed.gate, failed.value, failed.limit) == (gate, value, limit)
    assert tuple(check.gate for check in checks) == GATES[: GATES.index(gate) + 1]
    assert [check.gate for check in checks if not check.passed] == [gate]
    assert explanations.blocked(PAIR, failed).startswith("No trade in BTCUSDT: ")


def test_every_gate_of_the_contract_is_there_in_order_and_tested():
    assert ", ".join(GATES) == ORDER
    tested = {gate for gate, *_ in FIRST_TO_FAIL} | {"slippage"}  # only the exchange can tell: the next test
    assert tested == set(GATES)


def test_slippage_is_judged_by_the_exchange():
    situation = situation_of(state(), RULES, signal=BUY, features=None, now_ms=NOW)
    verdict = decide(situation, RULES, decision_id="d", features=None)
    told = OrderRefused(
        order_id="d",
        pair=PAIR,
        code=Refusal.SLIPPAGE_EXCEEDED,
        message="slippage must be at most 10 bps, was 12 bps",
        source=OrderSource.BOT,
        at_ms=NOW,
    )
    decision = refused(verdict.decision, told)
    assert (decision.gate, decision.checks[-1].limit) == ("slippage", "<= 0.1 %")
    assert tuple(check.gate for check in decision.checks) == GATES


@pytest.mark.parametrize(
    ("made", "rules", "changes"),
    [
        (BUY, {"run_time_minutes": 30}, {"control": replace(CONTROL, trading_since_ms=NOW - 30 * MINUTE + 1)}),
        (BUY, {}, {"last_trade_ms": NOW - 300_000}),
        (BUY, {}, {"last_trade_ms": NOW - 1, "cooldown_cleared_ms": NOW - 1}),
        (BUY, {}, {"found_ms": NOW - 900_000}),
        (BUY, {}, {"statistics": replace(STATISTICS, trades_today_by_pair=((PAIR, 9), ("ETHUSDT", 99)))}),
        # told yesterday, and told at every trade: none today
        (
            BUY,
            {},
            {"statistics": replace(STATISTICS, trades_today_by_pair=((PAIR, 10),)), "statistics_ms": NOW - 1},
        ),
        (BUY, {}, {"account": replace(ACCOUNT, positions=OTHERS[:2])}),
        (signal(opinion(confidence=0.1)), {}, {}),
        (SELL, {}, {}),
        (BUY, {"min_risk_reward": Decimal(2)}, {}),
        (BUY, {}, {"day_equity": Decimal("102040.81")}),
        (BUY, {"daily_loss_limit_percent": Decimal(0)}, {"day_equity": Decimal(200_000)}),
        (BUY, {}, {"quote": quote(bid=99_900, ask=100_100)}),
        (BUY, {}, {"quote": replace(quote(), bid=None, ask=None)}),
        (BUY, {"trade_amount_usdt": Decimal(5)}, {}),
        (BUY, {}, {"account": replace(ACCOUNT, cash=Decimal("50.05"))}),
    ],
)
def test_a_value_just_within_its_limit_passes(made, rules, changes):
    rules = replace(RULES, **rules)
    situation = situation_of(state(**changes), rules, signal=made, features=None, now_ms=NOW)
    assert failed_gate(check_gates(situation, rules)) is None


def test_the_interval_between_entries_holds_after_a_cleared_cooldown():
    rules = replace(RULES, cooldown_secs=0)
    past = (closed(1, at_ms=NOW - 10_000, reason=Reason.TAKE_PROFIT),)  # opened 70 s ago
    recent = replace(STATISTICS, recent_closed=past)
    long_ago = situation_of(state(statistics=recent), rules, signal=BUY, features=None, now_ms=NOW)
    assert failed_gate(check_gates(long_ago, rules)) is None
    wide = replace(rules, trade_interval_secs=71)
    too_soon = situation_of(
        state(statistics=recent, cooldown_cleared_ms=NOW), wide, signal=BUY, features=None, now_ms=NOW
    )
    assert failed_gate(check_gates(too_soon, wide)).gate == "cooldown"


def test_an_order_of_an_earlier_moment_counts_as_an_open_trade():
    waiting = Order(
        order_id="bot:ETHUSDT:1",
        pair="ETHUSDT",
        side=Side.BUY,
        order_type=OrderType.MARKET,
        quantity=Decimal(1),
        filled=Decimal(0),
        status=OrderStatus.OPEN,
        reduce_only=False,
        source=OrderSource.BOT,
        leverage=1,
        created_ms=NOW - 1,
        reason=Reason.ENTRY,
    )
    account = replace(ACCOUNT, positions=OTHERS[1:], orders=(waiting,))
    rules = replace(RULES, max_concurrent_trades=3)
    blocked = situation_of(state(account=account), rules, signal=BUY, features=None, now_ms=NOW)
    assert failed_gate(check_gates(blocked, rules)).gate == "concurrent_trades"
    at_once = replace(account, orders=(replace(waiting, created_ms=NOW),))  # the exchange decides about these
    open_ = situation_of(state(account=at_once), rules, signal=BUY, features=None, now_ms=NOW)
    assert failed_gate(check_gates(open_, rules)) is None


def test_an_approved_trade_passes_the_rest_after_its_own_find():
    rules = replace(RULES, manual_approval_mode=True)
    approved = situation_of(
        state(found_ms=NOW - HOUR // 60), rules, signal=BUY, features=None, now_ms=NOW, approved=True
    )
    assert failed_gate(check_gates(approved, rules)) is None
