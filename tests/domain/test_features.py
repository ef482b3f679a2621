"""What analysts are shown."""

from decimal import Decimal

import pytest

from domain.analysis import IntervalFeatures
from domain.features import build_features, candle_columns, interval_features, pick_headlines
from domain.market import Candle
from domain.trading import Direction, OrderSource, Position
from tests.analysis_values import features, flat_candles, item, quote, real_candles


def test_an_interval_shows_every_indicator_of_a_long_series() -> None:
    shown = interval_features("1m", candle_columns(real_candles()))
    missing = [name for name in IntervalFeatures.__dataclass_fields__ if getattr(shown, name) is None]
    assert missing == []
    assert (shown.interval, shown.candles) == ("1m", 300)
    assert shown.close == float(real_candles()[-1].close)


def test_the_change_is_that_of_the_newest_candle() -> None:
    candle = Candle(
        open_ms=0, open=Decimal(100), high=Decimal(104), low=Decimal(99), close=Decimal(103), volume=Decimal(1)
    )
    shown = interval_features("1m", candle_columns([candle]))
    assert shown.change_percent == pytest.approx(3.0)
    assert (shown.rsi_14, shown.ema_9, shown.atr_14, shown.obv) == (None, None, None, 0.0)


def test_intervals_come_from_short_to_long_and_empty_ones_are_left_out() -> None:
    shown = build_features(
        pair="BTCUSDT",
        quote=quote("BTCUSDT", "100"),
        candles={"1h": flat_candles(3), "15m": (), "1m": flat_candles(60)},
    )
    assert [interval.interval for interval in shown.intervals] == ["1m", "1h"]


def test_the_newest_twenty_minutes_are_shown_oldest_first() -> None:
    candles = flat_candles(60)
    shown = build_features(pair="BTCUSDT", quote=quote("BTCUSDT", "100"), candles={"1m": candles})
    assert shown.last_candles == candles[-20:]


def test_without_mood_ticker_position_and_news_nothing_is_invented() -> None:
    shown = build_features(pair="BTCUSDT", quote=quote("BTCUSDT", "100"), candles={})
    assert (shown.fear_greed, shown.change_24h_percent, shown.position) == (None, None, None)
    assert (shown.intervals, shown.last_candles, shown.headlines) == ((), (), ())


def test_a_short_position_gains_when_the_price_falls() -> None:
    position = Position(
        pair="BTCUSDT",
        direction=Direction.SHORT,
        quantity=Decimal("0.5"),
        entry_price=Decimal(100),
        cost=Decimal(50),
        margin=Decimal(50),
        leverage=1,
        opened_ms=5,
        source=OrderSource.BOT,
        trade_id="t",
    )
    shown = build_features(pair="BTCUSDT", quote=quote("BTCUSDT", "98"), candles={}, position=position)
    assert shown.position is not None
    assert shown.position.unrealized_pnl_percent == pytest.approx(2.0)


def test_headlines_of_the_pair_come_before_general_ones_and_others_stay_out() -> None:
    items = [
        item("other", pairs=("ETHUSDT",), minutes_ago=1),
        *(item(f"general-{n}", minutes_ago=n, source="a") for n in range(2, 12)),
        *(item(f"own-{n}", pairs=("BTCUSDT",), minutes_ago=100 + n, source=f"site {n}") for n in range(5)),
    ]
    picked = [each.item_id for each in pick_headlines(items, pair="BTCUSDT")]
    assert picked == ["general-2", "general-3", "general-4", "own-0", "own-1", "own-2", "own-3", "own-4"]


def test_no_site_fills_more_than_half_of_what_is_shown() -> None:
    loud = [item(f"loud-{n}", pairs=("BTCUSDT",), minutes_ago=n, source="loud") for n in range(50)]
    quiet = [item(f"quiet-{n}", minutes_ago=600 + n, source="quiet") for n in range(2)]
    assert [each.source for each in pick_headlines(loud + quiet, pair="BTCUSDT")] == ["loud"] * 4 + ["quiet"] * 2
    assert len(pick_headlines(loud, pair="BTCUSDT")) == 4


def test_old_headlines_stay_out() -> None:
    old, new = item("old", minutes_ago=100), item("new", minutes_ago=1)
    assert pick_headlines([old, new], pair="BTCUSDT", since_ms=new.published_ms) == (new,)


def test_the_same_input_gives_the_same_features() -> None:
    assert features() == features()
