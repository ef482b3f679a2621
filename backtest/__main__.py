"""`python -m backtest`: a historical run, its progress and its reports. Exit 0 done, 2 it could not be asked so."""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backtest import parity, sweep_question
from backtest.engine import run
from backtest.engines import engine_of
from backtest.figures import figures_of
from backtest.files import Problems, sentences
from backtest.question import parser, read_job
from backtest.report_html import html_report
from backtest.report_text import json_report, text_report
from backtest.sweep import Log, Sweep
from domain.errors import QuorumError
from domain.ports import JournalDocument
from ledger.export import output, write_json


def main(arguments: Sequence[str]) -> int:
    """Run; return the exit code: 0, or 2 where the question cannot be answered."""
    try:
        if arguments and arguments[0] == "sweep":
            return _sweep(sweep_question.parser().parse_args(arguments[1:]))
        if arguments and arguments[0] == "parity":
            return _parity(parity.parser().parse_args(arguments[1:]))
        return _run(parser().parse_args(arguments))
    except QuorumError as error:
        print(f"backtest: {error}", file=sys.stderr)
        return 2


def _run(given: argparse.Namespace) -> int:
    started = time.perf_counter()
    problems = Problems()
    job, cutoffs = read_job(given, problems)
    for sentence in sentences(problems):
        print(f"data: {sentence}", file=sys.stderr)
    job = replace(job, progress=None if given.quiet else _progress_bar, keep_journal=given.journal is not None)
    result = replace(run(job), cutoffs=cutoffs)
    if not given.quiet:
        print(file=sys.stderr)
    figures = figures_of(result)
    print(text_report(result, figures))
    if given.report is not None:
        given.report.parent.mkdir(parents=True, exist_ok=True)
        given.report.write_text(html_report(result, figures, sentences(problems)), encoding="utf-8")
        given.report.with_suffix(".json").write_text(json_report(result, figures), encoding="utf-8")
        print(f"written: {given.report} and {given.report.with_suffix('.json')}")
    if given.journal is not None:
        _write_journal(given.journal, result.journal)
    seconds = time.perf_counter() - started
    print(f"{result.candles} candles in {seconds:.1f} s", file=sys.stderr)
    return 0


def _sweep(given: argparse.Namespace) -> int:
    started, plan = time.perf_counter(), sweep_question.read_plan(given)
    engine = engine_of(given.engine, given.jobs, given.address)
    try:
        sweep = Sweep(plan, engine, Log(given.out), progress=None if given.quiet else _counted)
        records = sweep.run()
    finally:
        engine.close()
    if not given.quiet:
        print(file=sys.stderr)
    print(sweep_question.text_report(records, plan))
    print(f"{sweep.done} trials run, {len(records)} in all, {time.perf_counter() - started:.1f} s", file=sys.stderr)
    return 0


def _parity(given: argparse.Namespace) -> int:
    live, backtest = parity.read_trades(given.live), parity.read_trades(given.backtest)
    print(parity.text_report(parity.compare(live, backtest, given.tolerance_seconds * 1000)))
    return 0


def _counted(done: int, known: int) -> None:
    print(f"\r{done} trials run, {known} known", end="", file=sys.stderr, flush=True)


def _write_journal(path: Path, journal: Sequence[JournalDocument]) -> None:
    with output(str(path)) as file:
        write_json(journal, file)
    print(f"written: {path}, to be checked by `python -m ledger verify {path}`")


def _progress_bar(share: float) -> None:
    width = 40
    done = round(share * width)
    print(f"\r[{'#' * done}{'.' * (width - done)}] {share * 100:3.0f} %", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
