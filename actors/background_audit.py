"""The whole journal, verified again beside the running desk: what a start from a checkpoint does not read."""

import logging
from dataclasses import dataclass

import gevent

from domain import recovery
from domain.desk import Desk
from domain.errors import LedgerCorrupt, LedgerUnavailable
from domain.messages import LedgerFailed
from domain.ports import Archive, Clock, LedgerStore, Peers

log = logging.getLogger("actors.audit")

FIRST_SECONDS = 2.0  # after the start
AGAIN_SECONDS = 86_400.0
RETRY_SECONDS = 60.0
SLICE = 20  # documents verified in one go
REST_SECONDS = 0.01  # between two slices: others come first


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """The outcome of one audit."""

    at_ms: int
    seq: int  # of the last document that was verified
    finding: str = ""  # empty: nothing is wrong

    @property
    def clean(self) -> bool:
        return not self.finding


class BackgroundAudit:
    """Verifies chain, sums and state of the journal from its first document. `run` never returns.

    A finding is told to the broker, which writes nothing any more; the outcome is stored in the collection `audits`.
    """

    def __init__(self, *, store: LedgerStore, archive: Archive, peers: Peers, clock: Clock) -> None:
        self.last: Audited | None = None
        self._store = store
        self._archive = archive
        self._peers = peers
        self._clock = clock

    def run(self) -> None:
        """Audit soon after the start, then once a day."""
        gevent.sleep(FIRST_SECONDS)
        while True:
            gevent.sleep(AGAIN_SECONDS if self.once() else RETRY_SECONDS)

    def once(self) -> bool:
        """Audit the journal as it stands; return whether it could be read to its end."""
        desk = Desk()
        finding = ""
        try:
            for count, _ in enumerate(recovery.fold(desk, self._store.read(after_seq=0)), 1):
                if count % SLICE == 0:
                    gevent.sleep(REST_SECONDS)
        except LedgerUnavailable as error:
            log.warning("The journal could not be audited: %s", error)
            return False
        except LedgerCorrupt as error:
            finding = str(error)
        self._conclude(Audited(at_ms=self._clock.now_ms(), seq=desk.seq, finding=finding))
        return True

    def _conclude(self, audited: Audited) -> None:
        self.last = audited
        kept = {"_id": f"background:{audited.at_ms}", "ts": audited.at_ms, "seq": audited.seq, "clean": audited.clean}
        self._archive.save("audits", kept if audited.clean else {**kept, "finding": audited.finding})
        if audited.clean:
            log.info("The journal was audited up to seq %s: nothing is wrong", audited.seq)
        else:
            log.error("The audit of the journal found: %s", audited.finding)
            self._peers.tell("broker", LedgerFailed(fatal=False, message=audited.finding))
