"""Binance's public market data over REST: one pooled session, several base URLs, one weight governor, bounded waits."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import gevent
import gevent.queue
import msgspec
import requests
import requests.adapters

from adapters import binance_wire as wire
from adapters.http import whole_number
from adapters.weight_governor import WeightGovernor
from domain.errors import PermanentError, QuorumError, SourceUnavailable
from domain.market import INTERVAL_MS, Candle

PAGE = 1000  # the most rows Binance gives in one answer
MAX_BODY_BYTES = 64 * 2**20  # exchangeInfo of all pairs is about 20 MiB
INVALID_SYMBOL = -1121
LONGEST_BAN_SECONDS = 3 * 86_400.0  # Binance's longest
BLOCKED_SECONDS = 3600.0  # an address that does not serve this location is not asked again for so long
_BLOCKED = {401, 403, 407, 409}  # this host does not want us: another may
_TOO_MANY = {418, 429}
_WEIGHTS = {"time": 1, "exchangeInfo": 20, "klines": 2, "trades": 25, "historicalTrades": 25, "aggTrades": 4}
_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50))

T = TypeVar("T")


class RequestRefused(PermanentError):
    """The exchange refused what was asked; `code` is its own error code, 0 when it gave none."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class BinanceRest:
    """Asks the first base URL that answers; the next call begins there too.

    Every method blocks the calling greenlet only, for the governor's wait and at most `2 * timeout_seconds` per URL.

    Raises (every method):
        SourceUnavailable: no base URL gave a usable answer, or the exchange asks us to wait.
        RequestRefused: the exchange understood the request and refused it.
    """

    def __init__(
        self,
        *,
        urls: tuple[str, ...],
        governor: WeightGovernor,
        timeout_seconds: float = 5.0,
        session: requests.Session | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not urls:
            raise ValueError("urls must hold at least one base URL, was empty")
        self._urls = tuple(url.rstrip("/") for url in urls)
        self._at = 0
        self._governor = governor
        self._timeout_seconds = timeout_seconds
        self._session = session or _session()
        self._monotonic = monotonic
        self._blocked_until: dict[str, float] = {}

    @property
    def url(self) -> str:
        """The base URL that is asked first."""
        return self._urls[self._at]

    def server_time_ms(self) -> int:
        """Return the exchange's clock, epoch ms."""
        return self._get("time", {}, wire.ServerTime).serverTime

    def exchange_info(self, pairs: tuple[str, ...]) -> wire.ExchangeInfo:
        """Return the rules of `pairs`. Pairs that the exchange does not list are left out."""
        wanted = msgspec.json.encode(pairs).decode()
        try:
            info = self._get("exchangeInfo", {"symbols": wanted}, wire.ExchangeInfo)
        except RequestRefused as error:
            if error.code != INVALID_SYMBOL:
                raise
            info = self._get("exchangeInfo", {}, wire.ExchangeInfo)  # one wrong name refuses them all
        for limit in info.rateLimits:
            if limit.rateLimitType == "REQUEST_WEIGHT" and limit.interval == "MINUTE":
                self._governor.limit_address(limit.limit)
        return info

    def newest_klines(self, pair: str, interval: str, limit: int) -> list[Candle]:
        """Return the newest `limit` (1..1000) candles, oldest first; the last one is usually open still."""
        return self._klines({"symbol": pair, "interval": interval, "limit": min(limit, PAGE)})

    def klines(self, pair: str, interval: str, *, start_ms: int, end_ms: int) -> Iterator[Candle]:
        """Yield the candles that open in [start_ms, end_ms], oldest first, page by page."""
        while start_ms <= end_ms:
            query: dict[str, str | int] = {"symbol": pair, "interval": interval, "limit": PAGE}
            page = self._klines(query | {"startTime": start_ms, "endTime": end_ms})
            yield from page
            if len(page) < PAGE or page[-1].open_ms < start_ms:
                return
            start_ms = page[-1].open_ms + INTERVAL_MS[interval]

    def depth(self, pair: str, limit: int) -> wire.Depth:
        """Return the best `limit` (1..5000) levels of both sides of the book, and the update id they reflect."""
        weight = next((weight for most, weight in _DEPTH_WEIGHTS if limit <= most), 250)
        return self._get("depth", {"symbol": pair, "limit": min(limit, 5000)}, wire.Depth, weight=weight)

    def newest_trades(self, pair: str) -> list[wire.RestTrade]:
        """Return the newest 1000 trades, oldest first."""
        return self._get("trades", {"symbol": pair, "limit": PAGE}, list[wire.RestTrade])

    def trades_from(self, pair: str, trade_id: int, limit: int) -> list[wire.RestTrade]:
        """Return `limit` (1..1000) trades from `trade_id` on, oldest first. Not every host offers this."""
        query: dict[str, str | int] = {"symbol": pair, "fromId": trade_id, "limit": min(limit, PAGE)}
        return self._get("historicalTrades", query, list[wire.RestTrade])

    def aggregates_since(self, pair: str, since_ms: int) -> Iterator[wire.AggregateTrade]:
        """Yield the aggregate trades from `since_ms` on, oldest first, page by page, up to the newest."""
        query: dict[str, str | int] = {"symbol": pair, "startTime": since_ms, "limit": PAGE}
        while True:
            page = self._get("aggTrades", query, list[wire.AggregateTrade])
            yield from page
            if len(page) < PAGE:
                return
            query = {"symbol": pair, "fromId": page[-1].a + 1, "limit": PAGE}

    def tickers(self, pairs: tuple[str, ...]) -> list[wire.RestTicker]:
        """Return the 24 h statistics of `pairs`, which the exchange must all list."""
        query = {"symbols": msgspec.json.encode(pairs).decode()}
        weight = 2 if len(pairs) <= 20 else 40 if len(pairs) <= 100 else 80
        return self._get("ticker/24hr", query, list[wire.RestTicker], weight=weight)

    # --- one request ------------------------------------------------------------------------------------------------

    def _klines(self, query: Mapping[str, str | int]) -> list[Candle]:
        rows = self._get("klines", query, list[list[object]])
        try:
            return [wire.row_candle(row) for row in rows]
        except msgspec.ValidationError as error:
            raise SourceUnavailable(f"{self.url} klines: {error}") from error

    def _get(self, name: str, query: Mapping[str, str | int], kind: type[T], *, weight: int = 0) -> T:
        """Ask one base URL after the other."""
        faults = []
        for url in self._usable():
            self._at = self._urls.index(url)
            self._governor.acquire(weight or _WEIGHTS[name])
            try:
                return msgspec.json.decode(self._ask(url, name, query), type=kind)
            except _NextUrl as fault:
                faults.append(f"{url} ({fault})")
            except msgspec.MsgspecError as error:
                faults.append(f"{url} (unusable answer: {error})")
        self._at = (self._at + 1) % len(self._urls)
        raise SourceUnavailable(f"cannot reach {', '.join(faults)}")

    def _usable(self) -> tuple[str, ...]:
        """Return the addresses to ask, the current one first: those that do not serve this location only if all do not.

        Where none is left, they are asked all the same: the machine may have moved to another network.
        """
        now = self._monotonic()
        in_turn = self._urls[self._at :] + self._urls[: self._at]
        return tuple(url for url in in_turn if self._blocked_until.get(url, 0.0) <= now) or in_turn

    def _ask(self, url: str, name: str, query: Mapping[str, str | int]) -> bytes:
        """Return the body of a good answer. The plain Timeout bounds the whole call, however slowly bytes drip in."""
        limit = gevent.Timeout(2 * self._timeout_seconds)
        limit.start()
        try:
            with self._session.get(
                f"{url}/api/v3/{name}",
                params=query,
                timeout=self._timeout_seconds,
                stream=True,
                allow_redirects=False,
            ) as answer:
                body = _bounded_body(answer)
                self._take_weight(answer)
                return self._judged(url, answer, body)
        except gevent.Timeout as error:
            if error is not limit:
                raise
            raise _NextUrl(f"no whole answer within {2 * self._timeout_seconds:g} s") from None
        except requests.RequestException as error:
            raise _NextUrl(_cause(error, self._timeout_seconds)) from error
        finally:
            limit.close()

    def _take_weight(self, answer: requests.Response) -> None:
        if (used := whole_number(answer.headers.get("X-MBX-USED-WEIGHT-1M", ""))) is not None:
            self._governor.observed(used)

    def _judged(self, url: str, answer: requests.Response, body: bytes) -> bytes:
        status = answer.status_code
        if status == 200:
            return body
        if status in _TOO_MANY:
            seconds = asked_seconds(status, answer.headers.get("Retry-After", ""))
            self._governor.block(seconds)
            raise SourceUnavailable(f"{url} asks us to wait {seconds:g} s (HTTP {status})", retry_after_seconds=seconds)
        if status == 451:
            self._blocked_until[url] = self._monotonic() + BLOCKED_SECONDS
            raise _NextUrl("HTTP 451: it does not serve this location")
        code, reason = _error_body(body)
        if status in _BLOCKED or status >= 500 or 300 <= status < 400 or not code:
            raise _NextUrl(f"HTTP {status}{': ' + reason if reason else ''}")
        raise RequestRefused(f"{url} refused: {reason} (code {code})", code=code)


class _NextUrl(Exception):
    """This base URL is of no use now."""


def probe_binance(urls: tuple[str, ...], timeout_seconds: float = 5.0) -> bool:
    """Return whether one of the base URLs answers with the exchange's time within `timeout_seconds` in total."""
    governor = WeightGovernor(weight_per_minute=1000)
    done: gevent.queue.SimpleQueue[bool] = gevent.queue.SimpleQueue()

    def ask(url: str) -> None:
        answered = False
        with contextlib.suppress(QuorumError):
            answered = BinanceRest(urls=(url,), governor=governor, timeout_seconds=timeout_seconds).server_time_ms() > 0
        done.put(answered)

    asking = [gevent.spawn(ask, url) for url in urls]
    limit = gevent.Timeout(timeout_seconds)
    limit.start()
    try:
        return any(done.get() for _ in urls)
    except gevent.Timeout as error:
        if error is not limit:
            raise
        return False
    finally:
        limit.close()
        gevent.killall(asking, block=False)


def _session() -> requests.Session:
    session = requests.Session()
    adapter = requests.adapters.HTTPAdapter(pool_connections=8, pool_maxsize=8)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _bounded_body(answer: requests.Response) -> bytes:
    parts, size = [], 0
    for part in answer.iter_content(65_536):
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise _NextUrl(f"the answer is longer than {MAX_BODY_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def asked_seconds(status: int, retry_after: str) -> float:
    """Return how long a 429 or 418 asks to wait, at most LONGEST_BAN_SECONDS; where it does not say, a guess."""
    seconds = whole_number(retry_after)
    return min(float(seconds), LONGEST_BAN_SECONDS) if seconds else 60.0 if status == 429 else 120.0


def _error_body(body: bytes) -> tuple[int, str]:
    """Return Binance's error code and a bounded message; (0, "") when the body is not one of its errors."""
    try:
        error = msgspec.json.decode(body, type=wire.ErrorBody)
    except msgspec.MsgspecError:
        return 0, ""
    return error.code, error.msg[:200]


def _cause(error: requests.RequestException, timeout_seconds: float) -> str:
    """Return one short phrase for what went wrong; the library's own texts show object addresses."""
    text = str(error)
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed"
    if isinstance(error, requests.Timeout):
        return f"no answer within {timeout_seconds:g} s"
    if "NameResolutionError" in text or "Failed to resolve" in text:
        return "its name cannot be resolved"
    if "refused" in text:
        return "connection refused"
    return "connection failed" if isinstance(error, requests.ConnectionError) else type(error).__name__
