"""When a document was written and by which run: versions, epochs and times, each against the document before."""

from collections.abc import Iterator

from ledger.canonical import Plain
from ledger.chain import Complaint

VERSIONS = (1,)
HAVE_OWN_TIME = ("fill", "liquidation")  # their `ts` is the market event's; so is that of a moved trailing stop


class StampCheck:
    """Takes plain documents in order."""

    def __init__(self) -> None:
        self.epoch = 0
        self.recorded_at: int | None = None

    def check(self, document: Plain) -> Iterator[Complaint]:
        """Yield what is wrong with the next document's version, epoch and times."""
        if document.get("v") not in VERSIONS:
            yield "version", f"v must be a known version, {VERSIONS[-1]} is the newest, was {document.get('v')!r}"
        yield from self._check_epoch(document.get("epoch"))
        yield from self._check_times(document)

    def _check_epoch(self, epoch: object) -> Iterator[Complaint]:
        if not isinstance(epoch, int):
            return
        allowed = (self.epoch, self.epoch + 1) if self.epoch else (1,)
        if epoch not in allowed:
            yield "time", f"epoch must be {' or '.join(map(str, allowed))}, was {epoch}"
        self.epoch = max(self.epoch, epoch)

    def _check_times(self, document: Plain) -> Iterator[Complaint]:
        recorded_at, ts = document.get("recorded_at"), document.get("ts")
        if not isinstance(recorded_at, int):
            return
        if self.recorded_at is not None and recorded_at < self.recorded_at:
            yield "time", f"recorded_at must not fall, was {recorded_at} after {self.recorded_at}"
        self.recorded_at = max(recorded_at, self.recorded_at or recorded_at)
        trailing = document.get("type") == "amend" and "market_event" in document
        if document.get("type") not in HAVE_OWN_TIME and not trailing and ts != recorded_at:
            yield "time", f"ts must be that of recorded_at, {recorded_at}, was {ts}"
