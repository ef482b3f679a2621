"""Trades that wait for an operator: proposed, accepted, rejected, lapsed."""

from decimal import Decimal

from domain import bot_state as facts
from domain.analysis import Decision, Signal
from domain.bot_orders import Stepped, decided, ordered, withdrawn
from domain.bot_rules import BotRules
from domain.bot_state import BotState, Proposal
from domain.gates import Situation
from domain.messages import AcceptTrade, DecisionMade, ProposalAnswered, RejectTrade
from domain.trading import Refusal
from domain.values import replace

_REFUSALS = {
    "data_stale": Refusal.STALE_PRICE,
    "spread": Refusal.SLIPPAGE_EXCEEDED,
    "slippage": Refusal.SLIPPAGE_EXCEEDED,
    "size_below_minimum": Refusal.FILTER_FAILURE,
    "insufficient_balance": Refusal.INSUFFICIENT_BALANCE,
}  # the codes an operator sees; the other gates are pair_disabled


def proposed(state: BotState, situation: Situation, decision: Decision, rules: BotRules) -> Stepped:
    """Put a trade that only lacks an operator's word before one."""
    if situation.signal is None or situation.plan is None:
        return state, ()
    proposal = Proposal(
        decision_id=decision.decision_id,
        signal=situation.signal,
        features=decision.features,
        plan=situation.plan,
        proposed_ms=situation.now_ms,
        wait_until_ms=situation.now_ms + rules.approval_wait_secs * 1000,
    )
    return replace(state, proposal=proposal), (proposal.told(state.pair),)


def turned(state: BotState, signal: Signal, rules: BotRules) -> Stepped:
    """Withdraw what waits once the analysts clearly say the opposite."""
    if state.proposal is None or signal.action.sign * state.proposal.signal.action.sign >= 0:
        return state, ()
    clear = signal.agreed and Decimal(repr(signal.confidence)) >= rules.ai_confidence_threshold
    return withdrawn(state) if clear else (state, ())


def accept_trade(state: BotState, event: AcceptTrade, rules: BotRules, now_ms: int) -> Stepped:
    """Decide anew, with the prices of now and the signal that was proposed; what is blocked goes on waiting."""
    proposal = state.proposal
    if proposal is None or now_ms >= proposal.wait_until_ms or state.flight is not None:
        return state, (_not_pending(event),)
    situation = facts.situation_of(
        state,
        rules,
        signal=proposal.signal,
        features=proposal.features,
        now_ms=now_ms,
        approved=True,
        asked=event.usdt_amount,
    )
    state, verdict = decided(state, situation, rules, proposal.features)
    if not verdict.traded:
        code = _REFUSALS.get(verdict.decision.gate or "", Refusal.PAIR_DISABLED)
        refusal = answered(
            event.pair, event.request_id, accepted=False, message=verdict.decision.explanation, code=code
        )
        return state, (DecisionMade(decision=verdict.decision), refusal)
    return ordered(state, situation, verdict, rules, request_id=event.request_id)


def reject_trade(state: BotState, event: RejectTrade) -> Stepped:
    """Let the proposed trade lapse on an operator's word."""
    if state.proposal is None or state.flight is not None:
        return state, (_not_pending(event),)
    done = answered(
        event.pair, event.request_id, accepted=False, message=f"the proposed trade in {event.pair} was rejected"
    )
    state, told = withdrawn(state)
    return state, (done, *told)


def answered(
    pair: str, request_id: str, *, accepted: bool, message: str, code: Refusal | None = None
) -> ProposalAnswered:
    """Return the answer to an operator's AcceptTrade or RejectTrade."""
    return ProposalAnswered(pair=pair, request_id=request_id, accepted=accepted, message=message, refusal=code)


def _not_pending(event: AcceptTrade | RejectTrade) -> ProposalAnswered:
    text = f"a trade in {event.pair} must wait for approval, none does"
    return answered(event.pair, event.request_id, accepted=False, message=text, code=Refusal.NOT_PENDING)
