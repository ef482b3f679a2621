"""Carrying an execution out: reduce first, then open; fees, holds and funds; what cannot be filled expires.

Every step is a journal document and a message about it. No step depends on the market here: prices are given.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from domain import documents, fills, postings, protection
from domain.acceptance import PaperRules
from domain.bookkeeping import Bookkeeper, Execution
from domain.desk import Desk, Holding, direction_of
from domain.market_view import MarketView
from domain.messages import OrderCancelled, OrderFilled, PositionAmended
from domain.money import ZERO
from domain.ports import JournalDocument
from domain.postings import Market
from domain.trading import (
    Account,
    MarketEvent,
    Order,
    OrderSource,
    OrderStatus,
    OrderType,
    Position,
    Reason,
    Trailing,
)
from domain.values import replace
from domain.waiting import Trail

DATABASE_AWAY = "the database is away"
TRAIL_MS = 1000  # a trailing stop that creeps is recorded once in this time
LEAP_MS = 100  # one that leaps, by a basis point of the price or more, once in this
LEAP = Decimal("0.0001")


@dataclass(slots=True)
class Executor:
    """Turns executions into documents and messages. `messages` waits for its documents to be stored."""

    books: Bookkeeper
    market: MarketView
    paper: PaperRules
    ledger_available: bool = True
    away: str = DATABASE_AWAY  # why it is not, for whoever is refused
    messages: list[object] = field(default_factory=list)
    trails: dict[str, Trail] = field(default_factory=dict)  # per pair
    _told_trails: dict[str, tuple[int, int]] = field(default_factory=dict)  # pair -> (seq that opened it, when)

    @property
    def desk(self) -> Desk:
        return self.books.desk

    def execute(self, order: Order, count: int, how: Execution) -> Decimal:
        """Fill `order` by `how.levels`: close what is opposite, then open with the rest.

        Args:
            order: as it is held, with at least the levels' quantity unfilled.
            count: its executions so far.

        Returns:
            The quantity executed; less than the levels' when funds did not suffice and the rest was cancelled.
        """
        self.settle_trail(order.pair)
        position, before = self.desk.position(order.pair), order.filled
        rest = how.levels
        if position is not None and position.direction.side is not order.side:
            closing, rest = fills.split(rest, position.quantity)
            order, count = self._close(order, count, position, how.of(closing)), count + 1
        if rest and not order.reduce_only:
            order = self._open(order, count, how.of(rest))
        self.end_reducing(order.pair)
        return order.filled - before

    def exit(self, holding: Holding, reason: Reason, how: Execution) -> None:
        """Close (a part of) a position by the exchange's own order: stop, target, trailing stop or liquidation."""
        self.settle_trail(holding.position.pair)
        position = holding.position
        order_id = f"{reason.value}:{position.pair}:{holding.opened_seq}"
        order = Order(
            order_id=order_id,
            pair=position.pair,
            side=position.direction.side.opposite,
            order_type=OrderType.LIMIT if reason is Reason.TAKE_PROFIT else OrderType.STOP,
            quantity=position.quantity,
            filled=ZERO,
            status=OrderStatus.OPEN,
            reduce_only=True,
            source=OrderSource.EXCHANGE,
            leverage=position.leverage,
            created_ms=how.ts_ms,
            reason=reason,
            limit_price=position.take_profit if reason is Reason.TAKE_PROFIT else None,
            trigger_price=_trigger_price(position, reason),
            decision_id=position.decision_id,
        )
        self._close(order, holding.exits.get(order_id, 0), position, how)
        self.end_reducing(position.pair)

    def end_reducing(self, pair: str) -> None:
        """Take off what may only reduce and has nothing left to reduce."""
        position = self.desk.position(pair)
        for entry in tuple(self.desk.orders.values()):
            order = entry.order
            if order.pair != pair or not order.reduce_only:
                continue
            if position is None or position.direction.side is order.side:
                sentence = "there is no position left to reduce"
                self.cancel(order, status=OrderStatus.EXPIRED, cause="no_position", message=sentence)

    def cancel(self, order: Order, *, status: OrderStatus, cause: str, message: str, request_id: str = "") -> None:
        """Take an open order off; what it held goes back."""
        self.settle_trail(order.pair)
        document = self.books.cancel(order, self.desk.orders[order.order_id].fills, status=status, cause=cause)
        ended = documents.read_order(_part(document, "order"))
        self._tell(OrderCancelled(seq=self.desk.seq, order=ended, request_id=request_id, message=message))

    def trail(self, holding: Holding, trailing: Trailing, event: MarketEvent, ts_ms: int) -> None:
        """Move the trailing stop. It counts at once; a document tells it later."""
        self.trails[holding.position.pair] = Trail(trailing, event, ts_ms, holding.opened_seq)

    def trailed(self, holding: Holding) -> Position:
        """Return the position with its trailing stop where it is by now."""
        trail = self.trails.get(holding.position.pair)
        return holding.position if trail is None else replace(holding.position, trailing=trail.trailing)

    def tell_trail(self, holding: Holding, ts_ms: int) -> None:
        """Record where the trailing stop is: once a second of event time, where it moved far ten times."""
        pair, told = holding.position.pair, holding.position.trailing
        if (trail := self.trails.get(pair)) is None:
            return
        opened_seq, last_ms = self._told_trails.get(pair, (0, 0))
        if opened_seq == holding.opened_seq and told is not None:
            leap = _moved(trail.trailing, told) >= LEAP * (trail.trailing.best_price or ZERO)
            if ts_ms - last_ms < (LEAP_MS if leap else TRAIL_MS):
                return
        self.settle_trail(pair, ts_ms)

    def settle_trail(self, pair: str, ts_ms: int | None = None) -> None:
        """Record where the trailing stop is by now: before anything else about the pair is recorded."""
        trail, holding = self.trails.pop(pair, None), self.desk.holdings.get(pair)
        if trail is None or holding is None or holding.opened_seq != trail.opened_seq:
            return
        self._told_trails[pair] = (holding.opened_seq, trail.ts_ms if ts_ms is None else ts_ms)
        self.amend(
            f"amend:{pair}:trailing:{holding.opened_seq}:{self.desk.seq + 1}",
            replace(holding.position, trailing=trail.trailing),
            reason=Reason.TRAILING_STOP.value,
            event=trail.event,
            ts_ms=trail.ts_ms,
        )

    def amend(
        self,
        key: str,
        position: Position,
        *,
        reason: str,
        event: MarketEvent | None = None,
        ts_ms: int | None = None,
        amend_id: str = "",
    ) -> None:
        """Record and announce a position's new protection. `key` is the document's id."""
        self.books.amend(key, position, reason=reason, event=event, ts_ms=ts_ms)
        self._tell(PositionAmended(seq=self.desk.seq, position=position, amend_id=amend_id or key))

    def account(self) -> Account:
        """Return the account marked to the newest prices; a position without a price is valued at its cost."""
        positions = tuple(holding.position for _, holding in sorted(self.desk.holdings.items()))
        marks: list[tuple[str, Decimal]] = []
        unrealized = ZERO
        for position in positions:
            if (mark := self.market.pair(position.pair).mark()) is not None:
                marks.append((position.pair, mark))
                unrealized += fills.unrealized(position, mark)
        quote = self.paper.quote
        cash, held = self.desk.balance(postings.CASH, quote), self.desk.balance(postings.HELD, quote)
        margin = self.desk.margin(quote)
        profit, fees = self.desk.tally.today(self.books.now_ms)
        return Account(
            seq=self.desk.seq,
            ts_ms=self.books.now_ms,
            cash=cash,
            held=held,
            margin=margin,
            unrealized_pnl=unrealized,
            equity=cash + held + margin + unrealized,
            realized_pnl_today=profit,
            fees_today=fees,
            positions=positions,
            marks=tuple(marks),
            orders=tuple(entry.order for entry in self.desk.orders.values()),
            ledger_available=self.ledger_available,
        )

    def _open(self, order: Order, count: int, how: Execution) -> Order:
        fill = fills.open_fill(how.levels, leverage=order.leverage, fee_rate=self._fee_rate(how))
        after = _filled(order, fill.quantity, opens=True)
        if fill.margin + fill.fee > self.desk.balance(postings.CASH, self.paper.quote) + order.held - after.held:
            message = f"free cash must cover margin and fee of {fill.margin + fill.fee:f}, it no longer does"
            self.cancel(order, status=OrderStatus.CANCELLED, cause="insufficient_balance", message=message)
            return order
        position = self._position_after(order, fill, how)
        document = self.books.open(
            after, count + 1, position, fill, how, market=self._market(order.pair), held=order.held
        )
        self._announce_fill(after, document, position)
        return after

    def _close(self, order: Order, count: int, position: Position, how: Execution) -> Order:
        fill = fills.close_fill(position, how.levels, fee_rate=self._fee_rate(how))
        after, left = _filled(order, fill.quantity, opens=False), fills.reduced(position, fill)
        document = self.books.close(
            after, count + 1, position, left, fill, how, market=self._market(order.pair), held=order.held
        )
        self._announce_fill(after, document, left)
        return after

    def _position_after(self, order: Order, fill: fills.Opened, how: Execution) -> Position:
        position = self.desk.position(order.pair)
        if position is None:
            return Position(
                pair=order.pair,
                direction=direction_of(Decimal(order.side.sign)),
                quantity=fill.quantity,
                entry_price=fills.mean_price(how.levels),
                cost=fill.notional,
                margin=fill.margin,
                leverage=order.leverage,
                opened_ms=how.ts_ms,
                source=order.source,
                trade_id=order.order_id,
                stop_loss=order.stop_loss,
                take_profit=order.take_profit,
                trailing=order.trailing,
                entry_fee=fill.fee,
                decision_id=order.decision_id,
                confidence=order.confidence,
            )
        more = fills.added(position, fill)
        if order.stop_loss is None and order.take_profit is None and order.trailing is None:
            return more
        return replace(
            more,
            stop_loss=position.stop_loss if order.stop_loss is None else order.stop_loss,
            take_profit=position.take_profit if order.take_profit is None else order.take_profit,
            trailing=position.trailing if order.trailing is None else order.trailing,
        )

    def _announce_fill(self, order: Order, document: JournalDocument, position: Position | None) -> None:
        self._tell(
            OrderFilled(
                seq=self.desk.seq,
                order=order,
                trade=self.desk.trades[-1],
                closed=self.desk.closed[-1] if "closed" in document else None,
                position=position,
                account=self.account(),
            )
        )

    def _market(self, pair: str) -> Market:
        """Return the pair's assets: from the exchange's rules, else from what is booked already."""
        if (rules := self.market.pair(pair).rules) is not None:
            return Market(pair, rules.base, rules.quote)
        name = f"position:{pair}"
        base = next((asset for account, asset in self.desk.balances if account == name), None)
        return Market(pair, base or pair.removesuffix(self.paper.quote), self.paper.quote)

    def _fee_rate(self, how: Execution) -> Decimal:
        return self.paper.maker_fee if how.liquidity == "maker" else self.paper.taker_fee

    def _tell(self, message: object) -> None:
        self.messages.append(message)


@dataclass(slots=True)
class OverExecutor:
    """What works over an executor: short names for what it holds."""

    executor: Executor

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


def _filled(order: Order, quantity: Decimal, *, opens: bool) -> Order:
    """Return `order` after filling `quantity`: its hold is released in proportion, the last fill releases the rest."""
    left = order.quantity - order.filled
    if quantity == left:
        return replace(order, filled=order.quantity, status=OrderStatus.FILLED, held=ZERO)
    held = order.held - fills.share(order.held, quantity, left) if opens else order.held
    return replace(order, filled=order.filled + quantity, held=held)


def _trigger_price(position: Position, reason: Reason) -> Decimal | None:
    """Return the level of the position's own stop of that reason."""
    match reason:
        case Reason.STOP_LOSS:
            return position.stop_loss
        case Reason.TRAILING_STOP:
            return None if position.trailing is None else position.trailing.stop
        case Reason.LIQUIDATION:
            return protection.liquidation_price(position)
        case _:
            return None


def _moved(now: Trailing, before: Trailing) -> Decimal:
    """Return how far the stop is from where it was; from nowhere it has moved all the way."""
    return abs((now.stop or ZERO) - (before.stop or ZERO))


def _part(document: JournalDocument, name: str) -> documents.Part:
    part = document[name]
    assert isinstance(part, dict)
    return part
