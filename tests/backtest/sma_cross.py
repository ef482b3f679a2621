"""The SMA cross of backtesting.py's documentation, run by `backtesting` and on our exchange, on the same candles."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from domain import execution
from domain.acceptance import PaperRules
from domain.desk import Desk
from domain.execution import Exchange
from domain.market import Candle, MarketState, SymbolRules
from domain.messages import ClosePosition, OrderFilled, SubmitOrder
from domain.ports import JournalDocument
from domain.trading import OrderSource, OrderType, Reason, Side

PAIR, CASH, FEE = "GOOGUSDT", Decimal(100_000), Decimal("0.002")
FAST, SLOW = 10, 20
CENT = Decimal("0.01")
RULES = SymbolRules(
    pair=PAIR,
    base="GOOG",
    quote="USDT",
    tick_size=CENT,
    step_size=Decimal(1),
    min_quantity=Decimal(1),
    max_quantity=Decimal(0),
    min_notional=Decimal(0),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is traded: so many units each time, with a stop and a target in parts of the close, None: without."""

    size: int = 50
    stop: float | None = None
    target: float | None = None

    def levels(self, close: float, sign: int) -> tuple[float | None, float | None]:
        """Return stop and target on the grid of cents, for a position of that sign."""
        stop = None if self.stop is None else round(close * (1 - sign * self.stop), 2)
        target = None if self.target is None else round(close * (1 + sign * self.target), 2)
        return stop, target


@dataclass(frozen=True, slots=True)
class Cross:
    """One closed trade: bars counted from 0, the profit net of fees."""

    entry_bar: int
    exit_bar: int
    size: int  # with its sign
    entry: float
    exit: float
    net: float


def means(closes: Any, period: int) -> Any:
    """Return the moving average as their example computes it: NaN before there are enough closes."""
    return pd.Series(closes).rolling(period).mean().to_numpy()


def signals(frame: pd.DataFrame) -> list[int]:
    """Return, for each bar, +1 where the fast average crosses the slow one upwards, -1 downwards, else 0."""
    fast, slow = means(frame.Close, FAST), means(frame.Close, SLOW)
    up = np.concatenate(([False], (fast[:-1] < slow[:-1]) & (fast[1:] > slow[1:])))
    down = np.concatenate(([False], (fast[:-1] > slow[:-1]) & (fast[1:] < slow[1:])))
    return [int(a) - int(b) for a, b in zip(up, down, strict=True)]


# --- theirs ---------------------------------------------------------------------------------------------------------


def theirs(frame: pd.DataFrame, rules: Rules) -> tuple[list[Cross], list[float]]:
    """Return the closed trades and the equity at each close, as `backtesting` has them."""
    from backtesting import Backtest, Strategy
    from backtesting.lib import crossover

    class SmaCross(Strategy):
        def init(self) -> None:
            self.fast = self.I(means, self.data.Close, FAST)
            self.slow = self.I(means, self.data.Close, SLOW)

        def next(self) -> None:
            sign = 1 if crossover(self.fast, self.slow) else -1 if crossover(self.slow, self.fast) else 0
            if sign:
                self.position.close()
                stop, target = rules.levels(float(self.data.Close[-1]), sign)
                (self.buy if sign > 0 else self.sell)(size=rules.size, sl=stop, tp=target)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = Backtest(frame, SmaCross, cash=float(CASH), commission=float(FEE)).run()
    trades = [
        Cross(int(row.EntryBar), int(row.ExitBar), int(row.Size), row.EntryPrice, row.ExitPrice, row.PnL)
        for row in result._trades.itertuples()
    ]
    return sorted(trades, key=lambda each: each.entry_bar), list(result._equity_curve.Equity)


# --- ours -----------------------------------------------------------------------------------------------------------


def ours(frame: pd.DataFrame, rules: Rules) -> tuple[list[Cross], list[float], list[JournalDocument]]:
    """Return the same from our exchange and ledger, and the journal."""
    exchange, day = _exchange(), 86_400_000
    starts = [int(stamp.timestamp() * 1000) for stamp in frame.index]
    bars = {open_ms: bar for bar, open_ms in enumerate(starts)}
    filled: list[OrderFilled] = []
    equity: list[float] = []
    journal: list[JournalDocument] = []
    for open_ms, candle, sign in zip(starts, _candles(frame, starts), signals(frame), strict=True):
        exchange.on_candle_opened(PAIR, open_ms, candle.open, open_ms)
        end_ms = open_ms + day
        exchange.on_candle(PAIR, candle, day, catch_up=False, now_ms=end_ms)
        equity.append(float(exchange.account(end_ms).equity))
        if sign:
            _turn(exchange, candle, sign, rules, end_ms)
        filled += [message for message in exchange.messages if isinstance(message, OrderFilled)]
        journal += exchange.pending
        exchange.messages.clear()
        exchange.pending.clear()
    return _crosses(filled, bars, day), equity, journal


def _exchange() -> Exchange:
    paper = PaperRules(taker_fee=FEE, maker_fee=FEE, latency_ms=0, fallback_slippage_bps=Decimal(0), has_books=False)
    exchange = execution.start(desk=Desk(), paper=paper, stale_after_ms=10_000, now_ms=0, balance=CASH)
    exchange.market.take_rules((RULES,))
    exchange.market.state = MarketState.LIVE
    return exchange


def _candles(frame: pd.DataFrame, starts: list[int]) -> Iterator[Candle]:
    for open_ms, row in zip(starts, frame.itertuples(), strict=True):
        prices = (Decimal(repr(float(price))) for price in (row.Open, row.High, row.Low, row.Close))
        opened, high, low, close = prices
        yield Candle(open_ms=open_ms, open=opened, high=high, low=low, close=close, volume=Decimal(int(row.Volume)))


def _turn(exchange: Exchange, candle: Candle, sign: int, rules: Rules, now_ms: int) -> None:
    """Close what is open and open the other way, both at the next open."""
    common = {"pair": PAIR, "source": OrderSource.BOT, "reply_to": "test", "submitted_ms": now_ms}
    if PAIR in exchange.desk.holdings:
        exchange.close(
            ClosePosition(order_id=f"close:{now_ms}", fraction=Decimal(1), reason=Reason.SIGNAL_REVERSAL, **common),
            now_ms,
        )
    stop, target = (None if level is None else Decimal(str(level)) for level in rules.levels(float(candle.close), sign))
    exchange.submit(
        SubmitOrder(
            order_id=f"open:{now_ms}",
            side=Side.BUY if sign > 0 else Side.SELL,
            order_type=OrderType.MARKET,
            reason=Reason.ENTRY,
            quantity=Decimal(rules.size),
            stop_loss=stop,
            take_profit=target,
            **common,
        ),
        now_ms,
    )


def _crosses(filled: list[OrderFilled], bars: dict[int, int], day: int) -> list[Cross]:
    closed = (each.closed for each in filled if each.closed is not None)
    return [
        Cross(
            bars[each.opened_ms],
            bars[each.closed_ms if each.closed_ms in bars else each.closed_ms + 1 - day],
            int(each.quantity) * each.direction.sign,
            float(each.entry_price),
            float(each.exit_price),
            float(each.realized_pnl - each.fees),
        )
        for each in closed
    ]
