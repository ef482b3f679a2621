"""Journal events per second, durable, with group commit, against a bare `insert_many` of the same documents.

Three rates over the very same documents, measured in turn, round after round:

- `broker`: commands and books in the mailbox of the real broker: orders checked, matched, booked, hashed, stored, told.
- `ledger`: the ledger's part alone: balances after, zero sums, canonical JSON, hash, the fold of the desk, group commit
  with the journal's own validator and indexes; it must end with the very hash the broker's journal has.
- `insert_many`: the documents ready in memory, in batches of the same size, same indexes, same write concern, nothing
  else; once without and once with the journal's validator.

Then one order at a time: from the command in the mailbox to its stored, announced fill. Real mongod, one process.

Run: `python benchmarks/journal.py [CHUNKS [ROUNDS]]` (a chunk makes 90 documents). Prints one JSON line per figure.
"""

from gevent import monkey

monkey.patch_all()

import gc
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import gevent
from pymongo import ASCENDING, IndexModel
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from actors.ledger_writer import BATCH
from adapters.mongo import MongoStores
from adapters.mongo_codec import CODEC, journal_bson
from adapters.mongo_ledger import MongoLedger
from adapters.mongo_schema import journal_validator
from benchmarks._exchange import Broker, Stores, book, database, milliseconds, order, report, start_broker
from domain import journal
from domain.desk import Desk
from domain.ports import JournalDocument

INDEXES = (
    IndexModel([("seq", ASCENDING)], unique=True),
    IndexModel([("symbol", ASCENDING), ("ts", ASCENDING)]),
    IndexModel("order_id"),
    IndexModel([("type", ASCENDING), ("seq", -1)], partialFilterExpression={"type": "checkpoint"}),
)


def ours(desk: Broker, stores: Stores, chunks: int) -> tuple[int, int, float]:
    """Return first seq, last seq and seconds of `chunks` through the broker."""
    before = stores.ledger.head()
    began = time.perf_counter()
    desk.send(chunks)
    seconds = time.perf_counter() - began
    after = stores.ledger.head()
    assert before is not None and after is not None
    return before.seq + 1, after.seq, seconds


def ledger_alone(documents: list[JournalDocument], store: MongoLedger, desk: Desk) -> float:
    """Return the seconds of sealing, folding and storing `documents` anew, one batch stored while the next is made."""
    bodies = [{key: value for key, value in one.items() if key not in ("v", "prev", "hash")} for one in documents]
    began = time.perf_counter()
    writing: gevent.Greenlet[..., None] | None = None
    for start in range(0, len(bodies), BATCH):
        batch = []
        for body in bodies[start : start + BATCH]:
            sealed = journal.seal(body, desk.head)
            desk.apply(sealed)
            batch.append(sealed)
        if writing is not None:
            writing.get()
        writing = gevent.spawn(store.append, batch)
        gevent.sleep(0)
    if writing is not None:
        writing.get()
    seconds = time.perf_counter() - began
    assert desk.head == documents[-1]["hash"]
    return seconds


def bare(database: Database[Any], documents: list[Any], **options: Any) -> float:
    """Return the seconds of inserting `documents`, nothing else."""
    database["bare"].drop()
    database.create_collection("bare", **options)
    target: Collection[Any] = database.get_collection(
        "bare", codec_options=CODEC, write_concern=WriteConcern("majority", j=True)
    )
    target.create_indexes(list(INDEXES))
    began = time.perf_counter()
    for start in range(0, len(documents), BATCH):
        target.insert_many(documents[start : start + BATCH], ordered=True)
    return time.perf_counter() - began


def drain(stores: Stores) -> float:
    """Wait until the projections are written too; return the seconds that took."""
    began = time.perf_counter()
    while stores.ledger.pending:
        time.sleep(0.005)
    return time.perf_counter() - began


def events_per_second(broker: Broker, stores: Stores, chunks: int, rounds: int) -> None:
    database = stores.client[stores.name]
    again = MongoStores(uri=stores.uri, database="again")
    again.prepare()
    desk, rates, cpu, behind = Desk(), defaultdict(list), defaultdict(list), []

    def measure(name: str, run: Callable[[], float]) -> None:
        spent = time.process_time()
        rates[name].append(len(documents) / run())
        cpu[name].append((time.process_time() - spent) / len(documents) * 1e6)

    ledger_alone(list(stores.ledger.read(after_seq=0)), again.ledger, desk)
    for _ in range(rounds):
        spent = time.process_time()
        first, last, seconds = ours(broker, stores, chunks)
        rates["broker"].append((last - first + 1) / seconds)
        cpu["broker"].append((time.process_time() - spent) / (last - first + 1) * 1e6)
        behind.append(drain(stores))
        documents = list(stores.ledger.read(after_seq=first - 1))
        stored = [journal_bson(document) for document in documents]
        measure("ledger", partial(ledger_alone, documents, again.ledger, desk))
        measure("insert_many", partial(bare, database, stored))
        measure("validated", partial(bare, database, stored, validator=journal_validator()))
    for ours_, baseline in product(("broker", "ledger"), ("insert_many", "validated")):
        ratios = [own / raw for own, raw in zip(rates[ours_], rates[baseline], strict=True)]
        report(
            "journal",
            f"{ours_}_against_{baseline}",
            ours=round(statistics.median(rates[ours_])),
            ours_best=round(max(rates[ours_])),
            baseline=round(statistics.median(rates[baseline])),
            baseline_best=round(max(rates[baseline])),
            ratio=round(statistics.median(ratios), 3),
            ratio_of_best=round(max(rates[ours_]) / max(rates[baseline]), 3),
            documents=len(documents),
            rounds=rounds,
            required=0.6,
            aim=0.8,
        )
    report("journal", "cpu_microseconds_per_document", **{name: round(min(spent)) for name, spent in cpu.items()})
    report("journal", "projections_behind_seconds", median=round(statistics.median(behind), 2))
    again.close()


def order_to_durable(desk: Broker, orders: int) -> None:
    """One order at a time: from the command in the mailbox to the fill that the hub is told of, which is stored."""
    taken = []
    desk.peers.noted = True
    for place in range(orders):
        began, order_id = time.perf_counter(), f"single{place}"
        desk.broker.tell(order(order_id, "BTCUSDT", place % 2 == 0, desk.clock.now_ms()))
        desk.broker.tell(book("BTCUSDT", desk.clock.now_ms() + place, desk.clock.now_ms()))
        while order_id not in desk.peers.filled:  # mail of a timer may have come between
            desk.settle()
        taken.append(desk.peers.filled[order_id] - began)
    report("journal", "order_to_durable_fill_ms", **milliseconds(taken), orders=orders)


def single_insert(stores: Stores, count: int) -> None:
    """The same for two documents by a bare `insert_many`: what one group commit costs here."""
    database = stores.client[stores.name]
    documents = [journal_bson(one) for one in stores.ledger.read(after_seq=0)][: 2 * count]
    bare(database, [])
    target = database.get_collection("bare", codec_options=CODEC, write_concern=WriteConcern("majority", j=True))
    taken = []
    for start in range(0, len(documents), 2):
        began = time.perf_counter()
        target.insert_many(documents[start : start + 2], ordered=True)
        taken.append(time.perf_counter() - began)
    report("journal", "bare_insert_of_two_ms", **milliseconds(taken), inserts=len(taken))


def main() -> None:
    chunks = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with database() as stores:
        desk = start_broker(stores)
        desk.send(10)  # warm
        drain(stores)
        gc.freeze()  # as the supervisor does after a start
        events_per_second(desk, stores, chunks, rounds)
        order_to_durable(desk, 500)
        single_insert(stores, 500)
        desk.stop()


if __name__ == "__main__":
    main()
