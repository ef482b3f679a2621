"""One client that sends without end: everybody else is served meanwhile, and the server can be stopped."""

import subprocess
import sys
import time
from pathlib import Path

import gevent
import pytest

from tests.web.raw import closed, frame, text
from tests.web.test_server import arrive
from web.safe_ws import FRAMES_AT_ONCE

FLOOD = Path(__file__).parent / "flood.py"
FLOOD_SECONDS = 6.0
PATIENCE = 1.0  # for one answer, on a busy machine; without turns for others it takes as long as the flood lasts


@pytest.fixture
def flood():
    """Start a flood: flood(port, kind); returns once it is on its way."""
    running = []

    def start(port, kind):
        command = [sys.executable, str(FLOOD), str(port), kind, str(FLOOD_SECONDS)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        running.append(process)
        assert process.stdout.readline() == b"flooding\n"

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("kind", ["pongs", "pings", "fragments", "requests"])
def test_a_flood_delays_nobody_and_the_server_stops_under_it(serve, connect, peers, flood, kind):
    server = serve(messages_per_second=1000)
    honest = connect(server.port)
    arrive(server, honest, peers)
    flood(server.port, kind)
    waited = []
    for _ in range(20):
        began = time.monotonic()
        honest.send(text({"type": "ping"}))
        assert honest.message()["type"] == "pong"
        waited.append(time.monotonic() - began)
        began = time.monotonic()
        assert connect(server.port).request(path="/healthz", Connection="close").status() == 200
        waited.append(time.monotonic() - began)
        gevent.sleep(0.02)
    assert max(waited) < PATIENCE
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 3.0


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(frame(9, b"") * 2 * FRAMES_AT_ONCE, id="pings"),
        pytest.param(frame(10, b"") * 2 * FRAMES_AT_ONCE, id="pongs"),
        pytest.param(frame(1, b"", fin=False) + frame(0, b"", fin=False) * 2 * FRAMES_AT_ONCE, id="empty fragments"),
    ],
)
def test_frames_that_come_too_fast_end_with_1008(server, client, peers, sent):
    arrive(server, client, peers)
    client.send(sent)
    assert client.frames()[-1] == closed(1008)


def test_half_requests_of_one_address_leave_room_for_others(serve, connect):
    server = serve(max_sessions=1)  # 257 connections in all
    for _ in range(400):
        connect(server.port).send(b"GET /healthz HTTP/1.1\r\nHost:")
    gevent.sleep(0.05)
    began = time.monotonic()
    assert connect(server.port).request(path="/healthz").status() == 200
    assert time.monotonic() - began < PATIENCE
    assert len(server._server.unfinished) <= server._server.unfinished.per_address


def test_connections_that_come_at_once_with_whole_requests_are_all_served(serve, connect):
    server = serve(max_sessions=500)
    clients = [connect(server.port).upgrade() for _ in range(150)]
    assert {client.status() for client in clients} == {101}
    for client in clients:
        client.send(frame(8, b""))


def test_a_client_that_does_not_read_its_answers_is_cut(serve, connect, tmp_path):
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "big.js").write_bytes(b"x" * 20_000_000)
    server = serve()
    server._server.ANSWER_SECONDS = 0.05
    stalled = connect(server.port).request(path="/big.js")
    gevent.sleep(0.2)
    assert len(stalled.rest()) < 20_000_000
    assert len(server._server.unfinished) == 0
