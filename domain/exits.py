"""Where a bot's position is to end: stop, target and trailing stop at entry, and the reasons to close it later."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain import money
from domain.analysis import Action, Features, Opinion, Signal
from domain.bot_rules import BotRules
from domain.consensus import voters
from domain.market import SymbolRules
from domain.trading import Direction, OrderSource, Position, Reason, Trailing

_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distances:
    """How far stop and target are from the entry price, quote per base, both > 0."""

    stop: Decimal
    target: Decimal


def exit_distances(
    rules: BotRules,
    *,
    direction: Direction,
    price: Decimal,
    quantity: Decimal | None,
    atr: float | None,
    opinions: Sequence[Opinion],
    weights: Mapping[str, Decimal],
) -> Distances:
    """Return the distances of stop and target by `rules.exits`.

    percent: of the price. usd: the sum won or lost on the whole `quantity`. atr: multiples of the ATR 14 of the
    shortest series. opinion: the weighted mean of what the opinions in this direction say, neither further away than
    percent. Where a mode lacks what it needs (quantity, ATR, an opinion's price on the right side), percent holds.

    Args:
        rules: of the bot.
        direction: of the position.
        price: expected entry, quote per base, > 0.
        quantity: base, > 0; None = not known yet.
        atr: quote per base, None = not known.
        opinions: fresh ones, any direction.
        weights: by analyst.
    """
    percent = Distances(
        stop=price * rules.stop_loss_percent / _HUNDRED, target=price * rules.take_profit_percent / _HUNDRED
    )
    match rules.exits:
        case "usd" if quantity:
            return Distances(stop=rules.stop_loss_usd / quantity, target=rules.profit_target_usd / quantity)
        case "atr" if atr:
            one = Decimal(repr(atr))
            return Distances(stop=rules.stop_loss_atr * one, target=rules.take_profit_atr * one)
        case "opinion":
            return _opinion_distances(percent, direction, price, opinions, weights)
        case _:
            return percent


def stop_price(distance: Decimal, *, direction: Direction, price: Decimal, symbol: SymbolRules) -> Decimal | None:
    """Return the stop on the price grid, rounded away from the market; None where it would not be a price > 0."""
    return _placed(price - direction.sign * distance, up=direction is Direction.SHORT, price=price, symbol=symbol)


def target_price(distance: Decimal, *, direction: Direction, price: Decimal, symbol: SymbolRules) -> Decimal | None:
    """Return the target on the price grid, rounded away from the market; None where it would not be a price > 0."""
    return _placed(price + direction.sign * distance, up=direction is Direction.LONG, price=price, symbol=symbol)


def trailing_stop(rules: BotRules, *, price: Decimal, quantity: Decimal, symbol: SymbolRules) -> Trailing | None:
    """Return the trailing stop of a new position: in US dollars with exits usd, else in percent; None when off.

    Trigger and distance are on the price grid, the distance at least one tick.
    """
    if not rules.trailing_enabled:
        return None
    if rules.exits == "usd" and quantity > 0:
        trigger, distance = rules.trailing_trigger_usd / quantity, rules.trailing_distance_usd / quantity
    else:
        trigger = price * rules.trailing_trigger_percent / _HUNDRED
        distance = price * rules.trailing_distance_percent / _HUNDRED
    if symbol.tick_size:
        trigger = money.to_tick(trigger, symbol.tick_size, up=True)
        distance = max(symbol.tick_size, money.to_tick(distance, symbol.tick_size, up=True))
    return Trailing(trigger=trigger, distance=distance)


def run_time_over(rules: BotRules, *, trading_since_ms: int | None, now_ms: int) -> bool:
    """Return whether the bot has traded for its whole run time."""
    return bool(
        rules.run_time_minutes
        and trading_since_ms is not None
        and now_ms - trading_since_ms >= rules.run_time_minutes * 60_000
    )


def time_exit(position: Position, rules: BotRules, *, trading_since_ms: int | None, now_ms: int) -> Reason | None:
    """Return why time alone ends a position the bot opened, or None. Never for what others opened."""
    if position.source is not OrderSource.BOT:
        return None
    if run_time_over(rules, trading_since_ms=trading_since_ms, now_ms=now_ms):
        return Reason.RUN_TIME_OVER
    if rules.max_hold_seconds and now_ms - position.opened_ms >= rules.max_hold_seconds * 1000:
        return Reason.TIMEOUT
    return None


def reverses(signal: Signal, position: Position, rules: BotRules, *, votes: int) -> bool:
    """Return whether `signal` closes a position the bot opened: opposite, agreed, enough opinions, above threshold."""
    return (
        position.source is OrderSource.BOT
        and signal.action is (Action.SELL if position.direction is Direction.LONG else Action.BUY)
        and votes >= rules.min_opinions
        and signal.agreed
        and Decimal(repr(signal.confidence)) >= rules.ai_confidence_threshold
    )


def atr_of(features: Features | None) -> float | None:
    """Return the ATR 14 of the shortest candle series that has one, quote per base."""
    return next((each.atr_14 for each in features.intervals if each.atr_14), None) if features else None


def _opinion_distances(
    bound: Distances,
    direction: Direction,
    price: Decimal,
    opinions: Sequence[Opinion],
    weights: Mapping[str, Decimal],
) -> Distances:
    action = Action.BUY if direction is Direction.LONG else Action.SELL
    said = [each for each in voters(opinions, weights) if each.action is action]
    stops = [(weights[each.analyst], (price - each.stop_loss) * direction.sign) for each in said if each.stop_loss]
    targets = [
        (weights[each.analyst], (each.take_profit - price) * direction.sign) for each in said if each.take_profit
    ]
    return Distances(stop=_bounded(stops, bound.stop), target=_bounded(targets, bound.target))


def _bounded(distances: list[tuple[Decimal, Decimal]], bound: Decimal) -> Decimal:
    right = [(weight, distance) for weight, distance in distances if distance > 0]
    if not right:
        return bound
    total = sum((weight for weight, _ in right), Decimal(0))
    return min(bound, sum((weight * distance for weight, distance in right), Decimal(0)) / total)


def _placed(value: Decimal, *, up: bool, price: Decimal, symbol: SymbolRules) -> Decimal | None:
    placed = money.to_tick(value, symbol.tick_size, up=up) if symbol.tick_size else money.half_even(value)
    if placed == price and symbol.tick_size:
        placed += symbol.tick_size if up else -symbol.tick_size
    return placed if placed > 0 and placed != price else None
