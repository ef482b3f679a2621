"""A bot's decision: the signal, the trade it would make, and whether it may."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from domain import explanations, money
from domain.analysis import Action, Decision, Features, GateCheck, Outcome, Signal
from domain.bot_rules import BotRules
from domain.consensus import combine, fresh_opinions, probability_of_win, voters
from domain.errors import InvariantError
from domain.exits import Distances, atr_of, exit_distances, stop_price, target_price, trailing_stop
from domain.gates import Situation, TradePlan, check_gates, failed_gate
from domain.market import SymbolRules
from domain.messages import OrderRefused
from domain.sizing import SizeInputs, daily_volatility, position_size
from domain.trading import Direction, Refusal

__all__ = ["Verdict", "combine", "decide", "fresh_opinions", "plan_trade", "refused", "voters"]

_GATE_OF = {
    Refusal.INSUFFICIENT_BALANCE: "insufficient_balance",
    Refusal.FILTER_FAILURE: "size_below_minimum",
    Refusal.SLIPPAGE_EXCEEDED: "slippage",
    Refusal.PAIR_DISABLED: "pair_disabled",
    Refusal.UNKNOWN_SYMBOL: "pair_disabled",
    Refusal.DUPLICATE_ORDER: "position_open",
    Refusal.BAD_MESSAGE: "risk_reward",  # a stop or target the exchange does not take
}  # the rest speaks of prices or the ledger: data_stale


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one decision came to: `plan` is to be ordered when its outcome is traded."""

    decision: Decision
    plan: TradePlan | None

    @property
    def traded(self) -> bool:
        return self.decision.outcome is Outcome.TRADED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    """What exits and size of one trade are found from."""

    signal: Signal
    rules: BotRules
    symbol: SymbolRules
    price: Decimal
    features: Features | None
    weights: Mapping[str, Decimal]
    direction: Direction

    def distances(self, quantity: Decimal | None) -> Distances:
        return exit_distances(
            self.rules,
            direction=self.direction,
            price=self.price,
            quantity=quantity,
            atr=atr_of(self.features),
            opinions=self.signal.opinions,
            weights=self.weights,
        )

    def quantity(self, equity: Decimal, asked: Decimal | None) -> Decimal:
        distances = self.distances(None)
        inputs = SizeInputs(
            price=self.price,
            stop_distance=distances.stop,
            target_distance=distances.target,
            equity=equity,
            probability=probability_of_win(self.signal.opinions, self.weights, self.signal.action),
            daily_volatility=daily_volatility(self.features) if self.features else None,
        )
        return position_size(inputs, self.rules, self.symbol, asked)

    def plan(self, quantity: Decimal) -> TradePlan:
        distances = self.distances(quantity)
        notional = money.half_even(quantity * self.price)
        where = {"direction": self.direction, "price": self.price, "symbol": self.symbol}
        return TradePlan(
            direction=self.direction,
            price=self.price,
            quantity=quantity,
            notional=notional,
            stop_loss=stop_price(distances.stop, **where),  # type: ignore[arg-type]  # names and types are right above
            take_profit=target_price(distances.target, **where),  # type: ignore[arg-type]  # as above
            trailing=trailing_stop(self.rules, price=self.price, quantity=quantity, symbol=self.symbol),
            cash_needed=money.up(notional / self.rules.leverage) + money.up(notional * self.rules.taker_fee),
        )


def plan_trade(
    signal: Signal,
    rules: BotRules,
    *,
    symbol: SymbolRules,
    price: Decimal,
    equity: Decimal,
    features: Features | None,
    weights: Mapping[str, Decimal],
    asked: Decimal | None = None,
) -> TradePlan | None:
    """Return the trade that `signal` asks for, None for HOLD.

    The size may depend on the distance of the stop, and with exits in US dollars the stop on the size: the size is
    found first, in that case by the distances in percent.

    Args:
        signal: of the pair.
        rules: of the bot.
        symbol: the exchange's filters.
        price: expected entry, quote per base, > 0.
        equity: of the whole account, quote.
        features: of the round, for ATR and volatility.
        weights: of the analysts.
        asked: notional an operator asked for, quote; None = by the rules.
    """
    if signal.action is Action.HOLD:
        return None
    planner = _Planner(
        signal=signal,
        rules=rules,
        symbol=symbol,
        price=price,
        features=features,
        weights=weights,
        direction=Direction.LONG if signal.action is Action.BUY else Direction.SHORT,
    )
    return planner.plan(planner.quantity(equity, asked))


def decide(situation: Situation, rules: BotRules, *, decision_id: str, features: Features | None) -> Verdict:
    """Return whether the situation's plan is traded, or the one gate that blocks it.

    Args:
        situation: everything the gates look at.
        rules: of the bot.
        decision_id: `bot:PAIR:<decision time ms>`; the order's id too when traded.
        features: of the round, for the record.
    """
    checks = check_gates(situation, rules)
    failed = failed_gate(checks)
    plan, signal = situation.plan, situation.signal
    if failed is None and plan is not None and signal is not None:
        explanation = explanations.traded(situation.pair, plan, signal, votes=situation.votes)
    elif failed is not None:
        explanation = explanations.blocked(situation.pair, failed)
    else:
        raise InvariantError(f"a trade in {situation.pair} needs a signal and a plan, and all gates passed without one")
    decision = Decision(
        decision_id=decision_id,
        pair=situation.pair,
        decided_ms=situation.now_ms,
        outcome=Outcome.BLOCKED if failed else Outcome.TRADED,
        gate=failed.gate if failed else None,
        explanation=explanation,
        signal=signal,
        checks=checks,
        features=features,
        order_id=None if failed else decision_id,
        settings_hash=rules.settings_hash,
    )
    return Verdict(decision=decision, plan=plan)


def refused(decision: Decision, refusal: OrderRefused) -> Decision:
    """Return a decision to trade as it stands after the exchange refused the order: blocked by the gate concerned."""
    return blocked_by(decision, gate=_gate_of(refusal), value=refusal.message)


def blocked_by(decision: Decision, *, gate: str, value: str) -> Decision:
    """Return a decision to trade as blocked by `gate`; the gates before it keep what they said."""
    before, limit = [], "accepted by the exchange"
    for check in decision.checks:
        if check.gate == gate:
            limit = check.limit
            break
        before.append(check)
    failed = GateCheck(gate=gate, value=value, limit=limit, passed=False)
    return replace(
        decision,
        outcome=Outcome.BLOCKED,
        gate=gate,
        explanation=explanations.not_taken(decision.pair, value),
        checks=(*before, failed),
        order_id=None,
    )


def _gate_of(refusal: OrderRefused) -> str:
    return refusal.gate or _GATE_OF.get(refusal.code, "data_stale")
