"""Run by itself, unpatched: `third_party_clients.py CLIENT PORT` reads a simulated exchange and prints what it read.

The clients are as they come from PyPI; only their base URLs are changed.
"""

import asyncio
import json
import sys
from typing import Any

PAIR, COMMON = "BTCUSDT", "BTC/USDT"


def ccxt_rest(port: int) -> dict[str, Any]:
    import ccxt

    exchange = ccxt.binance(_options())
    _redirect(exchange, port)
    market = exchange.load_markets()[COMMON]
    return {
        "exchange_info": [market["id"], market["precision"], market["limits"]["cost"]["min"]],
        "klines": exchange.fetch_ohlcv(COMMON, "1m", limit=5),
        "depth": _book(exchange.fetch_order_book(COMMON, limit=20)),
        "trades": [int(trade["id"]) for trade in exchange.fetch_trades(COMMON, limit=10)],
        "ticker": exchange.fetch_ticker(COMMON)["last"],
        "server_time": exchange.fetch_time(),
        "refused": _refusal(lambda: exchange.public_get_klines({"symbol": "NOSUCH", "interval": "1m"})),
    }


async def ccxt_streams(port: int) -> dict[str, Any]:
    import ccxt.pro

    exchange = ccxt.pro.binance(_options())
    _redirect(exchange, port)
    exchange.urls["api"]["ws"]["spot"] = f"ws://127.0.0.1:{port}/ws"
    try:
        trades = await exchange.watch_trades(COMMON)
        book = await exchange.watch_order_book(COMMON)
        for _ in range(5):  # beyond the snapshot: differences are applied
            book = await exchange.watch_order_book(COMMON)
        candles = await exchange.watch_ohlcv(COMMON, "1m")
        ticker = await exchange.watch_ticker(COMMON)
        return {
            "trades": [int(trade["id"]) for trade in trades],
            "depth": _book(book, 20),
            "depth_id": book["nonce"],
            "klines": candles[-1][:6],
            "ticker": ticker["last"],
        }
    finally:
        await exchange.close()


def python_binance_rest(port: int) -> dict[str, Any]:
    from binance.client import Client

    Client.API_URL = f"http://127.0.0.1:{port}/api"
    client = Client()
    info = client.get_symbol_info(PAIR)
    filters = {entry["filterType"]: entry for entry in info["filters"]}
    return {
        "exchange_info": [info["symbol"], filters["LOT_SIZE"]["stepSize"], filters["NOTIONAL"]["minNotional"]],
        "klines": client.get_klines(symbol=PAIR, interval="1m", limit=5),
        "depth": _book(client.get_order_book(symbol=PAIR, limit=20)),
        "trades": [trade["id"] for trade in client.get_recent_trades(symbol=PAIR, limit=10)],
        "aggregates": [[each["f"], each["l"]] for each in client.get_aggregate_trades(symbol=PAIR, limit=10)],
        "ticker": client.get_ticker(symbol=PAIR)["lastPrice"],
        "server_time": client.get_server_time()["serverTime"],
        "refused": _refusal(lambda: client.get_klines(symbol="NOSUCH", interval="1m")),
    }


async def python_binance_streams(port: int) -> dict[str, Any]:
    from binance import AsyncClient, BinanceSocketManager

    AsyncClient.API_URL = f"http://127.0.0.1:{port}/api"
    client = await AsyncClient.create()
    manager = BinanceSocketManager(client)
    manager.STREAM_URL = f"ws://127.0.0.1:{port}/"
    try:
        return {
            "trades": [event["t"] for event in await _some(manager.trade_socket(PAIR), 3)],
            "klines": (await _some(manager.kline_socket(PAIR, "1m"), 1))[0]["k"],
            "depth": (await _some(manager.depth_socket(PAIR, depth="20"), 1))[0],
            "combined": [m["stream"] for m in await _some(manager.multiplex_socket([f"{PAIR.lower()}@ticker"]), 1)],
        }
    finally:
        await client.close_connection()


async def _some(socket: Any, count: int) -> list[dict[str, Any]]:
    async with socket as events:
        return [await asyncio.wait_for(events.recv(), 60) for _ in range(count)]


def _options() -> dict[str, Any]:
    spot = {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot", "fetchCurrencies": False}
    return {"options": spot, "enableRateLimit": False}


def _redirect(exchange: Any, port: int) -> None:
    urls = exchange.urls["api"]
    for name, url in urls.items():
        if isinstance(url, str):
            urls[name] = url.replace("https://api.binance.com", f"http://127.0.0.1:{port}")


def _book(book: Any, depth: int = 20) -> list[list[list[float]]]:
    return [[[float(part) for part in level[:2]] for level in book[side][:depth]] for side in ("bids", "asks")]


def _refusal(ask: Any) -> str:
    try:
        ask()
    except Exception as error:  # noqa: BLE001 - each client has an error tree of its own
        return f"{type(error).__name__}: {error}"
    return "not refused"


CLIENTS = {
    "ccxt": ccxt_rest,
    "ccxt.pro": ccxt_streams,
    "python-binance": python_binance_rest,
    "python-binance-streams": python_binance_streams,
}

if __name__ == "__main__":
    result = CLIENTS[sys.argv[1]](int(sys.argv[2]))
    sys.stdout.write(json.dumps(asyncio.run(result) if asyncio.iscoroutine(result) else result) + "\n")
