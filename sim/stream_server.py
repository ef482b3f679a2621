"""The exchange's WebSocket side: paths, subscriptions, limits and keep-alive as Binance has them."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qs

import gevent
from geventwebsocket.exceptions import WebSocketError

from sim import wire
from sim.faults import (
    DELAY,
    DROP,
    DUPLICATE,
    MALFORMED,
    NO_PING,
    REFUSE,
    REORDER,
    SHUTDOWN,
    SILENCE,
    Fault,
    Faults,
)
from sim.market import SimulatedMarket
from sim.sockets import TEXT, Session, SimHandler, SimWebSocket, encode_frame
from sim.streams import Producer, producer

TURN_SECONDS = 0.05  # how often what is due is looked for
MAX_STREAMS = 1024  # per connection
MESSAGES_PER_SECOND = 5  # from a client
PING_SECONDS = 20.0
PONG_SECONDS = 60.0
MAX_AGE_SECONDS = 86_400.0
CONNECTIONS, CONNECTIONS_SECONDS = 300, 300.0  # of one address
METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
logger = logging.getLogger("sim.streams")


class _Channel:
    """One stream and who listens to it."""

    def __init__(self, name: str, made_by: Producer | None) -> None:
        self.name = name
        self.made_by = made_by
        self.sessions: dict[Session, None] = {}
        self.held: bytes | None = None  # by a reorder fault


class StreamServer:
    """Serves `/ws`, `/ws/<stream>[/<stream>…]` and `/stream[?streams=a/b/c]`.

    Args:
        now_ms: the exchange's clock, skewed by the faults.
        ping_seconds, pong_seconds, max_age_seconds: Binance's 20 s, 60 s and 24 h unless a test is in a hurry.
    """

    def __init__(
        self,
        *,
        market: SimulatedMarket,
        faults: Faults,
        ping_seconds: float = PING_SECONDS,
        pong_seconds: float = PONG_SECONDS,
        max_age_seconds: float = MAX_AGE_SECONDS,
    ) -> None:
        self._market = market
        self._faults = faults
        self._ping_seconds = ping_seconds
        self._pong_seconds = pong_seconds
        self._max_age_seconds = max_age_seconds
        self._channels: dict[str, _Channel] = {}
        self._sessions: dict[Session, None] = {}
        self._connected: deque[float] = deque()  # when connections were asked for
        self._pump: gevent.Greenlet[[], None] | None = None
        faults.listen(self._on_fault)

    def start(self) -> None:
        self._pump = gevent.spawn(self._run)

    def stop(self) -> None:
        if self._pump is not None:
            self._pump.kill()
            self._pump = None
        for session in list(self._sessions):
            session.cut()

    def refuses(self, handler: SimHandler) -> bool:
        """Return whether an upgrade is refused (pywsgi's `pre_start_hook`): then the site answers as plain HTTP."""
        path = handler.environ.get("PATH_INFO") or ""
        if not owns(path):
            return True
        subject = f"{path}?{handler.environ.get('QUERY_STRING') or ''}"
        fault = self._faults.take("stream", (REFUSE,), subject)
        if fault is None and self._is_too_often():
            fault = Fault(kind=REFUSE, on="stream", status=429, retry_after=round(CONNECTIONS_SECONDS))
        handler.environ["sim.refused"] = fault
        return fault is not None

    def _is_too_often(self) -> bool:
        """Count one connection; on loopback all clients are one address."""
        now = time.monotonic()
        while self._connected and self._connected[0] <= now - CONNECTIONS_SECONDS:
            self._connected.popleft()
        self._connected.append(now)
        return len(self._connected) > CONNECTIONS

    def serve(self, ws: SimWebSocket, environ: dict[str, Any]) -> None:
        """Serve one connection until it ends; runs in the connection's own greenlet."""
        path = environ.get("PATH_INFO") or "/"
        session = Session(environ["sim.socket"], combined=path.startswith("/stream"))
        session.next_ping += self._ping_seconds
        ws.session = session
        self._sessions[session] = None
        self._subscribe(session, _streams_of(path, environ.get("QUERY_STRING") or ""))
        try:
            while not session.closed and (text := ws.receive()) is not None:
                self._received(session, text)
        except WebSocketError:
            pass  # the connection has ended
        finally:
            self._unsubscribe(session, list(session.streams))
            self._sessions.pop(session, None)
            session.close(1000)
            session.finish()

    # --- what clients ask ---------------------------------------------------------------------------------------------

    def _received(self, session: Session, text: str | bytes) -> None:
        now = time.monotonic()
        session.received.append(now)
        if len(session.received) > MESSAGES_PER_SECOND and now - session.received[0] < 1:
            session.close(1008, "Too many requests")
            return
        reply = self._reply(session, text)
        session.send(encode_frame(TEXT, wire.encode(reply)))

    def _reply(self, session: Session, text: str | bytes) -> dict[str, Any]:
        try:
            request = json.loads(text)
        except ValueError:
            return _error(3, "Invalid JSON: expected value at line 1 column 1")
        if not isinstance(request, dict) or "method" not in request:
            return _error(2, "Invalid request: missing field `method` at line 1 column 1")
        number = request.get("id")
        if not _is_id(number):
            return _error(2, "Invalid request: request ID must be an unsigned integer")
        if request["method"] not in METHODS:
            wanted = ", ".join(f"`{method}`" for method in METHODS)
            return _error(2, f"Invalid request: unknown variant `{request['method']}`, expected one of {wanted}")
        params = request.get("params", [])
        if not isinstance(params, list):
            return _error(2, "Invalid request: params must be an array")
        result = self._do(session, request["method"], params)
        return result if isinstance(result, dict) else {"result": result, "id": number}

    def _do(self, session: Session, method: str, params: list[Any]) -> Any:
        if method == "LIST_SUBSCRIPTIONS":
            return list(session.streams)
        if method in ("SET_PROPERTY", "GET_PROPERTY"):
            return _property(session, method, params)
        if not all(isinstance(name, str) for name in params):
            return _error(2, "Invalid request: stream name must be a string")
        if method == "UNSUBSCRIBE":
            self._unsubscribe(session, params)
        elif len(set(session.streams) | set(params)) > MAX_STREAMS:
            session.close(1008, "Too many streams")
        else:
            self._subscribe(session, params)
        return None

    def _subscribe(self, session: Session, names: list[str]) -> None:
        now_ms = self._now_ms()
        for name in names[:MAX_STREAMS]:
            channel = self._channels.get(name)
            if channel is None:
                channel = self._channels[name] = _Channel(name, producer(self._market, name, now_ms))
            if session not in channel.sessions:
                channel.sessions[session] = None
                session.streams.append(name)

    def _unsubscribe(self, session: Session, names: list[str]) -> None:
        for name in names:
            channel = self._channels.get(name)
            if channel is None or session not in channel.sessions:
                continue
            del channel.sessions[session]
            session.streams.remove(name)
            if not channel.sessions:
                del self._channels[name]

    # --- what is sent -------------------------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return self._market.clock() + self._faults.skew_ms

    def _run(self) -> None:
        while True:
            gevent.sleep(TURN_SECONDS - time.time() % TURN_SECONDS)
            try:
                self._turn(self._now_ms())
            except Exception:  # one bad turn must not stop the exchange
                logger.exception("a turn of the streams failed")

    def _turn(self, now_ms: int) -> None:
        for channel in list(self._channels.values()):
            if channel.made_by is not None:
                for message in channel.made_by.produce(now_ms):
                    self._deliver(channel, message)
        for session in list(self._sessions):
            self._keep_alive(session, now_ms)

    def _deliver(self, channel: _Channel, message: bytes) -> None:
        fault = self._faults.take("stream", (SILENCE, REORDER, DUPLICATE, DELAY, MALFORMED), channel.name)
        if fault is None and channel.held is None:
            _send(channel, message)
            return
        kind = fault.kind if fault else None
        if kind == SILENCE:
            return
        if kind == DELAY and fault:
            gevent.spawn_later(fault.seconds, _send, channel, message)
            return
        if kind == REORDER and channel.held is None:
            channel.held = message
            return
        _send(channel, message[: len(message) // 2] if kind == MALFORMED else message)
        if kind == DUPLICATE:
            _send(channel, message)
        if channel.held is not None:
            _send(channel, channel.held)
            channel.held = None

    def _keep_alive(self, session: Session, now_ms: int) -> None:
        now = time.monotonic()
        late = session.pinged is not None and now - session.pinged[1] > self._pong_seconds
        if late or now - session.born > self._max_age_seconds:
            session.cut()
        elif now >= session.next_ping:
            session.next_ping = now + self._ping_seconds
            if self._faults.take("stream", (NO_PING,), "/".join(session.streams)) is None:
                session.ping(str(now_ms).encode())

    def _on_fault(self, fault: Fault) -> None:
        if fault.on != "stream" or fault.kind not in (DROP, SHUTDOWN):
            return
        fault.times = 0  # it happens now, and once
        for session in list(self._sessions):
            if fault.where not in "/".join(session.streams):
                continue
            if fault.kind == SHUTDOWN:
                session.send(_shutdown_frame(session, self._now_ms()))
                gevent.spawn_later(fault.seconds, session.close, 1001)
            else:
                session.cut()


def owns(path: str) -> bool:
    """Return whether `path` is a place for WebSocket connections."""
    return path in ("/ws", "/stream") or path.startswith(("/ws/", "/stream/"))


def _streams_of(path: str, query: str) -> list[str]:
    if path.startswith("/ws/"):
        return [name for name in path[4:].split("/") if name]
    return [name for value in parse_qs(query).get("streams", []) for name in value.split("/") if name]


def _send(channel: _Channel, message: bytes) -> None:
    """Send to all subscribers; each of the two forms is encoded at most once."""
    raw: bytes | None = None
    combined: bytes | None = None
    for session in list(channel.sessions):
        if session.combined:
            if combined is None:
                name = json.dumps(channel.name).encode()
                combined = encode_frame(TEXT, b'{"stream":' + name + b',"data":' + message + b"}")
            session.send(combined)
        else:
            if raw is None:
                raw = encode_frame(TEXT, message)
            session.send(raw)


def _shutdown_frame(session: Session, now_ms: int) -> bytes:
    event: dict[str, Any] = {"e": "serverShutdown", "E": now_ms}
    return encode_frame(TEXT, wire.encode({"stream": "!serverShutdown", "data": event} if session.combined else event))


def _error(code: int, text: str) -> dict[str, Any]:
    return {"code": code, "msg": text}


def _is_id(value: object) -> bool:
    if isinstance(value, bool):
        return False
    return value is None or isinstance(value, int) or (isinstance(value, str) and len(value) <= 36)


def _property(session: Session, method: str, params: list[Any]) -> Any:
    if not params or params[0] != "combined":
        return _error(0, "Unknown property")
    if method == "GET_PROPERTY":
        return session.combined
    if len(params) != 2 or not isinstance(params[1], bool):
        return _error(1, "Invalid value type: expected Boolean")
    session.combined = params[1]
    return None
