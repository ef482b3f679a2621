"""Reservations of model spend: stored before the call, settled after it."""

import logging
from decimal import Decimal
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from adapters.background import BackgroundWriter
from adapters.clock import SystemClock
from adapters.mongo_codec import CODEC, date
from adapters.mongo_schema import BUDGET
from domain.errors import AlreadyReserved, LedgerUnavailable

log = logging.getLogger(__name__)


class MongoBudget:
    """The BudgetStore port. A reservation that is never settled counts at its full amount."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._calls = database.get_collection(
            BUDGET,
            codec_options=CODEC,
            write_concern=WriteConcern("majority", j=True),
            read_concern=ReadConcern("majority"),
        )
        self._owner = str(ObjectId())  # of this process: it settles what it reserved itself, whatever the ids
        self._settled: dict[str, Decimal] = {}
        self._clock = SystemClock()  # retention is real time
        self._writer = BackgroundWriter(name="settlements", write=self._write_settlements)

    @property
    def pending(self) -> int:
        """Settlements not yet stored."""
        return len(self._settled)

    def spent(self, *, day: str) -> tuple[tuple[str, Decimal], ...]:
        """Return (analyst, USD) settled and reserved on that UTC day, by name.

        Raises:
            LedgerUnavailable: the database did not answer.
        """
        sums: dict[str, Decimal] = {}
        try:
            for call in self._calls.find({"day": day}, {"analyst": True, "usd": True, "owner": True}):
                analyst, usd = call["analyst"], call["usd"]
                if isinstance(analyst, str) and isinstance(usd, Decimal):
                    own = call.get("owner") == self._owner
                    spent = self._settled.get(str(call["_id"]), usd) if own else usd
                    sums[analyst] = sums.get(analyst, Decimal(0)) + spent
        except PyMongoError as error:
            raise LedgerUnavailable(f"the budget could not be read ({type(error).__name__})") from error
        return tuple(sorted(sums.items()))

    def reserve(self, *, call_id: str, analyst: str, day: str, usd: Decimal) -> None:
        """Store the reservation, durable on return.

        Raises:
            LedgerUnavailable: it may not have been stored: do not call.
            AlreadyReserved: that id stands for an earlier call, whose reservation stays as it is: do not call.
        """
        document = {"_id": call_id, "analyst": analyst, "day": day, "usd": usd, "reserved": usd, "settled": False}
        document["owner"] = self._owner
        try:
            self._calls.insert_one({**document, "stored_at": date(self._clock.now_ms())})
        except DuplicateKeyError:
            raise AlreadyReserved(f"a call {call_id} was reserved before") from None
        except PyMongoError as error:
            raise LedgerUnavailable(f"the reservation was not stored ({type(error).__name__})") from error

    def settle(self, *, call_id: str, usd: Decimal) -> None:
        """Replace one's own reservation by what was spent, in the background; a repeat is harmless."""
        self._settled[call_id] = usd
        self._writer.wake()

    def close(self, *, timeout_seconds: float) -> bool:
        """Write what is queued; return whether all of it got through."""
        return self._writer.close(timeout_seconds=timeout_seconds) and not self._settled

    def _write_settlements(self) -> bool:
        batch = dict(self._settled)
        if batch:
            updates = [
                UpdateOne({"_id": key, "owner": self._owner}, {"$set": {"usd": usd, "settled": True}})
                for key, usd in batch.items()
            ]
            matched = self._calls.bulk_write(updates, ordered=False).matched_count
            if matched < len(batch):
                log.warning("%s settlements had no reservation", len(batch) - matched)
        for call_id, usd in batch.items():
            if self._settled.get(call_id) is usd:
                del self._settled[call_id]
        return bool(self._settled)
