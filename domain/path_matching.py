"""Fills along prices where no book is known: past trades in catch-up, and candles."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from domain import fills
from domain.bookkeeping import Execution
from domain.desk import OpenOrder
from domain.market import Candle, PublicTrade
from domain.matching import Matching
from domain.money import ZERO
from domain.resting import Resting, candle_path, first_hit, low_first, one_level
from domain.trading import FillModel, MarketEvent, OrderType


@dataclass(slots=True)
class PathMatching(Matching):
    """Matches against prices as they follow each other."""

    def match_trade(self, pair: str, trade: PublicTrade, event: MarketEvent) -> None:
        """Fill by one past trade: stops and waiting market orders at its price, limits at theirs, at most its size.

        In the order in which a book fills: the stops of the position, the orders, then the target of what is left.
        """

        def how(price: Decimal, quantity: Decimal, liquidity: str) -> Execution:
            return Execution(
                levels=one_level(price, quantity),
                model=FillModel.TRADE,
                event=event,
                ts_ms=trade.traded_ms,
                liquidity=liquidity,
                catch_up=True,
            )

        left, before = trade.quantity, self.desk.holdings.get(pair)
        for item in tuple(self.resting(pair)):
            since_ms = self.reaches(item.since_ms) if item.order_id else self.since(item.since_ms)
            if item.is_target or trade.traded_ms < since_ms or (wanted := self._wanted(pair, item)) is None:
                continue
            if item.limit and item.order_id:
                self.waiting.arrived.add(item.order_id)
            if item.limit and left > 0 and item.traded_through(trade):
                left -= self._fill_resting(pair, item, how(item.level, min(left, wanted), "maker"))
            elif not item.limit and item.at(trade.price):
                self._fill_resting(pair, item, how(trade.price, wanted, "taker"))
        for entry in self._waiting_market(pair, trade.traded_ms - self.paper.latency_ms):
            self.fill_order(entry, how(trade.price, entry.order.quantity - entry.order.filled, "taker"))
        if before is not None and left > 0:
            self._fill_target(
                pair, before.opened_seq, trade, lambda level, wanted: how(level, min(left, wanted), "maker")
            )

    def _fill_target(
        self, pair: str, opened_seq: int, trade: PublicTrade, how: Callable[[Decimal, Decimal], Execution]
    ) -> None:
        """Fill the target by a past trade, unless the position is another one by now."""
        holding = self.desk.holdings.get(pair)
        if holding is None or holding.opened_seq != opened_seq:
            return
        for item in tuple(self.resting(pair)):
            if item.is_target and trade.traded_ms >= self.since(item.since_ms) and item.traded_through(trade):
                self._fill_resting(pair, item, how(item.level, holding.position.quantity))

    def open_candle(self, pair: str, open_ms: int, price: Decimal, *, catch_up: bool) -> None:
        event = MarketEvent(kind="candle", id=open_ms, ts_ms=open_ms)
        self.waiting.opened[pair] = open_ms
        self.market.pair(pair).take_price(price, event)
        position = self.desk.position(pair)
        if position is None or position.opened_ms != open_ms:  # else this open was handled before a restart
            self._move(pair, price, price, event, open_ms, catch_up=catch_up)
        for entry in self._waiting_market(pair, open_ms):  # one placed after the open waits for the next
            wanted = entry.order.quantity - entry.order.filled
            self.fill_order(entry, _by_candle(price, wanted, event, open_ms, "taker", catch_up=catch_up))

    def go_through(self, pair: str, candle: Candle, event: MarketEvent, end_ms: int, *, catch_up: bool) -> None:
        """Fill along a closed candle: from its open through low and high, the worse of them first, to its close."""
        start = candle.open
        for end in candle_path(candle, low_first=low_first(self.desk, pair)):
            self._move(pair, start, end, event, end_ms, catch_up=catch_up)
            self.trail(pair, end, event, end_ms)
            start = end

    def _move(self, pair: str, start: Decimal, end: Decimal, event: MarketEvent, ts_ms: int, *, catch_up: bool) -> None:
        """Fill what a straight move of the price reaches, in the order it is reached."""
        while True:
            waiting = (item for item in self.resting(pair) if self._counts(pair, item, event, ts_ms))
            if (hit := first_hit(waiting, start, end)) is None:
                return
            item, start = hit
            wanted = self._wanted(pair, item) or ZERO
            liquidity = "maker" if item.limit else "taker"
            self._fill_resting(pair, item, _by_candle(start, wanted, event, ts_ms, liquidity, catch_up=catch_up))

    def _counts(self, pair: str, item: Resting, event: MarketEvent, ts_ms: int) -> bool:
        """Return whether `item` was there when the candle of `event` began, or came by this candle itself.

        Without books a position's stop set within the candle counts too: rather a stop too early than one too late.
        """
        since_ms = self.since(item.since_ms)
        if since_ms <= event.id or (since_ms == ts_ms and not item.order_id):
            return True
        end_ms = event.id + self.market.pair(pair).candle_ms - 1
        return not (self.paper.has_books or item.order_id or item.limit) and since_ms <= end_ms

    def _wanted(self, pair: str, item: Resting) -> Decimal | None:
        """Return the quantity that `item` still wants, None when it is gone."""
        if not item.order_id:
            holding = self.desk.holdings.get(pair)
            return None if holding is None else holding.position.quantity
        entry = self.desk.orders.get(item.order_id)
        return None if entry is None else entry.order.quantity - entry.order.filled

    def _fill_resting(self, pair: str, item: Resting, how: Execution) -> Decimal:
        """Fill `item` and return the quantity executed."""
        if item.order_id:
            return self.fill_order(self.desk.orders[item.order_id], how)
        self.executor.exit(self.desk.holdings[pair], item.reason, how)
        if pair not in self.desk.holdings:
            self.waiting.triggers.pop(pair, None)
        return fills.quantity_of(how.levels)

    def _waiting_market(self, pair: str, created_until_ms: int) -> Iterable[OpenOrder]:
        return tuple(
            entry
            for entry in self.desk.orders.values()
            if entry.order.pair == pair
            and entry.order.order_type is OrderType.MARKET
            and self.since(entry.order.created_ms) <= created_until_ms
        )


def _by_candle(
    price: Decimal, quantity: Decimal, event: MarketEvent, ts_ms: int, liquidity: str, *, catch_up: bool
) -> Execution:
    return Execution(
        levels=one_level(price, quantity),
        model=FillModel.CANDLE,
        event=event,
        ts_ms=ts_ms,
        liquidity=liquidity,
        catch_up=catch_up,
    )
