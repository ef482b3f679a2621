"""What holds whatever a bot is told, in whatever order."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.analysis import Action, Outcome
from domain.bot_state import Reference, adverse_move, day_start_equity, deadlines, trades_today
from domain.bot_steps import AnalyseNow, RoundCompleted, RoundSkipped, step
from domain.messages import (
    AcceptTrade,
    AccountChanged,
    ActorStarted,
    ClosePosition,
    ControlChanged,
    DecisionMade,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    QuoteChanged,
    RejectTrade,
    SubmitOrder,
    TimerFired,
)
from domain.trading import Direction, OrderSource, Refusal
from tests.bots import (
    ACCOUNT,
    CONTROL,
    NOW,
    PAIR,
    RULES,
    STATISTICS,
    closed,
    opinion,
    order,
    position,
    quote,
    signal,
    state,
    trade,
)

DAY = 86_400_000
HASTY = replace(RULES, opportunity_cooldown_secs=0, cooldown_secs=0, trade_interval_secs=1)

SIGNALS = st.sampled_from(
    [signal(opinion(action=action, confidence=confidence)) for action in Action for confidence in (0.05, 0.3, 0.9)]
)
MOMENTS = st.tuples(
    st.sampled_from(
        ["round", "skipped", "fill", "refuse", "accept", "cancel", "answer", "reject", "off", "on", "timer", "broker"]
    ),
    st.integers(0, 20_000),
    SIGNALS,
    st.integers(95_000, 105_000),
)


class Exchange:
    """Answers the commands of one bot, in any order that a test asks for."""

    def __init__(self):
        self.now_ms, self.seq, self.held = NOW, 1, None
        self.open = {}  # order id -> command

    def event(self, kind, made):
        command = next(iter(self.open.values()), None)
        match kind:
            case "round":
                return RoundCompleted(signal=made, features=None)
            case "skipped":
                return RoundSkipped()
            case "fill" if command:
                return self.filled(command)
            case "refuse" if command:
                del self.open[command.order_id]
                return OrderRefused(
                    order_id=command.order_id,
                    pair=PAIR,
                    code=Refusal.NO_PRICE,
                    message="no price",
                    source=OrderSource.BOT,
                    at_ms=self.now_ms,
                )
            case "accept" if command:
                return OrderAccepted(seq=self.seq, order=order(command))
            case "cancel" if command:
                del self.open[command.order_id]
                return OrderCancelled(seq=self.seq, order=order(command))
            case "answer":
                return AcceptTrade(pair=PAIR, usdt_amount=None, request_id="r")
            case "reject":
                return RejectTrade(pair=PAIR, request_id="r")
            case "off":
                return ControlChanged(seq=3, control=replace(CONTROL, trading=False, trading_since_ms=None))
            case "on":
                return ControlChanged(seq=4, control=CONTROL)
            case "timer":
                return TimerFired(key="resend", due_ms=self.now_ms)
            case _:
                return ActorStarted(name="broker", generation=2)

    def filled(self, command):
        del self.open[command.order_id]
        self.seq += 1
        entry = isinstance(command, SubmitOrder)
        assert entry == (self.held is None), "a second position, or a close of none"
        direction = Direction.LONG if entry and command.side == "buy" else Direction.SHORT
        self.held = position(direction, trade_id=command.order_id, opened_ms=self.now_ms) if entry else None
        account = replace(ACCOUNT, seq=self.seq, ts_ms=self.now_ms, positions=() if self.held is None else (self.held,))
        return OrderFilled(
            seq=self.seq,
            order=order(command),
            trade=trade(command, ts_ms=self.now_ms),
            closed=None if entry else closed(-1, at_ms=self.now_ms),
            position=self.held,
            account=account,
        )


@settings(max_examples=300, deadline=None)
@given(moments=st.lists(MOMENTS, max_size=30), approval=st.booleans(), hold=st.sampled_from([0, 20]))
def test_one_order_at_a_time_and_one_gate_for_each_decision(moments, approval, hold):
    rules = replace(HASTY, manual_approval_mode=approval, max_hold_seconds=hold)
    bot, desk = state(), Exchange()
    ordered, rounds, decisions = set(), 0, []
    for kind, later_ms, made, price in moments:
        desk.now_ms += later_ms
        priced = quote(price, event_ms=desk.now_ms)
        bot, first = step(bot, QuoteChanged(quote=priced), rules, desk.now_ms)
        event = desk.event(kind, replace(made, formed_ms=desk.now_ms))
        rounds += isinstance(event, RoundCompleted)
        bot, then = step(bot, event, rules, desk.now_ms)
        for command in (*first, *then):
            if isinstance(command, SubmitOrder | ClosePosition):
                known = desk.open.setdefault(command.order_id, command)
                assert known == command, "a repeat has the same content"
                assert len(desk.open) == 1, "nothing is ordered while an order is on its way"
                if command.order_id not in ordered:
                    ordered.add(command.order_id)
                if isinstance(command, SubmitOrder):
                    assert bot.trading or kind in ("timer", "broker"), "no entry while the bots are off"
            if isinstance(command, DecisionMade):
                decisions.append(command.decision)
        assert (bot.flight is not None) == bool(desk.open)
        assert bot.position == desk.held
        assert all(due >= NOW for due in deadlines(bot, rules).values())
    ids = [decision.decision_id for decision in decisions]
    assert len(ids) == len(set(ids))
    for decision in decisions:
        failed = [check.gate for check in decision.checks if not check.passed]
        assert failed == ([] if decision.outcome is Outcome.TRADED else [decision.gate])
    waiting = bot.flight is not None and bot.flight.decision is not None
    assert len(decisions) + waiting >= rounds


@settings(max_examples=50, deadline=None)
@given(moments=st.lists(MOMENTS, max_size=15))
def test_the_same_events_make_the_same_commands(moments):
    def told():
        bot, desk, commands = state(), Exchange(), []
        for kind, later_ms, made, price in moments:
            desk.now_ms += later_ms
            for event in (QuoteChanged(quote=quote(price, event_ms=desk.now_ms)), desk.event(kind, made)):
                bot, then = step(bot, event, HASTY, desk.now_ms)
                commands += then
                desk.open |= {each.order_id: each for each in then if isinstance(each, SubmitOrder | ClosePosition)}
        return commands

    assert told() == told()


def test_a_move_against_the_reference_is_measured_in_its_direction():
    long, short = (Reference(direction=each, price=Decimal(100)) for each in Direction)
    assert adverse_move(long, Decimal(98)) == Decimal("0.02")
    assert adverse_move(short, Decimal(98)) == Decimal("-0.02")
    assert adverse_move(short, Decimal(103)) == Decimal("0.03")


def test_a_reversal_is_told_once_and_zero_switches_it_off():
    long = Reference(direction=Direction.LONG, price=Decimal(100_000))
    fallen = QuoteChanged(quote=quote(97_000))
    bot, commands = step(state(reference=long, found_ms=NOW), fallen, RULES, NOW)
    assert commands == (AnalyseNow(reason="BTCUSDT moved 3.0 % against a long from 100000"),)
    assert (bot.found_ms, bot.cooldown_cleared_ms) == (None, NOW)
    assert step(bot, fallen, RULES, NOW)[1] == ()
    assert step(state(reference=long), fallen, replace(RULES, reversal_threshold=Decimal(0)), NOW)[1] == ()


def test_the_days_first_equity():
    morning = replace(ACCOUNT, equity=Decimal(990), ts_ms=NOW + DAY)
    assert day_start_equity(ACCOUNT, Decimal(1000), replace(ACCOUNT, equity=Decimal(5))) == 1000
    assert day_start_equity(ACCOUNT, Decimal(1000), morning) == 990
    # after a start within the day: 950 now, 30 lost, 3 in fees, 17 lost on paper
    found = replace(
        ACCOUNT,
        equity=Decimal(950),
        realized_pnl_today=Decimal(-30),
        fees_today=Decimal(3),
        unrealized_pnl=Decimal(-17),
    )
    assert day_start_equity(None, None, found) == 1000


def test_yesterdays_count_of_trades_is_not_todays():
    told = state(statistics=replace(STATISTICS, trades_today_by_pair=((PAIR, 7),)), statistics_ms=NOW)
    assert trades_today(told, now_ms=NOW + DAY - 1) == 7
    assert trades_today(told, now_ms=NOW + DAY) == 0


def test_an_older_account_changes_nothing():
    newer = replace(ACCOUNT, seq=9, equity=Decimal(7))
    bot, _ = step(state(account=newer), AccountChanged(account=ACCOUNT), RULES, NOW)
    assert bot.account == newer
