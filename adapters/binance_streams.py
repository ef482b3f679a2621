"""Combined streams of Binance through websocket-client: one greenlet per connection, which never gives up.

Within the exchange's limits: a connection carries at most 200 streams, asks for changes of them at most four times a
second, and all groups together make at most 150 connections in five minutes.

A connection is replaced before the exchange cuts it after 24 h, and when the exchange announces a shutdown: the new one
is opened first, the old one closed once data flows on the new. Whoever takes the frames leaves out the repeats of the
overlap. Pings of the exchange are answered by the library inside `recv`.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import gevent
import msgspec
import websocket

from adapters import binance_wire as wire
from adapters.binance_rest import asked_seconds
from adapters.http import whole_number
from adapters.pace import Pace
from adapters.reading_ahead import ReadingAhead

log = logging.getLogger(__name__)

STREAMS_PER_CONNECTION = 200  # Binance allows 1024; the names have to fit into one URL
NAMES_PER_REQUEST = 100  # of a SUBSCRIBE
REQUESTS_PER_SECOND = 3  # Binance cuts who sends more than five messages a second, pongs counted
CONNECTIONS, CONNECTIONS_SECONDS = 150, 300.0  # Binance: 300 per address
ANSWER_SECONDS = 10.0  # for a SUBSCRIBE to be confirmed
MAX_AGE_SECONDS = 23 * 3600.0  # Binance cuts a connection after 24 h
CONNECT_SECONDS = 10.0
LOOK_SECONDS = 1.0  # how often freshness is judged
FRAMES_A_TURN = 500  # then the other greenlets get their turn, however much more has arrived
FIRST_BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS = 0.25, 30.0
FAILS_UNTIL_UNREACHABLE = 3
CLOSED = websocket.ABNF.OPCODE_CLOSE
DATA = (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY)

_frame = msgspec.json.Decoder(wire.StreamFrame)


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """A connection was lost or could not be made; it is tried again after `retry_seconds`."""

    url: str
    reason: str
    fails: int  # in a row, this one included
    retry_seconds: float
    silent: bool = False  # cut because nothing at all came any more


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lost:
    """Why one connection ended."""

    reason: str
    silent: bool = False
    next_url: bool = False  # this address does not want us
    wait_seconds: float = 0.0  # asked for by the exchange


class StreamGroup:
    """The connection that carries some streams, and its successors.

    Args:
        urls: base URLs, tried in turn.
        streams: at most STREAMS_PER_CONNECTION names, such as btcusdt@trade; `follow` changes them.
        on_data: called with stream name and raw JSON of each frame.
        on_up: called when data flows on a connection that was not there before (not after a planned swap).
        on_down: called when there is no connection any more.
        judge: returns why the streams' data are not fresh, or None; called about once a second.
        silence_seconds: a connection without any frame for so long is cut.
        random: jitter of the back-off.
        connections: what all connections of this address together may do; shared by all groups.
    """

    def __init__(
        self,
        *,
        urls: tuple[str, ...],
        streams: tuple[str, ...],
        on_data: Callable[[str, msgspec.Raw], None],
        on_up: Callable[[], None],
        on_down: Callable[[Down], None],
        judge: Callable[[], str | None],
        silence_seconds: float,
        random: Random,
        connections: Pace | None = None,
        max_age_seconds: float = MAX_AGE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._urls = tuple(url.rstrip("/") for url in urls)
        self.streams = streams
        self._on_data = on_data
        self._on_up = on_up
        self._on_down = on_down
        self._judge = judge
        self.silence_seconds = silence_seconds
        self._random = random
        self._connections = connections or connection_pace(monotonic)
        # Connections that are made at one time are not replaced at one time.
        self._max_age_seconds = max_age_seconds * random.uniform(0.9, 1.0)
        self._monotonic = monotonic
        self._cut_reason: str | None = None
        self._at = 0
        self._fails = 0
        self._newest = 0  # connections are numbered from 1
        self._current = 0  # the one that counts: the newest that has had data, or the first
        self._flowing = False
        self.unusable = 0  # frames that were left out
        self._greenlets: list[gevent.Greenlet[..., None]] = []

    @property
    def url(self) -> str:
        """The base URL in use, or tried next."""
        return self._urls[self._at]

    def start(self) -> None:
        """Connect in the background."""
        self._current = self._spawn()

    def follow(self, streams: tuple[str, ...]) -> None:
        """Carry these streams from now on: connections that stand are told, later ones begin with them."""
        if len(streams) > STREAMS_PER_CONNECTION:
            raise ValueError(f"a connection must carry at most {STREAMS_PER_CONNECTION} streams, was {len(streams)}")
        self.streams = streams

    def cut(self, reason: str) -> None:
        """Give the connection up, as if it had been silent, and make a new one."""
        self._cut_reason = reason

    def stop(self) -> None:
        """End all connections at once."""
        greenlets, self._greenlets = self._greenlets, []
        self._current, self._flowing = 0, False
        gevent.killall(greenlets, block=False)

    def _spawn(self) -> int:
        """Start one more connection and return its number."""
        self._newest += 1
        self._greenlets = [greenlet for greenlet in self._greenlets if not greenlet.dead]
        self._greenlets.append(gevent.spawn(self._run, self._newest))
        return self._newest

    def _run(self, number: int) -> None:
        """Keep connected until a successor has taken over."""
        while True:
            lost = self._connect_and_read(number)
            if lost is None:
                return
            self._fails += 1
            wait = max(self._back_off_seconds(), lost.wait_seconds, self._connections.wait_seconds())
            down = Down(url=self.url, reason=lost.reason, fails=self._fails, retry_seconds=wait, silent=lost.silent)
            if self._fails > 1 or lost.next_url:
                self._at = (self._at + 1) % len(self._urls)
            if self._current == number:
                self._flowing = False
                self._on_down(down)
            else:
                log.info("The planned new connection to %s failed: %s", down.url, lost.reason)
            gevent.sleep(wait)
            if self._current > number:
                return

    def _back_off_seconds(self) -> float:
        longest = min(LONGEST_BACK_OFF_SECONDS, FIRST_BACK_OFF_SECONDS * 2.0 ** min(self._fails - 1, 16))
        return longest * self._random.uniform(0.5, 1.0)

    def _connect_and_read(self, number: int) -> _Lost | None:
        """Return why the connection was lost; None when a successor has taken over."""
        connection = None
        while (wait := self._connections.wait_seconds()) > 0:
            gevent.sleep(wait)
        self._connections.count()
        self._cut_reason = None
        names = self.streams
        try:
            connection = _connect(f"{self.url}/stream?streams={'/'.join(names)}")
            return self._read(_Reader(connection, names, self._monotonic), number)
        except _Silent as error:
            return _Lost(reason=str(error), silent=error.whole)
        except websocket.WebSocketBadStatusException as error:
            return _refused(error)
        except (websocket.WebSocketException, OSError) as error:
            return _Lost(reason=_cause(error))
        except Exception:  # one unforeseen frame must not end the connection for ever
            log.exception("Reading %s failed", self.url)
            return _Lost(reason="an internal error")
        finally:
            if connection is not None:
                connection.shutdown()  # type: ignore[no-untyped-call]  # not annotated there

    def _read(self, reader: "_Reader", number: int) -> _Lost | None:
        born = heard = looked = self._monotonic()
        taken = 0
        up = successor = False
        while True:
            opcode, text = reader.receive()
            now = self._monotonic()
            if self._current > number:
                return None
            if opcode == CLOSED:
                return _Lost(reason="the exchange closed the connection")
            if opcode in DATA:
                heard = now
                if not up:
                    up, self._fails = True, 0
                    self._take_over(number)
                if self._take(text, reader) and not successor:
                    successor = True
                    self._spawn()
            taken += 1
            if taken % FRAMES_A_TURN == 0:
                gevent.sleep(0)
            reader.follow(self.streams)
            if now - looked >= LOOK_SECONDS or opcode is None:
                looked = now
                self._look(now - heard, up)
                if now - born > self._max_age_seconds and not successor:
                    successor = True
                    self._spawn()

    def _look(self, silent_seconds: float, up: bool) -> None:
        cut_reason, self._cut_reason = self._cut_reason, None
        if cut_reason is not None:
            raise _Silent(cut_reason, whole=True)
        if silent_seconds > self.silence_seconds:
            raise _Silent(f"silent for {silent_seconds:.0f} s", whole=True)
        if up and (reason := self._judge()) is not None:
            raise _Silent(reason, whole=False)

    def _take_over(self, number: int) -> None:
        """Let this connection count. A swap is silent; after a loss the gap has to be closed."""
        self._current = max(self._current, number)
        if not self._flowing:
            self._flowing = True
            self._on_up()

    def _take(self, text: bytes, reader: "_Reader | None" = None) -> bool:
        """Pass one frame on; return whether the exchange announces the end of this connection."""
        try:
            frame = _frame.decode(text)
            if frame.stream == "!serverShutdown" or frame.e == "serverShutdown":
                log.info("The exchange announces a shutdown of this connection: a new one is opened")
                return True
            if frame.stream:
                self._on_data(frame.stream, frame.data)
            elif frame.error or frame.code is not None:
                raise _Silent(f"a request about streams was refused ({bytes(text[:200])!r})", whole=False)
            elif frame.id is not None and reader is not None:
                reader.confirmed(frame.id)
        except msgspec.MsgspecError as error:
            self.unusable += 1
            if self.unusable == 10 ** (len(str(self.unusable)) - 1):
                log.warning("A stream frame was not usable and is left out: %s (%s so far)", error, self.unusable)
        return False


class _Reader:
    """One connection: what it carries, and the requests that change it. All of it in the greenlet that reads."""

    def __init__(self, connection: websocket.WebSocket, names: tuple[str, ...], monotonic: Callable[[], float]) -> None:
        connection.settimeout(LOOK_SECONDS)
        self._connection = connection
        self._names = names  # as asked for last
        self._carried = dict.fromkeys(names)
        self._monotonic = monotonic
        self._pace = Pace(limit=REQUESTS_PER_SECOND, seconds=1.0, monotonic=monotonic)
        self._requests: deque[bytes] = deque()
        self._sent = 0
        self._unconfirmed: dict[int, float] = {}  # request id -> when it was sent

    def receive(self) -> tuple[int | None, bytes]:
        """Return the next frame; (None, b"") when there was none for a second."""
        try:
            opcode, text = self._connection.recv_data(control_frame=True)
        except websocket.WebSocketTimeoutException:
            return None, b""
        return opcode, text

    def follow(self, names: tuple[str, ...]) -> None:
        """Ask for the streams that are missing and let go of the others, within the exchange's pace."""
        if names is not self._names:
            self._names = names
            new = [name for name in names if name not in self._carried]
            wanted = dict.fromkeys(names)
            gone = [name for name in self._carried if name not in wanted]
            self._carried = wanted
            self._queue("UNSUBSCRIBE", gone)
            self._queue("SUBSCRIBE", new)
        if self._requests and self._pace.wait_seconds() == 0:
            self._pace.count()
            self._sent += 1
            self._unconfirmed[self._sent] = self._monotonic()
            self._connection.send(self._requests.popleft())
        if self._unconfirmed and self._monotonic() - min(self._unconfirmed.values()) > ANSWER_SECONDS:
            raise _Silent(f"a change of streams was not confirmed within {ANSWER_SECONDS:g} s", whole=False)

    def confirmed(self, number: int) -> None:
        self._unconfirmed.pop(number, None)

    def _queue(self, method: str, names: list[str]) -> None:
        for start in range(0, len(names), NAMES_PER_REQUEST):
            number = self._sent + len(self._requests) + 1
            request = {"method": method, "params": names[start : start + NAMES_PER_REQUEST], "id": number}
            self._requests.append(msgspec.json.encode(request))


class _Silent(Exception):
    """No fresh data, of the whole connection or of one stream: the connection is cut."""

    def __init__(self, reason: str, *, whole: bool) -> None:
        super().__init__(reason)
        self.whole = whole


def connection_pace(monotonic: Callable[[], float] = time.monotonic) -> Pace:
    """Return our share of the connections that the exchange allows one address."""
    return Pace(limit=CONNECTIONS, seconds=CONNECTIONS_SECONDS, monotonic=monotonic)


def _connect(url: str) -> websocket.WebSocket:
    limit = gevent.Timeout(CONNECT_SECONDS)
    limit.start()
    try:
        return websocket.create_connection(
            url, timeout=CONNECT_SECONDS, class_=ReadingAhead, enable_multithread=False, skip_utf8_validation=True
        )
    except gevent.Timeout as error:
        if error is not limit:
            raise
        raise TimeoutError(f"no connection within {CONNECT_SECONDS:g} s") from None
    finally:
        limit.close()


def _refused(error: websocket.WebSocketBadStatusException) -> _Lost:
    """Return how an HTTP answer in place of a connection is to be taken."""
    status = error.status_code
    wait = str((error.resp_headers or {}).get("retry-after", ""))
    if status in (418, 429):  # a ban is for our address: another of their hosts is no way around it
        return _Lost(reason=f"HTTP {status}", wait_seconds=asked_seconds(status, wait))
    reason = "HTTP 451: it does not serve this location" if status == 451 else f"HTTP {status}"
    return _Lost(reason=reason, next_url=status in (403, 451), wait_seconds=float(whole_number(wait) or 0))


def _cause(error: Exception) -> str:
    """Return one short phrase for what went wrong."""
    match error:
        case websocket.WebSocketAddressException():
            return "its name cannot be resolved"
        case websocket.WebSocketConnectionClosedException():
            return "the connection was cut"
        case TimeoutError() | websocket.WebSocketTimeoutException():
            return f"no connection within {CONNECT_SECONDS:g} s"
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionError():
            return "the connection was reset"
        case _:
            return f"connection failed ({type(error).__name__})"
