"""Every message and every journal document comes back exactly as it was written."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.message_codec import UNKNOWN, MessageCodec, message_types, read_document, tagged
from domain.errors import LedgerFenced
from domain.journal import date, seal
from domain.messages import BatchWritten, Ping, SettingsApplied, SubmitOrder, TradePrinted
from settings import as_recorded, parse_settings, settings_hash
from tests.messages import values

CODEC = MessageCodec(plain=as_recorded, settings=parse_settings)


def same(one: object, other: object) -> bool:
    """Compare to the last zero of every Decimal: == takes 1.5 for 1.50."""
    return repr(one) == repr(other)


@pytest.mark.parametrize("name", sorted(set(message_types()) - {"BatchWritten", "SettingsApplied"}))
@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_message_comes_back_exactly(name: str, data: st.DataObject) -> None:
    message = data.draw(values(message_types()[name]))
    written, body = CODEC.encode(message)
    assert written == name
    assert same(CODEC.decode(name, body), message)
    assert CODEC.encode(CODEC.decode(name, body)) == (name, body)


def test_what_is_told_to_bots_broker_and_analysts_is_all_known() -> None:
    assert {TradePrinted, SubmitOrder, Ping, BatchWritten, SettingsApplied} <= set(message_types().values())


def test_settings_come_back_deciding_the_same() -> None:
    told = SettingsApplied(settings=parse_settings({"paper": {"latency_ms": 250}}), settings_hash="h")
    read = CODEC.decode(*CODEC.encode(told))
    assert settings_hash(read.settings) == settings_hash(told.settings)
    assert read.settings.paper == told.settings.paper


def test_no_address_of_a_webhook_is_written() -> None:
    told = parse_settings({"notifications": {"webhook_url": "https://example.org/secret"}})
    assert b"secret" not in CODEC.encode(SettingsApplied(settings=told, settings_hash="h"))[1]


def test_an_error_keeps_its_kind_its_sentence_and_the_other_writers_epoch() -> None:
    read = CODEC.decode(*CODEC.encode(BatchWritten(LedgerFenced("seq 7 must be free", epoch=3), "hash")))
    assert (type(read.error), str(read.error), read.error.epoch, read.batch) == (
        LedgerFenced, "seq 7 must be free", 3, "hash",
    )  # fmt: skip


def test_a_stranger_is_written_by_name_alone_and_not_read() -> None:
    @dataclass(frozen=True)
    class Stranger:
        at: object

    name, body = CODEC.encode(Stranger(object()))
    assert (name, body) == (UNKNOWN, b'"Stranger"')
    with pytest.raises(ValueError, match="must be one of"):
        CODEC.decode("Stranger", body)


def test_a_document_comes_back_with_its_hash() -> None:
    document = seal(
        {
            "_id": "x",
            "seq": 1,
            "recorded_at": date(1_767_225_600_123),
            "postings": [
                {"account": "cash", "asset": "USDT", "amount": Decimal("1.50")},
                {"account": "deposits", "asset": "USDT", "amount": Decimal("-1.50")},
            ],
            "flag": True,
        },
        "0" * 64,
    )
    read = read_document(tagged(document))
    assert same(read, document)
    assert seal({k: v for k, v in read.items() if k not in ("hash", "prev", "v")}, "0" * 64)["hash"] == document["hash"]


def test_what_no_document_holds_is_refused() -> None:
    with pytest.raises(TypeError, match="a document must hold"):
        tagged({"_id": object()})
