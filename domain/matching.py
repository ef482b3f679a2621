"""What matching by books and matching along prices share: filling an open order, ending one, moving a trailing stop."""

from dataclasses import dataclass, replace
from decimal import Decimal

from domain import fills, protection
from domain.acceptance import PaperRules
from domain.bookkeeping import Execution
from domain.desk import Desk, OpenOrder
from domain.executor import Executor
from domain.market_view import MarketView
from domain.trading import MarketEvent, OrderStatus
from domain.waiting import Waiting

BPS = Decimal(10_000)


@dataclass(slots=True)
class Matching:
    """Finds fills; the executor carries them out."""

    executor: Executor
    waiting: Waiting

    @property
    def desk(self) -> Desk:
        return self.executor.desk

    @property
    def market(self) -> MarketView:
        return self.executor.market

    @property
    def paper(self) -> PaperRules:
        return self.executor.paper

    @property
    def now_ms(self) -> int:
        return self.executor.books.now_ms

    def fill_order(self, entry: OpenOrder, how: Execution) -> None:
        """Fill an open order by `how`; a reduce-only order takes no more than the position has."""
        order, levels = entry.order, how.levels
        if order.reduce_only:
            position = self.desk.position(order.pair)
            if position is None or position.direction.side is order.side:
                self.expire(order.order_id, "no_position", "there is no position left to reduce")
                return
            levels, _ = fills.split(levels, position.quantity)
        self.executor.execute(order, entry.fills, replace(how, levels=levels))
        if order.order_id not in self.desk.orders:
            self.waiting.forget(order.order_id)
        elif order.reduce_only and self.desk.position(order.pair) is None:
            self.expire(order.order_id, "no_position", "there is no position left to reduce")

    def expire(self, order_id: str, cause: str, message: str) -> None:
        if (entry := self.desk.orders.get(order_id)) is not None:
            self.executor.cancel(entry.order, status=OrderStatus.EXPIRED, cause=cause, message=message)
        self.waiting.forget(order_id)

    def trail(self, pair: str, price: Decimal, event: MarketEvent, ts_ms: int) -> None:
        rules = self.market.pair(pair).rules
        if (holding := self.desk.holdings.get(pair)) is None or rules is None or pair in self.waiting.triggers:
            return
        if ts_ms < self.since(holding.position.opened_ms):
            return
        if (trailing := protection.trailed(holding.position, price, rules.tick_size)) is not None:
            self.executor.trail(holding, trailing, event, ts_ms)

    def since(self, ms: int) -> int:
        """Return since when something of ours waits; a moment to come is of an earlier run of the same recording."""
        return ms if ms <= self.now_ms else 0
