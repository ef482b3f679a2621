"""The market under each fault of each path: what the desk was told against what the simulated exchange itself knows.

A cell is one fault on one stream or REST path. It has a pair and a connection of its own, so that many cells run at
once on one simulated exchange.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import gevent

from actors.market import MarketActor
from actors.timers import GeventTimers
from adapters.binance import BinanceSource
from adapters.binance_feed import TICKER_SILENCE_SECONDS
from adapters.clock import SystemClock
from adapters.weight_governor import WeightGovernor
from domain.market import MarketState
from domain.messages import BookChanged, CandleClosed, MarketStatusChanged, TickerChanged, TradePrinted
from settings import parse_settings
from sim import wire as truth
from sim.faults import Fault
from sim.world import World

STALE_SECONDS = 2
INTERVALS = ("1m", "1s")
LASTS_SECONDS = 5.0  # each fault of a stream
REPAIRED_SECONDS = 60.0  # a limit for machines under load; the measured times are in docs/market.md
STREAMS = ("trade", "depth20@100ms", "ticker", "kline_1s")
TIMES = 2  # requests that a fault of a REST path spoils
WATCHED_SECONDS = 1.5  # of flow on every path before it counts as repaired
# Kinds that need no notice: what comes twice, late or in disorder is put right; an announced end is forestalled.
QUIET = ("duplicate", "reorder", "delay", "shutdown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One fault on one path, in words and as the simulator's schedule has it; `pair` is set when it is run."""

    path: str  # a stream, "all streams" or "REST <name>"
    kind: str
    faults: tuple[Fault, ...]
    detail: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}{self.detail} on {self.path}"


@dataclass(slots=True)
class Outcome:
    """What became of a cell; seconds from the beginning of the fault, and from its end."""

    cell: Cell
    detected_seconds: float | None = None
    repaired_seconds: float | None = None
    states: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def stream_cells() -> list[Cell]:
    cells = []
    for stream in STREAMS:
        for kind in ("silence", "reorder", "duplicate", "delay", "malformed"):
            long = stream == "ticker" and kind in ("silence", "malformed")  # noticed after a minute only
            lasts = TICKER_SILENCE_SECONDS + LASTS_SECONDS if long else LASTS_SECONDS
            fault = Fault(kind=kind, on="stream", where=f"PAIR@{stream}", for_seconds=lasts, seconds=1.0)
            cells.append(Cell(path=stream, kind=kind, faults=(fault,)))
    whole: dict[str, Any] = {"on": "stream", "where": "PAIR@"}
    for kind in ("drop", "silence", "shutdown", "malformed"):
        fault = Fault(kind=kind, for_seconds=LASTS_SECONDS, seconds=0.5, **whole)
        cells.append(Cell(path="all streams", kind=kind, faults=(fault,)))
    for status in (451, 503):
        refuse = Fault(kind="refuse", status=status, for_seconds=LASTS_SECONDS, **whole)
        drop = Fault(kind="drop", **whole)
        cells.append(Cell(path="all streams", kind="refuse", detail=f" {status}", faults=(refuse, drop)))
    return cells


def rest_cells() -> list[Cell]:
    """Each fault of each REST path that repairs a gap: the connection is cut, and the repair meets the fault."""
    cells = []
    for path in ("klines", "trades", "aggTrades"):
        lasts = LASTS_SECONDS * (2.5 if path == "aggTrades" else 1.0)  # aggregates are asked for where more is missing
        cut = Fault(kind="silence", on="stream", where="PAIR@", for_seconds=lasts)
        for status in (429, 418, 451, 403, 500):
            wait = 3 if status in (418, 429) else None
            fault = Fault(kind="status", where=f"/{path}?symbol=SYMBOL", times=TIMES, status=status, retry_after=wait)
            cells.append(Cell(path=f"REST {path}", kind=str(status), faults=(fault, cut)))
        for kind in ("delay", "hang", "drop", "malformed"):
            fault = Fault(kind=kind, where=f"/{path}?symbol=SYMBOL", times=TIMES, seconds=2.0)
            cells.append(Cell(path=f"REST {path}", kind=kind, faults=(fault, cut)))
    return cells


class _Peers:
    """The directory of one cell: the market is a real actor, everybody else only keeps what it is told."""

    def __init__(self) -> None:
        self.market: Any = None
        self.told: list[tuple[float, str, object]] = []

    def tell(self, name: str, message: object) -> bool:
        if name == "market":
            if self.market is not None:
                self.market.tell(message)
        elif name in ("hub", "broker"):
            self.told.append((time.monotonic(), name, message))
        return True

    def of(self, kind: type, to: str = "hub") -> list[tuple[float, Any]]:
        return [(at, message) for at, name, message in self.told if name == to and isinstance(message, kind)]


class _Run:
    """One cell, running."""

    def __init__(self, world: World, cell: Cell, number: int) -> None:
        self.world, self.cell, self.pair = world, cell, f"F{number}USDT"
        self.outcome = Outcome(cell)
        self.peers = _Peers()
        self.governor = WeightGovernor(weight_per_minute=6000)
        clock = SystemClock()
        source = BinanceSource(
            pairs=(self.pair,),
            intervals=INTERVALS,
            rest_urls=(world.rest_url,),
            stream_urls=(world.stream_url,),
            governor=self.governor,
            peers=self.peers,
            clock=clock,
            history=30,
            stale_after_seconds=STALE_SECONDS,
        )
        market = {"stale_after_seconds": STALE_SECONDS, "intervals": list(INTERVALS)}
        settings = parse_settings({"market": market, "bots": {"pairs": {self.pair: {}}}})
        self.timers = GeventTimers(peers=self.peers, clock=clock)
        self.peers.market = MarketActor.start(
            settings=settings, peers=self.peers, clock=clock, timers=self.timers, source=source, bots=()
        )

    def run(self) -> None:
        try:
            self._wait(lambda: self._last_state() == MarketState.LIVE and len(self._trades()) > 2, "it never went live")
            began = time.monotonic()
            placed = [self._placed(fault) for fault in self.cell.faults]
            for fault in placed:
                self.world.faults.add(fault)
            lasts = max(fault.for_seconds or 0.0 for fault in placed)
            ends = began + lasts
            self._wait(lambda: self._detected(began) or time.monotonic() > ends + 8, "", lasts + 20)
            gevent.sleep(max(0.0, ends - time.monotonic()))
            ended = time.monotonic()
            self._wait(lambda: self._is_whole_since(ended), "it was not repaired")
            assert all(fault.times != TIMES for fault in placed), "the repair never met the fault"
            self.outcome.repaired_seconds = max(0.0, time.monotonic() - ended - WATCHED_SECONDS)
            self._compare()
        except AssertionError as error:
            self.outcome.problems.append(str(error))
        finally:
            self.outcome.states = [str(told.state) for _, told in self.peers.of(MarketStatusChanged)]
            self.timers.cancel_all()
            self.peers.market.stop(block=False)

    def _placed(self, fault: Fault) -> Fault:
        where = fault.where.replace("PAIR", self.pair.lower()).replace("SYMBOL", self.pair)
        return replace(fault, where=where, began=time.monotonic())

    def _wait(self, holds: Any, problem: str, seconds: float = REPAIRED_SECONDS) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, problem
            gevent.sleep(0.02)

    def _trades(self) -> list[Any]:
        return [told.trade for _, told in self.peers.of(TradePrinted, "broker")]

    def _last_state(self) -> MarketState | None:
        states = self.peers.of(MarketStatusChanged)
        return states[-1][1].state if states else None

    def _detected(self, began: float) -> bool:
        """Return whether the desk was told of trouble: by market_status, or by data fetched in place of lost ones."""
        times = [at for at, told in self.peers.of(MarketStatusChanged) if told.state != MarketState.LIVE]
        times += [
            at for kind, to in ((TradePrinted, "broker"), (CandleClosed, "hub")) for at, told in self._fetched(kind, to)
        ]
        first = min((at for at in times if at > began), default=None)
        if first is not None:
            self.outcome.detected_seconds = first - began
        return first is not None

    def _fetched(self, kind: type, to: str) -> Iterable[tuple[float, Any]]:
        return [(at, told) for at, told in self.peers.of(kind, to) if told.catch_up]

    def _is_whole_since(self, ended: float) -> bool:
        """Return whether everything flows again: it is live, and each path told something well after `ended`."""
        kinds = ((TradePrinted, "broker"), (BookChanged, "hub"), (TickerChanged, "hub"), (CandleClosed, "hub"))
        return self._last_state() == MarketState.LIVE and all(
            any(at > ended + WATCHED_SECONDS for at, _ in self.peers.of(kind, to)[-1:]) for kind, to in kinds
        )

    # --- against the exchange's own truth -----------------------------------------------------------------------------

    def _compare(self) -> None:
        self._compare_trades()
        self._compare_candles()
        self._compare_books()
        self._compare_tickers()

    def _compare_trades(self) -> None:
        """Trades told one by one or as whole orders: every quantity once, in order, nothing else."""
        market, told = self.world.market.pair(self.pair), self._trades()
        ids = [trade.trade_id for trade in told]
        assert all(after > before for before, after in pairwise(ids)), f"trades out of order or twice: {ids}"
        true = market.tape.trades_between(told[0].traded_ms - 60_000, told[-1].traded_ms + 60_000)
        true = [trade for trade in true if ids[0] <= trade.id <= ids[-1]]
        assert sum(trade.quantity for trade in true) * market.listing.step == sum(
            int(trade.quantity * 10**8) for trade in told
        ), "trades are missing or doubled"
        prices = {trade.id: market.listing.price_text(trade.price) for trade in true}
        assert all(Decimal(prices[trade.trade_id]) == trade.price for trade in told), "prices differ"

    def _compare_candles(self) -> None:
        market = self.world.market.pair(self.pair)
        for interval, step in (("1s", 1000), ("1m", 60_000)):
            bars = [told.candle for _, told in self.peers.of(CandleClosed) if told.interval == interval]
            opens = [bar.open_ms for bar in bars]
            assert all(after == before + step for before, after in pairwise(opens)), f"{interval} candles: {opens}"
            for bar in bars:
                sums = market.candles.at(interval, bar.open_ms, bar.open_ms + step - 1)
                text, listing = market.listing.price_text, market.listing
                true = (text(sums.open), text(sums.high), text(sums.low), text(sums.close))
                assert tuple(map(Decimal, true)) == (bar.open, bar.high, bar.low, bar.close), f"{interval} {bar}"
                assert Decimal(listing.quantity_text(sums.volume)) == bar.volume, f"{interval} {bar}"

    def _compare_books(self) -> None:
        market = self.world.market.pair(self.pair)
        first, each = market.books.update_id(0), market.books.update_id(1) - market.books.update_id(0)
        for _, told in self.peers.of(BookChanged)[-3:]:
            book = market.books.book((told.book.update_id - first) // each, 20)
            for side, true in ((told.book.bids, book.bids), (told.book.asks, book.asks)):
                levels = truth.levels(market.listing, true)
                assert [list(level) for level in side] == [[Decimal(part) for part in level] for level in levels], (
                    "book"
                )

    def _compare_tickers(self) -> None:
        market = self.world.market.pair(self.pair)
        for _, told in self.peers.of(TickerChanged)[-3:]:
            ticker, true = told.ticker, truth.ticker_24h(market, told.ticker.event_ms)
            names = ("priceChangePercent", "priceChange", "highPrice", "lowPrice", "volume", "quoteVolume")
            figures = (
                *(ticker.change_percent, ticker.change, ticker.high, ticker.low),
                *(ticker.volume, ticker.quote_volume),
            )
            assert [Decimal(true[name]) for name in names] == list(figures), "24 h figures"


def run_cells(world: World, cells: list[Cell]) -> list[Outcome]:
    """Run `cells` at once, each on a pair of its own (F0USDT ...) which `world` must list."""
    runs = [_Run(world, cell, number) for number, cell in enumerate(cells)]
    gevent.joinall([gevent.spawn(run.run) for run in runs], raise_error=True)
    return [run.outcome for run in runs]


def pairs_for(count: int) -> tuple[str, ...]:
    return tuple(f"F{number}USDT" for number in range(count))
