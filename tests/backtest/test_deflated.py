"""The deflated Sharpe ratio: the numbers of its paper, and what it says of pure luck."""

from math import sqrt

import numpy as np
import pytest

from backtest.deflated import deflated_sharpe, expected_best, luckiest, moments, probability


def test_the_example_of_the_paper() -> None:
    """A ratio of 2.5 a year from five years of days, the best of 100 trials that scatter by sqrt(1/2) a year."""
    threshold = luckiest(sqrt(0.5 / 250), 100)
    assert threshold == pytest.approx(0.1132, abs=5e-5)
    found = probability(2.5 / sqrt(250), -3.0, 10.0, periods=1250, threshold=threshold)
    assert found == pytest.approx(0.9004, abs=5e-5)


def test_moments_are_those_of_the_returns() -> None:
    returns = np.array([0.01, -0.01] * 10)
    ratio, skewness, kurtosis = moments(returns)
    assert (ratio, skewness, kurtosis) == (pytest.approx(0), pytest.approx(0), pytest.approx(1))
    assert moments(returns[:9]) is None
    assert moments(np.full(20, 0.01)) is None


def test_the_best_of_worthless_trials_is_known_to_be_luck() -> None:
    trials = np.random.default_rng(1).normal(0, 0.01, (200, 250))
    ratios = [float(each.mean() / each.std(ddof=1)) for each in trials]
    best = trials[int(np.argmax(ratios))]
    alone = deflated_sharpe(best, [max(ratios)])
    assert alone > 0.99
    assert deflated_sharpe(best, ratios) < 0.8
    assert expected_best(ratios) == pytest.approx(max(ratios), rel=0.3)


def test_a_single_trial_is_measured_against_zero() -> None:
    assert expected_best([0.3]) == 0.0
    assert deflated_sharpe(np.zeros(20), [0.1]) is None
