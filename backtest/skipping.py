"""Leaping over time in which nothing can happen: to the next moment that may matter to anyone.

A moment is skipped only when all of this holds for every pair: no price reaches a level that waits (stop, target,
trailing stop, liquidation, the move that ends a rest), no timer of a bot is due, no UTC day begins, no candle is
missing nearby, and no round can end in an opinion that changes anything. `tests/backtest/test_skipping.py` compares the
journals of both paths.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from backtest.bot import PairBot
from backtest.broker import PaperBroker
from backtest.feed import Feed
from backtest.grid import PairGrid
from backtest.signals import LEAST_HISTORY
from domain.gates import find_ends
from domain.trading import Direction, MarketEvent, Position

if TYPE_CHECKING:
    from backtest.engine import Job

MINUTE_MS, DAY_MS = 60_000, 86_400_000
SLACK = 1e-12  # relative: a level as a float may lie this far from the exact one
NEVER = 1 << 60


class Skipper:
    """Says where to go on, and brings everybody there. Steps are minutes since the start of the run."""

    def __init__(self, job: "Job", feeds: Mapping[str, Feed], bots: Mapping[str, PairBot], broker: PaperBroker) -> None:
        self._from_ms, self._broker = job.from_ms, broker
        self._end = -(-(job.to_ms - job.from_ms) // MINUTE_MS)
        self._able = is_able(job, bots)
        self._watches: list[_Watch] = []
        self._irregular: list[int] = []
        if not self._able:
            return
        uneven = np.zeros(self._end + 1, dtype=bool)
        for pair, feed in feeds.items():
            grid = PairGrid.of(job, feed.series.table, pair)
            uneven |= grid.uneven
            self._watches.append(_Watch(feed=feed, bot=bots[pair], broker=broker, grid=grid, from_ms=job.from_ms))
        self._irregular = np.flatnonzero(uneven).tolist()

    def next_ms(self, now_ms: int, once_ms: int | None) -> int:
        """Return the moment to go on at: a minute later where nothing can be skipped.

        Args:
            now_ms: the opens of this minute are done.
            once_ms: when the next timer of a bot is due.
        """
        if not self._able:
            return now_ms
        step = (now_ms - self._from_ms) // MINUTE_MS
        nearest = min(self._end, self._next_day(now_ms), _next_of(self._irregular, step + 1))
        if once_ms is not None:
            nearest = min(nearest, -(-(once_ms - self._from_ms) // MINUTE_MS))
        if self._broker.exchange.desk.orders or self._broker.exchange.executor.trails:
            return now_ms
        for watch in self._watches:
            if nearest <= step + 1:
                return now_ms
            nearest = min(nearest, watch.next_step(step))
        return self._from_ms + nearest * MINUTE_MS

    def restore(self, to_ms: int) -> None:
        """Bring everybody to just before `to_ms`, as if every minute until then had been gone through."""
        step = (to_ms - self._from_ms) // MINUTE_MS - 1
        for watch in self._watches:
            watch.restore(step)

    def _next_day(self, now_ms: int) -> int:
        midnight = (now_ms // DAY_MS + 1) * DAY_MS
        return -(-(midnight - self._from_ms) // MINUTE_MS)


def is_able(job: "Job", bots: Mapping[str, PairBot]) -> bool:
    """Return whether a run can be skipped through: rounds and candles by the minute, a long enough history."""
    settings = job.settings
    period_ms = round(settings.analysis.interval_seconds * 1000)
    return (
        all(table.interval_ms == MINUTE_MS for table in job.tables.values())
        and "1m" in settings.market.intervals
        and job.from_ms % MINUTE_MS == 0
        and (period_ms <= MINUTE_MS or period_ms % MINUTE_MS == 0)
        and settings.market.history >= LEAST_HISTORY
        and not any(bot.rules.manual_approval_mode for bot in bots.values())
    )


@dataclass(slots=True)
class _Watch:
    """One pair: its bot, its position, and what is known of its candles at once."""

    feed: Feed
    bot: PairBot
    broker: PaperBroker
    grid: PairGrid
    from_ms: int
    _seen: tuple[object, ...] = ()  # what the known steps were found from
    _known: int = 0
    _levels_of: Position | None = None
    _levels: list[tuple[bool, float]] = field(default_factory=list)

    def next_step(self, step: int) -> int:
        """Return the next step after `step` that may matter to this pair."""
        state = self.bot.state
        if state.flight is not None or state.closing is not None or state.proposal is not None:
            return step + 1
        holding = self.broker.exchange.desk.holdings.get(self.bot.pair)
        position = None if holding is None else holding.position
        if position is not state.position and position != state.position:
            return step + 1
        seen = (position, state.found_ms, state.reference)
        if self._known > step and all(one is other for one, other in zip(seen, self._seen, strict=True)):
            return self._known
        nearest = self._next_round(step, position)
        nearest = min(nearest, self._next_reversal(step, nearest))
        if position is not None:
            nearest = min(nearest, self._next_exit(step, position, nearest))
        self._seen, self._known = seen, nearest
        return nearest

    def _next_round(self, step: int, position: Position | None) -> int:
        """Return the next round whose opinion may change something."""
        grid, now_ms = self.grid, self.from_ms + step * MINUTE_MS
        rest = find_ends(self.bot.state.found_ms, self.bot.rules, now_ms=now_ms)
        free = step + 1 if rest is None else max(step + 1, -(-(rest - self.from_ms) // MINUTE_MS))
        nearest = _next_of(grid.any_steps, free)
        if position is None:
            return nearest
        opposite = grid.sell_steps if position.direction is Direction.LONG else grid.buy_steps
        return min(nearest, _next_of(opposite, step + 1))

    def _next_reversal(self, step: int, until: int) -> int:
        """Return the next step with a price that ends the rests."""
        reference, threshold = self.bot.state.reference, self.bot.rules.reversal_threshold
        if reference is None or not threshold:
            return NEVER
        falls = reference.direction is Direction.LONG
        level = float(reference.price * (1 - reference.direction.sign * threshold))
        return self.grid.next_quote(step, level * (1 + SLACK if falls else 1 - SLACK), falls=falls, until=until)

    def _next_exit(self, step: int, position: Position, until: int) -> int:
        """Return the next step with a candle that reaches a stop, a target, or moves the trailing stop."""
        if self._levels_of is not position:
            self._levels_of = position
            self._levels = [
                (item.falls, float(item.level)) for item in self.broker.exchange.by_path.resting(position.pair)
            ]
        nearest = until
        for falls, level in self._levels:
            nearest = min(nearest, self.grid.next_reach(step, level, falls=falls, until=nearest))
        if (level_and_side := _trails_at(position, self.broker)) is not None:
            level, falls = level_and_side
            nearest = min(nearest, self.grid.next_extreme(step, level, falls=falls, until=nearest))
        return nearest

    def restore(self, step: int) -> None:
        """Be within the candle of `step`, which has just been opened."""
        if (row := self.grid.row(step)) < 0:
            return
        exchange, feed, pair = self.broker.exchange, self.feed, self.bot.pair
        open_ms = self.from_ms + step * MINUTE_MS
        feed.leap(row)
        feed.seen_ms = open_ms
        _, price = feed.open()
        event = MarketEvent(kind="candle", id=open_ms, ts_ms=open_ms)
        view = exchange.market.pair(pair)
        view.last_price, view.last_event, view.newest_ms, view.candle_ms = price, event, open_ms, MINUTE_MS
        exchange.waiting.opened[pair] = open_ms
        before_ms = open_ms - MINUTE_MS
        exchange.books.seen[pair] = replace(event, id=before_ms, ts_ms=open_ms - 1)
        self.bot.leap(feed.quote_at(open_ms, price).quote, MINUTE_MS, open_ms)


def _trails_at(position: Position, broker: PaperBroker) -> tuple[float, bool] | None:
    """Return the price from which the trailing stop moves, and whether it is one below."""
    trailing, sign = position.trailing, position.direction.sign
    if trailing is None:
        return None
    level = position.entry_price + sign * trailing.trigger
    rules = broker.exchange.market.pair(position.pair).rules
    if trailing.stop is not None and rules is not None:
        further = trailing.stop + sign * (trailing.distance + rules.tick_size)
        level = max(level, further) if sign > 0 else min(level, further)
    return float(level) * (1 - sign * SLACK), sign < 0


def _next_of(steps: list[int], least: int) -> int:
    """Return the first of rising `steps` at or after `least`."""
    place = bisect_left(steps, least)
    return steps[place] if place < len(steps) else NEVER
