"""A ledger store that fails as databases do: away, answers lost, batches torn, bytes sent twice, a tail rolled back."""

from collections import deque
from collections.abc import Sequence

from domain.errors import LedgerUnavailable
from domain.ports import JournalDocument
from tests.memory_ledger import MemoryLedger

FAULTS = ("before", "after", "part", "twice")


class FaultyLedger(MemoryLedger):
    """`faults` strike the next appends, one each. `durable`: what was acknowledged or read: it cannot be lost."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: deque[str] = deque()
        self.durable = 0
        self.struck = 0

    def append(self, documents: Sequence[JournalDocument]) -> None:
        fault = self.faults.popleft() if self.faults and not self.away else ""
        self.struck += bool(fault)
        if fault == "before":
            raise LedgerUnavailable("the connection was lost before anything was sent")
        if fault == "part":
            super().append(documents[: len(documents) // 2])
            raise LedgerUnavailable("the connection was lost in the middle")
        super().append(documents)
        if fault == "twice":
            super().append(documents)
        if fault == "after":
            raise LedgerUnavailable("the answer was lost")
        self.durable = len(self.documents)

    def read(self, *, after_seq: int):
        for document in super().read(after_seq=after_seq):
            self.durable = max(self.durable, document["seq"])
            yield document

    def lose_tail(self, most: int) -> None:
        """Roll back up to `most` documents that nobody was told are stored."""
        del self.documents[max(self.durable, len(self.documents) - most) :]
