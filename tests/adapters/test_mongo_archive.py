import os
import signal
from dataclasses import replace
from decimal import Decimal

import gevent
import pytest

from adapters.mongo_archive import MongoArchive, matches
from domain.analysis import Action
from domain.errors import LedgerUnavailable
from domain.settlement import Call, read_settlement, settled, settlement_document
from domain.shadow_trade import TradeCosts
from tests.analysis_values import NOW_MS


def flushed(stores) -> None:
    with gevent.Timeout(20):
        while stores.archive.pending:
            gevent.sleep(0.005)


def test_the_newest_documents_come_first(stores):
    for ts in (3, 1, 2):
        stores.archive.save("opinions", {"_id": f"o:{ts}", "ts": ts, "confidence": 0.5, "price": Decimal("1.50")})
    flushed(stores)
    found = stores.archive.recent("opinions", limit=2)
    assert found == (
        {"_id": "o:3", "ts": 3, "confidence": 0.5, "price": Decimal("1.50")},
        {"_id": "o:2", "ts": 2, "confidence": 0.5, "price": Decimal("1.50")},
    )


def test_documents_are_selected_by_their_fields(stores):
    for ts in range(4):
        stores.archive.save("decisions", {"_id": f"d:{ts}", "ts": ts, "symbol": "BTCUSDT" if ts % 2 else "ETHUSDT"})
    flushed(stores)
    found = stores.archive.recent("decisions", limit=10, where={"symbol": "BTCUSDT"})
    assert [document["_id"] for document in found] == ["d:3", "d:1"]


def test_the_same_id_is_kept_once(stores):
    stores.archive.save("news", {"_id": "n:1", "ts": 1, "title": "first"})
    stores.archive.save("news", {"_id": "n:1", "ts": 1, "title": "second"})
    stores.archive.save("news", {"_id": "n:2", "ts": 2, "title": "third"})
    flushed(stores)
    assert [document["title"] for document in stores.archive.recent("news", limit=9)] == ["third", "first"]


def test_the_callers_document_is_not_changed(stores):
    document = {"ts": 1}
    stores.archive.save("equity", document)
    assert document == {"ts": 1}


def test_what_expires_carries_a_date_and_its_index(stores):
    stores.archive.save("news", {"_id": "n:1", "ts": 1})
    flushed(stores)
    news = stores.client[stores.name]["news"]
    assert news.find_one()["stored_at"].tzinfo is not None
    assert news.index_information()["retention"]["expireAfterSeconds"] == 30 * 86_400
    assert "retention" not in stores.client[stores.name]["equity"].index_information()
    assert "retention" not in stores.client[stores.name]["journal"].index_information()


def test_the_oldest_document_is_dropped_when_too_many_wait(stores):
    archive = MongoArchive(stores.client[stores.name], queue_limit=3)
    for ts in range(5):
        archive.save("equity", {"_id": str(ts), "ts": ts})
    assert (archive.pending, archive.dropped) == (3, 2)
    assert archive.close(timeout_seconds=5)
    assert [document["_id"] for document in archive.recent("equity", limit=9)] == ["4", "3", "2"]


@pytest.mark.parametrize("bad", [{"x": object()}, {"x": 2**70}, {"x": "y" * 17_000_000}])
def test_a_document_that_cannot_be_stored_does_not_hold_up_the_others(stores, bad):
    for number, more in enumerate(({}, bad, {})):
        stores.archive.save("llm_calls", {"_id": str(number), "ts": number, **more})
    flushed(stores)
    assert [document["_id"] for document in stores.archive.recent("llm_calls", limit=9)] == ["2", "0"]


@pytest.mark.slow
def test_a_frozen_database_is_waited_for_and_reads_say_so(stores, mongod):
    os.kill(mongod.pid, signal.SIGSTOP)
    try:
        stores.archive.save("equity", {"_id": "1", "ts": 1})
        with gevent.Timeout(60), pytest.raises(LedgerUnavailable, match="equity could not be read"):
            stores.archive.recent("equity", limit=1)
        assert stores.archive.pending == 1
    finally:
        os.kill(mongod.pid, signal.SIGCONT)
    flushed(stores)
    assert [document["_id"] for document in stores.archive.recent("equity", limit=9)] == ["1"]


def test_what_an_analyst_settled_reads_back_and_a_repeat_changes_nothing(stores):
    settlement = settled(
        Call(
            opinion_id="opinion:grok:BTCUSDT:1",
            pair="BTCUSDT",
            action=Action.SELL,
            confidence=0.7,
            horizon_minutes=30,
            formed_ms=NOW_MS - 60_000,
            cost_usd=Decimal("0.0012"),
        ),
        "own",
        start_ms=NOW_MS,
        entry=Decimal("100.10"),
        due_ms=NOW_MS + 1_800_000,
        end=Decimal("99.5"),
        costs=TradeCosts(fee=0.001, maker_fee=0.001, slippage=0.0005),
        counted=True,
    )
    settlement = replace(settlement, cost_usd=Decimal("0.0024"))
    document = settlement_document("grok", settlement)
    again = {**document, "hit": False, "exit": Decimal(1)}
    later = {**document, "_id": "later", "ts": NOW_MS + 9_000_000}
    others = {**document, "_id": "other", "analyst": "gpt"}
    for each in (document, again, later, others):
        stores.archive.save("settlements", each)
    flushed(stores)
    where = {"analyst": "grok", "label": "own", "counted": True, "ts": {"$gte": NOW_MS, "$lte": NOW_MS + 1_800_000}}
    found = stores.archive.recent("settlements", limit=9, where=where)
    assert [read_settlement(each) for each in found] == [settlement]


def test_an_analysts_documents_are_found_by_an_index(stores):
    names = {index["name"] for index in stores.client[stores.name]["settlements"].list_indexes()}
    assert {"ts", "analyst_ts", "counted", "retention"} <= names


def test_what_is_still_queued_is_read_with_what_is_stored(stores):
    stores.archive.save("opinions", {"_id": "1", "ts": 1, "analyst": "grok", "usd": Decimal("0.1")})
    flushed(stores)
    for number, analyst in ((1, "grok"), (2, "grok"), (3, "gpt"), (4, "grok"), (9, "grok")):
        stores.archive.save("opinions", {"_id": str(number), "ts": number, "analyst": analyst})
    stores.archive.save("news", {"_id": "5", "ts": 5, "analyst": "grok"})
    assert stores.archive.pending == 6  # nothing was waited for
    where = {"analyst": "grok", "ts": {"$gte": 1, "$lt": 9}}
    found = stores.archive.recent("opinions", limit=9, where=where)
    assert found == (
        {"_id": "4", "ts": 4, "analyst": "grok"},
        {"_id": "2", "ts": 2, "analyst": "grok"},
        {"_id": "1", "ts": 1, "analyst": "grok", "usd": Decimal("0.1")},  # the first of an id stays
    )
    flushed(stores)
    assert stores.archive.recent("opinions", limit=9, where=where) == found
    assert stores.archive.recent("opinions", limit=1, where=where) == found[:1]


@pytest.mark.parametrize(
    "where", [{}, {"a": 2}, {"a": {"$gt": 1}}, {"a": {"$gte": 2, "$lte": 2}}, {"a": {"$lt": 3}}, {"b": None}]
)
def test_a_queued_document_is_selected_as_a_stored_one_is(stores, where):
    documents = [
        {"_id": "1", "ts": 1},
        {"_id": "2", "ts": 2, "a": 2},
        {"_id": "3", "ts": 3, "a": Decimal("2.5"), "b": "x"},
    ]
    for each in documents:
        stores.archive.save("opinions", each)
    expected = [each["_id"] for each in reversed(documents) if matches(each, where)]
    flushed(stores)
    assert [each["_id"] for each in stores.archive.recent("opinions", limit=9, where=where)] == expected
