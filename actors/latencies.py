"""How long it takes from what arrives at the broker until what follows from it is stored. Used by the broker only.

Monotonic time: it is real even where the desk's own time is virtual, and decides nothing.
"""

import time
from collections.abc import Iterable

from domain.ports import JournalDocument, Measures, ModelAnswer
from domain.trading import Reason

_STOPS = frozenset({Reason.STOP_LOSS.value, Reason.TRAILING_STOP.value, Reason.LIQUIDATION.value})


class NotMeasured:
    """The Measures port where nobody looks."""

    def order_durable(self, seconds: float) -> None:
        """Forget it."""

    def stop_durable(self, seconds: float) -> None:
        """Forget it."""

    def model_called(self, model: str, answer: ModelAnswer) -> None:
        """Forget it."""

    def notified(self, channel: str, outcome: str, count: int) -> None:
        """Forget it."""


class Latencies:
    """Remembers arrivals until the documents made of them are stored."""

    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self._trades: dict[str, float] = {}  # pair -> arrival of its newest trade, or of the one that reached a stop
        self._reached: set[str] = set()  # pairs whose stop was reached and waits for its book
        self._made: dict[object, tuple[bool, float]] = {}  # document id -> whether it is a stop's fill, arrival

    def traded(self, pair: str, arrived: float) -> None:
        """Note a live trade before it is handled."""
        if pair not in self._reached:
            self._trades[pair] = arrived

    def waits(self, pair: str, waiting: bool) -> None:
        """Note whether a stop of the pair waits for its book, after a trade was handled."""
        if waiting:
            self._reached.add(pair)
        else:
            self._reached.discard(pair)

    def made(self, documents: Iterable[JournalDocument], arrived: float) -> None:
        """Note what was made of the message that arrived then."""
        for document in documents:
            if document["type"] == "order":
                self._made[document["_id"]] = (False, arrived)
            elif document.get("reason") in _STOPS and _is_live_fill(document):
                reached = self._trades.get(str(document["symbol"]))
                if reached is not None:
                    self._made[document["_id"]] = (True, reached)

    def stored(self, documents: Iterable[JournalDocument]) -> None:
        """Measure what is stored now."""
        if not self._made:
            return
        now = time.monotonic()
        for document in documents:
            if (found := self._made.pop(document["_id"], None)) is not None:
                stop, arrived = found
                measure = self._measures.stop_durable if stop else self._measures.order_durable
                measure(max(0.0, now - arrived))


def _is_live_fill(document: JournalDocument) -> bool:
    fill = document.get("fill")
    return isinstance(fill, dict) and not fill.get("catch_up")
