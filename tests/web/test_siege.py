"""Hostile frames and handshakes without end: the hub stays up, memory stays flat, honest sessions notice nothing.

QUORUM_HOSTILE=100000 (`make fuzz`) throws that many; each run of many has a seed of its own, which is printed.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import gevent
import psutil
import pytest

from actors.directory import Directory, PeersOf
from actors.hub import HubActor
from actors.timers import GeventTimers
from adapters.clock import SystemClock
from domain import messages
from domain.market import Source
from domain.views import AlertView
from settings import ServerSettings, Settings
from tests.actors.hub_world import MemoryArchive, account, control, quote
from tests.web.raw import RawClient, text
from web.server import WebServer

HOSTILE = int(os.environ.get("QUORUM_HOSTILE", "0"))
COUNT = HOSTILE or 1500
SEED = int(os.environ.get("QUORUM_SEED", time.time_ns() % 10**6 if HOSTILE else 7))
SIEGE = Path(__file__).parent / "siege.py"
PATIENCE = 10.0  # for one answer, on a busy machine
GROWTH = 16 * 1024 * 1024  # of memory, from the first fifth on


@pytest.fixture
def desk():
    """The web server with a real hub behind it; nobody is behind the hub."""
    clock, directory = SystemClock(), Directory()
    server = WebServer(
        settings=ServerSettings(port=0, messages_per_second=100),
        clock=clock,
        tell=directory.tell,
        health=dict,
        dist=Path("none"),
        pairs=("BTCUSDT",),
    )
    server.start()
    hub = HubActor.start(
        settings=Settings(),
        peers=PeersOf(directory, "hub"),
        clock=clock,
        timers=GeventTimers(peers=directory, clock=clock),
        notices=server.notices,
        archive=MemoryArchive(),
        source=Source.SIMULATED,
        banner=None,
        version="1",
        settings_hash="h",
    )
    directory.bind("hub", hub)
    for message in (
        messages.QuoteChanged(quote=quote()),
        messages.AccountChanged(account=account()),
        messages.ControlChanged(seq=0, control=control()),
        messages.RecentTrades(trades=(), closed=()),
    ):
        directory.tell("hub", message)
    yield server
    hub.stop(timeout=30)
    server.stop()


class Honest:
    """A session that counts on what is published, and asks all the time."""

    def __init__(self, port):
        self.client = RawClient(port, timeout=PATIENCE)
        assert self.client.upgrade().status() == 101
        self.client.message("initial_data")
        self.heard, self.slowest = [], 0.0

    def ask(self):
        began = time.monotonic()
        self.client.send(text({"type": "get_balance", "request_id": "honest"}))
        while True:
            message = self.client.message("alert", "balance_update", "error")
            if message["type"] == "alert":
                self.heard.append(int(message["data"]["message"]))
            elif message.get("request_id") == "honest":
                assert message["type"] == "balance_update", message
                self.slowest = max(self.slowest, time.monotonic() - began)
                return


@pytest.mark.slow
@pytest.mark.timeout(120 if not HOSTILE else 3600)
def test_a_siege_changes_nothing_for_honest_sessions(desk):
    honest = [Honest(desk.port) for _ in range(3)]
    command = [sys.executable, str(SIEGE), str(desk.port), str(COUNT // 5), str(SEED)]
    thrown, number = [], 0
    for part in range(5):
        process = subprocess.Popen([*command[:-1], str(SEED + part)], stdout=subprocess.PIPE, text=True)
        while process.poll() is None:
            number += 1
            view = AlertView(level="info", code="c", message=str(number), timestamp=0, time="t")
            desk.notices.publish("alert", view)
            for session in honest:
                session.ask()
            gevent.sleep(0.02)
        thrown.append(json.loads(process.stdout.read()))
        process.stdout.close()
        assert process.returncode == 0
        if part == 0:
            before = psutil.Process().memory_info().rss
    deadline = time.monotonic() + 60
    while len(desk.notices.sessions) > len(honest):
        assert time.monotonic() < deadline, "hostile sessions are left"
        gevent.sleep(0.05)
    for session in honest:
        session.ask()
        assert session.heard == list(range(1, number + 1))
        session.client.close()
    grown = psutil.Process().memory_info().rss - before
    total = {name: sum(part.get(name, 0) for part in thrown) for name in ("frames", "handshakes", "resets")}
    slowest = max(session.slowest for session in honest)
    sys.stdout.write(f"seed {SEED}: {total}, memory {grown / 2**20:+.1f} MiB, slowest honest answer {slowest:.2f} s\n")
    assert total["frames"] + total["handshakes"] >= COUNT - 5
    assert grown < GROWTH
