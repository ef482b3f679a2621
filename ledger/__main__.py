"""`python -m ledger audit|export|verify`: tools over the journal. Exit 0 clean, 3 mismatch, 2 usage or no database."""

import argparse
import heapq
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from adapters.anchor import AnchorFile
from domain.errors import QuorumError
from ledger.audit import Auditor, AuditReport
from ledger.background import witnesses
from ledger.canonical import NotCanonical
from ledger.connection import LedgerSource, open_ledger, read_settings
from ledger.export import output, write_csv, write_json
from ledger.projections import COLLECTIONS, ProjectionCheck
from ledger.report import describe
from ledger.verify import verify

CLEAN, USAGE, MISMATCH = 0, 2, 3
BATCH = 1000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (QuorumError, PyMongoError, OSError) as error:
        print(f"ledger: {_reason(error)}", file=sys.stderr)
        return USAGE


def _audit(options: argparse.Namespace) -> int:
    with open_ledger(read_settings(options.settings), options.database) as source:
        report, notes = audit_database(source)
    _show(describe(report, [f"database  {source.name} ({source.place})", *notes, *source.remarks]))
    return CLEAN if report.clean else MISMATCH


def audit_database(source: LedgerSource) -> tuple[AuditReport, list[str]]:
    """Return the report on the whole journal with projections and anchors, and what was compared besides."""
    anchors = list(AnchorFile(data_dir=source.data_dir, database=source.name).lines())
    auditor = Auditor(witnesses=witnesses(anchors), unique_ids=False)  # the database's own index keeps them unique
    projections = ProjectionCheck(_projected(source.database))
    auditor.watch(projections.at)
    for document in _journal(source.database):
        auditor.check(document)
    report = auditor.finish()
    for finding in (*projections.findings, *projections.beyond(report.seq)):
        report.add(finding)
    lag = f" ({projections.behind} behind: the next start writes them anew)" if projections.behind else ""
    return report, [f"compared  {projections.count} projections{lag}, {len(anchors)} anchors"]


def _export(options: argparse.Namespace) -> int:
    write = write_csv if options.format == "csv" else write_json
    with open_ledger(read_settings(options.settings), options.database) as source:
        for remark in source.remarks:
            print(f"ledger: {remark}", file=sys.stderr)
        try:
            with output(options.file) as file:
                count = write(_journal(source.database), file)
        except BrokenPipeError:
            _let_go_of_output()
            return CLEAN
        except NotCanonical as error:
            print(f"ledger: the journal cannot be exported: {error}; see `ledger audit`", file=sys.stderr)
            return MISMATCH
    print(f"ledger: {count} documents of {source.name} exported", file=sys.stderr)
    return CLEAN


def _verify(options: argparse.Namespace) -> int:
    given = options.file == "-"
    source = sys.stdin.fileno() if given else options.file
    with open(source, encoding="utf-8", errors="surrogateescape", closefd=not given) as file:
        report = verify(file)
    _show(describe(report, [f"file      {options.file}"]))
    return CLEAN if report.clean else MISMATCH


def _show(lines: Iterator[str]) -> None:
    """Print a report; who reads only its beginning is answered by the exit code all the same."""
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        _let_go_of_output()


def _let_go_of_output() -> None:
    """Let what is still to be printed go nowhere: the reader has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _journal(database: Database[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield everything in the journal, documents without a proper seq first."""
    with database["journal"].find({}, sort=[("seq", 1)], batch_size=BATCH) as cursor:
        yield from cursor


def _projected(database: Database[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all projections, ascending by the seq they reflect; what they are now, while the desk may go on."""
    sources = [_sorted_by_seq(database, collection) for collection in COLLECTIONS]
    return heapq.merge(*sources, key=lambda pair: _seq_of(pair[1]))


def _sorted_by_seq(database: Database[dict[str, Any]], collection: str) -> Iterator[tuple[str, dict[str, Any]]]:
    with database[collection].find({}, sort=[("seq", 1)], batch_size=BATCH, allow_disk_use=True) as cursor:
        for document in cursor:
            yield collection, document


def _seq_of(document: dict[str, Any]) -> int:
    seq = document.get("seq")
    return seq if isinstance(seq, int) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ledger", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="audit | export | verify")
    audit = commands.add_parser("audit", help="recompute and check the journal, its projections and anchors")
    audit.set_defaults(run=_audit)
    export = commands.add_parser("export", help="write the journal as JSON lines or CSV")
    export.set_defaults(run=_export)
    export.add_argument("--format", choices=("json", "csv"), default="json", help="default: json")
    export.add_argument("file", nargs="?", metavar="FILE", help="default: standard output")
    for command in (audit, export):
        command.add_argument("--settings", metavar="FILE", help="default: settings.yaml")
        command.add_argument("--database", metavar="NAME", help="exact name; default: by the settings' market.source")
    check = commands.add_parser("verify", help="check an exported JSON file without a database")
    check.set_defaults(run=_verify)
    check.add_argument("file", metavar="FILE", help="JSON lines as `export` writes them; - for standard input")
    return parser


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    if isinstance(error, PyMongoError):
        return f"the database did not answer ({type(error).__name__})"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
