"""The journal in memory keeps the port's promises."""

import pytest

from adapters.memory_ledger import MemoryLedger
from domain.errors import LedgerCorrupt, LedgerFenced
from domain.ports import Head


def document(seq: int, *, name: str = "", kind: str = "order", hash_: str = "") -> dict[str, object]:
    return {"_id": name or f"d{seq}", "seq": seq, "type": kind, "hash": hash_ or f"h{seq}"}


def test_what_was_stored_is_read_found_and_headed() -> None:
    ledger = MemoryLedger()
    assert ledger.head() is None and ledger.latest_checkpoint() is None
    ledger.append([document(1), document(2, kind="checkpoint"), document(3)])
    ledger.append([document(3)])
    assert ledger.head() == Head(seq=3, hash="h3")
    assert [each["seq"] for each in ledger.read(after_seq=1)] == [2, 3]
    assert ledger.find("d2") == document(2, kind="checkpoint") == ledger.latest_checkpoint()
    assert ledger.find_many(["d1", "d9"]) == {"d1": document(1)}


def test_a_gap_and_another_content_are_refused() -> None:
    ledger = MemoryLedger()
    ledger.append([document(1)])
    with pytest.raises(LedgerFenced):
        ledger.append([document(3)])
    with pytest.raises(LedgerCorrupt):
        ledger.append([document(1, hash_="other")])


def test_the_newest_projection_stays() -> None:
    ledger = MemoryLedger()
    ledger.project("orders", [("a", 2, {"status": "filled"})])
    ledger.project("orders", [("a", 1, {"status": "open"}), ("b", 1, {"status": "open"})])
    assert ledger.projected("orders") == (
        {"status": "filled", "_id": "a", "seq": 2},
        {"status": "open", "_id": "b", "seq": 1},
    )
