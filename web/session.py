"""One WebSocket session: a bounded outbox in front of its socket, what it subscribed to, and how much it may ask.

All writes of the socket go through `push`: anything else could land inside a half-sent frame. A send is tried at once
and without waiting; only what the kernel does not take is queued, and a session that does not read is closed.
"""

import contextlib
import socket
import time
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

import gevent
from gevent.socket import wait_write

from domain.requests import Subscribe, Unsubscribe
from domain.views import TOPICS
from web import wire
from web.pace import TokenBucket
from web.safe_ws import FRAMES_AT_ONCE, FRAMES_PER_SECOND, SafeWebSocket

SEND_BUFFER = 64 * 1024  # a small kernel buffer: slowness shows early
MAX_QUEUED_FRAMES = 256
MAX_QUEUED_BYTES = 4 * 1024 * 1024
MAX_BACKLOG_BYTES = 128 * 1024 * 1024  # of all sessions together
STALL_SECONDS = 10.0  # without one byte taken
LINGER_SECONDS = 2.0  # for the close frame and the peer's answer
DRAIN_SECONDS = 0.01  # between two reads of what nobody wants
PING_SECONDS = 20.0
MISSED_PONGS = 2


class Backlog:
    """What waits in the outboxes of all sessions together: bounded, at the cost of who holds most."""

    def __init__(self, limit: int = MAX_BACKLOG_BYTES) -> None:
        self.limit = limit
        self.bytes = 0
        self._of: dict[Session, int] = {}
        self._relieving = False

    def count(self, session: "Session", more: int) -> None:
        """Note that `more` bytes (less than 0: fewer) wait for a session."""
        held = self._of.get(session, 0) + more
        self.bytes += more
        if held:
            self._of[session] = held
        else:
            self._of.pop(session, None)

    def relieve(self) -> None:
        """Close the sessions that hold most until the rest is within the limit."""
        if self._relieving:  # closing one queues its close frame
            return
        self._relieving = True
        for session in sorted(self._of, key=self._of.__getitem__, reverse=True):
            if self.bytes <= self.limit:
                break
            session.kick_slow()
        self._relieving = False


class _Choice:
    """Which of some names are wanted: all, until the first subscription names some."""

    __slots__ = ("named", "names")

    def __init__(self) -> None:
        self.names: frozenset[str] | None = None  # None: all
        self.named = False

    def add(self, names: tuple[str, ...] | None) -> None:
        if names is not None:
            self.names = frozenset(names) | (self.names or frozenset() if self.named else frozenset())
            self.named = True

    def drop(self, names: tuple[str, ...] | None, everything: tuple[str, ...]) -> None:
        if names is not None:
            self.names = (frozenset(everything) if self.names is None else self.names) - frozenset(names)

    def of(self, everything: tuple[str, ...]) -> tuple[str, ...]:
        return everything if self.names is None else tuple(sorted(self.names))


@dataclass(slots=True)
class _Part:
    """Whole frames, of which the first `sent` bytes are written."""

    data: bytes
    sent: int = 0

    def frame_rest(self) -> bytes:
        """Return what is left of the frame that is half sent; empty between two frames."""
        start = 0
        while start < self.sent:
            start = wire.frame_end(self.data, start)
        return self.data[self.sent : start]


class Session:
    """One client. `live` once its `initial_data` is sent: before that nothing else is."""

    __slots__ = (
        "_backlog",
        "_closing",
        "_latest",
        "_pump_greenlet",
        "_queue",
        "_queued_bytes",
        "_raw",
        "_sock",
        "_symbols",
        "_topics",
        "_waiting",
        "address",
        "bytes",
        "flood",
        "frames",
        "live",
        "messages",
        "missed_pongs",
        "name",
        "next_ping",
        "role",
        "selective",
        "send_raw",
        "sends",
        "slow",
        "swift",
        "too_slow",
        "ws",
    )

    def __init__(
        self,
        ws: SafeWebSocket,
        *,
        name: str,
        role: str,
        address: str,
        messages_per_second: int,
        backlog: Backlog | None = None,
    ) -> None:
        self.ws, self.name, self.role, self.address = ws, name, role, address
        self.live = False
        self._waiting: list[bytes] = []  # frames for after initial_data
        self.swift = False  # nothing stands between a frame for all and its socket
        self.frames = self.sends = self.bytes = 0  # given to it by itself, in how many sends; taken by the kernel
        self.too_slow = False  # closed because it did not read
        self.missed_pongs = 0
        self.next_ping = time.monotonic() + PING_SECONDS
        self.messages = TokenBucket(messages_per_second, 2 * messages_per_second)
        self.flood = TokenBucket(5 * messages_per_second, 5 * messages_per_second)
        rate = max(FRAMES_PER_SECOND, 10 * messages_per_second)  # a message may come in fragments
        ws.frames = TokenBucket(rate, max(FRAMES_AT_ONCE, 2 * rate))
        self._topics, self._symbols = _Choice(), _Choice()
        self.selective = False
        self._backlog = Backlog() if backlog is None else backlog
        self._sock = ws.handler.socket
        self._raw = getattr(self._sock, "_sock", self._sock)  # a gevent socket wraps a non-blocking one
        self.send_raw = self._raw.send
        self._queue: deque[_Part] = deque()
        self._queued_bytes = 0  # in all that waits here
        self._latest: dict[Hashable, bytes] = {}
        self.slow = False  # frames wait because the client does not read fast enough
        self._pump_greenlet: gevent.Greenlet[[], None] | None = None
        self._closing = False
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        with contextlib.suppress(OSError):  # not TCP
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ws.writer = self.push
        ws.on_pong = self.pong

    # --- what it wants ---------------------------------------------------------------------------------------------

    def subscribe(self, asked: Subscribe) -> None:
        self._topics.add(asked.topics)
        self._symbols.add(asked.symbols)
        self._settle()

    def unsubscribe(self, asked: Unsubscribe, pairs: tuple[str, ...]) -> None:
        self._topics.drop(asked.topics, TOPICS)
        self._symbols.drop(asked.symbols, pairs)
        self._settle()

    def _settle(self) -> None:
        """Work out anew what the way of its frames depends on."""
        self.selective = self._topics.names is not None or self._symbols.names is not None
        self.swift = self.live and not (self.slow or self.selective or self._closing)

    def choices(self, pairs: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the topics and the symbols it gets. `pairs`: all symbols there are."""
        return self._topics.of(TOPICS), self._symbols.of(pairs)

    def wants(self, kind: str, symbol: str | None) -> bool:
        topics, symbols = self._topics.names, self._symbols.names
        return (topics is None or kind in topics) and (symbols is None or symbol is None or symbol in symbols)

    # --- the outbox ------------------------------------------------------------------------------------------------

    def hold(self, frame: bytes) -> None:
        """Keep a frame for after `initial_data`."""
        if self._closing:
            return
        if self._has_room(len(self._waiting), len(frame)):
            self._waiting.append(frame)
            self._count(len(frame))
            self._backlog.relieve()

    def begin(self, snapshot: bytes) -> None:
        """Send the first frame, then what was held."""
        self.live = True
        self._settle()
        waiting, self._waiting = self._waiting, []
        self._count(-sum(map(len, waiting)))
        self.push(b"".join([snapshot, *waiting]), count=1 + len(waiting))

    def push(self, data: bytes, key: Hashable | None = None, *, conflate: bool = False, count: int = 1) -> None:
        """Send whole frames, or queue them. While slow, a conflated frame replaces the waiting one of its key; any
        other frame with that key makes the waiting one obsolete."""
        if not self.slow:
            self.send(data, count)
            return
        if self._closing:
            return
        self.frames += count
        self.sends += 1
        if key is not None:
            self._count(-len(self._latest.pop(key, b"")))
            if conflate:
                self._latest[key] = data
                self._count(len(data))
                self._backlog.relieve()
                return
        if self._has_room(len(self._queue), len(data)):
            self._queue.append(_Part(data))
            self._count(len(data))
            self._backlog.relieve()

    def send(self, data: bytes, count: int = 1) -> None:
        """Send `count` whole frames at once; only while not `slow`. The path of nearly all frames: one system call."""
        try:
            sent = self.send_raw(data)
        except BlockingIOError:
            sent = 0
        except OSError:  # gone, or closed by us
            if not self._closing:
                self.cut()
            return
        self.frames += count
        self.sends += 1
        self.bytes += sent
        if sent < len(data):
            self.queue_rest(data, sent)

    def queue_rest(self, data: bytes, sent: int) -> None:
        """Keep what the kernel did not take of whole frames: the rest of a frame goes first."""
        self._queue.append(_Part(data, sent))
        self._count(len(data) - sent)
        self.slow = True
        self._settle()
        self._pump_greenlet = gevent.spawn(self._pump)
        self._backlog.relieve()

    def _has_room(self, frames: int, size: int) -> bool:
        """Return whether `size` bytes may wait besides `frames` frames; close the session where they may not."""
        if frames < MAX_QUEUED_FRAMES and self._queued_bytes + size <= MAX_QUEUED_BYTES:
            return True
        self.kick_slow()
        return False

    def _count(self, more: int) -> None:
        self._queued_bytes += more
        self._backlog.count(self, more)

    def _pump(self) -> None:
        """Write what waits, as fast as the client reads; give up when it takes nothing for STALL_SECONDS."""
        try:
            while self._queue or self._latest:
                if not self._queue:
                    self._queue.extend(map(_Part, self._latest.values()))
                    self._latest.clear()
                part = self._queue[0]
                self._write(part)
                if self._queue and self._queue[0] is part:  # a cut forgets all, while this waits
                    self._queue.popleft()
            self.slow = False
            self._settle()
            if self._closing:
                self._end_writing()
        except TimeoutError:
            self._stalled()
        except (OSError, ValueError):  # the peer has gone
            self.cut()

    def _write(self, part: _Part) -> None:
        while part.sent < len(part.data):  # a kick makes it shorter
            try:
                sent = self._raw.send(memoryview(part.data)[part.sent :])
            except BlockingIOError:
                wait_write(self._raw.fileno(), STALL_SECONDS, TimeoutError("the client does not read"))
                continue
            part.sent += sent
            self.bytes += sent
            self._count(-sent)

    def _stalled(self) -> None:
        """Nothing was taken for too long: say so where there is room for it behind the frame that is half sent."""
        self.too_slow = True
        rest = self._queue[0].frame_rest() if self._queue else b""
        farewell = [part.data for part in self._queue][1:] if self._closing else [wire.close_frame(1013, "too slow")]
        with contextlib.suppress(OSError):  # no room: then it ends without
            self._raw.send(b"".join([rest, *farewell]))
        self._forget()
        self._close_down()
        self._end_writing()
        gevent.spawn_later(LINGER_SECONDS, self.cut)

    # --- pings -----------------------------------------------------------------------------------------------------

    def ping(self, now: float) -> None:
        """Send a ping when one is due; close after two that were not answered."""
        if now < self.next_ping or self._closing:
            return
        if self.missed_pongs >= MISSED_PONGS:
            self.kick(1011, "no answer to pings")
            return
        self.missed_pongs += 1
        self.next_ping = now + PING_SECONDS
        self.push(wire.frame(wire.PING, b""))

    def pong(self) -> None:
        self.missed_pongs = 0

    # --- the end ---------------------------------------------------------------------------------------------------

    def kick_slow(self) -> None:
        """Close because the client does not read what it asked for."""
        self.too_slow = True
        self.kick(1013, "too slow")

    def kick(self, code: int, reason: str) -> None:
        """Close from our side: what is half sent, the close frame, then nothing more. Never waits for the peer."""
        if self._closing:
            return
        half_sent = self._queue.popleft() if self._queue else None
        self._forget()
        if half_sent is not None:
            half_sent.data = half_sent.data[: half_sent.sent] + half_sent.frame_rest()
            self._queue.append(half_sent)
            self._count(len(half_sent.data) - half_sent.sent)
        self.ws.close(code, reason)  # writes through push
        self._close_down()
        if not self.slow:
            self._end_writing()
        gevent.spawn_later(LINGER_SECONDS, self.cut)

    def _close_down(self) -> None:
        self._closing = True
        self._settle()

    def _forget(self) -> None:
        self._queue.clear()
        self._latest.clear()
        self._waiting.clear()
        self._count(-self._queued_bytes)

    def _end_writing(self) -> None:
        with contextlib.suppress(OSError):
            self._raw.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """End the connection now; the reader sees the end of the stream."""
        self._close_down()
        self._forget()
        with contextlib.suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Called by the reader at its end, before the socket is closed: let the close frame out, and let it reach a
        peer that still sends (a reset would eat it)."""
        pump = self._pump_greenlet
        if pump is not None and not pump.dead:
            pump.join(timeout=LINGER_SECONDS / 2)
            pump.kill()  # it must not watch a closed descriptor
        self._close_down()
        self._end_writing()
        deadline = time.monotonic() + LINGER_SECONDS / 2
        with contextlib.suppress(OSError, ValueError):
            self._sock.settimeout(LINGER_SECONDS / 2)
            while time.monotonic() < deadline and self._sock.recv(65536):
                gevent.sleep(DRAIN_SECONDS)  # a peer that floods is read no faster than that
