"""The paper exchange: orders and market events in, journal documents and messages out. No I/O, no clock.

Each public method takes `now_ms` and works on the desk's state at once; what it made waits in `pending` (documents) and
`messages` until the broker has stored it. Books decide fills where there are books; trades trigger stops; in catch-up
trades decide all; candles decide where they are all there is.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise

from domain import acceptance, fills, protection
from domain.acceptance import PaperRules, Situation
from domain.bookkeeping import Bookkeeper, Execution
from domain.desk import Desk, Holding, OpenOrder
from domain.executor import Executor
from domain.fills import Level
from domain.filters import Refused
from domain.market import Candle, OrderBook, PublicTrade
from domain.market_view import MarketView
from domain.messages import (
    AmendProtection,
    CancelOrder,
    ClosePosition,
    ControlChanged,
    MissedTrades,
    OrderAccepted,
    OrderRefused,
    RecordSettings,
    SetControl,
    SettingsRecorded,
    SubmitOrder,
)
from domain.money import ZERO
from domain.ports import JournalDocument
from domain.resting import Resting, candle_path, first_hit, low_first, one_level, resting_of
from domain.trading import (
    Account,
    FillModel,
    MarketEvent,
    Order,
    OrderSource,
    OrderStatus,
    OrderType,
    Reason,
    Refusal,
)

BOOK_WAIT_MS = 1000  # how long a fill waits for a book before the fallback
BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A stop that was reached and waits for its book."""

    reason: Reason
    price: Decimal
    event: MarketEvent
    deadline_ms: int
    opened_seq: int = 0  # of the position it closes; 0 for a stop order


@dataclass(slots=True)
class Exchange:
    """One account's paper exchange. Besides the desk it knows only what the market tells again."""

    executor: Executor
    _triggers: dict[str, Trigger] = field(default_factory=dict)  # pair -> the position's stop
    _triggered: dict[str, Trigger] = field(default_factory=dict)  # order id -> a stop order
    _arrived: set[str] = field(default_factory=set)  # limits that met a book: from then on they are makers
    _opened: dict[str, int] = field(default_factory=dict)  # pair -> open time of the candle whose open was handled

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
    def books(self) -> Bookkeeper:
        return self.executor.books

    @property
    def messages(self) -> list[object]:
        return self.executor.messages

    @property
    def pending(self) -> list[JournalDocument]:
        return self.books.pending

    def account(self, now_ms: int) -> Account:
        """Return the account marked to the newest prices."""
        self.books.now_ms = now_ms
        return self.executor.account()

    # --- commands -----------------------------------------------------------------------------------------------------

    def submit(self, command: SubmitOrder, now_ms: int) -> None:
        """Take or refuse an order that is not a repeat."""
        self.books.now_ms = now_ms
        self._decide(command, acceptance.accept(command, self._situation(now_ms)), now_ms)

    def close(self, command: ClosePosition, now_ms: int) -> None:
        """Take or refuse an order that closes a fraction of a position."""
        self.books.now_ms = now_ms
        self._decide(command, acceptance.accept_close(command, self._situation(now_ms)), now_ms)

    def cancel(self, command: CancelOrder, now_ms: int) -> None:
        """Take an open order off."""
        self.books.now_ms = now_ms
        if (entry := self.desk.orders.get(command.order_id)) is None:
            self._refuse(
                command.order_id,
                "",
                Refused(Refusal.UNKNOWN_ORDER, f"an open order {command.order_id} must exist, none does"),
                OrderSource.MANUAL,
                request_id=command.request_id,
            )
            return
        self.executor.cancel(
            entry.order,
            status=OrderStatus.CANCELLED,
            cause="cancelled",
            message="cancelled on request",
            request_id=command.request_id,
        )
        self._forget(command.order_id)

    def amend(self, command: AmendProtection, now_ms: int) -> None:
        """Move or remove the stop and target of an open position."""
        self.books.now_ms = now_ms
        levels = acceptance.amended(command, self._situation(now_ms))
        if isinstance(levels, Refused):
            self._refuse(command.amend_id, command.pair, levels, OrderSource.MANUAL)
            return
        position = replace(self.desk.holdings[command.pair].position, stop_loss=levels[0], take_profit=levels[1])
        self.executor.amend(acceptance.amend_key(command), position, reason="requested", amend_id=command.amend_id)

    def set_control(self, command: SetControl, now_ms: int) -> None:
        """Record what an operator switched."""
        self.books.now_ms = now_ms
        self.books.control(command.control_id, command.control, kind=command.kind, actor=command.actor)
        self.messages.append(
            ControlChanged(seq=self.desk.seq, control=command.control, control_id=command.control_id, kind=command.kind)
        )

    def record_settings(self, command: RecordSettings, now_ms: int) -> None:
        """Record the settings in force, when they differ from the last recorded."""
        self.books.now_ms = now_ms
        if command.settings_hash != self.desk.settings_hash:
            self.books.settings(command.settings_hash, command.changed, command.values)
        self.messages.append(SettingsRecorded(seq=self.desk.settings_seq, settings_hash=command.settings_hash))

    def checkpoint(self, now_ms: int) -> None:
        """Record the whole state, so that a start need not read further back."""
        self.books.now_ms = now_ms
        self.books.checkpoint()

    # --- market events ------------------------------------------------------------------------------------------------

    def on_book(self, pair: str, book: OrderBook, now_ms: int) -> None:
        """Take a new book and fill what it can."""
        self.books.now_ms = now_ms
        self.market.pair(pair).take_book(book)
        if self._exposed(pair):
            self._match_book(pair, now_ms)

    def on_trade(self, pair: str, trade: PublicTrade, *, catch_up: bool, now_ms: int) -> None:
        """Take a trade print: it marks, triggers stops and moves trailing stops; in catch-up it also fills."""
        self.books.now_ms = now_ms
        seen = self.books.seen.get(pair)
        if seen is not None and trade.traded_ms <= seen.ts_ms and (seen.kind != "trade" or trade.trade_id <= seen.id):
            return
        event = MarketEvent(kind="trade", id=trade.trade_id, ts_ms=trade.traded_ms)
        self.books.seen[pair] = event
        self.market.pair(pair).take_price(trade.price, event)
        if not self._exposed(pair):
            return
        if catch_up:
            self._match_trade(pair, trade, event)
        else:
            self._trigger(pair, trade, event, now_ms)
            self._match_book(pair, now_ms)
        self._trail(pair, trade.price, event, event.ts_ms)

    def on_missed(self, missed: MissedTrades, now_ms: int) -> None:
        """Go through what was missed, in order, at its historical time."""
        candles, trades = deque(missed.candles), deque(missed.trades)
        steps = [after.open_ms - before.open_ms for before, after in pairwise(missed.candles)]
        length_ms = min(steps, default=self.market.pair(missed.pair).candle_ms)
        while candles or trades:
            if candles and (not trades or candles[0].open_ms <= trades[0].traded_ms):
                self.on_candle(missed.pair, candles.popleft(), length_ms, catch_up=True, now_ms=now_ms)
            else:
                self.on_trade(missed.pair, trades.popleft(), catch_up=True, now_ms=now_ms)

    def on_candle_opened(self, pair: str, open_ms: int, price: Decimal, now_ms: int) -> None:
        """Take the first price of a candle, where candles are all there is: gaps and waiting market orders fill."""
        self.books.now_ms = now_ms
        seen = self.books.seen.get(pair)
        if seen is not None and open_ms <= seen.ts_ms:
            return
        self._open_candle(pair, open_ms, price, catch_up=False)

    def on_candle(self, pair: str, candle: Candle, length_ms: int, *, catch_up: bool, now_ms: int) -> None:
        """Take a closed candle of `length_ms`: what waits fills along the worse order of high and low."""
        self.books.now_ms = now_ms
        self.market.pair(pair).candle_ms = length_ms
        end_ms = candle.open_ms + length_ms - 1
        seen = self.books.seen.get(pair)
        if seen is not None and end_ms <= seen.ts_ms:
            return
        if self._opened.get(pair) != candle.open_ms:
            self._open_candle(pair, candle.open_ms, candle.open, catch_up=catch_up)
        event = MarketEvent(kind="candle", id=candle.open_ms, ts_ms=candle.open_ms)
        start = candle.open
        for end in candle_path(candle, low_first=low_first(self.desk, pair)):
            self._move(pair, start, end, event, end_ms, catch_up=catch_up)
            self._trail(pair, end, event, end_ms)
            start = end
        self.books.seen[pair] = replace(event, ts_ms=end_ms)
        self.market.pair(pair).take_price(candle.close, replace(event, ts_ms=end_ms))

    def on_time(self, now_ms: int) -> None:
        """Fill by fallback what waited too long for a book."""
        self.books.now_ms = now_ms
        for pair, trigger in tuple(self._triggers.items()):
            holding = self._triggered_holding(pair, trigger)
            if holding is not None and trigger.deadline_ms <= now_ms:
                how = self._fallback(holding.position.direction.side.opposite.sign, trigger.price, trigger.event)
                self.executor.exit(holding, trigger.reason, how(holding.position.quantity))
                self._triggers.pop(pair, None)
        for order_id, entry in tuple(self.desk.orders.items()):
            if (due_ms := self._deadline_ms(order_id, entry.order)) is not None and due_ms <= now_ms:
                self._fill_overdue(entry, now_ms)

    def next_deadline_ms(self) -> int | None:
        """Return when `on_time` has something to do, None when nothing waits for a book."""
        due = [trigger.deadline_ms for trigger in self._triggers.values()]
        for order_id, entry in self.desk.orders.items():
            if (deadline_ms := self._deadline_ms(order_id, entry.order)) is not None:
                due.append(deadline_ms)
        return min(due, default=None)

    # --- orders -------------------------------------------------------------------------------------------------------

    def _situation(self, now_ms: int) -> Situation:
        return Situation(
            desk=self.desk,
            market=self.market,
            paper=self.paper,
            now_ms=now_ms,
            ledger_available=self.executor.ledger_available,
        )

    def _decide(self, command: SubmitOrder | ClosePosition, answer: acceptance.Accepted | Refused, now_ms: int) -> None:
        if isinstance(answer, Refused):
            self._refuse(command.order_id, command.pair, answer, command.source)
            return
        self.books.accept(answer.order, acceptance.content_of(command))
        self.messages.append(OrderAccepted(seq=self.desk.seq, order=answer.order, warnings=answer.warnings))
        self._match_book(command.pair, now_ms)

    def _refuse(self, order_id: str, pair: str, refused: Refused, source: OrderSource, *, request_id: str = "") -> None:
        self.messages.append(
            OrderRefused(
                order_id=order_id,
                pair=pair,
                code=refused.code,
                message=refused.message,
                source=source,
                at_ms=self.books.now_ms,
                request_id=request_id,
                gate=refused.gate,
            )
        )

    def _forget(self, order_id: str) -> None:
        self._triggered.pop(order_id, None)
        self._arrived.discard(order_id)

    def _exposed(self, pair: str) -> bool:
        return pair in self.desk.holdings or any(entry.order.pair == pair for entry in self.desk.orders.values())

    def _expire(self, order_id: str, cause: str, message: str) -> None:
        if (entry := self.desk.orders.get(order_id)) is not None:
            self.executor.cancel(entry.order, status=OrderStatus.EXPIRED, cause=cause, message=message)
        self._forget(order_id)

    def _fill_order(self, entry: OpenOrder, how: Execution) -> None:
        """Fill an open order by `how`; a reduce-only order takes no more than the position has."""
        order, levels = entry.order, how.levels
        if order.reduce_only:
            position = self.desk.position(order.pair)
            if position is None or position.direction.side is order.side:
                self._expire(order.order_id, "no_position", "there is no position left to reduce")
                return
            levels, _ = fills.split(levels, position.quantity)
        self.executor.execute(order, entry.fills, replace(how, levels=levels))
        if order.order_id not in self.desk.orders:
            self._forget(order.order_id)
        elif order.reduce_only and self.desk.position(order.pair) is None:
            self._expire(order.order_id, "no_position", "there is no position left to reduce")

    # --- books --------------------------------------------------------------------------------------------------------

    def _match_book(self, pair: str, now_ms: int) -> None:
        """Fill from the newest book what may: triggered stops, then orders as accepted, then the target."""
        walked = self.market.pair(pair).walked
        if walked is None:
            return
        received_ms = walked.book.received_ms
        trigger = self._triggers.get(pair)
        if trigger is not None and received_ms >= trigger.event.ts_ms:
            self._exit_by_book(pair, trigger)
        for order_id, entry in tuple(self.desk.orders.items()):
            if entry.order.pair == pair and self._meets(order_id, entry.order, received_ms):
                self._fill_by_book(entry)
        holding_now = self.desk.holdings.get(pair)
        if holding_now is not None and pair not in self._triggers:
            self._take_profit(holding_now)

    def _meets(self, order_id: str, order: Order, received_ms: int) -> bool:
        """Return whether a book received then is one that `order` may meet."""
        if order.order_type is OrderType.STOP:
            trigger = self._triggered.get(order_id)
            return trigger is not None and received_ms >= trigger.event.ts_ms
        return order_id in self._arrived or received_ms >= self._since(order.created_ms) + self.paper.latency_ms

    def _fill_by_book(self, entry: OpenOrder) -> None:
        order = entry.order
        walked = self.market.pair(order.pair).walked
        assert walked is not None
        is_limit = order.order_type is OrderType.LIMIT
        limit = order.limit_price if is_limit else self._worst_price(order)
        maker = is_limit and order.order_id in self._arrived
        wanted = order.quantity - order.filled
        if order.reduce_only and (position := self.desk.position(order.pair)) is not None:
            wanted = min(wanted, position.quantity)
        levels = walked.walk(order.side, wanted, limit=limit)
        if is_limit:
            self._arrived.add(order.order_id)
        if levels:
            walked.consume(order.side, levels)
            if maker and limit is not None:
                levels = one_level(limit, fills.quantity_of(levels))
            self._fill_order(entry, self._by_book(order.pair, levels, "maker" if maker else "taker"))
        if not is_limit:
            self._expire(order.order_id, "book_exhausted", "the rest found no quantity within reach in the book")

    def _worst_price(self, order: Order) -> Decimal | None:
        """Return the price beyond which a market order does not walk, from its slippage limit."""
        walked = self.market.pair(order.pair).walked
        best = None if walked is None else walked.best(order.side)
        if order.max_slippage_bps is None or best is None:
            return None
        return best * (1 + order.side.sign * order.max_slippage_bps / BPS)

    def _exit_by_book(self, pair: str, trigger: Trigger) -> None:
        """Close at what the book offers; what it cannot fill goes on with the next book."""
        if (holding := self._triggered_holding(pair, trigger)) is None:
            return
        position = holding.position
        side = position.direction.side.opposite
        walked = self.market.pair(position.pair).walked
        assert walked is not None
        if levels := walked.walk(side, position.quantity):
            walked.consume(side, levels)
            self.executor.exit(holding, trigger.reason, self._by_book(position.pair, levels, "taker"))
        if position.pair not in self.desk.holdings:
            self._triggers.pop(position.pair, None)

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

    # --- triggers and fallbacks ---------------------------------------------------------------------------------------

    def _trigger(self, pair: str, trade: PublicTrade, event: MarketEvent, now_ms: int) -> None:
        """Note the stops that a live trade reaches."""
        for item in resting_of(self.desk, pair):
            if item.limit or not item.at(trade.price):
                continue
            deadline_ms = now_ms + BOOK_WAIT_MS
            if item.order_id:
                self._triggered.setdefault(item.order_id, Trigger(item.reason, trade.price, event, deadline_ms))
            elif pair not in self._triggers:
                opened_seq = self.desk.holdings[pair].opened_seq
                self._triggers[pair] = Trigger(item.reason, trade.price, event, deadline_ms, opened_seq)

    def _triggered_holding(self, pair: str, trigger: Trigger) -> Holding | None:
        """Return the position that `trigger` closes; a trigger of a position that is gone is dropped."""
        holding = self.desk.holdings.get(pair)
        if holding is None or holding.opened_seq != trigger.opened_seq:
            self._triggers.pop(pair, None)
            return None
        return holding

    def _deadline_ms(self, order_id: str, order: Order) -> int | None:
        """Return when `order` stops waiting for a book; None when it does not wait for one."""
        if order.order_type is OrderType.STOP and (trigger := self._triggered.get(order_id)) is not None:
            return trigger.deadline_ms
        if order.order_type is not OrderType.MARKET or not self.paper.has_books:
            return None
        if order.reduce_only and self.market.pair(order.pair).mark() is None:
            return None  # an exit waits for the first price, however long
        return self._since(order.created_ms) + self.paper.latency_ms + BOOK_WAIT_MS

    def _fill_overdue(self, entry: OpenOrder, now_ms: int) -> None:
        """Fill a market order that no new book came for: from the book that still holds, else at the last price."""
        order, view = entry.order, self.market.pair(entry.order.pair)
        trigger = self._triggered.get(order.order_id)
        newest_ms = None if view.walked is None else view.walked.book.received_ms
        if trigger is None and newest_ms is not None and now_ms - newest_ms <= self.market.stale_after_ms:
            self._fill_by_book(entry)
            return
        price, event = (view.last_price, view.last_event) if trigger is None else (trigger.price, trigger.event)
        if price is None or event is None:
            self._expire(order.order_id, "no_price", "no price was known to fill it at")
            return
        if trigger is None:
            event = replace(event, kind="last")
        self._fill_order(entry, self._fallback(order.side.sign, price, event)(order.quantity - order.filled))
        self._expire(order.order_id, "no_position", "there is nothing left to fill")

    def _fallback(self, sign: int, price: Decimal, event: MarketEvent) -> "_Fallback":
        slipped = price * (1 + sign * self.paper.fallback_slippage_bps / BPS)
        return _Fallback(slipped, event, self.books.now_ms)

    # --- trades in catch-up, candles ----------------------------------------------------------------------------------

    def _match_trade(self, pair: str, trade: PublicTrade, event: MarketEvent) -> None:
        """Fill by one past trade: stops and waiting market orders at its price, limits at theirs, at most its size."""

        def how(price: Decimal, quantity: Decimal, liquidity: str) -> Execution:
            return Execution(
                levels=one_level(price, quantity),
                model=FillModel.TRADE,
                event=event,
                ts_ms=trade.traded_ms,
                liquidity=liquidity,
                catch_up=True,
            )

        left = trade.quantity
        for item in tuple(resting_of(self.desk, pair)):
            if trade.traded_ms < self._since(item.since_ms) or (wanted := self._wanted(pair, item)) is None:
                continue
            if item.limit and left > 0 and item.traded_through(trade):
                left -= (part := min(left, wanted))
                self._fill_resting(pair, item, how(item.level, part, "maker"))
            elif not item.limit and item.at(trade.price):
                self._fill_resting(pair, item, how(trade.price, wanted, "taker"))
        for entry in self._waiting_market(pair, trade.traded_ms - self.paper.latency_ms):
            self._fill_order(entry, how(trade.price, entry.order.quantity - entry.order.filled, "taker"))

    def _open_candle(self, pair: str, open_ms: int, price: Decimal, *, catch_up: bool) -> None:
        event = MarketEvent(kind="candle", id=open_ms, ts_ms=open_ms)
        self._opened[pair] = open_ms
        self.market.pair(pair).take_price(price, event)
        self._move(pair, price, price, event, open_ms, catch_up=catch_up)
        for entry in self._waiting_market(pair, open_ms if catch_up else self.books.now_ms):
            wanted = entry.order.quantity - entry.order.filled
            self._fill_order(entry, _by_candle(price, wanted, event, open_ms, "taker", catch_up=catch_up))

    def _move(self, pair: str, start: Decimal, end: Decimal, event: MarketEvent, ts_ms: int, *, catch_up: bool) -> None:
        """Fill what a straight move of the price reaches, in the order it is reached."""
        # Without books a stop set within the candle counts for it: rather a stop too early than one too late.
        newest_ms = event.id if self.paper.has_books else event.id + self.market.pair(pair).candle_ms - 1
        while True:
            waiting = (item for item in resting_of(self.desk, pair) if self._since(item.since_ms) <= newest_ms)
            if (hit := first_hit(waiting, start, end)) is None:
                return
            item, start = hit
            wanted = self._wanted(pair, item) or ZERO
            liquidity = "maker" if item.limit else "taker"
            self._fill_resting(pair, item, _by_candle(start, wanted, event, ts_ms, liquidity, catch_up=catch_up))

    def _wanted(self, pair: str, item: Resting) -> Decimal | None:
        """Return the quantity that `item` still wants, None when it is gone."""
        if not item.order_id:
            holding = self.desk.holdings.get(pair)
            return None if holding is None else holding.position.quantity
        entry = self.desk.orders.get(item.order_id)
        return None if entry is None else entry.order.quantity - entry.order.filled

    def _fill_resting(self, pair: str, item: Resting, how: Execution) -> None:
        if item.order_id:
            self._fill_order(self.desk.orders[item.order_id], how)
        else:
            self.executor.exit(self.desk.holdings[pair], item.reason, how)
            if pair not in self.desk.holdings:
                self._triggers.pop(pair, None)

    def _waiting_market(self, pair: str, created_until_ms: int) -> Iterable[OpenOrder]:
        return tuple(
            entry
            for entry in self.desk.orders.values()
            if entry.order.pair == pair
            and entry.order.order_type is OrderType.MARKET
            and self._since(entry.order.created_ms) <= created_until_ms
        )

    def _since(self, ms: int) -> int:
        """Return since when something of ours waits; a moment to come is of an earlier run of the same recording."""
        return ms if ms <= self.books.now_ms else 0

    def _trail(self, pair: str, price: Decimal, event: MarketEvent, ts_ms: int) -> None:
        rules = self.market.pair(pair).rules
        if (holding := self.desk.holdings.get(pair)) is None or rules is None or pair in self._triggers:
            return
        if ts_ms < self._since(holding.position.opened_ms):
            return
        if (trailing := protection.trailed(holding.position, price, rules.tick_size)) is not None:
            self.executor.trail(holding, trailing, event, ts_ms)


@dataclass(frozen=True, slots=True)
class _Fallback:
    """A fill with no book: at a price that already carries the slippage."""

    price: Decimal
    event: MarketEvent
    ts_ms: int

    def __call__(self, quantity: Decimal) -> Execution:
        return Execution(
            levels=one_level(self.price, quantity),
            model=FillModel.FALLBACK,
            event=self.event,
            ts_ms=self.ts_ms,
            liquidity="taker",
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


def start(*, desk: Desk, paper: PaperRules, stale_after_ms: int, now_ms: int, balance: Decimal | None) -> Exchange:
    """Return the exchange over a recovered desk; on an empty journal the deposit of `balance` is its first document.

    Args:
        stale_after_ms: how old a price may be that new risk is taken on; without books a candle's length comes on top.
        balance: quote, > 0; None: nothing is deposited.
    """
    market = MarketView(stale_after_ms=stale_after_ms, has_books=paper.has_books)
    books = Bookkeeper(desk=desk, epoch=desk.epoch + 1, quote=paper.quote, now_ms=now_ms)
    # A recording played again begins before what this journal has seen: then nothing was seen yet.
    books.seen = {pair: event for pair, event in desk.seen.items() if event.ts_ms <= now_ms}
    limits = {order_id for order_id, entry in desk.orders.items() if entry.order.order_type is OrderType.LIMIT}
    exchange = Exchange(Executor(books=books, market=market, paper=paper), _arrived=limits)
    if desk.seq == 0 and balance is not None:
        books.deposit(balance)
    return exchange
