"""The real broker over a real mongod, with a hand on its mailbox: what the ledger's benchmarks share."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import gevent
import gevent.event

from actors.broker import BrokerActor
from actors.timers import GeventTimers
from actors.transcribed import plain_arguments, transcribed
from adapters.clock import SystemClock
from adapters.mongo import MongoStores
from adapters.mongod import EmbeddedMongod
from adapters.recorder import Recorder
from domain.market import MarketState, OrderBook, Source
from domain.messages import (
    AccountChanged,
    BookChanged,
    CancelOrder,
    MarketStatusChanged,
    MissedTrades,
    OrderFilled,
    Ping,
    RulesChanged,
    SendTrades,
    SubmitOrder,
)
from domain.symbols import known_rules
from domain.trading import OrderSource, OrderType, Reason, Side
from settings import Settings, parse_settings

PAIRS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT")
PRICES = dict(zip(PAIRS, map(Decimal, ("70000.00", "3500.00", "600.00", "150.00", "2.5000")), strict=True))
QUANTITIES = dict(zip(PAIRS, map(Decimal, ("0.001", "0.01", "0.1", "0.5", "20")), strict=True))
MARKET_ORDERS, LIMIT_ORDERS = 40, 5  # of one chunk: 50 commands and a book; 90 documents
WAITING = 400  # messages: the mailbox is kept this full


def desk_settings() -> Settings:
    return parse_settings({"paper": {"latency_ms": 0}, "bots": {"pairs": {pair: {} for pair in PAIRS}}})


def report(benchmark: str, figure: str, **values: object) -> None:
    print(json.dumps({"benchmark": benchmark, "figure": figure, **values}), flush=True)


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def milliseconds(seconds: list[float]) -> dict[str, float]:
    return {
        "p50": round(statistics.median(seconds) * 1000, 2),
        "p99": round(percentile(seconds, 0.99) * 1000, 2),
        "most": round(max(seconds) * 1000, 2),
    }


class Stores(MongoStores):
    """The stores of one database, with the address for more of them."""

    def __init__(self, *, uri: str, database: str) -> None:
        super().__init__(uri=uri, database=database)
        self.uri = uri


@contextmanager
def database(name: str = "bench") -> Iterator[Stores]:
    """Run a mongod of its own, with empty stores; both end with the block."""
    with tempfile.TemporaryDirectory() as folder:
        mongod = EmbeddedMongod(data_dir=Path(folder))
        stores = Stores(uri=mongod.start(watch=False), database=name)
        try:
            stores.prepare()
            yield stores
        finally:
            stores.close()
            mongod.stop()


@dataclass(slots=True)
class Peers:
    """Stands where the desk's directory would: carries the timers' mail, answers for the market, notes fills."""

    broker: Any = None
    filled: dict[str, float] = field(default_factory=dict)  # order id -> when the hub was told
    noted: bool = False
    serving: gevent.event.Event = field(default_factory=gevent.event.Event)  # set by the first account told

    def tell(self, name: str, message: object) -> bool:
        if name == "broker" and self.broker is not None:
            if self.broker.is_alive():  # its timers outlive it
                self.broker.tell(message)
        elif isinstance(message, AccountChanged):
            self.serving.set()
        elif isinstance(message, SendTrades) and self.broker is not None:
            answer = MissedTrades(pair=message.pair, trades=(), candles=(), request_id=message.request_id)
            self.broker.tell(answer)
        elif self.noted and name == "hub" and isinstance(message, OrderFilled):
            self.filled.setdefault(message.order.order_id, time.perf_counter())
        return True


@dataclass(slots=True)
class Broker:
    """A started broker and the orders that are sent to it."""

    broker: Any
    peers: Peers
    clock: SystemClock
    number: int = 0

    def chunk(self) -> None:
        """Put 50 commands and the book that fills them into the mailbox."""
        self.number += 1
        for message in chunk(self.number, self.clock):
            self.broker.tell(message)

    def send(self, chunks: int) -> None:
        """Keep the mailbox filled until `chunks` have gone through and are stored."""
        inbox = self.broker.actor_inbox
        for _ in range(chunks):
            while len(inbox) > WAITING:
                gevent.sleep(0.001)
            self.chunk()
        self.settle()

    def settle(self) -> None:
        """Return when all that was sent is stored and told."""
        self.broker.ask(Ping(), timeout=600)
        while not self.broker.actor_inbox.idle():
            gevent.sleep(0.001)

    def stop(self) -> None:
        self.broker.stop(timeout=60)


def chunk(number: int, clock: SystemClock) -> Iterator[SubmitOrder | CancelOrder | BookChanged]:
    """Yield 50 commands and the book that fills them; `number` names the orders and the book."""
    pair = PAIRS[number % len(PAIRS)]
    for place in range(MARKET_ORDERS):
        yield order(f"m{number}.{place}", pair, place % 2 == 0, clock.now_ms())
    for place in range(LIMIT_ORDERS):
        order_id = f"l{number}.{place}"
        yield order(order_id, pair, True, clock.now_ms(), price=PRICES[pair] * Decimal("0.9"))
        yield CancelOrder(order_id=order_id, reply_to="hub", request_id=order_id)
    yield book(pair, number, clock.now_ms())


def start_broker(
    stores: MongoStores, *, wrap: Callable[[Any], Any] = lambda store: store, recorder: Recorder | None = None
) -> Broker:
    """Start the broker of an empty or used journal on a live market of five pairs; return when it serves."""
    clock, peers = SystemClock(), Peers()
    ports: dict[str, Any] = {
        "settings": desk_settings(),
        "peers": peers,
        "clock": clock,
        "timers": GeventTimers(peers=peers, clock=clock),
        "store": wrap(stores.ledger),
        "archive": stores.archive,
        "has_books": True,
        "source": Source.SIMULATED,
    }
    if recorder is not None:
        ports = transcribed(ports, recorder.transcript("broker", ports["settings"], plain_arguments(ports)))
    broker = BrokerActor.start(**ports)
    peers.broker = broker
    assert peers.serving.wait(timeout=600)
    rules = tuple(rule for rule in map(known_rules, PAIRS) if rule is not None)
    broker.tell(RulesChanged(rules=rules))
    broker.tell(MarketStatusChanged(state=MarketState.LIVE, message="", at_ms=clock.now_ms()))
    for pair in PAIRS:
        broker.tell(book(pair, 1, clock.now_ms()))
    desk = Broker(broker, peers, clock, number=clock.now_ms())  # numbers, and so order ids, never come again
    desk.settle()
    return desk


def book(pair: str, update_id: int, now_ms: int, *, price: Decimal | None = None) -> BookChanged:
    """Return a deep book of 20 levels a side around `price`, by default the pair's."""
    around, quantity = PRICES[pair] if price is None else price, Decimal(1000)
    tick = Decimal(1).scaleb(int(PRICES[pair].as_tuple().exponent))
    levels = OrderBook(
        update_id=update_id,
        received_ms=now_ms,
        bids=tuple((around - place * tick, quantity) for place in range(20)),
        asks=tuple((around + (place + 1) * tick, quantity) for place in range(20)),
        depth=20,
    )
    return BookChanged(pair=pair, book=levels)


def order(
    order_id: str,
    pair: str,
    buys: bool,
    now_ms: int,
    *,
    price: Decimal | None = None,
    stop_loss: Decimal | None = None,
) -> SubmitOrder:
    """Return an order: a market order, or with `price` a limit order."""
    return SubmitOrder(
        order_id=order_id,
        pair=pair,
        side=Side.BUY if buys else Side.SELL,
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
        source=OrderSource.MANUAL,
        reason=Reason.MANUAL,
        reply_to="hub",
        submitted_ms=now_ms,
        quantity=QUANTITIES[pair],
        price=price,
        stop_loss=stop_loss,
    )
