"""One execution as its document states it: levels, prices, liquidity, the market event behind it and its time."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from ledger.canonical import Plain, decimal_text
from ledger.chain import Complaint, number_of
from ledger.parts import ZERO, half_even, mean, number, part, whole

EVENTS = {  # model -> kinds of the market event it comes from
    "book20": ("book",),
    "top": ("book",),
    "fallback": ("last", "trade", "book"),  # the newest price, or what a stop waits since
    "trade": ("trade",),
    "candle": ("candle",),
}
OWN_CLOCK = ("book20", "top", "fallback")  # models whose time is the desk's own, not the exchange's
LONGEST_STALE_MS = 3_600_000  # a market order that no book came for fills from one that is at most as old as this
DAY_MS = 86_400_000  # the longest candle; also how far exchange time, or mail that waited, may be from the desk's


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """The numbers of a `fill` and of what stands around it."""

    document: Plain
    pair: str
    side: str
    sign: int  # 1 bought, -1 sold
    levels: tuple[tuple[Decimal, Decimal], ...]  # price, quantity
    quantity: Decimal
    notional: Decimal
    price: Decimal
    fee: Decimal
    pnl: Decimal
    liquidity: str
    catch_up: bool
    model: str
    ts: int
    recorded_at: int

    @property
    def mean_price(self) -> Decimal:
        """The price of the levels: their own when there is one, else the mean with 12 decimals."""
        first = self.levels[0][0]
        if all(price == first for price, _ in self.levels):
            return first
        return mean(_exact(self.levels), self.quantity)

    @property
    def own_clock(self) -> bool:
        return self.model in OWN_CLOCK


def read_execution(document: Plain) -> Execution:
    """Return the execution of a document of type fill or liquidation.

    Raises:
        ValueError: a number is missing or none.
    """
    fill = part(document, "fill")
    found = fill.get("levels")
    if not isinstance(found, list) or not all(isinstance(level, list) and len(level) == 2 for level in found):
        raise ValueError("fill.levels must be a list of [price, quantity]")
    levels = [(number_of(price, "a level's price"), number_of(size, "a level's quantity")) for price, size in found]
    side = str(fill.get("side"))
    return Execution(
        document=document,
        pair=str(document.get("symbol")),
        side=side,
        sign=1 if side == "buy" else -1,
        levels=tuple(levels),
        quantity=number(fill, "quantity"),
        notional=number(fill, "notional"),
        price=number(fill, "price"),
        fee=number(fill, "fee"),
        pnl=number(fill, "realized_pnl"),
        liquidity=str(fill.get("liquidity")),
        catch_up=fill.get("catch_up") is True,
        model=str(document.get("model")),
        ts=whole(document, "ts"),
        recorded_at=whole(document, "recorded_at"),
    )


def execution_faults(execution: Execution) -> Iterator[Complaint]:
    """Yield what contradicts itself within one execution."""
    yield from _level_faults(execution)
    yield from _walk_faults(execution)
    yield from _model_faults(execution)
    yield from _time_faults(execution)


def order_faults(execution: Execution, order: Plain) -> Iterator[Complaint]:
    """Yield where an execution does not fit the order it is of: side, liquidity, limit, and not before it was made."""
    kind = order.get("order_type")
    if execution.side != order.get("side"):
        yield "fill", f"fill.side must be the order's, {order.get('side')}, was {execution.side}"
    if execution.liquidity == "maker" and kind != "limit":
        yield "fill", f"fill.liquidity of a {kind} order must be taker, was maker"
    if execution.liquidity == "taker" and kind == "limit" and (execution.model in ("trade", "candle") or _own(order)):
        yield "fill", "fill.liquidity of a limit order that rested must be maker, was taker"
    if "limit_price" in order:
        yield from _limit_faults(execution, number(order, "limit_price"))
    if "trigger_price" in order and execution.model in ("trade", "candle"):
        yield from _trigger_faults(execution, number(order, "trigger_price"))
    created = whole(order, "created")
    # A candle's fill has the time of its open or its end; a known book may be older than what fills from it.
    slack = {"candle": DAY_MS, "book20": LONGEST_STALE_MS, "top": LONGEST_STALE_MS}.get(execution.model, 0)
    if execution.ts < created - slack:
        yield "time", f"ts must not be before the order's, {created}, was {execution.ts}"


def position_faults(execution: Execution, opened: int) -> Iterator[Complaint]:
    """Yield whether an exit of the exchange itself stands before its position."""
    slack = 0 if execution.model == "trade" else DAY_MS
    if execution.ts < opened - slack:
        yield "time", f"ts must not be before the position was opened, {opened}, was {execution.ts}"


def _own(order: Plain) -> bool:
    return order.get("source") == "exchange"


def _exact(levels: tuple[tuple[Decimal, Decimal], ...]) -> Decimal:
    return sum((price * quantity for price, quantity in levels), ZERO)


def _level_faults(execution: Execution) -> Iterator[Complaint]:
    if not execution.levels or any(price <= 0 or quantity <= 0 for price, quantity in execution.levels):
        yield "fill", "fill.levels must have prices and quantities > 0"
        return
    total = sum((quantity for _, quantity in execution.levels), ZERO)
    if total != execution.quantity:
        yield "fill", f"the levels' quantities must sum to {execution.quantity}, their sum is {total}"
        return
    notional = half_even(_exact(execution.levels))
    if notional != execution.notional:
        yield "fill", f"fill.notional must be {decimal_text(notional)}, was {execution.notional}"
    if execution.price != execution.mean_price:
        expected = decimal_text(execution.mean_price)
        yield "fill", f"fill.price must be the mean of the levels, {expected}, was {execution.price}"


def _walk_faults(execution: Execution) -> Iterator[Complaint]:
    """Yield whether the levels are no walk of a book: from the best price on, or one price where there is no depth."""
    prices = [price for price, _ in execution.levels]
    if execution.model != "book20" and len(prices) > 1:
        yield "fill", f"fill.levels of model {execution.model} must be one, were {len(prices)}"
    if any((after - before) * execution.sign <= 0 for before, after in pairwise(prices)):
        yield "fill", f"fill.levels of a {execution.side} must go from the best price to the worst"


def _limit_faults(execution: Execution, limit: Decimal) -> Iterator[Complaint]:
    for price, _ in execution.levels:
        if (price - limit) * execution.sign > 0:
            yield "fill", f"a {execution.side} limited to {limit} must not fill at {price}"
        elif execution.liquidity == "maker" and execution.model != "candle" and price != limit:  # candles have gaps
            yield "fill", f"a maker must fill at its limit {limit}, was {price}"


def _trigger_faults(execution: Execution, trigger: Decimal) -> Iterator[Complaint]:
    """Yield whether what a price triggers and fills at once was filled before the price was there."""
    for price, _ in execution.levels:
        if (price - trigger) * execution.sign < 0:
            yield "fill", f"a {execution.side} stop at {trigger} must not fill at {price}, which does not reach it"


def _model_faults(execution: Execution) -> Iterator[Complaint]:
    event = part(execution.document, "market_event")
    kinds = EVENTS.get(execution.model, ())
    if event.get("kind") not in kinds:
        wanted = " or ".join(kinds) or "one of a known model"
        yield "fill", f"market_event of model {execution.model} must be {wanted}, was {event.get('kind')}"
    if (execution.catch_up and execution.own_clock) or (execution.model == "trade" and not execution.catch_up):
        yield "fill", f"fill.catch_up does not fit model {execution.model}, was {str(execution.catch_up).lower()}"


def _time_faults(execution: Execution) -> Iterator[Complaint]:
    event = part(execution.document, "market_event")
    event_ts = whole(event, "ts")
    match execution.model:
        case "book20" | "top" | "trade" if execution.ts != event_ts:
            yield "time", f"ts must be the market event's, {event_ts}, was {execution.ts}"
        case "candle" if event.get("id") != event_ts or not event_ts <= execution.ts <= event_ts + DAY_MS:
            yield "time", f"ts must be within the candle of {event_ts}, was {execution.ts}"
        case "fallback" if execution.ts != execution.recorded_at:
            yield "time", f"ts must be that of recorded_at, {execution.recorded_at}, was {execution.ts}"
        case _:
            pass
    latest = execution.recorded_at + (0 if execution.own_clock else DAY_MS)
    if execution.ts > latest:
        yield "time", f"ts must not be after recorded_at, {execution.recorded_at}, was {execution.ts}"
