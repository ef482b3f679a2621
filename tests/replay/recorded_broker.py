"""A broker whose life is recorded, killed and restarted as a test wants; and recordings with something changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from actors.broker import BrokerActor
from actors.transcribed import plain_arguments, transcribed
from adapters.message_codec import MessageCodec
from adapters.recorder import Recorder
from adapters.recorder_files import FrameReader, FrameWriter, recordings
from settings import Settings, as_recorded, parse_settings
from tests.actors.test_broker import Desk


class RecordedDesk(Desk):
    """The broker's desk of tests/actors, recorded into `folder`."""

    def __init__(self, folder: Path, peers: Any, clock: Any, timers: Any, *, store: Any = None) -> None:
        self.folder = folder
        self.alarms: list[str] = []
        self.recorder = self.new_recorder(clock.now_ms())
        super().__init__(peers, clock, timers, store=store)

    def new_recorder(self, started_ms: int) -> Recorder:
        return Recorder(
            folder=self.folder,
            codec=MessageCodec(plain=as_recorded, settings=parse_settings),
            header={"database": "test", "source": "binance"},
            max_bytes=1 << 30,
            started_ms=started_ms,
            on_off=self.alarms.append,
        )

    def start(self) -> None:
        self.peers.sent.clear()
        arguments = {
            "settings": Settings(),
            "peers": self.peers,
            "clock": self.clock,
            "timers": self.timers,
            "store": self.store,
            "archive": self.archive,
            "has_books": self.has_books,
            "source": self.source,
        }
        transcript = self.recorder.transcript("broker", arguments["settings"], plain_arguments(arguments))
        self.broker = BrokerActor.start(**transcribed(arguments, transcript))
        self.settle()

    def end(self) -> str:
        """Stop cleanly; return the journal's head."""
        self.broker.stop()
        self.recorder.close()
        assert self.alarms == []
        return self.head

    def process_killed(self) -> None:
        """Lose the process, as a power cut does, and begin another with a recording of its own."""
        self.recorder._file.abandon()
        self.recorder.on = False
        self.clock.move_to(self.clock.now_ms() + 1000)
        self.recorder = self.new_recorder(self.clock.now_ms())

    @property
    def head(self) -> str:
        return self.store.documents[-1]["hash"]


def change(folder: Path, changed: Callable[[list[Any]], list[Any] | None]) -> None:
    """Write the newest recording anew, each line as `changed` returns it; None leaves it out."""
    path = recordings(folder)[-1]
    lines = [changed(msgspec.json.decode(line)) for line in FrameReader(path).lines()]
    path.unlink()
    writer = FrameWriter(path)
    writer.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines if line is not None))
    writer.close()
