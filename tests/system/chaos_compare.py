"""What a journal must hold after kills: all that was announced, once, and the same trading as without any kill."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

from tests.system.journal import Document, balances, positions

# What tells when and how a document was written, not what happened.
_WRITING = ("_id", "seq", "prev", "hash", "epoch", "recorded_at", "after", "seen", "v")
_OWN = re.compile(r"((?:stop_loss|take_profit|trailing_stop|liquidation):\w+:)(\d+)")


def check_announced(promises: Iterable[dict[str, Any] | None], journal: list[Document]) -> int:
    """Check that everything announced stands in the journal as it was said; return how much was announced."""
    by_id = {document["_id"]: document for document in journal}
    by_trade = {document["trade_id"]: document for document in journal if "fill" in document}
    heads = {document["seq"]: document["hash"] for document in journal}
    checked = 0
    for promise in filter(None, promises):
        checked += 1
        if "hash" in promise:
            assert heads.get(promise["seq"]) == promise["hash"], promise
        elif "trade_id" in promise:
            fill = by_trade[promise["trade_id"]]
            told = (promise["seq"], Decimal(promise["quantity"]), Decimal(promise["price"]))
            assert (fill["seq"], fill["fill"]["quantity"], fill["fill"]["price"]) == told, promise
        else:
            assert promise["id"] in by_id, promise
            if "quantity" in promise:
                assert by_id[promise["id"]]["order"]["quantity"] == Decimal(promise["quantity"]), promise
    return checked


def check_once(journal: list[Document]) -> None:
    """Check that nothing stands there twice and nothing is missing in between."""
    assert [document["seq"] for document in journal] == list(range(1, len(journal) + 1))
    for name in ("_id", "trade_id"):
        counts = Counter(document[name] for document in journal if name in document)
        assert max(counts.values()) == 1, counts.most_common(3)


def check_same(journal: list[Document], undisturbed: list[Document], *, exact: bool, but: Collection[str] = ()) -> None:
    """Compare what happened, pair by pair, with what happened without a kill.

    Args:
        exact: to the last decimal; else without prices and the amounts that follow from them.
        but: pairs that may differ.
    """
    found, expected = _by_pair(journal, exact=exact), _by_pair(undisturbed, exact=exact)
    for events in (found, expected):
        for pair in but:
            events.pop(pair, None)
    assert found.keys() == expected.keys()
    for pair, events in expected.items():
        for number, (here, there) in enumerate(zip(found[pair], events, strict=False)):
            assert here == there, f"{pair}, event {number}: {_difference(here, there)}"
        assert len(found[pair]) == len(events), pair
    if exact and not but:
        assert balances(journal) == balances(undisturbed)
        assert _held(journal) == _held(undisturbed)


def _held(journal: list[Document]) -> Any:
    held = positions(journal).items()
    return _plain({pair: {**position, "trailing": None} for pair, position in held})


def _difference(here: Any, there: Any) -> str:
    """Return in which parts two events differ, and their ids."""
    if not isinstance(here, dict):
        return f"{here} instead of {there}"
    parts = sorted(name for name in {*here, *there} if here.get(name) != there.get(name))
    return "; ".join(f"{name} {here.get(name)} instead of {there.get(name)}" for name in ("id", *parts))


def _by_pair(journal: list[Document], *, exact: bool) -> dict[str, list[Any]]:
    names = {str(document["seq"]): document["_id"] for document in journal}
    events = defaultdict(list)
    for document in journal:
        if document["type"] in ("checkpoint", "settings") or _tells_a_trail(document):
            continue
        what = _exactly(document, names) if exact else _roughly(document, names)
        events[document.get("symbol", "")].append(what)
    return events


def _tells_a_trail(document: Document) -> bool:
    """A trailing stop counts at once; the journal is told where it is now and then, and before anything else."""
    return document["type"] == "amend" and document["reason"] == "trailing_stop"


def _exactly(document: Document, names: dict[str, str]) -> Any:
    kept = {name: value for name, value in document.items() if name not in _WRITING}
    kept["id"] = document["_id"]
    if "fill" in kept:
        kept["fill"] = {name: value for name, value in kept["fill"].items() if name != "catch_up"}
    return json.loads(_named(json.dumps(_plain(kept)), names))


def _roughly(document: Document, names: dict[str, str]) -> Any:
    position, fill = document.get("position", {}), document.get("fill", {})
    quantities = (fill.get("side"), fill.get("quantity"), position.get("direction"), position.get("quantity"))
    return _named(document["_id"], names), document["type"], document.get("reason"), *quantities


def _named(text: str, names: dict[str, str]) -> str:
    """Put the opening document's name for its seq into the ids of the exchange's own orders."""
    return _OWN.sub(lambda found: found[1] + names[found[2]], text)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return value
