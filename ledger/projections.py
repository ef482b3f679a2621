"""Projections against the journal: each value must be what the document says whose seq it carries."""

from collections.abc import Iterable, Iterator, Mapping

from ledger.canonical import NotCanonical, Plain, plain
from ledger.chain import Complaint
from ledger.findings import Finding

COLLECTIONS = ("positions", "balances", "orders", "trades", "bot_state")
_LATEST_TOLD = ("positions", "balances", "bot_state")  # few documents: whether they lag is told
_FILL_FIELDS = ("side", "quantity", "price", "notional", "fee", "realized_pnl", "liquidity", "catch_up")
_TRADE_FIELDS = ("trade_id", "order_id", "symbol", "ts", "reason", "model")


class ProjectionCheck:
    """Walks along the journal. `projected` are (collection, document), ascending by the seq they carry."""

    def __init__(self, projected: Iterable[tuple[str, Mapping[str, object]]]) -> None:
        self.count = 0
        self.findings: list[Finding] = []
        self._projected = iter(projected)
        self._next = self._advance()
        self._latest: dict[tuple[str, str], int] = {}  # what the journal touched last, and when
        self._reflected: dict[tuple[str, str], int] = {}

    @property
    def behind(self) -> int:
        """Projected positions, balances and states that do not reflect the newest event that touched them."""
        return sum(self._reflected.get(key, 0) < seq for key, seq in self._latest.items())

    def at(self, seq: int, document: Plain) -> Iterator[Complaint]:
        """Yield what differs between `document` and the projections that reflect it. Earlier ones reflect nothing."""
        for collection in _LATEST_TOLD:
            self._latest.update({(collection, key): seq for key in _values(collection, document)})
        while self._next is not None and self._next[0] <= seq:
            reflected, collection, value = self._next
            key = str(value.get("_id"))
            if reflected < seq:
                self.findings.append(_finding(reflected, f"{collection} {key}: the journal has no such event"))
            else:
                self._reflected[(collection, key)] = seq
                for difference in _compare(collection, value, document):
                    yield "projection", f"{collection} {key}: {difference}"
            self._next = self._advance()

    def beyond(self, last_seq: int) -> Iterator[Finding]:
        """Yield the projections that reflect more than the journal holds: its tail is gone."""
        while self._next is not None:
            reflected, collection, value = self._next
            message = f"{collection} {value.get('_id')} reflects an event that the journal, up to seq {last_seq}, lacks"
            yield _finding(reflected, message)
            self._next = self._advance()

    def _advance(self) -> tuple[int, str, Plain] | None:
        for collection, document in self._projected:
            self.count += 1
            name = f"{collection} {document.get('_id')}"
            try:
                value = plain({key: item for key, item in document.items() if key != "_id"})
            except NotCanonical as error:
                self.findings.append(_finding(None, f"{name}: {error}"))
                continue
            seq = value.get("seq")
            if isinstance(seq, int):
                return seq, collection, value | {"_id": str(document.get("_id"))}
            self.findings.append(_finding(None, f"{name} must carry the seq it reflects, carries {seq!r}"))
        return None


def _compare(collection: str, projected: Plain, document: Plain) -> Iterator[str]:
    value = _values(collection, document).get(str(projected["_id"]))
    if value is None:
        yield "the event it reflects did not touch it"
        return
    stated = {key: item for key, item in projected.items() if key not in ("_id", "seq")}
    if collection == "trades":
        stated = {key: item for key, item in stated.items() if key in value}
    for name in sorted(value.keys() | stated.keys()):
        if value.get(name) != stated.get(name):
            yield f"{name} must be {value.get(name)!r}, projected is {stated.get(name)!r}"


def _values(collection: str, document: Plain) -> dict[str, Plain]:
    """Return what `document` says about a collection's documents, by their id."""
    match collection:
        case "balances":
            after = document.get("after")
            legs = after if isinstance(after, list) else []
            return {str(leg.get("account")): leg for leg in legs if isinstance(leg, dict)}
        case "positions":
            return _part(document, "position", document.get("symbol"))
        case "orders":
            return _part(document, "order", document.get("order_id"))
        case "bot_state":
            return _part(document, "control", "control")
        case _:
            return _trade(document)


def _part(document: Plain, field: str, key: object) -> dict[str, Plain]:
    part = document.get(field)
    return {str(key): part} if isinstance(part, dict) else {}


def _trade(document: Plain) -> dict[str, Plain]:
    fill = document.get("fill")
    if not isinstance(fill, dict):
        return {}
    trade = {name: document[name] for name in _TRADE_FIELDS if name in document}
    trade |= {name: fill[name] for name in _FILL_FIELDS if name in fill}
    return {str(document.get("trade_id")): trade}


def _finding(seq: int | None, message: str) -> Finding:
    return Finding(rule="projection", message=message, seq=seq)
