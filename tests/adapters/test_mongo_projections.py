from decimal import Decimal

import gevent
import pytest

from adapters import mongo_ledger, mongo_projections
from domain.errors import LedgerUnavailable


def flushed(stores) -> None:
    with gevent.Timeout(5):
        while stores.ledger.pending:
            gevent.sleep(0.005)


def project(stores, seq: int, quantity: str, key: str = "BTCUSDT") -> None:
    stores.ledger.project("positions", [(key, seq, {"quantity": Decimal(quantity)})])


def stored(stores) -> dict[str, tuple[int, str]]:
    documents = stores.client[stores.name]["positions"].find()
    return {document["_id"]: (document["seq"], str(document["quantity"])) for document in documents}


def test_the_newest_seq_wins_in_whatever_order_they_are_written(stores):
    for seq in (5, 3, 5, 7):
        project(stores, seq, f"{seq}.5")
        flushed(stores)
    assert stored(stores) == {"BTCUSDT": (7, "7.5")}


def test_an_older_value_does_not_replace_a_stored_newer_one(stores):
    for seq in (7, 3):
        project(stores, seq, f"{seq}.5")
        flushed(stores)
    assert stored(stores) == {"BTCUSDT": (7, "7.5")}


def test_of_one_seq_the_value_written_last_wins_and_is_read_back(stores):
    for quantity in ("1", "2"):
        project(stores, 5, quantity)
        flushed(stores)
    assert stores.ledger.projected("positions") == ({"_id": "BTCUSDT", "seq": 5, "quantity": Decimal(2)},)
    assert stores.ledger.projected("market_seen") == ()


def test_values_that_wait_are_replaced_by_newer_ones(stores):
    for seq in (1, 4, 2):
        project(stores, seq, str(seq))
    project(stores, 9, "9", key="ETHUSDT")
    assert stores.ledger.pending == 2
    flushed(stores)
    assert stored(stores) == {"BTCUSDT": (4, "4"), "ETHUSDT": (9, "9")}


def test_the_journal_is_read_no_faster_than_its_projections_are_stored(stores, monkeypatch):
    monkeypatch.setattr(mongo_projections, "MOST", 600)
    stores.ledger.project("orders", [(str(key), key, {"quantity": Decimal(1)}) for key in range(2000)])
    assert list(stores.ledger.read(after_seq=0)) == []
    assert stores.ledger.pending <= 600


def test_a_reader_does_not_wait_for_ever_for_projections(stores, monkeypatch):
    monkeypatch.setattr(mongo_projections, "MOST", 0)
    monkeypatch.setattr(mongo_ledger, "ROOM_SECONDS", 0.0)
    project(stores, 1, "1")
    with pytest.raises(LedgerUnavailable, match="1 wait"):
        next(stores.ledger.read(after_seq=0))


def test_a_value_is_absolute_what_it_leaves_out_is_gone(stores):
    stores.ledger.project("positions", [("BTCUSDT", 1, {"quantity": Decimal(1), "stop_loss": Decimal(2)})])
    flushed(stores)
    project(stores, 2, "1")
    flushed(stores)
    assert "stop_loss" not in stores.client[stores.name]["positions"].find_one()


def test_a_value_that_cannot_be_stored_does_not_hold_up_later_ones(stores):
    stores.ledger.project("positions", [("BTCUSDT", 1, {"quantity": object()})])
    project(stores, 1, "1", key="ETHUSDT")
    flushed(stores)
    project(stores, 2, "2")
    flushed(stores)
    assert stored(stores)["BTCUSDT"] == (2, "2")
