"""Small, valid journals for tests of what stores and checks them."""

from decimal import Decimal

from domain.journal import GENESIS, date, seal
from domain.ports import JournalDocument

START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def deposits(count: int, *, first: int = 1, prev: str = GENESIS, prefix: str = "deposit") -> list[JournalDocument]:
    """Return a chain of deposits of 100 USDT each, the n-th leaving n * 100 USDT cash."""
    documents: list[JournalDocument] = []
    for seq in range(first, first + count):
        documents.append(seal(deposit(seq, prefix=prefix), prev))
        prev = str(documents[-1]["hash"])
    return documents


def deposit(seq: int, *, prefix: str = "deposit", amount: Decimal = Decimal("100.00000000")) -> JournalDocument:
    """Return one deposit, not sealed."""
    return {
        "_id": f"{prefix}:{seq}",
        "seq": seq,
        "type": "deposit",
        "ts": START_MS + seq,
        "recorded_at": date(START_MS + seq),
        "epoch": 1,
        "postings": [
            {"account": "deposits", "asset": "USDT", "amount": -amount},
            {"account": "cash", "asset": "USDT", "amount": amount},
        ],
        "after": [
            {"account": "deposits", "asset": "USDT", "balance": -amount * seq},
            {"account": "cash", "asset": "USDT", "balance": amount * seq},
        ],
    }
