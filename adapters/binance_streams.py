"""Combined streams of Binance through websocket-client: one greenlet per connection, which never gives up.

A connection is replaced before the exchange cuts it after 24 h, and when the exchange announces a shutdown: the new one
is opened first, the old one closed once data flows on the new. Whoever takes the frames leaves out the repeats of the
overlap. Pings of the exchange are answered by the library inside `recv`.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import gevent
import msgspec
import websocket

from adapters import binance_wire as wire
from adapters.reading_ahead import ReadingAhead

log = logging.getLogger(__name__)

STREAMS_PER_CONNECTION = 200  # Binance allows 1024; the names have to fit into one URL
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


class StreamGroup:
    """The connection that carries some streams, and its successors.

    Args:
        urls: base URLs, tried in turn.
        streams: at most STREAMS_PER_CONNECTION names, such as btcusdt@trade.
        on_data: called with stream name and raw JSON of each frame.
        on_up: called when data flows on a connection that was not there before (not after a planned swap).
        on_down: called when there is no connection any more.
        judge: returns why the streams' data are not fresh, or None; called about once a second.
        silence_seconds: a connection without any frame for so long is cut.
        random: jitter of the back-off.
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
        max_age_seconds: float = MAX_AGE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._urls = tuple(url.rstrip("/") for url in urls)
        self._path = f"/stream?streams={'/'.join(streams)}"
        self._on_data = on_data
        self._on_up = on_up
        self._on_down = on_down
        self._judge = judge
        self._silence_seconds = silence_seconds
        self._random = random
        self._max_age_seconds = max_age_seconds
        self._monotonic = monotonic
        self._at = 0
        self._fails = 0
        self._newest = 0  # connections are numbered from 1
        self._current = 0  # the one that counts: the newest that has had data, or the first
        self._flowing = False
        self._greenlets: list[gevent.Greenlet[..., None]] = []

    @property
    def url(self) -> str:
        """The base URL in use, or tried next."""
        return self._urls[self._at]

    def start(self) -> None:
        """Connect in the background."""
        self._current = self._spawn()

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
            reason, silent = lost
            self._fails += 1
            wait = self._back_off_seconds()
            down = Down(url=self.url, reason=reason, fails=self._fails, retry_seconds=wait, silent=silent)
            if self._fails > 1:
                self._at = (self._at + 1) % len(self._urls)
            if self._current == number:
                self._flowing = False
                self._on_down(down)
            else:
                log.info("The planned new connection to %s failed: %s", down.url, reason)
            gevent.sleep(wait)
            if self._current > number:
                return

    def _back_off_seconds(self) -> float:
        longest = min(LONGEST_BACK_OFF_SECONDS, FIRST_BACK_OFF_SECONDS * 2.0 ** min(self._fails - 1, 16))
        return longest * self._random.uniform(0.5, 1.0)

    def _connect_and_read(self, number: int) -> tuple[str, bool] | None:
        """Return why the connection was lost and whether by silence; None when a successor has taken over."""
        connection = None
        try:
            connection = _connect(self.url + self._path)
            return self._read(connection, number)
        except _Silent as error:
            return str(error), error.whole
        except (websocket.WebSocketException, OSError) as error:
            return _cause(error), False
        except Exception:  # one unforeseen frame must not end the connection for ever
            log.exception("Reading %s failed", self.url)
            return "an internal error", False
        finally:
            if connection is not None:
                connection.shutdown()  # type: ignore[no-untyped-call]  # not annotated there

    def _read(self, connection: websocket.WebSocket, number: int) -> tuple[str, bool] | None:
        connection.settimeout(LOOK_SECONDS)
        born = heard = looked = self._monotonic()
        taken = 0
        up = successor = False
        while True:
            try:
                opcode, text = connection.recv_data(control_frame=True)
            except websocket.WebSocketTimeoutException:
                opcode, text = None, b""
            now = self._monotonic()
            if self._current > number:
                return None
            if opcode == CLOSED:
                return "the exchange closed the connection", False
            if opcode in DATA:
                heard = now
                if not up:
                    up, self._fails = True, 0
                    self._take_over(number)
                if self._take(text) and not successor:
                    successor = True
                    self._spawn()
            taken += 1
            if taken % FRAMES_A_TURN == 0:
                gevent.sleep(0)
            if now - looked >= LOOK_SECONDS or opcode is None:
                looked = now
                self._look(now - heard, up)
                if now - born > self._max_age_seconds and not successor:
                    successor = True
                    self._spawn()

    def _look(self, silent_seconds: float, up: bool) -> None:
        if silent_seconds > self._silence_seconds:
            raise _Silent(f"silent for {silent_seconds:.0f} s", whole=True)
        if up and (reason := self._judge()) is not None:
            raise _Silent(reason, whole=False)

    def _take_over(self, number: int) -> None:
        """Let this connection count. A swap is silent; after a loss the gap has to be closed."""
        self._current = max(self._current, number)
        if not self._flowing:
            self._flowing = True
            self._on_up()

    def _take(self, text: bytes) -> bool:
        """Pass one frame on; return whether the exchange announces the end of this connection."""
        try:
            frame = _frame.decode(text)
            if frame.stream == "!serverShutdown" or frame.e == "serverShutdown":
                log.info("The exchange announces a shutdown of this connection: a new one is opened")
                return True
            if frame.stream:
                self._on_data(frame.stream, frame.data)
            elif frame.error:
                log.warning("The exchange refused a stream request: %s", bytes(frame.error)[:200])
        except msgspec.MsgspecError as error:
            log.warning("A stream frame was not usable and is left out: %s", error)
        return False


class _Silent(Exception):
    """No fresh data, of the whole connection or of one stream: the connection is cut."""

    def __init__(self, reason: str, *, whole: bool) -> None:
        super().__init__(reason)
        self.whole = whole


def groups_of(streams: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the streams in parts that one connection each carries."""
    size = STREAMS_PER_CONNECTION
    return tuple(streams[start : start + size] for start in range(0, len(streams), size))


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


def _cause(error: Exception) -> str:
    """Return one short phrase for what went wrong."""
    match error:
        case websocket.WebSocketBadStatusException():
            return f"HTTP {error.status_code}"
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
