"""Collections, validators and indexes of a desk's database."""

from collections.abc import Mapping
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import CollectionInvalid

DAY_SECONDS = 86_400
NAMESPACE_EXISTS, DUPLICATE_KEY, VALIDATION_FAILED = 48, 11000, 121  # codes of the server
UNSTORABLE = (22, 10334)  # its codes for a document that is malformed or larger than 16 MiB
JOURNAL = "journal"
BUDGET = "llm_budget"
RETENTION_DAYS = {  # equity and the journal are kept for ever
    "opinions": 90,
    "settlements": 90,
    "decisions": 90,
    "llm_calls": 90,
    "savings": 7,
    "news": 30,
    "audits": 90,
    BUDGET: 90,
}
ARCHIVES = ("opinions", "settlements", "savings", "decisions", "llm_calls", "news", "equity", "audits")
BY_ANALYST = ("opinions", "settlements", "savings")  # read back by an analyst at its start
DEEPEST = 6  # levels of nesting in a journal document; a checkpoint has 5

JOURNAL_TYPES = (
    *("deposit", "order", "fill", "cancel", "amend", "liquidation"),
    *("correction", "settings", "control", "checkpoint"),
)
_SCALARS = ["string", "int", "long", "decimal", "bool", "date"]  # no double and no null


def prepare(database: Database[dict[str, Any]]) -> None:
    """Create what is missing and renew what has changed. May be repeated."""
    existing = {info["name"]: info.get("options", {}) for info in database.list_collections()}
    _prepare_journal(database, existing.get(JOURNAL))
    for name in (*ARCHIVES, BUDGET):
        if name not in existing:
            _create(database, name)
        indexes = [IndexModel([("ts", DESCENDING)], name="ts")] if name != BUDGET else [IndexModel("day", name="day")]
        if name in BY_ANALYST:
            indexes.append(IndexModel([("analyst", ASCENDING), ("ts", DESCENDING)], name="analyst_ts"))
        if name == "settlements":  # what makes a scorecard, read at every start
            counted = [("analyst", ASCENDING), ("label", ASCENDING), ("counted", ASCENDING), ("ts", DESCENDING)]
            indexes.append(IndexModel(counted, name="counted"))
        if name in RETENTION_DAYS:
            seconds = RETENTION_DAYS[name] * DAY_SECONDS
            indexes.append(IndexModel("stored_at", name="retention", expireAfterSeconds=seconds))
        database[name].create_indexes(indexes)


def _prepare_journal(database: Database[dict[str, Any]], options: Mapping[str, Any] | None) -> None:
    validator = journal_validator()
    if options is None:
        _create(database, JOURNAL, validator=validator)
    elif options.get("validator") != validator:
        database.command("collMod", JOURNAL, validator=validator, validationLevel="strict", validationAction="error")
    database[JOURNAL].create_indexes(
        [
            IndexModel([("seq", ASCENDING)], name="seq", unique=True),
            IndexModel([("symbol", ASCENDING), ("ts", ASCENDING)], name="symbol_ts"),
            IndexModel("order_id", name="order_id"),
            IndexModel(
                [("type", ASCENDING), ("seq", DESCENDING)],
                name="checkpoints",
                partialFilterExpression={"type": "checkpoint"},
            ),
        ]
    )


def _create(database: Database[dict[str, Any]], name: str, **options: Any) -> None:
    try:
        database.create_collection(name, check_exists=False, **options)
    except CollectionInvalid:
        return
    except Exception as error:
        if getattr(error, "code", None) != NAMESPACE_EXISTS:  # another process was faster
            raise


def journal_validator() -> dict[str, Any]:
    """Return the validator of the journal: the shape of DESIGN's documents, no float and no null at any depth, and
    postings that sum to exactly zero for each asset."""
    return {"$and": [{"$jsonSchema": _journal_schema()}, {"$expr": _balanced()}]}


def _journal_schema() -> dict[str, Any]:
    digest = {"bsonType": "string", "pattern": "^[0-9a-f]{64}$"}
    text = {"bsonType": "string", "minLength": 1}
    whole = {"bsonType": ["int", "long"]}
    return {
        "bsonType": "object",
        "required": ["_id", "seq", "type", "ts", "recorded_at", "epoch", "prev", "hash", "v"],
        "properties": {
            "_id": text,
            "seq": {"bsonType": "long", "minimum": 1},
            "type": {"enum": list(JOURNAL_TYPES)},
            "ts": {"bsonType": "long"},
            "recorded_at": {"bsonType": "date"},
            "epoch": whole,
            "v": whole,
            "prev": digest,
            "hash": digest,
            "symbol": text,
            "order_id": text,
            "postings": _legs("amount"),
            "after": _legs("balance"),
        },
        "additionalProperties": _exact(DEEPEST),
    }


def _legs(amount: str) -> dict[str, Any]:
    return {
        "bsonType": "array",
        "items": {
            "bsonType": "object",
            "required": ["account", "asset", amount],
            "properties": {
                "account": {"bsonType": "string"},
                "asset": {"bsonType": "string"},
                amount: {"bsonType": "decimal"},
            },
            "additionalProperties": False,
        },
    }


def _exact(depth: int) -> dict[str, Any]:
    """Return the schema of a value without floats and nulls; JSON schema in MongoDB knows no recursion."""
    if depth == 0:
        return {"bsonType": _SCALARS}
    below = _exact(depth - 1)
    return {"bsonType": [*_SCALARS, "object", "array"], "additionalProperties": below, "items": below}


def _balanced() -> dict[str, Any]:
    postings = {"$ifNull": ["$postings", []]}
    of_asset = {"$filter": {"input": postings, "as": "leg", "cond": {"$eq": ["$$leg.asset", "$$asset"]}}}
    amounts = {"$map": {"input": of_asset, "as": "leg", "in": "$$leg.amount"}}
    assets = {"$setUnion": [{"$map": {"input": postings, "as": "leg", "in": "$$leg.asset"}}, []]}
    return {
        "$allElementsTrue": [{"$map": {"input": assets, "as": "asset", "in": {"$eq": [{"$sum": amounts}, 0]}}}],
    }
