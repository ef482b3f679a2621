"""Raw recordings of Binance's combined streams: lines `receive time: frame`, depth answers `URL -> receive time: JSON`.

Depth differences are applied to the depth answer of their pair and give top-20 books. Where a pair has neither depth
differences nor partial books, its best bid and ask do.
"""

import heapq
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from adapters import binance_wire as wire
from adapters.recording_files import Faults, read_lines
from domain.local_book import LocalBook
from domain.market import OrderBook
from domain.market_checks import book_fault
from domain.messages import BookReceived, CandleReceived, TickerReceived, TradeReceived
from domain.ports import RecordedEvent

_FRAME = re.compile(r"(\d{9,11}(?:\.\d+)?): (\{.*\})")
_DEPTH = re.compile(r"(\S+) -> (\d{9,11}(?:\.\d+)?): (\{.*\})")
_DEPTH_LEVELS = 20

_frame = msgspec.json.Decoder(wire.StreamFrame)
_decoders: dict[str, msgspec.json.Decoder[Any]] = {
    "depth": msgspec.json.Decoder(wire.DepthUpdate),
    "partial": msgspec.json.Decoder(wire.Depth),
    "bookTicker": msgspec.json.Decoder(wire.BookTicker),
    "trade": msgspec.json.Decoder(wire.TradeEvent),
    "aggTrade": msgspec.json.Decoder(wire.AggregateTrade),
    "kline": msgspec.json.Decoder(wire.KlineEvent),
    "ticker": msgspec.json.Decoder(wire.TickerEvent),
}


class StreamRecording:
    """The frames of raw stream files, with the depth answers recorded beside them."""

    def __init__(self, *, streams: Iterable[Path], depths: Iterable[Path], faults: Faults) -> None:
        self._streams = tuple(streams)
        self._depths = tuple(depths)
        self._faults = faults
        self._books: dict[str, LocalBook] = {}
        self._partial: set[str] = set()  # pairs whose books arrive whole

    def events(self, pairs: Iterable[str]) -> Iterator[RecordedEvent]:
        """Yield what is recorded of `pairs`, by receive time."""
        wanted = set(pairs)
        sources = [self._frames(path) for path in self._streams] + [self._snapshots(path) for path in self._depths]
        newest_ms = 0
        for time_ms, path, stream, text in heapq.merge(*sources, key=lambda line: line[0]):
            pair, _, kind = stream.partition("@")
            if pair.upper() not in wanted:
                continue
            at_ms = max(newest_ms, time_ms)
            try:
                message = self._message(pair.upper(), kind, text, at_ms)
            except msgspec.MsgspecError:
                self._faults[(path.name, "not a message of its stream")] += 1
                continue
            newest_ms = at_ms
            if message is not None:
                yield RecordedEvent(at_ms, 0, message)

    def names(self) -> frozenset[tuple[str, str]]:
        """Return the streams that have frames, as (pair, kind), e.g. (BTCUSDT, kline_1m)."""
        frames = (line for path in self._streams for line in self._frames(path))
        parts = (stream.partition("@") for _, _, stream, _ in frames)
        return frozenset((pair.upper(), kind) for pair, _, kind in parts)

    def _frames(self, path: Path) -> Iterator[tuple[int, Path, str, msgspec.Raw | str]]:
        for line in read_lines(path, self._faults):
            if not line or line.startswith(("wss://", "ws://")):
                continue
            match = _FRAME.fullmatch(line)
            if match is None:
                self._faults[(path.name, "not a frame")] += 1
                continue
            try:
                frame = _frame.decode(match[2])
            except msgspec.MsgspecError:
                self._faults[(path.name, "not JSON")] += 1
                continue
            if frame.stream:
                yield _ms(match[1]), path, frame.stream, frame.data

    def _snapshots(self, path: Path) -> Iterator[tuple[int, Path, str, msgspec.Raw | str]]:
        for line in read_lines(path, self._faults):
            if not line:
                continue
            match = _DEPTH.fullmatch(line)
            pair = parse_qs(urlsplit(match[1]).query).get("symbol", [""])[0] if match else ""
            if match is None or not pair:
                self._faults[(path.name, "not a depth answer")] += 1
                continue
            yield _ms(match[2]), path, f"{pair.lower()}@snapshot", match[3]

    def _message(self, pair: str, kind: str, text: msgspec.Raw | str, at_ms: int) -> object | None:
        family = _family(kind)
        match _decoders[family].decode(text) if family else None:
            case wire.Depth() as depth if kind == "snapshot":
                book = self._books.setdefault(pair, LocalBook())
                book.snapshot(depth.lastUpdateId, depth.bids, depth.asks)
                return self._book(pair, book, at_ms)
            case wire.Depth() as depth:
                self._partial.add(pair)
                return BookReceived(pair=pair, book=wire.book_of(depth, at_ms))
            case wire.DepthUpdate() as update:
                book = self._books.setdefault(pair, LocalBook())
                if not book.change(update.U, update.u, update.b, update.a):
                    self._faults[(pair, "depth updates missing")] += 1
                return self._book(pair, book, at_ms)
            case wire.BookTicker() as ticker:
                if pair in self._books or pair in self._partial:
                    return None
                return BookReceived(pair=pair, book=wire.top_of(ticker, at_ms))
            case wire.TradeEvent() as trade:
                return TradeReceived(pair=pair, trade=wire.trade_of(trade))
            case wire.AggregateTrade() as trade:
                return TradeReceived(pair=pair, trade=wire.aggregate_of(trade))
            case wire.KlineEvent(k=bar):
                return CandleReceived(pair=pair, interval=bar.i, candle=wire.candle_of(bar), closed=bar.x)
            case wire.TickerEvent() as event:
                return TickerReceived(pair=pair, ticker=wire.ticker_of(event))
            case _:
                return None

    def _book(self, pair: str, local: LocalBook, at_ms: int) -> BookReceived | None:
        if local.update_id is None:
            return None
        book = OrderBook(
            update_id=local.update_id,
            received_ms=at_ms,
            bids=local.bids(_DEPTH_LEVELS),
            asks=local.asks(_DEPTH_LEVELS),
            depth=_DEPTH_LEVELS,
        )
        if (fault := book_fault(book)) is not None:
            self._faults[(pair, fault)] += 1
            return None
        return BookReceived(pair=pair, book=book)


def _family(kind: str) -> str:
    """Return which decoder reads a stream's data, "" when this desk does not use the stream."""
    if kind == "snapshot":
        return "partial"
    name = kind.partition("@")[0]
    if name == "depth" or name in ("trade", "aggTrade", "bookTicker", "ticker"):
        return name
    if name.startswith("depth"):
        return "partial"
    return "kline" if name.startswith("kline_") else ""


def _ms(text: str) -> int:
    try:
        return int(Decimal(text) * 1000)
    except InvalidOperation:  # the pattern admits digits only
        return 0
