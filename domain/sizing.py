"""How much a bot buys or sells: fixed, by risk, by volatility, or by a fraction of Kelly's bet."""

from dataclasses import dataclass
from decimal import Decimal
from math import sqrt

from domain import money
from domain.analysis import Features
from domain.bot_rules import BotRules
from domain.market import INTERVAL_MS, SymbolRules
from domain.money import ZERO

KELLY_FRACTION = Decimal("0.25")  # of the full Kelly bet: estimates of probability are never as good as they look
DAY_MS = 86_400_000
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeInputs:
    """What a size may depend on. Prices and distances in quote per base."""

    price: Decimal  # expected entry, > 0
    stop_distance: Decimal  # from the entry to the stop, > 0
    target_distance: Decimal  # from the entry to the target, > 0
    equity: Decimal  # quote
    probability: Decimal  # 0..1, that the trade wins
    daily_volatility: float | None  # standard deviation of a day's log return; None = not known


def position_size(inputs: SizeInputs, rules: BotRules, symbol: SymbolRules, asked: Decimal | None = None) -> Decimal:
    """Return the quantity, in base, on the lot grid; 0 when nothing is to be traded.

    fixed: trade_amount_usdt / price. risk: equity x risk_per_trade_percent / stop distance, so that a hit stop loses
    that share. volatility: notional = equity x risk_per_trade_percent / daily volatility, so that a usual day moves the
    position by that share (as fixed while the volatility is not known). kelly: as risk, with a quarter of Kelly's bet
    p - (1 - p) / b, where b = target distance / stop distance (Kelly 1956), in place of the percent. None is worth more
    than max_position_usdt.

    Args:
        inputs: prices, equity, probability and volatility.
        rules: of the bot.
        symbol: the exchange's filters.
        asked: notional an operator asked for instead, quote; None = by the rules.
    """
    notional = asked if asked is not None else _notional(inputs, rules)
    notional = min(notional, rules.max_position_usdt)
    if notional <= 0:
        return ZERO
    quantity = notional / inputs.price
    if symbol.max_quantity:
        quantity = min(quantity, symbol.max_quantity)
    return money.to_step(quantity, symbol.step_size) if symbol.step_size else money.down(quantity)


def daily_volatility(features: Features) -> float | None:
    """Return the volatility of the longest candle series that knows its own, scaled to a day by the root of time."""
    known = [each for each in features.intervals if each.volatility and each.interval in INTERVAL_MS]
    if not known:
        return None
    longest = max(known, key=lambda each: INTERVAL_MS[each.interval])
    return float(longest.volatility or 0) * sqrt(DAY_MS / INTERVAL_MS[longest.interval])


def kelly_bet(probability: Decimal, reward_per_risk: Decimal) -> Decimal:
    """Return Kelly's share of the equity to risk, p - (1 - p) / b, at least 0 (b > 0)."""
    return max(ZERO, probability - (1 - probability) / reward_per_risk)


def _notional(inputs: SizeInputs, rules: BotRules) -> Decimal:
    at_risk = inputs.equity * rules.risk_per_trade_percent / _HUNDRED
    match rules.sizing:
        case "risk":
            return at_risk / inputs.stop_distance * inputs.price
        case "volatility" if inputs.daily_volatility:
            return at_risk / Decimal(repr(inputs.daily_volatility))
        case "kelly":
            bet = KELLY_FRACTION * kelly_bet(inputs.probability, inputs.target_distance / inputs.stop_distance)
            return inputs.equity * bet / inputs.stop_distance * inputs.price
        case _:
            return rules.trade_amount_usdt
