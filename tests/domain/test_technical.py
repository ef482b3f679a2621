"""The built-in analyst: takes a side where the price is stretched, says nothing without data."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.analysis import Abstention, Action, Features, IntervalFeatures, Opinion
from domain.features import candle_columns, interval_features
from domain.technical import measure, technical_opinion
from tests.analysis_values import NOW_MS, features, flat_candles, real_candles


def _interval(**changes: float | None) -> IntervalFeatures:
    """Return a 1 m series whose parts are easy to add up by hand: ATR 4, ADX 40, everything else in the middle."""
    base = interval_features("1m", candle_columns(real_candles()))
    middle = {"close": 100.0, "ema_9": 100.0, "ema_21": 100.0, "macd_histogram": 0.0, "rsi_14": 50.0}
    bands = {"bollinger_lower": 90.0, "bollinger_middle": 100.0, "bollinger_upper": 110.0, "atr_14": 4.0}
    return replace(base, **{**middle, **bands, "adx_14": 40.0, **changes})


def _shown(**changes: float | None) -> Features:
    return replace(features(price="100.00"), intervals=(_interval(**changes),))


def _ask(shown: Features) -> Opinion | Abstention:
    return technical_opinion(shown, analyst="technical", round_id="BTCUSDT:1", now_ms=NOW_MS)


def test_each_part_is_measured_as_documented() -> None:
    stretch = measure(_interval(ema_9=101.0, macd_histogram=0.5, rsi_14=60.0, close=105.0, adx_14=20.0))
    assert stretch is not None
    assert (stretch.trend, stretch.momentum, stretch.rsi, stretch.band) == (0.25, 0.5, 0.4, 0.5)
    # -(0.25*0.25 + 0.10*0.5 + 0.35*0.4 + 0.30*0.5) * (0.75 + 0.25 * 20/40) = -0.4025 * 0.875
    assert stretch.score == pytest.approx(-0.3521875)


def test_every_part_is_bounded() -> None:
    stretch = measure(_interval(ema_9=500.0, macd_histogram=-99.0, rsi_14=100.0, close=1000.0, adx_14=90.0))
    assert stretch is not None
    assert (stretch.trend, stretch.momentum, stretch.rsi, stretch.band, stretch.strength) == (1, -1, 1, 1, 1)
    assert stretch.score == pytest.approx(-0.8)  # 0.25 - 0.10 + 0.35 + 0.30


def test_a_price_that_ran_up_is_sold_with_stop_above_and_target_below() -> None:
    opinion = _ask(_shown(rsi_14=80.0, close=112.0, ema_9=104.0))
    assert isinstance(opinion, Opinion)
    assert opinion.action is Action.SELL
    assert opinion.confidence == 0.572  # 0.5 + 0.08 * (0.25 + 0.35 + 0.30)
    # the range of 15 minutes is 4 * sqrt(15) = 15.4919; 1.5 and 3 of them
    assert (opinion.stop_loss, opinion.take_profit) == (Decimal("123.238"), Decimal("53.524"))
    assert opinion.horizon_minutes == 15
    assert "pullback" in opinion.reasoning


def test_a_price_that_ran_down_is_bought_with_stop_below_and_target_above() -> None:
    opinion = _ask(_shown(rsi_14=20.0, close=88.0, ema_9=96.0))
    assert isinstance(opinion, Opinion)
    assert opinion.action is Action.BUY
    assert opinion.stop_loss is not None
    assert opinion.take_profit is not None
    assert opinion.stop_loss < opinion.price < opinion.take_profit


def test_a_price_in_the_middle_is_held_without_stop_or_target() -> None:
    opinion = _ask(_shown())
    assert isinstance(opinion, Opinion)
    assert (opinion.action, opinion.stop_loss, opinion.take_profit) == (Action.HOLD, None, None)
    assert opinion.confidence == 1.0


def test_levels_of_a_tiny_price_stay_off_the_price() -> None:
    tiny = {"close": 0.0000112, "atr_14": 4e-8, "ema_9": 0.00001104, "ema_21": 0.000011, "rsi_14": 80.0}
    bands = {"bollinger_lower": 0.0000108, "bollinger_middle": 0.000011, "bollinger_upper": 0.0000112}
    shown = replace(_shown(**tiny, **bands, macd_histogram=0.0), price=Decimal("0.00001"))
    opinion = _ask(shown)
    assert isinstance(opinion, Opinion)
    assert opinion.action is Action.SELL
    assert opinion.take_profit is not None
    assert opinion.stop_loss is not None
    assert opinion.take_profit < opinion.price < opinion.stop_loss


def test_levels_below_zero_are_left_out() -> None:
    opinion = _ask(_shown(rsi_14=90.0, close=112.0, ema_9=120.0, atr_14=20.0))
    assert isinstance(opinion, Opinion)
    assert opinion.action is Action.SELL
    assert (opinion.stop_loss, opinion.take_profit) == (None, None)


def test_fewer_than_fifty_candles_are_an_abstention() -> None:
    answer = _ask(features(candles=real_candles()[:49]))
    assert isinstance(answer, Abstention)
    assert answer.reason == "needs 50 closed 1m candles, has 49"
    assert isinstance(_ask(features(candles=real_candles()[:50])), Opinion)


def test_no_minute_series_is_an_abstention() -> None:
    answer = _ask(replace(features(), intervals=()))
    assert isinstance(answer, Abstention)
    assert answer.reason == "needs 50 closed 1m candles, has 0"


def test_a_flat_market_is_an_abstention() -> None:
    answer = _ask(features(candles=flat_candles(200)))
    assert isinstance(answer, Abstention)
    assert "flat" in answer.reason


def test_real_minutes_give_all_three_actions() -> None:
    candles = real_candles()
    actions: Counter[Action] = Counter()
    for end in range(60, len(candles), 3):
        opinion = _ask(features(candles=candles[:end]))
        assert isinstance(opinion, Opinion)
        assert 0.0 <= opinion.confidence <= 1.0
        actions[opinion.action] += 1
    assert min(actions[action] for action in Action) >= 5
