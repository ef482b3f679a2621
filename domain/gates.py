"""The gates a trade must pass, in order; the first that fails is the reason why there is none.

Each gate is a rule on a `Situation`; it answers with its value, its limit and whether it lets the trade pass.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from domain import money
from domain.analysis import Action, GateCheck, Signal
from domain.bot_rules import BotRules
from domain.exits import run_time_over
from domain.market import Quote, SymbolRules
from domain.protections import Pause
from domain.trading import Account, Direction, Position, Trailing

_BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradePlan:
    """A trade as it would be ordered. Prices in quote per base."""

    direction: Direction
    price: Decimal  # expected entry
    quantity: Decimal  # base, on the lot grid; 0 when the rules give no size
    notional: Decimal  # quote
    stop_loss: Decimal | None
    take_profit: Decimal | None
    trailing: Trailing | None
    cash_needed: Decimal  # margin and entry fee, quote

    @property
    def risk_reward(self) -> Decimal | None:
        """Distance to the target over distance to the stop."""
        if self.stop_loss is None or self.take_profit is None:
            return None
        return abs(self.take_profit - self.price) / abs(self.price - self.stop_loss)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything the gates look at, at one moment."""

    pair: str
    now_ms: int
    trading: bool  # operators switched the bots on
    trading_since_ms: int | None
    fault: str | None  # why prices or account cannot be relied on, one sentence; None = they are fresh
    pause: Pause | None
    last_trade_ms: int | None  # newest entry or exit of the pair's bot
    last_entry_ms: int | None  # newest entry
    cooldown_cleared_ms: int | None  # a move against the last trade or find cleared the cooldowns up to here
    found_ms: int | None  # newest high-confidence signal of an earlier round
    trades_today: int  # entries of the pair's bot this UTC day
    open_trades: int  # open positions of all pairs, and orders that will open one
    position: Position | None  # of this pair, whoever opened it
    in_flight: bool  # an order of this bot is on its way
    signal: Signal | None
    votes: int  # fresh opinions that count
    plan: TradePlan | None
    account: Account | None
    day_equity: Decimal | None  # first equity of the UTC day, quote
    quote: Quote | None
    symbol: SymbolRules | None
    waiting: bool  # a trade waits for approval already
    approved: bool  # an operator accepted this trade


_Answer = tuple[str, str, bool]  # value, limit, passed


def check_gates(situation: Situation, rules: BotRules) -> tuple[GateCheck, ...]:
    """Return the gates in order, up to and including the first that failed; all passed when none did."""
    checks = []
    for name, gate in _GATES:
        value, limit, passed = gate(situation, rules)
        checks.append(GateCheck(gate=name, value=value, limit=limit, passed=passed))
        if not passed:
            break
    return tuple(checks)


def failed_gate(checks: tuple[GateCheck, ...]) -> GateCheck | None:
    """Return the gate that stopped the trade, or None."""
    return checks[-1] if checks and not checks[-1].passed else None


def cooldown_ends(
    rules: BotRules,
    *,
    last_trade_ms: int | None,
    last_entry_ms: int | None,
    cleared_ms: int | None,
    now_ms: int,
) -> int | None:
    """Return when the pair may trade again after its last trade, epoch ms; None when nothing holds it back.

    Args:
        rules: of the bot.
        last_trade_ms: newest entry or exit of the pair's bot.
        last_entry_ms: newest entry.
        cleared_ms: the cooldown of trades up to here was cleared by a move against them.
        now_ms: epoch ms.
    """
    ends = []
    if last_trade_ms is not None and not (cleared_ms is not None and last_trade_ms <= cleared_ms):
        ends.append(last_trade_ms + rules.cooldown_secs * 1000)
    if last_entry_ms is not None:
        ends.append(last_entry_ms + rules.trade_interval_secs * 1000)
    return max((end for end in ends if end > now_ms), default=None)


def find_ends(found_ms: int | None, rules: BotRules, *, now_ms: int) -> int | None:
    """Return until when the pair rests after a high-confidence signal, epoch ms; None when it does not."""
    if found_ms is None:
        return None
    end = found_ms + rules.opportunity_cooldown_secs * 1000
    return end if end > now_ms else None


def spread_bps(quote: Quote | None) -> Decimal | None:
    """Return (ask - bid) / middle in basis points; None where there is no book."""
    if quote is None or quote.bid is None or quote.ask is None:
        return None
    return (quote.ask - quote.bid) * 2 * _BPS / (quote.ask + quote.bid)


def day_loss_percent(situation: Situation) -> Decimal | None:
    """Return the loss of the UTC day so far in percent of its first equity (negative: a gain); None = not known."""
    if situation.account is None or not situation.day_equity:
        return None
    return (situation.day_equity - situation.account.equity) * 100 / situation.day_equity


def clock(ms: int | None) -> str:
    """Return epoch ms as a time of day, UTC."""
    return "-" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


# --- the gates, in order --------------------------------------------------------------------------------------------


def _trading_off(s: Situation, rules: BotRules) -> _Answer:
    return "on" if s.trading else "off", "on", s.trading


def _pair_disabled(s: Situation, rules: BotRules) -> _Answer:
    return "enabled" if rules.enabled else "disabled", "enabled", rules.enabled


def _data_stale(s: Situation, rules: BotRules) -> _Answer:
    return s.fault or "fresh", "fresh", s.fault is None


def _run_time_over(s: Situation, rules: BotRules) -> _Answer:
    over = run_time_over(rules, trading_since_ms=s.trading_since_ms, now_ms=s.now_ms)
    minutes = 0 if s.trading_since_ms is None else max(0, s.now_ms - s.trading_since_ms) // 60_000
    limit = f"{rules.run_time_minutes} min" if rules.run_time_minutes else "no limit"
    return f"{minutes} min", limit, not over


def _protection_paused(s: Situation, rules: BotRules) -> _Answer:
    if s.pause is None:
        return "none", "none", True
    return f"{s.pause.protection} until {clock(s.pause.until_ms)}: {s.pause.reason}", "none", False


def _cooldown(s: Situation, rules: BotRules) -> _Answer:
    end = cooldown_ends(
        rules,
        last_trade_ms=s.last_trade_ms,
        last_entry_ms=s.last_entry_ms,
        cleared_ms=s.cooldown_cleared_ms,
        now_ms=s.now_ms,
    )
    limit = f"{rules.cooldown_secs} s after a trade, {rules.trade_interval_secs} s after an entry"
    return ("over" if end is None else f"until {clock(end)}"), limit, end is None


def _opportunity_cooldown(s: Situation, rules: BotRules) -> _Answer:
    end = find_ends(s.found_ms, rules, now_ms=s.now_ms)
    limit = f"{rules.opportunity_cooldown_secs} s after a high-confidence signal"
    return ("over" if end is None else f"until {clock(end)}"), limit, end is None


def _daily_trades(s: Situation, rules: BotRules) -> _Answer:
    return str(s.trades_today), str(rules.max_trades_per_day), s.trades_today < rules.max_trades_per_day


def _concurrent_trades(s: Situation, rules: BotRules) -> _Answer:
    return str(s.open_trades), str(rules.max_concurrent_trades), s.open_trades < rules.max_concurrent_trades


def _position_open(s: Situation, rules: BotRules) -> _Answer:
    if s.position is not None:
        return f"{s.position.direction} {money.text(s.position.quantity)}", "none", False
    return ("an order is on its way" if s.in_flight else "none"), "none", not s.in_flight


def _too_few_opinions(s: Situation, rules: BotRules) -> _Answer:
    return str(s.votes), f">= {rules.min_opinions}", s.signal is not None and s.votes >= rules.min_opinions


def _no_agreement(s: Situation, rules: BotRules) -> _Answer:
    agreed = s.signal is not None and s.signal.agreed
    return "agreed" if agreed else "not agreed", rules.agreement, agreed


def _hold(s: Situation, rules: BotRules) -> _Answer:
    action = Action.HOLD if s.signal is None else s.signal.action
    return action.value, "BUY or SELL", action is not Action.HOLD


def _low_confidence(s: Situation, rules: BotRules) -> _Answer:
    confidence = Decimal(repr(s.signal.confidence)) if s.signal is not None else money.ZERO
    limit = rules.ai_confidence_threshold
    return f"{confidence:.3f}", f">= {money.text(limit)}", confidence >= limit


def _short_not_allowed(s: Situation, rules: BotRules) -> _Answer:
    short = s.signal is not None and s.signal.action is Action.SELL
    return (
        "short" if short else "long",
        "long or short" if rules.allow_short else "long",
        rules.allow_short or not short,
    )


def _risk_reward(s: Situation, rules: BotRules) -> _Answer:
    ratio = s.plan.risk_reward if s.plan is not None else None
    limit = f">= {money.text(rules.min_risk_reward)}"
    if ratio is None:
        return "no stop or no target", limit, rules.min_risk_reward == 0
    return f"{ratio:.2f}", limit, ratio >= rules.min_risk_reward


def _daily_loss(s: Situation, rules: BotRules) -> _Answer:
    loss, limit = day_loss_percent(s), rules.daily_loss_limit_percent
    if not limit:
        return "-" if loss is None else f"{loss:.2f} %", "no limit", True
    if loss is None:
        return "equity not known", f"< {money.text(limit)} %", False
    return f"{loss:.2f} %", f"< {money.text(limit)} %", loss < limit


def _spread(s: Situation, rules: BotRules) -> _Answer:
    spread = spread_bps(s.quote)
    limit = f"<= {money.text(rules.max_spread_bps)} bps"
    if spread is None:
        return "no order book", limit, True
    return f"{spread:.1f} bps", limit, spread <= rules.max_spread_bps


def _size_below_minimum(s: Situation, rules: BotRules) -> _Answer:
    if s.plan is None or s.symbol is None:
        return "no size", "a size", False
    quantity, notional = s.plan.quantity, s.plan.notional
    limit = f">= {money.text(s.symbol.min_quantity)} and >= {money.text(s.symbol.min_notional)} {s.symbol.quote}"
    enough = 0 < quantity >= s.symbol.min_quantity and notional >= s.symbol.min_notional
    return f"{money.text(quantity)} worth {notional:.2f} {s.symbol.quote}", limit, enough


def _insufficient_balance(s: Situation, rules: BotRules) -> _Answer:
    cash = s.account.cash if s.account is not None else money.ZERO
    needed = s.plan.cash_needed if s.plan is not None else money.ZERO
    return f"needs {needed:.2f}", f"<= {cash:.2f}", needed <= cash


def _awaiting_approval(s: Situation, rules: BotRules) -> _Answer:
    if not rules.manual_approval_mode or s.approved:
        return "accepted" if s.approved else "not needed", "accepted or not needed", True
    return "another trade waits already" if s.waiting else "waits", "accepted or not needed", False


def _slippage(s: Situation, rules: BotRules) -> _Answer:
    """Only the book at the moment of the fill can tell: the broker refuses what would cost more."""
    return "judged by the book when filled", f"<= {money.text(rules.slippage_tolerance_percent)} %", True


_GATES: tuple[tuple[str, Callable[[Situation, BotRules], _Answer]], ...] = (
    ("trading_off", _trading_off),
    ("pair_disabled", _pair_disabled),
    ("data_stale", _data_stale),
    ("run_time_over", _run_time_over),
    ("protection_paused", _protection_paused),
    ("cooldown", _cooldown),
    ("opportunity_cooldown", _opportunity_cooldown),
    ("daily_trades", _daily_trades),
    ("concurrent_trades", _concurrent_trades),
    ("position_open", _position_open),
    ("too_few_opinions", _too_few_opinions),
    ("no_agreement", _no_agreement),
    ("hold", _hold),
    ("low_confidence", _low_confidence),
    ("short_not_allowed", _short_not_allowed),
    ("risk_reward", _risk_reward),
    ("daily_loss", _daily_loss),
    ("spread", _spread),
    ("size_below_minimum", _size_below_minimum),
    ("insufficient_balance", _insufficient_balance),
    ("awaiting_approval", _awaiting_approval),
    ("slippage", _slippage),
)
GATES = tuple(name for name, _ in _GATES)
