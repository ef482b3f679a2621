"""The state of the desk as a fold of its journal: one `apply` for what happens now and for what is read at start.

A checkpoint document holds the same state, so that a start need not read the whole journal.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from domain import documents, postings
from domain.errors import InvariantError
from domain.journal import GENESIS, epoch_ms
from domain.money import ZERO
from domain.ports import JournalDocument
from domain.postings import Posting
from domain.statistics_fold import Tally, read_tally
from domain.trading import (
    ClosedTrade,
    Control,
    Direction,
    MarketEvent,
    Order,
    OrderSource,
    OrderStatus,
    Position,
    Trade,
)
from domain.values import replace

ANSWERED_KEPT = 256  # command ids kept in memory; older ones are looked up in the journal
TRADES_KEPT = 100


@dataclass(slots=True)
class OpenOrder:
    """An order that rests or waits, and the number of its executions so far."""

    order: Order
    fills: int = 0


@dataclass(slots=True)
class Holding:
    """An open position with what the exchange knows of it besides."""

    position: Position
    opened_seq: int  # document that opened it: names the exchange's own orders of this position
    armed_ms: int  # stop and target count from here: earlier trades do not reach them
    trailed_ms: int = 0  # the trailing stop counts from here, where it is now
    realized: Decimal = ZERO  # net of fees, quote, of the parts closed so far
    exits: dict[str, int] = field(default_factory=dict)  # executions of the exchange's own orders


@dataclass(slots=True)
class Desk:
    """Accounts, positions, open orders, statistics, control. Changed by `apply` only."""

    seq: int = 0
    head: str = GENESIS
    epoch: int = 0
    recorded_ms: int = 0  # when the newest document was written
    checkpoint_seq: int = 0
    balances: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # (account, asset)
    holdings: dict[str, Holding] = field(default_factory=dict)
    orders: dict[str, OpenOrder] = field(default_factory=dict)  # in the order they were accepted
    seen: dict[str, MarketEvent] = field(default_factory=dict)  # per pair, the newest trade or candle gone through
    control: Control | None = None
    control_seq: int = 0
    settings_hash: str = ""
    settings_seq: int = 0
    answered: dict[str, str] = field(default_factory=dict)  # document id of a command -> hash of its content
    trades: deque[Trade] = field(default_factory=lambda: deque(maxlen=TRADES_KEPT))
    closed: deque[ClosedTrade] = field(default_factory=lambda: deque(maxlen=TRADES_KEPT))
    tally: Tally = field(default_factory=Tally)

    def balance(self, account: str, asset: str) -> Decimal:
        return self.balances.get((account, asset), ZERO)

    def position(self, pair: str) -> Position | None:
        holding = self.holdings.get(pair)
        return None if holding is None else holding.position

    def margin(self, asset: str) -> Decimal:
        """Return the margin of all positions."""
        return sum(
            (value for (name, of), value in self.balances.items() if of == asset and name.startswith("margin:")), ZERO
        )

    def exposed(self) -> tuple[str, ...]:
        """Return the pairs with an open position or an order, sorted: those whose market must not be missed."""
        return tuple(sorted({*self.holdings, *(entry.order.pair for entry in self.orders.values())}))

    def after(self, legs: list[Posting]) -> dict[tuple[str, str], Decimal]:
        """Return the balances of the touched accounts after `legs`.

        Raises:
            InvariantError: cash, held or a margin would be negative.
        """
        touched: dict[tuple[str, str], Decimal] = {}
        for leg in legs:
            key = (leg.account, leg.asset)
            touched[key] = touched.get(key, self.balances.get(key, ZERO)) + leg.amount
        for (account, _), balance in touched.items():
            if balance < 0 and (account in (postings.CASH, postings.HELD) or account.startswith("margin:")):
                raise InvariantError(f"account {account} must not be negative, would be {balance}")
        return touched

    def apply(self, document: JournalDocument) -> None:
        """Take the next document of the journal, live or in recovery.

        Raises:
            InvariantError: it is not the next one, or its balances after differ from the sums of its postings.
        """
        body: Mapping[str, Any] = document
        if body["seq"] != self.seq + 1 or body["prev"] != self.head:
            raise InvariantError(f"document {body['_id']} must follow seq {self.seq}, has seq {body['seq']}")
        self._post(body)
        self._take(body)
        self.seq, self.head = int(body["seq"]), body["hash"]
        self.epoch, self.recorded_ms = int(body["epoch"]), epoch_ms(body["recorded_at"])
        if "seen" in body:
            self.seen[body["symbol"]] = documents.read_event(body["seen"])

    def take_seen(self, document: JournalDocument) -> None:
        """Take the newest document again, which differs in nothing but its `seen`."""
        body: Mapping[str, Any] = document
        if body["seq"] != self.seq:
            raise InvariantError(f"document {body['_id']} must be the newest, seq {self.seq}, has seq {body['seq']}")
        self.head = body["hash"]
        if "seen" in body:
            self.seen[body["symbol"]] = documents.read_event(body["seen"])

    def _post(self, body: Mapping[str, Any]) -> None:
        legs = [Posting(leg["account"], leg["asset"], leg["amount"]) for leg in body["postings"]]
        touched = self.after(legs)
        stated = {(entry["account"], entry["asset"]): entry["balance"] for entry in body["after"]}
        if stated != touched:
            raise InvariantError(f"balances after {body['_id']} must be {touched}, stated are {stated}")
        self.balances.update(touched)

    def _take(self, body: Mapping[str, Any]) -> None:
        match body["type"]:
            case "order":
                self.orders[body["order_id"]] = OpenOrder(documents.read_order(body["order"]))
                self._answer(body)
            case "fill" | "liquidation":
                self._take_fill(body)
            case "cancel":
                self.orders.pop(body["order_id"], None)
            case "amend":
                self._take_position(body)
                self._answer(body)
            case "control":
                self.control, self.control_seq = documents.read_control(body["control"]), int(body["seq"])
                self._answer(body)
            case "settings":
                self.settings_hash, self.settings_seq = body["settings"]["hash"], int(body["seq"])
            case "checkpoint":
                if body["state"] != self.part():
                    raise InvariantError(f"the state in {body['_id']} must equal the fold of the journal before it")
                self._take_checkpoint(body)
            case "deposit" | "correction":
                pass  # postings only
            case unknown:
                raise InvariantError(f"type of document {body['_id']} must be a known one, was {unknown}")

    def _take_checkpoint(self, body: Mapping[str, Any]) -> None:
        self.checkpoint_seq = int(body["seq"])
        self.seen.update({entry["symbol"]: documents.read_event(entry) for entry in body["markets"]})

    def _take_fill(self, body: Mapping[str, Any]) -> None:
        pair, order = body["symbol"], documents.read_order(body["order"])
        before, closed = self.holdings.get(pair), documents.read_closed(body)
        if before is not None and closed is not None:
            before.realized += closed.realized_pnl - closed.fees
        self._take_position(body)
        holding = self.holdings.get(pair)
        fills = int(body["order"]["fills"])
        if order.source is OrderSource.EXCHANGE:
            if holding is not None:
                holding.exits[order.order_id] = fills
        elif order.status is OrderStatus.OPEN:
            self.orders[order.order_id] = OpenOrder(order, fills)
        else:
            self.orders.pop(order.order_id, None)
        entered = closed is None and (before is None or (fills == 1 and before.position.trade_id != order.order_id))
        whole = before.realized if before is not None and holding is None else None
        self.tally.count(body, closed, entered=entered, whole=whole)
        self.trades.append(documents.read_trade(body))
        if closed is not None:
            self.closed.append(closed)

    def _take_position(self, body: Mapping[str, Any]) -> None:
        pair, position = body["symbol"], documents.read_position(body["position"])
        holding = self.holdings.get(pair)
        if position is None:
            self.holdings.pop(pair, None)
        elif holding is None:
            self.holdings[pair] = Holding(position, opened_seq=int(body["seq"]), armed_ms=int(body["ts"]))
        else:
            if _levels(position) != _levels(holding.position):
                holding.armed_ms = int(body["ts"])
            if _trailing_stop(position) != _trailing_stop(holding.position):
                holding.trailed_ms = int(body["ts"])
            holding.position = position

    def _answer(self, body: Mapping[str, Any]) -> None:
        self.answered[body["_id"]] = body.get("content", "")
        while len(self.answered) > ANSWERED_KEPT:
            del self.answered[next(iter(self.answered))]

    def part(self) -> documents.Part:
        """Return the state as a checkpoint document's `state`."""
        part: documents.Part = {
            "balances": [
                {"account": account, "asset": asset, "balance": balance}
                for (account, asset), balance in sorted(self.balances.items())
            ],
            "holdings": [_holding_part(holding) for _, holding in sorted(self.holdings.items())],
            "orders": [documents.order_part(open_.order) | {"fills": open_.fills} for open_ in self.orders.values()],
            "seen": [{"symbol": pair} | documents.event_part(event) for pair, event in sorted(self.seen.items())],
            "control_seq": self.control_seq,
            "settings_hash": self.settings_hash,
            "settings_seq": self.settings_seq,
            "answered": [{"id": key, "content": content} for key, content in self.answered.items()],
            "trades": [documents.trade_part(trade) for trade in self.trades],
            "closed": [documents.closed_trade_part(closed) for closed in self.closed],
            "tally": self.tally.part(),
        }
        if self.control is not None:
            part["control"] = documents.control_part(self.control)
        return part


def from_checkpoint(document: JournalDocument) -> Desk:
    """Return the desk as it was right after the checkpoint `document`."""
    body: Mapping[str, Any] = document
    state = body["state"]
    desk = Desk(
        seq=int(body["seq"]),
        head=body["hash"],
        epoch=int(body["epoch"]),
        recorded_ms=epoch_ms(body["recorded_at"]),
        balances={(entry["account"], entry["asset"]): entry["balance"] for entry in state["balances"]},
        seen={entry["symbol"]: documents.read_event(entry) for entry in state["seen"]},
        control=documents.read_control(state["control"]) if "control" in state else None,
        control_seq=int(state["control_seq"]),
        settings_hash=state["settings_hash"],
        settings_seq=int(state["settings_seq"]),
        answered={entry["id"]: entry["content"] for entry in state["answered"]},
        tally=read_tally(state["tally"]),
    )
    desk._take_checkpoint(body)
    for part in state["holdings"]:
        desk.holdings[part["position"]["symbol"]] = _read_holding(part)
    for part in state["orders"]:
        desk.orders[part["order_id"]] = OpenOrder(documents.read_order(part), int(part["fills"]))
    desk.trades.extend(documents.read_trade_part(part) for part in state["trades"])
    desk.closed.extend(documents.read_closed_trade(part) for part in state["closed"])
    return desk


def signed(position: Position | None) -> Decimal:
    """Return the quantity with its sign: > 0 long, < 0 short, 0 flat."""
    return ZERO if position is None else position.quantity * position.direction.sign


def direction_of(quantity: Decimal) -> Direction:
    return Direction.LONG if quantity > 0 else Direction.SHORT


def _levels(position: Position) -> tuple[Decimal | None, Decimal | None]:
    return position.stop_loss, position.take_profit


def _trailing_stop(position: Position) -> Decimal | None:
    return None if position.trailing is None else position.trailing.stop


def _holding_part(holding: Holding) -> documents.Part:
    return {
        "position": documents.position_part(holding.position),
        "opened_seq": holding.opened_seq,
        "armed": holding.armed_ms,
        "trailed": holding.trailed_ms,
        "realized": holding.realized,
        "exits": [{"order_id": order_id, "fills": fills} for order_id, fills in holding.exits.items()],
    }


def _read_holding(part: Mapping[str, Any]) -> Holding:
    position = documents.read_position(part["position"])
    if position is None:
        raise InvariantError("a checkpoint must hold open positions only")
    return Holding(
        position=replace(position),
        opened_seq=int(part["opened_seq"]),
        armed_ms=int(part["armed"]),
        trailed_ms=int(part["trailed"]),
        realized=part["realized"],
        exits={entry["order_id"]: int(entry["fills"]) for entry in part["exits"]},
    )
