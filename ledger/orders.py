"""Orders as they must stand in documents: when they are taken, after each execution, at their end."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from ledger.canonical import Plain
from ledger.executions import Execution
from ledger.parts import ZERO, number, present, share, whole
from ledger.positions import Holding, liquidation_price

EXITS = ("stop_loss", "take_profit", "trailing_stop", "liquidation")  # reasons of the exchange's own orders
PRICES = {"market": (), "limit": ("limit_price",), "stop": ("trigger_price",)}


def accepted_faults(order: Plain, holding: Holding | None, ts: int) -> Iterator[str]:
    """Yield what is wrong with an order that was just taken, beside what it holds."""
    fresh = {"filled": "0", "status": "open", "fills": 0}
    for name, value in fresh.items():
        if order.get(name) != value:
            yield f"order.{name} of a new order must be {value}, stated is {order.get(name)}"
    if order.get("source") == "exchange" or str(order.get("order_id")).startswith(tuple(f"{name}:" for name in EXITS)):
        yield "an order of the exchange itself must not be taken as one that was asked for"
    wanted = PRICES.get(str(order.get("order_type")), ())
    for name in ("limit_price", "trigger_price"):
        if (name in order) != (name in wanted):
            yield f"order.{name} must {'' if name in wanted else 'not '}be there for a {order.get('order_type')} order"
    if whole(order, "created") > ts:
        yield f"order.created must not be after {ts}, was {order.get('created')}"
    if order.get("reduce_only"):
        reducible = _opposite(order, holding)
        if number(order, "quantity") > reducible:
            yield f"order.quantity must be at most what there is to reduce, {reducible}, stated is {order['quantity']}"
        if any(name in order for name in ("stop_loss", "take_profit", "trailing")):
            yield "an order that only reduces must have no stop and no target"


def opened_quantity(order: Plain, holding: Holding | None, others: Iterable[Plain]) -> Decimal:
    """Return what a new order opens: all beyond what it reduces. What `others` of its side will reduce is theirs."""
    if order.get("reduce_only"):
        return ZERO
    alike = (other for other in others if (other["symbol"], other["side"]) == (order["symbol"], order["side"]))
    waiting = sum((number(other, "quantity") - number(other, "filled") for other in alike), ZERO)
    return number(order, "quantity") - max(ZERO, _opposite(order, holding) - waiting)


def price_of(order: Plain) -> Decimal | None:
    """Return the price an order waits at, None for a market order."""
    for name in ("limit_price", "trigger_price"):
        if name in order:
            return number(order, name)
    return None


def after_fill(order: Plain, execution: Execution, *, opening: bool) -> tuple[Plain, Decimal]:
    """Return the order after an execution, and what it releases of what it held."""
    quantity, held = number(order, "quantity"), number(order, "held")
    left = quantity - number(order, "filled")
    if execution.quantity == left:
        after = {"filled": quantity, "status": "filled", "held": ZERO}
        released = held
    else:
        released = share(held, execution.quantity, left) if opening else ZERO
        after = {"filled": quantity - left + execution.quantity, "held": held - released}
    return order | present(after) | {"fills": whole(order, "fills") + 1}, released


def exit_order(execution: Execution, holding: Holding, reason: str) -> Plain:
    """Return the exchange's own order that closes (a part of) `holding`, before it is executed."""
    position, order_id = holding.part, f"{reason}:{execution.pair}:{holding.opened_seq}"
    target = reason == "take_profit"
    return present(
        {
            "order_id": order_id,
            "symbol": execution.pair,
            "side": holding.closing_side,
            "order_type": "limit" if target else "stop",
            "quantity": position.get("quantity"),
            "filled": "0",
            "status": "open",
            "reduce_only": True,
            "source": "exchange",
            "leverage": position.get("leverage"),
            "created": execution.ts,
            "reason": reason,
            "limit_price": position.get("take_profit") if target else None,
            "trigger_price": _trigger_price(holding, reason),
            "held": "0",
            "decision_id": position.get("decision_id"),
            "fills": holding.exits.get(order_id, 0),
        }
    )


def ended_faults(order: Plain, stated: Plain) -> Iterator[str]:
    """Yield what is wrong with an order's end without being filled."""
    if stated.get("status") not in ("cancelled", "expired"):
        yield f"order.status must be cancelled or expired, stated is {stated.get('status')}"
    expected = order | {"held": "0", "status": stated.get("status")}
    for name in sorted(expected.keys() | stated.keys()):
        if expected.get(name) != stated.get(name):
            yield f"order.{name} must be {expected.get(name)}, stated is {stated.get(name)}"


def _opposite(order: Plain, holding: Holding | None) -> Decimal:
    return holding.quantity if holding is not None and holding.closing_side == order.get("side") else ZERO


def _trigger_price(holding: Holding, reason: str) -> object:
    match reason:
        case "stop_loss":
            return holding.part.get("stop_loss")
        case "trailing_stop":
            trailing = holding.part.get("trailing")
            return trailing.get("stop") if isinstance(trailing, dict) else None
        case "liquidation":
            return liquidation_price(holding)
        case _:
            return None
