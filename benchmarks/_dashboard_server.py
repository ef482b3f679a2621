"""The desk's web server and hub, whose prices change RATE times a second: `_dashboard_server.py PAIRS RATE`.

It serves the built dashboard, candles of a random walk, and a candle that moves once a second for each pair. It prints
its port and ends with its standard input.
"""

from gevent import monkey

if __name__ == "__main__":
    monkey.patch_all()

import random
import sys
from decimal import Decimal
from pathlib import Path

import gevent
from gevent.socket import wait_read

from actors.base import Actor
from actors.directory import Directory, PeersOf
from actors.hub import HubActor
from actors.timers import GeventTimers
from adapters.clock import SystemClock
from benchmarks._hub_values import NoArchive, whole_state
from domain.market import Candle, MarketState, OrderBook, Quote, Source, Ticker
from domain.messages import (
    BookChanged,
    CandleChanged,
    CandleHistory,
    MarketStatusChanged,
    QuoteChanged,
    SendCandles,
    TickerChanged,
)
from settings import ServerSettings, parse_settings
from web.server import WebServer

DIST = Path(__file__).parents[1] / "frontend" / "dist"
MINUTE_MS = 60_000
TICK = Decimal("0.01")


class MarketActor(Actor):
    """Handles: SendCandles, answered with a random walk. Tells: the hub. State: none."""

    def __init__(self, *, peers: PeersOf, now_ms: int) -> None:
        super().__init__(name="market")
        self._peers = peers
        self._now_ms = now_ms

    def on_receive(self, message: object) -> object:
        if not isinstance(message, SendCandles):
            return None
        length = MINUTE_MS if message.interval == "1m" else 60 * MINUTE_MS
        newest = self._now_ms - self._now_ms % length
        closed = tuple(walk(newest - place * length, place) for place in range(min(message.limit, 500), 0, -1))
        answer = CandleHistory(
            pair=message.pair,
            interval=message.interval,
            candles=closed,
            open_candle=walk(newest, 0),
            request_id=message.request_id,
        )
        self._peers.tell(message.reply_to, answer)
        return None


def walk(open_ms: int, place: int) -> Candle:
    price = Decimal(100) + Decimal(place % 23) / 10
    return Candle(
        open_ms=open_ms, open=price, high=price + 1, low=price - 1, close=price + Decimal("0.3"), volume=Decimal(place)
    )


def moves(pairs: list[str], now_ms: int, chance: random.Random) -> list[object]:
    """Return one new quote of every pair."""
    told: list[object] = []
    for pair in pairs:
        price = Decimal(100) + TICK * chance.randrange(-200, 200)
        quote = Quote(pair=pair, price=price, bid=price, ask=price + TICK, event_ms=now_ms, source=Source.SIMULATED)
        told.append(QuoteChanged(quote=quote))
    return told


def slow_moves(pairs: list[str], now_ms: int, chance: random.Random) -> list[object]:
    """Return what comes once a second of every pair: the open candle, the 24 h figures, the book."""
    told: list[object] = []
    for pair in pairs:
        price = Decimal(100) + TICK * chance.randrange(-200, 200)
        change = Decimal(chance.randrange(-300, 300)) / 100
        ticker = Ticker(
            change_percent=change,
            change=change,
            high=price,
            low=price,
            volume=price,
            quote_volume=price,
            event_ms=now_ms,
        )
        levels = tuple((price + TICK * place, Decimal(5)) for place in range(20))
        book = OrderBook(update_id=now_ms, received_ms=now_ms, bids=levels[::-1], asks=levels)
        candle = walk(now_ms - now_ms % MINUTE_MS, chance.randrange(23))
        told += [
            TickerChanged(pair=pair, ticker=ticker),
            BookChanged(pair=pair, book=book),
            CandleChanged(pair=pair, interval="1m", candle=candle),
        ]
    return told


def main() -> None:
    count, rate = int(sys.argv[1]), float(sys.argv[2])
    pairs = [f"P{number:02}USDT" for number in range(count)]
    clock, directory = SystemClock(), Directory()
    server = ServerSettings(port=0, messages_per_second=1000, price_updates_per_second=int(rate))
    web = WebServer(settings=server, clock=clock, tell=directory.tell, health=dict, pairs=tuple(pairs), dist=DIST)
    web.start()
    hub = HubActor.start(
        settings=parse_settings({"bots": {"pairs": {pair: {} for pair in pairs}}}),
        peers=PeersOf(directory, "hub"),
        clock=clock,
        timers=GeventTimers(peers=directory, clock=clock),
        notices=web.notices,
        archive=NoArchive(),
        source=Source.SIMULATED,
        banner="Made-up prices of a benchmark.",
        version="benchmark",
        settings_hash="0" * 64,
    )
    market = MarketActor.start(peers=PeersOf(directory, "market"), now_ms=clock.now_ms())
    directory.bind("hub", hub)
    directory.bind("market", market)
    for message in whole_state(dict.fromkeys(pairs, Decimal(100))):
        directory.tell("hub", message)
    directory.tell("hub", MarketStatusChanged(state=MarketState.LIVE, message="", at_ms=clock.now_ms()))
    print(web.port, flush=True)
    chance = random.Random(1)
    gevent.spawn(tell_all, directory, clock, pairs, 1 / rate, chance, moves)
    gevent.spawn(tell_all, directory, clock, pairs, 1.0, chance, slow_moves)
    wait_read(sys.stdin.fileno())
    hub.stop(timeout=5)
    market.stop(timeout=5)
    web.stop()


def tell_all(directory, clock, pairs, pause, chance, made) -> None:  # type: ignore[no-untyped-def]  # a loop of this file
    while True:
        for message in made(pairs, clock.now_ms(), chance):
            directory.tell("hub", message)
        gevent.sleep(pause)


if __name__ == "__main__":
    main()
