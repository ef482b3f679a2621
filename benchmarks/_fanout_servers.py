"""One server of the fan-out benchmark, in a process of its own: `python benchmarks/_fanout_servers.py KIND`.

KIND: `hub` (the desk's WebServer and hub actor), `bare` (a plain `socket.send` loop over ready-made frames) or
`websockets` (that library's `broadcast` on asyncio, compression off). It prints its port, then obeys lines:
`burst COUNT RATE` sends COUNT messages at RATE a second and answers with its processor seconds; `sessions` answers how
many there are, and its memory in bytes; `quit`.
"""

import sys

KIND = sys.argv[1] if __name__ == "__main__" else ""
if KIND == "hub":
    from gevent import monkey

    monkey.patch_all()

import asyncio
import json
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil

PADDING = "x" * 150  # a line of the trade log is about 300 bytes
SEND_BUFFER = 64 * 1024


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory() -> int:
    return int(psutil.Process().memory_info().rss)


def say(*values: object) -> None:
    print(*values, flush=True)


def line(number: int) -> dict[str, object]:
    """Return one message's data; `at` is what the receiving side measures by."""
    return {
        "timestamp": number,
        "time": "2026-01-01T00:00:00.000Z",
        "level": "success",
        "symbol": "BTCUSDT",
        "message": PADDING,
        "profit": 12.5,
        "at": time.monotonic_ns(),
    }


def burst(count: int, rate: float, send: Callable[[int], None], sleep: Callable[[float], None]) -> float:
    """Send `count` messages, `rate` a second; return the processor seconds of all of it."""
    began, used = time.monotonic(), processor_seconds()
    for number in range(count):
        if (left := began + number / rate - time.monotonic()) > 0:
            sleep(left)
        send(number)
    sleep(0.05)  # what is still on its way out
    return processor_seconds() - used


def obey(
    send: Callable[[int], None],
    sleep: Callable[[float], None],
    sessions: Callable[[], int],
    lines: Iterable[str] = sys.stdin,
) -> None:
    for command in lines:
        words = command.split()
        if words[0] == "burst":
            say(burst(int(words[1]), float(words[2]), send, sleep))
        elif words[0] == "sessions":
            say(sessions(), memory())
        else:
            break


# --- the desk's ----------------------------------------------------------------------------------------------------


def serve_hub() -> None:
    import gevent
    from gevent.socket import wait_read

    from actors.directory import Directory, PeersOf
    from actors.hub import HubActor
    from actors.timers import GeventTimers
    from adapters.clock import SystemClock
    from benchmarks._exchange import PAIRS, PRICES, desk_settings
    from benchmarks._hub_values import NoArchive, whole_state
    from domain.market import Source
    from settings import ServerSettings
    from web import session
    from web.server import WebServer

    session.PING_SECONDS = 3600.0  # none of the three pings
    clock, directory = SystemClock(), Directory()
    settings = ServerSettings(port=0, max_sessions=10_000, messages_per_second=1000)
    web = WebServer(settings=settings, clock=clock, tell=directory.tell, health=dict, pairs=PAIRS, dist=Path("none"))
    web.start()
    hub = HubActor.start(
        settings=desk_settings(),
        peers=PeersOf(directory, "hub"),
        clock=clock,
        timers=GeventTimers(peers=directory, clock=clock),
        notices=web.notices,
        archive=NoArchive(),
        source=Source.SIMULATED,
        banner=None,
        version="benchmark",
        settings_hash="0" * 64,
    )
    directory.bind("hub", hub)
    for message in whole_state(PRICES):
        directory.tell("hub", message)
    say(web.port)

    def send(number: int) -> None:
        web.notices.publish("trade_log", line(number), symbol="BTCUSDT")

    def lines() -> Iterator[str]:
        while True:
            wait_read(sys.stdin.fileno())  # a read of standard input would keep the loop from everybody
            yield sys.stdin.readline()

    obey(send, gevent.sleep, lambda: len(web.notices.sessions), lines())
    hub.stop(timeout=5)
    web.stop()


# --- the ceiling ---------------------------------------------------------------------------------------------------


def serve_bare() -> None:
    """Accept and answer the handshake on a thread; then the loop alone has the sockets."""
    from web import wire

    accepted: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)

    def accept() -> None:
        while True:
            sock, _ = listener.accept()
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(4096)
            sock.sendall(_upgraded(head) + wire.frame(wire.TEXT, b'{"type":"initial_data"}'))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            accepted.append(sock)

    threading.Thread(target=accept, daemon=True).start()
    say(listener.getsockname()[1])

    def send(number: int) -> None:
        frame = wire.frame(wire.TEXT, json.dumps({"type": "trade_log", "data": line(number)}).encode())
        for sock in accepted:
            sock.send(frame)

    obey(send, time.sleep, lambda: len(accepted))


def _upgraded(head: bytes) -> bytes:
    import base64
    import hashlib

    key = next(
        item.split(b":", 1)[1].strip() for item in head.split(b"\r\n") if item.lower().startswith(b"sec-websocket-key:")
    )
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


# --- websockets ----------------------------------------------------------------------------------------------------


def serve_websockets() -> None:
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    sessions: set[ServerConnection] = set()

    async def session(connection: ServerConnection) -> None:
        sessions.add(connection)
        await connection.send('{"type":"initial_data"}')
        await connection.wait_closed()
        sessions.discard(connection)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with serve(session, "127.0.0.1", 0, compression=None, ping_interval=None, backlog=4096) as server:
            say(next(iter(server.sockets)).getsockname()[1])

            def send(number: int) -> None:
                text = json.dumps({"type": "trade_log", "data": line(number)})
                loop.call_soon_threadsafe(broadcast, sessions, text)

            await asyncio.to_thread(obey, send, time.sleep, lambda: len(sessions))

    asyncio.run(run())


if __name__ == "__main__":
    {"hub": serve_hub, "bare": serve_bare, "websockets": serve_websockets}[KIND]()
