"""What the journal says of the settings in force: they hold from the document that records them, for whoever audits."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from domain.acceptance import PaperRules
from domain.trading import Scalar

Values = tuple[tuple[str, Scalar], ...]  # dotted path and value
TAKER_FEE, MAKER_FEE = "paper.taker_fee", "paper.maker_fee"
LATENCY, SLIPPAGE = "paper.latency_ms", "paper.fallback_slippage_bps"
STALE_AFTER = "market.stale_after_seconds"


def read_values(document: Mapping[str, Any]) -> Values:
    """Return the values of a document of type settings."""
    return tuple((entry["key"], entry["value"]) for entry in document["settings"]["values"])


def with_recorded_terms(paper: PaperRules, values: Values) -> PaperRules:
    """Return `paper` with the recorded fees, latency and slippage; with its own where none are recorded."""
    recorded = dict(values)
    return replace(
        paper,
        taker_fee=Decimal(str(recorded.get(TAKER_FEE, paper.taker_fee))),
        maker_fee=Decimal(str(recorded.get(MAKER_FEE, paper.maker_fee))),
        latency_ms=int(recorded.get(LATENCY, paper.latency_ms)),
        fallback_slippage_bps=Decimal(str(recorded.get(SLIPPAGE, paper.fallback_slippage_bps))),
    )


def recorded_stale_seconds(seconds: int, values: Values) -> int:
    """Return after how many seconds the recorded settings call a price stale; `seconds` where they do not say."""
    return int(dict(values).get(STALE_AFTER, seconds))


def settings_in_force(documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield for each document of a journal, in the order of `seq` from 1, the hash of the settings it was made under.

    They are those of the newest settings document up to it. Before the first of these there is only the deposit, which
    rests on nothing but the amount it names: an empty text.
    """
    in_force = ""
    for document in documents:
        part = document.get("settings") if document.get("type") == "settings" else None
        if isinstance(part, Mapping):
            in_force = str(part.get("hash", ""))
        yield in_force
