"""Klines of all intervals are sums of the same trades."""

import pytest

from sim.candles import LISTED_MS, Candles, end_of, open_of
from sim.paths import SeededPath
from sim.symbols import listing
from sim.tape import Tape, merge, sums_of

NOW = 1_767_270_896_789  # 2026-01-01T12:34:56.789Z


@pytest.fixture
def tape():
    listed = listing("ETHUSDT")
    return Tape(listing=listed, path=SeededPath(listing=listed, seed=3), seed=3)


@pytest.fixture
def candles(tape):
    return Candles(tape)


@pytest.mark.parametrize(
    ("interval", "opens"),
    [
        ("1s", 1_767_270_896_000),
        ("1m", 1_767_270_840_000),
        ("1h", 1_767_268_800_000),
        ("1d", 1_767_225_600_000),
        ("1w", 1_766_966_400_000),  # Monday 2025-12-29
        ("1M", 1_767_225_600_000),
    ],
)
def test_open_times_are_binances(interval, opens):
    assert open_of(interval, NOW) == opens
    assert open_of(interval, end_of(interval, opens) - 1) == opens
    assert open_of(interval, end_of(interval, opens)) == end_of(interval, opens)


@pytest.mark.parametrize(("large", "small"), [("1m", "1s"), ("5m", "1m"), ("1h", "15m"), ("1d", "1h"), ("1w", "1d")])
def test_a_candle_is_the_sum_of_the_smaller_ones(candles, large, small):
    whole = candles.select(large, now_ms=NOW, limit=2)[0]
    end_ms = end_of(large, whole.open_ms)
    parts = candles.select(small, now_ms=NOW, limit=1000, start_ms=whole.open_ms, end_ms=end_ms - 1)
    assert parts[0].open_ms == whole.open_ms and end_of(small, parts[-1].open_ms) == end_ms
    assert merge([part for part in parts if part.trades], whole.open_ms) == whole


def test_the_open_candle_holds_what_was_traded_so_far(candles, tape):
    open_ms = open_of("5m", NOW)
    assert candles.select("5m", now_ms=NOW, limit=1) == [sums_of(tape.trades_between(open_ms - 1, NOW), open_ms)]


def test_a_second_without_trades_is_flat_at_the_last_price(candles, tape):
    seconds = candles.select("1s", now_ms=NOW, limit=60)
    quiet = next(second for second in seconds[1:] if not second.trades)
    last = tape.around(quiet.open_ms)[0].price
    assert (quiet.open, quiet.high, quiet.low, quiet.close, quiet.volume) == (last, last, last, last, 0)


def test_start_gives_the_oldest_first_and_end_the_newest_before_it(candles):
    start, end = NOW - 7_200_000, NOW - 3_600_000
    from_start = candles.select("1m", now_ms=NOW, limit=3, start_ms=start)
    assert [bar.open_ms for bar in from_start] == [open_of("1m", start) + 60_000 * k for k in (1, 2, 3)]
    to_end = candles.select("1m", now_ms=NOW, limit=3, end_ms=end)
    assert to_end[-1].open_ms == open_of("1m", end)
    assert [
        bar.open_ms for bar in candles.select("1m", now_ms=NOW, limit=3, start_ms=start, end_ms=start + 60_000)
    ] == [open_of("1m", start) + 60_000]


def test_there_are_no_candles_before_the_listing_nor_in_the_future(candles):
    assert candles.select("1d", now_ms=NOW, limit=5, start_ms=0)[0].open_ms == LISTED_MS
    assert candles.select("1M", now_ms=NOW, limit=500)[0].open_ms == LISTED_MS
    assert candles.select("1m", now_ms=NOW, limit=5, start_ms=NOW + 60_000) == []


def test_a_window_of_24_hours_is_the_sum_of_its_minutes(candles, tape):
    begin = (NOW // 60_000 - 1440) * 60_000
    minutes = candles.select("1m", now_ms=NOW, limit=1441, start_ms=begin)
    assert len(minutes) == 1441
    assert candles.window(begin, NOW) == merge(minutes, begin)
