"""What the desk's own code writes passes the audit, which shares none of it, whatever is traded."""

from collections import Counter

import pytest

from ledger.audit import audit
from tests.ledger.world import World, random_steps


def journal(seed: int, count: int, *, has_books: bool) -> list:
    recorded = seed % 3 > 0  # without a settings document the rates are inferred
    return World(has_books=has_books, recorded=recorded).run(random_steps(seed, count, has_books=has_books))


@pytest.mark.parametrize("has_books", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_every_journal_of_the_desk_passes_the_audit(seed, has_books):
    report = audit(journal(seed, 300, has_books=has_books))
    assert [str(finding) for finding in report.findings] == []


@pytest.mark.slow
@pytest.mark.parametrize("has_books", [True, False])
@pytest.mark.parametrize("seed", range(100, 104))
def test_a_long_session_passes_the_audit(seed, has_books):
    report = audit(journal(seed, 3000, has_books=has_books))
    assert [str(finding) for finding in report.findings] == []


def test_the_worlds_make_all_kinds_of_documents():
    """Partial fills, flips, cancels, all exits, catch-up, candles, moved stops, reloads and restarts are in there."""
    kinds: Counter = Counter()
    for has_books in (True, False):
        documents = [document for seed in (0, 1) for document in journal(seed, 1500, has_books=has_books)]
        kinds.update(document["type"] for document in documents)
        fills = [document for document in documents if "fill" in document]
        kinds.update(document["reason"] for document in fills)
        kinds.update(document["model"] for document in fills)
        kinds.update(document["fill"]["liquidity"] for document in fills)
        kinds.update("catch_up" for document in fills if document["fill"]["catch_up"])
        kinds.update("partial" for document in fills if document["order"]["status"] == "open")
        kinds.update("flip" for document in fills if document["order"]["fills"] > 1 and "closed" not in document)
        kinds.update(f"epoch {document['epoch']}" for document in documents)
        kinds.update(f"amend {document['reason']}" for document in documents if document["type"] == "amend")
    assert kinds >= Counter(
        {
            **dict.fromkeys(("deposit", "order", "fill", "cancel", "amend", "liquidation", "settings", "control"), 1),
            **dict.fromkeys(("stop_loss", "take_profit", "trailing_stop", "manual", "taker", "maker"), 1),
            **dict.fromkeys(("book20", "fallback", "trade", "candle", "catch_up", "partial", "flip", "epoch 2"), 1),
            **dict.fromkeys(("checkpoint", "amend requested", "amend trailing_stop"), 1),
        }
    )
