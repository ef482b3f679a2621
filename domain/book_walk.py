"""Walking an order book, with memory of what our own fills took from it.

The public book does not know our paper fills: without the memory, the same shown quantity could be taken twice. What
was consumed at a price level stays consumed until that level's quantity changes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from domain.fills import Level
from domain.market import OrderBook
from domain.money import ZERO
from domain.trading import Side


@dataclass(slots=True)
class WalkedBook:
    """The newest book of one pair and what was consumed of it. Lost on restart: a new book starts unconsumed."""

    book: OrderBook
    _consumed: dict[tuple[Side, Decimal], tuple[Decimal, Decimal]] = field(default_factory=dict)
    # (side taken from, price) -> (shown quantity when consumed, consumed), base

    def replace(self, book: OrderBook) -> None:
        """Take the next book: levels whose shown quantity changed, or that are gone, are whole again."""
        if self._consumed:
            shown = {
                side: dict(book.asks if side is Side.BUY else book.bids) for side in {key[0] for key in self._consumed}
            }
            self._consumed = {
                key: entry for key, entry in self._consumed.items() if _unchanged(book, key, entry[0], shown[key[0]])
            }
        self.book = book

    def best(self, side: Side) -> Decimal | None:
        """Return the best price that an order of `side` could take; None when that side is empty."""
        levels = self._levels(side)
        return levels[0][0] if levels else None

    def walk(self, side: Side, quantity: Decimal, *, limit: Decimal | None = None) -> tuple[Level, ...]:
        """Return what an order of `side` gets, level by level from the best price.

        Args:
            quantity: base, > 0, the most to take.
            limit: the worst price to accept, None for any.

        Returns:
            (price, quantity) of each level taken; together less than `quantity` where the book has no more.
        """
        taken: list[Level] = []
        for price, shown in self._levels(side):
            if quantity <= 0 or (limit is not None and (price - limit) * side.sign > 0):
                break
            _, consumed = self._consumed.get((side, price), (shown, ZERO))
            if (part := min(shown - consumed, quantity)) > 0:
                taken.append((price, part))
                quantity -= part
        return tuple(taken)

    def consume(self, side: Side, levels: Iterable[Level]) -> None:
        """Remember that an order of `side` took `levels`."""
        shown = dict(self._levels(side))
        for price, quantity in levels:
            whole, consumed = self._consumed.get((side, price), (shown[price], ZERO))
            self._consumed[(side, price)] = (whole, consumed + quantity)

    def spread_bps(self) -> Decimal | None:
        """Return (ask - bid) / mid in basis points; None when a side is empty."""
        bid, ask = self.best(Side.SELL), self.best(Side.BUY)
        if bid is None or ask is None:
            return None
        return (ask - bid) * 20_000 / (ask + bid)

    def mid(self) -> Decimal | None:
        bid, ask = self.best(Side.SELL), self.best(Side.BUY)
        return None if bid is None or ask is None else (bid + ask) / 2

    def _levels(self, side: Side) -> tuple[Level, ...]:
        return self.book.asks if side is Side.BUY else self.book.bids


def _unchanged(book: OrderBook, key: tuple[Side, Decimal], whole: Decimal, shown: dict[Decimal, Decimal]) -> bool:
    side, price = key
    if price in shown:
        return shown[price] == whole
    levels = book.asks if side is Side.BUY else book.bids
    beyond = bool(levels) and len(levels) >= book.depth and (price - levels[-1][0]) * side.sign > 0
    return beyond  # deeper than the book shows: not known to have changed
