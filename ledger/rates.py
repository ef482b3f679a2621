"""Fee rates: those of the settings document in force; before the first one, whatever one rate explains all fees."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from ledger.canonical import Plain, decimal_text
from ledger.chain import STEP, Complaint
from ledger.parts import part, up

SETTING = {"taker": "paper.taker_fee", "maker": "paper.maker_fee"}
HIGHEST = Decimal("0.1")  # what settings allow


@dataclass(slots=True)
class _Range:
    """The rates that explain the fees so far: above `low`, at most `high`."""

    low: Decimal = Decimal(-1)
    high: Decimal = HIGHEST
    count: int = 0
    epoch: int = 0


class Rates:
    """What a fill costs, as a fraction of its notional."""

    def __init__(self) -> None:
        self.known: dict[str, Decimal] = {}  # by liquidity
        self._inferred = {liquidity: _Range() for liquidity in SETTING}

    def learn(self, document: Plain) -> Iterator[Complaint]:
        """Take the rates of a settings document."""
        values = part(document, "settings").get("values")
        stated = {entry["key"]: entry["value"] for entry in values} if isinstance(values, list) else {}
        for liquidity, setting in SETTING.items():
            if setting not in stated:
                continue
            rate = Decimal(str(stated[setting]))
            found = self._inferred[liquidity]
            if liquidity not in self.known and found.count and found.epoch == document.get("epoch"):
                yield from _compare(rate, found, setting)
            self.known[liquidity] = rate

    def fee_faults(self, liquidity: str, notional: Decimal, fee: Decimal, epoch: int) -> Iterator[str]:
        """Yield what is wrong with a fill's fee."""
        if (rate := self.known.get(liquidity)) is not None:
            expected = up(notional * rate)
            if fee != expected:
                yield f"fill.fee must be {decimal_text(expected)}, {rate} of the notional, was {decimal_text(fee)}"
        elif notional:
            yield from self._narrow(liquidity, (fee - STEP) / notional, fee / notional, epoch)

    def hold_faults(self, notional: Decimal, leverage: int, held: Decimal, epoch: int) -> Iterator[str]:
        """Yield what is wrong with what a limit order sets aside: margin and taker fee at its limit, rounded up."""
        if (rate := self.known.get("taker")) is not None:
            expected = up(notional / leverage + notional * rate)
            if held != expected:
                yield f"order.held must be {decimal_text(expected)}, stated is {decimal_text(held)}"
        elif notional:
            margin = notional / leverage
            yield from self._narrow("taker", (held - STEP - margin) / notional, (held - margin) / notional, epoch)

    def remarks(self) -> Iterator[str]:
        """Yield what the reader of a report should know."""
        for liquidity, found in self._inferred.items():
            if found.count:
                yield (
                    f"{found.count} {liquidity} fees stand before the first settings document: they were checked "
                    f"against one rate inferred from them, {found.high:.6f}"
                )

    def _narrow(self, liquidity: str, low: Decimal, high: Decimal, epoch: int) -> Iterator[str]:
        found = self._inferred[liquidity]
        if max(low, found.low) >= min(high, found.high):
            yield f"{liquidity} fees must be of one rate, up to here about {found.high:.6f}, this is {high:.6f}"
            return
        found.low, found.high = max(low, found.low), min(high, found.high)
        found.count, found.epoch = found.count + 1, epoch


def _compare(rate: Decimal, found: _Range, setting: str) -> Iterator[Complaint]:
    if not found.low < rate <= found.high:
        yield "fee", f"{setting} must be what the fees before it were, about {found.high:.6f}, is {rate}"
