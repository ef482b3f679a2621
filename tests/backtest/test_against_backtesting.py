"""The SMA cross run by `backtesting` and on our exchange and ledger: trade by trade, and each difference explained."""

import warnings

import pytest

from ledger.audit import Auditor
from ledger.canonical import plain
from tests.backtest.sma_cross import Cross, Rules, ours, theirs

CENT = 0.01


@pytest.fixture(scope="module")
def candles():
    """Nine years of daily candles that come with `backtesting`."""
    with warnings.catch_warnings(action="ignore"):
        from backtesting.test import GOOG
    return GOOG


def same(one: Cross, other: Cross) -> bool:
    places = (one.entry_bar, one.exit_bar, one.size) == (other.entry_bar, other.exit_bar, other.size)
    prices = abs(one.entry - other.entry) < 1e-9 and abs(one.exit - other.exit) < 1e-9
    return places and prices and abs(one.net - other.net) < CENT


@pytest.mark.parametrize("rules", [Rules(), Rules(stop=0.03, target=0.06)], ids=["cross", "stop and target"])
def test_all_trades_and_the_equity_of_every_day_are_the_same(candles, rules: Rules) -> None:
    their_trades, their_equity = theirs(candles, rules)
    our_trades, our_equity, journal = ours(candles, rules)
    assert len(our_trades) == len(their_trades) > 90
    assert all(map(same, our_trades, their_trades))
    assert max(abs(one - other) for one, other in zip(our_equity, their_equity, strict=True)) < CENT
    auditor = Auditor()
    for document in journal:
        auditor.check(plain(document))
    assert not auditor.finish().findings


def test_they_differ_only_where_the_entry_opens_beyond_its_target(candles) -> None:
    """Such a target is reached at the open, before the rest of that candle; `backtesting` looks at the stop first."""
    rules = Rules(stop=0.01, target=0.01)
    their_trades, their_equity = theirs(candles, rules)
    our_trades, our_equity, _ = ours(candles, rules)
    assert len(our_trades) == len(their_trades)
    differ = [pair for pair in zip(our_trades, their_trades, strict=True) if not same(*pair)]
    assert len(differ) == 3
    for our, their in differ:
        close = float(candles.Close.iloc[our.entry_bar - 1])
        sign = 1 if our.size > 0 else -1
        stop, target = rules.levels(close, sign)
        assert (our.entry - target) * sign >= 0
        assert (our.entry_bar, our.exit_bar, our.exit) == (their.entry_bar, their.entry_bar, our.entry)
        assert their.exit == pytest.approx(stop)
    explained = sum(our.net - their.net for our, their in differ)
    assert our_equity[-1] - their_equity[-1] == pytest.approx(explained, abs=CENT)
