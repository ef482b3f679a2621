"""The whole journal, audited beside the running desk: what a start from a checkpoint does not read."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import gevent

from domain.errors import LedgerCorrupt, LedgerUnavailable
from domain.messages import LedgerFailed
from domain.ports import Archive, Clock, JournalDocument, LedgerStore, Peers

log = logging.getLogger("actors.audit")

FIRST_SECONDS = 2.0  # after the start
STEP_SECONDS = 60.0  # between two looks at what is new
STEPS_A_DAY = 1440
SLICE = 10  # documents audited in one go
REST_SECONDS = 0.02  # between two slices: others come first


class Verifier(Protocol):
    """Audits the documents of one journal, in order."""

    @property
    def seq(self) -> int:
        """Of the newest document it was given; 0 before the first."""
        ...

    @property
    def hash(self) -> str:
        """Of the newest document it was given."""
        ...

    def check(self, document: Mapping[str, object]) -> None:
        """Take the next document."""
        ...

    def finding(self) -> str:
        """Return the first contradiction, empty when there is none; what is remembered of the journal outside of it
        must have been among the documents."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """The outcome of one audit."""

    at_ms: int
    seq: int  # of the last document that was audited
    documents: int  # audited this time
    whole: bool  # from the first document; else what was new
    finding: str = ""  # empty: nothing is wrong

    @property
    def clean(self) -> bool:
        return not self.finding


class BackgroundAudit:
    """Audits the journal from its first document, then each minute what is new, and once a day all of it again.

    A finding is told to the broker, which writes nothing any more. Each outcome goes to the collection `audits`. The
    LedgerAudit port: a broker that starts anew asks for `finding` first.
    """

    def __init__(
        self,
        *,
        store: LedgerStore,
        archive: Archive,
        peers: Peers,
        clock: Clock,
        verifier: Callable[[], Verifier],
    ) -> None:
        """Args:
        verifier: begins an audit from the first document.
        """
        self.last: Audited | None = None
        self._store = store
        self._archive = archive
        self._peers = peers
        self._clock = clock
        self._begin = verifier
        self._verifier: Verifier | None = None  # None: the next audit begins from the first document
        self._finding = ""

    @property
    def finding(self) -> str:
        """The first contradiction that was found since the process began, empty while there is none."""
        return self._finding

    def found(self, sentence: str) -> None:
        """Take note of a contradiction, whoever found it; the broker is told."""
        self._finding = self._finding or sentence
        log.error("The audit of the journal found: %s", sentence)
        self._peers.tell("broker", LedgerFailed(fatal=False, message=sentence))

    def run(self) -> None:
        """Audit soon after the start, then each minute. Never returns."""
        gevent.sleep(FIRST_SECONDS)
        while True:
            for _ in range(STEPS_A_DAY):
                self.once()
                gevent.sleep(STEP_SECONDS)
            self._verifier = None

    def once(self) -> bool:
        """Audit what is new, from the first document where nothing is known; return whether the end was reached."""
        try:
            self._conclude(*self._audit())
        except LedgerUnavailable as error:
            log.warning("The journal could not be audited: %s", error)
            return False
        except LedgerCorrupt as error:
            if str(error) != self._finding:
                self.found(str(error))
        return True

    def _audit(self) -> tuple[bool, int, str]:
        """Return whether it began with the first document, how many were audited, and what was found."""
        if self._verifier is None:
            verifier, whole = self._begin(), True
            documents = self._store.read(after_seq=0)
        else:
            verifier, whole = self._verifier, False
            documents = self._store.read(after_seq=verifier.seq - 1) if verifier.seq else self._store.read(after_seq=0)
            if verifier.seq and (finding := _moved(next(documents, None), verifier)):
                return whole, 0, finding
        count = 0
        for count, document in enumerate(documents, 1):
            verifier.check(document)
            if count % SLICE == 0:
                gevent.sleep(REST_SECONDS)
        self._verifier = verifier
        return whole, count, verifier.finding()

    def _conclude(self, whole: bool, documents: int, finding: str) -> None:
        seq = 0 if self._verifier is None else self._verifier.seq
        self.last = Audited(
            at_ms=self._clock.now_ms(), seq=seq, documents=documents, whole=whole, finding=finding or self._finding
        )
        if whole or documents or finding:
            self._archive.save("audits", _kept(self.last))
        if finding:
            self._verifier = None  # the next one looks at everything again
            if finding != self._finding:
                self.found(finding)
        elif whole:
            log.info("The journal was audited up to seq %s: nothing is wrong", seq)


def _moved(document: JournalDocument | None, verifier: Verifier) -> str:
    """Return what is wrong when the newest document that was audited is not there any more."""
    if document is None:
        return f"the journal must reach seq {verifier.seq}, which was audited; it ends before"
    if (document["seq"], document["hash"]) != (verifier.seq, verifier.hash):
        return f"seq {verifier.seq} must have the hash it was audited with, {verifier.hash}; it has another"
    return ""


def _kept(audited: Audited) -> JournalDocument:
    document: JournalDocument = {
        "_id": f"background:{audited.at_ms}",
        "ts": audited.at_ms,
        "seq": audited.seq,
        "documents": audited.documents,
        "whole": audited.whole,
        "clean": audited.clean,
    }
    return document if audited.clean else {**document, "finding": audited.finding}
