"""How often the price moves the way the built-in analyst says, over every minute of recorded candles.

Run: `python benchmarks/technical.py [DATA]`, DATA a folder with PAIR-1m-….csv.gz and PAIR-5m-….csv.gz somewhere below
(default `$QUORUM_DATA`). At each closed candle the analyst's own features are made of the newest 500 candles, as in the
desk; the move is from that close to the close 15 minutes later, and a price that stood still is a miss. Prints one JSON
line per file and range of |score|; without the data one that says so.
"""

import csv
import gzip
import json
import os
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

from domain.features import CandleColumns, interval_features
from domain.market import INTERVAL_MS
from domain.technical import HORIZON_MINUTES, THRESHOLD, measure

HISTORY = 500  # candles: market.history of the settings
EDGES = (THRESHOLD, 0.6, 0.75, 1.01)  # of |score|


def report(figure: str, **values: object) -> None:
    print(json.dumps({"benchmark": "technical", "figure": figure, **values}), flush=True)


def read(path: Path) -> CandleColumns:
    """Return the candles of a file as columns, oldest first."""
    with gzip.open(path, "rt") as lines:
        rows = [[float(value) for value in row[:6]] for row in csv.reader(lines) if row[0][:1].isdigit()]
    times, opened, high, low, close, volume = (np.ascontiguousarray(column) for column in np.array(rows).T)
    return CandleColumns(open_ms=times.astype(np.int64), open=opened, high=high, low=low, close=close, volume=volume)


def cut(bars: CandleColumns, end: int) -> CandleColumns:
    """Return the `HISTORY` candles before place `end`."""
    part = slice(end - HISTORY, end)
    return CandleColumns(
        open_ms=bars.open_ms[part],
        open=bars.open[part],
        high=bars.high[part],
        low=bars.low[part],
        close=bars.close[part],
        volume=bars.volume[part],
    )


def calls(bars: CandleColumns, interval: str) -> tuple[list[tuple[float, float]], int]:
    """Return (|score|, move in the call's direction) of each BUY and SELL, and how many candles were looked at."""
    ahead = HORIZON_MINUTES * 60_000 // INTERVAL_MS[interval]
    found, looked = [], 0
    for end in range(HISTORY, len(bars.close) - ahead + 1):
        if bars.open_ms[end - 1 + ahead] - bars.open_ms[end - 1] != HORIZON_MINUTES * 60_000:
            continue  # a candle is missing in the recording
        looked += 1
        stretch = measure(interval_features(interval, cut(bars, end)))
        if stretch is None or abs(stretch.score) < THRESHOLD:
            continue
        move = float(bars.close[end - 1 + ahead] / bars.close[end - 1]) - 1
        found.append((abs(stretch.score), move if stretch.score > 0 else -move))
    return found, looked


def hit_rates(path: Path) -> None:
    """Print for each range of |score| how many calls there were, how many were right, and the mean move."""
    pair, interval = path.name.split("-")[:2]
    found, looked = calls(read(path), interval)
    for low, high in pairwise(EDGES):
        moves = [move for score, move in found if low <= score < high]
        values: dict[str, object] = {"file": path.name.removesuffix(".csv.gz"), "pair": pair, "interval": interval}
        values |= {"score_from": low, "candles": looked, "calls": len(moves)}
        if moves:
            values["right"] = round(sum(move > 0 for move in moves) / len(moves), 4)
            values["mean_move_bps"] = round(sum(moves) / len(moves) * 10_000, 2)
        report("hit_rate", **values)


def main() -> None:
    folder = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("QUORUM_DATA", "")
    paths = sorted(path for name in ("1m", "5m") for path in Path(folder).rglob(f"*-{name}-*.csv.gz")) if folder else []
    if not paths:
        report("skipped", reason="no recorded candles: give the folder, or set QUORUM_DATA")
    for path in paths:
        hit_rates(path)


if __name__ == "__main__":
    main()
