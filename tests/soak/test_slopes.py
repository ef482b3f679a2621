"""The slope of a soak's figures: found where there is one, not found in wandering noise."""

import random

import pytest

from tests.soak.slopes import slope, t_quantile


def wandering(seed: int, *, growth_per_hour: float = 0.0, memory: float = 0.95) -> tuple[list[float], list[float]]:
    """Return two hours of a figure around 130, a sample each 10 s, each close to the one before."""
    generator = random.Random(seed)
    seconds = [10.0 * number for number in range(720)]
    values, left = [], 0.0
    for second in seconds:
        left = memory * left + generator.gauss(0, 0.2)
        values.append(130 + growth_per_hour * second / 3600 + left)
    return seconds, values


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.7062), (4, 2.7764), (10, 2.2281), (18, 2.1009), (60, 2.0003)])
def test_the_quantiles_are_those_of_the_tables(freedom: int, expected: float) -> None:
    assert t_quantile(0.975, freedom) == pytest.approx(expected, abs=1e-4)


def test_a_straight_line_has_its_slope_and_no_width() -> None:
    found = slope([10.0 * n for n in range(360)], [5 + 0.01 * n for n in range(360)])
    assert found.per_hour == pytest.approx(3.6)
    assert found.high - found.low < 1e-6
    assert found.blocks == 12


def test_growth_of_two_an_hour_is_told_from_wandering_noise() -> None:
    found = [slope(*wandering(seed, growth_per_hour=2)) for seed in range(40)]
    assert sum(one.is_distinguishable for one in found) == 40
    assert sum(one.low <= 2 <= one.high for one in found) >= 36


def test_noise_that_wanders_is_not_taken_for_growth() -> None:
    found = [slope(*wandering(seed)) for seed in range(100)]
    assert sum(one.is_distinguishable for one in found) <= 10


def test_too_short_a_run_has_no_slope() -> None:
    with pytest.raises(ValueError, match="four blocks"):
        slope([0.0, 10.0, 310.0, 610.0], [1.0, 1.0, 1.0, 1.0])
