"""Candle series, coarser candles, candles from trades, 24 h statistics."""

import csv
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.candles import CandleAggregator, CandleBuilder, CandleSeries, DayStatistics, Merge
from domain.market import Candle, PublicTrade

MINUTE = 60_000
RECORDED = Path(__file__).parent.parent / "data" / "BTCUSDT-1m-20260329.csv"


def candle(minute: int, close: int | str = 100, **figures: str) -> Candle:
    price = Decimal(close)
    named = {name: Decimal(value) for name, value in figures.items()}
    flat = dict.fromkeys(("open", "high", "low", "close"), price) | {"volume": Decimal(1)}
    return Candle(open_ms=minute * MINUTE, **(flat | named))


def trade(trade_id: int, ms: int, price: str, quantity: str = "1") -> PublicTrade:
    return PublicTrade(
        trade_id=trade_id, price=Decimal(price), quantity=Decimal(quantity), traded_ms=ms, buyer_is_maker=False
    )


def recorded() -> list[Candle]:
    with RECORDED.open() as file:
        return [
            Candle(
                open_ms=int(row["open_time_ms"]),
                **{name: Decimal(row[name]) for name in ("open", "high", "low", "close", "volume")},
            )
            for row in csv.DictReader(file)
        ]


def series(*minutes: int, capacity: int = 10) -> CandleSeries:
    made = CandleSeries(interval_ms=MINUTE, capacity=capacity)
    for minute in minutes:
        made.add(candle(minute))
    return made


def test_the_same_closed_candle_again_changes_nothing():
    kept = series(1, 2)
    assert kept.add(candle(2)) is Merge.REPEATED
    assert kept.last(10) == (candle(1), candle(2))


def test_a_closed_candle_is_final():
    kept = series(1, 2)
    assert kept.add(candle(2, 101)) is Merge.CONFLICTING
    assert kept.newest == candle(2, 100)


def test_an_older_unknown_candle_is_refused():
    assert series(1, 3).add(candle(2)) is Merge.OUT_OF_ORDER


def test_a_candle_after_a_hole_is_kept_and_the_hole_is_named():
    kept = series(1, 2)
    assert kept.add(candle(5)) is Merge.AFTER_GAP
    assert kept.gaps() == ((3 * MINUTE, 4 * MINUTE),)


def test_merged_history_fills_the_hole_and_keeps_known_figures():
    kept = series(1, 2, 5)
    new = kept.merge([candle(2, 999), candle(4), candle(3)])
    assert new == (candle(3), candle(4))
    assert kept.gaps() == ()
    assert [bar.close for bar in kept.last(10)] == [Decimal(100)] * 5


def test_merging_more_than_fits_keeps_the_newest():
    kept = series(8, 9, capacity=3)
    assert kept.merge([candle(6), candle(7)]) == (candle(7),)
    assert kept.last(10) == (candle(7), candle(8), candle(9))


def test_columns_are_the_newest_candles_as_floats_oldest_first():
    kept = CandleSeries(interval_ms=MINUTE, capacity=3)
    for minute in range(11):
        kept.add(candle(minute, 100 + minute, volume=str(minute)))
    assert kept.open_times().tolist() == [8 * MINUTE, 9 * MINUTE, 10 * MINUTE]
    opens, highs, lows, closes, volumes = kept.columns()
    for prices in (opens, highs, lows, closes):
        assert prices.tolist() == [108.0, 109.0, 110.0]
    assert volumes.tolist() == [8.0, 9.0, 10.0]
    assert kept.columns().dtype == np.float64


def test_the_open_candle_ends_when_it_closes_and_never_goes_back():
    kept = series(1)
    assert kept.set_open(candle(2, 101))
    assert kept.set_open(candle(2, 102))
    assert not kept.set_open(candle(1))
    assert kept.open_candle == candle(2, 102)
    kept.add(candle(2, 103))
    assert kept.open_candle is None


def test_since_gives_the_candles_that_end_after_a_moment():
    kept = series(1, 2, 3)
    assert kept.since(3 * MINUTE) == (candle(3),)
    assert kept.since(3 * MINUTE - 1) == (candle(2), candle(3))
    assert kept.since(9 * MINUTE) == ()


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 12))
def test_columns_and_candles_always_agree(minutes: list[int], capacity: int):
    kept = CandleSeries(interval_ms=MINUTE, capacity=capacity)
    for turn, minute in enumerate(minutes):
        if turn % 3:
            kept.add(candle(minute, 100 + minute))
        else:
            kept.merge([candle(minute, 100 + minute)])
        times = [bar.open_ms for bar in kept.last(capacity)]
        assert times == sorted(set(times)) == kept.open_times().tolist()
        assert [float(bar.close) for bar in kept.last(capacity)] == kept.columns()[3].tolist()
        assert len(kept) <= capacity


def test_five_recorded_minutes_make_the_five_minute_candle():
    five = CandleAggregator(part_ms=MINUTE, interval_ms=5 * MINUTE)
    parts = recorded()[:5]
    made = [five.add(part) for part in parts]
    assert made[:4] == [None] * 4
    assert made[4] == Candle(
        open_ms=parts[0].open_ms,
        open=parts[0].open,
        high=max(part.high for part in parts),
        low=min(part.low for part in parts),
        close=parts[4].close,
        volume=sum(part.volume for part in parts),
    )


def test_three_hundred_recorded_minutes_make_five_hours():
    hour = CandleAggregator(part_ms=MINUTE, interval_ms=60 * MINUTE)
    made = [bar for part in recorded() if (bar := hour.add(part)) is not None]
    assert [bar.open_ms for bar in made] == [1774742400000 + 3_600_000 * n for n in range(5)]


@pytest.mark.parametrize("missing", [0, 2, 4])
def test_a_coarse_candle_with_a_missing_part_is_not_made(missing: int):
    five = CandleAggregator(part_ms=MINUTE, interval_ms=5 * MINUTE)
    made = [five.add(candle(minute)) for minute in range(10) if minute != missing]
    assert [bar.open_ms for bar in made if bar is not None] == [5 * MINUTE]


def test_an_interval_that_is_no_multiple_is_refused():
    with pytest.raises(ValueError, match="multiple of part_ms"):
        CandleAggregator(part_ms=120_000, interval_ms=180_000)


def test_trades_make_candles_and_the_unseen_beginning_is_left_out():
    builder = CandleBuilder(interval_ms=MINUTE)
    trades = [
        trade(1, 30_000, "10"),
        trade(2, 60_000, "11", "2"),
        trade(3, 90_000, "9", "3"),
        trade(4, 119_999, "10", "4"),
        trade(5, 120_000, "20"),
    ]
    closed = [bar for one in trades for bar in builder.add(one)]
    assert closed == [candle(1, 10, open="11", high="11", low="9", volume="9")]
    assert builder.current == candle(2, 20)


def test_a_minute_without_trades_is_flat_when_no_trade_was_missed():
    builder = CandleBuilder(interval_ms=MINUTE)
    trades = [trade(1, 0, "10"), trade(2, 60_000, "11"), trade(3, 240_000, "12")]
    closed = [bar for one in trades for bar in builder.add(one)]
    assert closed == [candle(1, 11), candle(2, 11, volume="0"), candle(3, 11, volume="0")]


def test_where_trades_are_missing_no_candle_is_made_up():
    builder = CandleBuilder(interval_ms=MINUTE)
    trades = [trade(1, 0, "10"), trade(2, 60_000, "11"), trade(9, 180_000, "12"), trade(10, 240_000, "13")]
    assert [bar for one in trades for bar in builder.add(one)] == []


def test_a_trade_missing_inside_a_minute_spoils_its_candle():
    builder = CandleBuilder(interval_ms=MINUTE)
    trades = [trade(1, 0, "10"), trade(2, 60_000, "11"), trade(4, 70_000, "12"), trade(5, 120_000, "13")]
    assert [bar for one in trades for bar in builder.add(one)] == []


def test_day_statistics_roll():
    day = DayStatistics(interval_ms=3_600_000)
    hour = 3_600_000
    first = day.add(
        Candle(open_ms=0, open=Decimal(90), high=Decimal(200), low=Decimal(50), close=Decimal(80), volume=Decimal(3))
    )
    assert (first.high, first.low, first.volume, first.event_ms) == (200, 50, 3, hour)
    assert first.quote_volume == Decimal(330)  # 3 x (200 + 50 + 80) / 3
    assert first.change == Decimal(-10)
    assert first.change_percent == Decimal("-11.111")
    for n in range(1, 25):
        bar = Candle(
            open_ms=n * hour,
            open=Decimal(100),
            high=Decimal(100 + n),
            low=Decimal(100 - n),
            close=Decimal(110),
            volume=Decimal(1),
        )
        last = day.add(bar)
    assert (last.high, last.low, last.volume) == (124, 76, 24)  # the first hour has left the window
    assert (last.change, last.change_percent) == (Decimal(10), Decimal(10))
    assert last.event_ms == 25 * hour
