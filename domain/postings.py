"""The postings of each business event: who gives, who takes, summing to zero per asset.

Accounts in the quote asset: deposits, cash, held, margin:<PAIR>, fees, pnl:<PAIR>, insurance; in the base asset
position:<PAIR>, market:<PAIR>. A positive amount adds to the account named: pnl:<PAIR> falls by a profit and rises by a
loss, insurance falls by what it covers.
"""

from dataclasses import dataclass
from decimal import Decimal

from domain.money import ZERO

CASH = "cash"
HELD = "held"
FEES = "fees"
DEPOSITS = "deposits"
INSURANCE = "insurance"


@dataclass(frozen=True, slots=True)
class Posting:
    """One leg: `amount` (never 0) is added to `account`."""

    account: str
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Market:
    """The pair and its two assets."""

    pair: str
    base: str
    quote: str

    @property
    def margin(self) -> str:
        return f"margin:{self.pair}"

    @property
    def pnl(self) -> str:
        return f"pnl:{self.pair}"


def deposit(amount: Decimal, quote: str) -> list[Posting]:
    """Return the legs of paying `amount` (> 0) in."""
    return [Posting(DEPOSITS, quote, -amount), Posting(CASH, quote, amount)]


def hold(amount: Decimal, quote: str) -> list[Posting]:
    """Return the legs of setting cash aside for a resting order; a negative amount gives it back."""
    return _legs((CASH, quote, -amount), (HELD, quote, amount))


def opening(
    market: Market, *, signed_quantity: Decimal, margin: Decimal, fee: Decimal, released: Decimal = ZERO
) -> list[Posting]:
    """Return the legs of opening or adding.

    Args:
        signed_quantity: base, > 0 bought, < 0 sold.
        margin, fee: quote, >= 0, paid from cash.
        released: quote, >= 0, what the order held until now.
    """
    return _legs(
        (CASH, market.quote, released - margin - fee),
        (HELD, market.quote, -released),
        (market.margin, market.quote, margin),
        (FEES, market.quote, fee),
        *_base_legs(market, signed_quantity),
    )


def closing(
    market: Market,
    *,
    signed_quantity: Decimal,
    margin: Decimal,
    pnl: Decimal,
    fee: Decimal,
    cash: Decimal,
    released: Decimal = ZERO,
) -> list[Posting]:
    """Return the legs of closing (a part of) a position.

    A loss beyond the margin is borne by insurance; the fee comes from what is left, then cash, then insurance.

    Args:
        signed_quantity: base, > 0 bought back, < 0 sold off.
        margin: quote, > 0, released.
        pnl: quote, the exact difference.
        cash: quote, free cash before the event.
    """
    left = max(ZERO, margin + pnl)
    gain = max(left - fee, -(cash + released))
    return _closing_legs(market, signed_quantity, margin, pnl, fee, gain, released)


def liquidation(
    market: Market, *, signed_quantity: Decimal, margin: Decimal, pnl: Decimal, fee: Decimal
) -> list[Posting]:
    """Return the legs of a liquidation: fee and loss come from the margin, the rest of them from insurance."""
    return _closing_legs(market, signed_quantity, margin, pnl, fee, max(ZERO, margin + pnl - fee), ZERO)


def _closing_legs(
    market: Market,
    signed_quantity: Decimal,
    margin: Decimal,
    pnl: Decimal,
    fee: Decimal,
    gain: Decimal,
    released: Decimal,
) -> list[Posting]:
    """`gain` is what cash gets (or pays); what then lacks for the sum to be zero is paid by insurance."""
    return _legs(
        (CASH, market.quote, gain + released),
        (HELD, market.quote, -released),
        (market.margin, market.quote, -margin),
        (market.pnl, market.quote, -pnl),
        (FEES, market.quote, fee),
        (INSURANCE, market.quote, margin + pnl - fee - gain),
        *_base_legs(market, signed_quantity),
    )


def _base_legs(market: Market, signed_quantity: Decimal) -> tuple[tuple[str, str, Decimal], ...]:
    return (
        (f"position:{market.pair}", market.base, signed_quantity),
        (f"market:{market.pair}", market.base, -signed_quantity),
    )


def _legs(*legs: tuple[str, str, Decimal]) -> list[Posting]:
    return [Posting(*leg) for leg in legs if leg[2]]
