"""Messages of every type with values of every kind in them, made from the types' own annotations."""

import collections.abc
import dataclasses
import enum
import types
import typing
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from domain.errors import LedgerFenced, LedgerUnavailable
from settings import Settings

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [Decimal("0E-8"), Decimal("-0"), Decimal("1.50"), Decimal("1E+3"), Decimal("0.00000001")]
)
ERRORS = [LedgerUnavailable("the database is away"), LedgerFenced("seq 7 must be free", epoch=3)]
_PLAIN = {
    bool: st.booleans(),
    int: st.integers(-(2**62), 2**62),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(),
    Decimal: DECIMALS,
    type(None): st.none(),
    object: st.just(Settings()),
    Exception: st.sampled_from(ERRORS),
}


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Return values that fit `annotation`."""
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(values, parts))
    if origin is typing.Literal:
        return st.sampled_from(parts)
    if origin in (dict, collections.abc.Mapping):
        return st.dictionaries(*map(values, parts), max_size=3)
    if origin is tuple and parts[-1] is Ellipsis:
        return st.lists(values(parts[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, parts))
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return st.sampled_from(annotation)
    if isinstance(annotation, type) and (dataclasses.is_dataclass(annotation) or hasattr(annotation, "_fields")):
        hints = typing.get_type_hints(annotation)
        return st.builds(annotation, **{name: values(hint) for name, hint in hints.items()})
    raise TypeError(f"no values for {annotation!r}")
