"""Recordings for tests: 1 m candles of the simulated exchange, written as the files that people record."""

import gzip
from collections.abc import Iterable
from pathlib import Path

from sim.paths import HOUR_MS, MINUTE_MS, SeededPath
from sim.symbols import eight, listing

FIRST_HOUR = 490_896  # 2026-01-01T00:00:00Z


def write_recording(folder: Path, pairs: Iterable[str], *, hours: int, volatility: float = 1.0) -> Path:
    """Write `PAIR-1m-seeded.csv.gz` for each pair, always the same, and return the folder."""
    folder.mkdir()
    for pair in pairs:
        listed = listing(pair)
        path = SeededPath(listing=listed, seed=1, volatility=volatility)
        with gzip.open(folder / f"{pair}-1m-seeded.csv.gz", "wt") as file:
            for hour in range(FIRST_HOUR, FIRST_HOUR + hours):
                for minute, bar in enumerate(path.bars(hour)):
                    prices = (listed.price_text(ticks) for ticks in bar[:4])
                    opened = hour * HOUR_MS + minute * MINUTE_MS
                    print(opened, *prices, eight(bar.volume * listed.step), sep=",", file=file)
    return folder
