"""A recording of market data as one ordered stream of the messages a market source tells.

Only candles: each opens with its first price and is told as a whole when it closes; coarser intervals and 24 h
statistics are built from them. Trades, quotes or raw streams: these are told as they came, and candles are built from
trades where none are recorded.
"""

import gzip
import heapq
import logging
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec

from adapters import binance_wire as wire
from adapters.recording_files import EXCHANGE_RULES, Faults, find_files, read_candles, read_quotes, read_trades
from adapters.recording_streams import StreamRecording
from domain.candles import CandleAggregator, CandleBuilder, DayStatistics
from domain.errors import SettingsError
from domain.market import INTERVAL_MS, Candle, SymbolRules
from domain.messages import (
    BookReceived,
    CandleOpenReceived,
    CandleReceived,
    HistoryReceived,
    TickerReceived,
    TradeReceived,
)
from domain.ports import RecordedEvent
from domain.symbols import derived_rules, known_rules

log = logging.getLogger(__name__)

HAPPENED, BEGINS = 0, 2  # ranks of RecordedEvent
OPEN_CANDLE_MS = 2000  # the open candle is told this often, as the exchange does
SAMPLE = 2000  # rows whose decimals tell the filters of an unknown pair
MAX_HISTORY = 1000


class Recording:
    """What is recorded at one place of the pairs of one desk. `events` may be called again: it begins anew.

    Attributes:
        first_ms, last_ms: when the first and the last event are due, epoch ms.
        has_books: quotes, books or trades are recorded, not candles alone.
        rules: the filters of all `pairs`, from exchangeInfo beside the recording or the documented defaults.
        missing: those of `pairs` of which nothing is recorded.
    """

    def __init__(self, path: str | Path, *, pairs: tuple[str, ...], intervals: tuple[str, ...]) -> None:
        """Look at the files of `path`.

        Args:
            path: a file or a folder.
            pairs: the pairs to play, in the order in which they are told at one time.
            intervals: the candle intervals wanted, e.g. ("1m", "1h").

        Raises:
            SettingsError: nothing usable is recorded there.
        """
        self.path = Path(path)
        self.pairs = pairs
        self._intervals = intervals
        self._files = find_files(self.path)
        self._streamed = self._streams_recorded()
        self._traded = self._pairs_beyond_candles()
        self.has_books = bool(self._traded)
        self._finest = {pair: self._finest_interval(pair) for pair in pairs}
        self.missing = tuple(pair for pair in pairs if pair not in self._traded and self._finest[pair] is None)
        self.first_ms, self.last_ms = self._span()
        self.rules = self._find_rules()
        self._say_what_there_is()

    def finest_interval(self, pair: str) -> str | None:
        """Return the interval of the candles that are played for `pair`, None when there are none."""
        return self._finest.get(pair)

    def events(self, pairs: Iterable[str] | None = None) -> Iterator[RecordedEvent]:
        """Yield everything recorded of `pairs` (all when None) by time, rank and the order of pairs."""
        faults: Faults = Faults()
        wanted = self.pairs if pairs is None else tuple(pairs)
        sources = [source for pair in wanted for source in self._sources(pair, faults)]
        if self._files.streams:
            streams = StreamRecording(streams=self._files.streams, depths=self._files.depths, faults=faults)
            sources.append(self._with_candles(streams.events(wanted)))
        yield from heapq.merge(*sources, key=lambda event: event[:2])
        for (name, reason), count in sorted(faults.items()):
            log.warning("Recording: %s: %s, %s times left out", name, reason, count)

    def history(self) -> tuple[HistoryReceived, ...]:
        """Return the closed candles that lead up to a recording of trades or books, per pair and interval."""
        if not self.has_books:
            return ()
        return tuple(message for pair in self.pairs for message in self._history_of(pair))

    # --- what there is ----------------------------------------------------------------------------------------------

    def _streams_recorded(self) -> frozenset[tuple[str, str]]:
        if not self._files.streams:
            return frozenset()
        return StreamRecording(streams=self._files.streams, depths=(), faults=Faults()).names()

    def _pairs_beyond_candles(self) -> frozenset[str]:
        streamed = {pair for pair, _ in self._streamed}
        return frozenset(self.pairs) & {*self._files.trades, *self._files.quotes, *streamed}

    def _finest_interval(self, pair: str) -> str | None:
        """Return 1m where it is recorded, else the finest other interval."""
        recorded = [interval for name, interval in self._files.candles if name == pair]
        return "1m" if "1m" in recorded else min(recorded, key=INTERVAL_MS.__getitem__, default=None)

    def _span(self) -> tuple[int, int]:
        """Return the times of the first and last event; only the ends of each file are looked at closely."""
        first, last = None, None
        for event in self._ends():
            first = event.time_ms if first is None else min(first, event.time_ms)
            last = event.time_ms if last is None else max(last, event.time_ms)
        if first is None or last is None:
            raise SettingsError(
                f"market.recording must hold data of a pair of bots.pairs ({', '.join(self.pairs)}), "
                f"{self.path} holds none"
            )
        return first, last

    def _ends(self) -> Iterator[RecordedEvent]:
        faults: Faults = Faults()
        if not self.has_books:
            for pair in self.pairs:
                if (interval := self._finest[pair]) is not None:
                    yield from _ends_of(self._files.candles[(pair, interval)], interval, faults)
            return
        sources = [source for pair in self.pairs for source in self._market_sources(pair, faults)]
        if self._files.streams:
            streams = StreamRecording(streams=self._files.streams, depths=self._files.depths, faults=faults)
            sources.append(streams.events(self.pairs))
        for source in sources:
            if (first := next(source, None)) is not None:
                yield first
                yield from deque(source, maxlen=1)

    def _find_rules(self) -> tuple[SymbolRules, ...]:
        found = {rules.pair: rules for path in self._files.rules for rules in _read_rules(path, self.pairs)}
        for pair in self.pairs:
            if pair in found or pair in self.missing:
                continue
            known = known_rules(pair)
            found[pair] = known if known is not None else self._derived_rules(pair)
            log.info(
                "Recording has no exchange rules of %s: %s",
                pair,
                "the documented ones are used" if known is not None else "taken from the decimals seen",
            )
        return tuple(found[pair] for pair in self.pairs if pair in found)

    def _derived_rules(self, pair: str) -> SymbolRules:
        prices, quantities = [], []
        for event in islice(self.events((pair,)), SAMPLE):
            match event.message:
                case CandleReceived(candle=candle):
                    prices += [candle.open, candle.high, candle.low, candle.close]
                    quantities.append(candle.volume)
                case TradeReceived(trade=trade):
                    prices.append(trade.price)
                    quantities.append(trade.quantity)
                case BookReceived(book=book):
                    prices += [price for price, _ in book.bids + book.asks]
                    quantities += [quantity for _, quantity in book.bids + book.asks]
        return derived_rules(pair, prices=prices, quantities=quantities)

    def _say_what_there_is(self) -> None:
        for pair in self.missing:
            log.warning("Recording has no data of %s: it stays without prices", pair)
        others = [pair for pair in self._files.pairs() if pair not in self.pairs]
        if others:
            log.info("Recording also has %s, which bots.pairs does not name: ignored", ", ".join(others))
        for pair, interval in self._finest.items():
            coarser = [name for name in self._intervals if interval and INTERVAL_MS[name] < INTERVAL_MS[interval]]
            if coarser:
                log.warning("Recording has no candles of %s finer than %s: no %s", pair, interval, ", ".join(coarser))

    # --- events -----------------------------------------------------------------------------------------------------

    def _sources(self, pair: str, faults: Faults) -> list[Iterator[RecordedEvent]]:
        if not self.has_books:
            interval = self._finest.get(pair)
            return [] if interval is None else [self._candle_events(pair, interval, faults, opens=True)]
        sources = self._market_sources(pair, faults)
        if (interval := self._finest.get(pair)) is not None:
            sources.insert(0, self._candles_alongside(pair, interval, faults))
        return sources

    def _market_sources(self, pair: str, faults: Faults) -> list[Iterator[RecordedEvent]]:
        sources: list[Iterator[RecordedEvent]] = []
        if pair in self._files.trades:
            sources.append(self._trade_events(pair, faults))
        if pair in self._files.quotes:
            sources.append(
                RecordedEvent(book.received_ms, HAPPENED, BookReceived(pair=pair, book=book))
                for book in read_quotes(self._files.quotes[pair], faults)
            )
        return sources

    def _candle_events(self, pair: str, interval: str, faults: Faults, *, opens: bool) -> Iterator[RecordedEvent]:
        closer = _Closer(pair, interval, self._intervals)
        for candle in read_candles(self._files.candles[(pair, interval)], interval, faults):
            if opens:
                opened = CandleOpenReceived(pair=pair, open_ms=candle.open_ms, price=candle.open)
                yield RecordedEvent(candle.open_ms, BEGINS, opened)
            yield from closer.close(candle)

    def _candles_alongside(self, pair: str, interval: str, faults: Faults) -> Iterator[RecordedEvent]:
        for event in self._candle_events(pair, interval, faults, opens=False):
            if self.first_ms < event.time_ms <= self.last_ms:
                yield event

    def _trade_events(self, pair: str, faults: Faults) -> Iterator[RecordedEvent]:
        """Yield trades and, where no candles are recorded, the candles they make."""
        builder = None if self._has_candles(pair) else _Builder(pair, self._intervals)
        for trade in read_trades(self._files.trades[pair], faults):
            received = TradeReceived(pair=pair, trade=trade)
            event = RecordedEvent(trade.traded_ms, HAPPENED, received)
            if builder is None:
                yield event
            else:
                yield from builder.around(event, received)

    def _with_candles(self, events: Iterator[RecordedEvent]) -> Iterator[RecordedEvent]:
        """Yield `events` and, for pairs without recorded candles, those that their trades make."""
        builders = {pair: _Builder(pair, self._intervals) for pair in self.pairs if not self._has_candles(pair)}
        for event in events:
            message = event.message
            if isinstance(message, TradeReceived) and message.pair in builders:
                yield from builders[message.pair].around(event, message)
            else:
                yield event

    def _has_candles(self, pair: str) -> bool:
        streamed = any(name == pair and kind.startswith("kline_") for name, kind in self._streamed)
        return streamed or self._finest.get(pair) is not None

    def _history_of(self, pair: str) -> Iterator[HistoryReceived]:
        interval = self._finest.get(pair)
        if interval is None:
            return
        kept: dict[str, deque[Candle]] = {}
        for event in self._candle_events(pair, interval, Faults(), opens=False):
            if event.time_ms > self.first_ms:
                break
            if isinstance(event.message, CandleReceived):
                kept.setdefault(event.message.interval, deque(maxlen=MAX_HISTORY)).append(event.message.candle)
        finest = kept.get(interval)
        if not finest or finest[-1].open_ms + 2 * INTERVAL_MS[interval] <= self.first_ms:
            return  # they do not lead up to the recording
        for name, candles in kept.items():
            yield HistoryReceived(pair=pair, interval=name, candles=tuple(candles))


class _Closer:
    """Tells a closed candle, the coarser ones it completes, and the 24 h statistics after it."""

    def __init__(self, pair: str, interval: str, intervals: tuple[str, ...]) -> None:
        part_ms = INTERVAL_MS[interval]
        self._pair, self._interval, self._part_ms = pair, interval, part_ms
        coarser = sorted((name for name in intervals if INTERVAL_MS[name] > part_ms), key=INTERVAL_MS.__getitem__)
        self._coarser = [
            (name, CandleAggregator(part_ms=part_ms, interval_ms=INTERVAL_MS[name]))
            for name in coarser
            if INTERVAL_MS[name] % part_ms == 0
        ]
        self._day = DayStatistics(interval_ms=part_ms)

    def close(self, candle: Candle) -> Iterator[RecordedEvent]:
        at_ms = candle.open_ms + self._part_ms
        yield self._event(at_ms, self._interval, candle)
        for name, aggregator in self._coarser:
            if (coarse := aggregator.add(candle)) is not None:
                yield self._event(at_ms, name, coarse)
        yield RecordedEvent(at_ms, HAPPENED, TickerReceived(pair=self._pair, ticker=self._day.add(candle)))

    def _event(self, at_ms: int, interval: str, candle: Candle) -> RecordedEvent:
        closed = CandleReceived(pair=self._pair, interval=interval, candle=candle, closed=True)
        return RecordedEvent(at_ms, HAPPENED, closed)


class _Builder:
    """Makes candles of 1 m, and coarser ones, from the trades of one pair."""

    def __init__(self, pair: str, intervals: tuple[str, ...]) -> None:
        self._pair = pair
        self._builder = CandleBuilder(interval_ms=INTERVAL_MS["1m"])
        self._closer = _Closer(pair, "1m", intervals)
        self._told_ms = 0

    def around(self, event: RecordedEvent, received: TradeReceived) -> Iterator[RecordedEvent]:
        """Yield the candles that the trade of `event` closes, `event`, and now and then the open candle so far."""
        for candle in self._builder.add(received.trade):
            for closed in self._closer.close(candle):
                yield closed._replace(time_ms=event.time_ms)
        yield event
        if self._builder.current is not None and event.time_ms - self._told_ms >= OPEN_CANDLE_MS:
            self._told_ms = event.time_ms
            so_far = CandleReceived(pair=self._pair, interval="1m", candle=self._builder.current, closed=False)
            yield RecordedEvent(event.time_ms, HAPPENED, so_far)


def utc_text(ms: int) -> str:
    """Return a time as people read it, e.g. 2026-03-23 12:09 UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def recorded_rules(path: Path, pairs: tuple[str, ...]) -> tuple[SymbolRules, ...]:
    """Return the filters of `pairs` from the exchangeInfo files in a folder, or beside a file; of some, or of none."""
    folder = path if path.is_dir() else path.parent
    files = sorted(file for file in folder.iterdir() if EXCHANGE_RULES.fullmatch(file.name))
    return tuple(rules for file in files for rules in _read_rules(file, pairs))


def _ends_of(paths: list[Path], interval: str, faults: Faults) -> Iterator[RecordedEvent]:
    candles = read_candles(paths, interval, faults)
    first = next(candles, None)
    if first is None:
        return
    last = next(iter(deque(candles, maxlen=1)), first)
    yield RecordedEvent(first.open_ms, BEGINS, None)
    yield RecordedEvent(last.open_ms + INTERVAL_MS[interval], HAPPENED, None)


def _read_rules(path: Path, pairs: tuple[str, ...]) -> tuple[SymbolRules, ...]:
    try:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return wire.rules_of(msgspec.json.decode(text, type=wire.ExchangeInfo), pairs)
    except (OSError, EOFError, msgspec.MsgspecError) as error:
        log.warning("Recording: %s is not an exchangeInfo answer and is ignored: %s", path.name, error)
        return ()
