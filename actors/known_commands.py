"""Whether commands were done before: asked of the journal for all that wait in the mailbox at once.

Used by the broker only, which is the journal's one writer: an answer "not known" holds until a document of that id is
made, and the first look at an answer uses it up.
"""

from collections.abc import Callable, Iterable

from domain.acceptance import amend_key
from domain.messages import AmendProtection, ClosePosition, SetControl, SubmitOrder
from domain.ports import JournalDocument, LedgerStore

AHEAD = 500  # waiting messages looked at; more than become one batch
KEPT = 6 * AHEAD  # answers that nobody has looked at: of each order three


class KnownCommands:
    """Answers of the journal about document ids.

    Args:
        store: the journal.
        waiting: returns the oldest messages of the mailbox, at most so many.
        is_waiting: whether a document of that id is made and not yet stored: the journal cannot answer for it.
    """

    def __init__(
        self,
        store: LedgerStore,
        *,
        waiting: Callable[[int], Iterable[object]],
        is_waiting: Callable[[str], bool],
    ) -> None:
        self._store = store
        self._waiting = waiting
        self._is_waiting = is_waiting
        self._answers: dict[object, JournalDocument | None] = {}

    def find(self, document_id: str) -> JournalDocument | None:
        """Return the stored document of that id, which is not one that waits to be stored.

        Raises:
            LedgerUnavailable: the journal could not be asked.
        """
        if document_id not in self._answers:
            self._ask(document_id)
        return self._answers.pop(document_id)

    def forget(self, document_ids: Iterable[object]) -> None:
        """Take note that documents of these ids are made: what the journal said of them is no longer so."""
        for document_id in document_ids:
            self._answers.pop(document_id, None)

    def _ask(self, document_id: str) -> None:
        """Ask for `document_id` and for what waiting commands, and repeats among them, will ask for, not known yet."""
        if len(self._answers) > KEPT:
            self._answers.clear()  # of commands that were refused before anybody looked
        commands = filter(None, map(document_id_of, self._waiting(AHEAD)))
        wanted = (one for one in commands if one not in self._answers and not self._is_waiting(one))
        ids = dict.fromkeys([document_id, *wanted])
        found = self._store.find_many(tuple(ids)) if len(ids) > 1 else {document_id: self._store.find(document_id)}
        self._answers |= {one: found.get(one) for one in ids}
        outcomes = [one for key in ids if found.get(key) for one in outcome_ids(key) if not self._is_waiting(one)]
        if outcomes and len(ids) > 1:
            ended = self._store.find_many(tuple(outcomes))
            self._answers |= {one: ended.get(one) for one in outcomes}


def outcome_ids(document_id: str) -> tuple[str, ...]:
    """Return the ids of the documents by which a repeated order is answered, besides its own."""
    order_id = document_id.removeprefix("order:")
    return () if order_id == document_id else (f"fill:{order_id}:1", f"cancel:{order_id}")


def document_id_of(message: object) -> str | None:
    """Return the id of the document by which a repeated command is recognised; None: not such a command."""
    match message:
        case SubmitOrder(order_id=order_id) | ClosePosition(order_id=order_id):
            return f"order:{order_id}"
        case AmendProtection():
            return amend_key(message)
        case SetControl(control_id=control_id):
            return f"control:{control_id}"
        case _:
            return None
