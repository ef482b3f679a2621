"""An audit's outcome as a few lines of text."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from ledger.audit import AuditReport, written_time
from ledger.canonical import decimal_text

SHOWN = 10


def describe(report: AuditReport, head: Sequence[str]) -> Iterator[str]:
    """Yield the lines: what was read, what it holds, and every contradiction or `clean`."""
    yield from head
    span = f"{written_time(report.first_ms)} to {written_time(report.last_ms)} UTC"
    yield f"journal   {report.documents:,} documents, head seq {report.seq}, {span}"
    yield f"head      {report.hash}"
    yield f"accounts  {_accounts(report.balances)}"
    yield f"open      {report.open_positions} positions, {report.open_orders} orders"
    yield from (f"note      {remark}" for remark in report.remarks)
    if report.clean:
        yield "clean: numbering, hashes, times, postings, balances, fees, orders, fills, positions, states agree"
        return
    first, *rest = report.findings
    yield f"MISMATCH  {first}"
    yield from (f"          {finding}" for finding in rest[: SHOWN - 1])
    hidden = len(report.findings) + report.more - SHOWN
    if hidden > 0:
        yield f"          and {hidden} more"


def _accounts(balances: dict[tuple[str, str], Decimal]) -> str:
    """Return the sums by kind of account, of the accounts in the quote asset."""
    sums: dict[str, Decimal] = {}
    for (account, _), balance in sorted(balances.items()):
        kind = account.split(":")[0]
        if kind not in ("position", "market"):
            sums[kind] = sums.get(kind, Decimal(0)) + balance
    return ", ".join(f"{kind} {decimal_text(amount)}" for kind, amount in sums.items()) or "none"
