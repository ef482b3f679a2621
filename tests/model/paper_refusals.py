"""Which commands the paper exchange must refuse, written as the set of everything that is wrong with one.

The desk names one reason; any of the set will do. An empty set: it must be taken, as the order returned.
"""

from decimal import Decimal
from fractions import Fraction

from domain.messages import AmendProtection, ClosePosition, SubmitOrder
from tests.model.paper_account import BUY, SELL, Trail, down, mean, quantity_of, up, value_of
from tests.model.paper_exchange import BPS, ModelOrder, PaperExchange

BAD, FILTER = "bad_message", "filter_failure"
LARGEST = 10**15
LATE = 5000  # an entry may be as old as a price, and this much more
OWN = ("stop_loss:", "take_profit:", "trailing_stop:", "liquidation:")


def wrong_number(value: Decimal | None) -> bool:
    """Return whether a given amount or price is not a number in (0, 10^15] of at most 20 decimals."""
    if value is None:
        return False
    return not value.is_finite() or not 0 < value <= LARGEST or Fraction(value) * 10**20 % 1 != 0


def wrong_limit(value: Decimal | None) -> bool:
    return value is not None and (not value.is_finite() or value < 0)


def bad_values(command: SubmitOrder) -> bool:
    trail = command.trailing
    return (
        not 0 < len(command.order_id) <= 200
        or command.order_id.startswith(OWN)
        or any(map(wrong_number, (command.quantity, command.notional, command.price, command.stop_loss)))
        or wrong_number(command.take_profit)
        or (trail is not None and (wrong_number(trail.distance) or wrong_limit(trail.trigger)))
        or wrong_limit(command.max_slippage_bps)
        or wrong_limit(command.max_spread_bps)
        or (command.quantity is None) == (command.notional is None)
        or not 1 <= command.leverage <= 20
        or (command.order_type != "market" and command.price is None)
    )


def floor_to(value, grid):
    grid = Fraction(grid) or Fraction(1, 10**8)
    return value // grid * grid


def ceil_to(value, grid):
    return -floor_to(-value, grid)


def exact(value: Decimal | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def submit(model: PaperExchange, command: SubmitOrder, now: int) -> tuple[set[str], ModelOrder | None]:
    """Return what is wrong with `command`, and the order as it must be taken when nothing is."""
    if bad_values(command):
        return {BAD} | ({"unknown_symbol"} if command.pair not in model.pairs else set()), None
    if command.pair not in model.pairs or not model.pairs[command.pair].rules.trading:
        return {"unknown_symbol"}, None
    known, side = model.pairs[command.pair], BUY if command.side == "buy" else SELL
    rules, closable = known.rules, reducible(model, command, side)
    if command.reduce_only and not closable:
        return {"no_position"}, None
    price = None
    if command.order_type != "market":
        price = (floor_to if side == BUY else ceil_to)(Fraction(command.price), rules.tick_size)
    if price == 0:
        return {FILTER} | ({"no_price"} if known.reference(side) is None else set()), None
    reference = known.reference(side) if price is None else price
    if command.quantity is None and reference is None:
        return {"no_price"}, None
    asked = Fraction(command.quantity) if command.notional is None else Fraction(command.notional) / reference
    quantity = floor_to(asked, rules.step_size)
    if command.reduce_only:
        quantity = min(quantity, closable)
    wrong = wrong_quantity(rules, quantity) | wrong_price(price, known.mark())
    if price is not None and command.order_type == "stop" and (mark := known.mark()) is not None:
        wrong |= {BAD} if (price - mark) * side <= 0 else set()
    order = ModelOrder(
        order_id=command.order_id,
        pair=command.pair,
        side=side,
        kind=command.order_type.value,
        quantity=quantity,
        price=price,
        reduce=command.reduce_only or quantity <= closable,  # what was not checked as an entry never becomes one
        leverage=command.leverage,
        created=min(command.submitted_ms, now),
        reason=command.reason.value,
        worst_bps=exact(command.max_slippage_bps),
    )
    if not order.reduce:
        wrong |= risk(model, command, order, reference, closable, now)
        protect(model, order, command)
        if order.kind != "market":
            order.held = need(model, quantity - closable, price, order.leverage)
    return wrong, order


def reducible(model, command, side):
    """Return what the order can count on to reduce: not what earlier ones will, unless it may do nothing else."""
    closable = model.account.closes(command.pair, side)
    if command.reduce_only:
        return closable
    promised = sum(order.left for order in model.orders_of(command.pair) if order.side == side)
    return max(closable - promised, Fraction(0))


def protect(model, order, command):
    """Give the order its stop and target on the grid: down for a long, up for a short."""
    grid, to = model.pairs[order.pair].rules.tick_size, floor_to if order.side == BUY else ceil_to
    order.stop = None if command.stop_loss is None else to(Fraction(command.stop_loss), grid)
    order.target = None if command.take_profit is None else to(Fraction(command.take_profit), grid)
    if command.trailing is not None:
        order.trail = Trail(Fraction(command.trailing.trigger), Fraction(command.trailing.distance))


def need(model, quantity, price, leverage):
    """Return margin + taker fee, rounded up."""
    return up(quantity * price / leverage + quantity * price * model.terms.taker)


def risk(model, command, order, reference, closable, now) -> set[str]:
    """Return what is wrong with an order that opens more than `closable`: everything fails closed."""
    wrong, known = set(), model.pairs[order.pair]
    if not model.ledger_available:
        wrong.add("ledger_unavailable")
    mark = known.mark()
    if mark is None or reference is None:
        return wrong | {"no_price"} | ({"stale_price"} if not model.live else set())
    patience = model.terms.stale_after + (0 if model.terms.has_books else known.candle_ms)
    late = now - command.submitted_ms > patience + LATE
    if late or not model.live or known.live is False or now - known.newest > patience:
        wrong.add("stale_price")
    if order.quantity * reference > LARGEST:
        wrong.add(BAD)
    if order.quantity * reference < Fraction(known.rules.min_notional):
        wrong.add(FILTER)
    if command.max_open_positions is not None:
        entering = {each.pair for each in model.orders.values() if not each.reduce}
        if len((set(model.holdings) | entering) - {order.pair}) >= command.max_open_positions:
            wrong.add("pair_disabled")
    guarded = ModelOrder(**{**vars(order)})
    protect(model, guarded, command)
    entry = mark if order.price is None else order.price
    wrong |= wrong_protection(guarded.side, entry, mark, guarded.stop, guarded.target)
    wrong |= wrong_book(model, command, order)
    opening = order.quantity - closable
    free = model.account.balances["cash"] - promised(model) + freed(model, order, closable, reference)
    if need(model, opening, worst_price(known, order, opening, reference), order.leverage) > free:
        wrong.add("insufficient_balance")
    return wrong


def wrong_quantity(rules, quantity) -> set[str]:
    largest = Fraction(rules.max_quantity)
    fits = quantity > 0 and quantity >= Fraction(rules.min_quantity) and (not largest or quantity <= largest)
    return set() if fits else {FILTER}


def wrong_price(price, mark) -> set[str]:
    """Return filter_failure for a price far off: not within 0.2 to 5 times the market's."""
    if price is None:
        return set()
    off = price <= 0 or (mark is not None and not mark / 5 <= price <= mark * 5)
    return {FILTER} if off else set()


def wrong_protection(side, entry, mark, stop, target) -> set[str]:
    wrong = wrong_price(stop, mark) | wrong_price(target, mark)
    if stop is not None and entry is not None and (entry - stop) * side <= 0:
        wrong.add(BAD)
    if target is not None and entry is not None and (target - entry) * side <= 0:
        wrong.add(BAD)
    return wrong


def wrong_book(model, command, order) -> set[str]:
    """Return slippage_exceeded where the book is too wide, or too thin for a market order."""
    book = model.pairs[order.pair].book
    if book is None:
        return set()
    wrong = set()
    if command.max_spread_bps is not None and book.bids and book.asks:
        bid, ask = book.bids[0][0], book.asks[0][0]
        if (ask - bid) * 2 / (ask + bid) > Fraction(command.max_spread_bps) * BPS:
            wrong.add("slippage_exceeded")
    levels = model.pairs[order.pair].walk(order.side, order.quantity)
    if command.max_slippage_bps is not None and order.kind == "market" and levels:
        best = book.opposite(order.side)[0][0]
        if abs(mean_of(levels) - best) > best * Fraction(command.max_slippage_bps) * BPS:
            wrong.add("slippage_exceeded")
    return wrong


def mean_of(levels):
    return mean(value_of(levels) / quantity_of(levels))


def worst_price(known, order, opening, reference):
    """Return the price to expect: of a market order the mean of the book as far as it reaches."""
    if order.kind == "market" and known.book is not None and (levels := known.walk(order.side, opening)):
        return max(mean_of(levels), reference)
    return reference


def promised(model):
    """Return what market orders that wait for their book will need, at today's best prices."""
    total = Fraction(0)
    reducible = {pair: holding.quantity for pair, holding in model.holdings.items()}
    for order in model.orders.values():
        price = model.pairs[order.pair].reference(order.side)
        opening = order.left
        if model.account.closes(order.pair, order.side):  # orders share it as they came
            opening -= (reduces := min(opening, reducible[order.pair]))
            reducible[order.pair] -= reduces
        if order.kind == "market" and not order.reduce and price is not None and opening > 0:
            total += need(model, opening, price, order.leverage)
    return total


def freed(model, order, closing, reference):
    """Return what a flip has from closing first. What rests sets its cash aside before it closes anything."""
    holding = model.holdings.get(order.pair)
    if order.kind != "market" or not closing:
        return Fraction(0)
    value = round(closing * reference * 10**8) / Fraction(10**8)
    cost, margin = holding.cost, holding.margin
    if closing < holding.quantity:
        cost, margin = (down(amount * closing / holding.quantity) for amount in (cost, margin))
    return max(margin + (value - cost) * holding.sign, 0) - up(value * model.terms.taker)


def close(model: PaperExchange, command: ClosePosition, now: int) -> tuple[set[str], ModelOrder | None]:
    """The same of a close: never refused for data, ledger or value."""
    wrong = set()
    if not 0 < len(command.order_id) <= 200 or command.order_id.startswith(OWN):
        wrong.add(BAD)
    if not command.fraction.is_finite() or not 0 < command.fraction <= 1:
        wrong.add(BAD)
    holding = model.holdings.get(command.pair)
    if holding is None:
        return wrong | {"no_position"}, None
    if wrong:
        return wrong, None
    quantity, rules = holding.quantity, model.pairs[command.pair].rules
    if command.fraction != 1:
        quantity = floor_to(holding.quantity * Fraction(command.fraction), rules.step_size)
        wrong = wrong_quantity(rules, quantity)
    return wrong, ModelOrder(
        order_id=command.order_id,
        pair=command.pair,
        side=-holding.sign,
        kind="market",
        quantity=quantity,
        price=None,
        reduce=True,
        leverage=holding.leverage,
        created=min(command.submitted_ms, now),
        reason=command.reason.value,
    )


def amend(model: PaperExchange, command: AmendProtection):
    """Return what is wrong with moving stop and target, and both as they must be afterwards."""
    wrong = set()
    if wrong_number(command.stop_loss) or wrong_number(command.take_profit):
        wrong.add(BAD)
    holding = model.holdings.get(command.pair)
    if holding is None:
        return wrong | {"no_position"}, None
    if wrong:
        return wrong, None
    known, to = model.pairs[command.pair], floor_to if holding.sign == BUY else ceil_to
    stop, target = (
        None if level is None else to(Fraction(level), known.rules.tick_size)
        for level in (command.stop_loss, command.take_profit)
    )
    wrong = wrong_protection(holding.sign, known.mark(), known.mark(), stop, target)
    if known.mark() is None and (stop is not None or target is not None):
        wrong.add("no_price")
    return wrong, (
        None if command.remove_stop_loss else holding.stop if stop is None else stop,
        None if command.remove_take_profit else holding.target if target is None else target,
    )
