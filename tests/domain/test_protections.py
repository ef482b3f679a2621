"""Pauses after losses, by hand."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.protections import active_pause, losing_pair, max_drawdown, stoploss_guard
from domain.trading import OrderSource, Reason
from tests.bots import HOUR, MINUTE, NO_PROTECTIONS, NOW, PAIR, closed

GUARD = replace(NO_PROTECTIONS, stoploss_trades=3)
LOSING = replace(NO_PROTECTIONS, losing_trades=3)
DRAWDOWN = replace(NO_PROTECTIONS, drawdown_percent=Decimal(10))


def stopped(*minutes_ago, **changes):
    return tuple(closed(-1, at_ms=NOW - ago * MINUTE, **changes) for ago in minutes_ago)


def test_the_guard_pauses_after_stopped_out_trades_within_the_window():
    pause = stoploss_guard(GUARD, stopped(70, 50, 11), pair=PAIR)
    assert pause.until_ms == NOW - 11 * MINUTE + HOUR
    assert pause.reason == "3 trades of BTCUSDT were stopped out within 60 minutes"


@pytest.mark.parametrize(
    "trades",
    [
        (),
        stopped(50, 11),
        stopped(71, 50, 11),  # the window is an hour, its end not included
        stopped(50, 30, 11, reason=Reason.TAKE_PROFIT),
        stopped(50, 30, 11, pair="ETHUSDT"),
        stopped(50, 30, 11, source=OrderSource.MANUAL),
        stopped(50, 30, 11, trade_id="the same"),  # one trade closed in parts
        tuple(replace(each, realized_pnl=Decimal(1)) for each in stopped(50, 30, 11, reason=Reason.TRAILING_STOP)),
    ],
)
def test_the_guard_leaves_the_rest_alone(trades):
    assert stoploss_guard(GUARD, trades, pair=PAIR) is None


@pytest.mark.parametrize("reason", [Reason.STOP_LOSS, Reason.TRAILING_STOP, Reason.LIQUIDATION])
def test_a_stop_a_losing_trailing_stop_and_a_liquidation_count(reason):
    assert stoploss_guard(GUARD, stopped(50, 30, 11, reason=reason), pair=PAIR) is not None


def test_a_pair_that_lost_more_than_allowed_pauses():
    pause = losing_pair(LOSING, (closed(3, at_ms=NOW - 9), closed(-4, at_ms=NOW - 5), closed("-4.01")), pair=PAIR)
    assert pause.until_ms == NOW + 6 * HOUR
    assert pause.reason == "the trades of BTCUSDT came to -5.01 USDT within 24 hours"


@pytest.mark.parametrize(
    "trades",
    [
        (closed(3, at_ms=NOW - 9), closed(-4, at_ms=NOW - 5), closed(-4)),  # exactly the least allowed
        (closed(-9, at_ms=NOW - 5), closed(-9)),  # too few to judge
        (closed(-9, at_ms=NOW - 24 * HOUR), closed(-4, at_ms=NOW - 5), closed(0)),  # the first is out of the window
        (closed(-9, at_ms=NOW - 9), closed(-9, at_ms=NOW - 5), closed(-9, pair="ETHUSDT")),
    ],
)
def test_a_pair_that_lost_less_goes_on(trades):
    assert losing_pair(LOSING, trades, pair=PAIR) is None


def test_fees_count_as_losses():
    trades = tuple(closed(0, at_ms=NOW - i, fees=Decimal(2)) for i in (2, 1, 0))
    assert losing_pair(LOSING, trades, pair=PAIR) is not None


def drawdown(*trades, equity, unrealized=0):
    return max_drawdown(DRAWDOWN, trades, equity=Decimal(equity), unrealized_pnl=Decimal(unrealized), now_ms=NOW)


def test_a_fall_of_equity_pauses_from_the_close_that_ended_it():
    # 1,000 -> 1,100 -> 980: 120 of 1,100 is 10.9 %
    pause = drawdown(closed(100, at_ms=NOW - 3 * HOUR), closed(-120, at_ms=NOW - HOUR), equity=980)
    assert pause.until_ms == NOW - HOUR + 12 * HOUR
    assert pause.reason == "equity fell by 10.9 % within 24 hours"


def test_a_fall_that_was_made_good_still_pauses_for_its_time():
    trades = (closed(-120, at_ms=NOW - 2 * HOUR), closed(200, at_ms=NOW - HOUR))
    assert drawdown(*trades, equity=1080).until_ms == NOW - 2 * HOUR + 12 * HOUR


def test_what_open_positions_lose_counts_as_long_as_they_do():
    assert drawdown(equity=900, unrealized=-100).until_ms == NOW + 12 * HOUR  # 1,000 -> 900
    assert drawdown(equity="900.1", unrealized="-99.9") is None


@pytest.mark.parametrize(
    ("trades", "equity"),
    [
        ((closed(-99, at_ms=NOW - HOUR),), 901),
        ((closed(100, at_ms=NOW - 30 * HOUR), closed(-60, at_ms=NOW - 26 * HOUR), closed(-60)), 980),
        ((), 1000),
        ((closed(100),), 1100),
    ],
)
def test_a_smaller_or_slower_fall_does_not_pause(trades, equity):
    # in the second case the top of 1,100 is more than a day before the last close: 1,040 -> 980 is 5.8 %
    assert drawdown(*trades, equity=equity) is None


def test_zero_switches_each_off():
    trades = stopped(50, 30, 11)
    assert stoploss_guard(NO_PROTECTIONS, trades, pair=PAIR) is None
    assert losing_pair(NO_PROTECTIONS, trades, pair=PAIR) is None
    off = max_drawdown(NO_PROTECTIONS, trades, equity=Decimal(1), unrealized_pnl=Decimal(-999), now_ms=NOW)
    assert off is None


def test_the_longest_pause_in_force_is_the_one_named():
    rules = replace(GUARD, losing_trades=3, losing_min_profit=Decimal(-2))
    trades = stopped(50, 30, 11)
    facts = {"pair": PAIR, "equity": Decimal(100_000), "unrealized_pnl": Decimal(0)}
    assert active_pause(rules, trades, now_ms=NOW, **facts).protection == "losing_pair"
    short = replace(rules, losing_pause_ms=MINUTE)
    assert active_pause(short, trades, now_ms=NOW, **facts).protection == "stoploss_guard"
    ended = NOW - 11 * MINUTE + HOUR
    assert active_pause(short, trades, now_ms=ended - 1, **facts) is not None
    assert active_pause(short, trades, now_ms=ended, **facts) is None
