"""The journal as a history of orders and positions, recomputed from the fills alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from ledger.canonical import Plain
from ledger.chain import STEP, Account, Complaint, legs, number_of

ZERO = Decimal(0)
MEAN_TOLERANCE = Decimal("0.000000000001")  # a mean price is rounded to 12 decimals


@dataclass(slots=True)
class OpenOrder:
    """An order as far as the journal has told."""

    quantity: Decimal
    filled: Decimal = ZERO
    held: Decimal = ZERO


@dataclass(slots=True)
class Holding:
    """The net position of a pair: signed quantity in base, cost and margin in quote."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    margin: Decimal = ZERO


class TradingCheck:
    """Takes plain documents in order, keeps orders and positions, and says where a document differs from them."""

    def __init__(self) -> None:
        self.orders: dict[str, OpenOrder] = {}
        self.holdings: dict[str, Holding] = {}

    def check(self, document: Plain) -> Iterator[Complaint]:
        """Yield what is wrong with the next document's order, fill and position."""
        try:
            moved = dict(legs(document, "postings", "amount"))
            yield from self._check_order(document, moved)
            if document.get("type") in ("fill", "liquidation"):
                yield from self._check_fill(document, moved)
            yield from self._check_position(document)
            if document.get("type") == "checkpoint":
                yield from self._check_checkpoint(document)
        except ValueError as error:
            yield "format", str(error)

    # --- orders -----------------------------------------------------------------------------------------------------

    def _check_order(self, document: Plain, moved: dict[Account, Decimal]) -> Iterator[Complaint]:
        held = sum((amount for (name, _), amount in moved.items() if name == "held"), ZERO)
        order_id = document.get("order_id")
        if not isinstance(order_id, str):
            if held:
                yield "order", "cash must be held for an order that is named"
            return
        kind = document.get("type")
        if kind == "order" and order_id in self.orders:
            yield "order", f"order {order_id} must be accepted once"
        order = self._order(document, order_id)
        order.held += held
        if kind in ("fill", "liquidation"):
            order.filled += _number(document, "fill", "quantity")
        if order.filled > order.quantity:
            yield "order", f"order {order_id} must fill at most {order.quantity}, filled {order.filled}"
        if order.held < 0:
            yield "order", f"order {order_id} must not release more than it held, by {-order.held}"
        yield from _compare_order(document, order)
        if kind == "cancel" or order.filled >= order.quantity:
            self.orders.pop(order_id, None)
            if order.held:
                yield "order", f"order {order_id} is done and must hold nothing, holds {order.held}"

    def _order(self, document: Plain, order_id: str) -> OpenOrder:
        """Return the order as known so far. An exit of the exchange itself is a new order with each execution."""
        new = OpenOrder(quantity=_number(document, "order", "quantity"))
        if _part(document, "order").get("source") == "exchange":
            return new
        return self.orders.setdefault(order_id, new)

    # --- fills ------------------------------------------------------------------------------------------------------

    def _check_fill(self, document: Plain, moved: dict[Account, Decimal]) -> Iterator[Complaint]:
        pair = str(document.get("symbol"))
        quantity, notional = _number(document, "fill", "quantity"), _number(document, "fill", "notional")
        fee, pnl = _number(document, "fill", "fee"), _number(document, "fill", "realized_pnl")
        yield from _check_levels(document, quantity, notional)
        side = _part(document, "fill").get("side")
        if side not in ("buy", "sell") or quantity <= 0 or fee < 0:
            yield "fill", f"a fill must buy or sell more than 0 at a fee >= 0, was {side} {quantity} at {fee}"
        signed = quantity if side == "buy" else -quantity
        holding = self.holdings.setdefault(pair, Holding())
        opens = holding.quantity * signed >= 0
        if not opens and abs(signed) > abs(holding.quantity):
            yield "fill", f"one execution must not flip: it closes {quantity} of {abs(holding.quantity)}"
        margin, cost = _opened(notional, _leverage(document)) if opens else _released(holding, quantity)
        expected_pnl = ZERO if opens else (notional - cost if holding.quantity > 0 else cost - notional)
        if pnl != expected_pnl:
            yield "fill", f"realized_pnl must be {expected_pnl}, was {pnl}"
        sign = 1 if opens else -1
        wanted = {f"position:{pair}": signed, f"margin:{pair}": sign * margin, "fees": fee, f"pnl:{pair}": -pnl}
        yield from _compare_legs(wanted, moved)
        holding.quantity += signed
        holding.margin += sign * margin
        holding.cost += sign * (notional if opens else cost)

    # --- positions --------------------------------------------------------------------------------------------------

    def _check_position(self, document: Plain) -> Iterator[Complaint]:
        if "position" not in document:
            if document.get("type") in ("fill", "liquidation", "amend"):
                yield "position", "the position after the event must be stated"
            return
        yield from self._compare_position(_part(document, "position"), str(document.get("symbol")))

    def _compare_position(self, stated: Plain, pair: str) -> Iterator[Complaint]:
        holding = self.holdings.get(pair, Holding())
        direction = "flat" if not holding.quantity else "long" if holding.quantity > 0 else "short"
        if stated.get("direction") != direction or stated.get("symbol") != pair:
            found = f"{stated.get('direction')} {stated.get('symbol')}"
            yield "position", f"the position must be {direction} {pair}, stated is {found}"
        recomputed = {"quantity": abs(holding.quantity), "cost": holding.cost, "margin": holding.margin}
        for name, value in recomputed.items():
            if number_of(stated.get(name), f"position.{name}") != value:
                yield "position", f"{name} of {pair} must be {value}, stated is {stated.get(name)}"
        if not holding.quantity:
            self.holdings.pop(pair, None)

    def _check_checkpoint(self, document: Plain) -> Iterator[Complaint]:
        """A checkpoint is where a start begins to read: its positions and orders must be those of the journal."""
        state = _part(document, "state")
        stated = [_part(entry, "position") for entry in _list(state, "holdings")]
        pairs = sorted(str(position.get("symbol")) for position in stated)
        if pairs != sorted(self.holdings):
            yield "checkpoint", f"open positions must be {sorted(self.holdings)}, stated are {pairs}"
            return
        for position in stated:
            yield from self._compare_position(position, str(position.get("symbol")))
        orders = sorted(str(order.get("order_id")) for order in _list(state, "orders"))
        if orders != sorted(self.orders):
            yield "checkpoint", f"open orders must be {sorted(self.orders)}, stated are {orders}"


def _compare_order(document: Plain, order: OpenOrder) -> Iterator[Complaint]:
    stated = _part(document, "order")
    for name, value in (("filled", order.filled), ("held", order.held)):
        if name in stated and number_of(stated[name], f"order.{name}") != value:
            yield "order", f"order.{name} must be {value}, stated is {stated[name]}"


def _check_levels(document: Plain, quantity: Decimal, notional: Decimal) -> Iterator[Complaint]:
    levels = _part(document, "fill").get("levels")
    if not isinstance(levels, list) or not levels or not all(isinstance(x, list) and len(x) == 2 for x in levels):
        yield "fill", "levels must be a list of [price, quantity], not empty"
        return
    pairs = [(number_of(price, "a level's price"), number_of(size, "a level's quantity")) for price, size in levels]
    total, exact = sum((size for _, size in pairs), ZERO), sum((price * size for price, size in pairs), ZERO)
    if total != quantity:
        yield "fill", f"the levels' quantities must sum to {quantity}, their sum is {total}"
        return
    if exact.quantize(STEP, rounding=ROUND_HALF_EVEN) != notional:
        yield "fill", f"notional must be {exact.quantize(STEP, rounding=ROUND_HALF_EVEN)}, was {notional}"
    price = _number(document, "fill", "price")
    if quantity and abs(price - exact / quantity) > MEAN_TOLERANCE:
        yield "fill", f"price must be the mean of the levels, {exact / quantity:f}, was {price}"


def _opened(notional: Decimal, leverage: int) -> tuple[Decimal, Decimal]:
    return (notional / leverage).quantize(STEP, rounding=ROUND_DOWN), notional


def _released(holding: Holding, quantity: Decimal) -> tuple[Decimal, Decimal]:
    """Return the shares of margin and cost that closing `quantity` releases: rounded down, all for all."""
    whole = abs(holding.quantity)
    if quantity >= whole:
        return holding.margin, holding.cost
    margin, cost = (
        (amount * quantity / whole).quantize(STEP, rounding=ROUND_DOWN) for amount in (holding.margin, holding.cost)
    )
    return margin, cost


def _compare_legs(wanted: dict[str, Decimal], moved: dict[Account, Decimal]) -> Iterator[Complaint]:
    for account, amount in wanted.items():
        posted = sum((value for (name, _), value in moved.items() if name == account), ZERO)
        if posted != amount:
            yield "fill", f"{amount} must be posted to {account}, posted is {posted}"


def _leverage(document: Plain) -> int:
    leverage = _part(document, "order").get("leverage")
    if not isinstance(leverage, int) or leverage < 1:
        raise ValueError(f"order.leverage must be a whole number >= 1, was {leverage!r}")
    return leverage


def _part(document: Plain, name: str) -> Plain:
    part = document.get(name)
    if not isinstance(part, dict):
        raise ValueError(f"{name} must be a document, was {part!r}")
    return part


def _list(document: Plain, name: str) -> list[Plain]:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ValueError(f"{name} must be a list of documents")
    return found


def _number(document: Plain, part: str, name: str) -> Decimal:
    return number_of(_part(document, part).get(name), f"{part}.{name}")
