"""Figures of a run, by hand-computed cases."""

from dataclasses import replace
from decimal import Decimal
from math import sqrt

import numpy as np
import pytest

from backtest.engine import run
from backtest.figures import daily_returns, drawdown, figures_of, monthly_returns, sharpe, sortino, trade_figures
from backtest.opinions import Cutoffs
from tests.backtest.worlds import job_of, walk
from tests.bots import opinion

DAY, MIDNIGHT = 86_400_000, 1_767_225_600_000


@pytest.fixture(scope="module")
def result():
    return run(job_of(walk(minutes=600, seed=4), walk("ETHUSDT", minutes=600, seed=5)))


def test_ratios_are_those_of_daily_returns_over_a_year_of_365_days() -> None:
    returns = np.array([0.01, -0.02, 0.03, 0.0, 0.01])
    spread = sqrt(((returns - 0.006) ** 2).sum() / 4)
    assert sharpe(returns) == pytest.approx(0.006 / spread * sqrt(365))
    assert sortino(returns) == pytest.approx(0.006 / sqrt(0.0004 / 5) * sqrt(365))
    assert (sharpe(returns[:4]), sharpe(np.zeros(9)), sortino(np.full(9, 0.01))) == (None, None, None)


def test_a_candle_that_ends_at_midnight_belongs_to_the_day_before() -> None:
    times = MIDNIGHT + np.array([DAY // 2, DAY, DAY + 60_000, 2 * DAY])
    assert daily_returns(times, np.array([101.0, 102.0, 90.0, 51.0]), 100.0) == pytest.approx([0.02, -0.5])


def test_the_deepest_fall_is_measured_from_the_highest_equity_before_it() -> None:
    times = np.arange(6) * DAY
    fall = drawdown(times, np.array([100.0, 120.0, 90.0, 110.0, 130.0, 129.0]), 100.0)
    assert (fall.fraction, fall.amount, fall.from_ms, fall.to_ms) == (0.25, 30.0, DAY, 2 * DAY)
    assert fall.longest_ms == 3 * DAY


def test_months_are_chained() -> None:
    times = MIDNIGHT + DAY * np.array([30, 31, 45, 59])
    assert monthly_returns(times, np.array([90.0, 110.0, 105.0, 99.0]), 100.0) == (
        ("2026-01", pytest.approx(0.1)),
        ("2026-02", pytest.approx(-0.1)),
    )


def test_money_of_trades_is_exact_and_adds_up(result) -> None:
    figures = figures_of(result)
    nets = [each.realized_pnl - each.fees for each in result.closed]
    assert (figures.all.trades, figures.all.net) == (len(nets), sum(nets))
    assert figures.all.profit - figures.all.loss == figures.all.net
    for table in (figures.by_pair, figures.by_reason, figures.by_direction, figures.by_analyst):
        assert sum((row.net for row in table), Decimal(0)) == figures.all.net
        assert sum(row.trades for row in table) == len(nets)
    assert figures.fees == sum(trade.fee for trade in result.trades)
    assert figures.by_leakage == ()  # rules alone


def test_the_last_equity_is_the_balance_with_all_that_was_won_paid_and_is_open(result) -> None:
    nets = sum((each.realized_pnl - each.fees for each in result.closed), Decimal(0))
    opened = Decimal(0)
    for position in result.positions:
        mark = Decimal(repr(float(result.closes[position.pair][-1])))
        opened += (mark * position.quantity - position.cost) * position.direction.sign - position.entry_fee
    assert result.equity[-1] == pytest.approx(float(100_000 + nets + opened), abs=1e-6)


def test_without_trades_there_is_nothing_to_divide_by() -> None:
    nothing = trade_figures("none", ())
    assert (nothing.win_rate, nothing.profit_factor, nothing.mean, nothing.mean_minutes) == (None, None, None, 0.0)


def test_trades_are_told_apart_by_what_the_models_behind_them_may_have_known(result) -> None:
    first, second, *rest = [each.trade_id for each in result.closed]
    votes = dict.fromkeys(rest, ()) | {
        first: (opinion("grok", model="x-ai/grok", formed_ms=999), opinion("technical")),
        second: (opinion("grok", model="x-ai/grok", formed_ms=1000),),
    }
    known = figures_of(replace(result, votes=votes, cutoffs=Cutoffs({"grok": 1000})))
    assert {row.name: row.trades for row in known.by_leakage} == {
        "after_cutoff": len(result.closed) - 1,
        "before_cutoff": 1,
        "cutoff_unknown": 0,
    }
    unknown = figures_of(replace(result, votes=votes))
    assert {row.name: row.trades for row in unknown.by_leakage}["cutoff_unknown"] == 2
