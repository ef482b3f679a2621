"""The whole simulated market: every listed pair's tape, candles and books, made when first asked for."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from sim.book import BookMaker
from sim.candles import Candles
from sim.paths import MINUTE_MS, PricePath, SeededPath
from sim.recording import RecordedPath, recorded_files
from sim.symbols import Listing, listings
from sim.tape import Sums, Tape

DAY_MINUTES = 1440


def wall_ms() -> int:
    """Return epoch milliseconds, UTC. The simulated world has its own clock, as the real one has."""
    return time.time_ns() // 1_000_000


class PairMarket:
    """One pair."""

    def __init__(self, *, listing: Listing, path: PricePath, seed: int) -> None:
        self.listing = listing
        self.tape = Tape(listing=listing, path=path, seed=seed)
        self.candles = Candles(self.tape)
        self.books = BookMaker(listing=listing, tape=self.tape, seed=seed)

    def last_day(self, now_ms: int) -> Sums:
        """Return the rolling statistics of 24 h; the window begins with a whole minute."""
        return self.candles.window((now_ms // MINUTE_MS - DAY_MINUTES) * MINUTE_MS, now_ms)

    def average_price(self, now_ms: int) -> int:
        """Return the volume-weighted price of the last five closed minutes, in 1e-8 quote."""
        minute = now_ms // MINUTE_MS
        parts = [self.tape.minute_sums(minute - back) for back in range(1, 6)]
        return sum(part.quote for part in parts) * self.listing.tick // sum(part.volume for part in parts)


class SimulatedMarket:
    """All pairs, a pure function of (seed, time) or of (recording, time).

    Args:
        pairs: listed besides the exchange's usual ones.
        volatility: factor on all price moves of the seeded process.
        recording: folder or file of 1 m kline CSVs (`PAIR-1m-*.csv[.gz]`), played round and round; pairs without a
            file there are seeded.
    """

    def __init__(
        self,
        *,
        seed: int,
        pairs: Iterable[str] = (),
        volatility: float = 1.0,
        recording: Path | None = None,
        clock: Callable[[], int] = wall_ms,
    ) -> None:
        self.listings = listings(pairs)
        self.clock = clock
        self._seed = seed
        self._volatility = volatility
        self._files = recorded_files(recording) if recording else {}
        self._pairs: dict[str, PairMarket] = {}

    def list_pairs(self, pairs: Iterable[str]) -> None:
        """List further pairs from now on."""
        self.listings = {**listings(pairs), **self.listings}

    def pair(self, name: str) -> PairMarket:
        """Return the market of a listed pair. Raises KeyError for others."""
        if name not in self._pairs:
            listing = self.listings[name]
            self._pairs[name] = PairMarket(listing=listing, path=self._path(listing), seed=self._seed)
        return self._pairs[name]

    def _path(self, listing: Listing) -> PricePath:
        if file := self._files.get(listing.pair):
            return RecordedPath(listing=listing, file=file)
        return SeededPath(listing=listing, seed=self._seed, volatility=self._volatility)
