"""The order book of one pair at any moment, a pure function of time: levels that stand at prices of their own.

Best bid and ask follow the trades: just before and after a print they are what the print says. Behind them each price
cell holds one level whose size changes every few seconds, so that a level keeps its price and size while the market
moves to and fro over it.
"""

from functools import lru_cache
from typing import NamedTuple

from sim.noise import mix, seed_number
from sim.symbols import UNIT, Listing
from sim.tape import Tape

GRID_MS = 100  # the book changes on this grid
UPDATES_PER_GRID = 7  # update ids grow by so many each time
DEPTH = 400  # levels on either side
TYPICAL_LEVEL_USDT = 12_000
LEVELS_SPAN = 0.0006  # twenty levels reach this far from the best price

Level = tuple[int, int]  # price in ticks, quantity in steps


class Book(NamedTuple):
    """Bids fall, asks rise."""

    update_id: int
    bids: list[Level]
    asks: list[Level]


class BookMaker:
    """Makes the books of one pair."""

    def __init__(self, *, listing: Listing, tape: Tape, seed: int) -> None:
        self._tape = tape
        self._salt = seed_number(f"{seed}:{listing.pair}:book")
        self._first_id = seed_number(f"updates:{listing.pair}") % 10**9
        price_ticks = listing.price * UNIT / listing.tick
        self._cell = max(1, round(price_ticks * LEVELS_SPAN / 20))  # ticks
        self._typical = max(1, int(TYPICAL_LEVEL_USDT / listing.price * UNIT / listing.step))  # steps
        self._levels: dict[int, tuple[int, int, int, int]] = {}
        self.book = lru_cache(maxsize=8)(self._make_book)

    def update_id(self, grid: int) -> int:
        """Return the id of the last update of that grid time; those of the time before are all smaller."""
        return self._first_id + grid * UPDATES_PER_GRID

    def best(self, at_ms: int) -> Level:
        """Return best bid and best ask, in ticks: on the way from the last trade to the next one."""
        before, after = self._tape.around(at_ms)
        passed = (at_ms - before.time_ms) / max(1, after.time_ms - before.time_ms)
        price = before.price + round((after.price - before.price) * passed)
        spread = 1 if mix(self._salt, at_ms // 700) % 8 else 2
        if before.buyer_is_maker:  # it hit the bid
            return max(1, price), max(1, price) + spread
        bid = max(1, price - spread)
        return bid, max(bid + 1, price)

    def top(self, grid: int) -> tuple[Level, Level]:
        """Return the best bid and ask with their sizes."""
        bid, ask = self.best(grid * GRID_MS)
        return (bid, self._best_size(bid, 0, grid)), (ask, self._best_size(ask, 1, grid))

    def _make_book(self, grid: int, levels: int) -> Book:
        bid, ask = self.top(grid)
        bids, asks = [bid], [ask]
        first_bid, first_ask = (bid[0] - 1) // self._cell - 1, ask[0] // self._cell + 1
        for place in range(levels - 1):
            asks.append(self._level(first_ask + place, 1, grid))
            if first_bid - place >= 0:
                bids.append(self._level(first_bid - place, 0, grid))
        return Book(self.update_id(grid), [level for level in bids if level[0] > 0], asks)

    def _level(self, cell: int, side: int, grid: int) -> Level:
        key = cell * 2 + side
        known = self._levels.get(key)
        if known is None or not known[0] <= grid < known[1]:
            known = self._new_level(cell, side, grid)
            if len(self._levels) > 16 * DEPTH:
                self._levels.clear()
            self._levels[key] = known
        return known[2], known[3]

    def _new_level(self, cell: int, side: int, grid: int) -> tuple[int, int, int, int]:
        """Return from and until which grid time the level stands as it is, its price and its size."""
        fixed = mix(self._salt, cell, side)
        lasts = 8 + fixed % 64  # 0.8 .. 7.2 s
        shift = fixed // 64 % 64
        epoch = (grid + shift) // lasts
        begin = epoch * lasts - shift
        return begin, begin + lasts, cell * self._cell + fixed // 4096 % self._cell, self._size(mix(fixed, epoch))

    def _best_size(self, price: int, side: int, grid: int) -> int:
        return self._size(mix(self._salt, price, side, grid // 4))

    def _size(self, bits: int) -> int:
        """Return a size between 2 % and about 400 % of the usual one; most are small."""
        share = (bits & 0xFFFF) / 0xFFFF
        return max(1, int(self._typical * (0.02 + 4 * share**4 + 0.4 * (bits >> 16 & 0xFF) / 0xFF)))


def difference(old: list[Level], new: list[Level]) -> list[Level]:
    """Return what turns `old` into `new`: levels with their new quantity, 0 where one is gone."""
    before, after = dict(old), dict(new)
    changed = [(price, quantity) for price, quantity in new if before.get(price) != quantity]
    return changed + [(price, 0) for price, _ in old if price not in after]
