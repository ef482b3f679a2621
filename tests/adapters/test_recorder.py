"""The recorder: in order, before what follows of it, within its cap, and never in the desk's way."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from adapters import recorder as recorder_module
from adapters.message_codec import MessageCodec
from adapters.recorder import Recorder
from adapters.recorder_files import FrameReader, FrameWriter, recordings
from domain.errors import LedgerUnavailable
from domain.messages import TimerFired
from settings import Settings, as_recorded, parse_settings

NOW = 1_767_225_600_000


class Alarm:
    def __init__(self) -> None:
        self.sentences: list[str] = []

    def __call__(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture
def alarm() -> Alarm:
    return Alarm()


def make(folder: Path, alarm: Alarm, *, started_ms: int = NOW, max_bytes: int = 1 << 30) -> Recorder:
    return Recorder(
        folder=folder,
        codec=MessageCodec(plain=as_recorded, settings=parse_settings),
        header={"source": "simulated"},
        max_bytes=max_bytes,
        started_ms=started_ms,
        on_off=alarm,
    )


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in FrameReader(path).lines()]


def fired(key: str = "mark") -> TimerFired:
    return TimerFired(key=key, due_ms=NOW)


def test_a_handler_is_written_with_all_it_learned(tmp_path: Path, alarm: Alarm) -> None:
    recorder = make(tmp_path, alarm)
    transcript = recorder.transcript("broker", Settings(), {"has_books": True})
    assert transcript.learn("now", lambda: NOW + 1) == NOW + 1
    transcript.begin(fired())
    transcript.learn("now", lambda: NOW + 5)
    transcript.learn("waits", lambda: True)
    assert transcript.tell("hub", "hello", lambda: True)
    assert not transcript.tell("bot-BTCUSDT", "hello", lambda: False)
    transcript.end()
    recorder.close()
    header, settings, actor, *rest = lines(recordings(tmp_path)[0])
    assert header[1]["source"] == "simulated" and header[1]["part"] == 1
    assert settings[:2] == ["settings", 0] and actor == ["actor", 1, "broker", 0, {"has_books": True}]
    assert rest == [
        ["m", 1, "build"],
        ["e", 1, [1]],
        ["m", 1, "TimerFired", {"key": "mark", "due_ms": NOW}],
        ["e", 1, [5, True, ["untold", 2]]],
        ["end"],
    ]


def test_what_leads_to_documents_lies_on_disk_before_they_are_stored(tmp_path: Path, alarm: Alarm) -> None:
    recorder = make(tmp_path, alarm)
    transcript = recorder.transcript("broker", Settings(), {})
    transcript.begin(fired())
    transcript.learn("now", lambda: NOW + 5)
    seen: list[Any] = []
    transcript.append([{"_id": "deposit", "seq": 1}], lambda: seen.extend(lines(recordings(tmp_path)[0])))
    assert seen[-3:] == [
        ["m", 1, "TimerFired", {"key": "mark", "due_ms": NOW}],
        ["r", 1, [5]],
        ["w", 1, [{"_id": "deposit", "seq": 1}]],
    ]
    recorder.close()


def test_what_the_store_answers_is_written_and_raised(tmp_path: Path, alarm: Alarm) -> None:
    recorder = make(tmp_path, alarm)
    transcript = recorder.transcript("broker", Settings(), {})
    transcript.begin(fired())

    def fail() -> None:
        raise LedgerUnavailable("away")

    with pytest.raises(LedgerUnavailable):
        transcript.append([], fail)
    with pytest.raises(LedgerUnavailable):
        transcript.learn("head", fail)
    transcript.end("LedgerUnavailable: away")
    recorder.close()
    assert lines(recordings(tmp_path)[0])[-3:-1] == [
        ["o", 1, ["LedgerUnavailable", "away", None]],
        ["e", 1, [["!", "LedgerUnavailable", "away", None]], "LedgerUnavailable: away"],
    ]


def test_a_full_disk_ends_the_recording_and_nothing_else(
    tmp_path: Path, alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = make(tmp_path, alarm)
    transcript = recorder.transcript("broker", Settings(), {})
    recorder.flush()
    before = lines(recordings(tmp_path)[0])

    def full(self: FrameWriter, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FrameWriter, "write", full)
    transcript.begin(fired())
    stored: list[str] = []
    transcript.append([{"_id": "deposit"}], lambda: stored.append("stored"))
    assert transcript.learn("now", lambda: NOW) == NOW
    transcript.end()
    recorder.close()
    assert stored == ["stored"]
    [sentence] = alarm.sentences
    assert "the desk goes on" in sentence and "No space left" in sentence
    assert lines(recordings(tmp_path)[0]) == before


def test_a_folder_that_cannot_be_made_is_told_and_ignored(tmp_path: Path, alarm: Alarm) -> None:
    (tmp_path / "recordings").write_text("a file")
    recorder = make(tmp_path / "recordings", alarm)
    recorder.transcript("broker", Settings(), {}).begin(fired())
    recorder.close()
    assert not recorder.on and len(alarm.sentences) == 1


def test_what_cannot_be_written_ends_the_recording(tmp_path: Path, alarm: Alarm) -> None:
    recorder = make(tmp_path, alarm)
    recorder.transcript("broker", Settings(), {}).begin(TimerFired(key=object(), due_ms=NOW))
    assert not recorder.on and len(alarm.sentences) == 1


def test_files_follow_each_other_and_the_oldest_make_room(
    tmp_path: Path, alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "SMALLEST_PART", 4 << 10)
    cap = 40 << 10
    for day in range(3):
        recorder = make(tmp_path, alarm, started_ms=NOW + day * 86_400_000, max_bytes=cap)
        transcript = recorder.transcript("broker", Settings(), {})
        for number in range(6000):
            transcript.begin(fired(f"{number * 7919 % 10007:x}"))
            transcript.end()
            if number % 20 == 0:
                recorder.flush()
        recorder.close()
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= cap
    assert ["cannot be replayed" in sentence for sentence in alarm.sentences] == [True] * 3
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[-1].startswith("20260103T") and not any(name.startswith("20260101T") for name in names)
