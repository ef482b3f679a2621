"""What bots did so far, and what the account earned per day: a fold over the journal's fills."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from domain import documents
from domain.money import ZERO
from domain.trading import BotStatistics, ClosedTrade, OrderSource

DAY_MS = 86_400_000
RECENT_MS = 2 * DAY_MS  # closed trades kept for the protections
DAYS_KEPT = 2


@dataclass(slots=True)
class Tally:
    """Counts and sums; days are UTC, by the fill's own (historical) time."""

    earned: dict[int, tuple[Decimal, Decimal]] = field(default_factory=dict)  # day -> gross profit, fees; all sources
    entries: dict[int, dict[str, int]] = field(default_factory=dict)  # day -> pair -> bot entries
    total_trades: int = 0
    winning_trades: int = 0
    total_profit: Decimal = ZERO
    last_trade_ms: dict[str, int] = field(default_factory=dict)
    recent: list[ClosedTrade] = field(default_factory=list)  # oldest first

    def count(
        self, document: Mapping[str, Any], closed: ClosedTrade | None, *, entered: bool, whole: Decimal | None
    ) -> None:
        """Count one fill or liquidation.

        Args:
            closed: what it closed, None when it opened.
            entered: it is the first execution that opens for its order.
            whole: net profit of the whole position when this ended it, else None.
        """
        fill, ts_ms = document["fill"], int(document["ts"])
        profit, fees = self.earned.get(ts_ms // DAY_MS, (ZERO, ZERO))
        self.earned[ts_ms // DAY_MS] = (profit + fill["realized_pnl"], fees + fill["fee"])
        _keep_newest(self.earned)
        if closed is not None and closed.source is OrderSource.BOT:
            self._count_exit(closed, whole)
        elif entered and document["order"]["source"] == OrderSource.BOT:
            pairs = self.entries.setdefault(ts_ms // DAY_MS, {})
            pairs[document["symbol"]] = pairs.get(document["symbol"], 0) + 1
            self.last_trade_ms[document["symbol"]] = ts_ms
            _keep_newest(self.entries)

    def _count_exit(self, closed: ClosedTrade, whole: Decimal | None) -> None:
        self.total_profit += closed.realized_pnl - closed.fees
        self.last_trade_ms[closed.pair] = closed.closed_ms
        self.recent = [earlier for earlier in self.recent if earlier.closed_ms > closed.closed_ms - RECENT_MS]
        self.recent.append(closed)
        if whole is not None:
            self.total_trades += 1
            self.winning_trades += whole > 0

    def today(self, now_ms: int) -> tuple[Decimal, Decimal]:
        """Return gross profit and fees of the UTC day of `now_ms`."""
        return self.earned.get(now_ms // DAY_MS, (ZERO, ZERO))

    def statistics(self, now_ms: int) -> BotStatistics:
        pairs = self.entries.get(now_ms // DAY_MS, {})
        return BotStatistics(
            trades_today=sum(pairs.values()),
            trades_today_by_pair=tuple(sorted(pairs.items())),
            total_trades=self.total_trades,
            winning_trades=self.winning_trades,
            total_profit=self.total_profit,
            last_trade_ms=tuple(sorted(self.last_trade_ms.items())),
            recent_closed=tuple(closed for closed in self.recent if closed.closed_ms > now_ms - RECENT_MS),
        )

    def part(self) -> documents.Part:
        """Return the tally as a checkpoint holds it."""
        return {
            "earned": [{"day": day, "profit": gain, "fees": fees} for day, (gain, fees) in sorted(self.earned.items())],
            "entries": [
                {"day": day, "symbol": pair, "count": count}
                for day, pairs in sorted(self.entries.items())
                for pair, count in sorted(pairs.items())
            ],
            "total_trades": self.total_trades,
            "winning_trades": self.winning_trades,
            "total_profit": self.total_profit,
            "last_trade": [{"symbol": pair, "ts": ts_ms} for pair, ts_ms in sorted(self.last_trade_ms.items())],
            "recent": [documents.closed_trade_part(closed) for closed in self.recent],
        }


def read_tally(part: Mapping[str, Any]) -> Tally:
    """Return the tally of a checkpoint."""
    tally = Tally(
        earned={int(entry["day"]): (entry["profit"], entry["fees"]) for entry in part["earned"]},
        total_trades=int(part["total_trades"]),
        winning_trades=int(part["winning_trades"]),
        total_profit=part["total_profit"],
        last_trade_ms={entry["symbol"]: int(entry["ts"]) for entry in part["last_trade"]},
        recent=[documents.read_closed_trade(entry) for entry in part["recent"]],
    )
    for entry in part["entries"]:
        tally.entries.setdefault(int(entry["day"]), {})[entry["symbol"]] = int(entry["count"])
    return tally


def _keep_newest(days: dict[int, Any]) -> None:
    while len(days) > DAYS_KEPT:
        del days[min(days)]
