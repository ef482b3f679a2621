"""Recorded 1 m klines as a price path, played round and round in wall time."""

import csv
import gzip
import re
from decimal import Decimal
from pathlib import Path

from sim.paths import MinuteBar
from sim.symbols import UNIT, Listing

_NAME = re.compile(r"([A-Z0-9]+USDT)-1m-.*\.csv(\.gz)?")


def recorded_files(place: Path) -> dict[str, Path]:
    """Return the 1 m kline files of `place` (a folder or one file) by pair; the last by name where there are several.

    Raises:
        FileNotFoundError: there is none.
    """
    files = sorted(place.iterdir()) if place.is_dir() else [place]
    found = {match[1]: file for file in files if (match := _NAME.fullmatch(file.name))}
    if not found:
        raise FileNotFoundError(f"{place} must hold 1 m klines named PAIR-1m-*.csv or .csv.gz, found none")
    return found


class RecordedPath:
    """The bars of one file: open time, open, high, low, close, base volume; a header is allowed.

    Minute m since the epoch plays row m modulo their number: a restarted simulator goes on where it was. A recording
    holds no trades: prices and volumes of each minute are the file's (a thin minute's volume is raised to what its
    trades need), the trades inside it and its quote volume are made up.
    """

    def __init__(self, *, listing: Listing, file: Path) -> None:
        self._listing = listing
        self._bars = tuple(self._read(file))
        if not self._bars:
            raise ValueError(f"{file} must hold at least one kline")

    def bars(self, hour: int) -> tuple[MinuteBar, ...]:
        first = hour * 60
        return tuple(self._bars[(first + minute) % len(self._bars)] for minute in range(60))

    def _read(self, file: Path) -> list[MinuteBar]:
        with gzip.open(file, "rt") if file.suffix == ".gz" else file.open() as lines:
            return [self._bar(row) for row in csv.reader(lines) if row and row[0].isdigit()]

    def _bar(self, row: list[str]) -> MinuteBar:
        first, high, low, last = (round(Decimal(price) * UNIT / self._listing.tick) for price in row[1:5])
        if not 0 < low <= min(first, last) <= max(first, last) <= high:
            raise ValueError(f"low <= open, close <= high must hold, found {row}")
        return MinuteBar(first, high, low, last, int(Decimal(row[5]) * UNIT / self._listing.step))
