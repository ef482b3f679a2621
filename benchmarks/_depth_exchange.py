"""A process that answers like the exchange for many pairs and sends their books: the other end of benchmarks/ingest.py.

It must cost little, since it shares the machine: books are encoded once, and only the update id is written into each
frame. The id is FIRST_ID and the moment at which the frame was sent (microseconds of the machine's monotonic clock),
so that who receives it knows how old it is. Frames of one connection that are due at once leave in one write.

Run: `python benchmarks/_depth_exchange.py PAIRS PER_SECOND`; prints the port, then each second what it sent so far.
"""

from gevent import monkey

monkey.patch_all()

import base64
import hashlib
import json
import random
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import gevent
from gevent.server import StreamServer

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PLACE = b"@@@@@@@@@@@@@@@"  # 15 digits of update id
FIRST_ID = 10**14  # added to every id: a JSON number begins with no zero
TICK_SECONDS = 0.001
VARIANTS = 7  # different books of a pair, sent in turn


def pair_names(count: int) -> tuple[str, ...]:
    """Return the names of `count` pairs."""
    return tuple(f"C{number:03d}USDT" for number in range(count))


def depth_frame(pair: str, variant: int) -> bytes:
    """Return a combined-stream frame of 20 levels a side, 8 decimals as Binance sends them, PLACE as update id."""
    draw = random.Random(f"{pair}:{variant}")
    middle = 50_000 + draw.randrange(1000)
    bids, asks, below, above = [], [], middle, middle
    for _ in range(20):
        below, above = below - draw.randrange(1, 4), above + draw.randrange(1, 4)
        bids.append([f"{below / 100:.8f}", f"{draw.random() * 9:.5f}000"])
        asks.append([f"{above / 100:.8f}", f"{draw.random() * 9:.5f}000"])
    data = {"lastUpdateId": 0, "bids": bids, "asks": asks}
    frame = json.dumps({"stream": f"{pair.lower()}@depth20@100ms", "data": data}, separators=(",", ":")).encode()
    return frame.replace(b'"lastUpdateId":0', b'"lastUpdateId":' + PLACE)


def on_the_wire(text: bytes) -> bytes:
    """Return `text` as an unmasked WebSocket frame."""
    size = len(text)
    header = struct.pack("!BB", 0x81, size) if size < 126 else struct.pack("!BBH", 0x81, 126, size)
    return header + text


class Exchange:
    """REST answers, and books of `count` pairs, `per_second` of all together."""

    def __init__(self, count: int, per_second: int) -> None:
        self.pairs = pair_names(count)
        self.per_second = per_second
        self.sent = 0
        self._frames = [
            [on_the_wire(depth_frame(pair, variant)).split(PLACE) for pair in self.pairs] for variant in range(VARIANTS)
        ]
        self._listeners: dict[str, socket.socket] = {}  # by pair
        self._answers: dict[str, Callable[[dict[str, list[str]]], Any]] = {
            "time": lambda query: {"serverTime": round(time.time() * 1000)},
            "exchangeInfo": lambda query: {"symbols": [_listing(pair) for pair in self.pairs]},
            "klines": lambda query: _klines(),
            "ticker/24hr": lambda query: [_ticker(pair) for pair in json.loads(query["symbols"][0])],
            "trades": lambda query: [],
            "aggTrades": lambda query: [],
        }

    def serve(self, connection: socket.socket, address: object) -> None:
        """Answer REST requests on one connection until it is upgraded or closed."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = connection.makefile("rb")
        while line := stream.readline(65_536):
            target = line.decode().split(" ")[1]
            headers = {}
            while (header := stream.readline(65_536).decode().strip()) != "":
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            if "upgrade" in headers.get("connection", "").lower():
                self._upgrade(connection, target, headers["sec-websocket-key"])
                while stream.read(1):  # pongs; until the client goes
                    pass
                return
            connection.sendall(self._rest(target))

    def _rest(self, target: str) -> bytes:
        parts = urlsplit(target)
        answer = self._answers.get(parts.path.removeprefix("/api/v3/"))
        body = json.dumps(answer(parse_qs(parts.query)) if answer else {"code": -1, "msg": "no such path"}).encode()
        status = "200 OK" if answer else "404 Not Found"
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def _upgrade(self, connection: socket.socket, target: str, key: str) -> None:
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        connection.sendall(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        for stream in parse_qs(urlsplit(target).query)["streams"][0].split("/"):
            pair, _, kind = stream.partition("@")
            if kind.startswith("depth20"):
                self._listeners[pair.upper()] = connection

    def send_books(self) -> None:
        """Send each pair's books in turn, evenly spread; what is due is never left out."""
        while len(self._listeners) < len(self.pairs):
            gevent.sleep(0.05)
        began = time.perf_counter()
        while True:
            due = int((time.perf_counter() - began) * self.per_second)
            if due > self.sent:
                try:
                    self._send_until(due)
                except OSError:
                    return  # the client has gone
            gevent.sleep(TICK_SECONDS)

    def _send_until(self, due: int) -> None:
        writes: dict[socket.socket, list[bytes]] = {}
        now = b"%d" % (FIRST_ID + time.monotonic_ns() // 1000)
        for number in range(self.sent, due):
            turn, place = divmod(number, len(self.pairs))
            before, after = self._frames[turn % VARIANTS][place]
            writes.setdefault(self._listeners[self.pairs[place]], []).extend((before, now, after))
        for connection, parts in writes.items():
            connection.sendall(b"".join(parts))
        self.sent = due


def _listing(pair: str) -> dict[str, object]:
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "stepSize": "0.00001000", "minQty": "0.00001000", "maxQty": "9000.00000000"},
        {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
    ]
    base = pair.removesuffix("USDT")
    return {"symbol": pair, "status": "TRADING", "baseAsset": base, "quoteAsset": "USDT", "filters": filters}


def _klines() -> list[list[object]]:
    opened = int(time.time()) // 60 * 60_000 - 60_000
    return [
        [at, "500.0", "501.0", "499.0", "500.5", "10.0", at + 59_999, "5000.0", 10, "5.0", "2500.0", "0"]
        for at in (opened, opened + 60_000)
    ]


def _ticker(pair: str) -> dict[str, object]:
    figures = ("priceChangePercent", "priceChange", "highPrice", "lowPrice", "volume", "quoteVolume")
    return {"symbol": pair, "closeTime": round(time.time() * 1000), **dict.fromkeys(figures, "1.0")}


def main() -> None:
    exchange = Exchange(int(sys.argv[1]), int(sys.argv[2]))
    server = StreamServer(("127.0.0.1", 0), exchange.serve)
    server.start()
    print(server.server_port, flush=True)
    gevent.spawn(exchange.send_books)
    while True:
        gevent.sleep(0.5)
        print(exchange.sent, flush=True)


if __name__ == "__main__":
    main()
