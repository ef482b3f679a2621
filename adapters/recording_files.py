"""Files of recorded market data: which there are, and their rows as domain values. Bad rows are counted and left out.

Kline CSV `PAIR-INTERVAL-*.csv`: open time (ms or us), open, high, low, close, base volume; further columns are ignored.
Trades CSV `PAIR-trades-*.csv`: time (ms), trade id, price, quantity, buyer is maker.
Quotes CSV `PAIR-quotes-*.csv`: time (ms), bid, bid quantity, ask, ask quantity.
All may be gzipped; a header line is optional. Exchange rules: `*exchangeInfo*.json`. Raw streams: recording_streams.py.
"""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from domain.errors import SettingsError
from domain.market import INTERVAL_MS, Candle, OrderBook, PublicTrade
from domain.market_checks import book_fault, candle_fault, trade_fault

Faults = Counter[tuple[str, str]]  # (file name, reason)

_CANDLES = re.compile(r"([A-Z0-9]{4,20})-(1s|1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d)(?:-.*)?\.csv(?:\.gz)?")
_TRADES = re.compile(r"([A-Z0-9]{4,20})-trades(?:-.*)?\.csv(?:\.gz)?")
_QUOTES = re.compile(r"([A-Z0-9]{4,20})-quotes(?:-.*)?\.csv(?:\.gz)?")
_STREAMS = re.compile(r".*ws_raw.*\.txt(?:\.gz)?")
_DEPTHS = re.compile(r".*rest_depth.*\.txt(?:\.gz)?")
EXCHANGE_RULES = re.compile(r".*exchangeInfo.*\.json(?:\.gz)?")
_MICROSECONDS = 100_000_000_000_000  # times from here on are microseconds
_STEP = Decimal("0.00000001")  # the exchange knows no finer figures; more decimals are noise of a float


@dataclass(slots=True)
class RecordingFiles:
    """The files of one recording, sorted by name."""

    candles: dict[tuple[str, str], list[Path]] = field(default_factory=dict)  # (pair, interval)
    trades: dict[str, list[Path]] = field(default_factory=dict)
    quotes: dict[str, list[Path]] = field(default_factory=dict)
    streams: list[Path] = field(default_factory=list)
    depths: list[Path] = field(default_factory=list)
    rules: list[Path] = field(default_factory=list)

    def pairs(self) -> tuple[str, ...]:
        """Return the pairs that files are named after, sorted."""
        return tuple(sorted({pair for pair, _ in self.candles} | set(self.trades) | set(self.quotes)))


def find_files(path: Path) -> RecordingFiles:
    """Return what there is at `path`: one file (with the rules and depths beside it), or a folder.

    Raises:
        SettingsError: there is nothing at `path`, or nothing in a known format.
    """
    if not path.exists():
        raise SettingsError(f"market.recording must name a file or folder that exists, was {path}")
    files = RecordingFiles()
    try:
        beside = sorted(path.iterdir() if path.is_dir() else path.parent.iterdir())
    except OSError as error:
        raise SettingsError(f"market.recording must be readable, {path} is not: {error.strerror}") from error
    for file in (file for file in beside if file.is_file()):
        if path.is_dir() or file == path:
            _sort_in(files, file)
        elif EXCHANGE_RULES.fullmatch(file.name):
            files.rules.append(file)
        elif _DEPTHS.fullmatch(file.name) and _STREAMS.fullmatch(path.name):
            files.depths.append(file)
    if not (files.candles or files.trades or files.quotes or files.streams):
        raise SettingsError(
            "market.recording must hold PAIR-INTERVAL-*.csv, PAIR-trades-*.csv, PAIR-quotes-*.csv or *ws_raw*.txt "
            f"(each also as .gz), {path} holds none of them"
        )
    return files


def _sort_in(files: RecordingFiles, file: Path) -> None:
    name = file.name
    if match := _CANDLES.fullmatch(name):
        files.candles.setdefault((match[1], match[2]), []).append(file)
    elif match := _TRADES.fullmatch(name):
        files.trades.setdefault(match[1], []).append(file)
    elif match := _QUOTES.fullmatch(name):
        files.quotes.setdefault(match[1], []).append(file)
    elif _STREAMS.fullmatch(name):
        files.streams.append(file)
    elif _DEPTHS.fullmatch(name):
        files.depths.append(file)
    elif EXCHANGE_RULES.fullmatch(name):
        files.rules.append(file)


def read_lines(path: Path, faults: Faults) -> Iterator[str]:
    """Yield the lines of a text file, gzipped or not; a file that is cut off or broken ends there, counted."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            for line in file:
                yield line.rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error):
        faults[(path.name, "file cut off or broken")] += 1


def read_candles(paths: Iterable[Path], interval: str, faults: Faults) -> Iterator[Candle]:
    """Yield closed candles, oldest first; rows that are not newer than the one before are left out."""
    interval_ms, newest = INTERVAL_MS[interval], -1
    for path, row in _rows(paths, faults):
        candle = _candle(row)
        fault = "not a candle" if candle is None else candle_fault(candle, interval_ms)
        if candle is None or fault is not None:
            faults[(path.name, fault or "")] += 1
        elif candle.open_ms <= newest:
            faults[(path.name, "repeated or out of order")] += 1
        else:
            newest = candle.open_ms
            yield candle


def read_trades(paths: Iterable[Path], faults: Faults) -> Iterator[PublicTrade]:
    """Yield trades by rising id and time."""
    newest_id, newest_ms = -1, -1
    for path, row in _rows(paths, faults):
        trade = _trade(row)
        fault = "not a trade" if trade is None else trade_fault(trade)
        if trade is None or fault is not None:
            faults[(path.name, fault or "")] += 1
        elif trade.trade_id <= newest_id or trade.traded_ms < newest_ms:
            faults[(path.name, "repeated or out of order")] += 1
        else:
            newest_id, newest_ms = trade.trade_id, trade.traded_ms
            yield trade


def read_quotes(paths: Iterable[Path], faults: Faults) -> Iterator[OrderBook]:
    """Yield books of depth 1 by time, numbered from 1."""
    number, newest_ms = 0, -1
    for path, row in _rows(paths, faults):
        book = _quote(row, number + 1)
        fault = "not a quote" if book is None else book_fault(book)
        if book is None or fault is not None:
            faults[(path.name, fault or "")] += 1
        elif book.received_ms < newest_ms:
            faults[(path.name, "out of order")] += 1
        else:
            number, newest_ms = number + 1, book.received_ms
            yield book


def _rows(paths: Iterable[Path], faults: Faults) -> Iterator[tuple[Path, list[str]]]:
    for path in paths:
        for number, line in enumerate(read_lines(path, faults)):
            if not line or (number == 0 and not line[0].isdigit()):
                continue  # a header
            yield path, line.split(",")


def _candle(row: list[str]) -> Candle | None:
    if len(row) < 6:
        return None
    try:
        opened, high, low, close, volume = map(_number, row[1:6])
        return Candle(open_ms=_ms(row[0]), open=opened, high=high, low=low, close=close, volume=volume)
    except (InvalidOperation, ValueError):
        return None


def _trade(row: list[str]) -> PublicTrade | None:
    if len(row) < 5 or row[4].lower() not in ("true", "false", "1", "0"):
        return None
    try:
        return PublicTrade(
            trade_id=int(row[1]),
            price=_number(row[2]),
            quantity=_number(row[3]),
            traded_ms=_ms(row[0]),
            buyer_is_maker=row[4].lower() in ("true", "1"),
        )
    except (InvalidOperation, ValueError):
        return None


def _quote(row: list[str], number: int) -> OrderBook | None:
    if len(row) < 5:
        return None
    try:
        bid, bid_quantity, ask, ask_quantity = map(_number, row[1:5])
        return OrderBook(
            update_id=number,
            received_ms=_ms(row[0]),
            bids=((bid, bid_quantity),),
            asks=((ask, ask_quantity),),
            depth=1,
        )
    except (InvalidOperation, ValueError):
        return None


def _ms(text: str) -> int:
    value = int(text)
    return value // 1000 if value >= _MICROSECONDS else value


def _number(text: str) -> Decimal:
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    return value.quantize(_STEP) if isinstance(exponent, int) and exponent < -8 else value
