"""Projections of the journal: absolute values guarded by the seq they reflect. They can be dropped and rebuilt."""

import logging
from collections.abc import Sequence
from typing import Any

from bson.errors import BSONError
from pymongo.database import Database

from adapters.background import BackgroundWriter
from adapters.mongo_codec import CODEC
from adapters.mongo_schema import DUPLICATE_KEY
from domain.ports import JournalDocument

log = logging.getLogger(__name__)

BATCH = 500


class MongoProjections:
    """Newest value of each projected document, written when the database has time for it."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database
        self._newest: dict[tuple[str, str], tuple[int, JournalDocument]] = {}
        self._writer = BackgroundWriter(name="projections", write=self._write_batch)

    @property
    def pending(self) -> int:
        """Values not yet stored."""
        return len(self._newest)

    def add(self, collection: str, values: Sequence[tuple[str, int, JournalDocument]]) -> None:
        """Queue (_id, seq, value); an older one that still waits is replaced. Returns at once."""
        for key, seq, value in values:
            waiting = self._newest.get((collection, key))
            if waiting is None or waiting[0] <= seq:
                self._newest[(collection, key)] = (seq, value)
        if self._newest:
            self._writer.wake()

    def close(self, *, timeout_seconds: float) -> bool:
        """Write what is queued; return whether all of it got through."""
        return self._writer.close(timeout_seconds=timeout_seconds) and not self._newest

    def _write_batch(self) -> bool:
        if not self._newest:
            return False
        collection = next(iter(self._newest))[0]
        batch = [(key, kept) for key, kept in self._newest.items() if key[0] == collection][:BATCH]
        updates = [
            {"q": {"_id": key[1], "seq": {"$lte": seq}}, "u": {**value, "_id": key[1], "seq": seq}, "upsert": True}
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
            if self._newest.get(key) is kept:
                del self._newest[key]
        return bool(self._newest)
