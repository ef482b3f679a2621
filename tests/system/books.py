"""The account as the journal's documents make it: postings added up, by none of the desk's own code."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import Any

ZERO = Decimal(0)
CENT_OF_MICRO = Decimal("0.00000001")
DAY_MS = 86_400_000


@dataclass
class Books:
    """The balances after one document."""

    seq: int = 0
    accounts: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # (account, asset) -> balance
    costs: dict[str, Decimal] = field(default_factory=dict)  # pair -> what its open quantity cost
    earned: dict[int, tuple[Decimal, Decimal]] = field(default_factory=dict)  # UTC day -> realised, fees
    bot_profit: Decimal = ZERO

    @property
    def cash(self) -> Decimal:
        return self.accounts.get(("cash", "USDT"), ZERO)

    @property
    def held(self) -> Decimal:
        return self.accounts.get(("held", "USDT"), ZERO)

    @property
    def margin(self) -> Decimal:
        return sum((amount for (name, _), amount in self.accounts.items() if name.startswith("margin:")), ZERO)

    @property
    def quantities(self) -> dict[str, Decimal]:
        """Signed, by pair, open ones only."""
        found = {name: amount for (name, _), amount in self.accounts.items() if name.startswith("position:") and amount}
        return {name.removeprefix("position:"): amount for name, amount in found.items()}

    def margin_of(self, pair: str) -> Decimal:
        return self.accounts.get((f"margin:{pair}", "USDT"), ZERO)

    def unrealized(self, pair: str, mark: Decimal) -> Decimal:
        quantity = self.quantities[pair]
        value = abs(quantity) * mark
        return value - self.costs[pair] if quantity > 0 else self.costs[pair] - value


def after_each(documents: Iterable[dict[str, Any]]) -> dict[int, Books]:
    """Return the books after each document, by its seq; 0 is before the first."""
    books = {0: Books()}
    for document in documents:
        books[int(document["seq"])] = _after(books[int(document["seq"]) - 1], document)
    return books


def _after(before: Books, document: dict[str, Any]) -> Books:
    accounts = dict(before.accounts)
    for leg in document["postings"]:
        key = (leg["account"], leg["asset"])
        accounts[key] = accounts.get(key, ZERO) + leg["amount"]
    books = Books(int(document["seq"]), accounts, dict(before.costs), dict(before.earned), before.bot_profit)
    if (fill := document.get("fill")) is not None:
        day = int(document["ts"]) // DAY_MS
        realized, fees = books.earned.get(day, (ZERO, ZERO))
        books.earned[day] = (realized + fill["realized_pnl"], fees + fill["fee"])
        books.costs[document["symbol"]] = _cost(before, document["symbol"], fill)
        closed = document.get("closed")
        if closed is not None and closed["source"] == "bot":
            books.bot_profit += fill["realized_pnl"] - fill["fee"] - closed["entry_fee"]
    return books


def _cost(before: Books, pair: str, fill: dict[str, Any]) -> Decimal:
    """An opening fill adds its notional; a closing one takes its share, rounded down, and the last takes the rest."""
    held, cost = before.quantities.get(pair, ZERO), before.costs.get(pair, ZERO)
    signed = fill["quantity"] if fill["side"] == "buy" else -fill["quantity"]
    if held * signed >= 0:
        return cost + fill["notional"]
    if held + signed == 0:
        return ZERO
    with localcontext(prec=60):
        share = (cost * fill["quantity"] / abs(held)).quantize(CENT_OF_MICRO, rounding=ROUND_DOWN)
    return cost - share
