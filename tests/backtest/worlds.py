"""Candles and jobs for tests of backtests: seeded walks with gaps in the price, holes in time, and eager bots."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from backtest.engine import Job
from backtest.tables import CandleTable
from domain.symbols import known_rules
from settings import parse_settings
from tests.system.worlds import recorded

START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
MINUTE = 60_000
PRICES = {"BTCUSDT": 97_000.0, "ETHUSDT": 3_300.0, "SOLUSDT": 190.0, "XRPUSDT": 2.2, "BNBUSDT": 700.0}
DECIMALS = {"XRPUSDT": 4}


def walk(
    pair: str = "BTCUSDT",
    *,
    minutes: int,
    seed: int,
    volatility: float = 0.0008,
    start_ms: int = START,
    holes: int = 0,
    jumps: float = 0.01,
    flat: int = 0,
) -> CandleTable:
    """Return 1 m candles of a seeded walk.

    Args:
        volatility: standard deviation of a minute's log return.
        holes: stretches of missing candles.
        jumps: share of minutes that open away from the last close, by up to ten times the volatility.
        flat: stretches of half an hour in which the price does not move.
    """
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, volatility, minutes)
    gaps = np.where(rng.random(minutes) < jumps, rng.normal(0, 10 * volatility, minutes), 0.0)
    for first in rng.integers(0, minutes, flat):
        steps[first : first + 30] = gaps[first : first + 30] = 0.0
    ends = np.cumsum(steps + gaps)
    closes = PRICES[pair] * np.exp(ends)
    opens = PRICES[pair] * np.exp(np.concatenate(([0.0], ends[:-1])) + gaps)
    high = np.maximum(opens, closes) * (1 + np.where(steps == 0, 0, np.abs(rng.normal(0, volatility / 2, minutes))))
    low = np.minimum(opens, closes) * (1 - np.where(steps == 0, 0, np.abs(rng.normal(0, volatility / 2, minutes))))
    columns = np.round(np.array((opens, high, low, closes)), DECIMALS.get(pair, 2))
    keep = np.ones(minutes, dtype=bool)
    for first in rng.integers(0, minutes, holes):
        keep[first : first + int(rng.integers(1, 12))] = False
    floats = np.vstack((columns, np.round(rng.uniform(0, 20, minutes), 3)))[:, keep]
    return table_of(pair, (start_ms + np.arange(minutes, dtype=np.int64) * MINUTE)[keep], floats)


def table_of(pair: str, open_ms: Any, floats: Any, interval_ms: int = MINUTE) -> CandleTable:
    """Return a table of the figures given, written as Python writes them."""
    texts = tuple(pa.array([repr(float(value)) for value in column]) for column in floats)
    return CandleTable(
        pair=pair,
        interval_ms=interval_ms,
        open_ms=np.asarray(open_ms, dtype=np.int64),
        floats=np.ascontiguousarray(floats, dtype=np.float64),
        texts=texts,
    )


def job_of(*tables: CandleTable, warm_up: int = 0, plain: bool = False, keep: bool = True, **bots: Any) -> Job:
    """Return a job over the tables with eager bots; `bots` change their defaults, `warm_up` is in minutes."""
    raw = deepcopy(recorded("recording"))
    raw["market"]["source"] = "recorded"
    raw["bots"]["defaults"] |= bots
    raw["bots"]["pairs"] = {table.pair: {} for table in tables}
    first = min(int(table.open_ms[0]) for table in tables)
    last = max(int(table.open_ms[-1]) + table.interval_ms for table in tables)
    return Job(
        settings=parse_settings(raw),
        tables={table.pair: table for table in tables},
        rules={table.pair: known_rules(table.pair) for table in tables},
        from_ms=first + warm_up * MINUTE,
        to_ms=last,
        plain=plain,
        keep_journal=keep,
    )


def plainly(job: Job) -> Job:
    """Return the same job, gone through minute by minute."""
    return replace(job, plain=True)
