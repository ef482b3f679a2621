"""A server on a free loopback port with a recorded desk behind it, and raw clients that are closed after the test."""

import pytest

from settings import ServerSettings
from tests.web.raw import RawClient
from web.server import WebServer


@pytest.fixture
def connect():
    """Open raw clients: connect(port)."""
    clients = []

    def open_client(port):
        clients.append(RawClient(port))
        return clients[-1]

    yield open_client
    for client in clients:
        client.close()


RUNNING = {name: {"state": "running"} for name in ("market", "broker", "hub")}


@pytest.fixture
def serve(clock, peers, tmp_path):
    """Start a server: serve(max_sessions=2, ...); what it tells stands in `peers`."""
    servers = []

    def start(*, operator_token=None, viewer_token=None, health=lambda: RUNNING, **limits):
        server = WebServer(
            settings=ServerSettings(port=0, **limits),
            clock=clock,
            tell=peers.tell,
            health=health,
            dist=tmp_path / "dist",
            pairs=("BTCUSDT", "ETHUSDT"),
            operator_token=operator_token,
            viewer_token=viewer_token,
        )
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(serve):
    return serve()


@pytest.fixture
def client(server, connect):
    return connect(server.port)
