"""Noise on the wire: the server stays up, an honest session beside it is not disturbed."""

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.raw import RawClient, frame, text
from tests.web.test_server import arrive

frames = st.builds(
    frame,
    st.integers(0, 15),
    st.binary(max_size=200),
    masked=st.booleans() | st.just(True),
    fin=st.booleans(),
    flags=st.sampled_from([0, 0, 0, 0x10, 0x40]),
    length=st.none() | st.integers(0, 2**63 - 1).map(lambda size: size if size > 200 else None),
)
noise = st.lists(frames | st.binary(max_size=50), max_size=8).map(b"".join)
heads = st.lists(
    st.sampled_from(
        [
            b"GET /ws HTTP/1.1\r\n",
            b"POST / HTTP/1.1\r\n",
            b"Host: 127.0.0.1\r\n",
            b"Upgrade: websocket\r\n",
            b"Connection: Upgrade\r\n",
            b"Sec-WebSocket-Version: 13\r\n",
            b"Sec-WebSocket-Key: x\r\n",
            b"Content-Length: 99999999999999999999\r\n",
            b"Content-Length: -1\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Expect: 100-continue\r\n",
            b"Authorization: Bearer \xff\r\n",
            b"Cookie: ;=;\r\n",
            b"Origin: \x00\r\n",
            b": \r\n",
            b"\r\n",
        ]
    )
    | st.binary(max_size=40),
    max_size=12,
).map(b"".join)


@pytest.fixture
def server(serve):
    return serve(messages_per_second=1000)  # the honest one speaks once after every attack


def throw(port, data, *, upgrade):
    client = RawClient(port)
    try:
        if upgrade:
            assert client.upgrade().status() == 101
        client.send(data)
        client.socket.shutdown(1)
        client.rest()
    except OSError:
        pass  # reset: the server had enough
    finally:
        client.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=noise)
def test_hostile_frames(server, client, peers, data):
    if not server.notices.sessions:
        arrive(server, client, peers)
    throw(server.port, data, upgrade=True)
    honest(client)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=heads)
def test_hostile_handshakes(server, client, peers, data):
    if not server.notices.sessions:
        arrive(server, client, peers)
    throw(server.port, data, upgrade=False)
    honest(client)


def honest(client):
    for _ in range(3):
        gevent.sleep(0)
    client.send(text({"type": "get_nothing"}))
    assert client.message()["type"] == "error"
