"""The exchange's filters (Binance exchangeInfo) on quantities and prices. A refusal names the filter."""

from dataclasses import dataclass
from decimal import Decimal

from domain import money
from domain.market import SymbolRules
from domain.trading import Direction, Refusal, Side

PERCENT_UP, PERCENT_DOWN = Decimal(5), Decimal("0.2")  # PERCENT_PRICE_BY_SIDE as Binance sets it for most pairs
LARGEST = Decimal("1e15")  # no honest order holds a larger number
MAX_DIGITS, MAX_DECIMALS = 30, 20  # a Decimal128 holds 34 digits
LENGTH = f"with at most {MAX_DECIMALS} decimals and {MAX_DIGITS} digits"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an order is not taken: a PROTOCOL code and one sentence."""

    code: Refusal
    message: str
    gate: str = ""  # the bots' gate it belongs to, where the code does not tell


def positive(name: str, value: Decimal | None) -> Refused | None:
    """Refuse what is given and not a finite number in (0, 10^15] with at most 20 decimals and 30 digits."""
    if value is None or (is_short(value) and 0 < value <= LARGEST):
        return None
    return Refused(Refusal.BAD_MESSAGE, f"{name} must be > 0 and <= 1e15 {LENGTH}, was {str(value)[:40]}")


def is_short(value: Decimal) -> bool:
    """Return whether `value` is finite and has few enough decimals and digits to be kept exactly."""
    _, digits, exponent = value.as_tuple()
    return isinstance(exponent, int) and exponent >= -MAX_DECIMALS and len(digits) <= MAX_DIGITS


def quantity_on_grid(rules: SymbolRules, quantity: Decimal) -> Decimal:
    """Return `quantity` rounded down to LOT_SIZE.stepSize."""
    return money.to_step(quantity, rules.step_size) if rules.step_size else money.down(quantity)


def price_on_grid(rules: SymbolRules, price: Decimal, side: Side) -> Decimal:
    """Return `price` on the PRICE_FILTER.tickSize grid, never worse for an order of `side` than asked."""
    return money.to_tick(price, rules.tick_size or money.CENT_OF_MICRO, up=side is Side.SELL)


def protection_on_grid(rules: SymbolRules, price: Decimal | None, direction: Direction) -> Decimal | None:
    """Return a stop or target on the price grid: down for a long, up for a short."""
    if price is None:
        return None
    return money.to_tick(price, rules.tick_size or money.CENT_OF_MICRO, up=direction is Direction.SHORT)


def check_quantity(rules: SymbolRules, quantity: Decimal, asked: Decimal) -> Refused | None:
    """Refuse a quantity (on the grid; `asked` before rounding) outside LOT_SIZE."""
    if quantity <= 0:
        step = money.text(rules.step_size)
        return _refused("LOT_SIZE", f"quantity must be at least one step of {step}, was {money.text(asked)}")
    if quantity < rules.min_quantity:
        return _refused("LOT_SIZE", f"quantity must be >= {money.text(rules.min_quantity)}, was {money.text(quantity)}")
    if rules.max_quantity and quantity > rules.max_quantity:
        return _refused("LOT_SIZE", f"quantity must be <= {money.text(rules.max_quantity)}, was {money.text(quantity)}")
    return None


def check_notional(rules: SymbolRules, quantity: Decimal, price: Decimal) -> Refused | None:
    """Refuse an order worth less than NOTIONAL.minNotional at `price`."""
    notional = quantity * price
    if notional < rules.min_notional:
        return _refused("NOTIONAL", f"value must be >= {money.text(rules.min_notional)}, was {money.text(notional)}")
    return None


def check_price(name: str, price: Decimal, market_price: Decimal | None) -> Refused | None:
    """Refuse a price far off the market's: below 0.2 or above 5 times of it (PERCENT_PRICE_BY_SIDE)."""
    if price <= 0:
        return _refused("PRICE_FILTER", f"{name} must be at least one tick, was {money.text(price)}")
    if market_price is not None and not market_price * PERCENT_DOWN <= price <= market_price * PERCENT_UP:
        return _refused(
            "PERCENT_PRICE_BY_SIDE",
            f"{name} must be 0.2 to 5 times the market price {money.text(market_price)}, was {money.text(price)}",
        )
    return None


def _refused(name: str, message: str) -> Refused:
    return Refused(Refusal.FILTER_FAILURE, f"{name}: {message}")
