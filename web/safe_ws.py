"""gevent-websocket 0.10.1 made safe: SafeWebSocketHandler is the `handler_class` of the hub's pywsgi server.

Adds what the library lacks: masks demanded, size limits checked before reading, real close codes, no broken close echo,
fast unmasking, strict keys, version 13 only, a time limit and size limits for the request's head, no request bodies.
A socket with data ready never lets the loop go on by itself: so frames and requests are counted, and others get turns.
The reasons are in docs/decisions.
"""

import base64
import binascii
import contextlib
import hashlib
import struct
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

import gevent
from gevent import pywsgi
from geventwebsocket.exceptions import ProtocolError, WebSocketError
from geventwebsocket.handler import WebSocketHandler
from geventwebsocket.websocket import Header, Stream, WebSocket

from web import wire
from web.pace import TokenBucket
from web.unfinished import Unfinished

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NEVER_ON_THE_WIRE = {1004, 1005, 1006}  # RFC 6455, 7.4
MAX_HEAD_BYTES = 16 * 1024
MAX_HEAD_LINES = 100
FRAMES_PER_SECOND, FRAMES_AT_ONCE = 500, 2000  # of any kind, on one connection
FRAMES_A_TURN = 32  # then everybody else comes first
REQUESTS_PER_SECOND, REQUESTS_AT_ONCE = 50, 200  # on one connection


class TooBig(ProtocolError):  # type: ignore[misc]  # the library has no annotations
    """A frame or message is longer than the limit; answered with 1009."""


class NotText(ProtocolError):  # type: ignore[misc]  # the library has no annotations
    """A binary message where only text is spoken; answered with 1003."""


class TooManyFrames(ProtocolError):  # type: ignore[misc]  # the library has no annotations
    """Frames come faster than the limit; answered with 1008."""


class HeadTooLong(ValueError):
    """The request's header lines pass the limit; answered with 431."""


class SafeHeader(Header):  # type: ignore[misc]  # the library has no annotations
    """A frame header with a fast unmask."""

    __slots__ = ()

    def unmask_payload(self, payload: bytes) -> bytes:
        """XOR as one big integer: 3 ms per MiB where the library's byte loop takes 67 ms."""
        size = len(payload)
        mask = (self.mask * (size // 4 + 1))[:size]
        return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


class SafeWebSocket(WebSocket):  # type: ignore[misc]  # the library has no annotations
    """One connection. `receive()` returns text (bytes where binary is accepted), None once it is closed."""

    closed: bool
    stream: Stream | None

    def __init__(self, environ: dict[str, Any], stream: Stream, handler: WebSocketHandler) -> None:
        super().__init__(environ, stream, handler)
        self.max_message = 64 * 1024  # bytes, for a frame and for a message of many frames
        self.accept_binary = False
        self.frames = TokenBucket(FRAMES_PER_SECOND, FRAMES_AT_ONCE)
        self._frames_read = 0
        self.close_code: int | None = None  # what ended the connection
        # A session puts its own outbox here: then a pong cannot land inside a half-sent frame.
        self.writer: Callable[[bytes], object] = stream.write
        self.on_pong: Callable[[], object] = bool

    def __del__(self) -> None:
        """Never write from the garbage collector (the library's does, on the shared socket)."""

    def receive(self) -> str | bytes | None:
        if self.closed:
            return None
        try:
            return self.read_message()
        except UnicodeError:
            self.close(1007, "text must be UTF-8")
        except TooBig:
            self.close(1009, f"a message must have at most {self.max_message} bytes")
        except NotText:
            self.close(1003, "messages must be text")
        except TooManyFrames:
            self.close(1008, "far too many frames")
        except ProtocolError as error:
            self.close(1002, str(error))
        except OSError:  # also WebSocketError: end of stream, reset
            self.close(1006)
        return None

    def read_message(self) -> str | bytes | None:
        message_opcode: int | None = None
        parts: list[bytes] = []
        size = 0
        while True:
            header, payload = self.read_frame(self.max_message - size)
            opcode = header.opcode
            if opcode == PING:
                self.writer(wire.frame(PONG, payload))
                continue
            if opcode == PONG:
                self.on_pong()
                continue
            if opcode == CLOSE:
                self.handle_close(header, payload)
                return None
            if (opcode == CONTINUATION) == (message_opcode is None):
                raise ProtocolError("fragments out of order")
            if opcode == BINARY and not self.accept_binary:
                raise NotText("binary message")
            if opcode != CONTINUATION:
                message_opcode = opcode
            size += len(payload)
            if payload:  # a flood of empty fragments must not grow the list
                parts.append(payload)
            if header.fin:
                message = b"".join(parts)
                return message.decode("utf-8") if message_opcode == TEXT else message

    def read_frame(self, budget: int) -> tuple[Header, bytes]:
        self._pace()
        stream = self.stream
        if stream is None:
            raise WebSocketError("closed by another greenlet")
        header = SafeHeader.decode_header(stream)
        if header.flags:
            raise ProtocolError("reserved bits set")
        if header.opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise ProtocolError("reserved opcode")
        if not header.mask:
            raise ProtocolError("client frame not masked")
        if header.opcode < CLOSE and header.length > budget:
            raise TooBig("too big")  # before a byte of it is read
        if not header.length:
            return header, b""
        payload = stream.read(header.length)
        if len(payload) != header.length:
            raise WebSocketError("end of stream inside a frame")
        return header, header.unmask_payload(payload)

    def _pace(self) -> None:
        """Let others have their turn, and the stop its signal, however much this client sends."""
        self._frames_read += 1
        if self._frames_read % FRAMES_A_TURN == 0:
            gevent.sleep(0)
        if not self.frames.take():
            raise TooManyFrames("far too many frames")

    def handle_close(self, header: Header, payload: bytes) -> None:
        if not payload:
            return self.close(1000)
        if len(payload) < 2:
            raise ProtocolError("close payload of one byte")
        code = struct.unpack("!H", payload[:2])[0]
        payload[2:].decode("utf-8")
        if not ((1000 <= code <= 1014 and code not in NEVER_ON_THE_WIRE) or 3000 <= code <= 4999):
            raise ProtocolError("close code not allowed")
        return self.close(code)

    def close(self, code: int = 1000, message: str | bytes = "") -> None:
        """Send a close frame (1004 to 1006 are never sent) and end the connection; a repeat is harmless."""
        if self.closed:
            return
        reason = message if isinstance(message, str) else message.decode(errors="ignore")
        self.closed = True
        self.close_code = code
        if code not in NEVER_ON_THE_WIRE:
            with contextlib.suppress(OSError):  # the peer has gone already
                self.writer(wire.close_frame(code, reason))
        self.stream = self.raw_write = self.raw_read = self.environ = None


class SafeWebSocketHandler(WebSocketHandler):  # type: ignore[misc]  # the library has no annotations
    """One HTTP connection: upgrades to SafeWebSocket what may be upgraded, serves the rest as plain requests.

    The server may carry `pre_start_hook(handler)`; a true answer: do not upgrade, call the application.
    """

    SUPPORTED_VERSIONS = ("13",)  # the library also takes the drafts 7 and 8
    websocket: SafeWebSocket | None
    content_length: int | None

    # --- one request after the other -----------------------------------------------------------------------------

    def handle(self) -> None:
        self._requests = TokenBucket(REQUESTS_PER_SECOND, REQUESTS_AT_ONCE)
        self._limit: gevent.Greenlet[..., None] | None = None
        try:
            with contextlib.suppress(OSError):  # the peer has gone, or was cut
                super().handle()
        finally:
            self._finished()

    def handle_one_request(self) -> Any:
        """Serve one request; an upgraded one lasts as long as its session."""
        gevent.sleep(0)  # requests that lie ready must not keep the loop from others
        if not self._requests.take():
            return "429", _last_words("429", "Too Many Requests")
        try:
            return super().handle_one_request()
        finally:
            self._finished()

    def _finished(self) -> None:
        self.server.unfinished.remove(self)
        self._limit_to(None)

    def _limit_to(self, seconds: float | None) -> None:
        """Cut the connection after so long, instead of what was set before; None: do not."""
        if self._limit is not None:
            self._limit.kill(block=False)
        self._limit = None if seconds is None else gevent.spawn_later(seconds, self._cut, self.socket)

    # --- the head of a request -----------------------------------------------------------------------------------

    def read_requestline(self) -> str:
        address = str(self.client_address[0]) if isinstance(self.client_address, tuple) else ""
        speaks_for_many = not address or self.server.is_proxy(address)
        self.server.unfinished.add(self, None if speaks_for_many else address, partial(self._cut, self.socket))
        self._limit_to(self.server.HEAD_SECONDS)
        try:
            return str(super().read_requestline())
        except ValueError:  # closed under the read
            return ""

    def read_request(self, raw_requestline: str) -> bool:
        good = super().read_request(raw_requestline)
        if self.content_length or self.headers.get("transfer-encoding"):
            # Nothing here takes a body: do not wait for one, and do not read it as the next request.
            self.content_length = None
            del self.headers["transfer-encoding"]
            del self.headers["content-length"]
            del self.headers["expect"]
            self.close_connection = True
        self._limit_to(self.server.ANSWER_SECONDS)
        return bool(good)

    def MessageClass(self, *args: Any) -> Any:
        """Read the header lines, bounded in number and bytes."""
        lines: list[bytes] = []
        size = 0
        while True:
            line = self.rfile.readline(MAX_HEAD_BYTES + 1)
            size += len(line)
            if size > MAX_HEAD_BYTES or len(lines) > MAX_HEAD_LINES:
                raise HeadTooLong("request header too long")
            lines.append(line)
            if line in (b"\r\n", b"\n", b""):
                break
        return super().MessageClass(BytesIO(b"".join(lines)), *args[1:])

    def _handle_client_error(self, ex: Exception) -> tuple[str, bytes]:
        """Answer a bad request in one line, without a traceback."""
        status, text = (
            ("431", "Request Header Fields Too Large") if isinstance(ex, HeadTooLong) else ("400", "Bad Request")
        )
        return status, _last_words(status, text)

    @staticmethod
    def _cut(sock: Any) -> None:
        with contextlib.suppress(OSError):  # it went by itself
            sock.shutdown(2)

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        name = self.socket.getsockname()
        environ["quorum.local_address"] = str(name[0]) if isinstance(name, tuple) else ""
        return environ

    # --- the upgrade ---------------------------------------------------------------------------------------------

    def upgrade_websocket(self) -> list[bytes] | None:
        """Check the handshake (RFC 6455, 4.2.1) and upgrade; a list is the body of a refusal."""
        environ = self.environ
        if environ.get("REQUEST_METHOD") != "GET" or environ.get("HTTP_UPGRADE", "").lower() != "websocket":
            return None
        connection = [item.strip().lower() for item in environ.get("HTTP_CONNECTION", "").split(",")]
        if "upgrade" not in connection or self.request_version != "HTTP/1.1":
            return self._refuse("400 Bad Request", b"a WebSocket handshake needs HTTP/1.1 and Connection: Upgrade")
        if environ.get("HTTP_SEC_WEBSOCKET_VERSION") not in self.SUPPORTED_VERSIONS:
            return self._refuse("426 Upgrade Required", b"Sec-WebSocket-Version must be 13")
        key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "").strip()
        try:
            good = len(base64.b64decode(key, validate=True)) == 16
        except (binascii.Error, ValueError):
            good = False
        if not good:  # the library lets binascii.Error through: 500 and a traceback
            return self._refuse("400 Bad Request", b"Sec-WebSocket-Key must be 16 bytes in base64")
        self._finished()  # a session lasts
        self.websocket = SafeWebSocket(environ, Stream(self), self)
        environ["wsgi.websocket_version"] = "13"
        environ["wsgi.websocket"] = self.websocket
        accept = base64.b64encode(hashlib.sha1((key + self.GUID).encode("latin-1")).digest()).decode()
        headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)]
        offered = [item.strip() for item in environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "").split(",")]
        if "quorum" in offered:  # never the token that may stand beside it
            headers.append(("Sec-WebSocket-Protocol", "quorum"))
        self.start_response("101 Switching Protocols", headers)
        return None

    def run_websocket(self) -> None:
        """Run the application until the session is over. Its answer is no HTTP response any more."""
        websocket = self.websocket
        assert websocket is not None
        try:
            list(self.application(self.environ, lambda status, headers, exc_info=None: []))
        finally:
            websocket.close(1011)
            self.environ["wsgi.websocket"] = None
            self.websocket = None

    def _refuse(self, status: str, reason: bytes) -> list[bytes]:
        self.close_connection = True
        self.start_response(status, [("Sec-WebSocket-Version", "13"), ("Content-Type", "text/plain")])
        return [reason]

    def log_request(self) -> None:
        """No line per request: the metrics count them, and a query may hold a token."""


def _last_words(status: str, text: str) -> bytes:
    """Return a whole answer after which the connection closes."""
    body = text.encode()
    head = f"HTTP/1.1 {status} {text}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


class Server(pywsgi.WSGIServer):
    """pywsgi's server with our handler.

    `pre_start_hook(handler)` decides before an upgrade, `is_proxy(address)` says which addresses stand for many
    clients; `unfinished` are the connections that wait for a request or for its answer to be read.
    """

    handler_class = SafeWebSocketHandler
    HEAD_SECONDS = 10.0  # for the head of a request, from the first byte the server waits for
    ANSWER_SECONDS = 60.0  # for the client to read the answer

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.unfinished = Unfinished()
        self.pre_start_hook: Callable[[SafeWebSocketHandler], bool] | None = None
        self.is_proxy: Callable[[str], bool] = lambda address: False
