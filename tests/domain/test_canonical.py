"""The fast canonical JSON says what the plain way of writing it says, for whatever may stand in a document."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import canonical
from domain.errors import InvariantError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Colour(StrEnum):
    RED = "red"


def plain(value):
    """Write `value` the slow and obvious way."""
    match value:
        case Decimal():
            text = format(value, "f")
            text = text.rstrip("0").rstrip(".") if "." in text else text
            return "0" if text in ("", "-", "-0") else text
        case datetime():
            return round((value - EPOCH) / timedelta(milliseconds=1))
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
    return value


texts = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=6)
decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=8)
leaves = st.one_of(
    texts,
    st.booleans(),
    st.integers(),
    decimals,
    st.sampled_from([Decimal("-0.00"), Decimal("0E-8"), Decimal("1E+3"), Decimal("5E-7"), Colour.RED]),
    st.integers(min_value=0, max_value=4_000_000_000_000).map(lambda ms: EPOCH + timedelta(milliseconds=ms)),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=4), st.tuples(inner, inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.one_of(texts, st.sampled_from(["%", "%s", "a%%b", 'a"b', "\\"])), values, max_size=6))
def test_it_is_sorted_json_without_spaces(part):
    expected = json.dumps(plain(part), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical.text(part) == expected


def test_the_order_in_which_keys_were_put_in_does_not_matter():
    assert canonical.text({"b": 1, "a": {"d": 2, "c": 3}}) == canonical.text({"a": {"c": 3, "d": 2}, "b": 1})


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ({"a": {"b": [1, 1.5]}}, "a.b must be text, a whole number"),
        ({"a": 1, "b": {"c": None}}, "b.c must be text, a whole number"),
        ({"a": Decimal("NaN"), "b": 1}, "a must be finite, was NaN"),
        ({"a": Decimal("sNaN"), "b": 1}, "finite numbers: Cannot hash a signaling NaN"),
        ({"a": [{"b": Decimal("1." + "1" * 34)}]}, "a.b must have at most 34 digits"),
        ({"a": datetime(2026, 1, 1)}, "a must be an aware datetime"),  # noqa: DTZ001 - what must be refused
        ({"a": datetime(2026, 1, 1, microsecond=1500, tzinfo=UTC)}, "a must be in whole milliseconds"),
    ],
)
def test_what_cannot_be_stored_is_named_with_its_place(part, sentence):
    with pytest.raises(InvariantError, match=sentence):
        canonical.text(part)


def test_a_decimal_of_34_digits_is_written_in_full_and_zeros_do_not_count():
    digits = "1." + "2" * 33
    assert canonical.text({"a": Decimal(digits), "b": Decimal("1." + "0" * 40)}) == f'{{"a":"{digits}","b":"1"}}'
