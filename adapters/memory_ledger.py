"""A journal in memory, for what is played and not kept."""

from collections.abc import Iterator, Sequence

from domain.errors import LedgerCorrupt, LedgerFenced
from domain.ports import Head, JournalDocument


class MemoryLedger:
    """The LedgerStore port, always there. Documents are handed in and out as they are: sealed, never changed."""

    def __init__(self) -> None:
        self.documents: list[JournalDocument] = []
        self._by_id: dict[object, JournalDocument] = {}
        self._projected: dict[tuple[str, str], tuple[int, JournalDocument]] = {}

    def head(self) -> Head | None:
        newest = self.documents[-1] if self.documents else None
        return None if newest is None else Head(seq=len(self.documents), hash=str(newest["hash"]))

    def read(self, *, after_seq: int) -> Iterator[JournalDocument]:
        yield from self.documents[after_seq:]

    def find(self, document_id: str) -> JournalDocument | None:
        return self._by_id.get(document_id)

    def find_many(self, document_ids: Sequence[str]) -> dict[str, JournalDocument]:
        return {each: self._by_id[each] for each in document_ids if each in self._by_id}

    def append(self, documents: Sequence[JournalDocument]) -> None:
        for document in documents:
            known = self._by_id.get(document["_id"])
            if known is None and document["seq"] != len(self.documents) + 1:
                raise LedgerFenced(f"seq {document['seq']} must follow {len(self.documents)}")
            if known is None:
                self.documents.append(document)
                self._by_id[document["_id"]] = document
            elif known["hash"] != document["hash"]:
                raise LedgerCorrupt(f"{document['_id']} must have one hash")

    def latest_checkpoint(self) -> JournalDocument | None:
        return next((document for document in reversed(self.documents) if document["type"] == "checkpoint"), None)

    def project(self, collection: str, values: Sequence[tuple[str, int, JournalDocument]]) -> None:
        for key, seq, value in values:
            if (known := self._projected.get((collection, key))) is None or known[0] <= seq:
                self._projected[collection, key] = (seq, value)

    def projected(self, collection: str) -> tuple[JournalDocument, ...]:
        kept = ((key, seq, value) for (name, key), (seq, value) in self._projected.items() if name == collection)
        return tuple({**value, "_id": key, "seq": seq} for key, seq, value in kept)
