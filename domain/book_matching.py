"""Fills from order books: market orders and triggered stops walk them, limits and targets rest against them.

What no book comes for within a second is filled by fallback.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from domain import fills
from domain.bookkeeping import Execution
from domain.desk import Holding, OpenOrder
from domain.fills import Level
from domain.market import PublicTrade
from domain.market_view import PairView
from domain.matching import BPS, Matching
from domain.resting import one_level
from domain.trading import FillModel, MarketEvent, Order, OrderType, Reason, Side
from domain.waiting import Trigger

BOOK_WAIT_MS = 1000  # how long a fill waits for a book before the fallback


@dataclass(slots=True)
class BookMatching(Matching):
    """Matches against the newest book of a pair."""

    def match(self, pair: str) -> None:
        """Fill from the newest book what may: triggered stops, then orders as accepted, then the target."""
        walked = self.market.pair(pair).walked
        if walked is None:
            return
        received_ms = walked.book.received_ms
        trigger = self.trigger_of(pair)
        if trigger is not None and received_ms >= trigger.event.ts_ms:
            self._exit_by_book(pair, trigger)
        for entry in self._meeting(pair, received_ms):
            if entry.order.order_id in self.desk.orders:  # else it ended with the position it was to reduce
                self._fill_by_book(entry)
        holding_now = self.desk.holdings.get(pair)
        if holding_now is not None and self.trigger_of(pair) is None:
            self._take_profit(holding_now)

    def trigger(self, pair: str, trade: PublicTrade, event: MarketEvent) -> bool:
        """Note the stops that a live trade reaches; return whether one waits for its book now."""
        for item in self.resting(pair):
            if item.limit or not item.at(trade.price):
                continue
            since_ms = self.reaches(item.since_ms) if item.order_id else self.since(item.since_ms)
            if trade.traded_ms < since_ms:
                continue  # it was not there yet
            deadline_ms = self.now_ms + BOOK_WAIT_MS
            if item.order_id:
                self.waiting.triggered.setdefault(item.order_id, Trigger(item.reason, trade.price, event, deadline_ms))
            elif self.trigger_of(pair) is None:
                opened_seq = self.desk.holdings[pair].opened_seq
                self.waiting.triggers[pair] = Trigger(item.reason, trade.price, event, deadline_ms, opened_seq)
        return self.waits(pair)

    def waits(self, pair: str) -> bool:
        """Return whether a stop of `pair` was reached and waits for its book."""
        orders = (self.desk.orders.get(order_id) for order_id in self.waiting.triggered)
        return self.trigger_of(pair) is not None or any(entry and entry.order.pair == pair for entry in orders)

    def fill_overdue(self) -> None:
        """Fill by fallback what waited too long for a book."""
        for pair in tuple(self.waiting.triggers):
            trigger, holding = self.trigger_of(pair), self.desk.holdings.get(pair)
            if trigger is not None and holding is not None and trigger.deadline_ms <= self.now_ms:
                position = holding.position
                side = position.direction.side.opposite
                how = self._fallback(side, trigger.price, trigger.event, position.quantity)
                self.executor.exit(holding, trigger.reason, how)
                self.waiting.triggers.pop(pair, None)
        for order_id, entry in tuple(self.desk.orders.items()):
            if (due_ms := self._deadline_ms(order_id, entry.order)) is not None and due_ms <= self.now_ms:
                self._fill_overdue(entry)

    def next_deadline_ms(self) -> int | None:
        """Return when `fill_overdue` has something to do, None when nothing waits for a book."""
        due = [trigger.deadline_ms for trigger in self.waiting.triggers.values()]
        for order_id, entry in self.desk.orders.items():
            if (deadline_ms := self._deadline_ms(order_id, entry.order)) is not None:
                due.append(deadline_ms)
        return min(due, default=None)

    def _meeting(self, pair: str, received_ms: int) -> list[OpenOrder]:
        """Return the orders of `pair` that may meet a book received then, as they were accepted."""
        now_ms, market = self.now_ms, OrderType.MARKET
        return [
            entry
            for order_id, entry in self.desk.orders.items()
            if (order := entry.order).pair == pair
            and not (order.order_type is market and received_ms < order.created_ms <= now_ms)  # most that wait: younger
            and self._meets(order_id, order, received_ms)
        ]

    def _meets(self, order_id: str, order: Order, received_ms: int) -> bool:
        """Return whether a book received then is one that `order` may meet."""
        if order.order_type is OrderType.STOP:
            trigger = self.waiting.triggered.get(order_id)
            return trigger is not None and received_ms >= trigger.event.ts_ms
        if order.order_type is OrderType.LIMIT:
            if self.is_held_up(order):
                return False
            if order_id in self.waiting.arrived:
                return True
        return received_ms >= self.reaches(order.created_ms)

    def _fill_by_book(self, entry: OpenOrder) -> None:
        order = entry.order
        walked = self.market.pair(order.pair).walked
        assert walked is not None
        is_limit = order.order_type is OrderType.LIMIT
        limit = order.limit_price if is_limit else self._worst_price(order)
        maker = is_limit and order.order_id in self.waiting.arrived
        wanted = order.quantity - order.filled
        if order.reduce_only and (position := self.desk.position(order.pair)) is not None:
            wanted = min(wanted, position.quantity)
        levels = walked.walk(order.side, wanted, limit=limit)
        if is_limit:
            self.waiting.arrived.add(order.order_id)
        if levels:
            at = one_level(limit, fills.quantity_of(levels)) if maker and limit is not None else levels
            executed = self.fill_order(entry, self._by_book(order.pair, at, "maker" if maker else "taker"))
            walked.consume(order.side, fills.split(levels, executed)[0])  # only what was really filled
        if not is_limit:
            self.expire(order.order_id, "book_exhausted", "the rest found no quantity within reach in the book")

    def _worst_price(self, order: Order) -> Decimal | None:
        """Return the price beyond which a market order does not walk, from its slippage limit."""
        walked = self.market.pair(order.pair).walked
        best = None if walked is None else walked.best(order.side)
        if order.max_slippage_bps is None or best is None:
            return None
        return best * (1 + order.side.sign * order.max_slippage_bps / BPS)

    def _exit_by_book(self, pair: str, trigger: Trigger) -> None:
        """Close at what the book offers; what it cannot fill waits for the next one, a second from each anew."""
        holding = self.desk.holdings[pair]
        position = holding.position
        side = position.direction.side.opposite
        walked = self.market.pair(pair).walked
        assert walked is not None
        if levels := walked.walk(side, position.quantity):
            walked.consume(side, levels)
            how = self._by_book(pair, levels, "taker")
            self.executor.exit(holding, trigger.reason, how)
            trigger = replace(trigger, price=levels[-1][0], event=how.event, walked=True)
        if pair not in self.desk.holdings:
            self.waiting.triggers.pop(pair, None)
        elif trigger.walked:
            deadline_ms = walked.book.received_ms + BOOK_WAIT_MS
            self.waiting.triggers[pair] = replace(trigger, deadline_ms=deadline_ms)

    def _take_profit(self, holding: Holding) -> None:
        position = holding.position
        walked = self.market.pair(position.pair).walked
        if position.take_profit is None or walked is None:
            return
        side = position.direction.side.opposite
        if levels := walked.walk(side, position.quantity, limit=position.take_profit):
            walked.consume(side, levels)
            at_limit = one_level(position.take_profit, fills.quantity_of(levels))
            self.executor.exit(holding, Reason.TAKE_PROFIT, self._by_book(position.pair, at_limit, "maker"))

    def _by_book(self, pair: str, levels: tuple[Level, ...], liquidity: str) -> Execution:
        walked = self.market.pair(pair).walked
        assert walked is not None
        book = walked.book
        return Execution(
            levels=levels,
            model=FillModel.TOP if book.depth == 1 else FillModel.BOOK20,
            event=MarketEvent(kind="book", id=book.update_id, ts_ms=book.received_ms),
            ts_ms=book.received_ms,
            liquidity=liquidity,
        )

    def _deadline_ms(self, order_id: str, order: Order) -> int | None:
        """Return when `order` stops waiting for a book; None when it does not wait for one."""
        if order.order_type is OrderType.STOP and (trigger := self.waiting.triggered.get(order_id)) is not None:
            return trigger.deadline_ms
        if order.order_type is not OrderType.MARKET or not self.paper.has_books:
            return None
        view = self.market.pair(order.pair)
        if order.reduce_only and view.last_price is None and not self._is_fresh(view):
            return None  # an exit waits for the first price, however long
        return self.reaches(order.created_ms) + BOOK_WAIT_MS

    def _fill_overdue(self, entry: OpenOrder) -> None:
        """Fill a market order that no new book came for: from the book that still holds, else at the last price."""
        order, view = entry.order, self.market.pair(entry.order.pair)
        trigger = self.waiting.triggered.get(order.order_id)
        if trigger is None and self._is_fresh(view):
            self._fill_by_book(entry)
            return
        price, event = (view.last_price, view.last_event) if trigger is None else (trigger.price, trigger.event)
        if price is None or event is None:
            self.expire(order.order_id, "no_price", "no price was known to fill it at")
            return
        if trigger is None:
            event = replace(event, kind="last")
        self.fill_order(entry, self._fallback(order.side, price, event, order.quantity - order.filled))
        self.expire(order.order_id, "no_position", "there is nothing left to fill")

    def _is_fresh(self, view: PairView) -> bool:
        """Return whether the pair's book is known and not stale."""
        walked = view.walked
        return walked is not None and self.now_ms - walked.book.received_ms <= self.market.stale_after_ms

    def _fallback(self, side: Side, price: Decimal, event: MarketEvent, quantity: Decimal) -> Execution:
        slipped = price * (1 + side.sign * self.paper.fallback_slippage_bps / BPS)
        return Execution(
            levels=one_level(slipped, quantity),
            model=FillModel.FALLBACK,
            event=event,
            ts_ms=self.now_ms,
            liquidity="taker",
        )
