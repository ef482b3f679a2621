"""What the recorder costs: the broker's time per message with and without it, and the bytes it writes.

Two real brokers over one real mongod, one of them recorded, are given the same messages in turn, round after round.
Then a whole desk in the simulated world runs with its recorder on: bytes by the hour.

Run: `python benchmarks/recorder.py [ROUNDS [SECONDS]]`. Prints one JSON line per figure.
"""

from gevent import monkey

monkey.patch_all()

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import yaml
from pydantic import SecretStr

from adapters.message_codec import MessageCodec
from adapters.recorder import Recorder
from benchmarks._exchange import PAIRS, PRICES, Broker, Stores, book, database, report, start_broker
from domain.market import PublicTrade
from domain.messages import TradePrinted
from settings import as_recorded, parse_settings
from supervisor import Desk

BOOKS, TRADES, CHUNKS = 200, 1000, 2  # of each pair in a round; a chunk is 50 commands and a book


@contextmanager
def recorder(folder: Path) -> Iterator[Recorder]:
    """Write a recording in `folder`."""
    made = Recorder(
        folder=folder,
        codec=MessageCodec(plain=as_recorded, settings=parse_settings),
        header={"database": "bench"},
        max_bytes=1 << 30,
        started_ms=time.time_ns() // 1_000_000,
        on_off=lambda sentence: sys.exit(sentence),
    )
    try:
        yield made
    finally:
        made.close()


def books(desk: Broker) -> int:
    """Have depth20 books of all pairs handled; waiting ones of a pair would be conflated."""
    for number in range(BOOKS):
        for pair in PAIRS:
            desk.broker.tell(book(pair, desk.number + number, desk.clock.now_ms()))
        while not desk.broker.actor_inbox.idle():
            gevent.sleep(0)
    desk.number += BOOKS
    return BOOKS * len(PAIRS)


def trades(desk: Broker) -> int:
    """Have trades of all pairs handled."""
    for _ in range(TRADES):
        desk.number += 1
        for pair in PAIRS:
            trade = PublicTrade(
                trade_id=desk.number,
                price=PRICES[pair],
                quantity=PRICES[pair],
                traded_ms=desk.clock.now_ms(),
                buyer_is_maker=False,
            )
            desk.broker.tell(TradePrinted(pair=pair, trade=trade, catch_up=False))
    desk.settle()
    return TRADES * len(PAIRS)


def orders(desk: Broker) -> int:
    """Have orders stored, matched and cancelled."""
    desk.send(CHUNKS)
    return CHUNKS * 51


def compare(plain: Broker, recorded: Broker, made: Recorder, rounds: int) -> None:
    """Report each kind of mail: microseconds a message, the ratio, bytes a message."""
    kinds: dict[str, Callable[[Broker], int]] = {"books": books, "trades": trades, "orders": orders}
    for name, send in kinds.items():
        times: dict[bool, list[float]] = {False: [], True: []}
        made.flush()
        before, handled = made.bytes, 0
        for number in range(rounds + 1):
            for is_recorded in (False, True) if number % 2 else (True, False):
                began = time.process_time()
                count = send(recorded if is_recorded else plain)
                if number:  # the first round warms up
                    times[is_recorded].append((time.process_time() - began) / count)
                handled += count * is_recorded
        made.flush()
        without, with_it = statistics.median(times[False]), statistics.median(times[True])
        report(
            "recorder",
            name,
            without_us=round(without * 1e6, 1),
            recorded_us=round(with_it * 1e6, 1),
            added_us=round((with_it - without) * 1e6, 1),
            ratio=round(with_it / without, 2),
            bytes_a_message=round((made.bytes - before) / handled, 1),
        )


def whole_desk(folder: Path, stores: Stores, seconds: float) -> None:
    """Report what a desk of five pairs in the simulated world writes."""
    raw = yaml.safe_load((Path(__file__).parents[1] / "sim" / "demo.yaml").read_text())
    raw |= {"server": {"port": 0}, "storage": {"data_dir": str(folder), "database": "bench_desk"}}
    settings = parse_settings(raw)
    secrets = settings.secrets.model_copy(update={"mongodb_uri": SecretStr(stores.uri)})
    desk = Desk(settings.model_copy(update={"secrets": secrets}), path=folder / "settings.yaml")
    desk.start()
    try:
        gevent.sleep(seconds / 4)  # the start is not what the hours are like
        before, began = desk.recorded_bytes, time.monotonic()
        gevent.sleep(seconds)
        rate = (desk.recorded_bytes - before) / (time.monotonic() - began)
    finally:
        desk.stop()
    report("recorder", "desk", seconds=seconds, mib_an_hour=round(rate * 3600 / 2**20, 1))


def main(rounds: int = 5, seconds: float = 60) -> None:
    with tempfile.TemporaryDirectory() as folder, database("plain") as stores:
        other = Stores(uri=stores.uri, database="recorded")
        other.prepare()
        with recorder(Path(folder) / "recordings") as made:
            plain, recorded = start_broker(stores), start_broker(other, recorder=made)
            compare(plain, recorded, made, rounds)
            plain.stop()
            recorded.stop()
        other.close()
        whole_desk(Path(folder), stores, seconds)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
