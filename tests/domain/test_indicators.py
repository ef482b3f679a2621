"""Indicators against definitions in plain numpy, and on hostile columns; against TA-Lib: test_indicators_talib.py."""

import numpy as np
import pytest

from domain import indicators as ind
from domain.errors import InvariantError
from domain.features import CandleColumns, candle_columns
from tests.analysis_values import real_candles


@pytest.fixture(scope="module")
def bars() -> CandleColumns:
    return candle_columns(real_candles())


def test_macd_is_made_of_standard_averages(bars: CandleColumns) -> None:
    def average(values: np.ndarray, period: int) -> np.ndarray:
        smoothed = [values[0]]
        for value in values[1:]:
            smoothed.append(smoothed[-1] + 2.0 / (period + 1) * (value - smoothed[-1]))
        return np.array(smoothed)

    expected = (average(bars.close, 12) - average(bars.close, 26))[25:]
    signal = average(expected, 9)
    line, ours, histogram = ind.macd(bars.close)
    np.testing.assert_allclose(line[25:], expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours[33:], signal[8:], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(histogram[33:], (expected - signal)[8:], rtol=1e-9, atol=1e-9)
    assert np.isnan(line[:25]).all()
    assert np.isnan(ours[:33]).all()


def test_results_are_as_long_as_the_series_and_start_with_no_value(bars: CandleColumns) -> None:
    starts = {
        19: ind.sma(bars.close, 20),
        8: ind.ema(bars.close, 9),
        14: ind.rsi(bars.close),
        13: ind.atr(bars.high, bars.low, bars.close),
        27: ind.adx(bars.high, bars.low, bars.close),
    }
    for start, values in starts.items():
        assert len(values) == len(bars.close)
        assert np.isnan(values[:start]).all()
        assert np.isfinite(values[start:]).all()


@pytest.mark.parametrize("count", [0, 1, 5, 8])
def test_too_few_candles_give_no_signal(count: int) -> None:
    rising = np.arange(1.0, count + 1.0)
    lines = [
        ind.sma(rising, 20),
        ind.ema(rising, 9),
        ind.rsi(rising),
        *ind.macd(rising),
        *ind.bollinger(rising),
        ind.atr(rising, rising, rising),
        *ind.stochastic(rising, rising, rising),
        ind.adx(rising, rising, rising),
    ]
    assert [ind.last(line) for line in lines] == [None] * len(lines)
    assert ind.volatility(rising) is None


@pytest.mark.parametrize("price", [100.0, 30000.1, 97000.37, 1e-7])
def test_a_flat_market_has_no_oscillators_and_no_bands(price: float) -> None:
    flat = np.full(300, price)
    lines = [
        ind.rsi(flat),
        *ind.stochastic(flat, flat, flat),
        ind.adx(flat, flat, flat),
        *ind.bollinger(flat),
    ]
    assert [ind.last(line) for line in lines] == [None] * len(lines)
    assert ind.last(ind.ema(flat, 9)) == pytest.approx(price)
    assert ind.last(ind.atr(flat, flat, flat)) == 0.0
    assert ind.volatility(flat) == 0.0


def test_a_pair_that_was_halted_has_an_adx_again_once_it_moves(bars: CandleColumns) -> None:
    def halted(column: np.ndarray) -> np.ndarray:
        return np.r_[np.full(60, bars.close[0]), column]

    values = ind.adx(halted(bars.high), halted(bars.low), halted(bars.close))
    assert ind.last(values) == pytest.approx(ind.last(ind.adx(bars.high, bars.low, bars.close)), rel=1e-6)


def test_a_candle_that_reaches_as_far_up_as_down_counts_for_neither_side() -> None:
    """Every second candle is wider by one tick on both sides: only the steps between count."""
    high, low = np.full(60, 10.0), np.full(60, 9.0)
    high[1::2], low[1::2] = 11.0, 8.0  # up 1 and down 1 at once
    high[40], low[40] = 10.5, 9.5  # one step up: all that ever counts
    values = ind.adx(high, low, (high + low) / 2)
    assert ind.last(values) == pytest.approx(100.0)
    assert np.isnan(values[:40]).all()


def test_bands_do_not_lose_their_width_at_a_large_price() -> None:
    steps = np.tile([-0.01, 0.01], 30)
    lower, middle, upper = ind.bollinger(1e9 + steps)
    assert upper[-1] - lower[-1] == pytest.approx(0.04, rel=1e-4)
    assert middle[-1] == 1e9


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused(bad: float, bars: CandleColumns) -> None:
    close = bars.close.copy()
    close[100] = bad
    for call in (
        lambda: ind.rsi(close),
        lambda: ind.obv(close, bars.volume),
        lambda: ind.stochastic(close, bars.low, bars.close),
        lambda: ind.volatility(close),
    ):
        with pytest.raises(InvariantError, match="finite"):
            call()


def test_columns_of_unequal_length_are_refused(bars: CandleColumns) -> None:
    with pytest.raises(InvariantError, match=r"equally long, were \(300,\), \(299,\), \(300,\)"):
        ind.atr(bars.high, bars.low[1:], bars.close)


def test_columns_may_be_whole_numbers_lists_or_strided() -> None:
    rising = list(range(1, 61))
    expected = ind.sma(np.arange(1.0, 61.0), 20)
    np.testing.assert_array_equal(ind.sma(rising, 20), expected)
    np.testing.assert_array_equal(ind.sma(np.array(rising, dtype=np.int64), 20), expected)
    np.testing.assert_array_equal(ind.sma(np.column_stack([rising, rising])[:, 0], 20), expected)
    assert expected[-1] == 50.5


def test_session_vwap_counts_from_midnight_utc() -> None:
    day = ind.DAY_MS
    open_ms = np.array([day - 60_000, day, day + 60_000])
    ones = np.array([99.0, 10.0, 20.0])
    volumes = np.array([1000.0, 1.0, 3.0])
    assert ind.session_vwap(open_ms, ones, ones, ones, volumes) == 17.5  # (10 * 1 + 20 * 3) / 4


def test_session_vwap_weighs_the_typical_price() -> None:
    open_ms = np.array([0])
    vwap = ind.session_vwap(open_ms, np.array([12.0]), np.array([6.0]), np.array([9.6]), np.array([5.0]))
    assert vwap == pytest.approx(9.2)  # (12 + 6 + 9.6) / 3


def test_session_vwap_says_nothing_of_a_day_it_has_not_seen_whole() -> None:
    ones = np.array([1.0])
    assert ind.session_vwap(np.array([60_000]), ones, ones, ones, ones) is None
    assert ind.session_vwap(np.array([0]), ones, ones, ones, np.array([0.0])) is None
    assert ind.session_vwap(np.array([], dtype=np.int64), [], [], [], []) is None


def test_volatility_is_the_sample_deviation_of_log_returns() -> None:
    closes = 100.0 * np.exp(np.cumsum(np.tile([0.01, -0.01], 15)))
    closes = np.r_[100.0, closes]
    # 15 returns of +0.01 and 15 of -0.01: mean 0, sum of squares 30 * 0.0001, over 29
    assert ind.volatility(closes) == pytest.approx((30 * 0.0001 / 29) ** 0.5)
