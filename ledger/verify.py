"""An exported journal, checked without a database."""

import json
from collections.abc import Iterator
from typing import TextIO

from ledger.audit import Auditor, AuditReport
from ledger.canonical import Plain
from ledger.findings import Finding

LONGEST_LINE = 16 * 1024 * 1024  # a MongoDB document is no longer


def verify(file: TextIO) -> AuditReport:
    """Return the report on the JSON lines of `file`: chain, gaps, sums, balances, orders and positions.

    Only what the file itself says is known: that its tail is missing cannot be seen without an anchor.
    """
    auditor = Auditor()
    for number, line in _lines(file):
        try:
            auditor.check(_parse(line))
        except ValueError as error:
            auditor.report.add(Finding(rule="format", message=f"line {number} must be a JSON document: {error}"))
    if auditor.chain.count == 0:
        auditor.report.add(Finding(rule="format", message="the file must hold at least one document, holds none"))
    return auditor.finish()


def _lines(file: TextIO) -> Iterator[tuple[int, str]]:
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if line.strip():
            yield number, line


def _parse(line: str) -> Plain:
    try:
        document = json.loads(line, object_pairs_hook=_named_once)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError(f"found a {type(document).__name__}")
    return document


def _named_once(pairs: list[tuple[str, object]]) -> Plain:
    """Return an object's members; of two values with one name, readers might see the one or the other."""
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"a field must stand once, {next(name for name in names if names.count(name) > 1)!a} does not")
    return members
