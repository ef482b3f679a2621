"""The journal as a history of orders and positions: each document must be what those before it lead to."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from ledger import orders, positions, postings
from ledger.canonical import Plain, decimal_text
from ledger.chain import ChainCheck, Complaint
from ledger.checkpoints import Memory, state_faults
from ledger.executions import DAY_MS, Execution, execution_faults, order_faults, position_faults, read_execution
from ledger.parts import ZERO, differences, number, part, told, whole
from ledger.positions import Change, Holding
from ledger.postings import Legs, PostingCheck
from ledger.rates import Rates


class TradingCheck:
    """Takes plain documents in order, after `chain` took them; keeps orders and positions as they must be.

    A document that contradicts them is told once: what follows is compared with what was expected, not with it.
    """

    def __init__(self, chain: ChainCheck) -> None:
        self.orders: dict[str, Plain] = {}  # open ones, as their newest document must state them
        self.holdings: dict[str, Holding] = {}
        self.rates = Rates()
        self._chain = chain
        self._memory = Memory()
        self._postings = PostingCheck()
        self._deposited = False
        self._found: list[Complaint] = []

    def check(self, document: Plain) -> list[Complaint]:
        """Return what is wrong with the next document's type, order, fill, position, postings and state."""
        self._found = []
        try:
            expected = self._take(document)
            if expected is not None:
                self._say("postings", self._postings.faults(document, expected))
            self._memory.note(document, whole(document, "seq"))
        except ValueError as error:
            self._say("format", [str(error)])
        except (ArithmeticError, LookupError, TypeError, AttributeError) as error:
            # Only a document whose shape is wrong, which is told already, leads here.
            self._say("format", [f"the document must be well formed to be followed ({type(error).__name__})"])
        return self._found

    def _say(self, rule: str, sentences: Iterator[str] | list[str]) -> None:
        self._found.extend((rule, sentence) for sentence in sentences)

    def _take(self, document: Plain) -> Legs | None:
        """Check one document and return the postings it must have, None where nobody can know."""
        kind = document.get("type")
        if not self._deposited and kind != "deposit":
            self._say("deposit", [f"the first document must be the deposit, is {kind}"])
        self._deposited = True
        match kind:
            case "deposit":
                return self._deposit(document)
            case "order":
                return self._order(document)
            case "fill" | "liquidation":
                return self._fill(document)
            case "cancel":
                return self._cancel(document)
            case "amend":
                self._amend(document)
            case "settings":
                self._named(document, f"settings:{document.get('seq')}")
                self._found.extend(self.rates.learn(document))
            case "control":
                self._named(document, "control:", start=True)
            case "checkpoint":
                self._checkpoint(document)
            case "correction":
                self._say("type", ["the desk must write no correction: somebody else did"])
            case _:
                return None
        return {}

    def _named(self, document: Plain, expected: str, *, start: bool = False) -> None:
        name = str(document.get("_id"))
        if name.startswith(expected) and len(name) > len(expected) if start else name == expected:
            return
        self._say("id", [f"_id must {'begin with' if start else 'be'} {expected}, was {name}"])

    def _alike(self, rule: str, place: str, expected: Mapping[str, object], stated: Mapping[str, object]) -> None:
        self._say(rule, differences(expected, stated, place))

    # --- what is not about trading ------------------------------------------------------------------------------------

    def _deposit(self, document: Plain) -> Legs:
        self._named(document, "deposit")
        if document.get("seq") != 1:
            self._say("deposit", [f"the deposit must be seq 1 and the only one, this is seq {document.get('seq')}"])
        amount = -sum((value for name, value in self._posted(document) if name == "deposits"), ZERO)
        if amount <= 0:
            self._say("deposit", [f"more than 0 must be paid in, was {decimal_text(amount)}"])
        return {"deposits": -amount, "cash": amount}

    def _posted(self, document: Plain) -> Iterator[tuple[str, Decimal]]:
        return ((name, amount) for (name, _), amount in self._chain.posted(document))

    def _checkpoint(self, document: Plain) -> None:
        """A checkpoint is where a start begins to read: its state must be that of the journal before it."""
        self._named(document, f"checkpoint:{document.get('seq')}")
        expected = self._memory.state(self._chain.balances, self.holdings, self.orders)
        self._say("checkpoint", state_faults(expected, part(document, "state")))

    # --- orders -------------------------------------------------------------------------------------------------------

    def _order(self, document: Plain) -> Legs:
        order, order_id = part(document, "order"), str(document.get("order_id"))
        holding = self.holdings.get(str(document.get("symbol")))
        self._named(document, f"order:{order_id}")
        if order_id in self.orders:
            self._say("order", [f"order {order_id} must be taken once"])
        self._alike("order", "order", _same(document, "order_id", "symbol", "reason"), _same(order, *_NAMES))
        self._say("order", orders.accepted_faults(order, holding, whole(document, "ts")))
        held = number(order, "held")
        self._say("order", self._held_faults(document, order, held, holding))
        self.orders[order_id] = order
        return postings.hold(held)

    def _held_faults(self, document: Plain, order: Plain, held: Decimal, holding: Holding | None) -> Iterator[str]:
        """Yield what is wrong with what a new order sets aside: nothing, unless it waits at a price and opens."""
        opened, price = orders.opened_quantity(order, holding, self.orders.values()), orders.price_of(order)
        if opened <= 0 and not order.get("reduce_only"):
            yield f"order.reduce_only must be true of an order that opens nothing, it opens {opened}"
        elif opened and price is not None:
            leverage, epoch = whole(order, "leverage"), whole(document, "epoch")
            yield from self.rates.hold_faults(opened * price, leverage, held, epoch)
        elif held:
            yield f"order.held must be 0 where nothing waits at a price to open, stated is {order.get('held')}"

    def _cancel(self, document: Plain) -> Legs | None:
        order_id, stated = str(document.get("order_id")), part(document, "order")
        self._named(document, f"cancel:{order_id}")
        order = self.orders.pop(order_id, None)
        if order is None:
            self._say("order", [f"order {order_id} must be open to end, the journal has no open one"])
            return None
        self._alike("order", "it", _same(order, "order_id", "symbol"), _same(document, "order_id", "symbol"))
        self._say("order", orders.ended_faults(order, stated))
        return postings.hold(-number(order, "held"))

    # --- executions ---------------------------------------------------------------------------------------------------

    def _fill(self, document: Plain) -> Legs | None:
        execution, holding = read_execution(document), self.holdings.get(str(document.get("symbol")))
        self._found.extend(execution_faults(execution))
        fee, epoch = execution.fee, whole(document, "epoch")
        self._say("fee", self.rates.fee_faults(execution.liquidity, execution.notional, fee, epoch))
        order = self._order_of(execution, holding)
        if order is None:
            self._adopt(document, execution, holding)
            return None
        self._found.extend(order_faults(execution, order))
        opens = holding is None or holding.sign == execution.sign
        if faults := _size_faults(execution, order, None if opens else holding):
            self._say("fill", faults)
            self._adopt(document, execution, holding)
            return None
        after, released = orders.after_fill(order, execution, opening=opens)
        if opens or holding is None:
            change = positions.opening(execution, order, holding)
        else:
            change = positions.closing(execution, holding)
        self._compare(document, execution, after, change)
        self._settle(document, execution, after, change, holding)
        return self._legs_of(document, execution, change, released)

    def _order_of(self, execution: Execution, holding: Holding | None) -> Plain | None:
        """Return the order of an execution as it was before it; None, and a complaint, when there is none."""
        document = execution.document
        order_id, reason = str(document.get("order_id")), str(document.get("reason"))
        if part(document, "order").get("source") != "exchange":
            if order_id not in self.orders:
                self._say("order", [f"order {order_id} must be taken before it fills, the journal has no open one"])
            return self.orders.get(order_id)
        if holding is None or not holding.ends_by(reason, at_once=not execution.own_clock):
            self._say("order", [f"an exit must have a position with a level for it, none has one for {reason}"])
            return None
        self._found.extend(position_faults(execution, whole(holding.part, "opened")))
        return orders.exit_order(execution, holding, reason)

    def _compare(self, document: Plain, execution: Execution, order: Plain, change: Change) -> None:
        """Compare what a fill's document states with what it must."""
        order_id, fills = order["order_id"], order["fills"]
        self._named(document, f"fill:{order_id}:{fills}")
        kind = "liquidation" if order["reason"] == "liquidation" else "fill"
        names = {
            "type": kind,
            "order_id": order_id,
            "symbol": order["symbol"],
            "reason": order["reason"],
            "trade_id": order_id if fills == 1 else f"{order_id}:{fills}",
        }
        self._alike("fill", "it", names, _same(document, *names))
        self._alike("order", "order", order, part(document, "order"))
        if execution.pnl != change.pnl:
            expected = decimal_text(change.pnl)
            self._say("fill", [f"fill.realized_pnl must be {expected}, was {decimal_text(execution.pnl)}"])
        self._alike("position", "position", change.after, part(document, "position"))
        if "closed" in document or change.closed is not None:
            stated = part(document, "closed") if "closed" in document else {}
            self._alike("position", "closed", change.closed or {}, stated)

    def _legs_of(self, document: Plain, execution: Execution, change: Change, released: Decimal) -> Legs:
        signed = execution.sign * execution.quantity
        if change.closed is None:
            margin, fee = change.margin, execution.fee
            return postings.opening(execution.pair, signed=signed, margin=margin, fee=fee, released=released)
        return postings.closing(
            execution.pair,
            signed=signed,
            margin=change.margin,
            pnl=change.pnl,
            fee=execution.fee,
            released=released,
            cash=self._chain.before("cash"),
            liquidation=document.get("reason") == "liquidation",
        )

    def _settle(
        self, document: Plain, execution: Execution, order: Plain, change: Change, holding: Holding | None
    ) -> None:
        """Keep what the execution leaves."""
        ended = change.after["direction"] == "flat"
        self._memory.note_fill(execution, order, change, holding, ended=ended)
        self._keep_order(order)
        if ended:
            self.holdings.pop(execution.pair, None)
        elif holding is None:
            self.holdings[execution.pair] = Holding(change.after, whole(document, "seq"), execution.ts)
        else:
            holding.take(change.after, execution.ts)
            if order["source"] == "exchange":
                holding.exits[str(order["order_id"])] = whole(order, "fills")

    def _keep_order(self, order: Plain) -> None:
        if order.get("source") == "exchange":
            return
        if order.get("status") == "open":
            self.orders[str(order.get("order_id"))] = order
        else:
            self.orders.pop(str(order.get("order_id")), None)

    def _adopt(self, document: Plain, execution: Execution, holding: Holding | None) -> None:
        """Go on from what a document states that nothing could be computed for."""
        self._keep_order(part(document, "order"))
        stated = part(document, "position")
        if stated.get("direction") == "flat":
            self.holdings.pop(execution.pair, None)
        elif holding is None:
            self.holdings[execution.pair] = Holding(stated, whole(document, "seq"), execution.ts)
        else:
            holding.take(stated, execution.ts)

    # --- protection ---------------------------------------------------------------------------------------------------

    def _amend(self, document: Plain) -> None:
        """Only stop, target and trailing stop may move; a trailing stop only follows the best price."""
        stated, pair = part(document, "position"), str(document.get("symbol"))
        holding = self.holdings.get(pair)
        self._named(document, "amend:", start=True)
        if holding is None:
            self._say("position", [f"a position in {pair} must be open to be amended, none is"])
            return
        trailed = document.get("reason") == "trailing_stop"
        moved = ("trailing",) if trailed else ("stop_loss", "take_profit")
        self._alike("position", "position", _without(holding.part, moved), _without(stated, moved))
        if trailed:
            self._say("position", _trailing_faults(document, holding, stated))
        elif document.get("reason") != "requested" or "market_event" in document:
            self._say("position", [f"reason must be requested or trailing_stop, was {told(document.get('reason'))}"])
        kept = {name: value for name, value in stated.items() if name in moved}
        holding.take(_without(holding.part, moved) | kept, whole(document, "ts"))


_NAMES = ("order_id", "symbol", "reason")


def _same(document: Plain, *names: str) -> dict[str, object]:
    return {name: document.get(name) for name in names}


def _without(fields: Plain, names: tuple[str, ...]) -> Plain:
    return {name: value for name, value in fields.items() if name not in names}


def _size_faults(execution: Execution, order: Plain, closed: Holding | None) -> list[str]:
    """Return why an execution is too large, or opens what it must not: then nothing can be computed from it."""
    left = number(order, "quantity") - number(order, "filled")
    if not 0 < execution.quantity <= left:
        return [f"an execution must fill more than 0 and at most {left} of its order, was {execution.quantity}"]
    if closed is None and order.get("reduce_only"):
        return ["a reduce-only order must not open a position"]
    if closed is not None and execution.quantity > closed.quantity:
        return [f"one execution must not flip: it closes {execution.quantity} of {closed.quantity}"]
    return []


def _trail_names(document: Plain, holding: Holding, stop: object) -> tuple[str, str]:
    """Return the ids that a moved trailing stop may have: by the document's seq, in older journals by the level."""
    start = f"amend:{document.get('symbol')}:trailing:{holding.opened_seq}"
    return f"{start}:{document.get('seq')}", f"{start}:{stop}"


def _trailing_faults(document: Plain, holding: Holding, stated: Plain) -> Iterator[str]:
    """Yield what is wrong with a trailing stop that moved, and with its id."""
    before, after, sign = part(holding.part, "trailing"), part(stated, "trailing"), holding.sign
    yield from differences(_same(before, "trigger", "distance"), _same(after, "trigger", "distance"), "trailing")
    best, stop = number(after, "best_price"), number(after, "stop")
    names = _trail_names(document, holding, after.get("stop"))
    if document.get("_id") not in names:
        yield f"_id must be {names[0]}, was {document.get('_id')}"
    if (best - number(holding.part, "entry_price")) * sign < number(before, "trigger"):
        yield f"a trailing stop must move only {before.get('trigger')} beyond the entry price, moved at {best}"
    if (best - sign * number(before, "distance") - stop) * sign < 0:
        yield f"trailing.stop must be {before.get('distance')} from {best} at least, was {stop}"
    if "stop" in before and (stop - number(before, "stop")) * sign <= 0:
        yield f"trailing.stop must only follow the price, was {stop} after {before.get('stop')}"
    event, ts = part(document, "market_event"), whole(document, "ts")
    event_ts, kind = whole(event, "ts"), event.get("kind")
    if kind not in ("trade", "candle"):
        yield f"market_event of a moved trailing stop must be a trade or candle, was {kind}"
    if ts != event_ts and not (kind == "candle" and event.get("id") == event_ts and 0 <= ts - event_ts <= DAY_MS):
        yield f"ts must be the market event's, {event_ts}, was {ts}"
