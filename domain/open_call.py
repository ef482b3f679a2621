"""One opinion at one horizon that is not settled yet: it waits for the candles at both ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.market import Candle
from domain.settlement import MINUTE_MS, NO_PRICE, OWN, Call, Settlement, Trades, close_ms, settled, trades_of
from domain.shadow_trade import TradeCosts


@dataclass(slots=True, kw_only=True)
class OpenCall:
    """What is known so far; candles come in any order, but those a trade is watched through one after the other."""

    call: Call
    label: str
    counted: bool
    start_ms: int | None = None  # when the entry's candle closed
    entry: Decimal | None = None
    trades: Trades | None = None  # where its stop and target are watched; None: they do not matter
    walked_ms: int = 0  # close of the last candle they were watched through

    def awaited_ms(self, interval_ms: int) -> int:
        """Return when the candle closes that is needed next."""
        if self.start_ms is None:
            return close_ms(self.call.formed_ms, interval_ms)
        return close_ms(self.start_ms + self.call.minutes(self.label) * MINUTE_MS, interval_ms)

    def look(
        self, closed: Mapping[int, Candle], interval_ms: int, costs: TradeCosts, *, history: bool
    ) -> Settlement | None:
        """Take entry and end from candles by the time of their close; return the settlement once both are there.

        Where stop and target are watched, all candles between must have been there too, unless the market has no more.
        """
        start_ms = self.awaited_ms(interval_ms)
        if self.start_ms is None and (candle := closed.get(start_ms)) is not None:
            self.entry, self.start_ms = candle.close, start_ms
        if self.start_ms is None or self.entry is None:
            return None
        due_ms = self.awaited_ms(interval_ms)
        whole = self._watch(closed, interval_ms, due_ms, history=history)
        if (last := closed.get(due_ms)) is None or not whole:
            return None
        return settled(
            self.call,
            self.label,
            start_ms=self.start_ms,
            entry=self.entry,
            due_ms=due_ms,
            end=last.close,
            costs=costs,
            counted=self.counted,
            trades=self.trades,
        )

    def _watch(self, closed: Mapping[int, Candle], interval_ms: int, due_ms: int, *, history: bool) -> bool:
        """Lead the trades through the candles that follow; return whether none is missing up to the horizon's end."""
        if self.label != OWN or not self.call.has_levels or self.start_ms is None or self.entry is None:
            return True
        if self.trades is None:
            self.trades, self.walked_ms = trades_of(self.call, self.entry, levels=True), self.start_ms
        if self.trades is None or all(each.exit is not None for each in self.trades):
            return True
        for at_ms in _following(closed, self.walked_ms, interval_ms, due_ms, history=history):
            own, twin = self.trades
            self.trades, self.walked_ms = (own.through(closed[at_ms]), twin.through(closed[at_ms])), at_ms
        return history or self.walked_ms >= due_ms

    def void(self, interval_ms: int) -> Settlement:
        """Return the settlement of what can never be settled."""
        return Settlement(
            call=self.call,
            label=self.label,
            due_ms=self.awaited_ms(interval_ms),
            counted=self.counted,
            void=NO_PRICE,
        )


def _following(
    closed: Mapping[int, Candle], after_ms: int, interval_ms: int, until_ms: int, *, history: bool
) -> Sequence[int]:
    """Return the closes of the candles after `after_ms` up to a missing one; with `history`, of all there are."""
    if history:
        return sorted(at_ms for at_ms in closed if after_ms < at_ms <= until_ms)
    following = []
    while (after_ms := after_ms + interval_ms) in closed and after_ms <= until_ms:
        following.append(after_ms)
    return following
