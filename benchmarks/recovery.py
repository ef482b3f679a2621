"""How long a broker needs from its start to serving, for journals of growing length, and how fast an audit is.

The journals are written by the broker itself. `checkpoint`: a checkpoint lies as far back as it ever does, 1000 events.
`none`: there is none, the whole journal is read and verified. The baselines read the same documents with the driver
alone, nothing looked at.

Run: `python benchmarks/recovery.py [EVENTS ...]`, by default 10000 100000; 1000000 takes some minutes. Prints one JSON
line per figure.
"""

from gevent import monkey

monkey.patch_all()

import statistics
import sys
import time
from pathlib import Path
from typing import Any

from actors.broker import CHECKPOINT_EVENTS
from adapters.mongo import MongoStores
from benchmarks._exchange import Broker, database, report, start_broker
from ledger.__main__ import audit_database
from ledger.connection import RAW, LedgerSource

ROUNDS = 3
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
    desk = start_broker(stores)
    while (head := stores.ledger.head()) is None or head.seq < events:
        desk.send(min(50, max(1, (events - (head.seq if head else 0)) // 90)))
    desk.stop()
    while stores.ledger.pending:
        time.sleep(0.05)


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
    rounds = ROUNDS if events <= LARGEST_AUDIT else 1
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
