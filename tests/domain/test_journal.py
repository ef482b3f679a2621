"""One canonical form, one hash, one chain: what survives a BSON round trip and what a change of one byte does."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256

import pytest
from bson import Int64, decode, encode
from bson.codec_options import CodecOptions, TypeCodec, TypeRegistry
from bson.decimal128 import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from domain import journal
from domain.errors import InvariantError, LedgerCorrupt

D = Decimal
BODY = {
    "_id": "deposit",
    "seq": 1,
    "type": "deposit",
    "ts": 1_767_225_600_000,
    "recorded_at": datetime(2026, 1, 1, 0, 0, 0, 1000, tzinfo=UTC),
    "postings": [
        {"account": "deposits", "asset": "USDT", "amount": D("-1E+2")},
        {"account": "cash", "asset": "USDT", "amount": D("100.00")},
    ],
}


class _DecimalCodec(TypeCodec):
    python_type, bson_type = Decimal, Decimal128

    def transform_python(self, value):
        return Decimal128(value)

    def transform_bson(self, value):
        return value.to_decimal()


BSON = CodecOptions(tz_aware=True, type_registry=TypeRegistry([_DecimalCodec()]))


def test_canonical_json_is_sorted_without_spaces_and_without_the_hash():
    document = {"b": D("1.50"), "a": "ü", "hash": "x", "recorded_at": BODY["recorded_at"], "c": [True, D("-0.00")]}
    assert journal.canonical(document) == '{"a":"ü","b":"1.5","c":[true,"0"],"recorded_at":1767225600001}'.encode()


@pytest.mark.parametrize(
    ("value", "text"), [("1E+2", "100"), ("100", "100"), ("0.10", "0.1"), ("-0", "0"), ("1E-8", "0.00000001")]
)
def test_equal_decimals_have_one_text(value, text):
    assert json.loads(journal.canonical({"x": D(value)})) == {"x": text}


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        None,
        D("NaN"),
        D("Infinity"),
        D("1." + "1" * 34),
        datetime(2026, 1, 1),  # noqa: DTZ001 - a naive one is what must be refused
        datetime(2026, 1, 1, microsecond=1, tzinfo=UTC),
        b"bytes",
        {1, 2},
    ],
)
def test_what_would_not_survive_storage_is_refused(value):
    with pytest.raises(InvariantError):
        journal.canonical({"x": {"y": [value]}})


def test_the_hash_is_of_the_predecessor_and_the_canonical_json():
    sealed = journal.seal(BODY, journal.GENESIS)
    expected = sha256(("0" * 64).encode() + journal.canonical({**BODY, "v": 1, "prev": "0" * 64})).hexdigest()
    assert (sealed["prev"], sealed["v"], sealed["hash"]) == ("0" * 64, 1, expected)
    journal.verify(sealed, seq=1, prev=journal.GENESIS)


def test_unbalanced_postings_are_never_sealed():
    body = {**BODY, "postings": [{"account": "cash", "asset": "USDT", "amount": D("0.00000001")}]}
    with pytest.raises(InvariantError, match=r"USDT 0\.00000001"):
        journal.seal(body, journal.GENESIS)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"ts": 1_767_225_600_001}, "it was changed"),
        ({"seq": 2}, "gap"),
        ({"prev": "1" * 64}, "predecessor"),
        ({"hash": "0" * 64}, "it was changed"),
        ({"postings": [{"account": "cash", "asset": "USDT", "amount": D("1")}]}, "it was changed"),
        ({"extra": 1.0}, "cannot be hashed"),
    ],
)
def test_a_changed_document_is_named(change, found):
    sealed = {**journal.seal(BODY, journal.GENESIS), **change}
    with pytest.raises(LedgerCorrupt, match=found):
        journal.verify(sealed, seq=1, prev=journal.GENESIS)


def test_dates_of_any_zone_are_their_moment():
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert journal.epoch_ms(noon) == journal.epoch_ms(datetime(2026, 1, 1, 10, tzinfo=UTC))
    assert journal.date(1_767_225_600_123).microsecond == 123_000


decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=8)
dates = st.integers(min_value=0, max_value=4_000_000_000_000).map(journal.date)
integers = st.integers(min_value=-(2**63), max_value=2**63 - 1)
texts = st.text(alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=8)
names = st.text(alphabet="abcdefgh_", min_size=1, max_size=6)
values = st.recursive(
    st.one_of(decimals, dates, integers, st.booleans(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(names, values, max_size=5))
def test_the_hash_survives_a_bson_round_trip(document):
    stored = decode(encode(document, codec_options=BSON), codec_options=BSON)
    assert journal.digest(stored, journal.GENESIS) == journal.digest(document, journal.GENESIS)


def test_an_int64_is_an_integer():
    assert journal.canonical({"seq": Int64(5)}) == journal.canonical({"seq": 5})


@pytest.mark.parametrize("version", [1, journal.SCHEMA_VERSION, None, "2", True])
def test_a_journal_of_a_known_version_or_none_is_read(version):
    assert journal.unknown_version({"seq": 7, "v": version}) == ""


def test_a_journal_of_a_newer_version_is_left_alone():
    newer = journal.SCHEMA_VERSION + 1
    sentence = journal.unknown_version({"seq": 7, "v": newer})
    assert f"document seq 7 is of {newer}" in sentence
    assert "install that one" in sentence
