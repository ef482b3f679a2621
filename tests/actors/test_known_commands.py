"""What the journal says of commands is asked for all that wait at once, and never believed longer than it is true."""

import pytest

from actors.known_commands import AHEAD, KEPT, KnownCommands, document_id_of
from domain.errors import LedgerUnavailable
from domain.messages import AmendProtection, Ping, SetControl
from domain.trading import Control
from tests.domain.paper import PAIR, T0, close, order
from tests.memory_ledger import MemoryLedger


class Asked(MemoryLedger):
    """Keeps which ids were asked for in one query."""

    def __init__(self):
        super().__init__()
        self.queries = []

    def find_many(self, document_ids):
        self.queries.append(tuple(document_ids))
        return super().find_many(document_ids)


class Mailbox:
    def __init__(self, *messages):
        self.messages = list(messages)

    def ahead(self, most):
        return self.messages[:most]


def known(store, mailbox, made=()):
    return KnownCommands(store, waiting=mailbox.ahead, is_waiting=lambda document_id: document_id in made)


def test_one_query_answers_for_all_commands_that_wait():
    store = Asked()
    store.documents.append({"_id": "order:o2", "content": "c"})
    commands = known(store, Mailbox(order("o2"), Ping(), close("o3"), order("o2")))
    assert commands.find("order:o1") is None
    assert commands.find("order:o2") == {"_id": "order:o2", "content": "c"}
    assert commands.find("order:o3") is None
    assert store.queries == [("order:o1", "order:o2", "order:o3"), ("fill:o2:1", "cancel:o2")]


def test_an_answer_is_used_once_so_a_repeat_in_the_same_mail_is_asked_again():
    store = Asked()
    commands = known(store, Mailbox(order("o2")))
    commands.find("order:o1")
    assert commands.find("order:o2") is None
    store.documents.append({"_id": "order:o2"})  # made and stored since
    assert commands.find("order:o2") == {"_id": "order:o2"}


def test_the_journal_is_not_asked_about_what_is_made_and_not_stored_yet():
    store, made = Asked(), {"order:o2"}
    commands = known(store, Mailbox(order("o2"), order("o3")), made)
    commands.find("order:o1")
    made.clear()
    store.documents.append({"_id": "order:o2"})  # stored now: an earlier "unknown" would double it
    assert commands.find("order:o2") == {"_id": "order:o2"}
    assert store.queries[0] == ("order:o1", "order:o3")


def test_an_answer_ends_when_a_document_of_that_id_is_made():
    store = Asked()
    commands = known(store, Mailbox(order("o2")))
    commands.find("order:o1")
    commands.forget(["order:o2", "fill:o2:1"])
    store.documents.append({"_id": "order:o2"})
    assert commands.find("order:o2") == {"_id": "order:o2"}


def test_repeats_that_wait_are_answered_with_two_queries_however_many_they_are():
    store = Asked()
    for number in range(AHEAD):
        store.documents += [{"_id": f"order:o{number}"}, {"_id": f"fill:o{number}:1"}]
    waiting = Mailbox(*(order(f"o{number}") for number in range(AHEAD)))
    commands = known(store, waiting)
    for number in range(AHEAD):
        waiting.messages = waiting.messages[1:]
        assert commands.find(f"order:o{number}") == {"_id": f"order:o{number}"}
        assert commands.find(f"fill:o{number}:1") == {"_id": f"fill:o{number}:1"}
        assert commands.find(f"cancel:o{number}") is None
    assert len(store.queries) == 2


def test_an_outcome_that_is_made_and_not_stored_yet_is_asked_for_when_it_is_needed():
    store, made = Asked(), {"fill:o1:1"}
    store.documents.append({"_id": "order:o1"})
    commands = known(store, Mailbox(order("o2")), made)
    commands.find("order:o1")
    made.clear()
    store.documents.append({"_id": "fill:o1:1"})
    assert commands.find("fill:o1:1") == {"_id": "fill:o1:1"}


def test_a_question_about_something_else_leaves_the_answers_that_are_known():
    store = Asked()
    store.documents += [{"_id": "order:o2", "content": "c"}]
    commands = known(store, Mailbox(order("o2"), order("o3")))
    commands.find("order:o1")
    assert commands.find("amend:a1") is None
    assert commands.find("order:o2") == {"_id": "order:o2", "content": "c"}
    assert store.queries == [("order:o1", "order:o2", "order:o3"), ("fill:o2:1", "cancel:o2")]


def test_answers_that_nobody_looks_at_do_not_gather_for_ever():
    store = Asked()
    mailbox = Mailbox()
    commands = known(store, mailbox)
    for burst in range(12):
        mailbox.messages = [order(f"o{burst}-{number}") for number in range(AHEAD)]
        commands.find(f"order:first-{burst}")
    assert len(commands._answers) <= KEPT + AHEAD + 1


def test_a_silent_journal_leaves_no_answers():
    store = Asked()
    commands = known(store, Mailbox(order("o2")))
    store.away = True
    with pytest.raises(LedgerUnavailable):
        commands.find("order:o1")
    store.away = False
    store.documents.append({"_id": "order:o2"})
    assert commands.find("order:o2") == {"_id": "order:o2"}


def test_no_more_mail_is_looked_at_than_a_bound():
    store = Asked()
    commands = known(store, Mailbox(*(order(f"o{number}") for number in range(2 * AHEAD))))
    commands.find("order:first")
    assert len(store.queries[0]) == AHEAD + 1


def test_each_command_has_the_id_of_its_document():
    amend = AmendProtection(
        amend_id="a1",
        pair=PAIR,
        stop_loss=None,
        take_profit=None,
        remove_stop_loss=True,
        remove_take_profit=False,
        reply_to="hub",
        submitted_ms=T0,
    )
    control = Control(trading=True, trading_since_ms=0, analysis=True, analysis_since_ms=0)
    switch = SetControl(
        control_id="c1", kind="start_bot", control=control, actor="operator", reply_to="hub", submitted_ms=T0
    )
    found = [document_id_of(message) for message in (order("o1"), close("o2"), amend, switch, Ping())]
    assert found == ["order:o1", "order:o2", "amend:a1", "control:c1", None]
