"""What matching by books and matching along prices share: filling an open order, ending one, moving a trailing stop."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from domain import fills, protection
from domain.bookkeeping import Execution
from domain.desk import OpenOrder
from domain.executor import OverExecutor
from domain.money import ZERO
from domain.resting import Resting, resting_of
from domain.trading import MarketEvent, Order, OrderStatus, OrderType
from domain.waiting import Trigger, Waiting

BPS = Decimal(10_000)


@dataclass(slots=True)
class Matching(OverExecutor):
    """Finds fills; the executor carries them out."""

    waiting: Waiting

    @property
    def now_ms(self) -> int:
        return self.executor.books.now_ms

    def fill_order(self, entry: OpenOrder, how: Execution) -> Decimal:
        """Fill an open order by `how`; a reduce-only order takes no more than the position has.

        Returns:
            The quantity executed: 0 when the position or the funds are gone, and with them the order.
        """
        order, levels = entry.order, how.levels
        if order.order_id not in self.desk.orders:
            return ZERO  # it ended with the position it was to reduce
        if order.reduce_only:
            position = self.desk.position(order.pair)
            if position is None or position.direction.side is order.side:
                self.expire(order.order_id, "no_position", "there is no position left to reduce")
                return ZERO
            levels, _ = fills.split(levels, position.quantity)
        executed = self.executor.execute(order, entry.fills, how.of(levels))
        if order.order_id not in self.desk.orders:
            self.waiting.forget(order.order_id)
        return executed

    def expire(self, order_id: str, cause: str, message: str) -> None:
        if (entry := self.desk.orders.get(order_id)) is not None:
            self.executor.cancel(entry.order, status=OrderStatus.EXPIRED, cause=cause, message=message)
        self.waiting.forget(order_id)

    def trail(self, pair: str, price: Decimal, event: MarketEvent, ts_ms: int) -> None:
        rules = self.market.pair(pair).rules
        if (holding := self.desk.holdings.get(pair)) is None or rules is None or self.trigger_of(pair):
            return
        opened_ms = holding.position.opened_ms
        if self.since(opened_ms) > event.ts_ms and opened_ms != ts_ms:  # a candle that opened it counts from there on
            return
        if (trailing := protection.trailed(self.executor.trailed(holding), price, rules.tick_size)) is not None:
            self.executor.trail(holding, trailing, event, ts_ms)
        self.executor.tell_trail(holding, ts_ms)

    def resting(self, pair: str) -> Iterator[Resting]:
        """Yield what waits for prices of `pair`, the trailing stop where it is by now; no entry that must wait."""
        for item in resting_of(self.desk, pair, self.executor.trails.get(pair)):
            if not item.order_id or not self.is_held_up(self.desk.orders[item.order_id].order):
                yield item

    def is_held_up(self, order: Order) -> bool:
        """Return whether a resting order must wait: no new risk is taken while the ledger is away."""
        return not self.executor.ledger_available and order.order_type is not OrderType.MARKET and not order.reduce_only

    def trigger_of(self, pair: str) -> Trigger | None:
        """Return the reached stop of the pair's position; that of a position which is gone is dropped."""
        trigger, holding = self.waiting.triggers.get(pair), self.desk.holdings.get(pair)
        if trigger is not None and (holding is None or holding.opened_seq != trigger.opened_seq):
            del self.waiting.triggers[pair]
            return None
        return trigger

    def since(self, ms: int) -> int:
        """Return since when something of ours waits; a moment to come is of an earlier run of the same recording."""
        return ms if ms <= self.now_ms else 0

    def reaches(self, created_ms: int) -> int:
        """Return when an order of that time is at the exchange: nothing before can fill or trigger it."""
        return self.since(created_ms) + self.paper.latency_ms
