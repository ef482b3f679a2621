"""The audit of a journal: everything is recomputed from the documents, by code that the desk does not use."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Context, Decimal, localcontext

from ledger.canonical import NotCanonical, Plain, plain
from ledger.chain import ChainCheck, Complaint
from ledger.findings import Finding
from ledger.stamps import StampCheck
from ledger.trading import TradingCheck

FINDINGS_KEPT = 100
Observer = Callable[[int, Plain], Iterable[Complaint]]
_EXACT = Context(prec=80)


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """The hash that something outside the journal remembers for a seq."""

    seq: int
    hash: str
    source: str  # what remembers it


@dataclass(slots=True)
class AuditReport:
    """What was checked and what was found."""

    documents: int = 0
    seq: int = 0
    hash: str = ""
    first_ms: int | None = None
    last_ms: int | None = None
    balances: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    open_positions: int = 0
    open_orders: int = 0
    findings: list[Finding] = field(default_factory=list)
    more: int = 0  # findings beyond those kept
    remarks: list[str] = field(default_factory=list)  # what could be checked less strictly, and why

    @property
    def clean(self) -> bool:
        return not self.findings

    def add(self, finding: Finding) -> None:
        if len(self.findings) < FINDINGS_KEPT:
            self.findings.append(finding)
        else:
            self.more += 1


class Auditor:
    """Takes a journal's documents in order. `report` is complete after `finish`; more documents may follow it."""

    def __init__(self, *, witnesses: Iterable[Witness] = (), unique_ids: bool = True) -> None:
        """Args:
        witnesses: what is remembered of the journal outside of it.
        unique_ids: whether all ids are kept and compared; a database's own index does it as well.
        """
        self.report = AuditReport()
        self.chain = ChainCheck(unique_ids=unique_ids)
        self.stamps = StampCheck()
        self.trading = TradingCheck(self.chain)
        self._witnesses: dict[int, list[Witness]] = {}
        for witness in witnesses:
            self._witnesses.setdefault(witness.seq, []).append(witness)
        self._observers: list[Observer] = []

    def watch(self, observer: Observer) -> None:
        """Have `observer` compare something with each document; it is told the seq and the plain document."""
        self._observers.append(observer)

    def check(self, document: Mapping[str, object]) -> None:
        """Check the next document, as it is stored or exported."""
        with localcontext(_EXACT):
            try:
                body = plain(document)
            except NotCanonical as error:
                self._complain(document, [("format", str(error))])
                body = _without_bad_values(document)
            self._complain(body, [*self.chain.check(body), *self.stamps.check(body), *self.trading.check(body)])
            self._complain(body, self._outside(body))
        self._note(body)

    def finish(self) -> AuditReport:
        """Return the report, with what only the end of the journal shows."""
        report = self.report
        with localcontext(_EXACT):
            for rule, message in self.chain.sums():
                report.add(Finding(rule=rule, message=message))
        for seq in sorted(self._witnesses):
            for witness in self._witnesses.pop(seq):
                report.add(_lost(witness, self.chain.seq))
        report.balances = dict(self.chain.balances)
        report.remarks = list(self.trading.rates.remarks())
        report.open_positions, report.open_orders = len(self.trading.holdings), len(self.trading.orders)
        return report

    def _outside(self, body: Plain) -> Iterable[Complaint]:
        for witness in self._witnesses.pop(self.chain.seq, []):
            if witness.hash != body.get("hash"):
                yield "anchor", f"{witness.source} remembers the hash {witness.hash}, stored is {body.get('hash')}"
        for observer in self._observers:
            yield from observer(self.chain.seq, body)

    def _complain(self, document: Mapping[str, object], complaints: Iterable[Complaint]) -> None:
        seq, name = document.get("seq"), document.get("_id")
        for rule, message in complaints:
            self.report.add(
                Finding(
                    rule=rule,
                    message=message,
                    seq=int(seq) if isinstance(seq, int) else None,
                    document_id=None if name is None else str(name),
                )
            )

    def _note(self, body: Plain) -> None:
        report, ts = self.report, body.get("ts")
        report.documents, report.seq, report.hash = self.chain.count, self.chain.seq, self.chain.hash
        if isinstance(ts, int):
            report.first_ms = ts if report.first_ms is None else report.first_ms
            report.last_ms = ts


def audit(documents: Iterable[Mapping[str, object]], *, witnesses: Sequence[Witness] = ()) -> AuditReport:
    """Return the report on a whole journal."""
    auditor = Auditor(witnesses=witnesses)
    for document in documents:
        auditor.check(document)
    return auditor.finish()


def written_time(epoch_ms: int | None) -> str:
    """Return epoch milliseconds as people read them, UTC."""
    if epoch_ms is None:
        return "-"
    try:
        return f"{datetime.fromtimestamp(epoch_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, OSError, ValueError):
        return str(epoch_ms)


def _lost(witness: Witness, seq: int) -> Finding:
    if witness.seq > seq:
        message = f"the journal must reach seq {witness.seq}, which {witness.source} remembers; it ends with seq {seq}"
    else:
        message = f"seq {witness.seq} must exist, {witness.source} remembers it"
    return Finding(rule="anchor", message=message, seq=witness.seq)


def _without_bad_values(document: Mapping[str, object]) -> Plain:
    """Return what of a malformed document can be looked at, so that the rest of its checks still run."""
    body: Plain = {}
    for key, value in document.items():
        try:
            body |= plain({key: value})
        except NotCanonical:
            continue
    return body
