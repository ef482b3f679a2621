"""How long a broker needs from its start to serving, for journals of growing length, and how fast an audit is.

The journals are written by the paper exchange itself, without a broker around it. `checkpoint`: a checkpoint lies as
far back as it ever does, 1000 events. `none`: there is none, the whole journal is read and verified. The baselines read
the same documents with the driver alone, nothing looked at.

Run: `python benchmarks/recovery.py [EVENTS ...]`, by default 10000 100000; 1000000 takes some ten minutes. Prints one
JSON line per figure.
"""

from gevent import monkey

monkey.patch_all()

import statistics
import sys
import time
from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import Any

import gevent

from actors.broker import CHECKPOINT_EVENTS
from adapters.clock import SystemClock
from adapters.mongo import MongoStores
from benchmarks._exchange import PAIRS, Broker, book, chunk, database, report, start_broker
from domain import execution, recovery
from domain.acceptance import PaperRules
from domain.execution import Exchange
from domain.market import MarketState
from domain.messages import BookChanged, CancelOrder, SubmitOrder
from domain.symbols import known_rules
from ledger.__main__ import audit_database
from ledger.connection import RAW, LedgerSource

PAPER = PaperRules(
    taker_fee=Decimal("0.001"),
    maker_fee=Decimal("0.001"),
    latency_ms=0,
    fallback_slippage_bps=Decimal(5),
    has_books=True,
)
ROUNDS = 3
MEASURED_OFTEN = 10_000  # events: larger journals once, it takes long enough
LARGEST_AUDIT = 100_000  # events: an audit goes through all of them, whatever the length


class Crashed:
    """The journal as a start finds it after a crash: without the checkpoint of a clean stop, or without any."""

    def __init__(self, ledger: Any, journal: Any, *, checkpoint: bool) -> None:
        self._ledger, self._journal, self._checkpoint = ledger, journal, checkpoint

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def latest_checkpoint(self) -> Any:
        if not self._checkpoint:
            return None
        wanted = {"type": "checkpoint", "seq": {"$lte": self._ledger.head().seq - CHECKPOINT_EVENTS + 1}}
        newest = self._journal.find_one(wanted, {"_id": True}, sort=[("seq", -1)])
        return None if newest is None else self._ledger.find(newest["_id"])


def grow(stores: MongoStores, events: int) -> None:
    """Let the exchange write the journal up to `events` documents, as the broker would, one batch beside the next."""
    clock = SystemClock()
    desk = recovery.begin(stores.ledger.latest_checkpoint())
    deque(recovery.fold(desk, stores.ledger.read(after_seq=desk.seq)), maxlen=0)
    exchange = execution.start(
        desk=desk, paper=PAPER, stale_after_ms=10_000, now_ms=clock.now_ms(), balance=Decimal(100_000)
    )
    exchange.market.take_rules(tuple(rule for rule in map(known_rules, PAIRS) if rule is not None))
    exchange.market.state = MarketState.LIVE
    for pair in PAIRS:
        exchange.on_book(pair, book(pair, 1, clock.now_ms()).book, clock.now_ms())
    number, writing = clock.now_ms(), gevent.spawn(stores.ledger.append, ())
    while desk.seq < events:
        number += 1
        for message in chunk(number, clock):
            carry_out(exchange, message, clock.now_ms())
        if desk.seq - desk.checkpoint_seq >= CHECKPOINT_EVENTS - 100 or desk.seq >= events:
            exchange.checkpoint(clock.now_ms())
        writing.get()
        writing = gevent.spawn(stores.ledger.append, tuple(exchange.pending))
        gevent.sleep(0)
        exchange.pending.clear()
        exchange.messages.clear()
    writing.get()


def carry_out(exchange: Exchange, message: object, now_ms: int) -> None:
    match message:
        case SubmitOrder():
            exchange.submit(message, now_ms)
        case CancelOrder():
            exchange.cancel(message, now_ms)
        case BookChanged(pair=pair, book=levels):
            exchange.on_book(pair, levels, now_ms)


def recovery_seconds(stores: MongoStores, *, checkpoint: bool) -> float:
    journal = stores.client[stores.name]["journal"]
    began = time.perf_counter()
    desk: Broker = start_broker(stores, wrap=lambda ledger: Crashed(ledger, journal, checkpoint=checkpoint))
    seconds = time.perf_counter() - began
    desk.stop()
    return seconds


def read_seconds(stores: MongoStores) -> float:
    began = time.perf_counter()
    for _ in stores.client[stores.name]["journal"].find(sort=[("seq", 1)], batch_size=1000):
        pass
    return time.perf_counter() - began


def audit_seconds(stores: MongoStores) -> tuple[int, float]:
    source = LedgerSource(
        database=stores.client.get_database(stores.name, codec_options=RAW),
        name=stores.name,
        place="benchmark",
        data_dir=Path("none"),
        remarks=(),
    )
    began = time.perf_counter()
    audited, _ = audit_database(source)
    assert audited.clean, audited.findings[:3]
    return audited.documents, time.perf_counter() - began


def measure(stores: MongoStores, events: int) -> None:
    rounds = ROUNDS if events <= MEASURED_OFTEN else 1
    for name, checkpoint in (("checkpoint", True), ("none", False)):
        taken = [recovery_seconds(stores, checkpoint=checkpoint) for _ in range(rounds)]
        report(
            "recovery",
            f"recovery_seconds_{name}",
            events=events,
            median=round(statistics.median(taken), 3),
            best=round(min(taken), 3),
            events_per_second=None if checkpoint else round(events / min(taken)),
        )
    if events > LARGEST_AUDIT:
        return
    while stores.ledger.pending:  # an audit looks at the projections, too
        gevent.sleep(0.05)
    bare = min(read_seconds(stores) for _ in range(rounds))
    audits = [audit_seconds(stores) for _ in range(rounds)]
    documents, best = min(audits, key=lambda one: one[1])
    report(
        "recovery",
        "audit_documents_per_second",
        events=events,
        ours=round(documents / best),
        bare_read=round(documents / bare),
        ratio=round(bare / best, 3),
        seconds=round(best, 2),
    )


def main() -> None:
    sizes = sorted(map(int, sys.argv[1:])) or [10_000, 100_000]
    with database() as stores:
        for events in sizes:
            grow(stores, events)
            measure(stores, events)


if __name__ == "__main__":
    main()
