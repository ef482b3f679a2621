"""A ledger store in memory with the behaviour of the port: duplicates, fencing, and a database that can be away."""

import copy
from collections.abc import Iterator, Sequence

from domain.errors import LedgerCorrupt, LedgerFenced, LedgerUnavailable
from domain.ports import Head, JournalDocument


class MemoryLedger:
    """`away` makes every call raise; `lose_answers` stores the next n batches and still says the outcome is unknown."""

    def __init__(self, documents: Sequence[JournalDocument] = ()) -> None:
        self.documents: list[JournalDocument] = copy.deepcopy(list(documents))
        self.values: dict[tuple[str, str], tuple[int, JournalDocument]] = {}
        self.batches: list[int] = []
        self.away = False
        self.lose_answers = 0

    def head(self) -> Head | None:
        self._answer()
        return Head(seq=self.documents[-1]["seq"], hash=self.documents[-1]["hash"]) if self.documents else None

    def read(self, *, after_seq: int) -> Iterator[JournalDocument]:
        self._answer()
        yield from copy.deepcopy([document for document in self.documents if document["seq"] > after_seq])

    def find(self, document_id: str) -> JournalDocument | None:
        self._answer()
        return next((copy.deepcopy(d) for d in self.documents if d["_id"] == document_id), None)

    def find_many(self, document_ids: Sequence[str]) -> dict[str, JournalDocument]:
        found = {document_id: self.find(document_id) for document_id in document_ids}
        return {document_id: document for document_id, document in found.items() if document is not None}

    def append(self, documents: Sequence[JournalDocument]) -> None:
        self._answer()
        for document in documents:
            known = next((d for d in self.documents if d["_id"] == document["_id"]), None)
            if known is not None:
                if known["hash"] != document["hash"]:
                    raise LedgerCorrupt(f"{document['_id']} must have one hash")
                continue
            if document["seq"] != len(self.documents) + 1:
                epoch = self.documents[document["seq"] - 1]["epoch"] if document["seq"] <= len(self.documents) else None
                raise LedgerFenced(f"seq {document['seq']} must be free", epoch=epoch)
            self.documents.append(copy.deepcopy(document))
        self.batches.append(len(documents))
        if self.lose_answers:
            self.lose_answers -= 1
            raise LedgerUnavailable("the answer was lost")

    def latest_checkpoint(self) -> JournalDocument | None:
        self._answer()
        return next((copy.deepcopy(d) for d in reversed(self.documents) if d["type"] == "checkpoint"), None)

    def project(self, collection: str, values: Sequence[tuple[str, int, JournalDocument]]) -> None:
        for key, seq, value in values:
            self.values[(collection, key)] = (seq, value)

    def projected(self, collection: str) -> tuple[JournalDocument, ...]:
        self._answer()
        kept = [(key, seq, value) for (name, key), (seq, value) in self.values.items() if name == collection]
        return tuple({**value, "_id": key, "seq": seq} for key, seq, value in kept)

    def _answer(self) -> None:
        if self.away:
            raise LedgerUnavailable("the database is away")


class MemoryArchive:
    """Keeps what was saved."""

    def __init__(self) -> None:
        self.saved: list[tuple[str, JournalDocument]] = []

    def save(self, collection: str, document: JournalDocument) -> None:
        self.saved.append((collection, document))

    def recent(self, collection: str, *, limit: int, where: JournalDocument | None = None):
        return tuple(document for name, document in reversed(self.saved) if name == collection)[:limit]
