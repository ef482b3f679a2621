"""Every indicator against TA-Lib: on a small cut of recorded candles, and on all recorded candles where they are there.

Beside `../shared/data` all its candles are compared, bar by bar after warm-up; without it the cut in tests/data is.
Run with -s to see the table of docs/analysts.md.
"""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from domain import indicators as ind
from domain.features import CandleColumns, candle_columns
from tests.analysis_values import real_candles

talib = pytest.importorskip("talib")

SHARED = Path(__file__).parents[3] / "shared" / "data" / "klines"
WARM_UP = 500  # bars: averages of either kind have forgotten how they began
HIGHEST = 1e-9  # relative
CUT_HIGHEST = 1e-6  # at the last bar of 300
SIGNED = {"macd", "macd signal", "macd histogram", "obv"}  # cross zero: relative to their root mean square
PERCENT = {"stochastic k", "stochastic d", "rsi 14", "adx 14"}  # 0..100: below 1 the difference itself counts

Both = tuple[np.ndarray, np.ndarray]


def _both(bars: CandleColumns) -> dict[str, Both]:
    """Return ours and TA-Lib's values of each indicator."""
    high, low, close, volume = bars.high, bars.low, bars.close, bars.volume
    lower, middle, upper = ind.bollinger(close)
    line, signal, histogram = ind.macd(close)
    slow_k, slow_d = ind.stochastic(high, low, close)
    their_upper, their_middle, their_lower = talib.BBANDS(close, 20, 2.0, 2.0)
    their_line, their_signal, their_histogram = talib.MACD(close, 12, 26, 9)
    their_k, their_d = talib.STOCH(high, low, close, 14, 3, 0, 3, 0)
    return {
        "sma 20": (ind.sma(close, 20), talib.SMA(close, 20)),
        **{f"ema {n}": (ind.ema(close, n), talib.EMA(close, n)) for n in (9, 12, 20, 21, 26)},
        "rsi 14": (ind.rsi(close), talib.RSI(close, 14)),
        "macd": (line, their_line),
        "macd signal": (signal, their_signal),
        "macd histogram": (histogram, their_histogram),
        "bollinger lower": (lower, their_lower),
        "bollinger middle": (middle, their_middle),
        "bollinger upper": (upper, their_upper),
        "atr 14": (ind.atr(high, low, close), talib.ATR(high, low, close, 14)),
        "stochastic k": (slow_k, their_k),
        "stochastic d": (slow_d, their_d),
        "adx 14": (ind.adx(high, low, close), talib.ADX(high, low, close, 14)),
        "obv": (ind.obv(close, volume) + volume[0], talib.OBV(close, volume)),  # theirs starts at the first volume
    }


def _differences(bars: CandleColumns, kept: Callable[[np.ndarray], np.ndarray]) -> dict[str, float]:
    """Return the largest relative difference of each indicator over the bars that are `kept`."""
    found: dict[str, float] = {}
    for name, (ours, theirs) in _both(bars).items():
        mine, others = kept(ours), kept(theirs)
        known = np.isfinite(mine) & np.isfinite(others)
        scale = np.sqrt(np.nanmean(theirs**2)) if name in SIGNED else np.abs(others[known])
        scale = np.maximum(scale, 1.0) if name in PERCENT else scale
        found[name] = float(np.max(np.abs(mine[known] - others[known]) / scale))
        assert known.mean() > 0.99, name  # no value of ours where TA-Lib has one: only in a flat window
    return found


def test_every_indicator_equals_ta_lib_on_the_recorded_cut() -> None:
    found = _differences(candle_columns(real_candles()), lambda values: values[-1:])
    assert {name: value for name, value in found.items() if value > CUT_HIGHEST} == {}


def _recorded(path: Path) -> CandleColumns:
    with gzip.open(path, "rt") as lines:
        rows = [[float(value) for value in row[:6]] for row in csv.reader(lines) if row[0][:1].isdigit()]
    columns = np.array(rows, dtype=np.float64).T
    prices = {name: np.ascontiguousarray(columns[n]) for n, name in enumerate(("open", "high", "low", "close"), 1)}
    return CandleColumns(open_ms=columns[0].astype(np.int64), volume=np.ascontiguousarray(columns[5]), **prices)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded candles are not here")
def test_every_indicator_equals_ta_lib_bar_by_bar_on_all_recorded_candles() -> None:
    largest: dict[str, float] = {}
    bars = 0
    files = sorted(path for path in SHARED.glob("*.csv.gz") if "-1d-" not in path.name)  # a year of days is warm-up
    for path in files:
        series = _recorded(path)
        bars += len(series.close) - WARM_UP
        for name, value in _differences(series, lambda values: values[WARM_UP:]).items():
            largest[name] = max(largest.get(name, 0.0), value)
    assert files
    print(f"\n{len(files)} series, {bars} bars")  # noqa: T201 - the table, for whoever runs it with -s
    for name, value in largest.items():
        print(f"| {name} | {value:.0e} |")  # noqa: T201
    assert {name: value for name, value in largest.items() if value > HIGHEST} == {}
