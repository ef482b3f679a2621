"""What the journal says of the settings in force: fees hold from the document that records them, for whoever audits."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from domain.acceptance import PaperRules
from domain.trading import Scalar

Values = tuple[tuple[str, Scalar], ...]  # dotted path and value
TAKER_FEE, MAKER_FEE = "paper.taker_fee", "paper.maker_fee"


def read_values(document: Mapping[str, Any]) -> Values:
    """Return the values of a document of type settings."""
    return tuple((entry["key"], entry["value"]) for entry in document["settings"]["values"])


def with_recorded_fees(paper: PaperRules, values: Values) -> PaperRules:
    """Return `paper` with the recorded fees; with its own where none are recorded."""
    recorded = dict(values)
    return replace(
        paper,
        taker_fee=Decimal(str(recorded.get(TAKER_FEE, paper.taker_fee))),
        maker_fee=Decimal(str(recorded.get(MAKER_FEE, paper.maker_fee))),
    )
