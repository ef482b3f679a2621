"""The hub's way out: renders once, encodes once, and delivers the frames of one turn of the loop in one send."""

import logging
import time
from collections.abc import Hashable
from dataclasses import dataclass

import gevent

from domain.ports import PublicFigures
from web import wire
from web.session import Backlog, Session

log = logging.getLogger("web.notices")

_MAX_TURN = 512  # frames; more are sent before the turn ends
_PING_LOOK_SECONDS = 1.0  # between two looks for whom a ping is due
_CANDLE_SECONDS = 1.0  # between two updates of one open candle


@dataclass(slots=True)
class _Entry:
    frame: bytes
    kind: str
    symbol: str | None
    key: Hashable | None
    conflate: bool
    to: str | None  # this session only
    but: str | None  # not this session


@dataclass(slots=True)
class _Held:
    """A conflated message that waits until its symbol may speak again."""

    kind: str
    data: object
    symbol: str | None
    ledger_seq: int | None


class SessionNotices:
    """Satisfies domain.ports.Notices. Called from the hub's greenlet; the sessions come and go through the server."""

    def __init__(self, *, price_updates_per_second: float) -> None:
        self.price_updates_per_second = price_updates_per_second
        self.sessions: dict[str, Session] = {}
        self.problems: dict[str, str] = {}  # part -> why it does not work
        self.figures: PublicFigures | None = None
        self.frames = self.sends = self.bytes = 0  # sent to all at once, and of sessions that have gone
        self.slow_kicks = 0  # of sessions that have gone
        self.encoded = 0
        self.backlog = Backlog()
        self._turn: list[_Entry] = []
        self._welcomed_with: tuple[object, bytes] | None = None  # the newest snapshot and its frame
        self._scheduled = False
        self._spoke: dict[Hashable, float] = {}
        self._held: dict[Hashable, _Held] = {}
        self._ticker: gevent.Greenlet[[], None] | None = None

    # --- the port ------------------------------------------------------------------------------------------------

    def publish(
        self,
        kind: str,
        data: object,
        *,
        symbol: str | None = None,
        conflate: bool = False,
        ledger_seq: int | None = None,
        but: str | None = None,
    ) -> None:
        if not self.sessions:
            return
        key = (kind, symbol, getattr(data, "interval", None))
        if conflate and (pause := self._pause(kind)):
            now = time.monotonic()
            if now - self._spoke.get(key, -pause) < pause:
                self._held[key] = _Held(kind, data, symbol, ledger_seq)
                return
            self._spoke[key] = now
        self._held.pop(key, None)
        text = wire.message(kind, data, ledger_seq=ledger_seq)
        self._add(_Entry(wire.frame(wire.TEXT, text), kind, symbol, key, conflate, None, but))

    def reply(
        self,
        session: str,
        kind: str,
        data: object,
        *,
        request_id: str | None = None,
        ledger_seq: int | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        if session not in self.sessions:
            return
        if kind == "initial_data":
            self._welcome(self.sessions[session], self._snapshot(data, ledger_seq))
        else:
            text = wire.message(kind, data, request_id=request_id, ledger_seq=ledger_seq, warnings=warnings)
            self.send(session, text)

    def restarted(self) -> None:
        self._held.clear()
        for session in tuple(self.sessions.values()):
            session.kick(1012, "the hub was restarted")

    def report(self, part: str, problem: str | None) -> None:
        if problem is None:
            self.problems.pop(part, None)
        else:
            self.problems[part] = problem

    def show(self, figures: PublicFigures) -> None:
        self.figures = figures

    def close(self, session: str, code: int, reason: str) -> None:
        if (found := self.sessions.get(session)) is not None:
            found.kick(code, reason)

    # --- for the server ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to release held prices and to ping."""
        self._ticker = gevent.spawn(self._run)

    def stop(self) -> None:
        """Close all sessions for a restart."""
        if self._ticker is not None:
            self._ticker.kill(block=False)
        self.flush()
        for session in tuple(self.sessions.values()):
            session.kick(1012, "the desk restarts")

    def add(self, session: Session) -> None:
        self.sessions[session.name] = session

    def remove(self, session: Session) -> None:
        self.sessions.pop(session.name, None)
        self.frames += session.frames
        self.sends += session.sends
        self.bytes += session.bytes
        self.slow_kicks += session.too_slow

    def send(self, session: str, text: bytes) -> None:
        """Send one JSON text to one session, in order with what is published."""
        self._add(_Entry(wire.frame(wire.TEXT, text), "", None, None, False, session, None))

    def flush(self) -> None:
        """Deliver what this turn has collected."""
        self._scheduled = False
        turn, self._turn = self._turn, []
        if not turn:
            return
        named = {name for entry in turn for name in (entry.to, entry.but) if name is not None}
        frames = [entry.frame for entry in turn if entry.to is None]
        everybody, count = b"".join(frames), len(frames)
        sessions = tuple(self.sessions.values())
        for session in sessions:
            if not session.swift or session.name in named:
                self._deliver(session, turn)
        if everybody:
            self._broadcast([each for each in sessions if each.swift and each.name not in named], everybody, count)

    # --- inside --------------------------------------------------------------------------------------------------

    def _pause(self, kind: str) -> float:
        """Return how long, in seconds, a conflated message of this kind must be apart from the last of its symbol."""
        if kind == "price_update":
            return 1 / self.price_updates_per_second
        return _CANDLE_SECONDS if kind == "candle_update" else 0.0

    def _add(self, entry: _Entry) -> None:
        self.encoded += 1
        self._turn.append(entry)
        if len(self._turn) >= _MAX_TURN:
            self.flush()
        elif not self._scheduled:
            self._scheduled = True
            gevent.get_hub().loop.run_callback(self.flush)

    def _broadcast(self, sessions: list[Session], data: bytes, count: int) -> None:
        """Send the same to all of these: one system call each, and as little besides as can be."""
        size = len(data)
        not_sent = 0
        for session in sessions:
            try:
                sent = session.send_raw(data)
            except BlockingIOError:
                sent = 0
            except OSError:  # gone
                not_sent += size
                session.cut()
                continue
            if sent != size:
                not_sent += size - sent
                session.queue_rest(data, sent)
        self.frames += count * len(sessions)
        self.sends += len(sessions)
        self.bytes += size * len(sessions) - not_sent

    def _deliver(self, session: Session, turn: list[_Entry]) -> None:
        if not session.live:
            for entry in turn:
                if entry.to == session.name:
                    session.hold(entry.frame)
            return
        mine = [
            entry
            for entry in turn
            if entry.to == session.name
            or (entry.to is None and entry.but != session.name and session.wants(entry.kind, entry.symbol))
        ]
        if session.slow:
            for entry in mine:
                session.push(entry.frame, entry.key, conflate=entry.conflate)
        elif mine:
            session.push(b"".join(entry.frame for entry in mine), count=len(mine))

    def _snapshot(self, data: object, ledger_seq: int | None) -> bytes:
        """Return the frame of a snapshot, encoded once for all who came before it was made."""
        if self._welcomed_with is None or self._welcomed_with[0] is not data:
            text = wire.message("initial_data", data, ledger_seq=ledger_seq)
            self._welcomed_with = data, wire.frame(wire.TEXT, text)
        return self._welcomed_with[1]

    def _welcome(self, session: Session, frame: bytes) -> None:
        self.flush()  # what was published before belongs to the snapshot
        if session.live:
            session.push(frame)
            return
        session.begin(frame)

    def _run(self) -> None:
        looked = 0.0
        while True:
            gevent.sleep(min(0.25, 1 / self.price_updates_per_second))
            try:
                self._release()
                now = time.monotonic()
                if now - looked >= _PING_LOOK_SECONDS:
                    looked = now
                    for session in tuple(self.sessions.values()):
                        session.ping(now)
            except Exception:  # one bad frame must not end the pings of all sessions
                log.exception("Releasing held frames failed")

    def _release(self) -> None:
        now = time.monotonic()
        due = [key for key, held in self._held.items() if now - self._spoke.get(key, 0.0) >= self._pause(held.kind)]
        for key in due:
            held = self._held.pop(key)
            self._spoke.pop(key, None)
            self.publish(held.kind, held.data, symbol=held.symbol, conflate=True, ledger_seq=held.ledger_seq)
