"""What pauses a bot after losses: functions of what was closed and of equity, so that they survive a restart.

After freqtrade's protections of the same names: each looks at closed trades in a window that ends with one of them.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.bot_rules import ProtectionRules
from domain.money import ZERO
from domain.trading import ClosedTrade, OrderSource, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """No new trade until `until_ms`, and why."""

    protection: str  # stoploss_guard | max_drawdown | losing_pair
    until_ms: int
    reason: str  # one sentence


def active_pause(
    rules: ProtectionRules,
    closed: Sequence[ClosedTrade],
    *,
    pair: str,
    equity: Decimal,
    unrealized_pnl: Decimal,
    now_ms: int,
) -> Pause | None:
    """Return the pause in force that lasts longest, or None.

    Args:
        rules: of the bot.
        closed: what closing came to, all pairs, oldest first.
        pair: the bot's.
        equity: of the whole account now, quote.
        unrealized_pnl: the part of it that open positions hold at their marks.
        now_ms: epoch ms.
    """
    pauses = (
        stoploss_guard(rules, closed, pair=pair),
        max_drawdown(rules, closed, equity=equity, unrealized_pnl=unrealized_pnl, now_ms=now_ms),
        losing_pair(rules, closed, pair=pair),
    )
    active = [pause for pause in pauses if pause is not None and pause.until_ms > now_ms]
    return max(active, key=lambda pause: pause.until_ms, default=None)


def stoploss_guard(rules: ProtectionRules, closed: Sequence[ClosedTrade], *, pair: str) -> Pause | None:
    """Pause the pair after `stoploss_trades` of the bot's trades were stopped out with a loss within the window."""
    if not rules.stoploss_trades:
        return None
    stopped: dict[str, int] = {}
    for trade in closed:
        if trade.pair == pair and trade.source is OrderSource.BOT and _stopped_out(trade):
            stopped[trade.trade_id] = trade.closed_ms
    times = sorted(stopped.values())
    newest = _newest_full(times, rules.stoploss_trades, rules.stoploss_window_ms)
    if newest is None:
        return None
    minutes = rules.stoploss_window_ms // 60_000
    return Pause(
        protection="stoploss_guard",
        until_ms=newest + rules.stoploss_pause_ms,
        reason=f"{rules.stoploss_trades} trades of {pair} were stopped out within {minutes} minutes",
    )


def losing_pair(rules: ProtectionRules, closed: Sequence[ClosedTrade], *, pair: str) -> Pause | None:
    """Pause the pair when at least `losing_trades` of the bot's trades within the window won less than the minimum."""
    if not rules.losing_trades or _losses(closed) >= rules.losing_min_profit:
        return None  # no window can hold more losses than there are
    window: deque[ClosedTrade] = deque()
    counts: Counter[str] = Counter()
    profit, found = ZERO, None
    for last in closed:
        if last.pair != pair or last.source is not OrderSource.BOT:
            continue
        window.append(last)
        counts[last.trade_id] += 1
        profit += _net(last)
        while window[0].closed_ms <= last.closed_ms - rules.losing_window_ms:
            left = window.popleft()
            counts[left.trade_id] -= 1
            profit -= _net(left)
            if not counts[left.trade_id]:
                del counts[left.trade_id]
        if len(counts) >= rules.losing_trades and profit < rules.losing_min_profit:
            hours = rules.losing_window_ms // 3_600_000
            found = Pause(
                protection="losing_pair",
                until_ms=last.closed_ms + rules.losing_pause_ms,
                reason=f"the trades of {pair} came to {profit:.2f} USDT within {hours} hours",
            )
    return found


def max_drawdown(
    rules: ProtectionRules, closed: Sequence[ClosedTrade], *, equity: Decimal, unrealized_pnl: Decimal, now_ms: int
) -> Pause | None:
    """Pause all pairs when equity fell by `drawdown_percent` from its highest within the window.

    Earlier equity is counted back over what was closed since, open positions left out. A close that ends such a fall
    pauses for the whole pause; a fall that only open positions hold pauses as long as it lasts.
    """
    if not rules.drawdown_percent:
        return None
    lost = _losses(closed) + min(unrealized_pnl, ZERO)  # no fall is deeper, from no equity lower than what is left
    if -lost * 100 < rules.drawdown_percent * (equity - unrealized_pnl + lost):
        return None
    curve = _equity_curve(closed, equity=equity, unrealized_pnl=unrealized_pnl, now_ms=now_ms)
    peaks: deque[tuple[int, Decimal]] = deque()  # falling values: the first is the highest within the window
    found, before = None, ZERO
    for index, (at_ms, value) in enumerate(curve):
        while peaks and peaks[0][0] <= at_ms - rules.drawdown_window_ms:
            peaks.popleft()
        while peaks and peaks[-1][1] <= value:
            peaks.pop()
        peaks.append((at_ms, value))
        peak = peaks[0][1]
        fall = (peak - value) / peak * 100 if index and peak > 0 and value < before else ZERO
        if fall >= rules.drawdown_percent:
            found = Pause(
                protection="max_drawdown",
                until_ms=at_ms + rules.drawdown_pause_ms,
                reason=f"equity fell by {fall:.1f} % within {rules.drawdown_window_ms // 3_600_000} hours",
            )
        before = value
    return found


def _equity_curve(
    closed: Sequence[ClosedTrade], *, equity: Decimal, unrealized_pnl: Decimal, now_ms: int
) -> list[tuple[int, Decimal]]:
    """Equity without open positions before the first close and after each, then with them now."""
    value = equity - unrealized_pnl
    backwards = [(now_ms, equity)]
    for trade in reversed(closed):
        backwards.append((trade.closed_ms, value))
        value -= _net(trade)
    backwards.append((closed[0].opened_ms if closed else now_ms, value))
    return backwards[::-1]


def _newest_full(times: Sequence[int], count: int, window_ms: int) -> int | None:
    """Return the newest of `times` (rising) that ends a window holding at least `count` of them."""
    full = (times[i] for i in range(count - 1, len(times)) if times[i] - times[i - count + 1] < window_ms)
    return max(full, default=None)


def _stopped_out(trade: ClosedTrade) -> bool:
    if trade.reason in (Reason.STOP_LOSS, Reason.LIQUIDATION):
        return True
    return trade.reason is Reason.TRAILING_STOP and _net(trade) < 0


def _losses(closed: Sequence[ClosedTrade]) -> Decimal:
    """Return the sum of what the losing trades lost, <= 0."""
    return sum((net for trade in closed if (net := _net(trade)) < 0), ZERO)


def _net(trade: ClosedTrade) -> Decimal:
    return trade.realized_pnl - trade.fees
