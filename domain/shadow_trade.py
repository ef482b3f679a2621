"""The trade an opinion would be by itself: held to its horizon, unless candles reach its own stop or target before.

By the rules of the paper exchange for candles (`domain.resting`): what an open has jumped over fills at that open, and
the worse of a candle's extremes is assumed to come first, so that of stop and target inside one candle it is the stop.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from domain.market import Candle
from domain.resting import Resting, candle_path, first_hit
from domain.trading import Reason

HORIZON = "horizon"  # the end of a trade that neither stop nor target ended


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeCosts:
    """What one side of a shadow trade costs, as fractions."""

    fee: float  # of what takes
    maker_fee: float  # of a target, which rests
    slippage: float  # of what takes


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowTrade:
    """A trade that was entered. Prices in quote per base."""

    sign: int  # +1 long, -1 short
    entry: Decimal
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    exit: Decimal | None = None  # None: it is open
    ended_by: str = ""  # stop_loss | take_profit | horizon

    def mirrored(self) -> "ShadowTrade":
        """Return the same trade in the other direction, stop and target as far from the entry on the other side."""
        return replace(
            self, sign=-self.sign, stop_loss=self._across(self.stop_loss), take_profit=self._across(self.take_profit)
        )

    def through(self, candle: Candle) -> "ShadowTrade":
        """Return the trade after a candle that began when it was entered or later."""
        if self.exit is not None:
            return self
        start = candle.open
        for end in (candle.open, *candle_path(candle, low_first=self.sign > 0)):
            if (hit := first_hit(self._waiting(), start, end)) is not None:
                item, price = hit
                return replace(self, exit=price, ended_by=item.reason.value)
            start = end
        return self

    def held_to(self, close: Decimal) -> "ShadowTrade":
        """Return the trade at the end of its horizon, where the price is `close`."""
        return self if self.exit is not None else replace(self, exit=close, ended_by=HORIZON)

    def net_return(self, costs: TradeCosts) -> float:
        """Return what the ended trade earned as a fraction of its notional."""
        assert self.exit is not None
        resting = self.ended_by == Reason.TAKE_PROFIT
        return trade_return(self.sign, self.entry, self.exit, costs, resting=resting)

    def _across(self, level: Decimal | None) -> Decimal | None:
        return None if level is None or level >= 2 * self.entry else 2 * self.entry - level

    def _waiting(self) -> Iterator[Resting]:
        if self.stop_loss is not None:
            yield Resting(level=self.stop_loss, falls=self.sign > 0, limit=False, since_ms=0, reason=Reason.STOP_LOSS)
        if self.take_profit is not None:
            yield Resting(
                level=self.take_profit, falls=self.sign < 0, limit=True, since_ms=0, reason=Reason.TAKE_PROFIT
            )


def trade_return(sign: int, entry: Decimal, end: Decimal, costs: TradeCosts, *, resting: bool = False) -> float:
    """Return what a trade earned as a fraction of its notional, after fees and slippage on both sides.

    Args:
        sign: +1 long, -1 short.
        entry: price at the start, > 0.
        end: price at the end, > 0.
        costs: of one side.
        resting: the end is a limit order that rested: its fee is the maker's, and there is no slippage.
    """
    sold = 1.0 if resting else 1 - sign * costs.slippage
    ratio = float(end / entry) * sold / (1 + sign * costs.slippage)
    return sign * (ratio - 1) - costs.fee - (costs.maker_fee if resting else costs.fee) * ratio
