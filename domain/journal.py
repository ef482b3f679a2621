"""The journal's documents: one canonical form, a hash over it, a chain of hashes, and the check of one link.

A document is a dict of str, int, bool, Decimal, aware datetime, dict and list: what a BSON round trip gives back
unchanged. No float, no null (absent is left out).
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain import canonical as canonical_json
from domain import money
from domain.errors import InvariantError, LedgerCorrupt
from domain.ports import JournalDocument

SCHEMA_VERSION = 1
GENESIS = "0" * 64  # `prev` of the first document
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def canonical(document: Mapping[str, object]) -> bytes:
    """Return the canonical JSON of `document` without its `hash`: UTF-8, sorted keys, no spaces.

    Decimals are strings without exponent or trailing zeros, dates integer milliseconds.

    Raises:
        InvariantError: a value that would not survive a BSON round trip (float, null, too many digits ...).
    """
    if "hash" in document:
        document = {key: value for key, value in document.items() if key != "hash"}
    try:
        return canonical_json.text(document).encode()
    except UnicodeEncodeError as error:
        raise InvariantError(f"text must be Unicode, holds half a character: {error.object[error.start]!a}") from None


def digest(document: Mapping[str, object], prev: str) -> str:
    """Return the hash that chains `document` to `prev`: SHA-256 of `prev` + canonical JSON, in hexadecimal."""
    return hashlib.sha256(prev.encode() + canonical(document)).hexdigest()


def seal(document: JournalDocument, prev: str) -> JournalDocument:
    """Return `document` with `v`, `prev` and `hash`. The chain's first `prev` is GENESIS.

    Raises:
        InvariantError: its postings do not sum to zero, or it holds what cannot be stored.
    """
    if unbalanced := imbalance(document):
        raise InvariantError(f"postings of {document['_id']} must sum to zero per asset, found {unbalanced}")
    sealed: JournalDocument = {**document, "v": SCHEMA_VERSION, "prev": prev}
    sealed["hash"] = digest(sealed, prev)
    return sealed


def verify(document: JournalDocument, *, seq: int, prev: str) -> None:
    """Check that `document` is the one after `prev`: number, chain, hash and zero sums.

    Raises:
        LedgerCorrupt: names the document and what differs.
    """
    name = f"journal document {document.get('_id')!r} (seq {document.get('seq')})"
    if document.get("seq") != seq:
        raise LedgerCorrupt(f"{name} must have seq {seq}: the journal has a gap")
    if document.get("prev") != prev:
        raise LedgerCorrupt(f"{name} must follow {prev}, but names {document.get('prev')} as its predecessor")
    try:
        expected = digest(document, prev)
    except InvariantError as error:
        raise LedgerCorrupt(f"{name} cannot be hashed: {error}") from error
    if document.get("hash") != expected:
        raise LedgerCorrupt(f"{name} must have hash {expected}, has {document.get('hash')}: it was changed")
    if unbalanced := imbalance(document):
        raise LedgerCorrupt(f"{name} must have postings that sum to zero per asset, found {unbalanced}")


def unknown_version(document: Mapping[str, object]) -> str:
    """Return in one sentence why this program cannot go on with a journal that ends so; empty when it can.

    What is no version at all is a mismatch, for the audit to find.
    """
    version = document.get("v")
    if not isinstance(version, int) or version <= SCHEMA_VERSION:
        return ""
    return (
        f"the journal must be of schema version {SCHEMA_VERSION} or older, document seq {document.get('seq')} is of "
        f"{version!r}: it was written by a newer program, install that one"
    )


def imbalance(document: Mapping[str, object]) -> str:
    """Return the assets whose postings do not sum to zero, with their sums; empty when balanced."""
    sums: dict[str, Decimal] = {}
    postings = document.get("postings", [])
    assert isinstance(postings, list)
    for posting in postings:
        sums[posting["asset"]] = sums.get(posting["asset"], money.ZERO) + posting["amount"]
    return ", ".join(f"{asset} {money.text(total)}" for asset, total in sums.items() if total)


def date(ms: int) -> datetime:
    """Return epoch milliseconds as an aware UTC datetime, exactly."""
    return _EPOCH + ms * _MILLISECOND


def epoch_ms(value: datetime) -> int:
    """Return an aware datetime as epoch milliseconds, exactly."""
    try:
        return canonical_json.epoch_ms(value)
    except InvariantError as error:
        raise InvariantError(f"a date {error}") from None
