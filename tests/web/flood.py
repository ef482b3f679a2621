"""A client in a process of its own that sends without end for some seconds, and comes back when it is sent away.

`python flood.py PORT KIND SECONDS`; prints a line once the first flood is on its way.
"""

import socket
import sys
import threading
import time

EMPTY = b"\x80\0\0\0\0"  # no payload, masked
HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
FLOODS = {  # what is sent once after the handshake, and what again and again
    "pongs": (b"", b"\x8a" + EMPTY),
    "pings": (b"", b"\x89" + EMPTY),
    "fragments": (b"\x01" + EMPTY, b"\x00" + EMPTY),
}


def read(sock: socket.socket) -> None:
    try:
        while sock.recv(1 << 20):
            pass
    except OSError:
        pass


def flood(port: int, kind: str, until: float) -> None:
    """Connect once and send until the server has had enough."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=5)
    if kind == "requests":
        request = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        first, again = b"", request * 1000
    else:
        sock.sendall(HANDSHAKE.format(port=port).encode())
        sock.recv(4096)
        once, frame = FLOODS[kind]
        first, again = once, frame * 20_000
    threading.Thread(target=read, args=(sock,), daemon=True).start()
    sock.sendall(first + again)
    print("flooding", flush=True)  # noqa: T201 - what the test waits for
    while time.monotonic() < until:
        sock.sendall(again)


def main() -> None:
    port, kind, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            flood(port, kind, until)
        except OSError:
            time.sleep(0.001)


if __name__ == "__main__":
    main()
