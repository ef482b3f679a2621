"""From a listening mongod to a writable, authenticated one-node replica set. Every step may be repeated."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from adapters.mongod_files import ADMIN, HOST, SERVICE, Access, DatabaseFiles
from domain.errors import LedgerUnavailable

log = logging.getLogger(__name__)

ALREADY_INITIALIZED, UNAUTHORIZED, USER_EXISTS = 23, 13, 51003
NOT_YET_INITIALIZED, RECONFIG_IN_PROGRESS = 94, 109
POLL_SECONDS = 0.02
SERVICE_ROLES = ("readWriteAnyDatabase", "dbAdminAnyDatabase", "clusterMonitor")


def set_up(
    access: Access, files: DatabaseFiles, version: tuple[int, int, int], alive: Callable[[float], None]
) -> Access:
    """Initiate the replica set and the users where that is still to do; wait until the server takes writes.

    Args:
        access: what is stored about this server.
        files: where changes of it are stored.
        version: the running server's.
        alive: called while waiting, with the seconds waited; raises when there is no use in waiting on.

    Returns:
        What is stored now.
    """
    if not access.member_port:
        with _client(access) as client:
            _initiate(client, access.port)
        access = access.having(files, member_port=access.port)
    if access.member_port != access.port:
        with _client(access, ADMIN) as client:
            _move_member(client, access.port, alive)
        access = access.having(files, member_port=access.port)
    with _client(access) as client:
        _wait_writable(client, alive)
        if not access.users:
            _create_admin(client, access)
    if not access.users:
        with _client(access, ADMIN) as client:
            _create_service_user(client, access)
        access = access.having(files, users=True)
    return _record_version(access, files, version)


@contextmanager
def _client(access: Access, user: str | None = None) -> Iterator[MongoClient[dict[str, Any]]]:
    """A throw-away client: one made before the replica set exists would keep believing that there is none."""
    client: MongoClient[dict[str, Any]] = MongoClient(
        HOST,
        access.port,
        username=user,
        password=access.admin_password if user else None,
        directConnection=True,
        serverSelectionTimeoutMS=5000,
        connectTimeoutMS=2000,
        timeoutMS=10_000,
    )
    try:
        yield client
    finally:
        client.close()


def _initiate(client: MongoClient[dict[str, Any]], port: int) -> None:
    config = {"_id": "rs0", "members": [{"_id": 0, "host": f"{HOST}:{port}"}]}
    try:
        client.admin.command("replSetInitiate", config)
    except OperationFailure as error:
        if error.code not in (ALREADY_INITIALIZED, UNAUTHORIZED):
            raise


def _move_member(client: MongoClient[dict[str, Any]], port: int, alive: Callable[[float], None]) -> None:
    """Write the new port into the replica set's configuration, which knows the member by address."""
    began = time.monotonic()
    while True:
        try:
            config = client.admin.command("replSetGetConfig")["config"]
            config["members"][0]["host"] = f"{HOST}:{port}"
            config["version"] += 1
            client.admin.command("replSetReconfig", config, force=True)
            return
        except OperationFailure as error:
            if error.code not in (NOT_YET_INITIALIZED, RECONFIG_IN_PROGRESS):
                raise
        alive(time.monotonic() - began)
        time.sleep(POLL_SECONDS)


def _wait_writable(client: MongoClient[dict[str, Any]], alive: Callable[[float], None]) -> None:
    began = time.monotonic()
    while True:
        try:
            if client.admin.command("hello").get("isWritablePrimary"):
                return
        except PyMongoError as error:
            log.debug("the database is not ready: %s", type(error).__name__)
        alive(time.monotonic() - began)
        time.sleep(POLL_SECONDS)


def _create_admin(client: MongoClient[dict[str, Any]], access: Access) -> None:
    """Create the first user through the localhost exception, which ends with it."""
    try:
        client.admin.command("createUser", ADMIN, pwd=access.admin_password, roles=["root"])
    except OperationFailure as error:
        if error.code not in (USER_EXISTS, UNAUTHORIZED):
            raise


def _create_service_user(client: MongoClient[dict[str, Any]], access: Access) -> None:
    try:
        client.admin.command("createUser", SERVICE, pwd=access.password, roles=list(SERVICE_ROLES))
    except OperationFailure as error:
        if error.code != USER_EXISTS:
            raise


def _record_version(access: Access, files: DatabaseFiles, version: tuple[int, int, int]) -> Access:
    """Store the server's version; after an upgrade allow its data format, so that the next one is possible too."""
    written = ".".join(map(str, version))
    if access.server_version == written:
        return access
    series = "{}.{}".format(*version[:2])
    if access.server_version and not access.server_version.startswith(series + "."):
        command: dict[str, Any] = {"setFeatureCompatibilityVersion": series}
        if version[0] >= 7:
            command["confirm"] = True
        try:
            with _client(access, ADMIN) as client:
                client.admin.command(command)
        except OperationFailure as error:
            raise LedgerUnavailable(f"the database could not be upgraded to {series} (code {error.code})") from error
    return access.having(files, server_version=written)
