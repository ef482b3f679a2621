"""The opinions of hours for a desk that has run for minutes: those it has, again and again, further and further back.

Only what the analysts read back at their start is written; the journal stays as it is. What would be settled by now is
settled as void, so that the start that follows is one like any other.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from adapters.mongo_codec import CODEC
from adapters.mongod import EmbeddedMongod
from domain.scorebook import LONGEST_FIXED
from domain.settlement import ENTRY, LABELS, MINUTE_MS, NO_PRICE, Settlement, close_ms, read_call, settlement_document

DATABASE = "crypto_trading"


def repeat_opinions(data_dir: Path, *, minutes: int = LONGEST_FIXED) -> int:
    """Fill the `minutes` before the oldest opinion in the database of a stopped desk; return how many were written."""
    server = EmbeddedMongod(data_dir=data_dir)
    client: MongoClient[dict[str, Any]] = MongoClient(server.start(watch=False))
    try:
        database = client.get_database(DATABASE, codec_options=CODEC)
        opinions, settlements = database.opinions, database.settlements
        said = list(opinions.find().sort("ts", 1))
        span_ms = said[-1]["ts"] - said[0]["ts"]
        written = 0
        for number in range(1, -(-minutes * 60_000 // span_ms) + 1):
            copies = [_earlier(opinion, number, number * span_ms) for opinion in said]
            written += len(opinions.insert_many(copies).inserted_ids)
            settled = [one for copy in copies for one in _settled(copy, until_ms=said[-1]["ts"])]
            if settled:
                settlements.insert_many(settled)
        return written
    finally:
        client.close()
        server.stop()


def _earlier(opinion: dict[str, Any], number: int, by_ms: int) -> dict[str, Any]:
    moved = {"ts": opinion["ts"] - by_ms, "formed_ms": opinion["formed_ms"] - by_ms}
    return {**opinion, **moved, "_id": f"{opinion['_id']}:{number}"}


def _settled(opinion: dict[str, Any], *, until_ms: int) -> list[dict[str, Any]]:
    call = read_call(opinion)
    labels = (*LABELS, ENTRY) if call.horizon_minutes > LONGEST_FIXED else LABELS
    due = {label: close_ms(call.formed_ms + call.minutes(label) * MINUTE_MS, MINUTE_MS) for label in labels}
    nothing = {"counted": False, "cost_usd": Decimal(0), "void": NO_PRICE}
    void = [Settlement(call=call, label=label, due_ms=at, **nothing) for label, at in due.items() if at < until_ms]
    return [
        settlement_document(opinion["analyst"], settlement) | {"stored_at": opinion["stored_at"]} for settlement in void
    ]
