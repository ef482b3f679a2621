"""What a client on a raw socket gets from the hardened WebSocket handler."""

import pytest

from tests.web.raw import closed, frame
from web import wire
from web.safe_ws import MAX_HEAD_BYTES, REQUESTS_AT_ONCE, Server

KIB = 1024


def echo(environ, start_response):
    ws = environ.get("wsgi.websocket")
    if ws is None:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"plain"]
    while (message := ws.receive()) is not None:
        ws.writer(wire.frame(wire.TEXT, message.encode()))
    return []


@pytest.fixture
def server():
    server = Server(("127.0.0.1", 0), echo, log=None, error_log=None)
    server.start()
    yield server
    server.stop(timeout=30)


@pytest.fixture
def client(server, connect):
    return connect(server.server_port)


HI = (1, b"hi")


@pytest.mark.parametrize(
    ("sent", "frames"),
    [
        pytest.param(frame(1, b"hi") + frame(8, b"\x03\xe8bye"), [HI, closed(1000)], id="echo and a clean close"),
        pytest.param(frame(8, b""), [closed(1000)], id="a close without a code"),
        pytest.param(frame(8, b"\x0b\xb8"), [closed(3000)], id="a private close code is echoed"),
        pytest.param(frame(9, b"\xff") + frame(8, b""), [(10, b"\xff"), closed(1000)], id="pong carries the payload"),
        pytest.param(frame(10, b"x") + frame(8, b""), [closed(1000)], id="an unasked pong is ignored"),
        pytest.param(
            frame(1, b"h", fin=False) + frame(9, b"") + frame(0, b"i") + frame(8, b""),
            [(10, b""), HI, closed(1000)],
            id="a ping between fragments",
        ),
        pytest.param(frame(1, b"hi", masked=False), [closed(1002)], id="an unmasked frame"),
        pytest.param(frame(1, b"hi", flags=0x40), [closed(1002)], id="a reserved bit"),
        pytest.param(frame(3, b"hi"), [closed(1002)], id="a reserved opcode"),
        pytest.param(frame(0, b"hi"), [closed(1002)], id="a continuation of nothing"),
        pytest.param(frame(1, b"h", fin=False) + frame(1, b"i"), [closed(1002)], id="text inside fragments"),
        pytest.param(frame(9, b"", fin=False), [closed(1002)], id="a ping in fragments"),
        pytest.param(frame(9, b"x" * 126), [closed(1002)], id="a long ping"),
        pytest.param(frame(8, b"\x03"), [closed(1002)], id="half a close code"),
        pytest.param(frame(8, b"\x03\xed"), [closed(1002)], id="close code 1005"),
        pytest.param(frame(8, b"\x03\xe8\xff"), [closed(1007)], id="a close reason that is not UTF-8"),
        pytest.param(frame(2, b"hi"), [closed(1003)], id="binary"),
        pytest.param(frame(1, b"\xff"), [closed(1007)], id="text that is not UTF-8"),
        pytest.param(frame(1, b"\xed\xa0\x80"), [closed(1007)], id="a surrogate in UTF-8"),
        pytest.param(frame(1, b"", length=64 * KIB + 1), [closed(1009)], id="a frame one byte too long"),
        pytest.param(frame(1, b"", length=2**62), [closed(1009)], id="a frame of four exbibytes"),
        pytest.param(frame(1, b"", length=2**63), [closed(1009)], id="a length with its top bit set"),
        pytest.param(
            frame(1, b"x" * 40 * KIB, fin=False) + frame(0, b"x" * 40 * KIB), [closed(1009)], id="fragments too long"
        ),
    ],
)
def test_answer(client, sent, frames):
    assert client.upgrade().status() == 101
    client.send(sent)
    assert client.frames() == frames


def test_a_message_of_exactly_the_limit_is_echoed(client):
    client.upgrade().status()
    client.send(frame(1, b"x" * 64 * KIB))
    assert client.frame() == (1, b"x" * 64 * KIB)


def test_a_message_of_many_fragments_is_one_message(client):
    client.upgrade().status()
    client.send(frame(1, b"h", fin=False) + frame(0, b"", fin=False) * 1000 + frame(0, b"i"))
    assert client.frame() == HI


def test_requests_that_come_too_fast_on_one_connection_are_429(client):
    for _ in range(2 * REQUESTS_AT_ONCE):
        client.request(path="/healthz")
    answers = client.rest()
    assert answers.count(b"HTTP/1.1 429") == 1
    assert REQUESTS_AT_ONCE <= answers.count(b"HTTP/1.1 200") < 2 * REQUESTS_AT_ONCE


def test_a_peer_that_sends_forty_mebibytes_is_told_1009(client):
    client.upgrade().status()
    client.send(frame(1, b"", length=40 * KIB * KIB))
    assert client.frame()[1][:2] == b"\x03\xf1"


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        ({"Sec_WebSocket_Key": "abcde"}, 400),
        ({"Sec_WebSocket_Key": "!!!"}, 400),
        ({"Sec_WebSocket_Key": "MDEyMzQ1Njc4OWFiY2RlZg==!"}, 400),
        ({"Sec_WebSocket_Key": None}, 400),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Version": None}, 426),
        ({"Connection": "close"}, 400),
        ({"version": "HTTP/1.0"}, 400),
    ],
)
def test_a_bad_handshake_is_refused(client, bad, status):
    answered, headers = client.upgrade(**bad).head()
    assert answered == status
    assert headers["Sec-WebSocket-Version"] == "13"


def test_connection_may_name_other_things_beside_upgrade(client):
    assert client.upgrade(Connection="keep-alive, Upgrade").status() == 101


def test_the_accept_key_is_that_of_the_rfc(client):
    _, headers = client.upgrade(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==").head()
    assert headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, 1.3


def test_the_token_is_never_echoed_as_protocol(client):
    _, headers = client.upgrade(Sec_WebSocket_Protocol="quorum, bearer.secret").head()
    assert headers["Sec-WebSocket-Protocol"] == "quorum"


def test_a_protocol_nobody_knows_is_not_echoed(client):
    _, headers = client.upgrade(Sec_WebSocket_Protocol="chat, quorum2").head()
    assert "Sec-WebSocket-Protocol" not in headers


def test_a_post_with_upgrade_is_a_plain_request(client):
    assert client.request("POST", Upgrade="websocket", Connection="Upgrade").status() == 200


@pytest.mark.parametrize("head", [{"X_Long": "x" * (MAX_HEAD_BYTES + 1)}, {f"X_{i}": "1" for i in range(200)}])
def test_headers_too_long_are_431(client, head):
    client.request(**head)
    assert client.status() == 431


def test_a_request_line_too_long_is_refused(client):
    client.request(path="/" + "x" * 9000)
    assert client.status() in (400, 414)


@pytest.mark.parametrize(
    "garbage", [b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"]
)
def test_garbage_is_400_and_the_connection_closes(client, garbage):
    client.send(garbage)
    assert client.rest().startswith(b"HTTP/1.1 400") or client.buffer == b""


def test_a_body_is_not_taken_for_the_next_request(client):
    client.request("POST", Content_Length="38")
    client.send(b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.rest().count(b"HTTP/1.1 ") == 1


def test_half_a_head_is_cut_after_the_time_limit(server, connect):
    server.HEAD_SECONDS = 0.05
    client = connect(server.server_port)
    client.send(b"GET / HTTP/1.1\r\nHost:")
    assert client.rest() == b""


def test_silence_is_cut_after_the_time_limit(server, connect):
    server.HEAD_SECONDS = 0.05
    assert connect(server.server_port).rest() == b""


def test_a_session_outlives_the_time_limit_of_its_head(server, connect):
    server.HEAD_SECONDS = 0.05
    client = connect(server.server_port)
    assert client.upgrade().status() == 101
    assert connect(server.server_port).rest() == b""  # one that is silent from later on was cut meanwhile
    client.send(frame(1, b"hi"))
    assert client.frame() == HI


def test_a_hook_can_refuse_before_the_upgrade(server, connect):
    server.pre_start_hook = lambda handler: True
    client = connect(server.server_port)
    assert client.upgrade().status() == 200
