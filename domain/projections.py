"""What the journal means now, as absolute values per id: positions, balances, orders, trades, bot state.

Caches: each carries the `seq` it reflects, may be dropped and is rebuilt from the journal.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from domain import documents
from domain.ports import JournalDocument

Projection = tuple[str, int, JournalDocument]  # _id, the seq it reflects, value
Projections = dict[str, list[Projection]]  # by collection


def projections(batch: Iterable[JournalDocument]) -> Projections:
    """Return per collection the newest (_id, seq, value) of everything that `batch`, in order, touched."""
    projected: dict[str, dict[str, Projection]] = {}
    for document in batch:
        body: Mapping[str, Any] = document
        for collection, key, value in _values(body):
            projected.setdefault(collection, {})[key] = (key, int(body["seq"]), value)
    return {collection: list(values.values()) for collection, values in projected.items()}


def _values(body: Mapping[str, Any]) -> Iterable[tuple[str, str, documents.Part]]:
    for entry in body["after"]:
        yield "balances", entry["account"], dict(entry)
    if "position" in body:
        yield "positions", body["symbol"], dict(body["position"])
    if "order" in body:
        yield "orders", body["order_id"], dict(body["order"])
    if "fill" in body:
        trade = documents.trade_part(documents.read_trade(body))
        if "closed" in body:
            trade["closed"] = body["closed"]
        yield "trades", body["trade_id"], trade
    if "control" in body:
        yield "bot_state", "control", dict(body["control"])
