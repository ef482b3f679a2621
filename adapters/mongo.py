"""The database: one client, and the stores that share it."""

import logging
from typing import Any

import pymongo.monitoring
from pymongo import MongoClient
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError

from adapters.mongo_archive import MongoArchive
from adapters.mongo_budget import MongoBudget
from adapters.mongo_ledger import MongoLedger
from adapters.mongo_schema import prepare
from domain.errors import LedgerUnavailable, SettingsError

log = logging.getLogger(__name__)

SERVER_SELECTION_MS = 2000
OPERATION_MS = 5000  # a frozen server is given up after this long


def connect(uri: str, *listeners: pymongo.monitoring._EventListener) -> MongoClient[dict[str, Any]]:
    """Return a client with the desk's time limits; it connects when first used.

    Raises:
        SettingsError: the driver refuses the connection string (which may hold a password and is not repeated).
    """
    try:
        return MongoClient(
            uri,
            serverSelectionTimeoutMS=SERVER_SELECTION_MS,
            connectTimeoutMS=2000,
            timeoutMS=OPERATION_MS,
            maxPoolSize=20,
            waitQueueTimeoutMS=3000,
            retryWrites=True,
            tz_aware=True,
            appname="quorum",
            event_listeners=list(listeners),
        )
    except (InvalidURI, ConfigurationError, ValueError, TypeError) as error:
        kind = type(error).__name__
        raise SettingsError(
            f"MONGODB_URI must be a MongoDB connection string, was refused by the driver ({kind})"
        ) from None


class MongoStores:
    """All stores of one database, on one client.

    Create it after `monkey.patch_all()` and after any fork, once per process; `close` it before the process ends.
    Real, simulated and recorded prices have databases of their own: the caller names the right one.
    """

    def __init__(self, *, uri: str, database: str) -> None:
        """Args:
        uri: connection string of a replica set.
        database: name with its suffix (`_sim`, `_rec`), if any.
        """
        self._losses = _ConnectionLosses()
        self.client = connect(uri, self._losses)
        self.name = database
        self._database = self.client[database]
        self.ledger = MongoLedger(self._database, losses=self._losses)
        self.archive = MongoArchive(self._database)
        self.budget = MongoBudget(self._database)

    def prepare(self) -> None:
        """Create collections, validators and indexes where they are missing or changed; call before first use.

        Raises:
            LedgerUnavailable: the database cannot be reached.
            SettingsError: it refuses the login or the commands.
        """
        try:
            if not self.client.admin.command("hello").get("setName"):
                log.warning("the database is no replica set: a write may fail where a replica set would retry it")
            prepare(self._database)
        except OperationFailure as error:
            raise SettingsError(
                f"MONGODB_URI must let the desk use {self.name}, was refused (code {error.code})"
            ) from None
        except PyMongoError as error:
            raise LedgerUnavailable(f"the database did not answer ({type(error).__name__})") from error

    def is_up(self) -> bool:
        """Return whether the database answers now; blocks for 2 s at most when it does not."""
        try:
            with pymongo.timeout(2.0):
                self.client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    @property
    def pending(self) -> int:
        """Documents queued in the background and not yet stored."""
        return self.ledger.pending + self.archive.pending + self.budget.pending

    def close(self, *, timeout_seconds: float = 5.0) -> bool:
        """Write what is queued, then disconnect; return False when something was left after `timeout_seconds`."""
        flushed = [part.close(timeout_seconds=timeout_seconds) for part in (self.budget, self.ledger, self.archive)]
        self.client.close()
        return all(flushed)


class _ConnectionLosses(pymongo.monitoring.ConnectionPoolListener):
    """Counts how often the driver gave up its connections: after one, the ledger's head is compared again."""

    def __init__(self) -> None:
        self.count = 0

    def pool_cleared(self, event: pymongo.monitoring.PoolClearedEvent) -> None:
        self.count += 1

    def pool_created(self, event: pymongo.monitoring.PoolCreatedEvent) -> None: ...

    def pool_ready(self, event: pymongo.monitoring.PoolReadyEvent) -> None: ...

    def pool_closed(self, event: pymongo.monitoring.PoolClosedEvent) -> None: ...

    def connection_created(self, event: pymongo.monitoring.ConnectionCreatedEvent) -> None: ...

    def connection_ready(self, event: pymongo.monitoring.ConnectionReadyEvent) -> None: ...

    def connection_closed(self, event: pymongo.monitoring.ConnectionClosedEvent) -> None: ...

    def connection_check_out_started(self, event: pymongo.monitoring.ConnectionCheckOutStartedEvent) -> None: ...

    def connection_check_out_failed(self, event: pymongo.monitoring.ConnectionCheckOutFailedEvent) -> None: ...

    def connection_checked_out(self, event: pymongo.monitoring.ConnectionCheckedOutEvent) -> None: ...

    def connection_checked_in(self, event: pymongo.monitoring.ConnectionCheckedInEvent) -> None: ...
