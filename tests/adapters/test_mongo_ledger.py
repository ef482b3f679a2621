import os
import signal
from decimal import Decimal

import gevent
import pytest

from adapters.mongo import MongoStores
from adapters.mongo_codec import journal_bson
from adapters.mongo_ledger import encoded
from adapters.mongod import EmbeddedMongod
from domain.errors import InvariantError, LedgerCorrupt, LedgerFenced, LedgerUnavailable
from domain.journal import seal, verify
from domain.ports import Head
from tests.journal_documents import deposit, deposits


def stored_ids(stores: MongoStores) -> list[object]:
    return [document["_id"] for document in stores.ledger.read(after_seq=0)]


def test_an_empty_journal_has_no_head(stores):
    assert stores.ledger.head() is None
    assert stores.ledger.latest_checkpoint() is None
    assert stores.ledger.find("deposit:1") is None
    assert list(stores.ledger.read(after_seq=0)) == []


def test_documents_come_back_as_they_were_sealed(stores):
    document = seal({**deposit(1), "order": {"quantity": Decimal("1.50"), "limit_price": Decimal("1E+2")}}, "0" * 64)
    stores.ledger.append([document])
    (read,) = stores.ledger.read(after_seq=0)
    assert read == document
    assert str(read["order"]["quantity"]) == "1.50"
    assert type(read["seq"]) is int
    verify(read, seq=1, prev="0" * 64)
    assert stores.ledger.find("deposit:1") == document


def test_many_documents_are_found_by_one_query(stores):
    chain = deposits(3)
    stores.ledger.append(chain)
    found = stores.ledger.find_many(["deposit:3", "deposit:1", "deposit:9"])
    assert found == {"deposit:1": chain[0], "deposit:3": chain[2]}


def test_reading_goes_on_over_pages(stores):
    chain = deposits(1203)
    for start in range(0, len(chain), 200):
        stores.ledger.append(chain[start : start + 200])
    assert list(stores.ledger.read(after_seq=3)) == chain[3:]
    assert stores.ledger.head() == Head(seq=1203, hash=chain[-1]["hash"])


def test_the_newest_checkpoint_is_found(stores):
    chain = [seal({**deposit(1), "type": "checkpoint"}, "0" * 64)]
    chain += [seal({**deposit(2), "type": "checkpoint"}, chain[0]["hash"])]
    chain += deposits(1, first=3, prev=chain[1]["hash"])
    stores.ledger.append(chain)
    assert stores.ledger.latest_checkpoint() == chain[1]


def test_sending_the_same_documents_again_is_success(stores):
    chain = deposits(5)
    stores.ledger.append(chain[:3])
    stores.ledger.append(chain[:3])
    stores.ledger.append(chain)
    assert stored_ids(stores) == [d["_id"] for d in chain]


def test_the_missing_suffix_of_a_half_written_batch_is_sent(stores):
    chain = deposits(6)
    stores.client[stores.name]["journal"].insert_many([_bson(d) for d in chain[:4]])
    stores.ledger.append(chain)
    assert stored_ids(stores) == [d["_id"] for d in chain]


def test_an_id_with_another_hash_is_corruption(stores):
    chain = deposits(2)
    stores.ledger.append(chain)
    changed = seal(deposit(3) | {"_id": "deposit:2"}, chain[1]["hash"])
    with pytest.raises(LedgerCorrupt, match=r"'deposit:2' must have one hash"):
        stores.ledger.append([changed])
    assert len(stored_ids(stores)) == 2


def test_a_seq_used_by_another_writer_fences_this_one(stores, mongod):
    chain = deposits(2)
    stores.ledger.append(chain)
    other = MongoStores(uri=mongod.uri, database=stores.name)
    theirs = deposits(1, first=3, prev=chain[1]["hash"], prefix="theirs")
    other.ledger.append(theirs)
    with pytest.raises(LedgerFenced, match="seq 3"):
        stores.ledger.append(deposits(2, first=3, prev=chain[1]["hash"]))
    assert stored_ids(stores)[2:] == ["theirs:3"]
    other.close()


def test_a_fenced_writer_is_told_who_the_other_one_is(stores, mongod):
    chain = deposits(2)
    stores.ledger.append(chain)
    other = MongoStores(uri=mongod.uri, database=stores.name)
    theirs = seal(deposit(3) | {"epoch": 7}, chain[1]["hash"])
    other.ledger.append([theirs])
    mine = seal(deposit(3) | {"epoch": 1}, chain[1]["hash"])  # of the same cause: the same id
    with pytest.raises(LedgerFenced, match="seq 3") as fenced:
        stores.ledger.append([mine])
    assert fenced.value.epoch == 7
    other.close()


def test_a_writer_that_starts_behind_the_head_is_fenced(stores, mongod):
    chain = deposits(2)
    stores.ledger.append(chain)
    other = MongoStores(uri=mongod.uri, database=stores.name)
    with pytest.raises(LedgerFenced):
        other.ledger.append(deposits(1, first=2, prev=chain[0]["hash"], prefix="late"))
    other.close()


def test_a_first_append_that_leaves_a_gap_is_corruption(stores):
    chain = deposits(3)
    with pytest.raises(LedgerCorrupt, match="must end with seq 2, it ends with 0"):
        stores.ledger.append(chain[2:])
    assert stored_ids(stores) == []


def test_a_batch_that_is_no_chain_is_not_written(stores):
    chain = deposits(3)
    with pytest.raises(InvariantError, match="seq 3 must continue seq 1"):
        stores.ledger.append([chain[0], chain[2]])
    assert stored_ids(stores) == []


@pytest.mark.parametrize(
    "spoiled",
    [
        {"reason": 0.5},
        {"order": {"quantity": 1.0}},
        {"fill": {"levels": [[Decimal(1), 2.0]]}},
        {"settings": {"a": {"b": {"c": 0.1}}}},
        {"reason": None},
        {"type": "refund"},
        {"seq": "1"},
        {"postings": [{"account": "cash", "asset": "USDT", "amount": 1.5}]},
        {"postings": [{"account": "cash", "asset": "USDT", "amount": Decimal("0.00000001")}]},
        {
            "postings": [
                {"account": "cash", "asset": "USDT", "amount": Decimal(1)},
                {"account": "position:BTCUSDT", "asset": "BTC", "amount": Decimal(-1)},
            ]
        },
        {"prev": "zero"},
    ],
)
def test_the_database_itself_refuses_floats_nulls_and_unbalanced_postings(stores, spoiled):
    good = deposits(1)[0]
    with pytest.raises(InvariantError, match="the database refused 'deposit:1'"):
        stores.ledger._insert([encoded({**good, **spoiled})])
    assert stored_ids(stores) == []
    stores.ledger.append([good])


def test_what_the_server_lost_is_put_back_from_memory(stores):
    chain = deposits(6)
    stores.ledger.append(chain[:5])
    stores.client[stores.name]["journal"].delete_many({"seq": {"$gt": 2}})
    stores._losses.count += 1  # as after a reconnect
    stores.ledger.append(chain[5:])
    assert list(stores.ledger.read(after_seq=0)) == chain


def test_lost_documents_that_memory_does_not_hold_stop_the_writer(stores, mongod):
    chain = deposits(6)
    stores.ledger.append(chain[:5])
    stores.client[stores.name]["journal"].delete_many({"seq": {"$gt": 2}})
    other = MongoStores(uri=mongod.uri, database=stores.name)
    with pytest.raises(LedgerCorrupt, match="must end with seq 5, it ends with 2"):
        other.ledger.append(chain[5:])
    other.close()


def test_a_head_changed_behind_our_back_stops_the_writer(stores):
    chain = deposits(3)
    stores.ledger.append(chain[:2])
    stores.client[stores.name]["journal"].update_one({"seq": 2}, {"$set": {"hash": "f" * 64}})
    stores._losses.count += 1
    with pytest.raises(LedgerCorrupt, match="seq 2 must have hash"):
        stores.ledger.append(chain[2:])


@pytest.mark.slow
def test_a_frozen_database_is_unavailable_and_then_takes_the_same_documents_once(stores, mongod):
    chain = deposits(4)
    stores.ledger.append(chain[:1])
    os.kill(mongod.pid, signal.SIGSTOP)
    try:
        with gevent.Timeout(8), pytest.raises(LedgerUnavailable):
            stores.ledger.append(chain[1:])
    finally:
        os.kill(mongod.pid, signal.SIGCONT)
    _append_until_definite(stores, chain[1:])
    assert list(stores.ledger.read(after_seq=0)) == chain


@pytest.mark.slow
def test_killing_the_server_loses_and_doubles_nothing(stores, mongod: EmbeddedMongod):
    chain = deposits(600)
    acknowledged = []

    def write() -> None:
        for start in range(0, len(chain), 3):
            _append_until_definite(stores, chain[start : start + 3])
            acknowledged.extend(chain[start : start + 3])

    writer = gevent.spawn(write)
    for threshold in (60, 240, 420):
        with gevent.Timeout(30):
            while len(acknowledged) < threshold:
                gevent.sleep(0.001)
        os.kill(mongod.pid, signal.SIGKILL)
    writer.get(timeout=40)
    assert list(stores.ledger.read(after_seq=0)) == chain


def _append_until_definite(stores: MongoStores, documents: list) -> None:
    with gevent.Timeout(30):
        while True:
            try:
                stores.ledger.append(documents)
                return
            except LedgerUnavailable:
                gevent.sleep(0.05)


def _bson(document: dict) -> dict:
    from bson import Decimal128

    def legs(name: str, amount: str) -> list:
        return [{**leg, amount: Decimal128(leg[amount])} for leg in document[name]]

    return {**journal_bson(document), "postings": legs("postings", "amount"), "after": legs("after", "balance")}
