"""Frames as they go out: exact numbers, absent fields, RFC 6455 headers."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvariantError
from domain.trading import Side
from domain.views import ABSENT, ActorView
from web import wire


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (Decimal("99949.95"), b"99949.95"),
        (Decimal("99949.95000000"), b"99949.95"),
        (Decimal("1E+2"), b"100"),
        (Decimal("1E-8"), b"0.00000001"),
        (Decimal("0E-8"), b"0"),
        (Decimal("-0.00"), b"0"),
        (Decimal("-12.50"), b"-12.5"),
        (Decimal("123456789012345678.12345678"), b"123456789012345678.12345678"),
        (0.1 + 0.2, b"0.3"),
        (1 / 3, b"0.3333333333"),
        (float("nan"), b"null"),
        (float("-inf"), b"null"),
        (7, b"7"),
        (True, b"true"),
        (None, b"null"),
        (Side.BUY, b'"buy"'),
        (("a", Decimal(1)), b'["a",1]'),
        ({"a": ABSENT, "b": None}, b'{"b":null}'),
        ("\u2028</script>", '"\u2028</script>"'.encode()),
    ],
)
def test_values_are_written_exactly(number, written):
    assert wire.message("t", number) == b'{"type":"t","data":' + written + b"}"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_money_that_is_no_number_is_never_written(number):
    with pytest.raises(InvariantError, match="must be finite"):
        wire.message("t", {"balance": Decimal(number)})


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**15), max_value=10**15))
def test_money_survives_the_wire_to_the_last_decimal(number):
    written = json.loads(wire.message("t", number), parse_float=Decimal, parse_int=Decimal)["data"]
    assert written == number


def test_absent_fields_are_left_out_and_none_is_null():
    view = ActorView(name="hub", state="running", restarts=0, mailbox=0, error="boom")
    assert wire.message("actor_status", view) == (
        b'{"type":"actor_status","data":{"name":"hub","state":"running","restarts":0,"mailbox":0,"error":"boom"}}'
    )


def test_the_envelope_carries_what_is_given():
    assert wire.message("t", {}, request_id="r", ledger_seq=5, warnings=("w",)) == (
        b'{"type":"t","data":{},"request_id":"r","ledger_seq":5,"warnings":["w"]}'
    )
    assert wire.pong(Decimal("1.5"), None) == b'{"type":"pong","timestamp":1.5}'


def test_what_is_no_view_is_refused():
    with pytest.raises(TypeError):
        wire.message("t", object())


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_frame_headers(size, head):
    assert wire.frame(wire.TEXT, b"x" * size) == head + b"x" * size


def test_a_close_reason_is_cut_between_characters():
    frame = wire.close_frame(1013, "é" * 100)
    assert len(frame) <= 127
    assert frame[4:].decode() == "é" * 61
