"""Pairs by name and the filters a recording is played with."""

from decimal import Decimal

import pytest

from domain.symbols import derived_rules, known_rules, split_pair


@pytest.mark.parametrize(
    ("pair", "parts"), [("BTCUSDT", ("BTC", "USDT")), ("ETHBTC", ("ETH", "BTC")), ("NKNUSDT", ("NKN", "USDT"))]
)
def test_a_pair_has_a_base_and_a_quote(pair: str, parts: tuple[str, str]):
    assert split_pair(pair) == parts


def test_the_usual_pairs_have_the_exchanges_filters_of_today():
    rules = known_rules("XRPUSDT")
    assert rules is not None
    assert (rules.tick_size, rules.step_size, rules.min_notional) == (Decimal("0.0001"), Decimal("0.1"), Decimal(5))
    assert known_rules("NKNUSDT") is None


def test_filters_as_fine_as_the_decimals_seen():
    prices = [Decimal("1.20"), Decimal("1.235"), Decimal("NaN")]
    rules = derived_rules("NKNUSDT", prices=prices, quantities=[Decimal("5"), Decimal("100")])
    assert (rules.tick_size, rules.step_size, rules.min_quantity) == (Decimal("0.001"), Decimal(1), Decimal(1))


def test_without_any_figure_the_finest_steps_hold():
    rules = derived_rules("NKNUSDT", prices=[], quantities=[])
    assert rules.tick_size == rules.step_size == Decimal("0.00000001")
