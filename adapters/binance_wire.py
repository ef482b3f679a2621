"""Binance's JSON as typed structs, and their translation into domain values. Raises msgspec errors, nothing else.

Field names are Binance's own. Prices and quantities are strings on the wire and become Decimals at once.
"""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from domain.market import Candle, OrderBook, PublicTrade, SymbolRules, Ticker

Level = tuple[Decimal, Decimal]


class Depth(msgspec.Struct):
    """GET /api/v3/depth and <pair>@depth20: the best levels as they are."""

    lastUpdateId: int
    bids: list[Level]
    asks: list[Level]


class DepthUpdate(msgspec.Struct):
    """<pair>@depth: what changed since the last update."""

    U: int
    u: int
    b: list[Level]
    a: list[Level]


class BookTicker(msgspec.Struct):
    """<pair>@bookTicker: the best bid and ask."""

    u: int
    b: Decimal
    B: Decimal
    a: Decimal
    A: Decimal


class TradeEvent(msgspec.Struct):
    """<pair>@trade: one trade."""

    t: int
    p: Decimal
    q: Decimal
    T: int
    m: bool


class AggregateTrade(msgspec.Struct):
    """GET /api/v3/aggTrades and <pair>@aggTrade: trades f to l of one taker order at one price."""

    a: int
    p: Decimal
    q: Decimal
    f: int
    l: int  # noqa: E741 - Binance's own name for the last trade id
    T: int
    m: bool


class RestTrade(msgspec.Struct):
    """GET /api/v3/trades and /api/v3/historicalTrades: one trade."""

    id: int
    price: Decimal
    qty: Decimal
    time: int
    isBuyerMaker: bool


class KlineBar(msgspec.Struct):
    """The candle inside a kline event; x says whether it is closed."""

    t: int
    i: str
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741 - Binance's own name for the low
    c: Decimal
    v: Decimal
    x: bool


class KlineEvent(msgspec.Struct):
    """<pair>@kline_<interval>."""

    k: KlineBar


class TickerEvent(msgspec.Struct):
    """<pair>@ticker: rolling 24 h statistics; b, B, a, A the best bid and ask, L the last trade id."""

    E: int
    P: Decimal
    p: Decimal
    h: Decimal
    l: Decimal  # noqa: E741 - Binance's own name for the low
    v: Decimal
    q: Decimal
    b: Decimal
    B: Decimal
    a: Decimal
    A: Decimal
    L: int


class RestTicker(msgspec.Struct):
    """GET /api/v3/ticker/24hr."""

    symbol: str
    priceChangePercent: Decimal
    priceChange: Decimal
    highPrice: Decimal
    lowPrice: Decimal
    volume: Decimal
    quoteVolume: Decimal
    closeTime: int


class ServerTime(msgspec.Struct):
    """GET /api/v3/time."""

    serverTime: int


class RateLimit(msgspec.Struct):
    """One entry of exchangeInfo.rateLimits."""

    rateLimitType: str
    interval: str
    limit: int


class Symbol(msgspec.Struct):
    """One entry of exchangeInfo.symbols."""

    symbol: str
    status: str
    baseAsset: str
    quoteAsset: str
    filters: list[dict[str, Any]]


class ExchangeInfo(msgspec.Struct):
    """GET /api/v3/exchangeInfo."""

    symbols: list[Symbol]
    rateLimits: list[RateLimit] = []


class ErrorBody(msgspec.Struct):
    """The body of a refusal, e.g. {"code": -1121, "msg": "Invalid symbol."}."""

    code: int
    msg: str


class StreamFrame(msgspec.Struct):
    """One frame of a combined stream; an answer to SUBSCRIBE or a raw event has no stream."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    e: str = ""
    error: msgspec.Raw = msgspec.Raw(b"")
    id: int | None = None
    code: int | None = None


def book_of(depth: Depth, received_ms: int) -> OrderBook:
    """Return a partial book of up to 20 levels."""
    return OrderBook(
        update_id=depth.lastUpdateId,
        received_ms=received_ms,
        bids=tuple(depth.bids[:20]),
        asks=tuple(depth.asks[:20]),
        depth=20,
    )


def top_of(ticker: BookTicker, received_ms: int) -> OrderBook:
    """Return a book of the best bid and ask alone."""
    return OrderBook(
        update_id=ticker.u, received_ms=received_ms, bids=((ticker.b, ticker.B),), asks=((ticker.a, ticker.A),), depth=1
    )


def trade_of(event: TradeEvent) -> PublicTrade:
    """Return one trade of the trade stream."""
    return PublicTrade(trade_id=event.t, price=event.p, quantity=event.q, traded_ms=event.T, buyer_is_maker=event.m)


def rest_trade_of(trade: RestTrade) -> PublicTrade:
    """Return one trade as REST lists it."""
    return PublicTrade(
        trade_id=trade.id,
        price=trade.price,
        quantity=trade.qty,
        traded_ms=trade.time,
        buyer_is_maker=trade.isBuyerMaker,
    )


def aggregate_of(trade: AggregateTrade) -> PublicTrade:
    """Return an aggregate as one trade that bears the id of its LAST trade.

    Aggregates are counted in numbers of their own (`a`); only `f` and `l` are trade ids. Bearing `l`, the aggregate is
    recognised as a repeat by whoever has seen its last trade, and everything after it has a higher id.
    """
    return PublicTrade(trade_id=trade.l, price=trade.p, quantity=trade.q, traded_ms=trade.T, buyer_is_maker=trade.m)


def candle_of(bar: KlineBar) -> Candle:
    """Return the candle of a kline event."""
    return Candle(open_ms=bar.t, open=bar.o, high=bar.h, low=bar.l, close=bar.c, volume=bar.v)


def row_candle(row: list[Any]) -> Candle:
    """Return the candle of one row of GET /api/v3/klines. Raises msgspec.ValidationError when it is none."""
    try:
        opened, high, low, close, volume = (Decimal(value) for value in row[1:6])
        return Candle(open_ms=int(row[0]), open=opened, high=high, low=low, close=close, volume=volume)
    except (InvalidOperation, ValueError, TypeError, IndexError) as error:
        raise msgspec.ValidationError(f"a kline row must have 12 columns of numbers, was {row!r:.100}") from error


def ticker_of(event: TickerEvent) -> Ticker:
    """Return the 24 h statistics of a ticker event."""
    return Ticker(
        change_percent=event.P,
        change=event.p,
        high=event.h,
        low=event.l,
        volume=event.v,
        quote_volume=event.q,
        event_ms=event.E,
    )


def rest_ticker_of(ticker: RestTicker) -> Ticker:
    """Return the 24 h statistics as REST tells them."""
    return Ticker(
        change_percent=ticker.priceChangePercent,
        change=ticker.priceChange,
        high=ticker.highPrice,
        low=ticker.lowPrice,
        volume=ticker.volume,
        quote_volume=ticker.quoteVolume,
        event_ms=ticker.closeTime,
    )


def rules_of(info: ExchangeInfo, pairs: Iterable[str]) -> tuple[SymbolRules, ...]:
    """Return the filters of those of `pairs` that the exchange lists, in their order."""
    listed = {symbol.symbol: symbol for symbol in info.symbols}
    return tuple(_symbol_rules(listed[pair]) for pair in pairs if pair in listed)


def _symbol_rules(symbol: Symbol) -> SymbolRules:
    filters = {str(entry.get("filterType")): entry for entry in symbol.filters}
    price, lot = filters.get("PRICE_FILTER", {}), filters.get("LOT_SIZE", {})
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    return SymbolRules(
        pair=symbol.symbol,
        base=symbol.baseAsset,
        quote=symbol.quoteAsset,
        tick_size=_limit(price, "tickSize"),
        step_size=_limit(lot, "stepSize"),
        min_quantity=_limit(lot, "minQty"),
        max_quantity=_limit(lot, "maxQty"),
        min_notional=_limit(notional, "minNotional"),
        trading=symbol.status == "TRADING",
    )


def _limit(entry: dict[str, Any], key: str) -> Decimal:
    """Return a filter's limit without trailing zeros; 0, which switches it off, where there is none."""
    try:
        value = Decimal(str(entry.get(key, "0")))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise msgspec.ValidationError(f"{key} must be a number >= 0, was {entry.get(key)!r:.40}")
    return Decimal(format(value.normalize(), "f"))
