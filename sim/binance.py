"""The exchange's REST side: Binance's public spot endpoints, their weights, limits and error bodies."""

import json
from collections.abc import Callable
from typing import Any

from sim import wire
from sim.book import DEPTH, GRID_MS
from sim.candles import INTERVALS, LISTED_MS
from sim.faults import REFUSE, Fault, Faults
from sim.http import Answer, Request, json_answer
from sim.market import PairMarket, SimulatedMarket
from sim.paths import MINUTE_MS
from sim.symbols import eight
from sim.tape import Trade

PREFIX = "/api/v3/"
WEIGHT_PER_MINUTE = 6000
BAN_AFTER = 10  # requests after the first 429 of a minute
BAN_SECONDS = 120
MAX_LIST = 1000
GEO_BLOCK = (
    "Service unavailable from a restricted location according to 'b. Eligibility' in "
    "https://www.binance.com/en/terms. Please contact customer service if you believe you received this message in "
    "error."
)


class ApiError(Exception):
    """A refusal with Binance's own code and text."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class _Params:
    """The query of one request: each read is checked, and what nobody read is refused."""

    def __init__(self, request: Request) -> None:
        self._values = dict(request.query)
        self._sent = len(self._values)
        self._read: set[str] = set()

    def text(self, name: str) -> str | None:
        self._read.add(name)
        value = self._values.get(name)
        if value == "":
            raise ApiError(-1105, f"Parameter '{name}' was empty.")
        return value

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def number(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= 20):
            raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
        return int(value)

    def limit(self, default: int, most: int) -> int:
        value = self.number("limit")
        if value is None:
            return default
        if value < 1:
            raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(value, most)

    def finish(self) -> None:
        read = len(self._read & set(self._values))
        if read < self._sent:
            raise ApiError(
                -1104,
                f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{self._sent}'.",
            )


class _Weights:
    """The request weight of the running minute, and the ban of who goes on after 429."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._minute = 0
        self._refused = 0
        self._banned_until_ms = 0
        self.used = 0

    def spend(self, weight: int, now_ms: int) -> None:
        """Raises _TooMany: 429, and 418 for whoever does not stop."""
        minute = now_ms // MINUTE_MS
        if minute != self._minute:
            self._minute, self.used, self._refused = minute, 0, 0
        if now_ms >= self._banned_until_ms:
            self.used += weight
            if self.used <= self._limit:
                return
            self._refused += 1
            if self._refused <= BAN_AFTER:
                raise _TooMany(429, MINUTE_MS - now_ms % MINUTE_MS, now_ms, self._limit)
            self._banned_until_ms = now_ms + BAN_SECONDS * 1000
        raise _TooMany(418, self._banned_until_ms - now_ms, now_ms, self._limit)


class _TooMany(ApiError):
    def __init__(self, status: int, wait_ms: int, now_ms: int, limit: int) -> None:
        self.retry_after = max(1, -(-wait_ms // 1000))
        text = (
            f"Way too much request weight used; IP banned until {now_ms + wait_ms}. Please use WebSocket Streams for "
            "live updates to avoid bans."
            if status == 418
            else f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. Please use "
            "WebSocket Streams for live updates to avoid polling the API."
        )
        super().__init__(-1003, text, status)


class BinanceRest:
    """The service behind `/api/v3/`.

    Args:
        weight_per_minute: the limit all clients share (on loopback they are one address).
    """

    def __init__(self, *, market: SimulatedMarket, faults: Faults, weight_per_minute: int = WEIGHT_PER_MINUTE) -> None:
        self._market = market
        self._faults = faults
        self._limit = weight_per_minute
        self._weights = _Weights(weight_per_minute)
        self._endpoints: dict[str, tuple[Callable[[Request], int], Callable[[_Params], Any]]] = {
            "ping": (_flat(1), lambda params: {}),
            "time": (_flat(1), lambda params: {"serverTime": self._now_ms()}),
            "exchangeInfo": (_flat(20), self._exchange_info),
            "klines": (_flat(2), self._klines),
            "uiKlines": (_flat(2), self._klines),
            "depth": (_depth_weight, self._depth),
            "trades": (_flat(25), self._trades),
            "historicalTrades": (_flat(25), self._historical_trades),
            "aggTrades": (_flat(4), self._aggregate_trades),
            "avgPrice": (_flat(2), self._average_price),
            "ticker/24hr": (_ticker_weight(2, 40, 80), self._tickers),
            "ticker/price": (_ticker_weight(2, 4, 4), self._prices),
            "ticker/bookTicker": (_ticker_weight(2, 4, 4), self._book_tickers),
        }

    def owns(self, path: str) -> bool:
        return path.startswith(PREFIX)

    def answer(self, request: Request) -> Answer:
        weight, handler = self._endpoints.get(request.path[len(PREFIX) :].rstrip("/"), (_flat(1), None))
        try:
            self._weights.spend(weight(request), self._market.clock())
            if handler is None or request.method != "GET":
                raise ApiError(-1000, "Not Found", 404) if handler is None else ApiError(-1000, "Bad method", 405)
            params = _Params(request)
            value = handler(params)
            params.finish()
        except ApiError as error:
            return self._refuse(error)
        return json_answer(value, headers=self._weight_headers())

    def refusal(self, fault: Fault) -> Answer:
        if fault.status in (418, 429):
            return self._refuse(_TooMany(fault.status, (fault.retry_after or 1) * 1000, self._now_ms(), self._limit))
        texts = {
            451: (0, GEO_BLOCK),
            403: (0, "Forbidden"),
            504: (-1007, "Timeout waiting for response from backend server. Send status unknown; execution unknown."),
        }
        status = 503 if fault.kind == REFUSE and fault.status == 500 else fault.status
        code, text = texts.get(status, (-1000, "An unknown error occurred while processing the request."))
        return self._refuse(ApiError(code, text, status))

    def _refuse(self, error: ApiError) -> Answer:
        headers = self._weight_headers()
        if isinstance(error, _TooMany):
            headers = (*headers, ("Retry-After", str(error.retry_after)))
        return json_answer({"code": error.code, "msg": error.message}, status=error.status, headers=headers)

    def _weight_headers(self) -> tuple[tuple[str, str], ...]:
        used = str(self._weights.used)
        return ("X-MBX-USED-WEIGHT", used), ("X-MBX-USED-WEIGHT-1M", used)

    def _now_ms(self) -> int:
        return self._market.clock() + self._faults.skew_ms

    def _pair(self, params: _Params) -> PairMarket:
        return self._listed(params.required("symbol"))

    def _listed(self, name: str) -> PairMarket:
        if not (name.isascii() and name.isalnum() and name.isupper() and len(name) <= 20):
            raise ApiError(
                -1100, "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'."
            )
        if name not in self._market.listings:
            raise ApiError(-1121, "Invalid symbol.")
        return self._market.pair(name)

    def _selected(self, params: _Params) -> tuple[bool, list[PairMarket]]:
        """Return whether one symbol was named, and the pairs that are meant."""
        symbol, symbols = params.text("symbol"), params.text("symbols")
        if symbol and symbols:
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        if symbol:
            return True, [self._listed(symbol)]
        names = list(self._market.listings) if symbols is None else _symbol_list(symbols)
        return False, [self._listed(name) for name in names]

    def _exchange_info(self, params: _Params) -> Any:
        for name in ("permissions", "showPermissionSets", "symbolStatus"):
            params.text(name)  # all pairs are spot pairs that trade
        _, pairs = self._selected(params)
        return wire.exchange_info([pair.listing for pair in pairs], self._now_ms())

    def _klines(self, params: _Params) -> Any:
        pair, interval = self._pair(params), params.required("interval")
        if interval not in INTERVALS:
            raise ApiError(-1120, "Invalid interval.")
        start_ms, end_ms, limit = params.number("startTime"), params.number("endTime"), params.limit(500, MAX_LIST)
        params.text("timeZone")
        chosen = pair.candles.select(interval, now_ms=self._now_ms(), limit=limit, start_ms=start_ms, end_ms=end_ms)
        return [wire.kline(pair.listing, interval, sums) for sums in chosen]

    def _depth(self, params: _Params) -> Any:
        pair, limit = self._pair(params), params.limit(100, 5000)
        return wire.depth(pair.listing, pair.books.book(self._now_ms() // GRID_MS, min(limit, DEPTH)))

    def _trades(self, params: _Params) -> Any:
        pair, limit = self._pair(params), params.limit(500, MAX_LIST)
        return [wire.trade(pair.listing, trade) for trade in _newest(pair, self._now_ms(), limit)]

    def _historical_trades(self, params: _Params) -> Any:
        pair, limit, from_id = self._pair(params), params.limit(500, MAX_LIST), params.number("fromId")
        now_ms = self._now_ms()
        if from_id is None:
            trades = _newest(pair, now_ms, limit)
        else:
            found = _since(pair, pair.tape.minute_of_trade(from_id) * MINUTE_MS, now_ms, limit + 200)
            trades = [trade for trade in found if trade.id >= from_id][:limit]
        return [wire.trade(pair.listing, trade) for trade in trades]

    def _aggregate_trades(self, params: _Params) -> Any:
        pair, limit, from_id = self._pair(params), params.limit(500, MAX_LIST), params.number("fromId")
        start_ms, end_ms = params.number("startTime"), params.number("endTime")
        now_ms = self._now_ms()
        until_ms = now_ms if end_ms is None else min(now_ms, end_ms)
        if from_id is not None:
            if start_ms is not None or end_ms is not None:
                raise ApiError(-1128, "Combination of optional parameters invalid.")
            trades = _since(pair, pair.tape.minute_of_order(from_id) * MINUTE_MS, now_ms, 2 * limit + 400)
            chosen = [fills for fills in wire.aggregates(trades) if fills[0].order_id >= from_id][:limit]
        elif start_ms is not None:
            trades = _since(pair, start_ms, until_ms, 2 * limit + 200)
            chosen = wire.aggregates(trades)[:limit]
        else:
            chosen = wire.aggregates(_newest(pair, until_ms, 2 * limit + 200))[-limit:]
        return [wire.aggregate(pair.listing, fills) for fills in chosen]

    def _average_price(self, params: _Params) -> Any:
        pair, now_ms = self._pair(params), self._now_ms()
        return {
            "mins": 5,
            "price": eight(pair.average_price(now_ms)),
            "closeTime": pair.tape.around(now_ms)[0].time_ms,
        }

    def _tickers(self, params: _Params) -> Any:
        kind = params.text("type")
        if kind not in (None, "FULL", "MINI"):
            raise ApiError(-1100, "Illegal characters found in parameter 'type'; legal range is 'FULL, MINI'.")
        one, pairs = self._selected(params)
        found = [wire.ticker_24h(pair, self._now_ms()) for pair in pairs]
        if kind == "MINI":
            found = [{name: value for name, value in ticker.items() if name in _MINI} for ticker in found]
        return found[0] if one else found

    def _prices(self, params: _Params) -> Any:
        one, pairs = self._selected(params)
        now_ms = self._now_ms()
        found = [
            {"symbol": pair.listing.pair, "price": pair.listing.price_text(pair.tape.around(now_ms)[0].price)}
            for pair in pairs
        ]
        return found[0] if one else found

    def _book_tickers(self, params: _Params) -> Any:
        one, pairs = self._selected(params)
        found = [wire.book_ticker(pair, self._now_ms() // GRID_MS) for pair in pairs]
        return found[0] if one else found


_MINI = (
    *("symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume"),
    *("openTime", "closeTime", "firstId", "lastId", "count"),
)


def _flat(weight: int) -> Callable[[Request], int]:
    return lambda request: weight


def _depth_weight(request: Request) -> int:
    text = dict(request.query).get("limit", "100")
    limit = int(text) if text.isascii() and text.isdigit() else 100
    return next((weight for most, weight in ((100, 5), (500, 25), (1000, 50)) if limit <= most), 250)


def _ticker_weight(one: int, some: int, every: int) -> Callable[[Request], int]:
    def weight(request: Request) -> int:
        query = dict(request.query)
        if "symbol" in query:
            return one
        if "symbols" not in query:
            return every
        count = query["symbols"].count(",") + 1
        return one if count <= 20 and one != some and some == 40 else some if count <= 100 else every

    return weight


def _symbol_list(text: str) -> list[str]:
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ApiError(
            -1100,
            "Illegal characters found in parameter 'symbols'; legal range is "
            '\'^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}")*\\]$\'.',
        )
    return names


def _newest(pair: PairMarket, until_ms: int, limit: int) -> list[Trade]:
    """Return the newest trades, oldest first."""
    minute, trades = until_ms // MINUTE_MS, pair.tape.trades_between(until_ms // MINUTE_MS * MINUTE_MS - 1, until_ms)
    while len(trades) < limit:
        minute -= 1
        trades = pair.tape.minute_trades(minute) + trades
    return trades[-limit:]


def _since(pair: PairMarket, start_ms: int, until_ms: int, limit: int) -> list[Trade]:
    """Return at least `limit` trades from `start_ms` on, or all up to `until_ms`."""
    trades: list[Trade] = []
    at_ms = max(start_ms, LISTED_MS) - 1
    while at_ms < until_ms and len(trades) < limit:
        end_ms = min(until_ms, (at_ms // MINUTE_MS + 1) * MINUTE_MS)
        trades += pair.tape.trades_between(at_ms, end_ms)
        at_ms = end_ms
    return trades
