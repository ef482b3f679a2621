"""The net position of a pair, recomputed from its executions."""

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from ledger.canonical import Plain
from ledger.chain import STEP
from ledger.executions import Execution
from ledger.parts import ZERO, down, mean, number, present, share, whole

MAINTENANCE = Decimal("0.005")  # of the notional: below it a position is liquidated
LARGEST_LEVERAGE = 20
PROTECTION = ("stop_loss", "take_profit", "trailing")


@dataclass(slots=True)
class Holding:
    """An open position as its newest document must state it, and what the exchange keeps of it besides."""

    part: Plain
    opened_seq: int
    armed: int  # since when its stop and target count
    trailed: int = 0  # since when its trailing stop is where it is
    realized: Decimal = ZERO  # net of fees, of the parts closed so far
    exits: dict[str, int] = field(default_factory=dict)  # executions of the exchange's own orders
    had: set[str] = field(default_factory=set)  # protection that it has or had: a reached stop is not taken back

    def __post_init__(self) -> None:
        self.had.update(_levels(self.part))

    @property
    def sign(self) -> int:
        return 1 if self.part["direction"] == "long" else -1

    @property
    def quantity(self) -> Decimal:
        return number(self.part, "quantity")

    @property
    def closing_side(self) -> str:
        return "sell" if self.sign > 0 else "buy"

    def ends_by(self, reason: str, *, at_once: bool) -> bool:
        """Return whether the exchange itself may close it for `reason`.

        Args:
            at_once: the price that reaches a level fills it; else a stop may wait for its book, moved meanwhile.
        """
        if reason == "liquidation":
            return liquidation_price(self) > 0
        return reason in (_levels(self.part) if at_once or reason == "take_profit" else self.had)

    def take(self, part: Plain, ts: int) -> None:
        """Take the position after an event at `ts`; a moved stop or target counts from then on."""
        if any(part.get(name) != self.part.get(name) for name in PROTECTION[:2]):
            self.armed = ts
        if _trailing_stop(part) != _trailing_stop(self.part):
            self.trailed = ts
        self.part = part
        self.had.update(_levels(part))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an execution does to a position. `after` and `closed` are as the document must state them."""

    margin: Decimal  # of what was opened or released
    pnl: Decimal
    after: Plain
    closed: Plain | None = None
    entry_fee: Decimal = ZERO  # released


def flat(pair: str) -> Plain:
    return {"symbol": pair, "direction": "flat", "quantity": "0", "cost": "0", "margin": "0"}


def opening(execution: Execution, order: Plain, holding: Holding | None) -> Change:
    """Return what opening, or adding to a position of the same direction, does."""
    margin = down(execution.notional / whole(order, "leverage"))
    after = _first(execution, order, margin) if holding is None else _more(execution, order, margin, holding)
    return Change(margin=margin, pnl=ZERO, after=after)


def closing(execution: Execution, holding: Holding) -> Change:
    """Return what closing (a part of) a position does; the execution has no more than its quantity."""
    before, quantity = holding.part, execution.quantity
    cost, margin, entry_fee = (
        share(number(before, name), quantity, holding.quantity) for name in ("cost", "margin", "entry_fee")
    )
    if quantity == holding.quantity:
        after = flat(execution.pair)
    else:
        left = {
            "quantity": holding.quantity - quantity,
            "cost": number(before, "cost") - cost,
            "margin": number(before, "margin") - margin,
            "entry_fee": number(before, "entry_fee") - entry_fee,
        }
        after = before | present(left)
    return Change(
        margin=margin,
        pnl=(execution.notional - cost) * holding.sign,
        after=after,
        closed=_closed(before, entry_fee),
        entry_fee=entry_fee,
    )


def liquidation_price(holding: Holding) -> Decimal:
    """Return where margin + unrealised profit is 0.5 % of the notional; 0 when nowhere. Rounded away from the entry."""
    cost, margin, sign = number(holding.part, "cost"), number(holding.part, "margin"), holding.sign
    exact = (cost - sign * margin) / (holding.quantity * (1 - sign * MAINTENANCE))
    if exact <= 0:
        return ZERO
    return exact.quantize(STEP, rounding=ROUND_DOWN if sign > 0 else ROUND_UP)


def _levels(position: Plain) -> set[str]:
    """Return the reasons for which the position's protection can close it."""
    levels = {name for name in PROTECTION[:2] if name in position}
    return levels | ({"trailing_stop"} if _trailing_stop(position) is not None else set())


def _trailing_stop(position: Plain) -> object:
    trailing = position.get("trailing")
    return trailing.get("stop") if isinstance(trailing, dict) else None


def _first(execution: Execution, order: Plain, margin: Decimal) -> Plain:
    return present(
        {
            "symbol": execution.pair,
            "direction": "long" if execution.sign > 0 else "short",
            "quantity": execution.quantity,
            "cost": execution.notional,
            "margin": margin,
            "entry_price": execution.mean_price,
            "leverage": order.get("leverage"),
            "opened": execution.ts,
            "source": order.get("source"),
            "trade_id": order.get("order_id"),
            "entry_fee": execution.fee,
            **{name: order.get(name) for name in (*PROTECTION, "decision_id", "confidence")},
        }
    )


def _more(execution: Execution, order: Plain, margin: Decimal, holding: Holding) -> Plain:
    before = holding.part
    quantity, cost = holding.quantity + execution.quantity, number(before, "cost") + execution.notional
    margin += number(before, "margin")
    leverage = min(max(round(cost / margin), 1), LARGEST_LEVERAGE) if margin else whole(before, "leverage")
    return before | present(
        {
            "quantity": quantity,
            "cost": cost,
            "margin": margin,
            "leverage": leverage,
            "entry_price": mean(cost, quantity),
            "entry_fee": number(before, "entry_fee") + execution.fee,
            **{name: order.get(name) for name in PROTECTION},
        }
    )


def _closed(before: Plain, entry_fee: Decimal) -> Plain:
    fields = ("trade_id", "direction", "entry_price", "opened", "source", "confidence", "decision_id")
    return present({name: before.get(name) for name in fields} | {"entry_fee": entry_fee})
