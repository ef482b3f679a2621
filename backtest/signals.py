"""Where in a series the built-in analyst can have an opinion, found at once for all candles.

Where the score is sure, it is the opinion's own; else `domain.technical` forms it from the candles up to its moment.
Each array value at row r depends on rows up to r alone. A row is left out only where the score stays below its
threshold by more than TOLERANCE; rounding and the forgotten start of the indicators' averages are far smaller
(docs/backtest.md).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tulipy as ti

from backtest.tables import FloatArray
from domain import indicators as ind
from domain.technical import EDGE, MIN_CANDLES, THRESHOLD

TOLERANCE = 1e-3  # of the score
LEAST_HISTORY = 400  # candles after which Wilder's averages have forgotten their start to below 1e-12
LEAST_SPREAD = 1e-7  # variance over the squared range of the history: below it rounding of the bands matters
MARGIN = 1e-6  # of the score: further than that from where the rounded confidence changes, it is known
PERIOD, BLOCK = 20, 65_536

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows after which the analyst may say BUY or SELL; a row may be in both.

    Attributes:
        score: as far as it is known, within MARGIN; NaN elsewhere. float64, shape (n,).
    """

    buy: Flags
    sell: Flags
    score: FloatArray

    def confidence(self, row: int) -> float | None:
        """Return the confidence of the BUY or SELL after `row`, None where it is not known to the last digit."""
        score = abs(float(self.score[row]))
        if not score >= THRESHOLD + MARGIN:
            return None
        digits = (0.5 + EDGE * score) * 10_000
        known = abs(digits - int(digits) - 0.5) > 2 * EDGE * MARGIN * 10_000
        return round(0.5 + EDGE * score, 4) if known else None


def candidates(floats: FloatArray, history: int) -> Candidates:
    """Return after which rows an opinion other than HOLD cannot be ruled out.

    Args:
        floats: open, high, low, close, volume: float64, shape (5, n).
        history: candles that the analyst is given, at least LEAST_HISTORY.
    """
    _, high, low, close, _ = floats
    size = len(close)
    if size < MIN_CANDLES:
        nothing = np.zeros(size, dtype=bool)
        return Candidates(nothing, nothing, np.full(size, np.nan))
    score, unsure = _score(high, low, close, history)
    unsure |= np.isnan(score)
    unsure[: MIN_CANDLES - 1] = False  # it abstains
    with np.errstate(invalid="ignore"):
        buy, sell = score >= THRESHOLD - TOLERANCE, score <= TOLERANCE - THRESHOLD
    buy[: MIN_CANDLES - 1] = sell[: MIN_CANDLES - 1] = False
    score[unsure] = np.nan
    score[: MIN_CANDLES - 1] = np.nan
    return Candidates(buy | unsure, sell | unsure, score)


def _score(high: FloatArray, low: FloatArray, close: FloatArray, history: int) -> tuple[FloatArray, Flags]:
    """Return the score of `domain.technical.measure` for each row, and where it cannot be relied on."""
    with np.errstate(invalid="ignore", divide="ignore"):
        atr = ind.atr(high, low, close)
        mean, variance = _moments(close)
        band = _clipped((close - mean) / (2.0 * np.sqrt(variance)))
        total = (
            0.25 * _clipped((ind.ema(close, 9) - ind.ema(close, 21)) / atr)
            + 0.10 * _clipped(ind.macd(close)[2] / (atr / 4.0))
            + 0.35 * _clipped((ind.rsi(close) - 50.0) / 25.0)
            + 0.30 * band
        )
        strength = np.minimum(ind.adx(high, low, close) / 40.0, 1.0)
        score = -total * (0.75 + 0.25 * strength)
    unsure = variance <= LEAST_SPREAD * _range(close, history) ** 2
    return score, unsure | (atr <= 0.0)


def _moments(close: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and population variance of each PERIOD closes; NaN before there are so many."""
    mean, variance = np.full(len(close), np.nan), np.full(len(close), np.nan)
    for first in range(0, len(close) - PERIOD + 1, BLOCK):
        part = close[first : first + BLOCK + PERIOD - 1]
        windows = np.lib.stride_tricks.sliding_window_view(part, PERIOD)
        means = windows.mean(axis=1)
        last = first + PERIOD - 1
        mean[last : last + len(means)] = means
        variance[last : last + len(means)] = ((windows - means[:, None]) ** 2).mean(axis=1)
    return mean, variance


def _range(close: FloatArray, history: int) -> FloatArray:
    """Return highest - lowest close of the newest `history` ones; of all so far where there are fewer."""
    period = min(history, len(close))
    highest, lowest = np.maximum.accumulate(close), np.minimum.accumulate(close)
    highest[period - 1 :], lowest[period - 1 :] = ti.max(close, period), ti.min(close, period)
    return np.asarray(highest - lowest)


def _clipped(values: FloatArray) -> FloatArray:
    return np.clip(values, -1.0, 1.0)
