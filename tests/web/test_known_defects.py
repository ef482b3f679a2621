"""The defects of gevent-websocket 0.10.1 as a client on a raw socket sees them: each is closed, by its number.

The numbers are those of docs/decisions/hardened-gevent-websocket.md.
"""

import gc
import struct
import time

import gevent
import psutil
import pytest
from geventwebsocket.websocket import WebSocket

from tests.web.raw import RawClient, closed, frame
from web import wire
from web.safe_ws import SafeWebSocket, Server

MIB = 1024 * 1024


class Echo:
    """A server whose application echoes; `sockets` are the connections it has served."""

    def __init__(self):
        self.sockets, self.errors = [], []
        self.server = Server(("127.0.0.1", 0), self.serve, log=None, error_log=self)
        self.server.start()

    def write(self, line):
        self.errors.append(line)

    def serve(self, environ, start_response):
        ws = environ.get("wsgi.websocket")
        if ws is None:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"plain"]
        self.sockets.append(ws)
        while (message := ws.receive()) is not None:
            ws.writer(wire.frame(wire.TEXT, message.encode()))
        return []


@pytest.fixture
def echo():
    made = Echo()
    yield made
    made.server.stop(timeout=30)


@pytest.fixture
def client(echo):
    client = RawClient(echo.server.server_port)
    assert client.upgrade().status() == 101
    yield client
    client.close()


def test_1_an_unmasked_frame_ends_with_1002(client):
    assert client.send(frame(1, b"hi", masked=False)).frames() == [closed(1002)]


@pytest.mark.parametrize(("sent", "code"), [(frame(1, b"\xff"), 1007), (frame(2, b"x"), 1003), (frame(8, b""), 1000)])
def test_2_the_close_code_is_sent(client, sent, code):
    assert client.send(sent).frames() == [closed(code)]


def test_3_a_close_with_a_reason_is_echoed_whole(client):
    client.send(frame(8, struct.pack("!H", 1000) + b"bye"))
    opcode, payload = client.frame()
    assert (opcode, payload[:2]) == (8, struct.pack("!H", 1000))
    payload[2:].decode()  # text, if anything
    assert client.frame() is None


def test_forty_mebibytes_are_refused_by_their_length(client):
    """Defect 4: at once, without memory, before the payload is there."""
    before, began = psutil.Process().memory_info().rss, time.monotonic()
    client.send(frame(1, b"", length=40 * MIB))
    assert client.frame()[1][:2] == struct.pack("!H", 1009)
    assert time.monotonic() - began < 2
    assert psutil.Process().memory_info().rss - before < 8 * MIB


@pytest.mark.parametrize("length", [2**62, 2**63, 2**64 - 1])
def test_5_a_length_beyond_all_measure_is_1009(client, length):
    assert client.send(frame(1, b"", length=length)).frames() == [closed(1009)]


def test_6_a_foreign_origin_is_403(serve, connect):
    assert connect(serve().port).upgrade(Origin="http://evil.example").status() == 403


@pytest.mark.parametrize("key", ["abcde", "!!!", "A" * 23, ""])
def test_7_a_bad_key_is_400_without_a_traceback(echo, connect, key):
    assert connect(echo.server.server_port).upgrade(Sec_WebSocket_Key=key).status() == 400
    assert not any("Traceback" in line for line in echo.errors)


def test_7_a_post_with_upgrade_is_a_plain_request(echo, connect):
    client = connect(echo.server.server_port).request("POST", Upgrade="websocket", Connection="Upgrade")
    assert client.status() == 200
    assert not any("Traceback" in line for line in echo.errors)


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        ({"version": "HTTP/1.0"}, 400),
        ({"Sec_WebSocket_Version": "7"}, 426),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"X_Long": "x" * 20_000}, 431),
    ],
)
def test_8_old_versions_and_long_headers_are_refused(echo, connect, bad, status):
    assert connect(echo.server.server_port).upgrade(**bad).status() == status


def test_9_half_a_header_is_cut(echo, connect):
    echo.server.HEAD_SECONDS = 0.05
    client = connect(echo.server.server_port).send(b"GET /ws HTTP/1.1\r\nHost:")
    assert client.rest() == b""


def test_10_compression_is_not_agreed_to(echo, connect):
    _, headers = connect(echo.server.server_port).upgrade(Sec_WebSocket_Extensions="permessage-deflate").head()
    assert "Sec-WebSocket-Extensions" not in headers


def test_11_the_librarys_send_is_never_called(monkeypatch, server, client_of_the_desk):
    """It would block its caller on one slow reader."""
    monkeypatch.setattr(WebSocket, "send", None)
    monkeypatch.setattr(WebSocket, "send_frame", None)
    client_of_the_desk.send(frame(9, b"x") + frame(8, b""))
    assert client_of_the_desk.frames() == [(10, b"x"), closed(1000)]


@pytest.fixture
def client_of_the_desk(server, connect):
    client = connect(server.port)
    assert client.upgrade().status() == 101
    return client


def test_12_what_is_sent_is_text(client):
    assert client.send(frame(1, "é".encode())).frame() == (1, "é".encode())


def test_13_nothing_is_written_by_the_garbage_collector(echo, client):
    """The library's `__del__` wrote a close frame on the shared socket."""
    client.send(frame(1, b"hi"))
    assert client.frame() == (1, b"hi")
    ws = echo.sockets[0]
    SafeWebSocket(ws.environ, ws.stream, ws.handler)  # another one on the same socket goes at once
    gc.collect()
    client.send(frame(1, b"ho"))
    assert client.frame() == (1, b"ho")


def test_14_connections_of_one_address_do_not_collide(serve, connect, peers):
    """The library knew its clients by their address; behind a proxy they share one."""
    server = serve()
    clients = [connect(server.port) for _ in range(3)]
    for client in clients:
        assert client.upgrade().status() == 101
    while len(server.notices.sessions) < 3:
        gevent.sleep(0.001)
    assert len({session.name for session in server.notices.sessions.values()}) == 3
    clients[0].send(frame(8, b""))
    assert clients[0].frames() == [closed(1000)]
    assert len(server.notices.sessions) == 2


def test_15_a_whole_mebibyte_is_unmasked_and_checked_in_a_moment(echo, client):
    """Byte loops took 67 ms to unmask and 226 ms to check it; this needs a twentieth of the bound."""
    while not echo.sockets:
        gevent.sleep(0.001)
    echo.sockets[-1].max_message = MIB
    client.send(frame(1, b"."))  # the limit counts from the next message on
    client.frame()
    data = frame(1, b"", length=MIB) + b"a" * MIB  # masked with 1 2 3 4
    used = time.process_time()
    client.send(data)
    opcode, payload = client.frame()
    assert time.process_time() - used < 0.25
    assert (opcode, len(payload), payload[:4]) == (1, MIB, b"`cbe")


def test_16_a_pong_never_lands_inside_a_frame(serve, connect, peers):
    """Two greenlets wrote at once; here every write of a session goes through its outbox."""
    server = serve(messages_per_second=1000)
    client = connect(server.port)
    assert client.upgrade().status() == 101
    while not server.notices.sessions:
        gevent.sleep(0.001)
    (session,) = server.notices.sessions.values()
    assert session.ws.writer == session.push


def test_17_refusals_have_a_body_and_no_traceback(echo, connect):
    client = connect(echo.server.server_port).upgrade(Sec_WebSocket_Version="12")
    assert client.rest().startswith(b"HTTP/1.1 426") and b"must be 13" in client.buffer
    assert not any("Traceback" in line for line in echo.errors)


def test_18_of_the_subprotocols_only_quorum_is_echoed(echo, connect):
    _, headers = connect(echo.server.server_port).upgrade(Sec_WebSocket_Protocol="bearer.x, quorum").head()
    assert headers["Sec-WebSocket-Protocol"] == "quorum"


def test_19_what_is_refused_is_never_upgraded(echo, connect):
    echo.server.pre_start_hook = lambda handler: True
    assert connect(echo.server.server_port).upgrade().status() == 200
    assert echo.sockets == []


def test_20_endless_empty_fragments_grow_nothing(client):
    client.send(frame(1, b"", fin=False) + frame(0, b"", fin=False) * 1500 + frame(0, b"hi"))
    assert client.frame() == (1, b"hi")
