"""A recording as it is read: its lines in order, sorted to the generations of actors they are about."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from adapters.recorder import FORM
from adapters.recorder_files import FrameReader, RecordingDamaged, parts_of, recordings
from domain.errors import QuorumError

_LINE = msgspec.json.Decoder(list[msgspec.Raw])
_PLAIN = msgspec.json.Decoder()


class RecordingError(QuorumError):
    """There is nothing at that path that can be replayed; the sentence says what must hold."""


@dataclass(frozen=True, slots=True)
class HandlerEnd:
    """Among what was learned: here a handler came to its end."""

    error: str  # what it failed of, empty when it did not


@dataclass(frozen=True, slots=True)
class Step:
    """Something that one generation of an actor handled."""

    slot: int
    name: str  # of a message, or build, start, stop
    body: bytes | None  # None: no message


@dataclass(slots=True)
class Generation:
    """One generation of an actor, with what is read of it and not used yet."""

    slot: int
    name: str
    settings: int  # their number
    arguments: dict[str, Any]
    learned: deque[object] = field(default_factory=deque)  # with a HandlerEnd after each handler's
    written: deque[list[object]] = field(default_factory=deque)  # batches of documents
    outcomes: deque[object] = field(default_factory=deque)
    asides: deque[object] = field(default_factory=deque)
    over: bool = False  # a later generation has begun


class Session:
    """One recording, from its first part on.

    Raises:
        RecordingError: it has no beginning, or is of another form.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []  # what is to be said about it, in sentences
        self.generations: dict[int, Generation] = {}
        self.settings: dict[int, Any] = {}
        self.ended = False  # the desk's own end was read
        self.damaged: RecordingDamaged | None = None  # raised by `pull`, whoever met it there
        self._steps: deque[Step] = deque()
        self._current: dict[str, Generation] = {}
        self._lines = self._read()
        first = next(self._lines, None)
        if first is None or _PLAIN.decode(first[0]) != "header":
            raise RecordingError(f"{path.name} must begin with a header; it is no recording, or nothing of it was kept")
        self.header: dict[str, Any] = _PLAIN.decode(first[1])
        if self.header["form"] != FORM:
            raise RecordingError(f"{path.name} must be of form {FORM}, is of form {self.header['form']}")

    @property
    def base_ms(self) -> int:
        """Epoch milliseconds from which its times count."""
        return int(self.header["base_ms"])

    def next_step(self) -> Step | None:
        """Return what is handled next, None at the end.

        Raises:
            RecordingDamaged: as `pull`.
        """
        while not self._steps and self.pull():
            pass
        return self._steps.popleft() if self._steps else None

    def pull(self) -> bool:
        """Read one more line; return whether there was one.

        Raises:
            RecordingDamaged: the file is not what was written.
        """
        try:
            parts = next(self._lines, None)
        except RecordingDamaged as damage:
            self.damaged = damage
            raise
        if parts is None:
            return False
        match _PLAIN.decode(parts[0]), *parts[1:]:
            case "header", _:
                pass
            case "settings", number, values:
                self.settings[_PLAIN.decode(number)] = _PLAIN.decode(values)
            case "actor", slot, name, number, arguments:
                self._begin(*(_PLAIN.decode(each) for each in (slot, name, number, arguments)))
            case "m", slot, name, *body:
                self._steps.append(Step(_PLAIN.decode(slot), _PLAIN.decode(name), bytes(body[0]) if body else None))
            case "r", slot, learned:
                self._of(slot).learned.extend(_PLAIN.decode(learned))
            case "e", slot, learned, *error:
                end = HandlerEnd(_PLAIN.decode(error[0]) if error else "")
                self._of(slot).learned.extend([*_PLAIN.decode(learned), end])
            case "w", slot, documents:
                self._of(slot).written.append(_PLAIN.decode(documents))
            case "o", slot, outcome:
                self._of(slot).outcomes.append(_PLAIN.decode(outcome))
            case "a", slot, learned:
                self._of(slot).asides.append(_PLAIN.decode(learned))
            case ("end",):
                self.ended = True
            case what, *_:
                raise RecordingDamaged(f"{self.path.name}: a line must be of a known kind, was {what!r}")
        return True

    def _of(self, slot: msgspec.Raw) -> Generation:
        return self.generations[_PLAIN.decode(slot)]

    def _begin(self, slot: int, name: str, number: int, arguments: dict[str, Any]) -> None:
        if (before := self._current.get(name)) is not None:
            before.over = True
        self.generations[slot] = self._current[name] = Generation(slot, name, number, arguments)

    def _read(self) -> Iterator[list[msgspec.Raw]]:
        """Yield the lines of all parts; only the last may be cut off."""
        paths = parts_of(self.path)
        for number, path in enumerate(paths, 1):
            reader = FrameReader(path)
            for at, line in enumerate(reader.lines()):
                try:
                    parts = _LINE.decode(line)
                except ValueError as error:
                    raise RecordingDamaged(f"{path.name}: line {at + 1} cannot be read ({error})") from None
                if at == 0 and _part(parts) != number:
                    raise RecordingDamaged(f"part {number} of the recording is missing before {path.name}")
                yield parts
            if reader.torn and number < len(paths):
                raise RecordingDamaged(f"{path.name} has no end, yet {paths[number].name} follows")
            if reader.torn:
                self.notes.append(
                    f"{path.name} is cut off in its last block, as after a kill: what follows is left out"
                )
                return


def _part(parts: list[msgspec.Raw]) -> int:
    return int(_PLAIN.decode(parts[1])["part"]) if len(parts) == 2 else 0


def find_recordings(path: Path) -> list[Path]:
    """Return the recording at `path`, or all in that folder (a data directory will do), oldest first.

    Raises:
        RecordingError: there is none.
    """
    if path.is_file():
        return [path]
    for folder in (path, path / "recordings"):
        if folder.is_dir() and (found := recordings(folder)):
            return found
    raise RecordingError(f"a recording must be a file, or a folder that holds some; {path} is neither")
