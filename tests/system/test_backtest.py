"""A backtest against the desk that plays the same candles in virtual time: the same journal, document by document."""

from pathlib import Path
from typing import Any

import pytest

from adapters.recording import Recording
from backtest.engine import Job, run
from backtest.files import Problems, read_tables
from backtest.result import Result
from settings import parse_settings
from tests.system.journal import Document, fills
from tests.system.recordings import write_recording
from tests.system.virtual_desk import play
from tests.system.worlds import PAIRS, recorded

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

HOURS = 5
MINUTE_MS = 60_000


def backtested(raw: dict[str, Any], folder: Path) -> Result:
    """Run the candles of `folder` with the settings of the desk, skipping what can be skipped."""
    settings = parse_settings({**raw, "market": {**raw["market"], "source": "recorded"}})
    pairs = tuple(settings.bots.pairs)
    tables = read_tables(folder, pairs, Problems())
    rules = {each.pair: each for each in Recording(folder, pairs=pairs, intervals=settings.market.intervals).rules}
    from_ms = min(int(table.open_ms[0]) for table in tables.values())
    to_ms = max(int(table.open_ms[-1]) for table in tables.values()) + MINUTE_MS
    return run(Job(settings=settings, tables=tables, rules=rules, from_ms=from_ms, to_ms=to_ms, keep_journal=True))


def test_the_journal_is_that_of_the_desk_playing_the_same_candles(tmp_path: Path, mongodb_uri: str) -> None:
    folder = write_recording(tmp_path / "seeded", PAIRS, hours=HOURS)
    raw = recorded(folder)
    raw["bots"]["defaults"] |= {"max_hold_seconds": 1234, "max_concurrent_trades": 2}
    desk = play(raw, tmp_path / "desk", uri=mongodb_uri).journal
    result = backtested(raw, folder)

    stopped = desk.pop()  # a clean stop writes the state once more
    assert stopped["type"] == "checkpoint"
    assert {fill.get("reason") for fill in fills(desk)} >= {"stop_loss", "take_profit", "timeout", "signal_reversal"}
    assert [_named(each) for each in result.journal] == [_named(each) for each in desk]
    assert result.head == desk[-1]["hash"]


def _named(document: Document) -> tuple[object, ...]:
    """Return what names a document, and its hash, which stands for all of it."""
    return document["seq"], document["_id"], document["ts"], document["hash"]
