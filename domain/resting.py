"""What waits at a price: protective stops and targets of a position, resting limits and stop orders."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from domain import protection
from domain.desk import Desk, Holding
from domain.fills import Level
from domain.market import Candle, PublicTrade
from domain.trading import Direction, OrderType, Reason, Side
from domain.waiting import Trail

Hit = tuple["Resting", Decimal]  # what is hit, and the price reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """One level. `falls`: it is hit by a price at or below it, else by one at or above it."""

    level: Decimal
    falls: bool
    limit: bool  # fills at its level (maker); else it triggers there and then acts as market
    since_ms: int  # earlier prices do not reach it
    order_id: str = ""  # empty: the position's own
    reason: Reason = Reason.ENTRY

    @property
    def is_target(self) -> bool:
        """Whether it is the position's own target."""
        return self.limit and not self.order_id

    def at(self, price: Decimal) -> bool:
        """Return whether `price` is at the level or beyond."""
        return price <= self.level if self.falls else price >= self.level

    def traded_through(self, trade: PublicTrade) -> bool:
        """Return whether a limit here would have been filled, as far as one trade shows.

        Beyond the level certainly; at the level only when the taker's side shows that the opposite best price was
        there (a buy limit: the buyer took), else our order stood in the queue.
        """
        if trade.price == self.level:
            return trade.buyer_is_maker is not self.falls
        return self.at(trade.price)


def resting_of(desk: Desk, pair: str, trail: Trail | None = None) -> Iterator[Resting]:
    """Yield what waits for prices of `pair`: stops, the nearest first, target, then orders as they were accepted.

    `trail`: where the trailing stop is by now, when the desk does not tell.
    """
    if (holding := desk.holdings.get(pair)) is not None:
        yield from _protection(holding, trail)
    for entry in desk.orders.values():
        order = entry.order
        if order.pair != pair or order.order_type is OrderType.MARKET:
            continue
        limit = order.order_type is OrderType.LIMIT
        level = order.limit_price if limit else order.trigger_price
        assert level is not None
        yield Resting(
            level=level,
            falls=(order.side is Side.BUY) is limit,
            limit=limit,
            since_ms=order.created_ms,
            order_id=order.order_id,
        )


def _protection(holding: Holding, trail: Trail | None) -> Iterator[Resting]:
    position, long = holding.position, holding.position.direction is Direction.LONG
    since = {Reason.STOP_LOSS: holding.armed_ms, Reason.TRAILING_STOP: holding.trailed_ms}
    if trail is not None:
        position = replace(position, trailing=trail.trailing)
        since[Reason.TRAILING_STOP] = trail.ts_ms
    for stop in protection.stops_of(position):
        since_ms = since.get(stop.reason, position.opened_ms)
        yield Resting(level=stop.price, falls=long, limit=False, since_ms=since_ms, reason=stop.reason)
    if position.take_profit is not None:
        yield Resting(
            level=position.take_profit,
            falls=not long,
            limit=True,
            since_ms=holding.armed_ms,
            reason=Reason.TAKE_PROFIT,
        )


def first_hit(waiting: Iterator[Resting], start: Decimal, end: Decimal) -> Hit | None:
    """Return what a price moving straight from `start` to `end` reaches first, with the price it is reached at.

    What `start` is already beyond is reached at `start`: a gap. Of equals the first of `waiting` wins: the stop.
    """
    hits = [(item, start if item.at(start) else item.level) for item in waiting if item.at(start) or item.at(end)]
    return min(hits, key=lambda hit: abs(hit[1] - start), default=None)


def candle_path(candle: Candle, *, low_first: bool) -> tuple[Decimal, Decimal, Decimal]:
    """Return the prices a candle is assumed to go through after its open."""
    if low_first:
        return candle.low, candle.high, candle.close
    return candle.high, candle.low, candle.close


def low_first(desk: Desk, pair: str) -> bool:
    """Return whether the low comes first in the order of high and low that is worse for what is held or waits.

    A long fears the low and hopes for the high, a short the reverse. Where nothing is held, an entry shall meet the
    adverse extreme after it: a waiting buy gets the high first, a waiting sell the low first.
    """
    if (position := desk.position(pair)) is not None:
        return position.direction is Direction.LONG
    for entry in desk.orders.values():
        if entry.order.pair == pair:
            return entry.order.side is Side.SELL
    return True


def one_level(price: Decimal, quantity: Decimal) -> tuple[Level, ...]:
    return ((price, quantity),)
