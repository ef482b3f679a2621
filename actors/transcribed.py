"""The ports of an actor whose life is transcribed: what comes in by them is learned, a replay can tell it again.

What only goes out (timers, archive, projections) needs no transcript.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from domain.ports import Clock, Head, JournalDocument, LedgerAudit, LedgerStore, Peers
from domain.transcript import Transcript


class TranscribedClock:
    """The Clock port."""

    def __init__(self, clock: Clock, transcript: Transcript) -> None:
        self._now_ms = clock.now_ms
        self._learn = transcript.learn

    def now_ms(self) -> int:
        return self._learn("now", self._now_ms)


class TranscribedPeers:
    """The Peers port."""

    def __init__(self, peers: Peers, transcript: Transcript) -> None:
        self._peers = peers
        self._transcript = transcript

    def tell(self, name: str, message: object) -> bool:
        return self._transcript.tell(name, message, partial(self._peers.tell, name, message))


class TranscribedAudit:
    """The LedgerAudit port."""

    def __init__(self, audit: LedgerAudit, transcript: Transcript) -> None:
        self._audit = audit
        self._transcript = transcript

    @property
    def finding(self) -> str:
        return self._transcript.learn("finding", lambda: self._audit.finding)


class TranscribedLedger:
    """The LedgerStore port."""

    def __init__(self, store: LedgerStore, transcript: Transcript) -> None:
        self._store = store
        self._transcript = transcript

    def head(self) -> Head | None:
        return self._transcript.learn("head", self._store.head)

    def read(self, *, after_seq: int) -> Iterator[JournalDocument]:
        documents: Iterator[JournalDocument] | None = None

        def following() -> JournalDocument | None:
            nonlocal documents
            if documents is None:
                documents = self._store.read(after_seq=after_seq)
            return next(documents, None)

        while (document := self._transcript.learn("next", following)) is not None:
            yield document

    def find(self, document_id: str) -> JournalDocument | None:
        return self._transcript.learn("find", partial(self._store.find, document_id))

    def find_many(self, document_ids: Sequence[str]) -> dict[str, JournalDocument]:
        return self._transcript.learn("many", partial(self._store.find_many, document_ids))

    def append(self, documents: Sequence[JournalDocument]) -> None:
        self._transcript.append(documents, partial(self._store.append, documents))

    def latest_checkpoint(self) -> JournalDocument | None:
        return self._transcript.learn("checkpoint", self._store.latest_checkpoint)

    def project(self, collection: str, values: Sequence[tuple[str, int, JournalDocument]]) -> None:
        self._store.project(collection, values)

    def projected(self, collection: str) -> tuple[JournalDocument, ...]:
        return self._transcript.learn("projected", partial(self._store.projected, collection))


def plain_arguments(arguments: Mapping[str, object]) -> dict[str, object]:
    """Return what an actor is built with beside its ports and settings; of ports it may lack whether it has them."""
    plain: dict[str, object] = {
        name: value for name, value in arguments.items() if isinstance(value, str | bool | tuple)
    }
    return plain | {
        name: arguments[name] is not None for name in ("endpoint", "audit", "free_bytes") if name in arguments
    }


def transcribed(arguments: Mapping[str, Any], transcript: Transcript) -> dict[str, Any]:
    """Return the arguments of an actor with its transcript, and its ports behind it."""
    made = {**arguments, "transcript": transcript}
    made["peers"] = TranscribedPeers(arguments["peers"], transcript)
    made["clock"] = TranscribedClock(arguments["clock"], transcript)
    if "store" in arguments:
        made["store"] = TranscribedLedger(arguments["store"], transcript)
    if (free_bytes := arguments.get("free_bytes")) is not None:
        made["free_bytes"] = partial(transcript.learn, "free", free_bytes)
    if arguments.get("audit") is not None:
        made["audit"] = TranscribedAudit(arguments["audit"], transcript)
    return made
