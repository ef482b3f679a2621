"""How much of the best Sharpe ratio of many trials is luck.

After David H. Bailey and Marcos López de Prado, The Deflated Sharpe Ratio, Journal of Portfolio Management 40 (2014).

The best of many worthless strategies looks good. The deflated Sharpe ratio is the probability that the best one's true
ratio is above what the best of as many worthless ones would show.
"""

from collections.abc import Sequence
from math import e, sqrt
from statistics import NormalDist, variance

import numpy as np

from backtest.tables import FloatArray

EULER = 0.5772156649015329
LEAST_RETURNS = 10


def moments(returns: FloatArray) -> tuple[float, float, float] | None:
    """Return Sharpe ratio (of one period, not of a year), skewness and kurtosis (3 for a normal distribution).

    None for fewer than LEAST_RETURNS returns, or where nothing moved.
    """
    if len(returns) < LEAST_RETURNS or not np.ptp(returns) > 0:
        return None
    spread = float(np.std(returns, ddof=1))
    score = (returns - returns.mean()) / np.std(returns)
    return float(returns.mean()) / spread, float((score**3).mean()), float((score**4).mean())


def expected_best(ratios: Sequence[float]) -> float:
    """Return the Sharpe ratio that the best of as many worthless trials is expected to show (their formula 1).

    sqrt(V) ((1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e))) with the variance V of the trials' ratios, their number N, Euler's
    constant g and the inverse Z of the normal distribution. 0 for a single trial.
    """
    count = len(ratios)
    return 0.0 if count < 2 else luckiest(sqrt(variance(ratios)), count)


def luckiest(spread: float, count: int) -> float:
    """Return the highest of `count` (> 1) worthless Sharpe ratios that scatter by `spread`, as it is expected."""
    quantile = NormalDist().inv_cdf
    return spread * ((1 - EULER) * quantile(1 - 1 / count) + EULER * quantile(1 - 1 / (count * e)))


def deflated_sharpe(returns: FloatArray, ratios: Sequence[float]) -> float | None:
    """Return the probability that the true Sharpe ratio of `returns` is above that of the luckiest worthless trial.

    Phi((S - S0) sqrt(T - 1) / sqrt(1 - skewness S + (kurtosis - 1) / 4 S^2)), their formula 2.

    Args:
        returns: of the chosen trial, one per period: float64, shape (T,).
        ratios: Sharpe ratios of one period of all trials, the chosen one among them.
    """
    if (found := moments(returns)) is None or not ratios:
        return None
    return probability(*found, periods=len(returns), threshold=expected_best(ratios))


def probability(ratio: float, skewness: float, kurtosis: float, *, periods: int, threshold: float) -> float | None:
    """Return the probability that the true Sharpe ratio behind an observed one is above `threshold`.

    All ratios are of one period. None where such moments cannot be.
    """
    spread = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2
    if not spread > 0:
        return None
    return NormalDist().cdf((ratio - threshold) * sqrt(periods - 1) / sqrt(spread))
