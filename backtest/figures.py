"""Figures of a run: what it earned, what it risked, and who was right.

Returns are fractions, money is in the quote asset. Sharpe and Sortino ratios are of daily returns, without a riskless
rate, times the root of 365: crypto trades every day (Sharpe 1994; Sortino and Price 1994).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from math import sqrt

import numpy as np
import numpy.typing as npt

from backtest.opinions import Leakage
from backtest.result import Result
from backtest.tables import FloatArray, IntArray
from domain.analysis import Action
from domain.trading import ClosedTrade, Direction

DAY_MS = 86_400_000
YEAR_DAYS = 365
LEAST_DAYS = 5  # of returns, for a ratio that says anything


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeFigures:
    """Closed trades of one kind. Money net of fees, as the ledger has it."""

    name: str
    trades: int
    wins: int
    net: Decimal  # quote
    fees: Decimal  # quote
    profit: Decimal  # sum of those that won
    loss: Decimal  # sum of those that lost, >= 0
    best: Decimal
    worst: Decimal
    mean_minutes: float

    @property
    def win_rate(self) -> float | None:
        return self.wins / self.trades if self.trades else None

    @property
    def profit_factor(self) -> float | None:
        """What was won over what was lost; None without a loss."""
        return float(self.profit / self.loss) if self.loss else None

    @property
    def mean(self) -> Decimal | None:
        return self.net / self.trades if self.trades else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """The deepest fall from a highest equity, and the longest time below one."""

    fraction: float  # 0..1
    amount: float  # quote
    from_ms: int
    to_ms: int
    longest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All figures of one run."""

    all: TradeFigures
    by_pair: tuple[TradeFigures, ...]
    by_analyst: tuple[TradeFigures, ...]
    by_reason: tuple[TradeFigures, ...]
    by_direction: tuple[TradeFigures, ...]
    by_leakage: tuple[TradeFigures, ...]
    start: float
    end: float
    total_return: float
    annual_return: float | None  # None for less than LEAST_DAYS
    buy_and_hold: float | None
    sharpe: float | None
    sortino: float | None
    volatility: float | None  # of a year
    drawdown: Drawdown
    exposure: float  # share of the time with a position
    mean_invested: float  # cost of the open positions over equity, mean over all time
    fees: Decimal  # of all executions, open positions included
    days: float
    monthly: tuple[tuple[str, float], ...]  # 2026-03 -> return


def figures_of(result: Result) -> Figures:
    """Return the figures of a run."""
    closed, equity = result.closed, result.equity
    start = float(result.settings.paper.balance_usdt)
    end = float(equity[-1]) if len(equity) else start
    days = (result.to_ms - result.from_ms) / DAY_MS
    returns = daily_returns(result.times, equity, start)
    return Figures(
        all=trade_figures("all", closed),
        by_pair=tuple(trade_figures(pair, (each for each in closed if each.pair == pair)) for pair in result.pairs),
        by_analyst=_by_analyst(result),
        by_reason=_grouped(closed, lambda each: each.reason.value),
        by_direction=_grouped(closed, lambda each: each.direction.value),
        by_leakage=_by_leakage(result),
        start=start,
        end=end,
        total_return=end / start - 1,
        annual_return=(end / start) ** (YEAR_DAYS / days) - 1 if days >= LEAST_DAYS and end > 0 else None,
        buy_and_hold=_buy_and_hold(result),
        sharpe=sharpe(returns),
        sortino=sortino(returns),
        volatility=float(np.std(returns, ddof=1)) * sqrt(YEAR_DAYS) if len(returns) >= LEAST_DAYS else None,
        drawdown=drawdown(result.times, equity, start),
        exposure=float((result.invested > 0).mean()) if len(equity) else 0.0,
        mean_invested=float(result.invested.mean()) if len(equity) else 0.0,
        fees=sum((trade.fee for trade in result.trades), Decimal(0)),
        days=days,
        monthly=monthly_returns(result.times, equity, start),
    )


def trade_figures(name: str, trades: Iterable[ClosedTrade]) -> TradeFigures:
    """Return the figures of some closed trades."""
    listed = tuple(trades)
    nets = [each.realized_pnl - each.fees for each in listed]
    return TradeFigures(
        name=name,
        trades=len(listed),
        wins=sum(net > 0 for net in nets),
        net=sum(nets, Decimal(0)),
        fees=sum((each.fees for each in listed), Decimal(0)),
        profit=sum((net for net in nets if net > 0), Decimal(0)),
        loss=-sum((net for net in nets if net < 0), Decimal(0)),
        best=max(nets, default=Decimal(0)),
        worst=min(nets, default=Decimal(0)),
        mean_minutes=sum(each.closed_ms - each.opened_ms for each in listed) / 60_000 / len(listed) if listed else 0.0,
    )


def daily_returns(times: IntArray, equity: FloatArray, start: float) -> FloatArray:
    """Return the return of each whole or begun UTC day: float64, shape (days,), fractions."""
    if not len(times):
        return np.zeros(0)
    day = (times - 1) // DAY_MS  # a candle that ends at midnight belongs to the day before
    last = np.flatnonzero(np.diff(day, append=day[-1] + 1))
    ends = np.concatenate(([start], equity[last]))
    return np.asarray(ends[1:] / ends[:-1] - 1)


def sharpe(returns: FloatArray) -> float | None:
    """Return mean over standard deviation of daily returns, for a year; None for too few or where nothing moved."""
    if len(returns) < LEAST_DAYS or not np.ptp(returns) > 0:
        return None
    return float(returns.mean()) / float(np.std(returns, ddof=1)) * sqrt(YEAR_DAYS)


def sortino(returns: FloatArray) -> float | None:
    """Return mean over downside deviation (root of the mean square of the losses, over all days), for a year."""
    if len(returns) < LEAST_DAYS:
        return None
    downside = sqrt(float((np.minimum(returns, 0.0) ** 2).mean()))
    return float(returns.mean()) / downside * sqrt(YEAR_DAYS) if downside > 0 else None


def drawdown(times: IntArray, equity: FloatArray, start: float) -> Drawdown:
    """Return the deepest fall from the highest equity so far."""
    if not len(equity):
        return Drawdown(fraction=0.0, amount=0.0, from_ms=0, to_ms=0, longest_ms=0)
    peak = np.maximum(np.maximum.accumulate(equity), start)
    fall = (peak - equity) / peak
    low = int(fall.argmax())
    high = int(np.flatnonzero(equity[: low + 1] >= peak[low])[-1]) if (equity[: low + 1] >= peak[low]).any() else 0
    return Drawdown(
        fraction=float(fall[low]),
        amount=float(peak[low] - equity[low]),
        from_ms=int(times[high]),
        to_ms=int(times[low]),
        longest_ms=_longest_below(times, equity >= peak),
    )


def monthly_returns(times: IntArray, equity: FloatArray, start: float) -> tuple[tuple[str, float], ...]:
    """Return each UTC month's return, oldest first."""
    months = [datetime.fromtimestamp(int(ms - 1) / 1000, UTC).strftime("%Y-%m") for ms in _day_ends(times)]
    ends: dict[str, float] = dict(zip(months, equity[_day_places(times)], strict=True))
    before, returns = start, []
    for month, end in ends.items():
        returns.append((month, float(end / before - 1)))
        before = end
    return tuple(returns)


def _day_places(times: IntArray) -> IntArray:
    day = (times - 1) // DAY_MS
    return np.flatnonzero(np.diff(day, append=day[-1] + 1)) if len(times) else np.zeros(0, dtype=np.int64)


def _day_ends(times: IntArray) -> IntArray:
    return times[_day_places(times)]


def _longest_below(times: IntArray, at_peak: npt.NDArray[np.bool_]) -> int:
    """Return the longest time between two moments at the highest equity, ms; the end of the run counts as one."""
    marks = np.concatenate((times[:1], times[at_peak], times[-1:]))
    return int(np.diff(marks).max())


def _buy_and_hold(result: Result) -> float | None:
    """Return what the pairs would have earned, bought in equal parts at their first close."""
    returns = []
    for closes in result.closes.values():
        known = closes[np.isfinite(closes)]
        if len(known):
            returns.append(float(known[-1] / known[0] - 1))
    return sum(returns) / len(returns) if returns else None


def _grouped(closed: Sequence[ClosedTrade], name_of: Callable[[ClosedTrade], str]) -> tuple[TradeFigures, ...]:
    names = sorted({name_of(each) for each in closed})
    return tuple(trade_figures(name, (each for each in closed if name_of(each) == name)) for name in names)


def _by_analyst(result: Result) -> tuple[TradeFigures, ...]:
    """Return, for each analyst, the trades whose direction it voted for."""
    names = sorted({opinion.analyst for votes in result.votes.values() for opinion in votes})
    return tuple(trade_figures(name, (each for each in result.closed if _voted(result, each, name))) for name in names)


def _voted(result: Result, closed: ClosedTrade, name: str) -> bool:
    action = Action.BUY if closed.direction is Direction.LONG else Action.SELL
    return any(vote.analyst == name and vote.action is action for vote in result.votes.get(closed.trade_id, ()))


def _by_leakage(result: Result) -> tuple[TradeFigures, ...]:
    """Return the trades by what the models behind them may have known; empty where only rules voted."""
    sides = {key: result.cutoffs.of_all(votes) for key, votes in result.votes.items()}
    if all(opinion.model == "technical" for votes in result.votes.values() for opinion in votes):
        return ()
    return tuple(
        trade_figures(side.value, (each for each in result.closed if sides.get(each.trade_id) is side))
        for side in Leakage
    )
