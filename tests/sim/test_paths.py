"""The seeded price process: random access, continuity, scale."""

import itertools
import math
import statistics

import pytest

from sim.paths import SeededPath
from sim.symbols import listing

HOUR = 490_908  # 2026-01-01T12:00Z


def path(seed=7, pair="BTCUSDT", volatility=1.0):
    return SeededPath(listing=listing(pair), seed=seed, volatility=volatility)


def test_a_new_path_continues_where_the_old_one_was():
    first, second = path(), path()
    ahead = [first.bars(HOUR + later) for later in range(30)]
    backwards = [second.bars(HOUR + later) for later in reversed(range(30))]
    assert ahead == backwards[::-1]


def test_each_minute_opens_where_the_one_before_closed_over_hours_and_days():
    some = path()
    bars = [bar for hour in range(HOUR - 30, HOUR + 30) for bar in some.bars(hour)]
    assert all(before.close == after.open for before, after in itertools.pairwise(bars))


@pytest.mark.parametrize("pair", ["BTCUSDT", "XRPUSDT", "SHIBUSDT", "NEWCOINUSDT"])
def test_bars_hold_together(pair):
    for hour in range(HOUR, HOUR + 24):
        for bar in path(pair=pair).bars(hour):
            assert 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
            assert bar.volume >= 0


def test_another_seed_and_another_pair_give_other_prices():
    assert path(seed=7).bars(HOUR) != path(seed=8).bars(HOUR)
    assert path(pair="ETHUSDT").bars(HOUR) != path(pair="BTCUSDT").bars(HOUR)


def hourly_sd(some):
    closes = [some.bars(hour)[-1].close for hour in range(HOUR, HOUR + 1000)]
    return statistics.pstdev(math.log(b / a) for a, b in itertools.pairwise(closes))


def test_daily_volatility_is_that_of_the_pair_and_the_knob_scales_it():
    usual, lively = hourly_sd(path()), hourly_sd(path(volatility=3.0))
    assert 0.85 < usual * math.sqrt(24) / listing("BTCUSDT").daily_volatility < 1.15
    assert 2.5 < lively / usual < 3.2


def test_prices_stay_near_their_base_for_years():
    some = path()
    closes = [some.bars(hour)[0].open / 100 for hour in range(HOUR - 20_000, HOUR, 97)]
    assert 71_000 * 0.6 < min(closes) < max(closes) < 71_000 * 1.7
