"""From a trade print to the stop it fires, stored, in a WebSocket frame: broker, ledger, hub and web server are real.

The market's mail is put into the mailboxes as the market actor does; the book that fills the stop comes right behind
the print. A session of its own process receives over loopback; some more sessions listen to everything. Both ends read
the machine's monotonic clock.

Run: `python benchmarks/stop_fill.py [STOPS [SESSIONS]]`. Prints one JSON line.
"""

from gevent import monkey

monkey.patch_all()

import gc
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import IO

import gevent

from actors.broker import BrokerActor
from actors.directory import Directory, PeersOf
from actors.hub import HubActor
from actors.timers import GeventTimers
from adapters.clock import SystemClock
from adapters.mongo import MongoStores
from benchmarks._exchange import PAIRS, PRICES, book, database, desk_settings, milliseconds, order, report
from domain.market import MarketState, PublicTrade, Source
from domain.messages import MarketStatusChanged, RulesChanged, TradePrinted
from domain.symbols import known_rules
from settings import ServerSettings
from web.server import WebServer

PAIR = "BTCUSDT"
LISTENER = """
import socket, sys, time, websocket
connections = [websocket.create_connection(sys.argv[1], timeout=60) for _ in range(int(sys.argv[2]))]
for connection in connections:
    assert '"initial_data"' in connection.recv()[:100]
print("connected", flush=True)
for other in connections[1:]:
    other.sock.setblocking(False)
measured = connections[0]
while True:
    frame = measured.recv()
    now = time.monotonic_ns()
    if not frame:
        break
    for kind in ("position_closed", "trade_executed"):
        if f'"type":"{kind}"' in frame[:200]:
            print(now, "stop" if "stop_loss:" in frame else "entry", flush=True)
            break
    for other in connections[1:]:
        try:
            while other.sock.recv(65536):
                pass
        except (BlockingIOError, OSError):
            pass
"""


class Stage:
    """The desk's parts between the market's mail and the session."""

    def __init__(self, stores: MongoStores) -> None:
        self.clock, self.directory = SystemClock(), Directory()
        settings = desk_settings()
        timers = GeventTimers(peers=self.directory, clock=self.clock)
        common = {"settings": settings, "clock": self.clock, "timers": timers, "archive": stores.archive}
        self.web = WebServer(
            settings=ServerSettings(port=0),
            clock=self.clock,
            tell=self.directory.tell,
            health=dict,
            pairs=PAIRS,
            dist=Path("none"),
        )
        self.web.start()
        self.broker = BrokerActor.start(
            peers=PeersOf(self.directory, "broker"),
            store=stores.ledger,
            has_books=True,
            source=Source.SIMULATED,
            **common,
        )
        self.directory.bind("broker", self.broker)
        self.hub = HubActor.start(
            peers=PeersOf(self.directory, "hub"),
            notices=self.web.notices,
            source=Source.SIMULATED,
            banner=None,
            version="benchmark",
            settings_hash="0" * 64,
            **common,
        )
        self.directory.bind("hub", self.hub)
        rules = RulesChanged(rules=tuple(rule for rule in map(known_rules, PAIRS) if rule is not None))
        for message in (rules, MarketStatusChanged(state=MarketState.LIVE, message="", at_ms=self.clock.now_ms())):
            self.tell(message)

    def tell(self, message: object) -> None:
        """Tell broker and hub, as the market does."""
        for name in ("broker", "hub"):
            self.directory.tell(name, message)

    def print_trade(self, number: int, price: Decimal) -> None:
        """Let a trade print at `price`, and the book around it come right behind."""
        now_ms = self.clock.now_ms()
        trade = PublicTrade(
            trade_id=number, price=price, quantity=Decimal("0.1"), traded_ms=now_ms, buyer_is_maker=True
        )
        self.directory.tell("broker", TradePrinted(pair=PAIR, trade=trade, catch_up=False))
        self.tell(book(PAIR, number, now_ms, price=price))

    def stop(self) -> None:
        self.hub.stop(timeout=5)
        self.broker.stop(timeout=10)
        self.web.stop()


def one_stop(stage: Stage, lines: IO[str], number: int) -> float:
    """Open a long with a stop, let the price fall through it; return the seconds until the frame is there."""
    price = PRICES[PAIR]
    now_ms = stage.clock.now_ms()
    command = order(f"entry{number}", PAIR, True, now_ms, stop_loss=price * Decimal("0.99"))
    stage.print_trade(3 * number, price)
    stage.directory.tell("broker", command)
    stage.print_trade(3 * number + 1, price)
    assert lines.readline().split()[1] == "entry"
    gevent.sleep(0.005)  # the next print is of a later millisecond
    began = time.monotonic_ns()
    stage.print_trade(3 * number + 2, price * Decimal("0.985"))
    arrived, kind = lines.readline().split()
    assert kind == "stop"
    return (int(arrived) - began) / 1e9


def main() -> None:
    stops = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    sessions = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    with database() as stores:
        stage = Stage(stores)
        gevent.sleep(0.5)
        address = f"ws://127.0.0.1:{stage.web.port}/ws"
        listener = subprocess.Popen(
            [sys.executable, "-c", LISTENER, address, str(sessions)], stdout=subprocess.PIPE, text=True
        )
        assert listener.stdout is not None
        try:
            assert listener.stdout.readline() == "connected\n"
            for number in range(20):  # warm
                one_stop(stage, listener.stdout, number)
            gc.freeze()  # as the supervisor does after a start
            taken = [one_stop(stage, listener.stdout, number) for number in range(20, 20 + stops)]
            report(
                "stop_fill",
                "trade_print_to_frame_ms",
                **milliseconds(taken),
                stops=stops,
                sessions=sessions,
                required=100,
                aim=20,
            )
        finally:
            listener.kill()
            stage.stop()


if __name__ == "__main__":
    main()
