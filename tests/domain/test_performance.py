"""Performance figures, worked out by hand."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from domain.performance import daily_returns, drawdown, exposure, performance, ratios
from domain.trading import ClosedTrade, Direction, OrderSource, Reason

DAY = 86_400_000
TRADE = ClosedTrade(
    trade_id="a",
    pair="BTCUSDT",
    direction=Direction.LONG,
    entry_price=D(100),
    exit_price=D(110),
    quantity=D(1),
    realized_pnl=D(10),
    fees=D(1),
    reason=Reason.TAKE_PROFIT,
    opened_ms=0,
    closed_ms=1000,
    source=OrderSource.BOT,
)
LOSS = replace(TRADE, pair="ETHUSDT", realized_pnl=D(-5), opened_ms=3000, closed_ms=4000)


def test_figures_of_two_trades():
    found = performance([TRADE, LOSS], [(0, D(1000)), (4000, D(1003))])
    assert (found.trades, found.wins, found.losses, found.win_rate) == (2, 1, 1, 50)
    assert (found.net_profit, found.gross_profit, found.gross_loss, found.fees) == (D(3), D(9), D(-6), D(2))
    assert found.profit_factor == 1.5
    assert (found.average_win, found.largest_loss, found.average_hold_seconds) == (D(9), D(-6), 1)
    assert found.exposure_percent == 50  # 2 of 4 seconds
    assert found.return_percent == pytest.approx(0.3)
    assert (found.per_pair["BTCUSDT"].win_rate, found.per_pair["ETHUSDT"].net_profit) == (100, D(-6))


def test_nothing_has_happened_yet():
    found = performance([], [])
    assert (found.trades, found.win_rate, found.net_profit) == (0, 0, D(0))
    assert found.profit_factor is found.sharpe is found.exposure_percent is found.max_drawdown_percent is None


def test_without_a_loss_there_is_no_profit_factor():
    assert performance([TRADE], []).profit_factor is None


@pytest.mark.parametrize(
    ("equity", "expected"),
    [([], (None, None)), ([1, 2, 3], (0, 0)), ([100, 120, 90, 130, 104], (25, 30)), ([0, 0], (0, 0))],
)
def test_drawdown_is_the_largest_fall_from_a_high(equity, expected):
    assert drawdown([D(value) for value in equity]) == expected


def test_daily_returns_compare_the_last_equity_of_each_day():
    curve = [(0, D(50)), (DAY - 1, D(100)), (DAY, D(1)), (DAY + 1, D(110)), (3 * DAY, D(55))]
    assert daily_returns(curve) == pytest.approx([0.1, -0.5])


def test_ratios():
    # returns 0.02, -0.01: mean 0.005, deviation 0.0212132, downside sqrt(0.0001 / 2)
    sharpe, sortino = ratios([0.02, -0.01])
    assert sharpe == pytest.approx(0.005 / 0.021213203 * 365**0.5)
    assert sortino == pytest.approx(0.005 / 0.007071068 * 365**0.5)
    assert ratios([0.02]) == (None, None)
    assert ratios([0.02, 0.02]) == (None, None)


def test_exposure_counts_overlapping_trades_once():
    trades = [replace(TRADE, opened_ms=0, closed_ms=60), replace(TRADE, opened_ms=40, closed_ms=80)]
    assert exposure(trades, 0, 100) == 80
    assert exposure(trades, 50, 100) == 60
    assert exposure(trades, None, 100) is None
