"""What an analyst reads at its start: opinions that may still be open, what is settled, what no score has borne."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from domain.ports import Archive, JournalDocument
from domain.scorebook import KEPT, LONGEST_FIXED
from domain.settlement import (
    ENTRY,
    LABELS,
    MINUTE_MS,
    OWN,
    Call,
    Settlement,
    StoredScores,
    read_call,
    read_settlement,
)

RECENT_MS = 12 * 60 * MINUTE_MS  # longer than the market's history reaches back, or any fixed horizon
LONG_MS = 8 * 24 * 60 * MINUTE_MS  # longer than any horizon
PAGE = 2_000  # documents of one read
MOST = 200_000  # documents of one kind; the newest, should there be more

log = logging.getLogger(__name__)
Read = TypeVar("Read", Call, Settlement)


def read_scores(archive: Archive, analyst: str, *, now_ms: int) -> StoredScores:
    """Return what was stored of `analyst` until now; a replay knows no future. Blocks the calling greenlet.

    Whatever was open when the analyst last did anything is among it, however long ago that is.

    Raises:
        LedgerUnavailable: the database did not answer.
    """
    return _Reader(archive, analyst, now_ms).scores()


class _Reader:
    def __init__(self, archive: Archive, analyst: str, now_ms: int) -> None:
        self._archive, self._analyst, self._now_ms = archive, analyst, now_ms

    def scores(self) -> StoredScores:
        active_ms = self._last_active_ms()
        since_ms, long_ms = active_ms - RECENT_MS, active_ms - LONG_MS
        long: JournalDocument = {"horizon_minutes": {"$gt": LONGEST_FIXED}}
        calls = {
            **self._calls(since_ms),
            **self._calls(long_ms, long),
        }
        settlements: dict[str, Settlement] = {}
        for label in LABELS:
            settlements |= self._settlements(0, {"label": label, "counted": True}, most=KEPT)
        settlements |= self._settlements(since_ms)
        settlements |= self._settlements(long_ms, {"label": OWN, **long})
        settlements |= self._settlements(long_ms, {"label": ENTRY})
        return StoredScores(
            calls=tuple(calls.values()),
            settlements=tuple(settlements.values()),
            spent=tuple(self._spent(since_ms, settlements.values())),
            since_ms=since_ms,
        )

    def _last_active_ms(self) -> int:
        """Return when the last thing happened that is known of the analyst: before it, nothing was left behind."""
        newest: list[int] = []
        for name in ("settlements", "opinions"):
            newest += [each["ts"] for each in self._page(name, 0, self._now_ms, {}, limit=1)]
        if len(newest) < 2:
            return 0 if newest else self._now_ms  # nothing was settled yet, or nothing was said
        return min(newest)

    def _spent(self, until_ms: int, settlements: Iterable[Settlement]) -> Iterator[Call]:
        """Yield the paid opinions from before `until_ms` whose costs no counted opinion of their pair has borne."""
        borne_ms: dict[str, int] = {}
        for each in settlements:
            if each.bears:
                borne_ms[each.call.pair] = max(each.call.formed_ms, borne_ms.get(each.call.pair, 0))
        paid: JournalDocument = {"cost_usd": {"$gt": 0}}
        since_ms = min(borne_ms.values(), default=0)
        for call in self._calls(since_ms, paid, until_ms=until_ms).values():
            if call.formed_ms > borne_ms.get(call.pair, 0):
                yield call

    def _calls(
        self, since_ms: int, where: JournalDocument | None = None, *, until_ms: int | None = None
    ) -> dict[str, Call]:
        return self._all("opinions", read_call, since_ms, self._now_ms if until_ms is None else until_ms, where or {})

    def _settlements(
        self, since_ms: int, where: JournalDocument | None = None, *, most: int = MOST
    ) -> dict[str, Settlement]:
        return self._all("settlements", read_settlement, since_ms, self._now_ms, where or {}, most=most)

    def _all(
        self,
        collection: str,
        read: Callable[[JournalDocument], Read],
        since_ms: int,
        until_ms: int,
        where: JournalDocument,
        *,
        most: int = MOST,
    ) -> dict[str, Read]:
        """Return the newest documents of a span by their `_id`, read page by page."""
        found: dict[str, Read] = {}
        while since_ms <= until_ms and len(found) < most:
            page = self._page(collection, since_ms, until_ms, where, limit=min(PAGE, most))
            for document in page:
                if len(found) < most:
                    _take(found, collection, document, read)
            if len(page) < PAGE:
                return found
            oldest_ms = page[-1]["ts"]
            until_ms = oldest_ms if oldest_ms < page[0]["ts"] else oldest_ms - 1
        if most == MOST and since_ms <= until_ms:
            log.warning("Only the newest %s documents of %s were read for %s", most, collection, self._analyst)
        return found

    def _page(
        self, collection: str, since_ms: int, until_ms: int, where: JournalDocument, *, limit: int
    ) -> tuple[Any, ...]:
        span = {"ts": {"$gte": since_ms, "$lte": until_ms}}
        return self._archive.recent(collection, limit=limit, where={"analyst": self._analyst, **span, **where})


def _take(
    found: dict[str, Read], collection: str, document: JournalDocument, read: Callable[[JournalDocument], Read]
) -> None:
    try:
        found[str(document["_id"])] = read(document)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        log.warning("A document of %s cannot be read", collection)
