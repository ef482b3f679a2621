"""Exact money: eight decimals, the three roundings of the ledger, and one way to write a Decimal."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_UP, Context, Decimal

ZERO = Decimal(0)
_EXACT_LENGTH = 34  # as text: no more digits than that, so nothing is rounded
CENT_OF_MICRO = Decimal("0.00000001")  # the smallest amount the ledger posts
_CONTEXT = Context(prec=34)  # what a Decimal128 can hold
_NINE_DIGITS = Context(prec=9, rounding=ROUND_HALF_EVEN)


def half_even(value: Decimal) -> Decimal:
    """Return `value` with 8 decimals, ties to even: for notionals."""
    return value.quantize(CENT_OF_MICRO, rounding=ROUND_HALF_EVEN, context=_CONTEXT)


def up(value: Decimal) -> Decimal:
    """Return `value` with 8 decimals, away from zero: for fees and holds."""
    return value.quantize(CENT_OF_MICRO, rounding=ROUND_UP, context=_CONTEXT)


def down(value: Decimal) -> Decimal:
    """Return `value` with 8 decimals, towards zero: for margins and released shares."""
    return value.quantize(CENT_OF_MICRO, rounding=ROUND_DOWN, context=_CONTEXT)


def to_step(value: Decimal, step: Decimal) -> Decimal:
    """Return `value` rounded down to a whole multiple of `step` (> 0): Binance LOT_SIZE.stepSize."""
    return (value / step).to_integral_value(rounding=ROUND_DOWN) * step


def to_tick(value: Decimal, tick: Decimal, *, up: bool = False) -> Decimal:
    """Return `value` on the price grid `tick` (> 0), rounded down unless `up`: Binance PRICE_FILTER.tickSize."""
    return (value / tick).to_integral_value(rounding=ROUND_CEILING if up else ROUND_FLOOR) * tick


def text(value: Decimal) -> str:
    """Return the one way a Decimal is written: no exponent, no trailing zeros, `0` for any zero."""
    if not value:
        return "0"
    written = str(value)
    if len(written) <= _EXACT_LENGTH and "E" not in written:
        return written.rstrip("0").rstrip(".") if "." in written else written
    written = format(value.normalize(_CONTEXT), "f")
    return "0" if written == "-0" else written


def mean_text(price: Decimal) -> str:
    """Return a mean price as sentences show it: nine significant digits, more than the grid of any price has."""
    return text(price.normalize(_NINE_DIGITS))
