"""Technical indicators over float64 arrays, oldest candle first.

Every function returns an array as long as its input: NaN while there are too few candles, and where the definition has
no value (a flat market has no RSI). Columns are equally long, finite and one-dimensional, or InvariantError is raised:
tulipy itself would right-align unequal columns and carry or swallow a NaN. Values are equal to TA-Lib's after warm-up.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import tulipy as ti

from domain.errors import InvariantError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DAY_MS = 86_400_000


def columns(*given: npt.ArrayLike) -> tuple[FloatArray, ...]:
    """Return the columns as tulipy needs them: float64, contiguous, one-dimensional, finite, equally long.

    Raises:
        InvariantError: a column is not like that.
    """
    checked = tuple(np.ascontiguousarray(column, dtype=np.float64) for column in given)
    for column in checked:
        if column.ndim != 1 or len(column) != len(checked[0]):
            shapes = ", ".join(str(each.shape) for each in checked)
            raise InvariantError(f"candle columns must be one-dimensional and equally long, were {shapes}")
        if not np.isfinite(column).all():
            raise InvariantError("candle columns must be finite, one held NaN or Infinity")
    return checked


def last(values: FloatArray) -> float | None:
    """Return the newest value, None for no signal."""
    return float(values[-1]) if len(values) and np.isfinite(values[-1]) else None


def sma(closes: npt.ArrayLike, period: int) -> FloatArray:
    """Return the simple moving average; from candle `period` on."""
    (close,) = columns(closes)
    return _padded(len(close), ti.sma(close, period)) if len(close) >= period else _nothing(close)


def ema(closes: npt.ArrayLike, period: int) -> FloatArray:
    """Return the exponential moving average, weight 2 / (period + 1), seeded with the first close.

    Shown from candle `period` on; the seed is forgotten to 1e-6 after about 7 * period candles.
    """
    (close,) = columns(closes)
    if len(close) < period:
        return _nothing(close)
    average = np.array(ti.ema(close, period))
    average[: period - 1] = np.nan
    return average


def rsi(closes: npt.ArrayLike, period: int = 14) -> FloatArray:
    """Return Wilder's relative strength index, 0..100; NaN where nothing has moved yet."""
    (close,) = columns(closes)
    return _padded(len(close), ti.rsi(close, period)) if len(close) > period else _nothing(close)


def macd(
    closes: npt.ArrayLike, fast: int = 12, slow: int = 26, signal: int = 9
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return MACD line, signal line and histogram (line - signal), in quote per base.

    Made of EMAs: `tulipy.macd(12, 26, 9)` uses rounded weights and is off by up to 5 %.
    """
    (close,) = columns(closes)
    size = len(close)
    if size < slow + signal - 1:
        nothing = _nothing(close)
        return nothing, nothing, nothing
    line = (ti.ema(close, fast) - ti.ema(close, slow))[slow - 1 :]
    average = np.array(ti.ema(np.ascontiguousarray(line), signal))
    average[: signal - 1] = np.nan
    return _padded(size, line), _padded(size, average), _padded(size, line - average)


def bollinger(closes: npt.ArrayLike, period: int = 20, width: float = 2.0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the lower, middle and upper Bollinger band: SMA -+ `width` population standard deviations.

    NaN where the band has no width. tulipy's variance cancels at large prices, so it is given distances from a close.
    """
    (close,) = columns(closes)
    if len(close) < period:
        nothing = _nothing(close)
        return nothing, nothing, nothing
    anchor = close[-1]
    lower, middle, upper = (_padded(len(close), band) for band in ti.bbands(close - anchor, period, width))
    flat = ~(upper > lower)
    for band in (lower, middle, upper):
        band[flat] = np.nan
    return lower + anchor, middle + anchor, upper + anchor


def atr(highs: npt.ArrayLike, lows: npt.ArrayLike, closes: npt.ArrayLike, period: int = 14) -> FloatArray:
    """Return Wilder's average true range, in quote per base."""
    high, low, close = columns(highs, lows, closes)
    return _padded(len(close), ti.atr(high, low, close, period)) if len(close) > period else _nothing(close)


def stochastic(
    highs: npt.ArrayLike, lows: npt.ArrayLike, closes: npt.ArrayLike, k: int = 14, slowing: int = 3, d: int = 3
) -> tuple[FloatArray, FloatArray]:
    """Return the slow stochastic %K and %D, 0..100; NaN where one of the windows in them has no range."""
    high, low, close = columns(highs, lows, closes)
    size = len(close)
    if size < k + slowing + d - 2:
        return _nothing(close), _nothing(close)
    slow_k, slow_d = (_padded(size, line) for line in ti.stoch(high, low, close, k, slowing, d))
    flat = _padded(size, ti.max(high, k) <= ti.min(low, k))
    flat[: k - 1] = 0.0
    slow_k[_within(flat, slowing)] = np.nan
    slow_d[_within(flat, slowing + d - 1)] = np.nan
    return slow_k, slow_d


def adx(highs: npt.ArrayLike, lows: npt.ArrayLike, closes: npt.ArrayLike, period: int = 14) -> FloatArray:
    """Return Wilder's average directional index, 0..100; counted from the first candle that moved.

    Where a candle reaches as far up as down, neither counts (Wilder 1978); `tulipy.adx` counts both and is off by up to
    11 % on coarse price grids. A candle without any movement in its window leaves the average as it is.
    """
    high, low, close = columns(highs, lows, closes)
    up, down = np.diff(high), -np.diff(low)
    moved = np.flatnonzero((up != 0.0) | (down != 0.0))
    start = int(moved[0]) if len(moved) else len(close)
    if len(close) - start < 2 * period:
        return _nothing(close)
    up, down = up[start:], down[start:]
    plus = ti.wilders(np.where((up > down) & (up > 0.0), up, 0.0), period)
    minus = ti.wilders(np.where((down > up) & (down > 0.0), down, 0.0), period)
    total = plus + minus
    known = total > 0.0
    if np.count_nonzero(known) < period:
        return _nothing(close)
    index = ti.wilders(100.0 * np.abs(plus[known] - minus[known]) / total[known], period)
    newest = np.cumsum(known) - period  # place in `index`, below 0 while it has none
    return _padded(len(close), np.where(newest >= 0, index[np.maximum(newest, 0)], np.nan))


def obv(closes: npt.ArrayLike, volumes: npt.ArrayLike) -> FloatArray:
    """Return on-balance volume in base, starting at 0 (TA-Lib starts at the first volume)."""
    close, volume = columns(closes, volumes)
    return np.array(ti.obv(close, volume)) if len(close) else _nothing(close)


def session_vwap(
    open_ms: IntArray, highs: npt.ArrayLike, lows: npt.ArrayLike, closes: npt.ArrayLike, volumes: npt.ArrayLike
) -> float | None:
    """Return the volume-weighted mean of (high + low + close) / 3 over the newest candle's UTC day.

    None when the series does not reach back to that day's start, or nothing was traded.
    """
    high, low, close, volume = columns(highs, lows, closes, volumes)
    if not len(close):
        return None
    midnight = int(open_ms[-1]) // DAY_MS * DAY_MS
    if open_ms[0] > midnight:
        return None
    session = open_ms >= midnight
    traded = float(volume[session].sum())
    if traded <= 0.0:
        return None
    typical = (high[session] + low[session] + close[session]) / 3.0
    return float((typical * volume[session]).sum() / traded)


def volatility(closes: npt.ArrayLike, window: int = 30) -> float | None:
    """Return the sample standard deviation of the newest `window` log returns, per candle; None with fewer."""
    (close,) = columns(closes)
    if len(close) <= window or (close[-window - 1 :] <= 0.0).any():
        return None
    return float(np.std(np.diff(np.log(close[-window - 1 :])), ddof=1))


def _nothing(like: FloatArray) -> FloatArray:
    return np.full(len(like), np.nan)


def _padded(size: int, values: npt.NDArray[Any]) -> FloatArray:
    """Align tulipy's shorter output from the right."""
    padded = np.full(size, np.nan)
    padded[size - len(values) :] = values
    return padded


def _within(flags: FloatArray, window: int) -> npt.NDArray[np.bool_]:
    """Return where one of the newest `window` flags is set."""
    return np.convolve(flags, np.ones(window))[: len(flags)] > 0.5
