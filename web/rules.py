"""The rules that fields of client messages obey: each checks a value, and says as a JSON Schema what it lets through.

Numbers may be JSON numbers or decimal strings; NaN, true and "" are none.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from domain.views import TOPICS

MAX_DIGITS, MAX_DECIMALS = 30, 20  # of a number: a Decimal128 holds 34 digits, and products of two are to be exact
TOO_LONG = f"must have at most {MAX_DIGITS} digits and {MAX_DECIMALS} decimals"
MAX_ITEMS = 1000  # of a list

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
Schema = dict[str, object]


@dataclass(frozen=True, slots=True)
class Rule(Generic[T_co]):
    """Calling it with a field's name and value returns the checked value, or raises Bad."""

    check: Callable[[str, object], T_co]
    words: str  # what a value must be
    schema: Schema

    def __call__(self, name: str, value: object) -> T_co:
        return self.check(name, value)


def shown(value: object) -> str:
    """Return a value as an error text may quote it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(value) if len(value) <= 60 else repr(value[:57] + "...")
    if isinstance(value, int | Decimal):
        text = str(value) if not isinstance(value, int) or abs(value) < 10**60 else "a very large number"
        return text if len(text) <= 60 else "a number of more than 60 digits"
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "something else"


class Bad(Exception):
    """A field breaks its rule."""

    def __init__(self, name: str, rule: str, value: object, *, given: bool = True) -> None:
        super().__init__(f"{name} {rule}, was {shown(value) if given else 'missing'}")


def number(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and len(value) <= 64 and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, int) and abs(value) < 10**30:
        return Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        return None
    if value == 0:
        return Decimal(0)
    return None if value.adjusted() >= MAX_DIGITS or is_too_long(value) else value


def is_too_long(value: object) -> bool:
    """Return whether `value` is a number that an amount or price of the journal could not keep exactly."""
    if isinstance(value, str) and len(value) <= 64 and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        return False
    _, digits, exponent = value.as_tuple()
    return not isinstance(exponent, int) or exponent < -MAX_DECIMALS or len(digits) > MAX_DIGITS


def _number_schema(**limits: object) -> Schema:
    return {"anyOf": [{"type": "number", **limits}, {"type": "string", "pattern": f"^{_NUMBER.pattern}$"}]}


def between(low: str, high: str, *, above: bool = False) -> Rule[Decimal]:
    """A number from `low` to `high`; with `above` greater than `low`."""
    floor, top = Decimal(low), Decimal(high)
    words = f"must be a number {'greater than ' + low + ' and at most' if above else 'from ' + low + ' to'} {high}"

    def read(name: str, value: object) -> Decimal:
        found = number(value)
        if found is None and is_too_long(value):
            raise Bad(name, TOO_LONG, value)
        if found is None or found > top or found < floor or (above and found == floor):
            raise Bad(name, words, value, given=value is not None)
        return found

    least = "exclusiveMinimum" if above else "minimum"
    return Rule(read, words, _number_schema(**{least: int(floor), "maximum": int(top)}))


def whole(low: int, high: int) -> Rule[int]:
    """A whole number from `low` to `high`."""
    words = f"must be a whole number from {low} to {high}"

    def read(name: str, value: object) -> int:
        found = number(value)
        if found is None or found != found.to_integral_value() or not low <= found <= high:
            raise Bad(name, words, value, given=value is not None)
        return int(found)

    return Rule(read, words, _number_schema(minimum=low, maximum=high, multipleOf=1))


def one_of(choices: Mapping[str, T]) -> Rule[T]:
    """One of these words, in any case."""
    words = f"must be one of {', '.join(choices)}"

    def read(name: str, value: object) -> T:
        found = choices.get(value.lower()) if isinstance(value, str) else None
        if found is None:
            raise Bad(name, words, value, given=value is not None)
        return found

    return Rule(read, words, {"type": "string", "pattern": f"^(?i:{'|'.join(choices)})$"})


def matching(pattern: str, words: str) -> Rule[str]:
    """Text of a form."""
    form = re.compile(pattern, re.ASCII)

    def read(name: str, value: object) -> str:
        if not isinstance(value, str) or form.fullmatch(value) is None:
            raise Bad(name, words, value, given=value is not None)
        return value

    return Rule(read, words, {"type": "string", "pattern": f"^{pattern}$"})


def list_of(item: Rule[str]) -> Rule[tuple[str, ...]]:
    """A list, of which repeats are left out."""
    words = f"must be a list of at most {MAX_ITEMS}"

    def read(name: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            raise Bad(name, words, value)
        return tuple(dict.fromkeys(item(f"{name}[{index}]", each) for index, each in enumerate(value)))

    schema: Schema = {"type": "array", "items": item.schema, "maxItems": MAX_ITEMS}
    return Rule(read, f"{words}; each {item.words}", schema)


def _read_symbol(name: str, value: object) -> str:
    symbol = value.upper() if isinstance(value, str) and len(value) <= 30 else ""
    if re.fullmatch(r"[A-Z0-9]{2,30}", symbol, re.ASCII) is None:
        raise Bad(name, SYMBOL.words, value, given=value is not None)
    return symbol


def _read_topic(name: str, value: object) -> str:
    if not isinstance(value, str) or value not in TOPICS:
        raise Bad(name, TOPIC.words, value)
    return value


def _read_timestamp(name: str, value: object) -> Decimal | str:
    found = number(value)
    if isinstance(value, str) and len(value) <= 64:
        return value
    if found is None or isinstance(value, str):
        raise Bad(name, TIMESTAMP.words, value)
    return found


def _read_flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise Bad(name, FLAG.words, value)
    return value


FLAG = Rule(_read_flag, "must be true or false", {"type": "boolean"})
SYMBOL = Rule(_read_symbol, "must be a pair such as BTCUSDT", {"type": "string", "pattern": "^[A-Za-z0-9]{2,30}$"})
TOPIC = Rule(
    _read_topic,
    "must be the type of a server message, such as price_update",
    {"type": "string", "enum": list(TOPICS)},
)
TIMESTAMP = Rule(
    _read_timestamp,
    "must be a number or a short text",
    {"anyOf": [{"type": "number"}, {"type": "string", "maxLength": 64}]},
)
POSITIVE = between("0", "1000000000000", above=True)
NOT_NEGATIVE = between("0", "1000000000000")
TRADE_ID = matching("[A-Za-z0-9._~-]{1,100}", "must be 1 to 100 letters, digits and . _ ~ -")
ORDER_ID = matching("[!-~]{1,160}", "must be 1 to 160 visible characters")
GATE = matching("[a-z_]{1,40}", "must be the name of a gate, such as cooldown")
SETTING = matching("[a-z_]{1,60}([.][a-z_]{1,60}){0,3}", "must be a bot setting, such as leverage")
INTERVAL = matching("[0-9]{1,2}[smhdwM]", "must be an interval such as 1m")
EPOCH_MS = whole(0, 10**14)
LIMIT_500 = whole(1, 500)

_SECONDS = between("0", "100000000000")
EPOCH_SECONDS = Rule(lambda name, value: int(_SECONDS(name, value) * 1000), _SECONDS.words, _SECONDS.schema)
