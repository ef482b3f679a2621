"""Writes down what bots, broker and analysts handle and learn, so that a session can be replayed bit for bit.

One line of JSON each (docs/replay.md has the whole form):
    ["header", {...}]                      the first of each file
    ["settings", n, {...}]                 settings number n
    ["actor", slot, name, n, {...}]        a generation of an actor begins, on settings number n
    ["m", slot, name, message]             it handles a message, or (by name alone) builds, starts or stops
    ["r", slot, [...]]                     what it learned so far
    ["e", slot, [...]]                     what it learned since, and its end; after a failure with ", error"
    ["w", slot, [...]]                     it is about to store these documents
    ["o", slot, error or null]             what became of them
    ["a", slot, what, value]               what it learned in a greenlet of its own
    ["end"]                                the desk has stopped
What leads to a document is written before the document is stored.
"""

import errno
import hashlib
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent

from adapters.message_codec import MessageCodec, error_parts, tagged
from adapters.recorder_files import SUFFIX, FrameWriter, part_path
from domain.messages import AmendProtection, ClosePosition, SetControl, SubmitOrder
from domain.ports import JournalDocument
from domain.transcript import Kind, Learned

FORM = 1  # version of the lines
FLUSH_BYTES = 64 << 10
FLUSH_SECONDS = 0.5
LEARNED = 256  # values until a line is written for them
SMALLEST_PART, LARGEST_PART = 64 << 10, 256 << 20
_COMMANDS = (SubmitOrder, ClosePosition, AmendProtection, SetControl)  # all that is looked for in waiting mail
_SAME_KEPT = 64

log = logging.getLogger("recorder")


def sources_hash(root: Path) -> str:
    """Return the SHA-256 of the code that decides: a replay by other code may differ."""
    files = [root / "settings.py", *(root / "actors").glob("*.py"), *(root / "domain").rglob("*.py")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()


class Recorder:
    """One session's recording. It never raises: whatever goes wrong ends the recording, loudly, and the desk goes on.

    Args:
        folder: made if missing.
        header: what a replay must know of the desk.
        max_bytes: of all recordings in `folder`; the oldest are deleted. A part of this one is too, when nothing else
            is left: it can then not be replayed.
        on_off: called with one sentence when the recording ends before the desk does, or cannot be replayed any more.
        spare_bytes: left free on the disk, for the database; where a part would take of it, the recording ends.
    """

    def __init__(
        self,
        *,
        folder: Path,
        codec: MessageCodec,
        header: Mapping[str, object],
        max_bytes: int,
        started_ms: int,
        on_off: Callable[[str], None],
        spare_bytes: int = 0,
    ) -> None:
        self.on = True
        self.bytes = 0  # written in all parts
        self._folder = folder
        self._codec = codec
        self._header = header
        self._max_bytes = max_bytes
        self._spare_bytes = spare_bytes
        self._largest_part = max(SMALLEST_PART, min(LARGEST_PART, max_bytes // 8))
        self._start = datetime.fromtimestamp(started_ms / 1000, UTC).strftime("%Y%m%dT%H%M%S%f")[:-3] + "Z"
        self._started_ms = started_ms
        self._on_off = on_off
        self._part = 0
        self._file: FrameWriter | None = None
        self._lines: list[bytes] = []
        self._waiting = 0  # bytes in _lines
        self._slots = 0
        self._settings: list[object] = []
        self._same: dict[int, tuple[object, bytes]] = {}  # one message told to many is encoded once
        self._try(self._next_part)

    def transcript(self, name: str, settings: object, arguments: Mapping[str, object]) -> "RecorderTranscript":
        """Begin the transcript of a new generation of an actor that is being built in this greenlet."""
        self._slots += 1
        self._try(lambda: self._begin_actor(name, settings, arguments))
        return RecorderTranscript(self, self._slots)

    def run(self) -> None:
        """Flush again and again. Never returns."""
        while True:
            gevent.sleep(FLUSH_SECONDS)
            self.flush()

    def line(self, *parts: bytes) -> None:
        """Add one line of parts that are JSON."""
        if self.on:
            line = b"[" + b",".join(parts) + b"]\n"
            self._lines.append(line)
            self._waiting += len(line)
            if self._waiting >= FLUSH_BYTES:
                self.flush()

    def flush(self) -> None:
        """Hand over to the operating system what was written so far."""
        if self._lines and self.on:
            self._try(self._write)

    def close(self) -> None:
        """Write the recording's end."""
        if self.on:
            self.line(b'"end"')
            self.flush()
        if self.on and self._file is not None:
            self._try(self._file.close)
        self.on = False

    def message(self, message: object) -> bytes:
        """Return `"name",message` in JSON; a step of an actor's life is a name alone."""
        if isinstance(message, str):
            return b'"%s"' % message.encode()
        known = self._same.get(id(message))
        if known is not None and known[0] is message:
            return known[1]
        name, body = self._codec.encode(message)
        text = b'"%s",%s' % (name.encode(), body)
        if len(self._same) >= _SAME_KEPT:
            self._same.clear()
        self._same[id(message)] = (message, text)
        return text

    def value(self, kind: Kind, value: Any) -> object:
        """Return what was learned in the form of the lines."""
        match kind:
            case "now":
                return value - self._started_ms
            case "waits":
                return value
            case "lost":
                return [kind, value] if value else None
            case "ahead":
                commands = [each for each in value if isinstance(each, _COMMANDS)]
                return [kind, [[type(each).__name__, each] for each in commands]]
            case _:
                return [kind, tagged(value)]

    def json(self, value: object) -> bytes:
        """Return plain values and messages as JSON."""
        return self._codec.json(value)

    def attempt(self, write: Callable[[], None]) -> None:
        """Write something; whatever goes wrong ends the recording."""
        if self.on:
            self._try(write)

    # --- inside

    def _begin_actor(self, name: str, settings: object, arguments: Mapping[str, object]) -> None:
        number = next((index for index, known in enumerate(self._settings) if known is settings), None)
        if number is None:
            number = len(self._settings)
            self._settings.append(settings)
            self.line(b'"settings"', self.json(number), self.json(settings))
        self.line(b'"actor"', self.json(self._slots), self.json(name), self.json(number), self.json(arguments))

    def _write(self) -> None:
        lines, self._lines, self._waiting = b"".join(self._lines), [], 0
        assert self._file is not None
        before = self._file.bytes
        self._file.write(lines)
        self.bytes += self._file.bytes - before
        if self._file.bytes >= self._largest_part:
            self._file.close()
            self._next_part()

    def _next_part(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._part += 1
        self._file = FrameWriter(part_path(self._folder, self._start, self._part))
        header = {**self._header, "form": FORM, "part": self._part, "start": self._start, "base_ms": self._started_ms}
        self._file.write(b'["header",' + self._codec.json(header) + b"]\n")
        self._delete_oldest()
        if shutil.disk_usage(self._folder).free < self._spare_bytes + self._largest_part and self._spare_bytes:
            raise OSError(errno.ENOSPC, f"{self._spare_bytes >> 20} MiB of its disk are kept free for the database")

    def _delete_oldest(self) -> None:
        """Leave room for one more part under the cap; the newest file stays."""
        files = sorted(self._folder.glob(f"*{SUFFIX}"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        sizes = {path: path.stat().st_size for path in files}
        total = sum(sizes.values()) + self._largest_part
        for path in files[:-1]:
            if total <= self._max_bytes:
                return
            log.info("Recording %s is deleted: recorder.max_gib is reached", path.name)
            path.unlink()
            total -= sizes[path]
            if path == part_path(self._folder, self._start, 1):
                sentence = (
                    "The recording of this session is longer than recorder.max_gib: it cannot be replayed any more, "
                    "the next start begins a new one"
                )
                log.warning("%s", sentence)
                self._on_off(sentence)

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception as error:  # noqa: BLE001 - whatever it was: the desk goes on without its recording
            self._turn_off(error)

    def _turn_off(self, error: Exception) -> None:
        self.on, self._lines, self._same = False, [], {}
        if self._file is not None:
            try:
                self._file.abandon()
            except OSError as again:
                log.warning("The recording's file could not be closed: %s", again)
        sentence = f"The recording ends here, the desk goes on: {type(error).__name__}: {error}"
        log.error("%s", sentence)
        self._on_off(sentence)


class RecorderTranscript:
    """The Transcript port of one generation of one actor, written down."""

    def __init__(self, recorder: Recorder, slot: int) -> None:
        self._recorder = recorder
        self._slot = b"%d" % slot
        self._owner = gevent.getcurrent()  # who builds the actor, then the actor
        self._open = False
        self._learned: list[object] = []
        self._tells = 0  # in this handler
        self.begin("build")

    def begin(self, message: object) -> None:
        if self._open:
            self.end()
        self._owner, self._open, self._tells = gevent.getcurrent(), True, 0
        recorder = self._recorder
        recorder.attempt(lambda: recorder.line(b'"m"', self._slot, recorder.message(message)))

    def end(self, error: str = "") -> None:
        self._open = False
        recorder = self._recorder
        learned, self._learned = self._learned, []
        parts = (recorder.json(error),) if error else ()
        recorder.attempt(lambda: recorder.line(b'"e"', self._slot, recorder.json(learned), *parts))

    def learn(self, kind: Kind, look: Callable[[], Learned]) -> Learned:
        if not self._recorder.on:
            return look()
        if not self._open or gevent.getcurrent() is not self._owner:
            return look() if kind == "now" else self._learn_aside(kind, look)
        try:
            value = look()
        except Exception as error:
            parts: list[object] = ["!", *error_parts(error)]
            self._note(lambda: parts)
            raise
        self._note(lambda: self._recorder.value(kind, value))
        return value

    def tell(self, name: str, message: object, send: Callable[[], bool]) -> bool:
        told = send()
        if self._open and gevent.getcurrent() is self._owner:
            self._tells += 1
            if not told:
                untold: list[object] = ["untold", self._tells]
                self._note(lambda: untold)
        return told

    def append(self, documents: Sequence[JournalDocument], send: Callable[[], None]) -> None:
        recorder = self._recorder
        self._write_learned()
        recorder.attempt(lambda: recorder.line(b'"w"', self._slot, recorder.json(tagged(documents))))
        recorder.flush()
        try:
            send()
        except Exception as error:
            parts = error_parts(error)
            recorder.attempt(lambda: recorder.line(b'"o"', self._slot, recorder.json(parts)))
            raise
        recorder.line(b'"o"', self._slot, b"null")

    def _learn_aside(self, kind: Kind, look: Callable[[], Learned]) -> Learned:
        recorder = self._recorder
        try:
            value = look()
        except Exception as error:
            parts = ["!", *error_parts(error)]
            recorder.attempt(lambda: recorder.line(b'"a"', self._slot, recorder.json(parts)))
            raise
        recorder.attempt(lambda: recorder.line(b'"a"', self._slot, recorder.json(recorder.value(kind, value))))
        return value

    def _note(self, made: Callable[[], object]) -> None:
        self._recorder.attempt(lambda: self._learned.append(made()))
        if len(self._learned) >= LEARNED:
            self._write_learned()

    def _write_learned(self) -> None:
        if self._learned:
            recorder = self._recorder
            learned, self._learned = self._learned, []
            recorder.attempt(lambda: recorder.line(b'"r"', self._slot, recorder.json(learned)))
