"""One WebSocket session: a bounded outbox in front of its socket, what it subscribed to, and how much it may ask.

All writes of the socket go through `push`: anything else could land inside a half-sent frame. A send is tried at once
and without waiting; only what the kernel does not take is queued, and a session that does not read is closed.
"""

import contextlib
import socket
import time
from collections import deque
from collections.abc import Hashable

import gevent
from gevent.socket import wait_write

from domain.requests import Subscribe, Unsubscribe
from domain.views import TOPICS
from web import wire
from web.safe_ws import SafeWebSocket

SEND_BUFFER = 64 * 1024  # a small kernel buffer: slowness shows early
MAX_QUEUED_FRAMES = 256
MAX_QUEUED_BYTES = 4 * 1024 * 1024
STALL_SECONDS = 10.0  # without one byte taken
LINGER_SECONDS = 2.0  # for the close frame and the peer's answer
PING_SECONDS = 20.0
MISSED_PONGS = 2


class TokenBucket:
    """Permits `rate` events a second, in bursts of at most `burst`."""

    __slots__ = ("_at", "_left", "burst", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._left = burst
        self._at = time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left = min(self.burst, self._left + (now - self._at) * self.rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


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

    def shown(self) -> tuple[str, ...] | None:
        return None if self.names is None else tuple(sorted(self.names))


class Session:
    """One client. `live` once its `initial_data` is sent: before that nothing else is."""

    __slots__ = (
        "_closing",
        "_latest",
        "_pump_greenlet",
        "_queue",
        "_queued_bytes",
        "_raw",
        "_send_raw",
        "_sock",
        "_symbols",
        "_topics",
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
        "slow",
        "too_slow",
        "waiting",
        "ws",
    )

    def __init__(self, ws: SafeWebSocket, *, name: str, role: str, address: str, messages_per_second: int) -> None:
        self.ws, self.name, self.role, self.address = ws, name, role, address
        self.live = False
        self.waiting: list[bytes] = []  # frames for after initial_data
        self.frames = self.bytes = 0  # sent so far
        self.too_slow = False  # closed because it did not read
        self.missed_pongs = 0
        self.next_ping = time.monotonic() + PING_SECONDS
        self.messages = TokenBucket(messages_per_second, 2 * messages_per_second)
        self.flood = TokenBucket(5 * messages_per_second, 5 * messages_per_second)
        self._topics, self._symbols = _Choice(), _Choice()
        self.selective = False
        self._sock = ws.handler.socket
        self._raw = getattr(self._sock, "_sock", self._sock)  # a gevent socket wraps a non-blocking one
        self._send_raw = self._raw.send
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
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
        self.selective = self._topics.names is not None or self._symbols.names is not None

    def unsubscribe(self, asked: Unsubscribe, pairs: tuple[str, ...]) -> None:
        self._topics.drop(asked.topics, TOPICS)
        self._symbols.drop(asked.symbols, pairs)
        self.selective = self._topics.names is not None or self._symbols.names is not None

    def choices(self) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
        """Return the topics and the symbols it gets; None: all."""
        return self._topics.shown(), self._symbols.shown()

    def wants(self, kind: str, symbol: str | None) -> bool:
        topics, symbols = self._topics.names, self._symbols.names
        return (topics is None or kind in topics) and (symbols is None or symbol is None or symbol in symbols)

    # --- the outbox ------------------------------------------------------------------------------------------------

    def push(self, data: bytes, key: Hashable | None = None, *, conflate: bool = False) -> None:
        """Send whole frames, or queue them. While slow, a conflated frame replaces the waiting one of its key; any
        other frame with that key makes the waiting one obsolete."""
        if not self.slow:
            self.send(data)
            return
        if self._closing:
            return
        self.frames += 1
        if key is not None:
            self._latest.pop(key, None)
            if conflate:
                self._latest[key] = data
                return
        if len(self._queue) >= MAX_QUEUED_FRAMES or self._queued_bytes + len(data) > MAX_QUEUED_BYTES:
            self.too_slow = True
            self.kick(1013, "too slow")
            return
        self._queue.append(data)
        self._queued_bytes += len(data)

    def send(self, data: bytes) -> None:
        """Send whole frames at once; only while not `slow`. This is the path of nearly all frames: one system call."""
        try:
            sent = self._send_raw(data)
        except BlockingIOError:
            sent = 0
        except OSError:  # gone, or closed by us
            if not self._closing:
                self.cut()
            return
        self.frames += 1
        self.bytes += sent
        if sent < len(data):
            self._queue.append(data[sent:])  # the rest of a frame goes first
            self._queued_bytes += len(data) - sent
            self.slow = True
            self._pump_greenlet = gevent.spawn(self._pump)

    def _pump(self) -> None:
        """Write what waits, as fast as the client reads; give up when it takes nothing for STALL_SECONDS."""
        try:
            while self._queue or self._latest:
                if not self._queue:
                    self._queue.extend(self._latest.values())
                    self._latest.clear()
                self._write(self._queue.popleft())
            self.slow = False
            self._queued_bytes = 0
            if self._closing:
                self._end_writing()
        except TimeoutError:
            self.too_slow = True
            self.cut()
        except (OSError, ValueError):  # the peer has gone
            self.cut()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                sent = self._raw.send(view)
            except BlockingIOError:
                wait_write(self._raw.fileno(), STALL_SECONDS, TimeoutError("the client does not read"))
                continue
            self.bytes += sent
            self._queued_bytes -= sent
            view = view[sent:]

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

    def kick(self, code: int, reason: str) -> None:
        """Close from our side: what is half sent, the close frame, then nothing more. Never waits for the peer."""
        if self._closing:
            return
        self._latest.clear()
        while len(self._queue) > 1:  # the first may be the rest of a frame
            self._queued_bytes -= len(self._queue.pop())
        self.ws.close(code, reason)  # writes through push
        self._closing = True
        if not self.slow:
            self._end_writing()
        gevent.spawn_later(LINGER_SECONDS, self.cut)

    def _end_writing(self) -> None:
        with contextlib.suppress(OSError):
            self._raw.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """End the connection now; the reader sees the end of the stream."""
        self._closing = True
        self._queue.clear()
        self._latest.clear()
        with contextlib.suppress(OSError):
            self._raw.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Called by the reader at its end, before the socket is closed: let the close frame out, and let it reach a
        peer that still sends (a reset would eat it)."""
        pump = self._pump_greenlet
        if pump is not None and not pump.dead:
            pump.join(timeout=LINGER_SECONDS / 2)
            pump.kill()  # it must not watch a closed descriptor
        self._closing = True
        self._end_writing()
        deadline = time.monotonic() + LINGER_SECONDS / 2
        with contextlib.suppress(OSError, ValueError):
            self._sock.settimeout(LINGER_SECONDS / 2)
            while time.monotonic() < deadline and self._sock.recv(65536):
                pass
