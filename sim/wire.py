"""Binance's JSON shapes, REST and streams, written from the market's whole numbers."""

import json
from collections.abc import Iterable
from typing import Any

from sim.book import Book, Level
from sim.candles import end_of
from sim.market import PairMarket
from sim.symbols import Listing, eight
from sim.tape import Sums, Trade


def encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def exchange_info(listings: Iterable[Listing], now_ms: int) -> dict[str, Any]:
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [
            _limit("REQUEST_WEIGHT", "MINUTE", 1, 6000),
            _limit("ORDERS", "SECOND", 10, 100),
            _limit("ORDERS", "DAY", 1, 200_000),
            _limit("RAW_REQUESTS", "MINUTE", 5, 61_000),
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(listing) for listing in listings],
    }


def _limit(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _symbol(listing: Listing) -> dict[str, Any]:
    return {
        "symbol": listing.pair,
        "status": "TRADING",
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": "USDT",
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [
            "LIMIT",
            "LIMIT_MAKER",
            "MARKET",
            "STOP_LOSS",
            "STOP_LOSS_LIMIT",
            "TAKE_PROFIT",
            "TAKE_PROFIT_LIMIT",
        ],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "filters": _filters(listing),
        "permissions": [],
        "permissionSets": [["SPOT", "MARGIN"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
    }


def _filters(listing: Listing) -> list[dict[str, Any]]:
    tick, step = listing.price_text(1), listing.quantity_text(1)
    most_price = listing.price_text(int(listing.price * 20 * 1e8 / listing.tick))
    most = listing.quantity_text(max(1, int(5e8 / listing.price * 1e8 / listing.step)))
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": most_price, "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": step, "maxQty": most, "stepSize": step},
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": most, "stepSize": "0.00000000"},
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2000,
            "minTrailingBelowDelta": 10,
            "maxTrailingBelowDelta": 2000,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "5",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.2",
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": "5.00000000",
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
    ]


def kline(listing: Listing, interval: str, sums: Sums) -> list[Any]:
    return [
        sums.open_ms,
        listing.price_text(sums.open),
        listing.price_text(sums.high),
        listing.price_text(sums.low),
        listing.price_text(sums.close),
        listing.quantity_text(sums.volume),
        end_of(interval, sums.open_ms) - 1,
        listing.quote_text(sums.quote),
        sums.trades,
        listing.quantity_text(sums.buy_volume),
        listing.quote_text(sums.buy_quote),
        "0",
    ]


def trade(listing: Listing, print_: Trade) -> dict[str, Any]:
    return {
        "id": print_.id,
        "price": listing.price_text(print_.price),
        "qty": listing.quantity_text(print_.quantity),
        "quoteQty": listing.quote_text(print_.price * print_.quantity),
        "time": print_.time_ms,
        "isBuyerMaker": print_.buyer_is_maker,
        "isBestMatch": True,
    }


def aggregates(trades: list[Trade]) -> list[list[Trade]]:
    """Group consecutive fills of one taker order: what Binance calls one aggregate trade."""
    groups: list[list[Trade]] = []
    for fill in trades:
        if groups and groups[-1][-1].order_id == fill.order_id:
            groups[-1].append(fill)
        else:
            groups.append([fill])
    return groups


def aggregate(listing: Listing, fills: list[Trade]) -> dict[str, Any]:
    first = fills[0]
    return {
        "a": first.order_id,
        "p": listing.price_text(first.price),
        "q": listing.quantity_text(sum(fill.quantity for fill in fills)),
        "f": first.id,
        "l": fills[-1].id,
        "T": first.time_ms,
        "m": first.buyer_is_maker,
        "M": True,
    }


def levels(listing: Listing, some: list[Level]) -> list[list[str]]:
    return [[listing.price_text(price), listing.quantity_text(quantity)] for price, quantity in some]


def depth(listing: Listing, book: Book) -> dict[str, Any]:
    return {
        "lastUpdateId": book.update_id,
        "bids": levels(listing, book.bids),
        "asks": levels(listing, book.asks),
    }


def ticker_24h(market: PairMarket, now_ms: int) -> dict[str, Any]:
    listing, day = market.listing, market.last_day(now_ms)
    previous = market.tape.around(day.open_ms - 1)[0]
    (bid, bid_size), (ask, ask_size) = market.books.top(now_ms // 100)
    return {
        "symbol": listing.pair,
        "priceChange": listing.price_text(day.close - day.open),
        "priceChangePercent": _percent(day),
        "weightedAvgPrice": eight(day.quote * listing.tick // day.volume),
        "prevClosePrice": listing.price_text(previous.price),
        "lastPrice": listing.price_text(day.close),
        "lastQty": listing.quantity_text(market.tape.around(now_ms)[0].quantity),
        "bidPrice": listing.price_text(bid),
        "bidQty": listing.quantity_text(bid_size),
        "askPrice": listing.price_text(ask),
        "askQty": listing.quantity_text(ask_size),
        "openPrice": listing.price_text(day.open),
        "highPrice": listing.price_text(day.high),
        "lowPrice": listing.price_text(day.low),
        "volume": listing.quantity_text(day.volume),
        "quoteVolume": listing.quote_text(day.quote),
        "openTime": day.open_ms,
        "closeTime": now_ms,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.trades,
    }


def _percent(day: Sums) -> str:
    return f"{(day.close - day.open) / day.open * 100:.3f}"


def book_ticker(market: PairMarket, grid: int) -> dict[str, Any]:
    listing = market.listing
    (bid, bid_size), (ask, ask_size) = market.books.top(grid)
    return {
        "symbol": listing.pair,
        "bidPrice": listing.price_text(bid),
        "bidQty": listing.quantity_text(bid_size),
        "askPrice": listing.price_text(ask),
        "askQty": listing.quantity_text(ask_size),
    }


# --- stream events ----------------------------------------------------------------------------------------------------


def trade_event(listing: Listing, print_: Trade, now_ms: int) -> dict[str, Any]:
    return {
        "e": "trade",
        "E": now_ms,
        "s": listing.pair,
        "t": print_.id,
        "p": listing.price_text(print_.price),
        "q": listing.quantity_text(print_.quantity),
        "T": print_.time_ms,
        "m": print_.buyer_is_maker,
        "M": True,
    }


def aggregate_event(listing: Listing, fills: list[Trade], now_ms: int) -> dict[str, Any]:
    return {"e": "aggTrade", "E": now_ms, "s": listing.pair, **aggregate(listing, fills)}


def kline_event(listing: Listing, interval: str, sums: Sums, now_ms: int, *, closed: bool) -> dict[str, Any]:
    return {
        "e": "kline",
        "E": now_ms,
        "s": listing.pair,
        "k": {
            "t": sums.open_ms,
            "T": end_of(interval, sums.open_ms) - 1,
            "s": listing.pair,
            "i": interval,
            "f": sums.first_id,
            "L": sums.last_id,
            "o": listing.price_text(sums.open),
            "c": listing.price_text(sums.close),
            "h": listing.price_text(sums.high),
            "l": listing.price_text(sums.low),
            "v": listing.quantity_text(sums.volume),
            "n": sums.trades,
            "x": closed,
            "q": listing.quote_text(sums.quote),
            "V": listing.quantity_text(sums.buy_volume),
            "Q": listing.quote_text(sums.buy_quote),
            "B": "0",
        },
    }


def ticker_event(market: PairMarket, now_ms: int) -> dict[str, Any]:
    whole = ticker_24h(market, now_ms)
    names = {
        "p": "priceChange",
        "P": "priceChangePercent",
        "w": "weightedAvgPrice",
        "x": "prevClosePrice",
        "c": "lastPrice",
        "Q": "lastQty",
        "b": "bidPrice",
        "B": "bidQty",
        "a": "askPrice",
        "A": "askQty",
        "o": "openPrice",
        "h": "highPrice",
        "l": "lowPrice",
        "v": "volume",
        "q": "quoteVolume",
        "O": "openTime",
        "C": "closeTime",
        "F": "firstId",
        "L": "lastId",
        "n": "count",
    }
    return {"e": "24hrTicker", "E": now_ms, "s": whole["symbol"], **{key: whole[name] for key, name in names.items()}}


def mini_ticker_event(market: PairMarket, now_ms: int) -> dict[str, Any]:
    listing, day = market.listing, market.last_day(now_ms)
    return {
        "e": "24hrMiniTicker",
        "E": now_ms,
        "s": listing.pair,
        "c": listing.price_text(day.close),
        "o": listing.price_text(day.open),
        "h": listing.price_text(day.high),
        "l": listing.price_text(day.low),
        "v": listing.quantity_text(day.volume),
        "q": listing.quote_text(day.quote),
    }


def book_ticker_event(market: PairMarket, grid: int) -> dict[str, Any]:
    whole = book_ticker(market, grid)
    return {
        "u": market.books.update_id(grid),
        "s": whole["symbol"],
        "b": whole["bidPrice"],
        "B": whole["bidQty"],
        "a": whole["askPrice"],
        "A": whole["askQty"],
    }


def depth_event(
    listing: Listing, first_id: int, last_id: int, bids: list[Level], asks: list[Level], now_ms: int
) -> dict[str, Any]:
    return {
        "e": "depthUpdate",
        "E": now_ms,
        "s": listing.pair,
        "U": first_id,
        "u": last_id,
        "b": levels(listing, bids),
        "a": levels(listing, asks),
    }


def average_price_event(market: PairMarket, now_ms: int) -> dict[str, Any]:
    return {
        "e": "avgPrice",
        "E": now_ms,
        "s": market.listing.pair,
        "i": "5m",
        "w": eight(market.average_price(now_ms)),
        "T": market.tape.around(now_ms)[0].time_ms,
    }
