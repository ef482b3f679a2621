"""A full order book kept from a snapshot and the differences after it (Binance: How to manage a local order book)."""

from bisect import bisect_left
from collections.abc import Iterable
from decimal import Decimal

Level = tuple[Decimal, Decimal]  # price, quantity in base


class LocalBook:
    """The whole book of one pair. Empty until a snapshot was taken; empty again after a gap."""

    def __init__(self) -> None:
        self.update_id: int | None = None  # of the last change; None: there is no usable book
        self._waiting: list[tuple[int, int, tuple[Level, ...], tuple[Level, ...]]] = []
        self._bids = _Side()
        self._asks = _Side()

    def snapshot(self, update_id: int, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Begin anew from a snapshot; differences that came before it are applied where they follow it."""
        self._bids, self._asks = _Side(), _Side()
        for price, quantity in bids:
            self._bids.set(price, quantity)
        for price, quantity in asks:
            self._asks.set(price, quantity)
        self.update_id = update_id
        waiting, self._waiting = self._waiting, []
        for first_id, last_id, changed_bids, changed_asks in waiting:
            self.change(first_id, last_id, changed_bids, changed_asks)

    def change(self, first_id: int, last_id: int, bids: Iterable[Level], asks: Iterable[Level]) -> bool:
        """Apply one difference (update ids U and u). Quantity 0 removes a level.

        Returns:
            False when updates are missing before it: the book is then empty until the next snapshot.
        """
        if self.update_id is None:
            self._waiting.append((first_id, last_id, tuple(bids), tuple(asks)))
            return True
        if last_id <= self.update_id:
            return True  # older than what is known
        if first_id > self.update_id + 1:
            self.update_id = None
            self._waiting = [(first_id, last_id, tuple(bids), tuple(asks))]
            return False
        for price, quantity in bids:
            self._bids.set(price, quantity)
        for price, quantity in asks:
            self._asks.set(price, quantity)
        self.update_id = last_id
        return True

    def bids(self, depth: int) -> tuple[Level, ...]:
        """Return the best `depth` bids, falling."""
        return self._bids.highest(depth)

    def asks(self, depth: int) -> tuple[Level, ...]:
        """Return the best `depth` asks, rising."""
        return self._asks.lowest(depth)


class _Side:
    """Levels by rising price."""

    def __init__(self) -> None:
        self._prices: list[Decimal] = []
        self._quantities: list[Decimal] = []

    def set(self, price: Decimal, quantity: Decimal) -> None:
        at = bisect_left(self._prices, price)
        known = at < len(self._prices) and self._prices[at] == price
        if quantity == 0:
            if known:
                del self._prices[at], self._quantities[at]
        elif known:
            self._quantities[at] = quantity
        else:
            self._prices.insert(at, price)
            self._quantities.insert(at, quantity)

    def lowest(self, depth: int) -> tuple[Level, ...]:
        return tuple(zip(self._prices[:depth], self._quantities[:depth], strict=True))

    def highest(self, depth: int) -> tuple[Level, ...]:
        return tuple(zip(self._prices[: -depth - 1 : -1], self._quantities[: -depth - 1 : -1], strict=True))
