"""What bots did and what the account earned per day, recomputed from the fills, as checkpoints must state it."""

from dataclasses import dataclass, field
from decimal import Decimal

from ledger.canonical import Plain
from ledger.executions import DAY_MS, Execution
from ledger.parts import ZERO, number, present, whole

RECENT_MS = 2 * DAY_MS
DAYS_KEPT = 2


@dataclass(slots=True)
class Tally:
    """Days are UTC, by the time of the fill."""

    earned: dict[int, tuple[Decimal, Decimal]] = field(default_factory=dict)  # day -> gross profit, fees
    entries: dict[int, dict[str, int]] = field(default_factory=dict)  # day -> pair -> entries of bots
    total_trades: int = 0
    winning_trades: int = 0
    total_profit: Decimal = ZERO
    last_trade: dict[str, int] = field(default_factory=dict)
    recent: list[Plain] = field(default_factory=list)

    def earn(self, execution: Execution) -> None:
        """Count any fill's profit and fee."""
        day = execution.ts // DAY_MS
        profit, fees = self.earned.get(day, (ZERO, ZERO))
        self.earned[day] = (profit + execution.pnl, fees + execution.fee)
        _keep_newest(self.earned)

    def enter(self, execution: Execution) -> None:
        """Count the first execution of a bot's order that opens."""
        pairs = self.entries.setdefault(execution.ts // DAY_MS, {})
        pairs[execution.pair] = pairs.get(execution.pair, 0) + 1
        self.last_trade[execution.pair] = execution.ts
        _keep_newest(self.entries)

    def leave(self, closed: Plain, whole_profit: Decimal | None) -> None:
        """Count a close of what a bot opened; `whole_profit`: of the whole position, when this ended it."""
        closed_ms = whole(closed, "closed")
        self.total_profit += number(closed, "realized_pnl") - number(closed, "fees")
        self.last_trade[str(closed["symbol"])] = closed_ms
        self.recent = [earlier for earlier in self.recent if whole(earlier, "closed") > closed_ms - RECENT_MS]
        self.recent.append(closed)
        if whole_profit is not None:
            self.total_trades += 1
            self.winning_trades += whole_profit > 0

    def part(self) -> Plain:
        return {
            "earned": [
                present({"day": day, "profit": profit, "fees": fees})
                for day, (profit, fees) in sorted(self.earned.items())
            ],
            "entries": [
                {"day": day, "symbol": pair, "count": count}
                for day, pairs in sorted(self.entries.items())
                for pair, count in sorted(pairs.items())
            ],
            "total_trades": self.total_trades,
            "winning_trades": self.winning_trades,
            **present({"total_profit": self.total_profit}),
            "last_trade": [{"symbol": pair, "ts": ts} for pair, ts in sorted(self.last_trade.items())],
            "recent": list(self.recent),
        }


def _keep_newest(days: dict[int, tuple[Decimal, Decimal]] | dict[int, dict[str, int]]) -> None:
    while len(days) > DAYS_KEPT:
        del days[min(days)]
