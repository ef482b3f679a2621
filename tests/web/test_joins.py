"""Sessions that join at random moments of trading end with the journal's exact state: snapshot, then deltas, no gap.

Broker, hub and web server are the real ones, the sessions real sockets. QUORUM_JOINS=1000 (`make joins`) has that many.
"""

import os
import random
import sys
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import gevent
import pytest

from actors.broker import BrokerActor
from actors.directory import Directory, PeersOf
from actors.hub import HubActor
from actors.timers import GeventTimers
from adapters.clock import SystemClock
from domain.market import MarketState, OrderBook, Source
from domain.messages import BookChanged, CancelOrder, MarketStatusChanged, Ping, RulesChanged, SubmitOrder
from domain.symbols import known_rules
from domain.trading import OrderSource, OrderType, Reason, Side
from settings import ServerSettings, parse_settings
from tests.memory_ledger import MemoryArchive, MemoryLedger
from tests.protocol_check import check_frame
from tests.system.client import exactly
from tests.web.raw import RawClient
from web.server import WebServer

JOINS = int(os.environ.get("QUORUM_JOINS", "60"))
SEED = int(os.environ.get("QUORUM_SEED", time.time_ns() % 10**6 if JOINS > 60 else 7))
AT_ONCE = 50  # sessions
PAIRS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
PRICES = dict(zip(PAIRS, map(Decimal, ("70000.00", "3500.00", "150.00")), strict=True))
SIZES = dict(zip(PAIRS, map(Decimal, ("0.001", "0.01", "0.2")), strict=True))
PATIENCE = 60.0


class Desk:
    """Broker, hub and web server; whoever trades speaks as the market and as the hub do."""

    def __init__(self):
        self.clock, self.directory, self.store = SystemClock(), Directory(), MemoryLedger()
        settings = parse_settings({"paper": {"latency_ms": 0}, "bots": {"pairs": {pair: {} for pair in PAIRS}}})
        common = {
            "settings": settings,
            "clock": self.clock,
            "timers": GeventTimers(peers=self.directory, clock=self.clock),
            "archive": MemoryArchive(),
            "source": Source.SIMULATED,
        }
        self.web = WebServer(
            settings=ServerSettings(port=0, max_sessions=JOINS + 10, messages_per_second=1000),
            clock=self.clock,
            tell=self.directory.tell,
            health=dict,
            dist=Path("none"),
            pairs=PAIRS,
        )
        self.web.start()
        self.broker = BrokerActor.start(
            peers=PeersOf(self.directory, "broker"), store=self.store, has_books=True, **common
        )
        self.directory.bind("broker", self.broker)
        self.hub = HubActor.start(
            peers=PeersOf(self.directory, "hub"),
            notices=self.web.notices,
            banner=None,
            version="1",
            settings_hash="h",
            **common,
        )
        self.directory.bind("hub", self.hub)
        rules = RulesChanged(rules=tuple(map(known_rules, PAIRS)))
        for message in (rules, MarketStatusChanged(state=MarketState.LIVE, message="", at_ms=self.clock.now_ms())):
            self.tell(message)
        self.number = 0

    def tell(self, message):
        for name in ("broker", "hub"):
            self.directory.tell(name, message)

    def book(self, pair, price):
        self.number += 1
        tick = Decimal("0.01")
        book = OrderBook(
            update_id=self.number,
            received_ms=self.clock.now_ms(),
            bids=tuple((price - place * tick, Decimal(1000)) for place in range(20)),
            asks=tuple((price + (place + 1) * tick, Decimal(1000)) for place in range(20)),
            depth=20,
        )
        self.tell(BookChanged(pair=pair, book=book))

    def trade(self, chance):
        """One order of one kind, and a book that fills it."""
        pair = chance.choice(PAIRS)
        price = PRICES[pair] * (1 + Decimal(chance.randrange(-100, 100)) / 10_000)
        price = price.quantize(Decimal("0.01"))
        self.number += 1
        kind = chance.choice((OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT))
        order = SubmitOrder(
            order_id=f"o{self.number}",
            pair=pair,
            side=chance.choice((Side.BUY, Side.SELL)),
            order_type=kind,
            source=OrderSource.MANUAL,
            reason=Reason.MANUAL,
            reply_to="hub",
            submitted_ms=self.clock.now_ms(),
            quantity=SIZES[pair],
            price=price if kind is OrderType.LIMIT else None,
        )
        self.directory.tell("broker", order)
        if chance.random() < 0.3:
            self.directory.tell("broker", CancelOrder(order_id=f"o{self.number}", reply_to="hub", request_id="c"))
        self.book(pair, price)

    def settle(self):
        for _ in range(3):
            assert self.broker.ask(Ping(), timeout=PATIENCE) and self.hub.ask(Ping(), timeout=PATIENCE)
            gevent.sleep(0.05)

    def stop(self):
        self.hub.stop(timeout=30)
        self.broker.stop(timeout=30)
        self.web.stop()


class Follower:
    """A client as the protocol tells it to be: the snapshot, then every frame whose `ledger_seq` is greater."""

    def __init__(self, port):
        self.raw = RawClient(port, timeout=PATIENCE)
        assert self.raw.upgrade("/ws").status() == 101
        self.seq, self.trades, self.checked = 0, [], 0

    def run(self):
        """Read until the close frame."""
        while True:
            opcode, payload = self.raw.frame()
            if opcode == 8:
                return
            if opcode == 1:
                self.take(payload)

    def take(self, payload):
        frame = exactly(payload.decode())
        kind, data, seq = frame["type"], frame["data"], frame.get("ledger_seq", 0)
        if self.checked < 20:
            self.checked += 1
            check_frame(payload)
        if kind == "initial_data":
            assert not self.seq
            self.seq, self.balance, self.positions = seq, data["paper_balance"], data["positions"]
            self.trades = [trade["trade_id"] for trade in reversed(data["recent_trades"])]
            self.orders = {order["order_id"] for order in data["orders"]}
            return
        assert self.seq, f"{kind} came before the snapshot"
        if seq <= self.seq and kind in ("trade_executed", "position_closed", "order_update"):
            raise AssertionError(f"{kind} of {seq} was in the snapshot of {self.seq}")
        if kind in ("trade_executed", "position_closed"):
            self.trades.append(data["trade"]["trade_id"])
            self.balance, self.positions = data["new_balance"], data["positions"]
        elif kind in ("position_update", "balance_update"):
            self.balance = data["balance"]
            self.positions = data.get("positions", self.positions)
        elif kind == "order_update":
            change = self.orders.add if data["order"]["status"] == "open" else self.orders.discard
            change(data["order"]["order_id"])

    def net(self):
        """Return what is held by pair, signed."""
        sign = {"long": 1, "short": -1}
        return {pair: sign[each["direction"]] * each["amount"] for pair, each in self.positions.items()}


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.stop()


def journal_state(documents):
    """Return (trade ids, free cash, net by pair) of a journal: the sums of its postings."""
    trades = [document["trade_id"] for document in documents if document["type"] == "fill"]
    sums = Counter()
    for document in documents:
        for posting in document.get("postings", ()):
            sums[posting["account"]] += posting["amount"]
    net = {pair: sums[f"position:{pair}"] for pair in PAIRS if sums[f"position:{pair}"]}
    return trades, sums["cash"], net


@pytest.mark.slow
@pytest.mark.timeout(120 if JOINS <= 60 else 3600)
def test_whoever_joins_whenever_ends_with_the_journals_state(desk):
    chance = random.Random(SEED)
    for pair, price in PRICES.items():
        desk.book(pair, price)
    joined = ended = 0
    wrong = []
    while ended < JOINS:
        followers, readers = [], []
        while len(followers) < min(AT_ONCE, JOINS - ended):
            for _ in range(chance.randrange(4)):
                desk.trade(chance)
            if chance.random() < 0.5:
                gevent.sleep(chance.random() * 0.01)
            followers.append(Follower(desk.web.port))
            readers.append(gevent.spawn(followers[-1].run))
            joined += 1
        for _ in range(20):
            desk.trade(chance)
            gevent.sleep(chance.random() * 0.005)
        desk.settle()
        trades, cash, net = journal_state(desk.store.documents)
        for session in tuple(desk.web.notices.sessions.values()):
            session.kick(1012, "the end")
        gevent.joinall(readers, timeout=PATIENCE, raise_error=True)
        assert len({frozenset(follower.orders) for follower in followers}) == 1
        for follower in followers:
            assert len(follower.trades) >= min(len(trades), 50)  # the snapshot's, or all
            expected = trades[len(trades) - len(follower.trades) :]
            if (follower.trades, follower.balance, follower.net()) != (expected, cash, net):
                wrong.append((follower.seq, follower.balance, cash, follower.net(), net))
        ended += len(followers)
    assert not wrong
    sys.stdout.write(f"seed {SEED}: {joined} joins, {len(trades)} executions, {len(desk.store.documents)} documents\n")
