import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from bson import Decimal128, Int64
from hypothesis import given
from hypothesis import strategies as st

from domain import journal, money
from ledger.canonical import NotCanonical, chain_hash, decimal_text, plain, to_json

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value="-1e20", max_value="1e20", places=8)
LEAVES = (
    st.text(max_size=8)
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | DECIMALS
    | st.integers(0, 4_102_444_800_000).map(lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


def test_the_hash_is_that_of_prev_and_sorted_json_without_spaces():
    document = {
        "v": 1,
        "_id": "fill:ü:1",
        "ts": Int64(1_767_225_600_000),
        "recorded_at": datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC),
        "fill": {"price": Decimal128("1E+2"), "catch_up": False, "quantity": Decimal("0.0100"), "fee": Decimal("-0.0")},
        "prev": "a" * 64,
        "hash": "b" * 64,
    }
    written = (
        '{"_id":"fill:ü:1","fill":{"catch_up":false,"fee":"0","price":"100","quantity":"0.01"},'
        f'"prev":"{"a" * 64}","recorded_at":1767225600250,"ts":1767225600000,"v":1}}'
    )
    assert chain_hash(plain(document)) == hashlib.sha256(("a" * 64 + written).encode()).hexdigest()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("-0.00", "0"),
        ("0E+8", "0"),
        ("1E+3", "1000"),
        ("-1.500", "-1.5"),
        ("0.00000001", "0.00000001"),
        ("1E-8", "0.00000001"),
        ("100000.00000000", "100000"),
        ("-123456789012345678901234.00000001", "-123456789012345678901234.00000001"),
    ],
)
def test_a_decimal_is_written_in_one_way(value, text):
    assert decimal_text(Decimal(value)) == text


@given(DECIMALS | st.decimals(allow_nan=False, allow_infinity=False, min_value="-1e15", max_value="1e15"))
def test_the_desk_writes_decimals_the_same_way(value):
    value = +value  # 28 digits
    assert decimal_text(value) == money.text(value)


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=5))
def test_the_desk_hashes_every_document_the_same_way(document):
    document["prev"] = "c" * 64
    assert chain_hash(plain(document)) == journal.digest(document, "c" * 64)
    assert to_json(plain({k: v for k, v in document.items() if k != "hash"})).encode() == journal.canonical(document)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"a": [1, {"b": 0.5}]}, r"a\[1\]\.b .* was a float"),
        ({"a": None}, "a .* was null"),
        ({"a": Decimal("NaN")}, "a must be finite"),
        ({"a": Decimal128("Infinity")}, "a must be finite"),
        ({"a": b"x"}, "a .* was a bytes"),
    ],
)
def test_what_a_journal_may_not_hold_is_named_by_its_place(value, found):
    with pytest.raises(NotCanonical, match=found):
        plain(value)
