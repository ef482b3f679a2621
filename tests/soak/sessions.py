"""A hundred sessions with a desk, in a process of their own, under one selector.

`python -m tests.soak.sessions ADDRESS COUNT [HURRY]` prints one JSON line of counts every ten seconds until it is
terminated. Most sessions read all that comes; some read slower than it comes, some leave after a while and join anew,
some send orders and questions and measure how long the answers take: for the first HURRY seconds they open and close
positions as fast as they are answered. One that the desk closes, joins again.
"""

import itertools
import json
import random
import selectors
import socket
import struct
import sys
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

REPORT_SECONDS = 10.0
SLOW_BYTES, SLOW_SECONDS = (2048, 12288), 0.5  # what a slow session reads, and how often: too slow, and just slow
STAY_SECONDS = (20.0, 60.0)  # how long one of those that come and go stays
ASK_SECONDS = 2.0  # between two messages of a session that sends
ORDER_USDT = 50
FAR = 0.97  # of the price: a limit that rests until it is cancelled
PAIRS = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "BNBUSDT", "SOLUSDT")
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
HEAD = (
    "GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Counts:
    """What all sessions have seen since the last report."""

    def __init__(self) -> None:
        self.of: Counter[str] = Counter()
        self.answers: list[float] = []

    def report(self, sessions: int) -> dict[str, object]:
        took = sorted(self.answers)
        line: dict[str, object] = {"sessions": sessions, **self.of}
        if took:
            line |= {"answer_p50_ms": _ms(took, 0.5), "answer_p99_ms": _ms(took, 0.99), "answers": len(took)}
        self.of.clear()
        self.answers.clear()
        return line


def _ms(took: list[float], share: float) -> float:
    return round(took[min(int(len(took) * share), len(took) - 1)] * 1000, 1)


class Session:
    """One session; `kind` is reads, slow, passes or sends."""

    def __init__(self, host: str, port: int, number: int, kind: str, counts: Counts, now: float) -> None:
        self.number, self.kind = number, kind
        self._counts = counts
        self._data = b""
        self._shaken = False
        self._asked: dict[str, float] = {}
        self._prices: dict[str, float] = {}
        self._hurries = False
        self._numbers = itertools.count(1)
        self._random = random.Random(number)
        self.leaves = now + self._random.uniform(*STAY_SECONDS) if kind == "passes" else float("inf")
        self.due = now + 1 + self._random.random()  # when a slow one reads, and one that sends sends
        self.socket = socket.socket()
        if kind == "slow":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self.socket.settimeout(20)
        self.socket.bind((f"127.0.0.{2 + number % 200}", 0))
        self.socket.connect((host, port))
        self.socket.sendall(HEAD.format(host=host, port=port).encode())
        self.socket.setblocking(False)
        counts.of["joins"] += 1

    def read(self, most: int) -> bool:
        """Take what came; return False when the session has ended."""
        try:
            data = self.socket.recv(most)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            return False
        self._counts.of["bytes"] += len(data)
        self._data += data
        if not self._shaken:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return True
            if b" 101 " not in head.split(b"\r\n")[0]:
                self._counts.of["refused"] += 1
                return False
            self._shaken, self._data = True, rest
        return self._frames()

    def _frames(self) -> bool:
        at, data = 0, self._data
        while len(data) - at >= 2:
            opcode, length, start = data[at] & 15, data[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif length == 127:
                length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if len(data) < start + length:
                break
            at = start + length
            if not self._frame(opcode, data[start:at]):
                return False
        self._data = data[at:]
        return True

    def _frame(self, opcode: int, payload: bytes) -> bool:
        if opcode == TEXT:
            self._counts.of["frames"] += 1
            if self.kind == "sends" or not self._counts.of["frames"] % 50:  # the rest only as bytes: it is many
                self._look(json.loads(payload))
        elif opcode == PING:
            self.send(PONG, payload)
        elif opcode == CLOSE:
            self._counts.of[f"closed_{int.from_bytes(payload[:2], 'big')}"] += 1
            return False
        return True

    def _look(self, frame: dict[str, Any]) -> None:
        data = frame["data"]
        if frame["type"] == "price_update":
            self._prices[data["symbol"]] = float(data["price"])
        if frame["type"] == "order_accepted":
            self.send(TEXT, json.dumps({"type": "cancel_order", "order_id": data["order"]["order_id"]}).encode())
        asked = self._asked.pop(str(frame.get("request_id")), None)
        if asked is not None:
            self._counts.answers.append(time.monotonic() - asked)
            if self._hurries:
                self.due = 0.0
            self._counts.of["refusals"] += frame["type"] == "error"

    def ask(self, now: float, *, hurry: bool) -> None:
        """Send the next of the messages that it sends in turn."""
        self.due = now + ASK_SECONDS * self._random.uniform(0.5, 1.5)
        self._hurries = hurry
        number = next(self._numbers)
        symbol = PAIRS[self.number % len(PAIRS)] if hurry else self._random.choice(PAIRS)
        buy = {"symbol": symbol, "direction": self._random.choice(("buy", "sell")), "value_usdt": ORDER_USDT}
        price = f"{self._prices.get(symbol, 1.0) * FAR:.2f}"
        rests = {"symbol": symbol, "direction": "buy", "order_type": "limit", "price": price, "value_usdt": ORDER_USDT}
        close = {"type": "close_position", "symbol": symbol}
        messages: tuple[dict[str, object], ...] = (
            {"type": "execute_trade", "trade_data": buy},
            {"type": "get_trade_history", "limit": 50},
            {**close, "fraction": 0.2},
            {"type": "get_candles", "symbol": symbol, "interval": "1m"},
            {"type": "execute_trade", "trade_data": rests},
            {"type": "get_positions"},
        )
        message = (messages[0], close)[number % 2] if hurry else messages[number % 6]
        request_id = f"soak-{self.number}-{number}"
        self._asked[request_id] = now
        self.send(TEXT, json.dumps({**message, "request_id": request_id}).encode())

    def send(self, opcode: int, payload: bytes) -> None:
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else struct.pack("!BH", 0xFE, len(payload))
        try:
            self.socket.sendall(bytes([0x80 | opcode]) + length + bytes(4) + payload)  # masked with nothing
        except OSError:
            self._counts.of["unsent"] += 1


class Sessions:
    """All of them, kept at their number."""

    def __init__(self, address: str, count: int, hurry_seconds: float) -> None:
        where = urlsplit(address)
        self._host, self._port = where.hostname or "127.0.0.1", where.port or 80
        self._kinds = ["sends"] * (count // 25) + ["slow"] * (count // 12) + ["passes"] * (count // 12)
        self._kinds += ["reads"] * (count - len(self._kinds))
        self._selector = selectors.DefaultSelector()
        self._sessions: dict[int, Session] = {}
        self._counts = Counts()
        self._calm = time.monotonic() + hurry_seconds

    def run(self) -> None:
        report = time.monotonic() + REPORT_SECONDS
        while True:
            now = time.monotonic()
            self._join(now)
            for key, _ in self._selector.select(0.05):
                if not key.data.read(262144):
                    self._leave(key.data)
            self._take_turns(time.monotonic())
            if now >= report:
                report += REPORT_SECONDS
                print(json.dumps(self._counts.report(len(self._sessions))), flush=True)

    def _join(self, now: float) -> None:
        """Open at most one that is missing: all at once would be another test."""
        for number, kind in enumerate(self._kinds):
            if number not in self._sessions:
                try:
                    session = Session(self._host, self._port, number, kind, self._counts, now)
                except OSError:
                    self._counts.of["not_connected"] += 1
                    time.sleep(0.1)
                    return
                self._sessions[number] = session
                if kind != "slow":
                    self._selector.register(session.socket, selectors.EVENT_READ, session)
                return

    def _take_turns(self, now: float) -> None:
        for session in list(self._sessions.values()):
            if session.leaves <= now:
                session.send(CLOSE, b"\x03\xe8")
                self._leave(session)
            elif session.due <= now and session.kind == "sends":
                session.ask(now, hurry=now < self._calm)
            elif session.due <= now and session.kind == "slow":
                session.due = now + SLOW_SECONDS
                if not session.read(SLOW_BYTES[session.number % 2]):
                    self._leave(session)

    def _leave(self, session: Session) -> None:
        self._counts.of["leaves"] += 1
        del self._sessions[session.number]
        if session.kind != "slow":
            self._selector.unregister(session.socket)
        session.socket.close()


if __name__ == "__main__":
    Sessions(sys.argv[1], int(sys.argv[2]), float([*sys.argv, 0][3])).run()
