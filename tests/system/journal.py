"""The journal as it lies in the database, and what follows from it by plain addition: no code of the desk's."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from adapters.mongod import running_uri

Document = dict[str, Any]


def read_journal(uri: str, database: str) -> list[Document]:
    """Return all documents, oldest first; decimals as Decimal."""
    with closing(MongoClient(uri, serverSelectionTimeoutMS=10_000)) as client:
        return [_plain(document) for document in client[database]["journal"].find().sort("seq")]


def read_embedded(folder: Path, database: str) -> list[Document]:
    """Return the journal of the desk that runs on `folder`, with its embedded database."""
    uri = running_uri(folder / "var")
    assert uri is not None, "no desk runs there"
    return read_journal(uri, database)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value.to_decimal() if hasattr(value, "to_decimal") else value


def balances(documents: Iterable[Document]) -> dict[tuple[str, str], Decimal]:
    """Return the sum of all postings by (account, asset)."""
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for document in documents:
        for leg in document.get("postings", ()):
            sums[leg["account"], leg["asset"]] += Decimal(leg["amount"])
    return sums


def positions(documents: Iterable[Document]) -> dict[str, Document]:
    """Return the newest `position` of each pair that is not flat."""
    newest = {document["position"]["symbol"]: document["position"] for document in documents if "position" in document}
    return {pair: position for pair, position in newest.items() if position["direction"] != "flat"}


def fills(documents: Iterable[Document]) -> list[Document]:
    return [document for document in documents if document["type"] in ("fill", "liquidation")]
