"""WebSocket connections of the simulated exchange: one outbox and one writer each, so that frames never interleave."""

import contextlib
import socket
import struct
import time
from collections import deque
from typing import Any

import gevent
from gevent.event import Event
from geventwebsocket.exceptions import ProtocolError
from geventwebsocket.handler import WebSocketHandler
from geventwebsocket.websocket import Header, Stream, WebSocket

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
MAX_MESSAGE = 64 * 1024  # bytes from a client
LINGER_SECONDS = 1.0
MAX_QUEUED = 4096  # frames; a client that slow is cut, as Binance does


def encode_frame(opcode: int, payload: bytes) -> bytes:
    """Return one whole, unmasked frame."""
    return bytes(Header.encode_header(True, opcode, b"", len(payload), 0)) + payload


class Session:
    """One connection. `send` never waits; a greenlet of its own writes."""

    def __init__(self, sock: socket.socket, combined: bool) -> None:
        self.combined = combined  # messages come wrapped in {"stream", "data"}
        self.streams: list[str] = []
        self.born = time.monotonic()
        self.received: deque[float] = deque(maxlen=6)  # times of the last client messages
        self.pinged: tuple[bytes, float] | None = None  # a ping that waits for its pong
        self.next_ping = self.born
        self.closed = False
        self._socket = sock
        self._outbox: deque[bytes] = deque()
        self._wake = Event()
        self._writer = gevent.spawn(self._write)

    def send(self, frame: bytes) -> None:
        if self.closed:
            return
        if len(self._outbox) >= MAX_QUEUED:
            self.cut()
            return
        self._outbox.append(frame)
        self._wake.set()

    def ping(self, payload: bytes) -> None:
        self.pinged = self.pinged or (payload, time.monotonic())
        self.send(encode_frame(PING, payload))

    def pong(self, payload: bytes) -> None:
        """Note a pong. Only the ping's own payload counts; an unsolicited one does not help."""
        if self.pinged and payload == self.pinged[0]:
            self.pinged = None

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame behind what is queued, then cut."""
        self.send(encode_frame(CLOSE, struct.pack("!H", code) + reason.encode()))
        self.send(b"")  # the writer ends here

    def finish(self) -> None:
        """Wait until what is queued is written, or nobody takes it."""
        self._writer.join(timeout=LINGER_SECONDS)
        self.cut()

    def cut(self) -> None:
        """End the connection at once."""
        if self.closed:
            return
        self.closed = True
        self._wake.set()
        with contextlib.suppress(OSError):  # it may have gone already
            self._socket.shutdown(socket.SHUT_RDWR)

    def _write(self) -> None:
        try:
            while not self.closed:
                self._wake.wait()
                self._wake.clear()
                frames = list(self._outbox)
                self._outbox.clear()
                if frames:
                    self._socket.sendall(b"".join(frames))
                if b"" in frames:
                    break
        except OSError:
            pass  # the reader sees the end of the connection too
        self.cut()


class SimWebSocket(WebSocket):  # type: ignore[misc]  # the library has no annotations
    """The library's protocol reader; everything it writes goes through the session."""

    __slots__ = ("session",)

    def __init__(self, environ: dict[str, Any], stream: Stream, handler: WebSocketHandler) -> None:
        super().__init__(environ, stream, handler)
        self.session: Session | None = None

    def __del__(self) -> None:
        """Never write from the garbage collector, as the library's does, on a socket that may be another's."""

    def read_frame(self) -> tuple[Header, bytes]:
        header = Header.decode_header(self.stream)
        if header.flags or not header.mask or header.length > MAX_MESSAGE:
            raise ProtocolError
        payload = self.raw_read(header.length) if header.length else b""
        return header, bytes(header.unmask_payload(payload)) if payload else b""

    def handle_ping(self, header: Header, payload: bytes) -> None:
        if self.session:
            self.session.send(encode_frame(PONG, payload))

    def handle_pong(self, header: Header, payload: bytes) -> None:
        if self.session:
            self.session.pong(payload)

    def handle_close(self, header: Header, payload: bytes) -> None:
        self.close(struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1000)

    def close(self, code: int = 1000, message: object = b"") -> None:
        if self.session and not self.session.closed:
            self.session.close(code)


class SimHandler(WebSocketHandler):  # type: ignore[misc]  # the library has no annotations
    """Upgrades with SimWebSocket and lets the site cut a connection."""

    SUPPORTED_VERSIONS = ("13",)

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ["sim.cut"] = self._cut
        environ["sim.socket"] = self.socket
        return environ

    def upgrade_connection(self) -> list[bytes] | None:
        result: list[bytes] | None = super().upgrade_connection()
        plain = getattr(self, "websocket", None)
        if plain is not None:
            self.websocket = SimWebSocket(self.environ, Stream(self), self)
            self.environ["wsgi.websocket"] = self.websocket
            plain.closed = True  # else its __del__ writes a frame in front of our 101 answer
        return result

    def log_request(self) -> None:
        """Requests are not logged: the desk asks often."""

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):  # it may have gone already
            self.socket.shutdown(socket.SHUT_RDWR)
