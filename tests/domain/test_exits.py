"""Stops, targets and trailing stops by hand, long and short; the reasons to close."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.analysis import Action
from domain.exits import (
    exit_distances,
    reverses,
    run_time_over,
    stop_price,
    target_price,
    time_exit,
    trailing_stop,
)
from domain.trading import Direction, OrderSource, Reason
from tests.bots import MINUTE, NOW, RULES, SYMBOL, opinion, position, signal

LONG, SHORT = Direction.LONG, Direction.SHORT
SYMBOL_1 = replace(SYMBOL, tick_size=Decimal(1))


def prices(rules, direction, *opinions, price="100000", quantity="0.0005", atr=None, symbol=SYMBOL):
    """Stop and target of a position."""
    price = Decimal(price)
    distances = exit_distances(
        rules,
        direction=direction,
        price=price,
        quantity=None if quantity is None else Decimal(quantity),
        atr=atr,
        opinions=opinions,
        weights={"technical": Decimal(1), "grok": Decimal(3)},
    )
    where = {"direction": direction, "price": price, "symbol": symbol}
    return stop_price(distances.stop, **where), target_price(distances.target, **where)


@pytest.mark.parametrize(
    ("exits", "direction", "stop", "target"),
    [
        ("percent", LONG, 99_000, 102_000),  # 1 % and 2 % of 100,000
        ("percent", SHORT, 101_000, 98_000),
        ("usd", LONG, 98_000, 104_000),  # 1 and 2 USD on 0.0005 BTC
        ("usd", SHORT, 102_000, 96_000),
        ("atr", LONG, 99_400, 101_200),  # 1.5 and 3 times 400
        ("atr", SHORT, 100_600, 98_800),
    ],
)
def test_exits_by_mode(exits, direction, stop, target):
    assert prices(replace(RULES, exits=exits), direction, atr=400.0) == (stop, target)


@pytest.mark.parametrize(
    ("exits", "lacks"), [("usd", {"quantity": None}), ("usd", {"quantity": "0"}), ("atr", {"atr": None})]
)
def test_percent_holds_where_a_mode_lacks_what_it_needs(exits, lacks):
    assert prices(replace(RULES, exits=exits), LONG, **lacks) == (99_000, 102_000)


def said(analyst, action, stop, target):
    as_price = [None if price is None else Decimal(price) for price in (stop, target)]
    return opinion(analyst, action, stop_loss=as_price[0], take_profit=as_price[1])


BY_OPINION = replace(RULES, exits="opinion")


@pytest.mark.parametrize(
    ("direction", "opinions", "stop", "target"),
    [
        (LONG, [said("technical", Action.BUY, 99_500, 100_800)], 99_500, 100_800),
        (SHORT, [said("technical", Action.SELL, 100_500, 99_200)], 100_500, 99_200),
        # weights 1 and 3: (500 + 3 * 900) / 4 = 800 and (800 + 3 * 1,600) / 4 = 1,400
        (
            LONG,
            [said("technical", Action.BUY, 99_500, 100_800), said("grok", Action.BUY, 99_100, 101_600)],
            99_200,
            101_400,
        ),
        # never further away than 1 % and 2 %
        (LONG, [said("technical", Action.BUY, 50_000, 900_000)], 99_000, 102_000),
        # a price on the wrong side is no price, what another direction says does not count, nor what is not said
        (LONG, [said("technical", Action.BUY, 100_500, 99_000)], 99_000, 102_000),
        (LONG, [said("technical", Action.SELL, 99_900, 100_100)], 99_000, 102_000),
        (LONG, [said("technical", Action.BUY, None, None)], 99_000, 102_000),
    ],
)
def test_exits_by_opinion_are_a_weighted_mean_bounded_by_percent(direction, opinions, stop, target):
    assert prices(BY_OPINION, direction, *opinions) == (stop, target)


def test_exits_are_on_the_price_grid_away_from_the_market():
    # 1 % of 12,345.67 is 123.4567, 2 % are 246.9134
    assert prices(RULES, LONG, price="12345.67") == (Decimal("12222.21"), Decimal("12592.59"))
    assert prices(RULES, SHORT, price="12345.67") == (Decimal("12469.13"), Decimal("12098.75"))


def test_an_exit_is_at_least_one_tick_from_the_entry():
    close = replace(RULES, stop_loss_percent=Decimal("0.001"), take_profit_percent=Decimal("0.001"))
    assert prices(close, LONG, price="100", symbol=SYMBOL_1) == (99, 101)
    assert prices(close, SHORT, price="100", symbol=SYMBOL_1) == (101, 99)


def test_a_stop_below_zero_is_none():
    assert prices(replace(RULES, exits="usd", stop_loss_usd=Decimal(50)), LONG)[0] is None
    assert prices(replace(RULES, exits="usd", profit_target_usd=Decimal(51)), SHORT)[1] is None


@given(
    price=st.decimals("0.02", "1e6", places=2),
    percent=st.decimals("0.001", "99", places=3),
    direction=st.sampled_from([LONG, SHORT]),
)
def test_a_stop_is_on_the_losing_side_and_a_target_on_the_winning_one(price, percent, direction):
    rules = replace(RULES, stop_loss_percent=percent, take_profit_percent=percent)
    stop, target = prices(rules, direction, price=price)
    assert stop is None or (price - stop) * direction.sign > 0
    assert target is None or (target - price) * direction.sign > 0
    for placed in (stop, target):
        assert placed is None or (placed > 0 and placed % SYMBOL.tick_size == 0)


def test_trailing_in_percent_and_in_usd():
    trail = {"price": Decimal(100_000), "quantity": Decimal("0.0005"), "symbol": SYMBOL}
    percent = trailing_stop(RULES, **trail)
    assert (percent.trigger, percent.distance) == (1000, 500)
    usd = trailing_stop(replace(RULES, exits="usd"), **trail)
    assert (usd.trigger, usd.distance) == (2000, 1000)  # 1 and 0.5 USD on 0.0005 BTC
    assert trailing_stop(replace(RULES, trailing_enabled=False), **trail) is None


def test_a_trailing_distance_is_at_least_one_tick():
    rules = replace(RULES, trailing_trigger_percent=Decimal(0), trailing_distance_percent=Decimal("0.001"))
    made = trailing_stop(rules, price=Decimal(100), quantity=Decimal(1), symbol=SYMBOL_1)
    assert (made.trigger, made.distance) == (0, 1)


@pytest.mark.parametrize(
    ("rules", "changes", "since_ms", "reason"),
    [
        ({"max_hold_seconds": 60}, {"opened_ms": NOW - 60_000}, NOW, Reason.TIMEOUT),
        ({"max_hold_seconds": 60}, {"opened_ms": NOW - 59_999}, NOW, None),
        ({"max_hold_seconds": 0}, {"opened_ms": 0}, NOW, None),
        ({"run_time_minutes": 10}, {}, NOW - 10 * MINUTE, Reason.RUN_TIME_OVER),
        ({"run_time_minutes": 10}, {}, NOW - 10 * MINUTE + 1, None),
        ({"run_time_minutes": 10}, {}, None, None),
        ({"run_time_minutes": 10, "max_hold_seconds": 1}, {"opened_ms": 0}, 0, Reason.RUN_TIME_OVER),
        ({"max_hold_seconds": 60}, {"opened_ms": 0, "source": OrderSource.MANUAL}, 0, None),
    ],
)
def test_time_ends_only_what_the_bot_opened(rules, changes, since_ms, reason):
    held = position(**changes)
    assert time_exit(held, replace(RULES, **rules), trading_since_ms=since_ms, now_ms=NOW) is reason


def test_no_run_time_means_no_limit():
    assert not run_time_over(RULES, trading_since_ms=0, now_ms=NOW)


BUY, SELL, HOLD = (signal(opinion(action=action)) for action in Action)


@pytest.mark.parametrize(
    ("made", "held", "votes", "closes"),
    [
        (SELL, position(LONG), 1, True),
        (BUY, position(SHORT), 1, True),
        (BUY, position(LONG), 1, False),
        (HOLD, position(LONG), 1, False),
        (SELL, position(LONG, source=OrderSource.MANUAL), 1, False),
        (SELL, position(LONG), 0, False),
        (replace(SELL, agreed=False), position(LONG), 1, False),
        (replace(SELL, confidence=0.1), position(LONG), 1, True),
        (replace(SELL, confidence=0.0999), position(LONG), 1, False),
    ],
)
def test_an_opposite_signal_above_the_threshold_closes(made, held, votes, closes):
    assert reverses(made, held, RULES, votes=votes) is closes
