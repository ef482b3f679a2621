"""Performance figures of an account from what was closed and from its equity over time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from domain.money import ZERO
from domain.trading import ClosedTrade

_DAY_MS = 86_400_000
_DAYS_A_YEAR = 365  # this market never closes


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """What one pair came to."""

    trades: int
    wins: int
    win_rate: float  # 0..100
    net_profit: Decimal
    fees: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Figures of a period. None: too little has happened to say."""

    trades: int  # closed trades, parts of a position counted each
    wins: int
    losses: int
    win_rate: float  # 0..100
    net_profit: Decimal  # of the closed trades, after fees
    gross_profit: Decimal  # sum of the winning trades, after fees
    gross_loss: Decimal  # sum of the losing trades, after fees, <= 0
    profit_factor: float | None  # gross profit / |gross loss|
    fees: Decimal
    average_win: Decimal | None
    average_loss: Decimal | None
    largest_win: Decimal | None
    largest_loss: Decimal | None
    average_hold_seconds: float | None
    exposure_percent: float | None  # share of the period with a position open
    start_equity: Decimal | None
    equity: Decimal | None
    return_percent: float | None
    max_drawdown_percent: float | None  # largest fall from a high
    max_drawdown_usdt: Decimal | None
    sharpe: float | None  # mean / deviation of daily returns x sqrt(365), no risk-free rate
    sortino: float | None  # the same over the deviation of the losses only
    from_ms: int | None
    to_ms: int | None
    per_pair: dict[str, PairFigures]


def performance(
    closed: Sequence[ClosedTrade], curve: Sequence[tuple[int, Decimal]], *, since_ms: int | None = None
) -> Performance:
    """Return the figures.

    Args:
        closed: oldest first.
        curve: (epoch ms, equity), oldest first.
        since_ms: start of the period where the curve begins later; None = the first point or trade.
    """
    nets = [item.realized_pnl - item.fees for item in closed]
    wins, losses = [net for net in nets if net > 0], [net for net in nets if net < 0]
    start = min([*(item.opened_ms for item in closed), *(t for t, _ in curve[:1])], default=None)
    start = since_ms if since_ms is not None else start
    end = max([*(item.closed_ms for item in closed), *(t for t, _ in curve[-1:])], default=None)
    first, last = (curve[0][1], curve[-1][1]) if curve else (None, None)
    fall_percent, fall = drawdown([equity for _, equity in curve])
    sharpe, sortino = ratios(daily_returns(curve))
    return Performance(
        trades=len(nets),
        wins=len(wins),
        losses=len(losses),
        win_rate=100 * len(wins) / len(nets) if nets else 0.0,
        net_profit=sum(nets, ZERO),
        gross_profit=sum(wins, ZERO),
        gross_loss=sum(losses, ZERO),
        profit_factor=float(sum(wins, ZERO) / -sum(losses, ZERO)) if losses else None,
        fees=sum((item.fees for item in closed), ZERO),
        average_win=_mean(wins),
        average_loss=_mean(losses),
        largest_win=max(wins, default=None),
        largest_loss=min(losses, default=None),
        average_hold_seconds=sum(i.closed_ms - i.opened_ms for i in closed) / len(closed) / 1000 if closed else None,
        exposure_percent=exposure(closed, start, end),
        start_equity=first,
        equity=last,
        return_percent=float((last / first - 1) * 100) if first and last is not None else None,
        max_drawdown_percent=fall_percent,
        max_drawdown_usdt=fall,
        sharpe=sharpe,
        sortino=sortino,
        from_ms=start,
        to_ms=end,
        per_pair=_per_pair(closed),
    )


def drawdown(equity: Sequence[Decimal]) -> tuple[float | None, Decimal | None]:
    """Return the largest fall from a high before it, in percent of that high and in quote; None of no points."""
    if not equity:
        return None, None
    high, worst_percent, worst = equity[0], 0.0, ZERO
    for value in equity:
        high = max(high, value)
        worst = max(worst, high - value)
        if high > 0:
            worst_percent = max(worst_percent, float((high - value) * 100 / high))
    return worst_percent, worst


def daily_returns(curve: Sequence[tuple[int, Decimal]]) -> list[float]:
    """Return the relative change from each UTC day's last equity to the next one's that has any."""
    last_of_day = {ms // _DAY_MS: equity for ms, equity in curve}
    values = [equity for _, equity in sorted(last_of_day.items())]
    return [float(new / old - 1) for old, new in pairwise(values) if old > 0]


def ratios(returns: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the Sharpe ratio (Sharpe 1994) and the Sortino ratio (target 0) of daily returns, a year of 365 days."""
    if len(returns) < 2:
        return None, None
    mean = sum(returns) / len(returns)
    spread = math.sqrt(sum((value - mean) ** 2 for value in returns) / (len(returns) - 1))
    downside = math.sqrt(sum(min(value, 0.0) ** 2 for value in returns) / len(returns))
    year = math.sqrt(_DAYS_A_YEAR)
    return (mean / spread * year if spread else None), (mean / downside * year if downside else None)


def exposure(closed: Sequence[ClosedTrade], start_ms: int | None, end_ms: int | None) -> float | None:
    """Return the percentage of the period in which at least one of the trades was open."""
    if start_ms is None or end_ms is None or end_ms <= start_ms:
        return None
    covered, until = 0, start_ms
    for opened, ended in sorted((item.opened_ms, item.closed_ms) for item in closed):
        covered += max(0, ended - max(opened, until))
        until = max(until, ended)
    return 100 * covered / (end_ms - start_ms)


def _mean(values: Sequence[Decimal]) -> Decimal | None:
    return (sum(values, ZERO) / len(values)).quantize(Decimal("0.00000001")) if values else None


def _per_pair(closed: Sequence[ClosedTrade]) -> dict[str, PairFigures]:
    figures: dict[str, PairFigures] = {}
    for pair in sorted({item.pair for item in closed}):
        mine = [item for item in closed if item.pair == pair]
        nets = [item.realized_pnl - item.fees for item in mine]
        wins = sum(net > 0 for net in nets)
        figures[pair] = PairFigures(
            trades=len(mine),
            wins=wins,
            win_rate=100 * wins / len(mine),
            net_profit=sum(nets, ZERO),
            fees=sum((item.fees for item in mine), ZERO),
        )
    return figures
