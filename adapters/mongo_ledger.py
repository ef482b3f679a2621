"""The journal in MongoDB: appended in order, durable on return, never twice, never silently shorter."""

import itertools
import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol, cast

import gevent
from bson import decode_all, encode
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from adapters.mongo_codec import CODEC, journal_bson
from adapters.mongo_projections import MongoProjections
from adapters.mongo_schema import DUPLICATE_KEY, JOURNAL, UNSTORABLE, VALIDATION_FAILED
from domain.errors import InvariantError, LedgerCorrupt, LedgerFenced, LedgerUnavailable
from domain.ports import Head, JournalDocument

log = logging.getLogger(__name__)

GENESIS = "0" * 64
PAGE = 500  # documents decoded without letting others run
ROOM_SECONDS = 30.0  # for the projections of what was read to be stored
REMEMBERED = 2000  # acknowledged documents kept to heal a server that lost some; about 2 kB each
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
_WHOSE = {"seq": True, "hash": True, "epoch": True}
_WITHOUT_SEQ = Head(seq=0, hash=GENESIS)


class Sealed(NamedTuple):
    """A document as it is sent, and sent again: byte for byte."""

    id: str
    seq: int
    prev: str
    hash: str
    bson: RawBSONDocument


class Losses(Protocol):
    """How often the driver lost its connections."""

    count: int


class MongoLedger:
    """The LedgerStore port. One writer: a second one is told so by the unique index on `seq`."""

    def __init__(self, database: Database[dict[str, Any]], *, losses: Losses) -> None:
        self._journal: Collection[JournalDocument] = database.get_collection(
            JOURNAL,
            codec_options=CODEC,
            write_concern=WriteConcern("majority", j=True),
            read_concern=ReadConcern("majority"),
        )
        self._database = database
        self._projections = MongoProjections(database)
        self._losses = losses
        self._losses_seen = -1  # the head is compared before the first append, too
        self._raw: Collection[RawBSONDocument] = self._journal.with_options(codec_options=RAW)
        self._acknowledged: deque[Sealed] = deque(maxlen=REMEMBERED)

    # --- reading ----------------------------------------------------------------------------------------------------

    def head(self) -> Head | None:
        """Return the newest document's seq and hash, or None before the first.

        Raises:
            LedgerUnavailable: the database did not answer.
        """
        head = self._head()
        return None if head is _WITHOUT_SEQ else head

    def read(self, *, after_seq: int) -> Iterator[JournalDocument]:
        """Yield documents with seq > after_seq in order; amounts are Decimals, dates aware and UTC.

        A reader that makes projections faster than they are stored waits for them now and then.

        Raises:
            LedgerUnavailable: the database did not answer, or stores no projections; what was yielded stays good.
        """
        while True:
            if not self._projections.wait_for_room(timeout_seconds=ROOM_SECONDS):
                raise LedgerUnavailable(f"the journal is read on when its projections are stored, {self.pending} wait")
            page = self._page(after_seq)
            yield from page
            if len(page) < PAGE:
                return
            after_seq = _seq(page[-1])
            gevent.sleep(0)

    def find(self, document_id: str) -> JournalDocument | None:
        """Return the document of that _id.

        Raises:
            LedgerUnavailable: the database did not answer.
        """
        try:
            return self._journal.find_one({"_id": document_id})
        except PyMongoError as error:
            _unavailable("read", error)

    def find_many(self, document_ids: Sequence[str]) -> dict[str, JournalDocument]:
        """Return those of the documents that exist, by their _id: one query.

        Raises:
            LedgerUnavailable: the database did not answer.
        """
        try:
            found = list(self._journal.find({"_id": {"$in": list(document_ids)}}))
        except PyMongoError as error:
            _unavailable("read", error)
        return {str(document["_id"]): document for document in found}

    def latest_checkpoint(self) -> JournalDocument | None:
        """Return the newest document of type checkpoint.

        Raises:
            LedgerUnavailable: the database did not answer.
        """
        try:
            return self._journal.find_one({"type": "checkpoint"}, sort=[("seq", -1)])
        except PyMongoError as error:
            _unavailable("read", error)

    # --- appending --------------------------------------------------------------------------------------------------

    def append(self, documents: Sequence[JournalDocument]) -> None:
        """Store all, in order, durable (majority, journaled) on return. Sending the same ones again is success.

        After every lost connection, and before the first append, the stored head is compared with what was
        acknowledged: what a server lost is put back from memory.

        Raises:
            LedgerUnavailable: outcome unknown; send the same again later.
            LedgerFenced: another writer used a seq.
            LedgerCorrupt: an _id exists with another hash, or acknowledged documents are gone.
            InvariantError: the documents are no chain, or the database's own rules refuse one.
        """
        if not documents:
            return
        _check_chain(documents)
        losses = self._losses.count
        try:
            sealed = [encoded(document) for document in documents]
            if losses != self._losses_seen:
                self._compare_head(documents)
            self._insert(sealed)
        except PyMongoError as error:
            self._losses_seen = -1
            if getattr(error, "code", None) in UNSTORABLE:
                raise InvariantError("a journal document must fit into BSON, was malformed or too large") from error
            _unavailable("written", error)
        except (BSONError, ArithmeticError) as error:
            raise InvariantError(f"a journal document must fit into BSON, did not: {error}") from error
        except LedgerUnavailable:
            self._losses_seen = -1
            raise
        self._losses_seen = losses
        self._acknowledged.extend(sealed)

    def project(self, collection: str, values: Sequence[tuple[str, int, JournalDocument]]) -> None:
        """Write absolute (_id, seq, value) projections guarded by seq, in the background; losing them is harmless."""
        self._projections.add(collection, values)

    def projected(self, collection: str) -> tuple[JournalDocument, ...]:
        """Return all stored values of a collection of projections, with `_id` and `seq`.

        Raises:
            LedgerUnavailable: the database did not answer.
        """
        try:
            return tuple(self._database.get_collection(collection, codec_options=CODEC).find({}))
        except PyMongoError as error:
            _unavailable("read", error)

    @property
    def pending(self) -> int:
        """Projections not yet stored."""
        return self._projections.pending

    def close(self, *, timeout_seconds: float) -> bool:
        """Write what is queued; return whether all of it got through."""
        return self._projections.close(timeout_seconds=timeout_seconds)

    # --- helpers ----------------------------------------------------------------------------------------------------

    def _head(self) -> Head:
        try:
            newest = self._journal.find_one({}, {"seq": True, "hash": True}, sort=[("seq", -1)])
        except PyMongoError as error:
            _unavailable("read", error)
        return _WITHOUT_SEQ if newest is None else Head(seq=_seq(newest), hash=str(newest["hash"]))

    def _page(self, after_seq: int) -> list[JournalDocument]:
        try:
            # Raw batches: the driver decodes documents of its own cursors twice where types are converted.
            batches = self._journal.find_raw_batches({"seq": {"$gt": after_seq}}, sort=[("seq", 1)], limit=PAGE)
            return [document for batch in batches for document in decode_all(cast("bytes", batch), CODEC)]
        except PyMongoError as error:
            _unavailable("read", error)

    def _insert(self, documents: Sequence[Sealed]) -> None:
        """Insert, and read what is there already as the answer to an earlier attempt."""
        rest = list(documents)
        while rest:
            try:
                self._raw.insert_many([document.bson for document in rest], ordered=True)
                return
            except BulkWriteError as error:
                failed = (error.details.get("writeErrors") or [{}])[0]
            code = failed.get("code")
            if code == VALIDATION_FAILED:
                raise InvariantError(f"the database refused {rest[failed['index']].id!r}: {_rules(failed)}")
            if code != DUPLICATE_KEY:
                raise LedgerUnavailable(f"the journal was not written (code {code or 'of the write concern'})")
            rest = self._without_stored(rest[failed["index"] :], failed.get("keyPattern") or {})

    def _without_stored(self, documents: list[Sealed], key: Mapping[str, object]) -> list[Sealed]:
        """Return the suffix of `documents` that is still to be stored; the first one collided on `key`."""
        first = documents[0]
        wanted = {"$or": [{"_id": {"$in": [document.id for document in documents]}}, {"seq": first.seq}]}
        stored = {str(d["_id"]): d for d in self._journal.find(wanted, _WHOSE)}
        done = 0
        for document in documents:
            other = stored.get(document.id)
            if other is None:
                break
            if other["hash"] != document.hash and _seq(other) >= first.seq:
                raise _fenced(other)
            if other["hash"] != document.hash:
                raise LedgerCorrupt(
                    f"{document.id!r} must have one hash, seq {other['seq']} has {other['hash']} "
                    f"and {document.hash} was to be written"
                )
            done += 1
        if done:
            return documents[done:]
        other = next((other for other in stored.values() if other["seq"] == first.seq), None)
        if "seq" in key and other is not None:
            raise _fenced(other)
        raise LedgerUnavailable(f"{first.id!r} is written and not yet durable")

    def _compare_head(self, documents: Sequence[JournalDocument]) -> None:
        """Check that the stored journal ends where `documents` begin, or with a prefix of them."""
        expected = Head(seq=_seq(documents[0]) - 1, hash=str(documents[0]["prev"]))
        found = self._head()
        if found == expected:
            return
        if found.seq < expected.seq:
            self._put_back(found, expected)
        elif found.seq == expected.seq:
            raise LedgerCorrupt(f"seq {found.seq} must have hash {expected.hash}, was {found.hash}")
        else:
            self._expect_prefix(documents)

    def _put_back(self, found: Head, expected: Head) -> None:
        """Store again what the server acknowledged and lost, from memory, byte for byte."""
        lost = [document for document in self._acknowledged if document.seq > found.seq]
        whole = len(lost) == expected.seq - found.seq and lost[0].prev == found.hash and lost[-1].hash == expected.hash
        if not whole:
            raise LedgerCorrupt(f"the journal must end with seq {expected.seq}, it ends with {found.seq}")
        log.error("the database lost acknowledged events %s to %s: they are stored again", found.seq + 1, expected.seq)
        self._insert(lost)

    def _expect_prefix(self, documents: Sequence[JournalDocument]) -> None:
        """Check that everything stored from the first seq on is ours: the outcome of an unknown write."""
        ours = {_seq(document): document["hash"] for document in documents}
        first = _seq(documents[0])
        stored = self._journal.find({"seq": {"$gte": first}}, _WHOSE).sort("seq", 1)
        for other in stored.limit(len(documents) + 1):
            if ours.get(_seq(other)) != other["hash"]:
                raise _fenced(other)


def _fenced(other: Mapping[str, object]) -> LedgerFenced:
    """Return the error about a document of another writer where our next one was to stand."""
    epoch = other.get("epoch")
    return LedgerFenced(
        f"seq {other['seq']} must be written by this desk, another writer used it for {other['_id']!r}",
        epoch=epoch if isinstance(epoch, int) else None,
    )


def encoded(document: JournalDocument) -> Sealed:
    """Return `document` as it is sent."""
    return Sealed(
        id=str(document["_id"]),
        seq=cast("int", document["seq"]),
        prev=str(document["prev"]),
        hash=str(document["hash"]),
        bson=RawBSONDocument(encode(journal_bson(document), codec_options=CODEC), RAW),
    )


def _check_chain(documents: Sequence[JournalDocument]) -> None:
    for before, after in itertools.pairwise(documents):
        if _seq(after) != _seq(before) + 1 or after["prev"] != before["hash"]:
            raise InvariantError(f"seq {after['seq']} must continue seq {before['seq']} and its hash, did not")


def _seq(document: Mapping[str, object]) -> int:
    seq = document["seq"]
    if not isinstance(seq, int):
        raise LedgerCorrupt(f"seq must be a whole number, was {seq!r}")
    return seq


def _rules(failed: Mapping[str, Any]) -> str:
    """Return what MongoDB says about a document it refused, shortened."""
    return str(failed.get("errInfo", {}).get("details", {}))[:500]


def _unavailable(what: str, error: PyMongoError) -> NoReturn:
    code = getattr(error, "code", None)
    reason = type(error).__name__ + (f", code {code}" if code is not None else "")
    raise LedgerUnavailable(f"the journal could not be {what} ({reason})") from error
