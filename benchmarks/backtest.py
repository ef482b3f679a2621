"""Candles per second of a backtest beside the SMA cross of `backtesting`, on the same candles in the same process.

Run: `python benchmarks/backtest.py [DAYS]` (default 365: 525,600 candles). With `$QUORUM_DATA` set to a folder with
`BTCUSDT-1m-*.csv.gz` somewhere below, the candles are those, one after the other, then their mirror image (so that the
price stays where it is), and so on until the days are full; without it a seeded walk with the same spread of returns.

Ours: the built-in analyst, the default bots, exchange and hash-chained ledger in memory, from a table of candles to
the result; theirs: from a data frame to its statistics, the SMA cross of its documentation (10 and 20 candles, 0.1 %).
Both are run alternately, each run's CPU time is taken, the best of each counts. Prints JSON lines.
"""

import gc
import json
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:] = [place for place in sys.path if Path(place).resolve() != HERE]  # this file's name is a package's

import numpy as np
import pandas as pd
import pyarrow as pa

from backtest.engine import Job, run
from backtest.engines import engine_of
from backtest.files import Problems, find_files, read_table
from backtest.sweep import Log, Sweep
from backtest.sweep_question import parser, read_plan
from backtest.tables import CandleTable, FloatArray
from domain.symbols import known_rules
from settings import parse_settings

MINUTE_MS, DAY = 60_000, 1440
START_MS = 1_735_689_600_000  # 2025-01-01T00:00:00Z
PAIRS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT")
PRICES = dict(zip(PAIRS, (68_000.0, 2_100.0, 130.0, 620.0, 2.2), strict=True))
DECIMALS = {"XRPUSDT": 4}
SPREAD = 0.0005  # standard deviation of a minute's log return, as BTCUSDT had in spring 2026
REPEATS = 2


def report(figure: str, **values: object) -> None:
    print(json.dumps({"benchmark": "backtest", "figure": figure, **values}), flush=True)


def candles(pair: str, minutes: int, data: str | None) -> tuple[CandleTable, str]:
    """Return a table of so many candles, and where they are from."""
    found = {} if data is None else find_files(Path(data), (pair,))
    if (pair, "1m") in found:
        table = read_table(found[pair, "1m"], pair, "1m", Problems())
        return made(pair, repeated(table.floats, minutes)), f"{len(table)} recorded candles, repeated and mirrored"
    return made(pair, walk(pair, minutes)), "a seeded walk"


def repeated(floats: FloatArray, minutes: int) -> FloatArray:
    """Return recorded candles, then mirrored in time, and so on."""
    opened, high, low, close, volume = floats
    back = np.array((close[::-1], high[::-1], low[::-1], opened[::-1], volume[::-1]))
    both = np.concatenate((floats, back), axis=1)
    times = -(-minutes // both.shape[1])
    return np.tile(both, times)[:, :minutes]


def walk(pair: str, minutes: int) -> FloatArray:
    rng = np.random.default_rng(PAIRS.index(pair))
    ends = np.exp(np.cumsum(rng.normal(0, SPREAD, minutes)))
    close = PRICES[pair] * ends / np.exp(np.linspace(0, np.log(ends[-1]), minutes))
    opened = np.concatenate(([PRICES[pair]], close[:-1]))
    high = np.maximum(opened, close) * (1 + np.abs(rng.normal(0, SPREAD / 2, minutes)))
    low = np.minimum(opened, close) * (1 - np.abs(rng.normal(0, SPREAD / 2, minutes)))
    return np.array((opened, high, low, close, rng.uniform(0, 20, minutes)))


def made(pair: str, floats: FloatArray) -> CandleTable:
    rounded = np.round(floats, DECIMALS.get(pair, 2))
    return CandleTable(
        pair=pair,
        interval_ms=MINUTE_MS,
        open_ms=START_MS + np.arange(rounded.shape[1], dtype=np.int64) * MINUTE_MS,
        floats=rounded,
        texts=tuple(pa.array([f"{value:.4f}" for value in column.tolist()]) for column in rounded),
    )


def our_job(tables: list[CandleTable], trades_a_day: int = 10) -> Job:
    settings = parse_settings(
        {
            "market": {"source": "recorded", "recording": "candles"},
            "analysts": {"technical": {"model": "technical", "role": "technical"}},
            "bots": {
                "enabled_at_start": True,
                "defaults": {"max_trades_per_day": trades_a_day},
                "pairs": {table.pair: {} for table in tables},
            },
        }
    )
    rules = {table.pair: known_rules(table.pair) for table in tables}
    assert all(rules.values())
    last_ms = int(tables[0].open_ms[-1]) + MINUTE_MS
    return Job(
        settings=settings,
        tables={table.pair: table for table in tables},
        rules={pair: each for pair, each in rules.items() if each is not None},
        from_ms=START_MS,
        to_ms=last_ms,
    )


def frame(table: CandleTable) -> pd.DataFrame:
    columns = dict(zip(("Open", "High", "Low", "Close", "Volume"), table.floats, strict=True))
    return pd.DataFrame(columns, index=pd.to_datetime(table.open_ms, unit="ms"))


def their_run(data: pd.DataFrame, fast: int = 10, slow: int = 20) -> int:
    """Run the SMA cross of their documentation; return the number of trades."""
    from backtesting import Backtest, Strategy
    from backtesting.lib import crossover
    from backtesting.test import SMA

    class SmaCross(Strategy):  # type: ignore[misc]  # their class has no annotations
        def init(self) -> None:
            self.fast = self.I(SMA, self.data.Close, fast)
            self.slow = self.I(SMA, self.data.Close, slow)

        def next(self) -> None:
            if crossover(self.fast, self.slow):
                self.position.close()
                self.buy(size=0.05)
            elif crossover(self.slow, self.fast):
                self.position.close()
                self.sell(size=0.05)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        statistics = Backtest(data, SmaCross, cash=10_000_000, commission=0.001).run()
    return int(statistics["# Trades"])


def seconds(task: Callable[[], object]) -> tuple[float, object]:
    """Return the CPU time of one call, and what it returned."""
    gc.collect()
    began = time.process_time()
    result = task()
    return time.process_time() - began, result


def resident_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def sweeps(days: int) -> None:
    """Report what a second process, and Ray, make of a sweep of eight trials over so many days."""
    table = made(PAIRS[0], walk(PAIRS[0], days * DAY))
    with tempfile.TemporaryDirectory() as folder:
        columns = [table.open_ms.tolist(), *(column.to_pylist() for column in table.texts)]
        rows = (",".join(map(str, row)) for row in zip(*columns, strict=True))
        (Path(folder) / f"{PAIRS[0]}-1m-walk.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        spans = ("--param", "stop_loss_percent=0.5..2:0.5", "--param", "take_profit_percent=2,3")
        plan = read_plan(parser().parse_args(["--pairs", PAIRS[0], "--data", folder, *spans]))
        alone: list[dict[str, object]] = []
        first = 0.0
        for name, jobs in (("local", 1), ("local", 2), ("ray", 2)):
            engine = engine_of(name, jobs, None)
            try:
                began = time.monotonic()
                records = Sweep(plan, engine, Log(None)).run()
                taken = time.monotonic() - began
            finally:
                engine.close()
            alone, first = alone or records, first or taken
            report(
                "sweep",
                engine=name,
                processes=jobs,
                seconds=round(taken, 2),
                speed_up=round(first / taken, 2),
                same_records=records == alone,
            )


def main() -> None:
    minutes = round(float(sys.argv[1]) * DAY) if len(sys.argv) > 1 else 365 * DAY
    data = os.environ.get("QUORUM_DATA")
    table, source = candles(PAIRS[0], minutes, data)
    job, theirs = our_job([table]), frame(table)
    run(job), their_run(theirs.iloc[: 10 * DAY])  # warm
    before = resident_mib()
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(REPEATS):
        taken, result = seconds(lambda: run(job))
        times["ours"].append(taken)
        spent, trades = seconds(lambda: their_run(theirs))
        times["theirs"].append(spent)
    ours, other = minutes / min(times["ours"]), minutes / min(times["theirs"])
    report("candles_per_second", ours=round(ours), backtesting_sma_cross=round(other), ratio=round(ours / other, 2))
    report(
        "run",
        candles=minutes,
        source=source,
        documents=result.seq,  # type: ignore[attr-defined]  # a Result
        closed_trades=len(result.closed),  # type: ignore[attr-defined]  # as above
        their_trades=trades,
        our_seconds=[round(each, 2) for each in times["ours"]],
        their_seconds=[round(each, 2) for each in times["theirs"]],
        resident_mib={"with_both_loaded": before, "at_most": resident_mib()},
    )
    calm = our_job([table], trades_a_day=1)
    taken, result = seconds(lambda: run(calm))
    report(
        "one_trade_a_day",
        candles_per_second=round(minutes / taken),
        ratio=round(minutes / taken / other, 2),
        closed_trades=len(result.closed),  # type: ignore[attr-defined]  # as above
    )
    five = our_job([candles(pair, minutes, data)[0] for pair in PAIRS])
    taken, result = seconds(lambda: run(five))
    report(
        "five_pairs",
        candles=5 * minutes,
        candles_per_second=round(5 * minutes / taken),
        seconds=round(taken, 2),
        documents=result.seq,  # type: ignore[attr-defined]  # as above
        resident_mib=resident_mib(),
    )
    sweeps(max(2, minutes // DAY))


if __name__ == "__main__":
    main()
