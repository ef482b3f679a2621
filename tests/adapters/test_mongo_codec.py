from datetime import UTC, datetime
from decimal import Decimal, Inexact

import bson
import pytest
from bson import Decimal128, Int64
from hypothesis import given
from hypothesis import strategies as st

from adapters.mongo_codec import CODEC, date, from_decimal128, journal_bson, to_decimal128
from domain.trading import Side


@given(st.decimals(allow_nan=False, allow_infinity=False).filter(lambda d: len(d.as_tuple().digits) <= 34))
def test_decimals_are_coded_as_the_driver_does(value):
    if -6100 < value.as_tuple().exponent < 6000:
        coded = to_decimal128(value)
        assert coded == Decimal128(value)
        assert from_decimal128(coded).as_tuple() == coded.to_decimal().as_tuple() == value.as_tuple()


@pytest.mark.parametrize(
    "text",
    [
        *("0", "-0", "0.00", "-0.00", "1E+3", "0E-8", "0E+8", "100000.00000000", "-0.00000001", "1.5E+10", "1E-20"),
        *("9" * 34, "-" + "9" * 34, "0." + "9" * 34, "9" * 26 + "." + "9" * 8),
        *(str(2**64 - 1), str(2**64), str(2**113)[:34]),
    ],
)
def test_edges_are_coded_as_the_driver_does(text):
    value = Decimal(text)
    assert to_decimal128(value) == Decimal128(value)
    assert from_decimal128(Decimal128(value)).as_tuple() == value.as_tuple()


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_special_values_pass_through(text):
    assert str(from_decimal128(to_decimal128(Decimal(text)))) == text


def test_more_than_34_digits_are_refused():
    with pytest.raises(Inexact):
        to_decimal128(Decimal("1." + "0" * 33 + "1"))


def test_a_journal_document_survives_the_round_trip():
    document = {"seq": 1, "ts": 5, "recorded_at": 1_767_225_600_123, "side": Side.BUY, "levels": [[Decimal("1.50"), 2]]}
    stored = journal_bson(document)
    assert (type(stored["seq"]), type(stored["ts"])) == (Int64, Int64)
    read = bson.decode(bson.encode(stored, codec_options=CODEC), codec_options=CODEC)
    assert read == document | {"recorded_at": datetime(2026, 1, 1, 0, 0, 0, 123_000, tzinfo=UTC)}
    assert type(read["seq"]) is int
    assert str(read["levels"][0][0]) == "1.50"
    assert date(1_767_225_600_123) == read["recorded_at"]
