"""A recording from end to end: opinions, trades, exits, a clean journal, and the same one every time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.system.desk_process import DeskProcess, until
from tests.system.journal import Document, fills, positions, read_embedded
from tests.system.recordings import write_recording
from tests.system.worlds import PAIRS, recorded

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

DATABASE = "crypto_trading_rec"
EXIT_RULES = {"stop_loss", "take_profit", "trailing_stop", "timeout", "signal_reversal"}


def played(desk: DeskProcess, *, hours: int) -> list[Document]:
    """Wait until the recording has ended; return the journal and stop the desk."""
    wait_for_end(desk, hours=hours)
    documents = read_embedded(desk.folder, DATABASE)
    assert desk.terminate()[0] == 0
    return documents


def wait_for_end(desk: DeskProcess, *, hours: int) -> None:
    ended = f"recording ended at 2026-01-01 0{hours}:00"
    until(lambda: ended in desk.log, seconds=90, what=ended)
    until(lambda: desk.ready()[0] == 503, what="the market is reported as ended")


def scores_of(desk: DeskProcess) -> list[dict[str, Any]]:
    """Return what is told of the analysts, but how long a call took."""
    return [{**analyst, "latency_ms": None} for analyst in desk.session().initial["analysts"]]


def closed_by_a_rule(documents: list[Document]) -> list[Document]:
    """Return the fills that closed what a bot had opened, by an exit rule."""
    bots = {fill["order_id"] for fill in fills(documents) if str(fill["order_id"]).startswith("bot:")}
    assert bots
    return [fill for fill in fills(documents) if fill.get("reason") in EXIT_RULES]


def test_a_recording_in_virtual_time_gives_the_same_journal_every_time(
    desks: Callable[..., DeskProcess], tmp_path: Path
) -> None:
    recording = write_recording(tmp_path / "seeded", PAIRS, hours=3)
    first, second = (desks(recorded(recording), "--market", "recorded", "--speed", "0") for _ in range(2))
    first.start()
    second.start()
    for desk in (first, second):
        wait_for_end(desk, hours=3)
    scores, scores_again = scores_of(first), scores_of(second)
    journal, again = played(first, hours=3), played(second, hours=3)

    assert [document["hash"] for document in again] == [document["hash"] for document in journal]
    assert scores_again == scores
    technical = next(analyst for analyst in scores if analyst["name"] == "technical")
    low, high = technical["hit_rate_interval"]
    assert (technical["settled"] >= 10, low < technical["hit_rate"] < high) == (True, True)
    assert len(closed_by_a_rule(journal)) >= 3
    assert {fill["fill"]["liquidity"] for fill in fills(journal)} == {"maker", "taker"}
    assert {fill["model"] for fill in fills(journal)} == {"candle"}
    assert str(journal[-1]["hash"]) in first.log
    for desk in (first, second):
        audit = desk.ledger("audit", "--database", DATABASE)
        assert audit.returncode == 0, audit.stdout + audit.stderr


def test_a_recording_played_faster_than_real_time_trades_and_ends(
    desks: Callable[..., DeskProcess], tmp_path: Path
) -> None:
    recording = write_recording(tmp_path / "seeded", PAIRS, hours=2)
    desk = desks(recorded(recording), "--market", "recorded", "--speed", "1200").start()
    session = desk.session()
    source = session.initial["source"]
    assert (source["kind"], "from the past" in source["banner"]) == ("recorded", True)
    opened = session.wait("bot_trade_executed", seconds=60)["data"]
    closed = session.wait("bot_trade_closed", lambda frame: frame["data"]["symbol"] == opened["symbol"], seconds=60)
    assert closed["data"]["trade_record"]["exit_reason"] in EXIT_RULES
    assert any(frame["type"] == "analysis_log" for frame in session.frames)

    journal = played(desk, hours=2)
    assert closed_by_a_rule(journal)
    assert set(positions(journal)) <= set(PAIRS)
    audit = desk.ledger("audit", "--database", DATABASE)
    assert audit.returncode == 0, audit.stdout + audit.stderr
