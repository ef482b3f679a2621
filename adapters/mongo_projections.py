"""Projections of the journal: absolute values guarded by the seq they reflect. They can be dropped and rebuilt."""

import logging
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

import gevent
from bson.errors import BSONError
from pymongo.database import Database

from adapters.background import BackgroundWriter
from adapters.mongo_codec import CODEC
from adapters.mongo_schema import DUPLICATE_KEY
from domain.ports import JournalDocument

log = logging.getLogger(__name__)

BATCH = 500
MOST = 10_000  # values that may wait while a long journal is read; about 1 kB each


class MongoProjections:
    """Newest value of each projected document, written when the database has time for it."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database
        self._newest: dict[str, dict[str, tuple[int, JournalDocument]]] = {}  # collection -> _id -> seq, value
        self._writer = BackgroundWriter(name="projections", write=self._write_batch)

    @property
    def pending(self) -> int:
        """Values not yet stored."""
        return sum(map(len, self._newest.values()))

    def add(self, collection: str, values: Sequence[tuple[str, int, JournalDocument]]) -> None:
        """Queue (_id, seq, value); an older one that still waits is replaced. Returns at once."""
        newest = self._newest.setdefault(collection, {})
        for key, seq, value in values:
            waiting = newest.get(key)
            if waiting is None or waiting[0] <= seq:
                newest[key] = (seq, value)
        if newest:
            self._writer.wake()

    def wait_for_room(self, *, timeout_seconds: float) -> bool:
        """Block the calling greenlet while more than MOST values wait; return False when that took too long."""
        deadline = time.monotonic() + timeout_seconds
        while self.pending > MOST:
            if time.monotonic() >= deadline:
                return False
            gevent.sleep(0.01)
        return True

    def close(self, *, timeout_seconds: float) -> bool:
        """Write what is queued; return whether all of it got through."""
        return self._writer.close(timeout_seconds=timeout_seconds) and not self.pending

    def _write_batch(self) -> bool:
        collection = next((name for name, waiting in self._newest.items() if waiting), None)
        if collection is None:
            return False
        newest = self._newest.pop(collection)
        self._newest[collection] = newest  # the others come first next time
        batch = list(islice(newest.items(), BATCH))
        updates = [
            {"q": {"_id": key, "seq": {"$lte": seq}}, "u": {**value, "_id": key, "seq": seq}, "upsert": True}
            for key, (seq, value) in batch
        ]
        try:
            # The command itself: the driver's bulk writes cost three times as much per value.
            answer: dict[str, Any] = self._database.command(
                "update", collection, updates=updates, ordered=False, writeConcern={"w": 1}, codec_options=CODEC
            )
            # a duplicate key on the upsert: a newer value is there already
            refused = [e for e in answer.get("writeErrors", []) if e.get("code") != DUPLICATE_KEY]
            if refused:
                log.error("%s values of %s were refused, code %s", len(refused), collection, refused[0].get("code"))
        except (BSONError, ArithmeticError):
            log.exception("values of %s do not fit into BSON", collection)
        for key, kept in batch:
            if newest.get(key) is kept:
                del newest[key]
        return self.pending > 0
