"""Reading the parts of a plain document, and comparing one with what it must be."""

from collections.abc import Iterator, Mapping
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_UP, Decimal

from ledger.canonical import Plain, decimal_text
from ledger.chain import STEP, number_of

ZERO = Decimal(0)
MEAN_STEP = Decimal("0.000000000001")  # mean prices have 12 decimals


def part(document: Mapping[str, object], name: str) -> Plain:
    """Return the document within a document.

    Raises:
        ValueError: there is none.
    """
    found = document.get(name)
    if not isinstance(found, dict):
        raise ValueError(f"{name} must be a document, was {found!r}")
    return found


def number(document: Mapping[str, object], name: str) -> Decimal:
    """Return a decimal field.

    Raises:
        ValueError: it is none.
    """
    return number_of(document.get(name), name)


def whole(document: Mapping[str, object], name: str) -> int:
    """Return a whole-number field.

    Raises:
        ValueError: it is none.
    """
    value = document.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number, was {value!r}")
    return value


def present(fields: Mapping[str, object]) -> Plain:
    """Return the fields that have a value, decimals as text."""
    return {
        name: decimal_text(value) if isinstance(value, Decimal) else value
        for name, value in fields.items()
        if value is not None
    }


def differences(expected: Mapping[str, object], stated: Mapping[str, object], place: str) -> Iterator[str]:
    """Yield one sentence for each field of `stated` that is not as expected."""
    for name in sorted(expected.keys() | stated.keys()):
        if expected.get(name) != stated.get(name):
            yield f"{place}.{name} must be {told(expected.get(name))}, stated is {told(stated.get(name))}"


def told(value: object) -> str:
    """Return a plain value as people read it."""
    return "nothing" if value is None else str(value)


def up(value: Decimal) -> Decimal:
    return value.quantize(STEP, rounding=ROUND_UP)


def down(value: Decimal) -> Decimal:
    return value.quantize(STEP, rounding=ROUND_DOWN)


def half_even(value: Decimal) -> Decimal:
    return value.quantize(STEP, rounding=ROUND_HALF_EVEN)


def mean(amount: Decimal, quantity: Decimal) -> Decimal:
    """Return a mean price."""
    return (amount / quantity).quantize(MEAN_STEP, rounding=ROUND_HALF_EVEN)


def share(amount: Decimal, of: Decimal, whole_quantity: Decimal) -> Decimal:
    """Return what a part of a quantity has of `amount`: rounded down, all for all."""
    return amount if of == whole_quantity else down(amount * of / whole_quantity)
