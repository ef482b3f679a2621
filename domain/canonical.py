"""Canonical JSON, written fast: sorted keys, no spaces, Decimals as strings, dates as milliseconds. No float, no null.

The journal's documents have few shapes: the sorted order of a shape's keys is found once, as a template. Balances and
prices stand in one document after the other: their texts are kept.
"""

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any

from domain import money
from domain.errors import InvariantError

DIGITS = 34  # of a Decimal128
SHAPES, TEXTS = 1024, 8192  # kept
_EXACT = Context(prec=DIGITS, traps=[Inexact])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Write = Callable[[Any], str]


def text(part: Mapping[str, object]) -> str:
    """Return the canonical JSON of `part`.

    Raises:
        InvariantError: a value that would not survive a BSON round trip; it names the value and where it stands.
    """
    try:
        return _object(part)
    except InvariantError as error:
        raise InvariantError(f"{_path(part)} {error}") from None
    except TypeError as error:  # a signaling NaN has no hash, keys of unlike types have no order
        raise InvariantError(f"a document must have text as keys and finite numbers: {error}") from error


def epoch_ms(value: datetime) -> int:
    """Return an aware datetime as epoch milliseconds, exactly.

    Raises:
        InvariantError: it has no zone, or a fraction of a millisecond.
    """
    if value.tzinfo is None:
        raise InvariantError(f"must be an aware datetime, was {value!r}")
    since = value - _EPOCH
    ms, rest = divmod(since.microseconds, 1000)
    if rest:
        raise InvariantError(f"must be in whole milliseconds, was {value!r}")
    return (since.days * 86_400 + since.seconds) * 1000 + ms


def _object(part: Mapping[str, object]) -> str:
    keys = tuple(part)
    if len(keys) < 2:  # itemgetter returns no tuple then
        return (
            "{" + ",".join([f"{encode_basestring(key)}:{_WRITERS[type(part[key])](part[key])}" for key in keys]) + "}"
        )
    template, pick = _shape(keys)
    return template % tuple([_WRITERS[type(value)](value) for value in pick(part)])


@functools.lru_cache(maxsize=SHAPES)
def _shape(keys: tuple[str, ...]) -> tuple[str, "itemgetter[Any]"]:
    """Return the template of an object with these keys, and what picks its values in the template's order."""
    ordered = sorted(keys)
    members = ",".join(encode_basestring(key).replace("%", "%%") + ":%s" for key in ordered)
    return "{" + members + "}", itemgetter(*ordered)


def _array(values: list[object] | tuple[object, ...]) -> str:
    return "[" + ",".join([_WRITERS[type(value)](value) for value in values]) + "]"


@functools.lru_cache(maxsize=TEXTS)  # equal Decimals have one text, whatever zeros they end with
def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise InvariantError(f"must be finite, was {value}")
    try:
        _EXACT.plus(value)
    except Inexact:
        raise InvariantError(f"must have at most {DIGITS} digits, was {value}") from None
    return f'"{money.text(value)}"'


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _date(value: datetime) -> str:
    return str(epoch_ms(value))


def _nothing(value: object) -> str:
    raise InvariantError(f"must be text, a whole number, a Decimal, a date or made of these, was {value!r}")


class _Writers(dict[type, Write]):
    """The function that writes a value, by its type; a derived type (a StrEnum) is written as what it derives from."""

    def __missing__(self, kind: type) -> Write:
        write = next((self[known] for known in tuple(self) if issubclass(kind, known)), _nothing)
        self[kind] = write
        return write


_WRITERS = _Writers(
    {
        str: encode_basestring,
        bool: _bool,
        int: int.__repr__,
        Decimal: _decimal,
        datetime: _date,
        dict: _object,
        list: _array,
        tuple: _array,
    }
)


def _path(value: object, path: str = "") -> str:
    """Return where the first value stands that cannot be written."""
    inner: list[tuple[str, object]] = []
    if isinstance(value, Mapping):
        inner = [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        inner = [(path, item) for item in value]
    for place, item in inner:
        try:
            _WRITERS[type(item)](item)
        except InvariantError:
            return _path(item, place)
    return path
