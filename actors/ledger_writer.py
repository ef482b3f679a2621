"""Group commit: documents and what is announced about them wait together; first stored, then told.

Used by the broker only. A batch whose outcome is unknown is sent again, unchanged, until the answer is definite.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from domain.ports import JournalDocument, LedgerStore

BATCH = 200
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.05, 2.0


@dataclass(slots=True)
class LedgerWriter:
    """Keeps the order of the journal and of the announcements. Has no timer and no mailbox: its owner calls it."""

    store: LedgerStore
    announce: Callable[[str, object], object]  # (name, message), called only for what is stored
    stored_seq: int
    stored_hash: str
    down: bool = False  # the outcome of the last write is unknown
    retry_seconds: float = FIRST_RETRY_SECONDS
    batch: tuple[JournalDocument, ...] = ()
    _waiting: deque[JournalDocument] = field(default_factory=deque)
    _by_id: dict[object, JournalDocument] = field(default_factory=dict)  # all that is not stored yet
    _announcements: deque[tuple[int, str, object]] = field(default_factory=deque)  # needed seq, name, message

    def add(self, documents: list[JournalDocument]) -> None:
        """Queue documents, in the journal's order."""
        self._waiting.extend(documents)
        self._by_id.update((document["_id"], document) for document in documents)

    def tell(self, seq: int, name: str, message: object) -> None:
        """Announce `message` once the journal is stored up to `seq`, after what was queued before."""
        self._announcements.append((seq, name, message))

    def __len__(self) -> int:
        """Return the number of documents not stored yet."""
        return len(self.batch) + len(self._waiting)

    def find(self, document_id: str) -> JournalDocument | None:
        """Return a document that waits to be stored."""
        return self._by_id.get(document_id)

    @property
    def waiting(self) -> int:
        """The number of documents that no attempt to store was made of."""
        return len(self._waiting)

    def next_batch(self) -> tuple[JournalDocument, ...]:
        """Return the documents to store now: those of the last attempt, while its outcome is unknown."""
        if not self.batch:
            self.batch = tuple(self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting))))
        return self.batch

    def stored(self) -> tuple[JournalDocument, ...]:
        """Take note that the batch is stored; return it."""
        batch, self.batch = self.batch, ()
        for document in batch:
            self._by_id.pop(document["_id"], None)
        if batch:
            newest = batch[-1]
            self.stored_seq, self.stored_hash = _seq(newest), str(newest["hash"])
        self.down, self.retry_seconds = False, FIRST_RETRY_SECONDS
        return batch

    def failed(self) -> float:
        """Take note that the outcome is unknown; return the seconds to wait before sending the same again."""
        self.down = True
        wait, self.retry_seconds = self.retry_seconds, min(self.retry_seconds * 2, LONGEST_RETRY_SECONDS)
        return wait

    def announce_stored(self) -> None:
        """Tell, in order, what needs no more than is stored."""
        while self._announcements and self._announcements[0][0] <= self.stored_seq:
            _, name, message = self._announcements.popleft()
            self.announce(name, message)


def _seq(document: JournalDocument) -> int:
    seq = document["seq"]
    assert isinstance(seq, int)
    return seq
