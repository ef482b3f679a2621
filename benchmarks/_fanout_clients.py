"""The receiving side of the fan-out benchmark, in a process of its own: many plain sockets under one epoll.

It obeys lines: `connect PORT COUNT [RATE]` opens sessions (RATE a second) and answers when each has its first frame,
with the seconds each took, in ms; `stall PORT COUNT` opens sessions that never read; `begin` forgets what was measured;
`end` answers how many frames came since, and their latency in ms at the 50th and 99th percentile.
"""

import json
import selectors
import socket
import sys
import threading
import time

HEAD = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PATIENCE = 60.0


class Clients:
    """All sockets, read by one thread."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.lock = threading.Lock()
        self.opened: dict[socket.socket, float] = {}  # not welcomed yet: when it was opened
        self.welcomed: list[float] = []
        self.failed = 0
        self.delays: list[int] = []
        self.stalled: list[socket.socket] = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        while True:
            for key, _ in self.selector.select(0.05):
                sock: socket.socket = key.fileobj  # type: ignore[assignment]  # only sockets are registered
                try:
                    data = sock.recv(262144)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                self.took(sock, data)

    def took(self, sock: socket.socket, data: bytes) -> None:
        now = time.monotonic_ns()
        if not data:
            self.selector.unregister(sock)
            sock.close()
            self.failed += 1
            self.opened.pop(sock, None)
            return
        if sock in self.opened and b"initial_data" in data:
            self.welcomed.append(now / 1e9 - self.opened.pop(sock))
        at = data.find(b'"at":')
        while at >= 0:
            self.delays.append(now - int(data[at + 5 : data.index(b"}", at)]))
            at = data.find(b'"at":', at + 5)

    def open(self, port: int, number: int) -> socket.socket:
        sock = socket.socket()
        sock.bind((f"127.0.0.{2 + number % 200}", 0))
        sock.connect(("127.0.0.1", port))
        sock.sendall(HEAD.format(port=port).encode())
        return sock

    def connect(self, port: int, count: int, rate: float) -> dict[str, object]:
        began, expected = time.monotonic(), len(self.welcomed) + self.failed + count
        self.welcomed, self.failed, expected = [], 0, count
        for number in range(count):
            if (left := began + number / rate - time.monotonic()) > 0:
                time.sleep(left)
            opened = time.monotonic()
            try:
                sock = self.open(port, number)
            except OSError:
                self.failed += 1
                continue
            sock.setblocking(False)
            self.opened[sock] = opened
            self.selector.register(sock, selectors.EVENT_READ)
        sent = time.monotonic() - began
        while len(self.welcomed) + self.failed < expected and time.monotonic() - began < PATIENCE:
            time.sleep(0.01)
        took = sorted(self.welcomed)
        return {
            "welcomed": len(took),
            "failed": expected - len(took),
            "opened_in_s": round(sent, 2),
            "all_welcomed_in_s": round(time.monotonic() - began, 2),
            "welcome_p50_ms": round(took[len(took) // 2] * 1000, 1) if took else None,
            "welcome_p99_ms": round(took[int(len(took) * 0.99)] * 1000, 1) if took else None,
        }

    def stall(self, port: int, count: int) -> dict[str, object]:
        for number in range(count):
            sock = self.open(port, number)
            self.stalled.append(sock)
        return {"stalled": count}

    def end(self) -> dict[str, object]:
        seen = -1
        while seen != len(self.delays):  # until nothing comes any more
            seen = len(self.delays)
            time.sleep(0.2)
        taken, self.delays = sorted(self.delays), []
        return {
            "frames": len(taken),
            "p50_ms": round(taken[len(taken) // 2] / 1e6, 2) if taken else None,
            "p99_ms": round(taken[int(len(taken) * 0.99)] / 1e6, 2) if taken else None,
        }


def main() -> None:
    clients = Clients()
    for command in sys.stdin:
        word, *values = command.split()
        answer: dict[str, object] = {}
        if word == "connect":
            answer = clients.connect(int(values[0]), int(values[1]), float(values[2]))
        elif word == "stall":
            answer = clients.stall(int(values[0]), int(values[1]))
        elif word == "begin":
            clients.delays = []
        elif word == "end":
            answer = clients.end()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
