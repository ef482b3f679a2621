"""A hostile client in a process of its own: `python siege.py PORT COUNT SEED` throws COUNT frames and handshakes.

Seeded, so that a failure can be had again. Prints what it threw, as JSON.
"""

import json
import random
import socket
import struct
import sys
from collections import Counter

KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="
MASK = b"\x01\x02\x03\x04"
GOOD = [
    "GET /ws HTTP/1.1",
    "Host: 127.0.0.1:{port}",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
]
BAD_LINES = [
    *("POST / HTTP/1.1", "GET /../../etc/passwd HTTP/1.1", "GET / HTTP/1.0", "TRACE * HTTP/1.1", "GET  HTTP/1.1"),
    *("Host: evil.example", "Origin: http://evil.example", "Origin: null", "Upgrade: h2c", "Connection: close"),
    *(
        "Content-Length: 99999999999999999999",
        "Content-Length: -1",
        "Transfer-Encoding: chunked",
        "Expect: 100-continue",
    ),
    *("Sec-WebSocket-Key: x", "Sec-WebSocket-Key: " + "A" * 5000, "Sec-WebSocket-Version: 8", "Cookie: ;=;\x00"),
    *("Authorization: Bearer \xff", "X-Long: " + "x" * 20_000, "X-Forwarded-For: 1.2.3.4", ": ", "\x00\x01", ""),
    *("Sec-WebSocket-Protocol: bearer." + "y" * 200, "Sec-WebSocket-Extensions: permessage-deflate"),
]
KINDS = [
    *("ping", "get_positions", "get_candles", "execute_trade", "close_position", "update_position", "start_bot"),
    *(
        "update_bot_config",
        "subscribe",
        "unsubscribe",
        "get_statistics",
        "get_health",
        "reload_settings",
        "nonsense",
        "",
    ),
]
FIELDS = ["symbol", "amount", "direction", "data", "config", "topics", "limit", "request_id", "trade_data", "__proto__"]
VALUES = [
    *(None, True, -1, 0, 1e308, 10**40, "", "x" * 3000, "BTCUSDT", "\u0000", "\ud83d\ude00", [], {}, [[[[]]]]),
    *(
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}},
        ["price_update"],
        "NaN",
        "-Infinity",
        "buy",
        {"type": "ping"},
    ),
]


def frame(opcode, payload, *, masked=True, length=None, fin=True, flags=0):
    size = len(payload) if length is None else length
    mark = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | flags | opcode])
    if size < 126:
        head += bytes([mark | size])
    elif size < 65536:
        head += struct.pack("!BH", mark | 126, size)
    else:
        head += struct.pack("!BQ", mark | 127, size)
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[place % 4] for place, byte in enumerate(payload))


class Attacker:
    def __init__(self, port, seed):
        self.port, self.random = port, random.Random(seed)
        self.thrown = Counter()

    def handshake(self, *, good):
        lines = [line.format(port=self.port) for line in GOOD]
        if not good:
            for _ in range(self.random.randint(1, 4)):
                place = self.random.randrange(len(lines) + 1)
                change = self.random.choice(("insert", "replace", "drop"))
                lines[place : place + (change != "insert")] = (
                    [] if change == "drop" else [self.random.choice(BAD_LINES)]
                )
        data = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        return data if good or self.random.random() < 0.8 else data[: self.random.randrange(len(data) + 1)]

    def message(self):
        found = {"type": self.random.choice(KINDS)}
        for _ in range(self.random.randrange(4)):
            found[self.random.choice(FIELDS)] = self.random.choice(VALUES)
        text = json.dumps(found)
        if self.random.random() < 0.2:
            text = text[: self.random.randrange(len(text))]
        return text.encode()

    def hostile_frame(self):
        draw = self.random.random()
        if draw < 0.45:
            return frame(1, self.message())
        if draw < 0.55:
            return frame(
                1, self.random.choice((b"[" * 5000, b'{"a":' * 2000, b"\xff\xfe", b"\xed\xa0\x80", b"1e9999999"))
            )
        if draw < 0.65:
            return self.random.randbytes(self.random.randrange(1, 60))
        if draw < 0.75:
            return frame(1, b"", length=self.random.choice((2**63, 2**62, 2**32, 70_000, 65_537)))
        if draw < 0.85:
            return frame(self.random.choice((8, 9, 10)), self.random.randbytes(self.random.choice((0, 1, 2, 30, 130))))
        return frame(
            self.random.randrange(16),
            self.random.randbytes(self.random.randrange(200)),
            masked=self.random.random() < 0.8,
            fin=self.random.random() < 0.6,
            flags=self.random.choice((0, 0, 0, 0x10, 0x40)),
        )

    def attack(self):
        upgrades = self.random.random() < 0.7
        data = self.handshake(good=upgrades)
        self.thrown["handshakes"] += 1
        if upgrades:
            frames = [self.hostile_frame() for _ in range(self.random.randint(1, 12))]
            self.thrown["frames"] += len(frames)
            data += b"".join(frames)
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as sock:
            try:
                sock.sendall(data)
                if self.random.random() < 0.9:
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(65536):
                        pass
            except OSError:
                self.thrown["resets"] += 1


def main():
    port, count, seed = map(int, sys.argv[1:])
    attacker = Attacker(port, seed)
    while attacker.thrown["frames"] + attacker.thrown["handshakes"] < count:
        attacker.attack()
    print(json.dumps(attacker.thrown))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main()
