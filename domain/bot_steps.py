"""A bot as a state machine: `step(state, event, rules, now) -> (state, commands)`.

Events are the messages a bot is told and the ends of its analysis rounds; commands are the messages it tells, and
`AnalyseNow`. The state changes for an order only when the exchange has answered it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain import bot_state as facts
from domain.analysis import Action, Features, Signal
from domain.bot_approvals import accept_trade, proposed, reject_trade, turned
from domain.bot_orders import (
    Stepped,
    again,
    decided,
    manage,
    order_accepted,
    order_cancelled,
    order_filled,
    order_refused,
    ordered,
    withdrawn,
)
from domain.bot_rules import BotRules
from domain.bot_state import BotState, Closing, Reference
from domain.consensus import voters
from domain.exits import reverses
from domain.gates import Situation, find_ends
from domain.market import INTERVAL_MS
from domain.messages import (
    AcceptTrade,
    AccountChanged,
    ActorStarted,
    CandleClosed,
    ControlChanged,
    DecisionMade,
    MarketStatusChanged,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    PairStatusChanged,
    QuoteChanged,
    RejectTrade,
    RulesChanged,
    SignalFormed,
    StatisticsChanged,
    TimerFired,
)
from domain.strategy import Verdict
from domain.trading import Control, Direction, Reason
from domain.values import replace


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundCompleted:
    """Every asked analyst has answered, abstained or run out of time."""

    signal: Signal
    features: Features | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundSkipped:
    """A round was due, and nobody was asked: prices cannot be relied on, or the pair rests after a find."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesApplied:
    """The bot's rules or the analysts' weights are others now."""

    weights: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyseNow:
    """Command: begin a round at once."""

    reason: str


def step(state: BotState, event: object, rules: BotRules, now_ms: int, *, watched: bool = True) -> Stepped:
    """Return the state after `event`, and what is to be told, in order.

    Args:
        state: of one bot.
        event: a message of the bot's, `RoundCompleted`, `RoundSkipped` or `RulesApplied`; others change nothing.
        rules: in force with this event.
        now_ms: epoch ms.
        watched: the pair's status is announced when it is another one, and decisions that nothing can come of are
            explained. Orders are the same without.
    """
    if isinstance(event, QuoteChanged):
        return _quote_changed(state, event, rules, now_ms, watched=watched)
    after, commands = _handle(state, event, rules, now_ms, watched=watched)
    if isinstance(event, AccountChanged) and after.position == state.position:
        return after, commands  # only marks moved
    after, closing = manage(after, rules, now_ms)
    if not watched:
        return after, (*commands, *closing)
    after, status = _told_status(after, rules, now_ms)
    return after, (*commands, *closing, *status)


def _handle(state: BotState, event: object, rules: BotRules, now_ms: int, *, watched: bool) -> Stepped:
    match event:
        case RoundCompleted():
            return _round_completed(state, event, rules, now_ms, watched=watched)
        case RoundSkipped():
            return _round_skipped(state, rules, now_ms)
        case RulesApplied():
            return replace(state, weights=event.weights), ()
        case OrderAccepted():
            return order_accepted(state, event)
        case OrderFilled():
            return order_filled(state, event, rules, now_ms)
        case OrderRefused():
            return order_refused(state, event, now_ms)
        case OrderCancelled():
            return order_cancelled(state, event, now_ms)
        case AcceptTrade():
            return accept_trade(state, event, rules, now_ms)
        case RejectTrade():
            return reject_trade(state, event)
        case ControlChanged():
            return _control_changed(state, event.control)
        case TimerFired(key="approval") if state.proposal is not None and now_ms >= state.proposal.wait_until_ms:
            return withdrawn(state)
        case TimerFired(key="resend") if state.flight is not None and not state.flight.accepted:
            return again(state, state.flight, now_ms)
        case ActorStarted(name="broker") if state.flight is not None:
            return again(state, state.flight, now_ms)
        case _:
            return _told(state, event, rules, now_ms), ()


def _told(state: BotState, event: object, rules: BotRules, now_ms: int) -> BotState:
    """Take over what market and broker say of themselves."""
    match event:
        case AccountChanged():
            return facts.with_account(state, event.account)
        case StatisticsChanged():
            return facts.with_statistics(state, event.statistics, rules, now_ms=now_ms)
        case RulesChanged():
            return replace(state, symbol=next((each for each in event.rules if each.pair == state.pair), state.symbol))
        case MarketStatusChanged(pair=None):
            return replace(state, connection=event.state)
        case MarketStatusChanged() if event.pair == state.pair:
            return replace(state, freshness=event.state)
        case CandleClosed() if event.interval in INTERVAL_MS:
            length = INTERVAL_MS[event.interval]
            seen_ms = max(state.seen_ms, event.candle.open_ms + length)
            return replace(state, candle_ms=min(state.candle_ms or length, length), seen_ms=seen_ms)
        case _:
            return state


def _quote_changed(state: BotState, event: QuoteChanged, rules: BotRules, now_ms: int, *, watched: bool) -> Stepped:
    """A move of `reversal_threshold` against the last trade or find ends the rests and asks for analysis at once."""
    state = replace(state, quote=event.quote, seen_ms=max(state.seen_ms, event.quote.event_ms))
    reference, threshold = state.reference, rules.reversal_threshold
    if reference is None or not threshold:
        return state, ()
    moved = facts.adverse_move(reference, event.quote.price)
    if moved < threshold:
        return state, ()
    state = replace(state, reference=None, found_ms=None, cooldown_cleared_ms=now_ms)
    state, status = _told_status(state, rules, now_ms) if watched else (state, ())
    reason = f"{state.pair} moved {moved * 100:.1f} % against a {reference.direction} from {reference.price}"
    return state, (AnalyseNow(reason=reason), *status)


def _control_changed(state: BotState, control: Control) -> Stepped:
    """Who switches the bots on or tunes them wants to see them act: the rest after a find ends."""
    before = state.control
    state = replace(state, control=control)
    if not control.trading:
        return withdrawn(state)
    if before is None or _trading_part(before) == _trading_part(control):
        return state, ()
    state = replace(state, found_ms=None)
    return state, (() if before.trading else (AnalyseNow(reason="the bots were switched on"),))


def _trading_part(control: Control) -> tuple[object, ...]:
    return (
        control.trading,
        control.trading_since_ms,
        control.defaults,
        control.pairs,
        control.enabled_pairs,
        control.signal_sources,
    )


def _round_completed(state: BotState, event: RoundCompleted, rules: BotRules, now_ms: int, *, watched: bool) -> Stepped:
    signal = event.signal
    strength = Decimal(repr(signal.confidence))
    high = signal.action is not Action.HOLD and strength >= rules.high_confidence_threshold
    if not watched and state.position is not None and state.proposal is None:
        return _blocked_unseen(state, signal, rules, now_ms, high=high)
    situation = facts.situation_of(state, rules, signal=signal, features=event.features, now_ms=now_ms)
    state, verdict = decided(replace(state, skipped_gate=None), situation, rules, event.features)
    state, told = turned(state, signal, rules)
    state, done = _carried_out(state, situation, verdict, rules)
    state = _reversed(state, signal, rules, situation.votes, verdict.decision.decision_id)
    if high and find_ends(state.found_ms, rules, now_ms=now_ms) is None:
        state = _found(state, signal, now_ms)
    return state, (SignalFormed(signal=signal, high_confidence=high), *told, *done)


def _blocked_unseen(state: BotState, signal: Signal, rules: BotRules, now_ms: int, *, high: bool) -> Stepped:
    """End a round while a position is open, where nobody asks by which gate its trade was blocked."""
    decided_ms = max(now_ms, state.last_decided_ms + 1)
    state = replace(state, skipped_gate=None, last_decided_ms=decided_ms)
    votes = len(voters(signal.opinions, state.weights))
    state = _reversed(state, signal, rules, votes, f"bot:{state.pair}:{decided_ms}")
    if high and find_ends(state.found_ms, rules, now_ms=now_ms) is None:
        state = _found(state, signal, now_ms)
    return state, ()


def _carried_out(state: BotState, situation: Situation, verdict: Verdict, rules: BotRules) -> Stepped:
    if verdict.traded:
        return ordered(state, situation, verdict, rules)
    asks: tuple[object, ...] = ()
    if verdict.decision.gate == "awaiting_approval" and state.proposal is None:
        state, asks = proposed(state, situation, verdict.decision, rules)
    return state, (DecisionMade(decision=verdict.decision), *asks)


def _reversed(state: BotState, signal: Signal, rules: BotRules, votes: int, decision_id: str) -> BotState:
    """An opposite signal closes what the bot opened, as long as the bot is on."""
    position = state.position
    if position is None or state.closing is not None or not (state.trading and rules.enabled):
        return state
    if not reverses(signal, position, rules, votes=votes):
        return state
    closing = Closing(reason=Reason.SIGNAL_REVERSAL, trade_id=position.trade_id, decision_id=decision_id)
    return replace(state, closing=closing)


def _found(state: BotState, signal: Signal, now_ms: int) -> BotState:
    """A high-confidence signal: the pair rests, and without a position a later move is measured from here."""
    state = replace(state, found_ms=now_ms)
    if state.position is not None or state.quote is None:
        return state
    direction = Direction.LONG if signal.action is Action.BUY else Direction.SHORT
    return replace(state, reference=Reference(direction=direction, price=state.quote.price))


def _round_skipped(state: BotState, rules: BotRules, now_ms: int) -> Stepped:
    """Record why nothing is traded, once: not again before something else is the reason."""
    situation = facts.situation_of(state, rules, signal=None, features=None, now_ms=now_ms)
    after, verdict = decided(state, situation, rules, None)
    if verdict.decision.gate == state.skipped_gate:
        return state, ()
    return replace(after, skipped_gate=verdict.decision.gate), (DecisionMade(decision=verdict.decision),)


def _told_status(state: BotState, rules: BotRules, now_ms: int) -> Stepped:
    """Announce the pair's status when it is another one."""
    status = facts.pair_status(state, rules, now_ms=now_ms)
    if status == state.status:
        return state, ()
    told = PairStatusChanged(pair=state.pair, status=status[0], until_ms=status[1])
    return replace(state, status=status), (told,)
