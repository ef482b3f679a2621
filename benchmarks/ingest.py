"""From a depth20 frame to the updated book and the mail that waits for broker, bot and hub.

1. `path`: one frame after the other through the real parts (frame and book decoded, repeats left out, mail to the
   market actor, checks, book and quote told), without a socket; against nothing but decoding the same frame with
   msgspec, in turn, in the same run. `decode` makes the typed numbers that the desk computes with; `decode_untyped`
   leaves every number a string, and is told beside it.
2. `socket`: 400 pairs, 4,000 books a second, from a process of its own through real sockets into the real source and
   market actor, which are one thread. The lag is the time from the exchange's write until the consumer of the
   mail has the book in its hand; books that a newer one replaced while they waited are counted as conflated.
   `core_waited_for` is the share of the time in which this process was ready and other processes had the core.

Run: `python benchmarks/ingest.py [SECONDS [PAIRS [PER_SECOND]]]`. Prints one JSON line per figure.
"""

from gevent import monkey

monkey.patch_all()

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import msgspec
from pykka import ActorRef
from pykka._envelope import Envelope

from actors.base import Actor
from actors.directory import Directory, PeersOf
from actors.gevent_actor import Inbox
from actors.market import MarketActor
from actors.timers import GeventTimers
from adapters import binance_wire as wire
from adapters.binance import BinanceSource
from adapters.clock import SystemClock
from adapters.weight_governor import WeightGovernor
from benchmarks._depth_exchange import FIRST_ID, PLACE, depth_frame, pair_names
from benchmarks._exchange import milliseconds, report
from domain.market import PublicTrade, Source
from domain.messages import BookChanged, Ping, TradeReceived
from settings import parse_settings

SETTLE_SECONDS = 3.0  # after the first book: what a start costs is not what is measured
ROUNDS, FRAMES = 7, 4000


class TypedFrame(msgspec.Struct):
    """A frame and its book in one."""

    stream: str
    data: wire.Depth


@dataclass(slots=True)
class Lags:
    """How old each book was that the broker's place took, in seconds."""

    seconds: list[float] = field(default_factory=list)
    noted: bool = False


class Listener(Actor):
    """Stands for broker, bot or hub: takes the mail, and notes how old each book is that it takes."""

    def __init__(self, *, name: str, lags: Lags) -> None:
        super().__init__(name=name)
        self.lags = lags

    def on_receive(self, message: object) -> object:
        if isinstance(message, BookChanged):
            if self.lags.noted:
                self.lags.seconds.append((time.monotonic_ns() // 1000 + FIRST_ID - message.book.update_id) / 1e6)
            return None
        return True if isinstance(message, Ping) else None


class Mailbox:
    """A mailbox that nobody empties: what comes is conflated."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.actor_inbox = Inbox()

    def tell(self, message: object) -> None:
        self.actor_inbox.put(Envelope(message))


class Desk:
    """The source and the market actor, and in the places of the others `place` (name -> reference)."""

    def __init__(self, pairs: tuple[str, ...], port: int, place: Callable[[str], Any]) -> None:
        self.directory, clock = Directory(), SystemClock()
        settings = parse_settings(
            {
                "bots": {"pairs": {pair: {} for pair in pairs}},
                "market": {"intervals": ["1m"], "stale_after_seconds": 3600},
            }
        )
        self.source = BinanceSource(
            pairs=pairs,
            intervals=settings.market.intervals,
            rest_urls=(f"http://127.0.0.1:{port}",),
            stream_urls=(f"ws://127.0.0.1:{port}",),
            governor=WeightGovernor(weight_per_minute=6000),
            peers=self.directory,
            clock=clock,
            stale_after_seconds=3600,
            history=1,
            kind=Source.SIMULATED,
        )
        bots = tuple(f"bot-{pair}" for pair in pairs)
        self.others = {name: place(name) for name in ("broker", "hub", *bots)}
        for name, ref in self.others.items():
            self.directory.bind(name, ref)
        self.market: Any = MarketActor.start(
            settings=settings,
            peers=PeersOf(self.directory, "market"),
            clock=clock,
            timers=GeventTimers(peers=self.directory, clock=clock),
            source=self.source,
            bots=bots,
        )
        self.directory.bind("market", self.market)
        for pair in pairs:  # as on any day, there was a trade
            trade = PublicTrade(
                trade_id=1, price=Decimal(500), quantity=Decimal(1), traded_ms=clock.now_ms(), buyer_is_maker=True
            )
            self.market.tell(TradeReceived(pair=pair, trade=trade))

    def conflated(self) -> int:
        return sum(inbox.conflated for inbox in (self.market.actor_inbox, self.others["broker"].actor_inbox))

    def come_to_rest(self) -> None:
        while not self.market.actor_inbox.idle():
            gevent.sleep(0)

    def stop(self) -> None:
        self.market.stop(timeout=10)


class Exchange:
    """The other process."""

    def __init__(self, pairs: int, per_second: int) -> None:
        command = [sys.executable, "-m", "benchmarks._depth_exchange", str(pairs), str(per_second)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self._line())
        self.sent = 0
        gevent.spawn(self._follow)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def _follow(self) -> None:
        while line := self._line():
            self.sent = int(line)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def path(per_second: int) -> None:
    """Measure the path without a socket against decoding alone."""
    exchange = Exchange(10, per_second=0)
    pairs = pair_names(10)
    desk = Desk(pairs, exchange.port, Mailbox)
    try:
        while not desk.source._run.groups:
            gevent.sleep(0.05)
        gevent.sleep(1)
        group = desk.source._run.groups[0].streams
        assert group is not None
        templates = [depth_frame(pair, variant) for variant in range(7) for pair in pairs]
        whole = msgspec.json.Decoder(TypedFrame).decode
        ways: dict[str, Callable[[list[bytes]], None]] = {
            "whole": partial(_through, desk, group._take),
            "decode": partial(_each, whole),
            "decode_untyped": partial(_each, msgspec.json.decode),
        }
        spent: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(ROUNDS + 1):
            frames = [
                templates[number % len(templates)].replace(PLACE, b"%d" % (FIRST_ID + turn * FRAMES + number))
                for number in range(FRAMES)
            ]
            for name, way in ways.items():
                began = time.process_time()
                way(frames)
                if turn:  # the first is for warmth
                    spent[name].append((time.process_time() - began) / FRAMES * 1e6)
        books = desk.others["broker"].actor_inbox.conflated
        assert books >= (ROUNDS + 1) * FRAMES - len(pairs), f"every frame must become a book, there were {books}"
    finally:
        desk.stop()
        exchange.stop()
    micros = {name: round(statistics.median(values), 1) for name, values in spent.items()}
    report(
        "ingest",
        "path_cpu_us_per_message",
        **micros,
        ratio=round(micros["whole"] / micros["decode"], 2),
        ratio_untyped=round(micros["whole"] / micros["decode_untyped"], 2),
        messages_per_second=round(1e6 / micros["whole"]),
        load=round(os.getloadavg()[0], 1),
        required=4,
        aim=2,
    )


def _through(desk: Desk, take: Callable[[bytes], object], frames: list[bytes]) -> None:
    """Take ten frames, one of each pair, and let everybody come to rest, and so on."""
    for start in range(0, len(frames), 10):
        for frame in frames[start : start + 10]:
            take(frame)
        desk.come_to_rest()


def _each(decode: Callable[[bytes], object], frames: list[bytes]) -> None:
    for frame in frames:
        decode(frame)


def _listener(lags: Lags, name: str) -> ActorRef[Any]:
    return Listener.start(name=name, lags=lags if name == "broker" else Lags())


def through_sockets(seconds: float, pairs: int, per_second: int) -> None:
    """Measure the lag of `pairs` pairs on one core."""
    exchange = Exchange(pairs, per_second)
    lags = Lags()
    desk = Desk(pair_names(pairs), exchange.port, partial(_listener, lags))
    try:
        while not exchange.sent:
            gevent.sleep(0.05)
        gevent.sleep(SETTLE_SECONDS)
        gc.collect()
        conflated, sent = desk.conflated(), exchange.sent
        began, worked, waited = time.perf_counter(), time.process_time(), _waited_seconds()
        lags.noted = True
        gevent.sleep(seconds)
        lags.noted = False
        elapsed, worked = time.perf_counter() - began, time.process_time() - worked
        waited = _waited_seconds() - waited
        sent, conflated = exchange.sent - sent, desk.conflated() - conflated
    finally:
        desk.stop()
        exchange.stop()
    report(
        "ingest",
        "socket_lag_ms",
        **milliseconds(lags.seconds),
        pairs=pairs,
        sent_per_second=round(sent / elapsed),
        taken_per_second=round(len(lags.seconds) / elapsed),
        conflated=conflated,
        cpu_us_per_message=round(worked / max(1, len(lags.seconds) + conflated) * 1e6, 1),
        core_busy=round(worked / elapsed, 2),
        core_waited_for=round(waited / elapsed, 2),
        seconds=round(elapsed, 1),
        load=round(os.getloadavg()[0], 1),
        required=250,
        aim=100,
    )


def _waited_seconds() -> float:
    """Return for how long this process was ready to run and had no core (Linux)."""
    return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 400
    per_second = int(sys.argv[3]) if len(sys.argv) > 3 else 4000
    path(per_second)
    through_sockets(seconds, pairs, per_second)


if __name__ == "__main__":
    main()
