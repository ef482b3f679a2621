"""Whether an order is taken: values, filters, freshness, protection, spread, slippage, balance. First failure wins."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from domain import command_values, fills, filters, journal, money, protection
from domain.command_values import bad
from domain.desk import Desk
from domain.filters import Refused
from domain.market_view import MarketView, PairView
from domain.messages import AmendProtection, ClosePosition, SubmitOrder
from domain.money import ZERO
from domain.postings import CASH
from domain.trading import Direction, Order, OrderStatus, OrderType, Position, Refusal, Side

BPS = Decimal(10_000)
MAX_NUM_ORDERS = 200  # limit and stop orders of one pair that may rest: Binance's MAX_NUM_ORDERS
MOST_ORDERS = 5000  # open orders of all pairs: a checkpoint holds them, and must fit into one document
LATE_MARGIN_MS = 5000  # an opening order may be as late as a price may be stale, and this much more


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRules:
    """The paper exchange's own terms."""

    taker_fee: Decimal  # fraction of the notional
    maker_fee: Decimal
    latency_ms: int  # from submission to the exchange
    fallback_slippage_bps: Decimal  # where no book is known
    has_books: bool  # False: candles are all there is
    quote: str = "USDT"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The order as the exchange will hold it, with remarks for who sent it."""

    order: Order
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What an order meets."""

    desk: Desk
    market: MarketView
    paper: PaperRules
    now_ms: int
    ledger_available: bool
    away: str = ""  # why it is not


def content_of(command: SubmitOrder | ClosePosition) -> str:
    """Return a hash of what the command asks for; a repeat with the same id must have the same."""
    if isinstance(command, ClosePosition):
        terms: dict[str, object] = {"close": command.pair, "fraction": command.fraction}
    else:
        terms = {
            "symbol": command.pair,
            "side": command.side.value,
            "order_type": command.order_type.value,
            "quantity": command.quantity,
            "notional": command.notional,
            "price": None if command.order_type is OrderType.MARKET else command.price,
            "stop_loss": command.stop_loss,
            "take_profit": command.take_profit,
            "leverage": command.leverage,
            "reduce_only": command.reduce_only,
        }
    present = {key: value for key, value in terms.items() if value is not None}
    return hashlib.sha256(journal.canonical(present)).hexdigest()[:32]


def amend_key(command: AmendProtection) -> str:
    """Return the journal id of the command's document."""
    return command.amend_id if command.amend_id.startswith("amend:") else f"amend:{command.amend_id}"


def accept(command: SubmitOrder, situation: Situation) -> Accepted | Refused:
    """Return the order to hold, or why it is refused. Nothing is booked here."""
    if refused := command_values.check_order(command) or situation.market.unknown(command.pair):
        return refused
    return _Acceptance(command, situation).decide()


def accept_close(command: ClosePosition, situation: Situation) -> Accepted | Refused:
    """Return the market order that closes a fraction; never refused for data, ledger or filters of value."""
    if refused := command_values.check_close(command):
        return refused
    position = situation.desk.position(command.pair)
    if position is None:
        return Refused(Refusal.NO_POSITION, f"a position in {command.pair} must be open, none is")
    quantity, rules = position.quantity, situation.market.pair(command.pair).rules
    if command.fraction != 1:
        quantity = money.down(position.quantity * command.fraction)
        if rules is not None:
            quantity = filters.quantity_on_grid(rules, quantity)
            if refused := filters.check_quantity(rules, quantity, position.quantity * command.fraction):
                return refused
    order = Order(
        order_id=command.order_id,
        pair=command.pair,
        side=position.direction.side.opposite,
        order_type=OrderType.MARKET,
        quantity=quantity,
        filled=ZERO,
        status=OrderStatus.OPEN,
        reduce_only=True,
        source=command.source,
        leverage=position.leverage,
        created_ms=min(command.submitted_ms, situation.now_ms),
        reason=command.reason,
        decision_id=command.decision_id,
    )
    return Accepted(order)


def amended(command: AmendProtection, situation: Situation) -> tuple[Decimal | None, Decimal | None] | Refused:
    """Return the stop and target of the pair's position after `command`, or why it is refused."""
    if refused := command_values.check_amend(command):
        return refused
    position = situation.desk.position(command.pair)
    if position is None:
        return Refused(Refusal.NO_POSITION, f"a position in {command.pair} must be open, none is")
    view = situation.market.pair(command.pair)
    stop_loss, take_profit = command.stop_loss, command.take_profit
    if view.rules is not None:
        stop_loss = filters.protection_on_grid(view.rules, stop_loss, position.direction)
        take_profit = filters.protection_on_grid(view.rules, take_profit, position.direction)
    mark = view.mark()
    if mark is None and (stop_loss is not None or take_profit is not None):
        return Refused(Refusal.NO_PRICE, f"a price of {command.pair} must be known, none is")
    if refused := _check_protection(position.direction, mark, mark, stop_loss, take_profit):
        return refused
    return (
        None if command.remove_stop_loss else position.stop_loss if stop_loss is None else stop_loss,
        None if command.remove_take_profit else position.take_profit if take_profit is None else take_profit,
    )


@dataclass
class _Acceptance:
    """The checks of one SubmitOrder, sharing what they find out."""

    command: SubmitOrder
    situation: Situation

    @property
    def view(self) -> PairView:
        return self.situation.market.pair(self.command.pair)

    @property
    def position(self) -> Position | None:
        return self.situation.desk.position(self.command.pair)

    @cached_property
    def closable(self) -> Decimal:
        """The quantity of the position that this order can count on to reduce, base.

        What orders of this side that wait will reduce is theirs; an order that only reduces can open nothing, so it
        may compete with them.
        """
        position, command = self.position, self.command
        if position is None or position.direction.side is command.side:
            return ZERO
        if command.reduce_only:
            return position.quantity
        return max(position.quantity - waiting_quantity(self.situation.desk, command.pair, command.side), ZERO)

    def decide(self) -> Accepted | Refused:
        command, rules = self.command, self.view.rules
        assert rules is not None  # unknown() refused it otherwise
        if command.reduce_only and not self.closable:
            return Refused(Refusal.NO_POSITION, f"a position must be open that a {command.side} reduces, none is")
        price = None
        if command.order_type is not OrderType.MARKET and command.price is not None:
            price = filters.price_on_grid(rules, command.price, command.side)
        reference = price or self.view.reference(command.side)
        quantity = self._quantity(reference)
        if isinstance(quantity, Refused):
            return quantity
        if refused := self._check(quantity, price, reference):
            return refused
        return self._accepted(quantity, price)

    def _quantity(self, reference: Decimal | None) -> Decimal | Refused:
        command, rules = self.command, self.view.rules
        assert rules is not None
        asked = command.quantity
        if asked is None:
            if reference is None or command.notional is None:
                return Refused(Refusal.NO_PRICE, f"a price of {command.pair} must be known, none is")
            asked = command.notional / reference
        quantity = filters.quantity_on_grid(rules, asked)
        if command.reduce_only:
            quantity = min(quantity, self.closable)
        return filters.check_quantity(rules, quantity, asked) or quantity

    def _check(self, quantity: Decimal, price: Decimal | None, reference: Decimal | None) -> Refused | None:
        """Refuse by the first rule that fails. What only reduces skips the rules about risk."""
        rules, command = self.view.rules, self.command
        assert rules is not None
        if price is not None and (refused := filters.check_price("price", price, self.view.mark())):
            return refused
        if price is not None and command.order_type is OrderType.STOP and (refused := self._check_trigger(price)):
            return refused
        if command.order_type is not OrderType.MARKET and (refused := self._check_number()):
            return refused
        if command.reduce_only or quantity <= self.closable:
            return None
        if not self.situation.ledger_available:
            sentence = f"the ledger must be available for new risk, {self.situation.away}"
            return Refused(Refusal.LEDGER_UNAVAILABLE, sentence)
        if refused := self._check_age() or self.situation.market.untradable(command.pair, self.situation.now_ms):
            return refused
        assert reference is not None  # untradable() refused it otherwise
        if quantity * reference > filters.LARGEST:
            return bad(f"the order's value must be at most 1e15, was {quantity * reference:.0f}")
        return (
            self._check_positions()
            or filters.check_notional(rules, quantity, reference)
            or self._check_own_protection(price)
            or self._check_spread()
            or self._check_slippage(quantity)
            or self._check_balance(quantity, price, reference)
        )

    def _check_number(self) -> Refused | None:
        """Refuse to rest one order too many."""
        pair, orders = self.command.pair, self.situation.desk.orders
        resting = sum(
            entry.order.pair == pair and entry.order.order_type is not OrderType.MARKET for entry in orders.values()
        )
        if resting < MAX_NUM_ORDERS:
            return None
        sentence = f"MAX_NUM_ORDERS: fewer than {MAX_NUM_ORDERS} orders of {pair} must be open, {resting} are"
        return Refused(Refusal.FILTER_FAILURE, sentence)

    def _check_age(self) -> Refused | None:
        """Refuse an entry that was decided too long ago, and one order more than the desk can keep."""
        market, now_ms = self.situation.market, self.situation.now_ms
        limit_ms, age_ms = market.patience_ms(self.command.pair) + LATE_MARGIN_MS, now_ms - self.command.submitted_ms
        if age_ms > limit_ms:
            sentence = f"the order must be at most {limit_ms / 1000:g} s old, was {age_ms / 1000:g} s"
            return Refused(Refusal.STALE_PRICE, sentence)
        if (count := len(self.situation.desk.orders)) >= MOST_ORDERS:
            sentence = f"MAX_NUM_ORDERS: fewer than {MOST_ORDERS} orders must be open on this desk, {count} are"
            return Refused(Refusal.FILTER_FAILURE, sentence)
        return None

    def _check_positions(self) -> Refused | None:
        """Bots that decide in the same moment do not see each other's orders: the most open positions hold here."""
        most, desk = self.command.max_open_positions, self.situation.desk
        if most is None:
            return None
        opening = (entry.order.pair for entry in desk.orders.values() if not entry.order.reduce_only)
        others = len({*desk.holdings, *opening} - {self.command.pair})
        if others < most:
            return None
        sentence = f"fewer than {most} other pairs must have a position or an order for one, {others} have"
        return Refused(Refusal.PAIR_DISABLED, sentence, gate="concurrent_trades")

    def _check_trigger(self, trigger: Decimal) -> Refused | None:
        mark, side = self.view.mark(), self.command.side
        if mark is None or (trigger - mark) * side.sign > 0:
            return None
        place = "above" if side is Side.BUY else "below"
        return bad(
            f"price of a {side} stop must be {place} the market price {money.text(mark)}, was {money.text(trigger)}"
        )

    def _check_own_protection(self, price: Decimal | None) -> Refused | None:
        direction, mark = self._direction(), self.view.mark()
        stop_loss, take_profit = self._protection()
        return _check_protection(direction, mark if price is None else price, mark, stop_loss, take_profit)

    def _direction(self) -> Direction:
        return Direction.LONG if self.command.side is Side.BUY else Direction.SHORT

    def _protection(self) -> tuple[Decimal | None, Decimal | None]:
        rules, direction = self.view.rules, self._direction()
        assert rules is not None
        return (
            filters.protection_on_grid(rules, self.command.stop_loss, direction),
            filters.protection_on_grid(rules, self.command.take_profit, direction),
        )

    def _check_spread(self) -> Refused | None:
        limit, walked = self.command.max_spread_bps, self.view.walked
        spread = None if walked is None else walked.spread_bps()
        if limit is None or spread is None or spread <= limit:
            return None
        sentence = f"the spread must be at most {limit:f} bps, was {spread:.2f} bps"
        return Refused(Refusal.SLIPPAGE_EXCEEDED, sentence, gate="spread")

    def _check_slippage(self, quantity: Decimal) -> Refused | None:
        limit, walked = self.command.max_slippage_bps, self.view.walked
        if limit is None or walked is None or self.command.order_type is not OrderType.MARKET:
            return None
        best, levels = walked.best(self.command.side), walked.walk(self.command.side, quantity)
        if best is None or not levels:
            return None
        slippage = abs(fills.mean_price(levels) - best) / best * BPS
        if slippage <= limit:
            return None
        return Refused(
            Refusal.SLIPPAGE_EXCEEDED, f"slippage must be at most {limit:f} bps, would be {slippage:.2f} bps"
        )

    def _check_balance(self, quantity: Decimal, price: Decimal | None, reference: Decimal) -> Refused | None:
        need = self._need(quantity - self.closable, reference if price is None else price)
        free = self.situation.desk.balance(CASH, self.situation.paper.quote)
        free -= waiting_need(self.situation)
        if self.command.order_type is OrderType.MARKET:  # others set their cash aside before they close anything
            free += self._freed(reference)
        if need <= free:
            return None
        return Refused(
            Refusal.INSUFFICIENT_BALANCE,
            f"free cash must cover margin and fee of {money.text(need)}, was {money.text(max(free, ZERO))}",
        )

    def _need(self, opening: Decimal, price: Decimal) -> Decimal:
        """Margin and fee of what the order opens, at the prices of the book as far as it reaches."""
        walked, command = self.view.walked, self.command
        if command.order_type is OrderType.MARKET and walked is not None:
            levels = walked.walk(command.side, opening)
            if levels:
                price = max(fills.mean_price(levels), price)
        return need_of(opening, price, command.leverage, self.situation.paper)

    def _freed(self, price: Decimal) -> Decimal:
        """What closing of the opposite position first would bring, at `price`."""
        position = self.position
        if position is None or not self.closable:
            return ZERO
        closed = fills.close_fill(position, ((price, self.closable),), fee_rate=self.situation.paper.taker_fee)
        return max(closed.margin + closed.pnl, ZERO) - closed.fee

    def _accepted(self, quantity: Decimal, price: Decimal | None) -> Accepted:
        command, limit = self.command, self.command.order_type is OrderType.LIMIT
        opening = ZERO if command.reduce_only else max(quantity - self.closable, ZERO)
        stop_loss, take_profit = self._protection() if opening else (None, None)
        given = command.stop_loss is not None or command.take_profit is not None or command.trailing is not None
        warnings = ("stop_loss and take_profit are ignored: the order only reduces",) if given and not opening else ()
        held = ZERO
        if opening and price is not None:
            fee = self.situation.paper.taker_fee
            held = fills.hold_of(opening, price, command.leverage, fee)
        order = Order(
            order_id=command.order_id,
            pair=command.pair,
            side=command.side,
            order_type=command.order_type,
            quantity=quantity,
            filled=ZERO,
            status=OrderStatus.OPEN,
            reduce_only=not opening,  # what was not checked as an entry never becomes one
            source=command.source,
            leverage=command.leverage,
            created_ms=min(command.submitted_ms, self.situation.now_ms),
            reason=command.reason,
            limit_price=price if limit else None,
            trigger_price=price if command.order_type is OrderType.STOP else None,
            stop_loss=stop_loss,
            take_profit=take_profit,
            trailing=command.trailing if opening else None,
            held=held,
            decision_id=command.decision_id,
            confidence=command.confidence,
            max_slippage_bps=command.max_slippage_bps,
        )
        return Accepted(order, warnings)


def need_of(quantity: Decimal, price: Decimal, leverage: int, paper: PaperRules) -> Decimal:
    """Return margin + taker fee of opening `quantity` at `price`, rounded up."""
    return fills.hold_of(quantity, price, leverage, paper.taker_fee)


def waiting_quantity(desk: Desk, pair: str, side: Side) -> Decimal:
    """Return what open orders of that pair and side may still execute, base."""
    orders = (entry.order for entry in desk.orders.values())
    return sum((each.quantity - each.filled for each in orders if each.pair == pair and each.side is side), ZERO)


def waiting_need(situation: Situation) -> Decimal:
    """Return what accepted market orders that wait for their book will need, at today's prices.

    Orders share what there is to reduce in the order they came.
    """
    need, desk = ZERO, situation.desk
    prices: dict[tuple[str, Side], Decimal | None] = {}
    reducible = {pair: holding.position.quantity for pair, holding in desk.holdings.items()}
    for entry in desk.orders.values():
        order = entry.order
        opening = order.quantity - order.filled
        holding = desk.holdings.get(order.pair)
        if holding is not None and holding.position.direction.side is not order.side:
            reduces = min(opening, reducible[order.pair])
            reducible[order.pair] -= reduces
            opening -= reduces
        if order.order_type is not OrderType.MARKET or order.reduce_only or opening <= 0:
            continue
        if (order.pair, order.side) not in prices:
            prices[order.pair, order.side] = situation.market.pair(order.pair).reference(order.side)
        if (price := prices[order.pair, order.side]) is not None:
            need += need_of(opening, price, order.leverage, situation.paper)
    return need


def _check_protection(
    direction: Direction,
    price: Decimal | None,
    mark: Decimal | None,
    stop_loss: Decimal | None,
    take_profit: Decimal | None,
) -> Refused | None:
    for name, value in (("stop_loss", stop_loss), ("take_profit", take_profit)):
        if value is not None and (refused := filters.check_price(name, value, mark)):
            return refused
    if price is not None and (sentence := protection.wrong_side(direction, price, stop_loss, take_profit)):
        return bad(sentence)
    return None
