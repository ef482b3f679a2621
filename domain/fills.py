"""What an execution costs and what it realises: notional, fee, margin, released shares, profit. All quote, 8 decimals.

Roundings: notional half-even, fee up (of the rounded notional), margin and released shares down; the remainder stays
with what remains open; profit is the exact difference.
"""

import functools
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from domain import money
from domain.money import ZERO
from domain.trading import Direction, Position
from domain.values import replace

Level = tuple[Decimal, Decimal]  # price, quantity in base
MEAN_DECIMALS = Decimal("0.000000000001")  # a mean price is for people: money is computed from notionals
LARGEST_LEVERAGE = 20
WIDE = Context(prec=50)  # exact for products of what a Decimal128 holds in practice


@dataclass(frozen=True, slots=True)
class Opened:
    """One execution that opens or adds."""

    quantity: Decimal
    notional: Decimal
    margin: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class Closed:
    """One execution that closes `quantity`, with the shares of the position it releases."""

    quantity: Decimal
    notional: Decimal
    fee: Decimal
    cost: Decimal
    margin: Decimal
    entry_fee: Decimal
    pnl: Decimal  # gross


def quantity_of(levels: tuple[Level, ...]) -> Decimal:
    return sum((quantity for _, quantity in levels), ZERO)


def notional_of(levels: tuple[Level, ...]) -> Decimal:
    """Return the sum of price x quantity, rounded once."""
    exact = ZERO
    for price, quantity in levels:
        exact = WIDE.add(exact, WIDE.multiply(price, quantity))
    return money.half_even(exact)


def mean_price(levels: tuple[Level, ...]) -> Decimal:
    """Return the mean price: the level's own when there is one, else rounded to 12 decimals."""
    first = levels[0][0]
    if all(price == first for price, _ in levels):
        return first
    with localcontext(WIDE):
        exact = sum((price * quantity for price, quantity in levels), ZERO) / quantity_of(levels)
    return _mean(exact)


def split(levels: tuple[Level, ...], quantity: Decimal) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Return the levels of the first `quantity`, and those of the rest."""
    first: list[Level] = []
    rest: list[Level] = []
    for price, available in levels:
        taken = min(available, quantity)
        quantity -= taken
        if taken:
            first.append((price, taken))
        if available > taken:
            rest.append((price, available - taken))
    return tuple(first), tuple(rest)


def open_fill(levels: tuple[Level, ...], *, leverage: int, fee_rate: Decimal) -> Opened:
    notional = notional_of(levels)
    return Opened(
        quantity=quantity_of(levels),
        notional=notional,
        margin=money.down(notional / leverage),
        fee=fee_of(notional, fee_rate),
    )


def fee_of(notional: Decimal, fee_rate: Decimal) -> Decimal:
    return money.up(WIDE.multiply(notional, fee_rate))


@functools.lru_cache(maxsize=4096)  # each order that comes is weighed against all that wait
def hold_of(quantity: Decimal, limit_price: Decimal, leverage: int, taker_fee: Decimal) -> Decimal:
    """Return what a resting limit that opens `quantity` sets aside: margin + taker fee at its limit, rounded up."""
    notional = WIDE.multiply(quantity, limit_price)
    return money.up(WIDE.add(WIDE.divide(notional, leverage), WIDE.multiply(notional, taker_fee)))


def close_fill(position: Position, levels: tuple[Level, ...], *, fee_rate: Decimal) -> Closed:
    """Return what closing the levels' quantity (<= the position's) releases and realises."""
    quantity, notional = quantity_of(levels), notional_of(levels)
    cost = share(position.cost, quantity, position.quantity)
    pnl = notional - cost if position.direction is Direction.LONG else cost - notional
    return Closed(
        quantity=quantity,
        notional=notional,
        fee=fee_of(notional, fee_rate),
        cost=cost,
        margin=share(position.margin, quantity, position.quantity),
        entry_fee=share(position.entry_fee, quantity, position.quantity),
        pnl=pnl,
    )


def share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return `amount` x part / whole rounded down; all of it when `part` is the whole."""
    if part == whole:
        return amount
    return money.down(WIDE.divide(WIDE.multiply(amount, part), whole))


def added(position: Position, fill: Opened) -> Position:
    """Return `position` with `fill` on top: quantities and costs add, the entry price is their mean.

    Its leverage is cost / margin as a whole number: each entry brings the margin of its own leverage.
    """
    quantity, cost = position.quantity + fill.quantity, position.cost + fill.notional
    margin = position.margin + fill.margin
    return replace(
        position,
        quantity=quantity,
        cost=cost,
        margin=margin,
        leverage=_leverage(cost, margin, position.leverage),
        entry_fee=position.entry_fee + fill.fee,
        entry_price=mean_of(cost, quantity),
    )


def reduced(position: Position, fill: Closed) -> Position | None:
    """Return what is left of `position` after `fill`, None when it is flat. The entry price stays."""
    if fill.quantity == position.quantity:
        return None
    return replace(
        position,
        quantity=position.quantity - fill.quantity,
        cost=position.cost - fill.cost,
        margin=position.margin - fill.margin,
        entry_fee=position.entry_fee - fill.entry_fee,
    )


def mean_of(notional: Decimal, quantity: Decimal) -> Decimal:
    return _mean(WIDE.divide(notional, quantity))


def unrealized(position: Position, mark: Decimal) -> Decimal:
    """Return the profit of closing at `mark`, gross: exact difference of the rounded notional and the cost."""
    value = notional_of(((mark, position.quantity),))
    return (value - position.cost) * position.direction.sign


def _leverage(cost: Decimal, margin: Decimal, before: int) -> int:
    if not margin:
        return before
    exact = WIDE.divide(cost, margin).to_integral_value(rounding=ROUND_HALF_EVEN, context=WIDE)
    return min(max(int(exact), 1), LARGEST_LEVERAGE)


def _mean(exact: Decimal) -> Decimal:
    return Decimal(money.text(exact.quantize(MEAN_DECIMALS, rounding=ROUND_HALF_EVEN, context=WIDE)))
