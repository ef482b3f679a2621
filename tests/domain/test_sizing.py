"""Quantities, computed by hand."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.sizing import SizeInputs, daily_volatility, kelly_bet, position_size
from tests.bots import RULES, SYMBOL, features

INPUTS = SizeInputs(
    price=Decimal(100_000),
    stop_distance=Decimal(1000),
    target_distance=Decimal(2000),
    equity=Decimal(100_000),
    probability=Decimal("0.5"),
    daily_volatility=0.04,
)
WIDE = replace(RULES, max_position_usdt=Decimal(1_000_000))


@pytest.mark.parametrize(
    ("rules", "inputs", "quantity"),
    [
        # 50 USDT at 100,000
        ({"sizing": "fixed"}, {}, "0.0005"),
        # 50 USDT at 99,999.99 is 0.00050000005, on the grid of 0.00001
        ({"sizing": "fixed"}, {"price": Decimal("99999.99")}, "0.0005"),
        ({"sizing": "fixed"}, {"price": Decimal("100000.01")}, "0.00049"),
        # 1 % of 100,000 is 1,000 at risk, 1,000 a coin: one coin
        ({"sizing": "risk"}, {}, "1"),
        ({"sizing": "risk", "risk_per_trade_percent": Decimal("0.3")}, {}, "0.3"),
        ({"sizing": "risk"}, {"stop_distance": Decimal(3000)}, "0.33333"),
        # 1,000 at a daily volatility of 4 % is a notional of 25,000
        ({"sizing": "volatility"}, {}, "0.25"),
        ({"sizing": "volatility"}, {"daily_volatility": None}, "0.0005"),  # as fixed
        # b = 2, p = 0.5: 0.5 - 0.5 / 2 = 0.25; a quarter is 6.25 % of 100,000 = 6,250 at risk, 1,000 a coin
        ({"sizing": "kelly"}, {}, "6.25"),
        ({"sizing": "kelly"}, {"probability": Decimal("0.3")}, "0"),  # 0.3 - 0.7 / 2 < 0: no bet
        ({"sizing": "fixed"}, {"equity": Decimal(0)}, "0.0005"),
        ({"sizing": "risk"}, {"equity": Decimal(0)}, "0"),
    ],
)
def test_size(rules, inputs, quantity):
    assert position_size(replace(INPUTS, **inputs), replace(WIDE, **rules), SYMBOL) == Decimal(quantity)


@pytest.mark.parametrize("sizing", ["fixed", "risk", "volatility", "kelly"])
def test_no_size_is_worth_more_than_the_most_allowed(sizing):
    rules = replace(RULES, sizing=sizing, trade_amount_usdt=Decimal(9999), max_position_usdt=Decimal(5000))
    assert position_size(INPUTS, rules, SYMBOL) == Decimal("0.05")


def test_an_operators_amount_counts_instead_and_is_bounded_too():
    assert position_size(INPUTS, RULES, SYMBOL, Decimal(100)) == Decimal("0.001")
    assert position_size(INPUTS, RULES, SYMBOL, Decimal(100_000)) == Decimal("0.05")


def test_no_size_passes_the_exchanges_largest_quantity():
    assert position_size(INPUTS, WIDE, replace(SYMBOL, max_quantity=Decimal("0.0003"))) == Decimal("0.0003")
    unlimited = replace(SYMBOL, max_quantity=Decimal(0), step_size=Decimal(0))
    assert position_size(replace(INPUTS, price=Decimal(3)), RULES, unlimited) == Decimal("16.66666666")


def test_kelly_bet_by_hand():
    assert kelly_bet(Decimal("0.6"), Decimal(1)) == Decimal("0.2")
    assert kelly_bet(Decimal("0.4"), Decimal(1)) == 0


def test_daily_volatility_is_that_of_the_longest_series_by_the_root_of_time():
    assert daily_volatility(features(volatility=0.01, interval="1h")) == pytest.approx(0.01 * 24**0.5)
    short, long = features(volatility=0.001), features(volatility=0.01, interval="1h")
    both = replace(short, intervals=(*short.intervals, *long.intervals))
    assert daily_volatility(both) == pytest.approx(0.048989794855663564)
    assert daily_volatility(features()) is None


@given(
    sizing=st.sampled_from(["fixed", "risk", "volatility", "kelly"]),
    price=st.decimals("0.01", "1e6", places=2),
    stop=st.decimals("0.01", "1e5", places=2),
    equity=st.decimals("0", "1e9", places=2),
    probability=st.decimals("0", "1", places=4),
)
def test_every_size_is_on_the_grid_and_within_its_bounds(sizing, price, stop, equity, probability):
    inputs = replace(
        INPUTS, price=price, stop_distance=stop, target_distance=2 * stop, equity=equity, probability=probability
    )
    quantity = position_size(inputs, replace(RULES, sizing=sizing), SYMBOL)
    assert 0 <= quantity <= SYMBOL.max_quantity
    assert quantity % SYMBOL.step_size == 0
    assert quantity * price <= RULES.max_position_usdt * Decimal("1.0000000001")
