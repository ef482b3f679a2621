"""The Transcript port of a replay: gives back what was learned, and compares what is stored and told."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import gevent
import msgspec

from adapters.message_codec import MessageCodec, read_document, read_error, untagged
from domain.ports import Head, JournalDocument
from domain.transcript import Kind, Learned
from replay.agreement import Agreement
from replay.comparison import Comparison
from replay.recording import Generation, HandlerEnd, Session

_NOTHING = object()  # nothing more is recorded of this generation


class Cut(gevent.GreenletExit):
    """Nothing more is recorded of this handler: it was cut off there, or has parted from the recording."""


class Playback:
    """One generation of one actor, played back. Called by the one greenlet that plays, but for its own side work."""

    def __init__(
        self,
        *,
        session: Session,
        generation: Generation,
        codec: MessageCodec,
        comparison: Comparison,
        agreement: Agreement,
    ) -> None:
        self.now_ms = session.base_ms  # as learned last
        self.cut = False
        self._session = session
        self._generation = generation
        self._codec = codec
        self._comparison = comparison
        self._agreement = agreement
        self._owner: object = None
        self._step = ""
        self._tells = 0  # in this handler

    def begin(self, message: object) -> None:
        self._owner, self._tells = gevent.getcurrent(), 0
        self._step = message if isinstance(message, str) else type(message).__name__

    def end(self, error: str = "") -> None:
        """Compare how the handler ended, and take what it was recorded to have learned beyond."""
        self._owner = None
        if self.cut:
            self._skip()
            return
        unused = self._peek()
        if isinstance(unused, HandlerEnd):
            self._generation.learned.popleft()
            if error and not unused.error:
                self._differs(f"{self._where()} failed, which it did not before: {error}")
        elif unused is not _NOTHING:
            why = f"fails: {error}" if error else "does not"
            self._differs(f"{self._where()} was recorded to {_told(unused)}, now it {why}")

    def due_ms(self) -> int:
        """Return what the clock says first in the handler that comes next; where it is not read, what it said last."""
        learned, place = self._generation.learned, 0
        while True:
            while place < len(learned):
                item, place = learned[place], place + 1
                if isinstance(item, HandlerEnd):
                    return self.now_ms
                if type(item) is int:
                    return self._session.base_ms + item
            if self._generation.over or not self._session.pull():
                return self.now_ms

    def learn(self, kind: Kind, look: Callable[[], Learned]) -> Learned:
        if gevent.getcurrent() is not self._owner:
            return cast(Learned, self.now_ms if kind == "now" else self._aside(kind))
        item = self._peek()
        if item is _NOTHING or (isinstance(item, HandlerEnd) and item.error):
            raise self._cut_off()
        if isinstance(item, HandlerEnd) or not _is_of(kind, item):
            self._differs(f"{self._where()} asks for {kind!r}, was recorded to {_told(item)}")
            raise self._cut_off()
        self._generation.learned.popleft()
        return cast(Learned, self._value(kind, item))

    def tell(self, name: str, message: object, send: Callable[[], bool]) -> bool:
        if gevent.getcurrent() is not self._owner:
            return True
        self._agreement.told(name, message)
        self._tells += 1
        if self._peek() == ["untold", self._tells]:
            self._generation.learned.popleft()
            return False
        return True

    def append(self, documents: Sequence[JournalDocument], send: Callable[[], None]) -> None:
        written = self._wait(self._generation.written)
        if written is None:
            raise self._cut_off()
        recorded = [read_document(each) for each in written]
        if not self._comparison.batch(recorded, documents):
            raise self._cut_off()
        generation = self._generation
        while not generation.outcomes:
            if generation.over or not self._session.pull():
                raise self._cut_off()
        if (error := generation.outcomes.popleft()) is not None:
            raise read_error(cast(list[Any], error))
        if not self._comparison.durable(recorded):
            raise self._cut_off()

    # --- inside

    def _peek(self) -> object:
        """Return what was learned next, _NOTHING where nothing more is recorded."""
        learned = self._generation.learned
        while not learned:
            if self._generation.over or not self._session.pull():
                return _NOTHING
        return learned[0]

    def _wait(self, queue: Any) -> Any:
        while not queue:
            if self._generation.over or not self._session.pull():
                return None
        return queue.popleft()

    def _aside(self, kind: Kind) -> object:
        item = self._wait(self._generation.asides)
        if item is None:
            raise self._cut_off()
        return self._value(kind, item)

    def _value(self, kind: Kind, item: Any) -> object:
        match kind, item:
            case _, ["!", *parts]:
                raise read_error(parts)
            case "now", int():
                self.now_ms = self._session.base_ms + item
                return self.now_ms
            case "waits", bool():
                return item
            case "lost", None:
                return 0
            case "ahead", [_, list() as commands]:
                return [self._codec.decode(name, msgspec.json.encode(body)) for name, body in commands]
            case _, [_, value]:
                return self._stored(kind, value)
        raise ValueError(f"{kind} must be recorded in its form, was {item!r}")

    def _stored(self, kind: Kind, value: Any) -> object:
        """Return what was read of the stored journal, compared with what was replayed of it."""
        if kind == "head":
            if value is None:
                self._comparison.empty()
            return None if value is None else Head(seq=value[0], hash=value[1])
        if kind in ("next", "checkpoint", "find") and value is not None:
            document = read_document(value)
            if not self._comparison.stored(document):
                raise self._cut_off()
            return document
        plain = untagged(value)
        return tuple(plain) if isinstance(plain, list) else plain

    def _skip(self) -> None:
        """Leave out what else was learned in a handler that was cut off."""
        while (item := self._peek()) is not _NOTHING:
            self._generation.learned.popleft()
            if isinstance(item, HandlerEnd):
                return

    def _cut_off(self) -> Cut:
        self.cut = True
        return Cut()

    def _differs(self, sentence: str) -> None:
        self._comparison.differs(sentence)

    def _where(self) -> str:
        return f"{self._generation.name}, handling {self._step},"


def _is_of(kind: Kind, item: object) -> bool:
    match kind, item:
        case "waits", bool():
            return True
        case "now", int() if not isinstance(item, bool):
            return True
        case "lost", None:
            return True
        case _, [name, *_]:
            return name in (kind, "!")
    return False


def _told(item: object) -> str:
    if isinstance(item, HandlerEnd):
        return "come to its end"
    match item:
        case bool():
            return "look whether mail waits"
        case int():
            return "read the clock"
        case [name, *_]:
            return f"learn {name!r}"
    return "learn what was lost"
