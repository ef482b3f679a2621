"""What protects a position: stop, target, trailing stop, liquidation. Prices in quote per base."""

from dataclasses import dataclass, replace
from decimal import Decimal

from domain import money
from domain.fills import WIDE
from domain.money import ZERO
from domain.trading import Direction, Position, Reason, Trailing

MAINTENANCE = Decimal("0.005")  # of the notional: below it a position is liquidated


@dataclass(frozen=True, slots=True)
class Stop:
    """The level whose crossing closes the position, and why."""

    price: Decimal
    reason: Reason


def liquidation_price(position: Position) -> Decimal:
    """Return the price at which margin + unrealised profit = 0.5 % of the notional there; 0 when there is none.

    Long: (cost - margin) / (0.995 x quantity); short: (cost + margin) / (1.005 x quantity). Rounded to 8 decimals
    away from the entry, so that the condition holds at this price.
    """
    sign = position.direction.sign
    exact = WIDE.divide(position.cost - sign * position.margin, position.quantity * (1 - sign * MAINTENANCE))
    if exact <= 0:
        return ZERO
    return money.down(exact) if position.direction is Direction.LONG else money.up(exact)


def stops_of(position: Position) -> list[Stop]:
    """Return what closes the position at a loss: stop loss, trailing stop, liquidation, the first reached first."""
    candidates = []
    if position.stop_loss is not None:
        candidates.append(Stop(position.stop_loss, Reason.STOP_LOSS))
    if position.trailing is not None and position.trailing.stop is not None:
        candidates.append(Stop(position.trailing.stop, Reason.TRAILING_STOP))
    if liquidated := liquidation_price(position):
        candidates.append(Stop(liquidated, Reason.LIQUIDATION))
    return sorted(candidates, key=lambda stop: -position.direction.sign * stop.price)


def reached(stop: Decimal, price: Decimal, direction: Direction) -> bool:
    """Return whether `price` is at the stop or beyond it: below for a long, above for a short."""
    return (price - stop) * direction.sign <= 0


def trailed(position: Position, price: Decimal, tick_size: Decimal) -> Trailing | None:
    """Return the trailing stop after `price`, None when its stop level did not improve by a tick.

    The stop follows the best price at `distance`, once that price is `trigger` beyond the entry. It sits on the price
    grid, rounded away from the market.
    """
    trailing, sign = position.trailing, position.direction.sign
    if trailing is None or (price - position.entry_price) * sign < trailing.trigger:
        return None
    tick_size = tick_size or money.CENT_OF_MICRO
    stop = money.to_tick(price - sign * trailing.distance, tick_size, up=sign < 0)
    if stop <= 0 or (trailing.stop is not None and (stop - trailing.stop) * sign < tick_size):
        return None
    return replace(trailing, best_price=price, stop=stop)


def wrong_side(
    direction: Direction, price: Decimal, stop_loss: Decimal | None, take_profit: Decimal | None
) -> str | None:
    """Return one sentence when a stop or target is on the wrong side of `price`, else None."""
    side, other = ("below", "above") if direction is Direction.LONG else ("above", "below")
    if stop_loss is not None and reached(stop_loss, price, direction):
        return f"stop_loss of a {direction} must be {side} the price {money.text(price)}, was {money.text(stop_loss)}"
    if take_profit is not None and reached(price, take_profit, direction):
        return (
            f"take_profit of a {direction} must be {other} the price {money.text(price)}, was {money.text(take_profit)}"
        )
    return None
