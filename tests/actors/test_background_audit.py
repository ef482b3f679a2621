"""The journal is verified again beside the desk; what is wrong stops all writing."""

from decimal import Decimal

import gevent
import pytest

from actors.background_audit import BackgroundAudit
from adapters.anchor import Anchor
from domain.errors import LedgerUnavailable
from domain.journal import seal
from domain.messages import (
    AccountChanged,
    Alerted,
    LedgerAdvanced,
    LedgerFailed,
    OrderAccepted,
    OrderRefused,
    SendAccount,
)
from domain.trading import Refusal
from ledger.background import JournalVerifier
from tests.actors.test_broker import Desk
from tests.domain.paper import T0, close, order
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
def anchors():
    """What the anchor file remembers."""
    return []


@pytest.fixture
def audit(desk, archive, peers, clock, anchors):
    def verifier():
        return JournalVerifier(anchors)

    return BackgroundAudit(store=desk.store, archive=archive, peers=peers, clock=clock, verifier=verifier)


def close_long(desk):
    desk.tell(close("c1", submitted_ms=T0 + 200), at_ms=200)
    desk.book(400, update_id=9)


def test_a_sound_journal_is_read_to_its_end_and_the_audit_is_kept(audit, desk, archive, peers, clock):
    assert audit.once()
    assert (audit.last.clean, audit.last.seq, audit.last.at_ms) == (True, desk.store.head().seq, clock.now_ms())
    ((collection, kept),) = archive.saved
    assert collection == "audits"
    assert (kept["seq"], kept["clean"], kept["ts"]) == (audit.last.seq, True, clock.now_ms())
    assert (kept["whole"], kept["documents"]) == (True, audit.last.seq)
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


def test_afterwards_only_what_is_new_is_audited(audit, desk, archive):
    audit.once()
    audit.once()
    assert len(archive.saved) == 1  # nothing was new
    close_long(desk)
    audit.once()
    _, kept = archive.saved[-1]
    new = desk.store.head().seq - archive.saved[0][1]["seq"]
    assert (kept["whole"], kept["documents"], kept["clean"]) == (False, new, True)
    assert new > 0


def test_a_new_document_that_contradicts_those_before_is_found(audit, desk, peers):
    audit.once()
    close_long(desk)
    fill = desk.store.documents[-1]
    body = {key: value for key, value in fill.items() if key not in ("prev", "hash")}
    desk.store.documents[-1] = seal({**body, "fill": {**fill["fill"], "fee": Decimal(0)}}, fill["prev"])
    audit.once()
    assert f"seq {fill['seq']} ({fill['_id']}) fee: taker fees must be of one rate" in audit.finding
    assert [told.message for told in peers.to("broker", LedgerFailed)] == [audit.finding]


def test_a_tail_that_is_cut_off_between_two_audits_is_found(audit, desk, peers):
    audit.once()
    newest = desk.store.documents.pop()
    audit.once()
    assert audit.finding == f"the journal must reach seq {newest['seq']}, which was audited; it ends before"
    assert len(peers.to("broker", LedgerFailed)) == 1


def test_a_newest_document_that_was_replaced_is_found(audit, desk):
    audit.once()
    newest = desk.store.documents[-1]
    desk.store.documents[-1] = {**newest, "hash": "e" * 64}
    audit.once()
    assert audit.finding.startswith(f"seq {newest['seq']} must have the hash it was audited with")


def test_what_the_anchor_file_remembers_must_be_there(audit, desk, anchors):
    anchors.append(Anchor(database="desk", ts_ms=1, seq=99, hash="e" * 64))
    audit.once()
    assert "must reach seq 99, which the anchor file remembers" in audit.finding


def test_a_finding_stays_and_is_told_once(audit, desk, archive, peers):
    whole = desk.store.documents[1]
    desk.store.documents[1] = {**whole, "reason": "other"}
    audit.once()
    audit.once()
    assert len(peers.to("broker", LedgerFailed)) == 1
    assert [kept["clean"] for _, kept in archive.saved] == [False, False]
    desk.store.documents[1] = whole
    audit.once()
    assert audit.finding  # until somebody has looked and started the desk again
    assert not audit.last.clean


def test_a_broker_that_starts_with_a_finding_shows_the_journal_and_writes_nothing(desk, peers, clock, timers):
    class Finding:
        finding = "the journal must reach seq 99, ends at 3"

    count = len(desk.store.documents)
    again = Desk(peers, clock, timers, store=desk.store, audit=Finding())
    (failed,) = peers.to("supervisor", LedgerFailed)
    assert not failed.fatal
    again.tell(order(order_id="late"), SendAccount(reply_to="hub"))
    assert peers.to("hub", OrderRefused)[-1].code is Refusal.LEDGER_UNAVAILABLE
    head = peers.to("hub", LedgerAdvanced)[-1]
    assert (head.read_only, head.available, head.seq) == (True, False, count)
    assert Finding.finding in head.message
    assert peers.to("hub", AccountChanged)[-1].account.positions
    assert peers.to("hub", Alerted)[-1].code == "ledger_read_only"
    assert len(desk.store.documents) == count


def test_an_empty_journal_with_a_finding_gets_no_new_deposit(peers, clock, timers):
    class Finding:
        finding = "the journal must reach seq 99, ends at 0"

    desk = Desk(peers, clock, timers, audit=Finding())
    assert desk.store.documents == []


def test_what_was_accepted_before_a_finding_is_stored_and_told(desk, peers):
    count = len(desk.store.documents)
    desk.broker.tell(order(order_id="o9"))
    desk.broker.tell(LedgerFailed(fatal=False, message="seq 1 was changed"))
    desk.settle()
    assert [document["_id"] for document in desk.store.documents[count:]] == ["order:o9", "fill:o9:1"]
    assert peers.to("hub", OrderAccepted)[-1].order.order_id == "o9"
    desk.tell(LedgerFailed(fatal=False, message="seq 1 was changed"))
    assert len([alert for alert in peers.to("hub", Alerted) if alert.code == "ledger_read_only"]) == 1


def test_a_broker_that_finds_its_journal_cut_off_while_it_stops_ends_all_the_same(desk, peers):
    desk.store.documents.pop()
    with gevent.Timeout(5):
        desk.broker.stop()
    assert not desk.broker.is_alive()
    (failed,) = peers.to("supervisor", LedgerFailed)
    assert failed.fatal
