"""A bot's orders: from a decision to the exchange and back. Nothing is taken for done before the exchange says so."""

from decimal import Decimal

from domain.analysis import Decision, Features, Outcome
from domain.bot_rules import BotRules
from domain.bot_state import RESEND_MS, BotState, Closing, Flight, Reference, with_account
from domain.exits import time_exit
from domain.gates import Situation
from domain.messages import (
    ClosePosition,
    DecisionMade,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    ProposalAnswered,
    SubmitOrder,
)
from domain.strategy import Verdict, blocked_by, decide, refused
from domain.trading import Direction, OrderSource, OrderType, Reason, Refusal, Side
from domain.values import replace

Stepped = tuple[BotState, tuple[object, ...]]


def decided(
    state: BotState, situation: Situation, rules: BotRules, features: Features | None
) -> tuple[BotState, Verdict]:
    """Decide, under an id of its own."""
    decided_ms = max(situation.now_ms, state.last_decided_ms + 1)  # two in one millisecond need two ids
    decision_id = f"bot:{state.pair}:{decided_ms}"
    verdict = decide(situation, rules, decision_id=decision_id, features=features)
    return replace(state, last_decided_ms=decided_ms), verdict


def ordered(
    state: BotState, situation: Situation, verdict: Verdict, rules: BotRules, *, request_id: str | None = None
) -> Stepped:
    """Order what was decided. Its decision is announced when the exchange has answered."""
    decision, plan, signal = verdict.decision, verdict.plan, situation.signal
    if plan is None or signal is None:
        return state, ()
    order = SubmitOrder(
        order_id=decision.decision_id,
        pair=state.pair,
        side=plan.direction.side,
        order_type=OrderType.MARKET,
        source=OrderSource.BOT,
        reason=Reason.ENTRY,
        reply_to=f"bot-{state.pair}",
        submitted_ms=situation.now_ms,
        quantity=plan.quantity,
        stop_loss=plan.stop_loss,
        take_profit=plan.take_profit,
        trailing=plan.trailing,
        leverage=rules.leverage,
        max_slippage_bps=rules.slippage_tolerance_percent * 100,
        max_spread_bps=rules.max_spread_bps,
        decision_id=decision.decision_id,
        confidence=Decimal(f"{signal.confidence:.6f}"),
        max_open_positions=rules.max_concurrent_trades,
    )
    flight = Flight(command=order, decision=decision, request_id=request_id, told_ms=situation.now_ms)
    return replace(state, flight=flight), (order,)


def again(state: BotState, flight: Flight, now_ms: int) -> Stepped:
    """Tell an unanswered order once more; the exchange knows it by its id."""
    return replace(state, flight=replace(flight, told_ms=now_ms)), (flight.command,)


def manage(state: BotState, rules: BotRules, now_ms: int) -> Stepped:
    """Close what the bot opened when time is up, or as decided before; at most one order at a time."""
    position = state.position
    if position is None or position.source is not OrderSource.BOT:
        return (replace(state, closing=None) if state.closing is not None else state), ()
    closing = state.closing
    if closing is None or closing.trade_id != position.trade_id:
        reason = time_exit(position, rules, trading_since_ms=state.trading_since_ms, now_ms=now_ms)
        closing = Closing(reason=reason, trade_id=position.trade_id, decision_id=None) if reason else None
    if closing is not state.closing:
        state = replace(state, closing=closing)
    if closing is None or state.flight is not None or now_ms < closing.not_before_ms:
        return state, ()
    close = ClosePosition(
        order_id=f"close:{state.pair}:{now_ms}",
        pair=state.pair,
        fraction=Decimal(1),
        source=OrderSource.BOT,
        reason=closing.reason,
        reply_to=f"bot-{state.pair}",
        submitted_ms=now_ms,
        decision_id=closing.decision_id,
    )
    return replace(state, flight=Flight(command=close, decision=None, request_id=None, told_ms=now_ms)), (close,)


def order_accepted(state: BotState, event: OrderAccepted) -> Stepped:
    """The exchange has the order: no need to tell it again, and an operator who waits can be answered."""
    flight = _flight(state, event.order.order_id)
    if flight is None:
        return state, ()
    state = replace(state, flight=replace(flight, accepted=True, request_id=None))
    return _approved(state, flight, message=f"the order for {state.pair} was accepted")


def order_filled(state: BotState, event: OrderFilled, rules: BotRules, now_ms: int) -> Stepped:
    """The first execution settles the decision; what the exchange does not fill at once expires."""
    state = with_account(state, event.account)
    ours = event.trade.source is OrderSource.BOT or (
        event.closed is not None and event.closed.source is OrderSource.BOT
    )
    if ours:
        state = replace(state, last_trade_ms=max(state.last_trade_ms or 0, event.trade.ts_ms))
    flight = _flight(state, event.order.order_id)
    entry = event.trade.reason is Reason.ENTRY and event.trade.source is OrderSource.BOT
    if entry:
        direction = Direction.LONG if event.trade.side is Side.BUY else Direction.SHORT
        state = replace(state, reference=Reference(direction=direction, price=event.trade.price))
    if flight is None:
        first = entry and not event.repeated and event.trade.trade_id == event.order.order_id
        return state, ((DecisionMade(decision=_unremembered(state, event, rules)),) if first else ())
    state = replace(state, flight=None)
    if flight.decision is None:
        return _wait_to_close(state, now_ms), ()
    state, answer = _approved(state, flight, message=f"the order for {state.pair} was filled")
    return state, (DecisionMade(decision=flight.decision), *answer)


def order_refused(state: BotState, event: OrderRefused, now_ms: int) -> Stepped:
    """Nothing was booked: the decision is blocked by the gate concerned; a close is tried again."""
    flight = _flight(state, event.order_id)
    if flight is None:
        return state, ()
    state = replace(state, flight=None)
    if flight.decision is None:
        return _wait_to_close(state, now_ms), ()  # until the account shows that the position is gone
    answer = _not_done(state, flight, event.message, event.code)
    return state, (DecisionMade(decision=refused(flight.decision, event)), *answer)


def order_cancelled(state: BotState, event: OrderCancelled, now_ms: int) -> Stepped:
    """An order that expired with nothing filled; what filled in part was told as filled before."""
    flight = _flight(state, event.order.order_id)
    if flight is None:
        return state, ()
    state = replace(state, flight=None)
    if flight.decision is None:
        return _wait_to_close(state, now_ms), ()
    text = "the order expired unfilled"
    answer = _not_done(state, flight, text, Refusal.SLIPPAGE_EXCEEDED)
    return state, (DecisionMade(decision=blocked_by(flight.decision, gate="slippage", value=text)), *answer)


def withdrawn(state: BotState) -> Stepped:
    """Let nothing wait any more."""
    if state.proposal is None:
        return state, ()
    return replace(state, proposal=None), (state.proposal.told(state.pair, withdrawn=True),)


def _wait_to_close(state: BotState, now_ms: int) -> BotState:
    if state.closing is None:
        return state
    return replace(state, closing=replace(state.closing, not_before_ms=now_ms + RESEND_MS))


def _flight(state: BotState, order_id: str) -> Flight | None:
    flight = state.flight
    return flight if flight is not None and flight.command.order_id == order_id else None


def _approved(state: BotState, flight: Flight, *, message: str) -> Stepped:
    """Answer the operator who accepted the trade, if one did: it does not wait any more."""
    if flight.request_id is None:
        return state, ()
    answer = ProposalAnswered(
        pair=state.pair, request_id=flight.request_id, accepted=True, message=message, refusal=None
    )
    state, told = withdrawn(state)
    return state, (answer, *told)


def _not_done(state: BotState, flight: Flight, message: str, code: Refusal) -> tuple[ProposalAnswered, ...]:
    """Tell the operator who accepted the trade, if one did, why it came to nothing; it goes on waiting."""
    if flight.request_id is None:
        return ()
    return (
        ProposalAnswered(pair=state.pair, request_id=flight.request_id, accepted=False, message=message, refusal=code),
    )


def _unremembered(state: BotState, event: OrderFilled, rules: BotRules) -> Decision:
    """The decision behind an entry that was ordered before this bot started: its inputs are lost, its id is not."""
    decision_id = event.order.decision_id or event.order.order_id
    return Decision(
        decision_id=decision_id,
        pair=state.pair,
        decided_ms=event.order.created_ms,
        outcome=Outcome.TRADED,
        gate=None,
        explanation=f"{state.pair} was ordered before the bot was restarted; its inputs were not kept.",
        signal=None,
        checks=(),
        features=None,
        order_id=event.order.order_id,
        settings_hash=rules.settings_hash,
    )
