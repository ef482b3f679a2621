"""The audit of a journal whose documents come one after the other, while the desk goes on writing it."""

from collections.abc import Iterable, Mapping

from adapters.anchor import Anchor
from ledger.audit import Auditor, Witness


def witnesses(anchors: Iterable[Anchor]) -> list[Witness]:
    """Return what the anchor file remembers, each head once."""
    heads = {(anchor.seq, anchor.hash) for anchor in anchors}
    return [Witness(seq=seq, hash=head, source="the anchor file") for seq, head in sorted(heads)]


class JournalVerifier:
    """Audits as the command does, but for projections; ids are left to the database, whose index keeps them unique."""

    def __init__(self, anchors: Iterable[Anchor]) -> None:
        """Args:
        anchors: the heads that were remembered outside the database, up to now.
        """
        self._auditor = Auditor(witnesses=witnesses(anchors), unique_ids=False)

    @property
    def seq(self) -> int:
        return self._auditor.report.seq

    @property
    def hash(self) -> str:
        return self._auditor.report.hash

    def check(self, document: Mapping[str, object]) -> None:
        """Take the next document."""
        self._auditor.check(document)

    def finding(self) -> str:
        """Return the first contradiction in the documents so far, empty when there is none."""
        report = self._auditor.finish()
        return "" if report.clean else str(report.findings[0])
