"""Finding the journal: the settings, MONGODB_URI or the embedded database, and which of the desk's databases."""

import contextlib
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import InvalidName, PyMongoError

from adapters.mongod import EmbeddedMongod, running_uri
from adapters.mongod_files import DatabaseFiles
from domain.errors import LedgerUnavailable, SettingsError
from settings import Settings, load_settings

SERVER_SELECTION_MS = 10_000
CONNECT_MS = 5000
ANSWER_MS = 30_000  # for one page of documents, or for sorting a collection: a frozen server is given up after this
LONGEST_NAME = 63  # bytes of a database's name
SUFFIXES = {"simulated": "_sim", "recorded": "_rec"}  # by market.source; real prices have none
RAW: CodecOptions[dict[str, Any]] = CodecOptions(
    document_class=dict,
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,  # a date beyond the year 9999 is read, to be named
    unicode_decode_error_handler="surrogateescape",  # and so is what is no UTF-8
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSource:
    """An open connection to one ledger."""

    database: Database[dict[str, Any]]
    name: str
    place: str  # how it was reached, for people; no secret
    data_dir: Path
    remarks: tuple[str, ...]  # what the reader should know about the choice


def read_settings(path: str | None) -> Settings:
    """Return the settings of `path`, or of settings.yaml.

    Raises:
        SettingsError: the file is wrong or missing.
    """
    return load_settings(path or "settings.yaml", serving=False)


@contextmanager
def open_ledger(settings: Settings, database: str | None) -> Iterator[LedgerSource]:
    """Connect; start the embedded database for as long as this lasts, where no desk runs it.

    Args:
        settings: say where and, without `database`, which.
        database: the exact name of the database, with its suffix.

    Raises:
        SettingsError: there is no journal to be read, or no way to it.
        LedgerUnavailable: the database does not answer.
    """
    data_dir = Path(settings.storage.data_dir).expanduser().absolute()
    with _server(settings, data_dir) as (uri, place):
        client: MongoClient[dict[str, Any]] = _client(uri)
        try:
            name, remarks = _choose(client, settings, database)
            yield LedgerSource(
                database=client.get_database(name, codec_options=RAW),
                name=name,
                place=place,
                data_dir=data_dir,
                remarks=remarks,
            )
        except PyMongoError as error:
            raise LedgerUnavailable(f"the database did not answer ({type(error).__name__})") from error
        finally:
            client.close()


@contextmanager
def _server(settings: Settings, data_dir: Path) -> Iterator[tuple[str, str]]:
    secret = settings.secrets.mongodb_uri
    if secret is not None:
        yield secret.get_secret_value(), "MONGODB_URI"
        return
    files = DatabaseFiles.of(data_dir)
    if not files.access.exists():
        raise SettingsError(f"storage.data_dir must hold a database, none was found in {data_dir}")
    with contextlib.ExitStack() as turn:
        turn.enter_context(_turn(files.folder / "tools.lock"))
        running = running_uri(data_dir)
        if running is not None:
            turn.close()
            yield running, f"the running desk's database in {data_dir}"
            return
        server = EmbeddedMongod(data_dir=data_dir)
        turn.callback(server.stop)
        yield server.start(watch=False), f"the database in {data_dir}, started for this command"


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait until no other command runs the database: it would end the server under this one."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _client(uri: str) -> MongoClient[dict[str, Any]]:
    """A client with time for each answer, not for all: reading a large journal takes many of them."""
    try:
        return MongoClient(
            uri,
            serverSelectionTimeoutMS=SERVER_SELECTION_MS,
            connectTimeoutMS=CONNECT_MS,
            socketTimeoutMS=ANSWER_MS,
            retryReads=False,  # a cursor that broke off cannot go on: the audit begins anew when it is asked again
            appname="quorum-ledger",
        )
    except (PyMongoError, ValueError, TypeError) as error:
        raise SettingsError(
            f"MONGODB_URI must be a MongoDB connection string, was refused by the driver ({type(error).__name__})"
        ) from None


def _choose(
    client: MongoClient[dict[str, Any]], settings: Settings, database: str | None
) -> tuple[str, tuple[str, ...]]:
    base = settings.storage.database
    family = [base + suffix for suffix in ("", "_sim", "_rec")]
    if database is not None:
        if not _is_name(client, database):
            raise SettingsError(f"--database must be the name of a database, was {database!r}")
        if not _has_journal(client, database):
            raise SettingsError(f"--database must name a database with a journal, {database} has none")
        return database, ()
    existing = [name for name in family if _has_journal(client, name)]
    if not existing:
        raise SettingsError(f"there must be a journal in {', '.join(family)}, none was found")
    source = settings.market.source
    wanted = base + SUFFIXES.get(source, "")
    chosen = wanted if wanted in existing else existing[0]
    remarks = [f"market.source {source} means {wanted}, which has no journal"] if chosen != wanted else []
    others = [name for name in existing if name != chosen]
    if others:
        remarks.append(f"{chosen} was read; also there: {', '.join(others)} (name one with --database)")
    return chosen, tuple(remarks)


def _is_name(client: MongoClient[dict[str, Any]], database: str) -> bool:
    try:
        return len(client[database].name.encode()) <= LONGEST_NAME
    except (InvalidName, UnicodeEncodeError):
        return False


def _has_journal(client: MongoClient[dict[str, Any]], database: str) -> bool:
    return client[database]["journal"].find_one({}, {"_id": True}) is not None
