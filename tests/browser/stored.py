"""What the database of a running desk says, for comparison with a page."""

from contextlib import closing
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from adapters.mongo_codec import CODEC
from adapters.mongod import running_uri

Document = dict[str, Any]


def stored(folder: Path, database: str, collection: str, *, limit: int = 0, **where: Any) -> list[Document]:
    """Return documents of the desk that runs on `folder`, newest first."""
    uri = running_uri(folder / "var")
    assert uri is not None, "no desk runs there"
    by = "seq" if collection == "journal" else "ts"
    with closing(MongoClient(uri, serverSelectionTimeoutMS=30_000)) as client:
        found = client[database].get_collection(collection, codec_options=CODEC).find(where)
        return list(found.sort(by, -1).limit(limit))
