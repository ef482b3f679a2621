"""The exchange's streams: what is due of each stream, made and encoded once for all its subscribers."""

import re
from collections.abc import Callable
from typing import Protocol

from sim import wire
from sim.book import GRID_MS, Level, difference
from sim.candles import INTERVALS, end_of, open_of
from sim.market import PairMarket, SimulatedMarket

BOOK_LEVELS = 100  # of a diff stream, either side
LATE_MS = 10_000  # trades older than this are not sent any more: a gap, to be filled by REST
_NAME = re.compile(r"([a-z0-9]{1,30})@([A-Za-z0-9]+)(?:_([0-9]+[smhdwM]))?(?:@(100ms|1000ms))?")


class Producer(Protocol):
    """Makes the messages of one stream."""

    def produce(self, now_ms: int) -> list[bytes]:
        """Return what is due, encoded; asked many times a second."""
        ...


def producer(market: SimulatedMarket, name: str, now_ms: int) -> Producer | None:
    """Return what makes the messages of stream `name`; None where the exchange has no such stream (and is silent)."""
    match = _NAME.fullmatch(name)
    if match is None or match[1].upper() not in market.listings:
        return None
    pair, (_, kind, interval, speed) = market.pair(match[1].upper()), match.groups()
    grids = 1 if speed == "100ms" else 10
    if kind == "kline" and interval in INTERVALS:
        return Klines(pair, interval, now_ms)
    if interval is not None:
        return None
    if kind in ("depth5", "depth10", "depth20"):
        return TopLevels(pair, int(kind[5:]), grids)
    if kind == "depth":
        return Differences(pair, grids, now_ms)
    if speed is not None:
        return None
    plain: dict[str, Callable[[PairMarket, int], Producer]] = {
        "trade": Trades,
        "aggTrade": Aggregates,
        "bookTicker": BookTickers,
    }
    if kind in plain:
        return plain[kind](pair, now_ms)
    return EachSecond(pair, kind) if kind in ("ticker", "miniTicker", "avgPrice") else None


class Trades:
    """Each trade, as soon as it has happened."""

    def __init__(self, pair: PairMarket, now_ms: int) -> None:
        self._pair, self._sent_ms = pair, now_ms

    def produce(self, now_ms: int) -> list[bytes]:
        trades = self._pair.tape.trades_between(max(self._sent_ms, now_ms - LATE_MS), now_ms)
        self._sent_ms = max(self._sent_ms, now_ms)
        return [wire.encode(wire.trade_event(self._pair.listing, trade, now_ms)) for trade in trades]


class Aggregates:
    """Each taker order's fills as one trade. Fills of one order share their time, so none is ever torn apart."""

    def __init__(self, pair: PairMarket, now_ms: int) -> None:
        self._pair, self._sent_ms = pair, now_ms

    def produce(self, now_ms: int) -> list[bytes]:
        trades = self._pair.tape.trades_between(max(self._sent_ms, now_ms - LATE_MS), now_ms)
        self._sent_ms = max(self._sent_ms, now_ms)
        orders = wire.aggregates(trades)
        return [wire.encode(wire.aggregate_event(self._pair.listing, fills, now_ms)) for fills in orders]


class BookTickers:
    """Best bid and ask whenever they change."""

    def __init__(self, pair: PairMarket, now_ms: int) -> None:
        self._pair = pair
        self._sent: tuple[object, ...] = ()

    def produce(self, now_ms: int) -> list[bytes]:
        grid = now_ms // GRID_MS
        top = self._pair.books.top(grid)
        if top == self._sent:
            return []
        self._sent = top
        return [wire.encode(wire.book_ticker_event(self._pair, grid))]


class TopLevels:
    """The best levels, each 100 or 1000 ms."""

    def __init__(self, pair: PairMarket, levels: int, grids: int) -> None:
        self._pair, self._levels, self._grids, self._sent = pair, levels, grids, -1

    def produce(self, now_ms: int) -> list[bytes]:
        grid = now_ms // GRID_MS // self._grids * self._grids
        if grid <= self._sent:
            return []
        self._sent = grid
        return [wire.encode(wire.depth(self._pair.listing, self._pair.books.book(grid, self._levels)))]


class Differences:
    """What changed in the book, each 100 or 1000 ms; update ids without a gap."""

    def __init__(self, pair: PairMarket, grids: int, now_ms: int) -> None:
        self._pair, self._grids = pair, grids
        self._sent = now_ms // GRID_MS // grids * grids

    def produce(self, now_ms: int) -> list[bytes]:
        grid = now_ms // GRID_MS // self._grids * self._grids
        if grid <= self._sent:
            return []
        first_id, last_id = self._pair.books.update_id(self._sent) + 1, self._pair.books.update_id(grid)
        bids, asks = self._changes(grid)
        self._sent = grid
        return [wire.encode(wire.depth_event(self._pair.listing, first_id, last_id, bids, asks, now_ms))]

    def _changes(self, grid: int) -> tuple[list[Level], list[Level]]:
        """Return each level that changed at any time since, even if it is as it was: a snapshot may be younger."""
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        before = self._pair.books.book(self._sent, BOOK_LEVELS)
        late = grid - self._sent > LATE_MS // GRID_MS
        for step in (grid,) if late else range(self._sent + 1, grid + 1):
            after = self._pair.books.book(step, BOOK_LEVELS)
            bids.update(difference(before.bids, after.bids))
            asks.update(difference(before.asks, after.asks))
            before = after
        return list(bids.items()), list(asks.items())


class Klines:
    """The open candle every two seconds (1 s candles: each second), and each candle's last state once it is closed."""

    def __init__(self, pair: PairMarket, interval: str, now_ms: int) -> None:
        self._pair, self._interval = pair, interval
        self._every_ms = 1000 if interval == "1s" else 2000
        self._sent_ms = 0
        self._open_ms = open_of(interval, now_ms)

    def produce(self, now_ms: int) -> list[bytes]:
        made: list[bytes] = []
        while (end_ms := end_of(self._interval, self._open_ms)) <= now_ms:
            if now_ms - end_ms < LATE_MS:
                made.append(self._event(end_ms - 1, now_ms, closed=True))
            self._open_ms = end_ms
            self._sent_ms = now_ms
        if now_ms - self._sent_ms >= self._every_ms:
            self._sent_ms = now_ms
            made.append(self._event(now_ms, now_ms, closed=False))
        return made

    def _event(self, until_ms: int, now_ms: int, *, closed: bool) -> bytes:
        sums = self._pair.candles.at(self._interval, self._open_ms, until_ms)
        return wire.encode(wire.kline_event(self._pair.listing, self._interval, sums, now_ms, closed=closed))


class EachSecond:
    """24 h statistics and average prices."""

    def __init__(self, pair: PairMarket, kind: str) -> None:
        self._pair, self._kind, self._second = pair, kind, -1

    def produce(self, now_ms: int) -> list[bytes]:
        if now_ms // 1000 <= self._second:
            return []
        self._second = now_ms // 1000
        make = {
            "ticker": wire.ticker_event,
            "miniTicker": wire.mini_ticker_event,
            "avgPrice": wire.average_price_event,
        }[self._kind]
        return [wire.encode(make(self._pair, now_ms))]
