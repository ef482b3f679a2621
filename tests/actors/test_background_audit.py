"""The journal is verified again beside the desk; what is wrong stops all writing."""

import pytest

from actors.background_audit import BackgroundAudit
from domain.errors import LedgerUnavailable
from domain.messages import LedgerAdvanced, LedgerFailed, OrderRefused
from domain.trading import Refusal
from tests.actors.test_broker import Desk
from tests.domain.paper import order
from tests.memory_ledger import MemoryArchive


@pytest.fixture
def desk(peers, clock, timers):
    desk = Desk(peers, clock, timers)
    desk.open_long()
    peers.sent.clear()
    return desk


@pytest.fixture
def archive():
    return MemoryArchive()


@pytest.fixture
def audit(desk, archive, peers, clock):
    return BackgroundAudit(store=desk.store, archive=archive, peers=peers, clock=clock)


def test_a_sound_journal_is_read_to_its_end_and_the_audit_is_kept(audit, desk, archive, peers, clock):
    assert audit.once()
    assert (audit.last.clean, audit.last.seq, audit.last.at_ms) == (True, desk.store.head().seq, clock.now_ms())
    ((collection, kept),) = archive.saved
    assert collection == "audits"
    assert (kept["seq"], kept["clean"], kept["ts"]) == (audit.last.seq, True, clock.now_ms())
    assert peers.to("broker", LedgerFailed) == []


def test_a_changed_document_ends_all_writing(audit, desk, peers):
    desk.store.documents[1] = {**desk.store.documents[1], "reason": "other"}
    assert audit.once()
    assert not audit.last.clean
    (told,) = peers.to("broker", LedgerFailed)
    desk.tell(told)
    assert peers.to("hub", LedgerAdvanced)[-1].read_only
    desk.tell(order(order_id="late"))
    assert peers.to("hub", OrderRefused)[-1].code is Refusal.LEDGER_UNAVAILABLE


def test_while_the_database_is_away_nothing_is_concluded(audit, desk, monkeypatch, peers):
    def away(*, after_seq):
        raise LedgerUnavailable("away")

    monkeypatch.setattr(desk.store, "read", away)
    assert not audit.once()
    assert audit.last is None
    assert peers.to("broker", LedgerFailed) == []
