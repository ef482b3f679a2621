"""The state that a checkpoint must hold: a start reads no further back, so each of its values is recomputed."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ledger.canonical import Plain
from ledger.chain import Account
from ledger.executions import Execution
from ledger.parts import differences, number, part, present
from ledger.positions import Change, Holding
from ledger.tally import Tally

ANSWERED_KEPT, TRADES_KEPT = 256, 100


@dataclass(slots=True)
class Memory:
    """What a checkpoint holds beside accounts, positions and orders."""

    seen: dict[str, Plain] = field(default_factory=dict)
    control: Plain | None = None
    control_seq: int = 0
    settings_hash: object = ""
    settings_seq: int = 0
    answered: dict[str, object] = field(default_factory=dict)  # command's document -> its content
    trades: deque[Plain] = field(default_factory=lambda: deque(maxlen=TRADES_KEPT))
    closed: deque[Plain] = field(default_factory=lambda: deque(maxlen=TRADES_KEPT))
    tally: Tally = field(default_factory=Tally)

    def note(self, document: Plain, seq: int) -> None:
        """Take what a document of any type but a fill leaves."""
        match document.get("type"):
            case "order" | "amend" | "control":
                self.answered[str(document.get("_id"))] = document.get("content", "")
                while len(self.answered) > ANSWERED_KEPT:
                    del self.answered[next(iter(self.answered))]
            case "settings":
                self.settings_hash, self.settings_seq = part(document, "settings").get("hash"), seq
            case "checkpoint":
                self.seen.update(_markets(document))
            case _:
                pass
        if document.get("type") == "control":
            self.control, self.control_seq = part(document, "control"), seq
        if "seen" in document:
            self.seen[str(document.get("symbol"))] = part(document, "seen")

    def note_fill(
        self, execution: Execution, order: Plain, change: Change, before: Holding | None, *, ended: bool
    ) -> None:
        """Take what an execution leaves; `before` is the position it met, its `realized` as before."""
        self.tally.earn(execution)
        self.trades.append(_trade(execution, order))
        if change.closed is None:
            mine = before is not None and (
                order.get("fills") != 1 or before.part.get("trade_id") == order.get("order_id")
            )
            if not mine and order.get("source") == "bot":
                self.tally.enter(execution)
            return
        assert before is not None
        closed = _closed_trade(execution, change, change.closed)
        before.realized += number(closed, "realized_pnl") - number(closed, "fees")
        self.closed.append(closed)
        if closed["source"] == "bot":
            self.tally.leave(closed, before.realized if ended else None)

    def state(
        self, balances: Mapping[Account, Decimal], holdings: Mapping[str, Holding], orders: Mapping[str, Plain]
    ) -> Plain:
        """Return the state as a checkpoint must hold it."""
        state: Plain = {
            "balances": [
                present({"account": account, "asset": asset, "balance": balance})
                for (account, asset), balance in sorted(balances.items())
            ],
            "holdings": [_holding(holding) for _, holding in sorted(holdings.items())],
            "orders": list(orders.values()),
            "seen": [{"symbol": pair} | event for pair, event in sorted(self.seen.items())],
            "control_seq": self.control_seq,
            "settings_hash": self.settings_hash,
            "settings_seq": self.settings_seq,
            "answered": [{"id": key, "content": content} for key, content in self.answered.items()],
            "trades": list(self.trades),
            "closed": list(self.closed),
            "tally": self.tally.part(),
        }
        return state if self.control is None else state | {"control": self.control}


def state_faults(expected: Plain, stated: Plain) -> Iterator[str]:
    """Yield where a checkpoint's state is not as expected, by the first difference of each of its parts."""
    for name in sorted(expected.keys() | stated.keys()):
        if expected.get(name) != stated.get(name):
            yield _difference(expected.get(name), stated.get(name), f"state.{name}")


def _difference(expected: object, stated: object, place: str) -> str:
    """Return one sentence about the innermost first difference."""
    if isinstance(expected, dict) and isinstance(stated, dict):
        for name in sorted(expected.keys() | stated.keys()):
            if expected.get(name) != stated.get(name):
                return _difference(expected.get(name), stated.get(name), f"{place}.{name}")
    if isinstance(expected, list) and isinstance(stated, list) and len(expected) == len(stated):
        for index, (one, other) in enumerate(zip(expected, stated, strict=True)):
            if one != other:
                return _difference(one, other, f"{place}[{index}]")
    if isinstance(expected, list) and isinstance(stated, list):
        return f"{place} must have {len(expected)} entries, stated are {len(stated)}"
    return next(differences({"": expected}, {"": stated}, place)).replace(f"{place}.", place, 1)


def _markets(document: Plain) -> dict[str, Plain]:
    found = document.get("markets")
    entries = [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
    return {str(entry.get("symbol")): {k: v for k, v in entry.items() if k != "symbol"} for entry in entries}


def _holding(holding: Holding) -> Plain:
    return {
        "position": holding.part,
        "opened_seq": holding.opened_seq,
        "armed": holding.armed,
        "trailed": holding.trailed,
        **present({"realized": holding.realized}),
        "exits": [{"order_id": order_id, "fills": fills} for order_id, fills in holding.exits.items()],
    }


def _trade(execution: Execution, order: Plain) -> Plain:
    document = execution.document
    return present(
        {
            "trade_id": document.get("trade_id"),
            "order_id": order.get("order_id"),
            "seq": document.get("seq"),
            "symbol": execution.pair,
            "side": execution.side,
            "quantity": execution.quantity,
            "price": execution.price,
            "notional": execution.notional,
            "fee": execution.fee,
            "realized_pnl": execution.pnl,
            "ts": execution.ts,
            "order_type": order.get("order_type"),
            "source": order.get("source"),
            "reason": document.get("reason"),
            "model": execution.model,
            "liquidity": execution.liquidity,
            "catch_up": execution.catch_up,
        }
    )


def _closed_trade(execution: Execution, change: Change, closed: Plain) -> Plain:
    return present(
        {
            "trade_id": closed.get("trade_id"),
            "symbol": execution.pair,
            "direction": closed.get("direction"),
            "entry_price": closed.get("entry_price"),
            "exit_price": execution.price,
            "quantity": execution.quantity,
            "realized_pnl": change.pnl,
            "fees": change.entry_fee + execution.fee,
            "reason": execution.document.get("reason"),
            "opened": closed.get("opened"),
            "closed": execution.ts,
            "source": closed.get("source"),
            "confidence": closed.get("confidence"),
        }
    )
