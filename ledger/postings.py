"""Which accounts an event must post to, and what: all of them, and no others. Amounts of 0 are left out."""

from collections.abc import Iterator
from decimal import Decimal

from ledger.canonical import Plain, decimal_text
from ledger.chain import Account, legs
from ledger.parts import ZERO

Legs = dict[str, Decimal]  # account -> amount


def hold(amount: Decimal) -> Legs:
    """Return the legs of setting cash aside; a negative amount gives it back."""
    return {"cash": -amount, "held": amount}


def opening(pair: str, *, signed: Decimal, margin: Decimal, fee: Decimal, released: Decimal) -> Legs:
    return {
        "cash": released - margin - fee,
        "held": -released,
        f"margin:{pair}": margin,
        "fees": fee,
        **_base(pair, signed),
    }


def closing(
    pair: str,
    *,
    signed: Decimal,
    margin: Decimal,
    pnl: Decimal,
    fee: Decimal,
    released: Decimal,
    cash: Decimal,
    liquidation: bool,
) -> Legs:
    """Return the legs of closing. What margin and profit do not cover comes from `cash`, the rest from insurance.

    A loss beyond the margin is insurance's at once; in a liquidation the fee is, too.
    """
    left = max(ZERO, margin + pnl)
    gain = max(ZERO, margin + pnl - fee) if liquidation else max(left - fee, -(cash + released))
    return {
        "cash": gain + released,
        "held": -released,
        f"margin:{pair}": -margin,
        f"pnl:{pair}": -pnl,
        "fees": fee,
        "insurance": margin + pnl - fee - gain,
        **_base(pair, signed),
    }


class PostingCheck:
    """Compares documents' postings with what they must be; knows which asset each account is in."""

    def __init__(self) -> None:
        self._quote: str | None = None
        self._bases: dict[str, str] = {}  # by pair

    def faults(self, document: Plain, expected: Legs) -> Iterator[str]:
        """Yield where the postings of `document` are not exactly `expected`."""
        posted = legs(document, "postings", "amount")
        stated = {name: amount for (name, _), amount in posted}
        if len(stated) != len(posted):
            yield "each account must be posted to once"
        wanted = {name: amount for name, amount in expected.items() if amount}
        for name in sorted(wanted.keys() | stated.keys()):
            if wanted.get(name) != stated.get(name):
                yield f"{_told(wanted.get(name))} must be posted to {name}, posted is {_told(stated.get(name))}"
        for account, _ in posted:
            yield from self._asset_faults(account)

    def _asset_faults(self, account: Account) -> Iterator[str]:
        name, asset = account
        kind, _, pair = name.partition(":")
        if kind in ("position", "market"):
            expected = self._bases.setdefault(pair, asset)
            if asset == self._quote:
                yield f"{name} must be in the pair's base asset, was in {asset}"
        else:
            if self._quote is None:
                self._quote = asset
            expected = self._quote
        if asset != expected:
            yield f"{name} must be in {expected}, was in {asset}"


def _base(pair: str, signed: Decimal) -> Legs:
    return {f"position:{pair}": signed, f"market:{pair}": -signed}


def _told(amount: Decimal | None) -> str:
    return "nothing" if amount is None else decimal_text(amount)
