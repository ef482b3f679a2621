"""The replayed journal beside the recorded one: up to which document they are the same, and where they part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.message_codec import tagged
from domain.journal import GENESIS


@dataclass(frozen=True, slots=True)
class Difference:
    """The first thing that came out differently."""

    seq: int  # of the journal document it is, or would be, seen in
    sentence: str
    recorded: Mapping[str, object] | None = None
    replayed: Mapping[str, object] | None = None


@dataclass(slots=True)
class Comparison:
    """What is known of one journal. `seq` and `head`: of the newest document that is the same in both."""

    seq: int = 0
    head: str = GENESIS
    compared: int = 0
    read: int = 0  # documents of the stored journal that no session before had made
    difference: Difference | None = None
    _known: dict[int, str] = field(default_factory=dict)  # seq -> hash

    def differs(
        self,
        sentence: str,
        *,
        recorded: Mapping[str, object] | None = None,
        replayed: Mapping[str, object] | None = None,
        seq: int | None = None,
    ) -> None:
        """Note a difference; the first is kept."""
        if self.difference is None:
            self.difference = Difference(self.seq + 1 if seq is None else seq, sentence, recorded, replayed)

    def batch(self, recorded: Sequence[Mapping[str, Any]], replayed: Sequence[Mapping[str, Any]]) -> bool:
        """Compare documents that were stored at once; return whether they are the same."""
        for before, now in zip(recorded, replayed, strict=False):
            if before["hash"] != now["hash"]:
                self.differs("another document", recorded=before, replayed=now, seq=before["seq"])
                return False
        if len(recorded) != len(replayed):
            longer = recorded if len(recorded) > len(replayed) else replayed
            self.differs(
                f"{len(recorded)} documents were stored at once, now {len(replayed)} are",
                seq=longer[min(len(recorded), len(replayed))]["seq"],
            )
            return False
        return True

    def durable(self, documents: Sequence[Mapping[str, Any]]) -> bool:
        """Take a batch that was the same and is stored; return whether nothing else was stored in its place before."""
        for document in documents:
            known = self._known.get(document["seq"])
            if known is not None and known != document["hash"]:
                self.differs(
                    "the stored journal had another document there",
                    recorded=document,
                    replayed={"seq": document["seq"], "hash": known},
                    seq=document["seq"],
                )
                return False
            self.compared += known is None
            self._take(document)
        return True

    def stored(self, document: Mapping[str, Any]) -> bool:
        """Take a document that a broker read from the stored journal; return whether it is what was replayed."""
        known = self._known.get(document["seq"])
        if known is not None and known != document["hash"]:
            replayed = {"seq": document["seq"], "hash": known}
            self.differs(
                "the stored journal has another document", recorded=document, replayed=replayed, seq=document["seq"]
            )
            return False
        if known is None:
            self.read += 1
            self._take(document)
        return True

    def empty(self) -> None:
        """Take note that a broker found an empty journal: one that begins."""
        self.seq, self.head = 0, GENESIS
        self._known.clear()

    def _take(self, document: Mapping[str, Any]) -> None:
        self._known[document["seq"]] = document["hash"]
        if document["seq"] >= self.seq:
            self.seq, self.head = document["seq"], document["hash"]


def parts_that_differ(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """Return the names of the fields that differ, sorted; hashes only where nothing else does."""
    names = sorted(name for name in {*one, *other} if tagged(one.get(name)) != tagged(other.get(name)))
    return [name for name in names if name not in ("hash", "prev")] or names
