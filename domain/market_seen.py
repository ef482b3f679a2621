"""How far the market was gone through, kept beside the journal while nothing else is recorded.

Documents tell it with what they record (`seen`); between them a record of each exposed pair is projected. It counts
only when it was made of the very journal that is read back: of a seq and hash of it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from domain import documents
from domain.errors import InvariantError
from domain.ports import JournalDocument
from domain.projections import Projection
from domain.trading import MarketEvent

COLLECTION = "market_seen"


def records(seen: Mapping[str, MarketEvent], *, seq: int, head: str) -> list[Projection]:
    """Return what to project of `seen` (by pair), gone through when the journal ended at `seq` with the hash `head`."""
    return [(pair, seq, documents.event_part(event) | {"hash": head}) for pair, event in sorted(seen.items())]


class SeenRecords:
    """Records read back, judged against the journal as it is read. `seen`: those that hold."""

    def __init__(self, projected: Iterable[JournalDocument]) -> None:
        self.seen: dict[str, MarketEvent] = {}
        self._waiting: dict[tuple[object, object], list[Mapping[str, Any]]] = {}
        for record in projected:
            self._waiting.setdefault((record.get("seq"), record.get("hash")), []).append(record)

    def at(self, seq: object, head: object) -> None:
        """Take note that the journal has the document of this seq and hash."""
        for record in self._waiting.get((seq, head), ()):
            try:
                self.seen[str(record["_id"])] = documents.read_event(record)
            except (KeyError, TypeError, ValueError, InvariantError):
                continue  # a cache: without it more of the market is gone through again


def newest(told: Mapping[str, MarketEvent], kept: Mapping[str, MarketEvent]) -> dict[str, MarketEvent]:
    """Return per pair the later of what documents told and what was kept beside them."""
    later = {pair: event for pair, event in kept.items() if pair not in told or _is_later(event, told[pair])}
    return {**told, **later}


def _is_later(event: MarketEvent, other: MarketEvent) -> bool:
    if event.kind == other.kind:
        return (event.ts_ms, event.id) > (other.ts_ms, other.id)
    return event.ts_ms > other.ts_ms
