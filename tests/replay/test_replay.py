"""A recording is replayed to the same journal; whatever is changed in it is named at its first effect."""

from pathlib import Path
from typing import Any

import pytest

from actors.base import Actor
from adapters import recorder_files
from adapters.recorder_files import FrameReader, recordings
from domain.messages import Alerted, TimerFired
from domain.trading import OrderSource, Side
from replay.command import main
from tests.actors.test_broker import Crash, fail
from tests.domain.paper import T0, close, limit, order
from tests.memory_ledger import MemoryLedger
from tests.replay.recorded_broker import RecordedDesk, change


@pytest.fixture(autouse=True)
def _crash_hook(monkeypatch):
    monkeypatch.setitem(Actor.test_hooks, Crash, fail)


@pytest.fixture
def desk(tmp_path, peers, clock, timers):
    desk = RecordedDesk(tmp_path, peers, clock, timers)
    yield desk
    desk.recorder.close()


def trade_a_little(desk: RecordedDesk) -> None:
    desk.open_long(stop_loss="95", take_profit="110")
    desk.tell(limit("limit", Side.BUY, "1", "90", submitted_ms=T0 + 200), at_ms=200)
    desk.trade(1, "94.5", 400)
    desk.book(500, update_id=3)
    desk.fire("equity")


def replayed(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    """Return the exit code and the printed lines."""
    code = main([str(folder), *arguments])
    return code, capsys.readouterr().out.splitlines()


def test_a_recording_is_replayed_to_the_same_head(desk, capsys):
    trade_a_little(desk)
    head = desk.end()
    code, lines = replayed(desk.folder, capsys)
    assert (code, lines[-1]) == (0, f"head {head} identical")
    assert f"{len(desk.store.documents)} documents" in lines[0]


def test_nothing_of_the_replay_touches_the_recording(desk, capsys):
    trade_a_little(desk)
    desk.end()
    before = {path: path.read_bytes() for path in desk.folder.iterdir()}
    assert replayed(desk.folder, capsys)[1][-1] == replayed(desk.folder, capsys)[1][-1]
    assert {path: path.read_bytes() for path in desk.folder.iterdir()} == before


def test_a_broker_that_died_and_was_restarted_is_replayed(desk, capsys):
    trade_a_little(desk)
    desk.crash()
    desk.start()
    desk.market_is_live()
    desk.book(2000, update_id=9)
    desk.tell(order("next", submitted_ms=T0 + 2000), at_ms=2100)
    desk.book(2200, update_id=10)
    head = desk.end()
    code, lines = replayed(desk.folder, capsys)
    assert (code, lines[-1]) == (0, f"head {head} identical")


def test_lost_answers_and_a_database_that_is_away_are_replayed(desk, capsys):
    desk.store.lose_answers = 1
    desk.open_long()
    desk.retry()
    desk.store.away = True
    desk.tell(order("refused", submitted_ms=T0 + 300), close("exit", submitted_ms=T0 + 300), at_ms=300)
    desk.book(500, update_id=5)
    desk.store.away = False
    desk.retry()
    desk.book(600, update_id=6)
    head = desk.end()
    assert len(desk.store.documents) > 3
    code, lines = replayed(desk.folder, capsys)
    assert (code, lines[-1]) == (0, f"head {head} identical")


def test_a_process_that_was_killed_and_came_back_is_replayed_from_recording_to_recording(desk, capsys):
    trade_a_little(desk)
    desk.process_killed()
    desk.start()
    desk.market_is_live()
    desk.book(3000, update_id=20)
    head = desk.end()
    assert len(recordings(desk.folder)) == 2
    code, lines = replayed(desk.folder, capsys)
    assert (code, lines[-1]) == (0, f"head {head} identical")
    assert any("is cut off" in line for line in lines)
    code, lines = replayed(desk.folder, capsys, "--from-checkpoint")
    assert (code, lines[-1]) == (0, f"head {head} identical")
    assert len(lines) == 2


def test_a_replay_can_stop_before_the_end(desk, capsys):
    desk.open_long()
    first = desk.head
    desk.tell(close("exit", submitted_ms=T0 + 60_000), at_ms=60_000)
    desk.book(60_200, update_id=9)
    desk.end()
    code, lines = replayed(desk.folder, capsys, "--until", "2026-01-01T00:00:30")
    assert (code, lines[-1]) == (0, f"head {first} identical")


def test_a_changed_price_is_named_by_the_first_document_it_reaches(desk, capsys):
    desk.open_long()
    desk.end()

    def changed(line: list[Any]) -> list[Any]:
        if line[0] == "m" and line[2] == "BookChanged" and line[3]["book"]["update_id"] == 2:
            line[3]["book"]["asks"][0][0] = "100.02"
        return line

    change(desk.folder, changed)
    code, lines = replayed(desk.folder, capsys)
    assert (code, lines[-1]) == (1, "differs at seq 3")
    assert '"price": {"$d": "100.01"}' in lines[-3] and lines[-3].startswith("recorded: ")
    assert '"price": {"$d": "100.02"}' in lines[-2] and lines[-2].startswith("replayed: ")


def test_a_changed_document_is_named(desk, capsys):
    desk.open_long()
    desk.end()

    def changed(line: list[Any]) -> list[Any]:
        if line[0] == "w" and line[2][0]["type"] == "fill":
            line[2][0]["hash"] = "0" * 64
        return line

    change(desk.folder, changed)
    assert replayed(desk.folder, capsys)[1][-1] == "differs at seq 3"


def test_a_message_that_is_missing_is_named(desk, capsys):
    desk.open_long()
    desk.end()
    change(desk.folder, lambda line: None if line[0] == "m" and line[2] == "SubmitOrder" else line)
    code, lines = replayed(desk.folder, capsys)
    assert code == 1
    assert lines[-1].startswith("differs at seq ")


def test_an_order_that_no_bot_of_the_replay_gave_is_named(desk, capsys):
    desk.open_long(source=OrderSource.BOT, reply_to="bot-BTCUSDT")
    desk.end()
    code, lines = replayed(desk.folder, capsys)
    assert (code, lines[-1]) == (1, "differs at seq 2")
    assert "broker was told SubmitOrder" in lines[-2] and "now it was not" in lines[-2]


def test_a_damaged_block_is_named(desk, capsys):
    trade_a_little(desk)
    desk.end()
    [path] = recordings(desk.folder)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    code, lines = replayed(desk.folder, capsys)
    assert code == 1
    assert "the block at byte" in lines[-2] and lines[-1].startswith("differs at seq ")


def test_a_damaged_block_is_named_wherever_it_is_met(tmp_path, peers, clock, timers, capsys, monkeypatch):
    """Most lines are read while a handler runs, whose own failures are compared and not raised."""
    monkeypatch.setattr(recorder_files, "FRAME_BYTES", 1500)
    desk = RecordedDesk(tmp_path, peers, clock, timers)
    desk.open_long()
    for number in range(3, 40):
        desk.book(number * 100, update_id=number)
    desk.end()
    [path] = recordings(tmp_path)
    whole = path.read_bytes()
    for eighth in range(1, 8):
        data = bytearray(whole)
        data[len(data) * eighth // 8] ^= 4
        path.write_bytes(data)
        code, lines = replayed(tmp_path, capsys)
        assert (code, "the block at byte" in lines[-2]) == (1, True)


def test_a_part_that_is_missing_is_named(tmp_path, peers, clock, timers, capsys):
    desk = RecordedDesk(tmp_path, peers, clock, timers)
    desk.recorder._largest_part = 1000
    desk.open_long()
    for number in range(3, 60):
        desk.book(number * 100, update_id=number)
        desk.recorder.flush()
    desk.end()
    parts = recorder_files.parts_of(recordings(tmp_path)[0])
    assert len(parts) > 2
    parts[1].unlink()
    code, lines = replayed(tmp_path, capsys)
    assert (code, lines[-1].startswith("differs at seq ")) == (1, True)
    assert "part 2 of the recording is missing" in lines[-2]


def test_a_stored_journal_that_was_changed_between_two_processes_is_named(desk, capsys):
    trade_a_little(desk)
    desk.process_killed()
    desk.store = MemoryLedger(desk.store.documents[:2])
    desk.start()
    desk.market_is_live()
    desk.open_long(at_ms=5000, price=None)
    desk.end()
    assert replayed(desk.folder, capsys)[1][-1].startswith("differs at seq ")


def test_a_recording_without_its_first_part_is_refused(tmp_path, capsys):
    (tmp_path / "20260101T000000000Z.jsonl.zst").write_bytes(b"")
    code, lines = replayed(tmp_path, capsys)
    assert code == 1
    assert "must begin with a header" in lines[0]


def test_a_folder_without_recordings_is_no_recording(tmp_path, capsys):
    code, lines = replayed(tmp_path, capsys)
    assert code == 2
    assert "a recording must be a file" in lines[0]


def test_timer_mail_is_replayed_as_it_came_not_as_it_was_set(desk, capsys):
    desk.tell(order("late", submitted_ms=T0), at_ms=0)
    desk.tell(TimerFired(key="deadline", due_ms=T0 + 10_000), at_ms=20_000)
    head = desk.end()
    assert replayed(desk.folder, capsys)[1][-1] == f"head {head} identical"


def test_mail_that_reached_nobody_is_replayed_as_such(desk, capsys, monkeypatch):
    tell = desk.peers.tell
    monkeypatch.setattr(desk.peers, "tell", lambda name, message: tell(name, message) and name != "bot-BTCUSDT")
    trade_a_little(desk)
    head = desk.end()
    assert replayed(desk.folder, capsys)[1][-1] == f"head {head} identical"


def test_mail_that_was_lost_is_replayed_as_such(desk, capsys):
    desk.open_long()
    desk.broker.actor_inbox.dropped = 3
    desk.trade(1, "100", 300)
    assert desk.to("hub", Alerted)[-1].code == "mail_lost"
    head = desk.end()
    assert replayed(desk.folder, capsys)[1][-1] == f"head {head} identical"


def test_a_ping_is_no_part_of_a_recording(desk):
    desk.open_long()
    desk.end()
    assert b'"Ping"' not in b"".join(FrameReader(recordings(desk.folder)[-1]).lines())
