"""Making the journal's documents: each event is numbered, balanced, sealed and applied to the desk at once.

The documents wait in `pending` until the broker has stored them; what is announced about them waits with them.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from domain import documents, journal, postings
from domain.desk import Desk
from domain.documents import Part
from domain.fills import Closed, Level, Opened, mean_price, notional_of
from domain.money import ZERO
from domain.ports import JournalDocument
from domain.postings import Market, Posting
from domain.trading import Control, FillModel, MarketEvent, Order, OrderStatus, Position, Reason
from domain.values import replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How, from what and when an order was executed. `levels`: (price, quantity in base), never empty."""

    levels: tuple[Level, ...]
    model: FillModel
    event: MarketEvent
    ts_ms: int  # event time; historical in catch-up
    liquidity: str  # taker | maker
    catch_up: bool = False

    def of(self, levels: tuple[Level, ...]) -> "Execution":
        """Return the part of this execution that is of `levels`."""
        return self if levels == self.levels else replace(self, levels=levels)


@dataclass(slots=True)
class Bookkeeper:
    """Writes the desk's journal, in memory. `now_ms` is set by whoever hands the next event in."""

    desk: Desk
    epoch: int
    quote: str = "USDT"
    now_ms: int = 0
    pending: list[JournalDocument] = field(default_factory=list)
    seen: dict[str, MarketEvent] = field(default_factory=dict)  # newest trade or candle gone through, per pair
    # While a stop that was reached waits for its book: what was seen before the trade that reached it. The journal
    # tells no more, so that the trade is seen again after a crash.
    unsettled: dict[str, MarketEvent | None] = field(default_factory=dict)

    def deposit(self, amount: Decimal) -> JournalDocument:
        return self._record("deposit", "deposit", legs=postings.deposit(amount, self.quote))

    def accept(self, order: Order, content: str) -> JournalDocument:
        """Record that `order` was taken; `order.held` is set aside. `content` recognises the same command again."""
        return self._record(
            "order",
            f"order:{order.order_id}",
            legs=postings.hold(order.held, self.quote),
            symbol=order.pair,
            order_id=order.order_id,
            reason=order.reason.value,
            order=_order_part(order, 0),
            content=content,
        )

    def cancel(self, order: Order, fills: int, *, status: OrderStatus, cause: str) -> JournalDocument:
        """Record that the rest of `order` will not be filled; what it held goes back."""
        ended = replace(order, status=status, held=ZERO)
        return self._record(
            "cancel",
            f"cancel:{order.order_id}",
            legs=postings.hold(-order.held, self.quote),
            symbol=order.pair,
            order_id=order.order_id,
            reason=cause,
            order=_order_part(ended, fills),
        )

    def open(
        self,
        order: Order,
        fills: int,
        position: Position,
        fill: Opened,
        how: Execution,
        *,
        market: Market,
        held: Decimal,
    ) -> JournalDocument:
        """Record an execution that leaves `position`. `order` is as after it, `held` what it held before."""
        legs = postings.opening(
            market,
            signed_quantity=fill.quantity * order.side.sign,
            margin=fill.margin,
            fee=fill.fee,
            released=held - order.held,
        )
        return self._fill("fill", order, fills, how, legs, fee=fill.fee, pnl=ZERO, position=position)

    def close(
        self,
        order: Order,
        fills: int,
        before: Position,
        left: Position | None,
        fill: Closed,
        how: Execution,
        *,
        market: Market,
        held: Decimal,
    ) -> JournalDocument:
        """Record an execution that closes (a part of) `before` and leaves `left`."""
        signed_quantity = fill.quantity * order.side.sign
        liquidated = order.reason is Reason.LIQUIDATION
        if liquidated:
            legs = postings.liquidation(
                market, signed_quantity=signed_quantity, margin=fill.margin, pnl=fill.pnl, fee=fill.fee
            )
        else:
            legs = postings.closing(
                market,
                signed_quantity=signed_quantity,
                margin=fill.margin,
                pnl=fill.pnl,
                fee=fill.fee,
                cash=self.desk.balance(postings.CASH, self.quote),
                released=held - order.held,
            )
        return self._fill(
            "liquidation" if liquidated else "fill",
            order,
            fills,
            how,
            legs,
            fee=fill.fee,
            pnl=fill.pnl,
            position=left,
            closed=documents.closed_part(before, fill.entry_fee),
        )

    def amend(
        self,
        key: str,
        position: Position,
        *,
        reason: str,
        event: MarketEvent | None = None,
        ts_ms: int | None = None,
    ) -> JournalDocument:
        """Record that stop, target or trailing stop moved."""
        return self._record(
            "amend",
            key,
            ts_ms=ts_ms,
            symbol=position.pair,
            reason=reason,
            market_event=None if event is None else documents.event_part(event),
            position=documents.position_part(position),
        )

    def control(self, control_id: str, control: Control, *, kind: str, actor: str) -> JournalDocument:
        return self._record(
            "control", f"control:{control_id}", reason=kind, actor=actor, control=documents.control_part(control)
        )

    def settings(
        self, settings_hash: str, changed: tuple[str, ...], values: tuple[tuple[str, bool | int | str], ...]
    ) -> JournalDocument:
        part: Part = {
            "hash": settings_hash,
            "changed": list(changed),
            "values": [{"key": key, "value": value} for key, value in values],
        }
        return self._record("settings", f"settings:{self.desk.seq + 1}", settings=part)

    def checkpoint(self) -> JournalDocument:
        return self._record(
            "checkpoint", f"checkpoint:{self.desk.seq + 1}", state=self.desk.part(), markets=self._markets()
        )

    def told(self) -> dict[str, MarketEvent]:
        """Return how far each pair was gone through, as far as the journal may tell it."""
        return {pair: event for pair, event in {**self.seen, **self.unsettled}.items() if event is not None}

    def tell_seen(self) -> None:
        """Let the newest document, which nobody was given yet, tell how far its pair was gone through by now."""
        document = self.pending.pop()
        pair = str(document["symbol"])
        document = journal.seal(self._with_seen(document, pair), str(document["prev"]))
        self.desk.take_seen(document)
        self.pending.append(document)

    def _with_seen(self, document: JournalDocument, pair: str) -> JournalDocument:
        seen = self.unsettled[pair] if pair in self.unsettled else self.seen.get(pair)
        return document if seen is None else {**document, "seen": documents.event_part(seen)}

    def _markets(self) -> list[Part]:
        return [{"symbol": pair} | documents.event_part(event) for pair, event in sorted(self.told().items())]

    def _fill(
        self,
        kind: str,
        order: Order,
        fills: int,
        how: Execution,
        legs: list[Posting],
        *,
        fee: Decimal,
        pnl: Decimal,
        position: Position | None,
        closed: Part | None = None,
    ) -> JournalDocument:
        fill: Part = {
            "side": order.side.value,
            "quantity": sum((quantity for _, quantity in how.levels), ZERO),
            "price": mean_price(how.levels),
            "levels": [[price, quantity] for price, quantity in how.levels],
            "notional": notional_of(how.levels),
            "fee": fee,
            "liquidity": how.liquidity,
            "realized_pnl": pnl,
            "catch_up": how.catch_up,
        }
        return self._record(
            kind,
            f"fill:{order.order_id}:{fills}",
            ts_ms=how.ts_ms,
            legs=legs,
            symbol=order.pair,
            order_id=order.order_id,
            trade_id=order.order_id if fills == 1 else f"{order.order_id}:{fills}",
            reason=order.reason.value,
            model=how.model.value,
            market_event=documents.event_part(how.event),
            position=documents.flat_part(order.pair) if position is None else documents.position_part(position),
            order=_order_part(order, fills),
            fill=fill,
            closed=closed,
        )

    def _record(
        self, kind: str, key: str, *, ts_ms: int | None = None, legs: list[Posting] | None = None, **parts: object
    ) -> JournalDocument:
        legs = legs or []
        touched = self.desk.after(legs)
        document: JournalDocument = {
            "_id": key,
            "seq": self.desk.seq + 1,
            "type": kind,
            "ts": self.now_ms if ts_ms is None else ts_ms,
            "recorded_at": journal.date(self.now_ms),
            "epoch": self.epoch,
            "postings": [{"account": leg.account, "asset": leg.asset, "amount": leg.amount} for leg in legs],
            "after": [
                {"account": account, "asset": asset, "balance": balance}
                for (account, asset), balance in touched.items()
            ],
        }
        document.update({name: part for name, part in parts.items() if part is not None})
        document = journal.seal(self._with_seen(document, str(parts.get("symbol"))), self.desk.head)
        self.desk.apply(document)
        self.pending.append(document)
        return document


def _order_part(order: Order, fills: int) -> Part:
    return documents.order_part(order) | {"fills": fills}
