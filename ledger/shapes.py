"""What a journal document and its parts may hold: their fields, what is required, and of what kind each value is."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ledger.canonical import Plain

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")  # the one way a decimal is written
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Rule(Protocol):
    """Something that a value can break."""

    def faults(self, value: object, place: str) -> Iterator[str]:
        """Yield one sentence for each fault; `place` names the value."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A single value."""

    name: str
    holds: Callable[[object], bool]

    def faults(self, value: object, place: str) -> Iterator[str]:
        if not self.holds(value):
            yield f"{place} must be {self.name}, was {value!r}"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of alike items."""

    item: Rule
    least: int = 0

    def faults(self, value: object, place: str) -> Iterator[str]:
        if not isinstance(value, list) or len(value) < self.least:
            yield f"{place} must be a list of at least {self.least}, was {value!r}"
            return
        for number, item in enumerate(value):
            yield from self.item.faults(item, f"{place}[{number}]")


@dataclass(frozen=True, slots=True)
class Shape:
    """A document with these fields and no others."""

    required: Mapping[str, Rule]
    optional: Mapping[str, Rule] = field(default_factory=dict)

    def faults(self, value: object, place: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{place or 'it'} must be a document, was {value!r}"
            return
        inside = f"{place}." if place else ""
        for name, rule in self.required.items():
            if name not in value:
                yield f"{inside}{name} must be there"
            else:
                yield from rule.faults(value[name], inside + name)
        for name in value.keys() - self.required.keys():
            if (other := self.optional.get(name)) is None:
                yield f"{inside}{name} must not be there, no such field is known"
            else:
                yield from other.faults(value[name], inside + name)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_decimal(value: object) -> bool:
    return isinstance(value, str) and value != "-0" and _DECIMAL.fullmatch(value) is not None


def _is_not_negative(value: object) -> bool:
    return _is_decimal(value) and not str(value).startswith("-")


def _one_of(*names: str) -> Kind:
    return Kind(f"one of {', '.join(names)}", lambda value: isinstance(value, str) and value in names)


TEXT = Kind("text", lambda value: isinstance(value, str) and value != "")
ANY_TEXT = Kind("text", lambda value: isinstance(value, str))
DIGEST = Kind("a SHA-256 in hexadecimal", lambda value: isinstance(value, str) and bool(_DIGEST.fullmatch(value)))
WHOLE = Kind("a whole number", _is_whole)
COUNT = Kind("a whole number >= 0", lambda value: _is_whole(value) and isinstance(value, int) and value >= 0)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
SCALAR = Kind("text, a whole number, true or false", lambda value: isinstance(value, str | int))
DECIMAL = Kind("a decimal", _is_decimal)
AMOUNT = Kind("a decimal >= 0", _is_not_negative)
POSITIVE = Kind("a decimal > 0", lambda value: _is_not_negative(value) and value != "0")
LEVEL = Kind(
    "a list of price and quantity, both > 0",
    lambda value: isinstance(value, list) and len(value) == 2 and all(map(POSITIVE.holds, value)),
)
LEVERAGE = Kind("a whole number from 1 to 20", lambda value: value in range(1, 21) and _is_whole(value))
SIDE = _one_of("buy", "sell")
SOURCE = _one_of("bot", "manual", "exchange")
REASON = _one_of(
    *("entry", "manual", "stop_loss", "take_profit", "trailing_stop", "liquidation"),
    *("timeout", "signal_reversal", "run_time_over"),
)

TRAILING = Shape({"trigger": AMOUNT, "distance": POSITIVE}, {"best_price": POSITIVE, "stop": POSITIVE})
EVENT = Shape({"kind": _one_of("book", "trade", "candle", "last"), "id": WHOLE, "ts": WHOLE})
SEEN = Shape({"kind": _one_of("trade", "candle"), "id": WHOLE, "ts": WHOLE})
ORDER = Shape(
    {
        "order_id": TEXT,
        "symbol": TEXT,
        "side": SIDE,
        "order_type": _one_of("market", "limit", "stop"),
        "quantity": POSITIVE,
        "filled": AMOUNT,
        "status": _one_of("open", "filled", "cancelled", "expired"),
        "reduce_only": FLAG,
        "source": SOURCE,
        "leverage": LEVERAGE,
        "created": WHOLE,
        "reason": REASON,
        "held": AMOUNT,
        "fills": COUNT,
    },
    {
        "limit_price": POSITIVE,
        "trigger_price": AMOUNT,
        "stop_loss": POSITIVE,
        "take_profit": POSITIVE,
        "trailing": TRAILING,
        "decision_id": ANY_TEXT,
        "confidence": DECIMAL,
        "max_slippage_bps": AMOUNT,
    },
)
FLAT = Shape(
    {"symbol": TEXT, "direction": _one_of("flat"), "quantity": AMOUNT, "cost": AMOUNT, "margin": AMOUNT},
)
OPEN = Shape(
    {
        "symbol": TEXT,
        "direction": _one_of("long", "short"),
        "quantity": POSITIVE,
        "cost": AMOUNT,
        "margin": AMOUNT,
        "entry_price": POSITIVE,
        "leverage": LEVERAGE,
        "opened": WHOLE,
        "source": SOURCE,
        "trade_id": TEXT,
        "entry_fee": AMOUNT,
    },
    {
        "stop_loss": POSITIVE,
        "take_profit": POSITIVE,
        "trailing": TRAILING,
        "decision_id": ANY_TEXT,
        "confidence": DECIMAL,
    },
)


class _Position:
    """Open or flat."""

    def faults(self, value: object, place: str) -> Iterator[str]:
        flat = isinstance(value, dict) and value.get("direction") == "flat"
        return (FLAT if flat else OPEN).faults(value, place)


FILL = Shape(
    {
        "side": SIDE,
        "quantity": POSITIVE,
        "price": POSITIVE,
        "levels": ListOf(LEVEL, least=1),
        "notional": AMOUNT,
        "fee": AMOUNT,
        "liquidity": _one_of("taker", "maker"),
        "realized_pnl": DECIMAL,
        "catch_up": FLAG,
    }
)
CLOSED = Shape(
    {
        "trade_id": TEXT,
        "direction": _one_of("long", "short"),
        "entry_price": POSITIVE,
        "entry_fee": AMOUNT,
        "opened": WHOLE,
        "source": SOURCE,
    },
    {"confidence": DECIMAL, "decision_id": ANY_TEXT},
)
VALUES = ListOf(Shape({"key": TEXT, "value": SCALAR}))
SETTINGS = Shape({"hash": TEXT, "changed": ListOf(TEXT), "values": VALUES})
CONTROL = Shape(
    {
        "trading": FLAG,
        "analysis": FLAG,
        "defaults": VALUES,
        "pairs": ListOf(Shape({"symbol": TEXT, "changes": VALUES})),
    },
    {
        "trading_since": WHOLE,
        "analysis_since": WHOLE,
        "enabled_pairs": ListOf(TEXT),
        "signal_sources": ListOf(TEXT),
    },
)
MARKETS = ListOf(Shape({"symbol": TEXT, **SEEN.required}))
_ANY = Kind("a document", lambda value: isinstance(value, dict))  # a checkpoint's state is compared as a whole
_LIST = Kind("a list", lambda value: isinstance(value, list))  # postings and balances are checked with the chain

_EVERY: Mapping[str, Rule] = {
    "_id": TEXT,
    "seq": WHOLE,
    "type": TEXT,
    "ts": WHOLE,
    "recorded_at": WHOLE,
    "epoch": WHOLE,
    "postings": _LIST,
    "after": _LIST,
    "prev": DIGEST,
    "hash": DIGEST,
    "v": WHOLE,
}
_ORDERS: Mapping[str, Rule] = {**_EVERY, "symbol": TEXT, "order_id": TEXT, "reason": TEXT, "order": ORDER}
_MODELS = _one_of("book20", "top", "fallback", "candle", "trade")
_FILLS: Mapping[str, Rule] = {
    **_ORDERS,
    "trade_id": TEXT,
    "model": _MODELS,
    "market_event": EVENT,
    "position": _Position(),
    "fill": FILL,
}
DOCUMENTS: Mapping[str, Shape] = {
    "deposit": Shape(_EVERY),
    "order": Shape({**_ORDERS, "content": TEXT}, {"seen": SEEN}),
    "fill": Shape(_FILLS, {"seen": SEEN, "closed": CLOSED}),
    "liquidation": Shape({**_FILLS, "closed": CLOSED}, {"seen": SEEN}),
    "cancel": Shape(_ORDERS, {"seen": SEEN}),
    "amend": Shape({**_EVERY, "symbol": TEXT, "reason": TEXT, "position": OPEN}, {"seen": SEEN, "market_event": EVENT}),
    "settings": Shape({**_EVERY, "settings": SETTINGS}),
    "control": Shape({**_EVERY, "reason": ANY_TEXT, "actor": ANY_TEXT, "control": CONTROL}),
    "checkpoint": Shape({**_EVERY, "state": _ANY, "markets": MARKETS}),
    "correction": Shape(_EVERY, {"reason": ANY_TEXT}),
}


def faults(document: Plain) -> Iterator[str]:
    """Yield one sentence for each field that is missing, unknown or of another kind than it must be."""
    shape = DOCUMENTS.get(str(document.get("type")))
    if shape is None:
        yield f"type must be one of {', '.join(sorted(DOCUMENTS))}, was {document.get('type')!r}"
        yield from Shape(_EVERY).faults({name: value for name, value in document.items() if name in _EVERY}, "")
    else:
        yield from shape.faults(document, "")
