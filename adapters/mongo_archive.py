"""Opinions, decisions, model calls, news and equity: written in the background, in order, kept for a while."""

import logging
import operator
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bson import ObjectId
from bson.errors import BSONError
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure, PyMongoError

from adapters.background import BackgroundWriter
from adapters.clock import SystemClock
from adapters.mongo_codec import CODEC, date
from adapters.mongo_schema import DUPLICATE_KEY, UNSTORABLE
from domain.errors import LedgerUnavailable
from domain.ports import JournalDocument

log = logging.getLogger(__name__)

QUEUE_LIMIT = 10_000
BATCH = 200
_LIMITS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


class MongoArchive:
    """The Archive port."""

    def __init__(self, database: Database[dict[str, Any]], *, queue_limit: int = QUEUE_LIMIT) -> None:
        self._database = database
        self._queue: deque[tuple[str, JournalDocument]] = deque()
        self._queue_limit = queue_limit
        self._writing = 0
        self._clock = SystemClock()  # retention is real time: the server's own clock decides it
        self._writer = BackgroundWriter(name="archive documents", write=self._write_batch)
        self.dropped = 0

    @property
    def pending(self) -> int:
        """Documents not yet stored."""
        return len(self._queue)

    def save(self, collection: str, document: JournalDocument) -> None:
        """Queue one document; the oldest is dropped and counted when too many wait for the database."""
        kept = {"_id": ObjectId(), **document, "stored_at": date(self._clock.now_ms())}
        if len(self._queue) >= self._queue_limit:
            del self._queue[self._writing]  # not one that is on its way
            self.dropped += 1
            if self.dropped % 1000 == 1:
                log.warning("The database is away or too slow: %s archive documents dropped so far", self.dropped)
        self._queue.append((collection, kept))
        self._writer.wake()

    def recent(
        self, collection: str, *, limit: int, where: JournalDocument | None = None
    ) -> tuple[JournalDocument, ...]:
        """Return the newest documents by `ts`, newest first, those not yet stored among them.

        Raises:
            LedgerUnavailable: the database did not answer.
        """
        where = where or {}
        queued = [each for name, each in self._queue if name == collection and matches(each, where)]  # before the read
        target = self._database.get_collection(collection, codec_options=CODEC)
        try:
            stored = list(target.find(where, {"stored_at": False}).sort("ts", -1).limit(limit))
        except PyMongoError as error:
            raise LedgerUnavailable(f"{collection} could not be read ({type(error).__name__})") from error
        return _newest(stored, queued, limit) if queued else tuple(stored)

    def close(self, *, timeout_seconds: float) -> bool:
        """Write what is queued; return whether all of it got through."""
        return self._writer.close(timeout_seconds=timeout_seconds) and not self._queue

    def _write_batch(self) -> bool:
        """Store the documents at the head of the queue that go to one collection."""
        collection = self._queue[0][0]
        batch: list[JournalDocument] = []
        for name, document in self._queue:
            if name != collection or len(batch) >= BATCH:
                break
            batch.append(document)
        self._writing = len(batch)
        try:
            self._insert(collection, batch)
        finally:
            self._writing = 0
        for _ in batch:
            self._queue.popleft()
        return bool(self._queue)

    def _insert(self, collection: str, batch: list[JournalDocument]) -> None:
        target = self._database.get_collection(collection, codec_options=CODEC)
        try:
            target.insert_many(batch, ordered=False)
        except BulkWriteError as error:
            refused = [e for e in error.details.get("writeErrors", []) if e.get("code") != DUPLICATE_KEY]
            if refused:
                log.error("%s of %s were refused, code %s", len(refused), collection, refused[0].get("code"))
        except (BSONError, DocumentTooLarge, ArithmeticError, OperationFailure) as error:
            if isinstance(error, OperationFailure) and error.code not in UNSTORABLE:
                raise
            if len(batch) > 1:
                for document in batch:
                    self._insert(collection, [document])
            else:
                log.error("a document of %s cannot be stored: %s", collection, type(error).__name__)


def matches(document: JournalDocument, where: JournalDocument) -> bool:
    """Return whether a queued document is one that the database would find: equal values, and limits of numbers."""
    return all(_fits(document.get(name), wanted) for name, wanted in where.items())


def _fits(value: Any, wanted: object) -> bool:
    if not isinstance(wanted, dict):
        return bool(value == wanted)
    return value is not None and all(_LIMITS[name](value, limit) for name, limit in wanted.items())


def _newest(
    stored: Sequence[JournalDocument], queued: Sequence[JournalDocument], limit: int
) -> tuple[JournalDocument, ...]:
    """Return the newest of both; of one `_id` the stored document, as the database will keep it."""
    bare = ({name: value for name, value in each.items() if name != "stored_at"} for each in queued)
    by_id: dict[object, Any] = {}
    for each in (*stored, *bare):
        by_id.setdefault(each["_id"], each)
    return tuple(sorted(by_id.values(), key=lambda each: each.get("ts", 0), reverse=True)[:limit])
