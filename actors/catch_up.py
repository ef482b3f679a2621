"""Pairs whose missed market was asked for: until the answer came, newer mail about them waits, in order.

Used by the broker only.
"""

from collections import deque
from dataclasses import dataclass, field

from domain.desk import Desk
from domain.execution import Exchange
from domain.messages import (
    BookChanged,
    CancelOrder,
    MarketStatusChanged,
    MissedTrades,
    QuoteChanged,
    SendTrades,
    TradePrinted,
)

WAITING_BOUND = 100_000  # mail per pair; beyond it market data is let go and asked for again
SLICE = 500  # trades or candles handled before others get a turn


@dataclass(slots=True)
class Asked:
    """One pair that was asked for."""

    request_id: str
    waiting: deque[object] = field(default_factory=deque)


@dataclass(slots=True)
class CatchUp:
    """Which pairs are being caught up. A repeated question keeps its id: a slow answer is still the answer."""

    pairs: dict[str, Asked] = field(default_factory=dict)
    _asked: int = 0

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def ask(self, pair: str, exchange: Exchange, now_ms: int) -> SendTrades:
        """Return the question for everything of `pair` since the newest event the exchange has gone through."""
        if pair not in self.pairs:
            self._asked += 1
            self.pairs[pair] = Asked(f"catch-up:{exchange.books.epoch}:{self._asked}")
        seen = exchange.books.seen.get(pair)
        return SendTrades(
            pair=pair,
            since_ms=min(_first_exposure_ms(exchange.desk, pair), now_ms) if seen is None else seen.ts_ms,
            since_trade_id=seen.id if seen is not None and seen.kind == "trade" else None,
            request_id=self.pairs[pair].request_id,
        )

    def begin_anew(self) -> None:
        """Let no answer to an earlier question count: what was missed has grown since."""
        for asked in self.pairs.values():
            self._asked += 1
            asked.request_id = f"{asked.request_id.rpartition(':')[0]}:{self._asked}"

    def keeps(self, message: object, desk: Desk) -> bool:
        """Keep `message` back when it concerns a pair being caught up; return whether it was kept."""
        asked = self.pairs.get(_pair_of(message, desk))
        if asked is None or isinstance(message, MissedTrades):
            return False
        if isinstance(message, BookChanged) and asked.waiting and isinstance(asked.waiting[-1], BookChanged):
            asked.waiting.pop()  # of books in a row the newest is enough
        if len(asked.waiting) < WAITING_BOUND or not isinstance(message, BookChanged | TradePrinted):
            asked.waiting.append(message)
        return True

    def is_answer(self, missed: MissedTrades) -> bool:
        """Return whether `missed` answers a question that is still open."""
        asked = self.pairs.get(missed.pair)
        return asked is not None and asked.request_id == missed.request_id

    def done(self, pair: str) -> tuple[deque[object], bool]:
        """Return the mail that waited for `pair`, oldest first, and whether some of it had to be let go."""
        waiting = self.pairs.pop(pair).waiting
        return waiting, len(waiting) >= WAITING_BOUND


def slices(missed: MissedTrades) -> tuple[MissedTrades, ...]:
    """Return the same in parts that are handled without keeping others waiting, in order."""
    if len(missed.trades) + len(missed.candles) <= SLICE or (missed.trades and missed.candles):
        return (missed,)
    return tuple(
        MissedTrades(
            pair=missed.pair,
            trades=missed.trades[start : start + SLICE],
            candles=missed.candles[start : start + SLICE],
            request_id=missed.request_id,
        )
        for start in range(0, max(len(missed.trades), len(missed.candles)), SLICE)
    )


def _pair_of(message: object, desk: Desk) -> str:
    """Return the pair whose order of events `message` belongs to; "" for none."""
    if isinstance(message, CancelOrder):
        entry = desk.orders.get(message.order_id)
        return "" if entry is None else entry.order.pair
    if isinstance(message, MarketStatusChanged | QuoteChanged):
        return ""
    pair = getattr(message, "pair", "")
    return pair if isinstance(pair, str) else ""


def _first_exposure_ms(desk: Desk, pair: str) -> int:
    """Return since when something of ours waits in `pair`."""
    moments = [entry.order.created_ms for entry in desk.orders.values() if entry.order.pair == pair]
    if (holding := desk.holdings.get(pair)) is not None:
        moments.append(holding.position.opened_ms)
    return min(moments, default=desk.recorded_ms)
