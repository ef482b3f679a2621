from decimal import Decimal

import gevent
import pytest

from adapters.mongo import MongoStores
from domain.errors import AlreadyReserved, LedgerUnavailable

DAY = "2026-01-01"


def settled(stores) -> None:
    with gevent.Timeout(5):
        while stores.budget.pending:
            gevent.sleep(0.005)


def reserve(stores, call_id: str, usd: str, *, analyst: str = "grok", day: str = DAY) -> None:
    stores.budget.reserve(call_id=call_id, analyst=analyst, day=day, usd=Decimal(usd))


def test_reservations_count_in_full_until_they_are_settled(stores):
    reserve(stores, "1", "0.10")
    reserve(stores, "2", "0.20")
    reserve(stores, "3", "0.05", analyst="claude")
    reserve(stores, "4", "9", day="2026-01-02")
    assert stores.budget.spent(day=DAY) == (("claude", Decimal("0.05")), ("grok", Decimal("0.30")))
    stores.budget.settle(call_id="1", usd=Decimal("0.0123"))
    settled(stores)
    assert stores.budget.spent(day=DAY) == (("claude", Decimal("0.05")), ("grok", Decimal("0.2123")))


def test_a_settlement_that_still_waits_counts_already(stores):
    reserve(stores, "1", "0.10")
    stores.budget.settle(call_id="1", usd=Decimal("0.01"))
    assert stores.budget.pending == 1
    assert stores.budget.spent(day=DAY) == (("grok", Decimal("0.01")),)


def test_an_id_is_reserved_once_and_settled_as_often_as_told(stores):
    reserve(stores, "1", "0.10")
    for _ in range(2):
        stores.budget.settle(call_id="1", usd=Decimal("0.02"))
        settled(stores)
    with pytest.raises(AlreadyReserved, match="a call 1 was reserved before"):
        reserve(stores, "1", "0.10")
    assert stores.budget.spent(day=DAY) == (("grok", Decimal("0.02")),)


def test_a_reservation_survives_the_process(stores, mongod):
    reserve(stores, "1", "0.10")
    other = MongoStores(uri=mongod.uri, database=stores.name)
    assert other.budget.spent(day=DAY) == (("grok", Decimal("0.10")),)
    other.close()


def test_nobody_settles_what_another_process_reserved_under_the_same_id(stores, mongod):
    reserve(stores, "1", "0.10")
    other = MongoStores(uri=mongod.uri, database=stores.name)
    other.budget.settle(call_id="1", usd=Decimal(0))  # as after a reservation of its own that failed
    assert other.budget.spent(day=DAY) == (("grok", Decimal("0.10")),)
    settled(other)
    assert stores.budget.spent(day=DAY) == (("grok", Decimal("0.10")),)
    other.close()


def test_a_settlement_without_a_reservation_is_no_spend(stores):
    stores.budget.settle(call_id="lost", usd=Decimal("1"))
    settled(stores)
    assert stores.budget.spent(day=DAY) == ()


def test_without_a_database_nothing_is_reserved(monkeypatch):
    monkeypatch.setattr("adapters.mongo.OPERATION_MS", 100)
    stores = MongoStores(uri="mongodb://127.0.0.1:1/", database="desk")
    with pytest.raises(LedgerUnavailable, match="the reservation was not stored"):
        reserve(stores, "1", "0.10")
    with pytest.raises(LedgerUnavailable, match="the budget could not be read"):
        stores.budget.spent(day=DAY)
    stores.budget.settle(call_id="1", usd=Decimal("0.1"))
    assert not stores.close(timeout_seconds=0.1)
