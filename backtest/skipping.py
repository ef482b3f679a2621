"""Leaping over time in which nothing can happen: to the next moment that may matter to anyone.

A moment is skipped only when all of this holds for every pair: no price reaches a level that waits (stop, target,
trailing stop, liquidation, the move that ends a rest), no timer of a bot is due, no UTC day begins, no candle is
missing nearby, and no round can end in an opinion that changes anything. `tests/backtest/test_skipping.py` compares the
journals of both paths.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from backtest.bot import PairBot
from backtest.broker import MARK_MS, PaperBroker
from backtest.feed import Feed
from backtest.grid import PairGrid
from backtest.series import CLOSE, OPEN
from backtest.signals import LEAST_HISTORY
from domain.bot_state import Reference, last_entry_ms, trades_today
from domain.gates import cooldown_ends, find_ends
from domain.trading import Direction, MarketEvent, Position
from domain.values import replace

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
        self._of: dict[str, _Watch] = {}
        self._irregular: list[int] = []
        if not self._able:
            return
        uneven = np.zeros(self._end + 1, dtype=bool)
        for pair, feed in feeds.items():
            grid = PairGrid.of(job, feed.series.table, pair)
            uneven |= grid.uneven
            self._watches.append(_Watch(feed=feed, bot=bots[pair], broker=broker, grid=grid, from_ms=job.from_ms))
            if speaks_alone(job, bots[pair]):
                bots[pair].known = grid.found
        self._irregular = np.flatnonzero(uneven).tolist()
        self._of = {watch.bot.pair: watch for watch in self._watches}

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
        while nearest > step + 1:
            first = min(self._watches, key=lambda watch: watch.next_step(step))
            if not (first.known < nearest and first.is_light(first.known)):
                nearest = min(nearest, first.known)
                break
            first.find(first.known)
        return self._from_ms + nearest * MINUTE_MS

    def restore(self, to_ms: int) -> None:
        """Bring everybody to just before `to_ms`, as if every minute until then had been gone through."""
        step = (to_ms - self._from_ms) // MINUTE_MS - 1
        for watch in self._watches:
            watch.restore(step)

    def close_quietly(self, to_ms: int) -> bool:
        """Bring everybody to just after the closes of `to_ms`, where these change nothing; return whether it was so."""
        step = (to_ms - self._from_ms) // MINUTE_MS
        if not all(watch.closes_quietly(step) for watch in self._watches):
            return False
        if len(self._watches) > 1 and self._broker.exchange.desk.holdings:
            for watch in self._watches:
                watch.price_at_open(step - 1)
            self._broker.mark(to_ms - MINUTE_MS + MARK_MS)  # another pair's trade may depend on it
        for watch in self._watches:
            watch.close(step)
        return True

    def open_quietly(self, pair: str, now_ms: int) -> bool:
        """Open one pair's candle where that changes nothing; return whether it was so.

        What nobody looks at before the next leap is left to it, or to `open_really`.
        """
        if not self._able:
            return False
        watch, step = self._of[pair], (now_ms - self._from_ms) // MINUTE_MS
        if self._broker.exchange.executor.trails or not watch.opens_quietly(step):
            return False
        if len(self._watches) > 1 and pair in self._broker.exchange.desk.holdings:
            watch.restore(step)  # others' accounts are marked by it
        else:
            watch.feed.opened = watch.unopened = True
        return True

    def open_really(self, now_ms: int) -> None:
        """Go through opens that were left out: the next minute is to be gone through."""
        step = (now_ms - self._from_ms) // MINUTE_MS
        for watch in self._watches:
            if watch.unopened:
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


def speaks_alone(job: "Job", bot: PairBot) -> bool:
    """Return whether nothing but the direction and confidence of the built-in analyst decides."""
    rules = bot.rules
    return (
        job.opinions is None
        and len(bot.analysts) == 1
        and bot.state.weights[bot.analysts[0]] > 0
        and rules.exits not in ("atr", "opinion")
        and rules.sizing != "volatility"
    )


@dataclass(slots=True)
class _Watch:
    """One pair: its bot, its position, and what is known of its candles at once."""

    feed: Feed
    bot: PairBot
    broker: PaperBroker
    grid: PairGrid
    from_ms: int
    known: int = 0  # the step found last
    unopened: bool = False  # the newest open was left out
    _seen: tuple[object, ...] = ()  # what it was found from
    _asks_only: bool = False  # nothing but a round made it so
    _found: int = -1  # step of a find that was entered without going through it
    _levels_of: Position | None = None
    _reversal_of: Reference | None = None
    _reversal_at: tuple[float, bool] = (0.0, False)
    _levels: list[tuple[bool, float]] = field(default_factory=list)

    def next_step(self, step: int) -> int:
        """Return the next step after `step` that may matter to this pair."""
        state = self.bot.state
        if state.flight is not None or state.closing is not None or state.proposal is not None:
            self.known = step + 1
            return self.known
        holding = self.broker.exchange.desk.holdings.get(self.bot.pair)
        position = None if holding is None else holding.position
        if position is not state.position and position != state.position:
            self.known = step + 1
            return self.known
        seen = (position, state.found_ms, state.reference)
        if self.known > max(step, self._found) and all(
            one is other for one, other in zip(seen, self._seen, strict=True)
        ):
            return self.known
        opened, step = self._found < step, max(step, self._found)
        asked = self._next_round(step, position)
        priced = self._next_reversal(step, asked, opened=opened)
        if position is not None:
            priced = min(priced, self._next_exit(step, position, min(asked, priced), opened=opened))
        self._seen, self.known, self._asks_only = seen, min(asked, priced), asked < priced
        return self.known

    def is_light(self, step: int) -> bool:
        """Return whether the step holds nothing but a round that finds a signal and cannot trade on it."""
        known, bot = self.bot.known, self.bot
        row = self.grid.row(step - 1)
        if known is None or row < 0 or not self._asks_only:
            return False
        confidence = known.confidence(row)
        if confidence is None or Decimal(repr(confidence)) < bot.rules.high_confidence_threshold:
            return False
        state, now_ms = bot.state, self.from_ms + step * MINUTE_MS
        if state.position is not None:
            return bool(known.score[row] > 0) is (state.position.direction is Direction.LONG)
        return (
            trades_today(state, now_ms=now_ms) >= bot.rules.max_trades_per_day
            or cooldown_ends(
                bot.rules,
                last_trade_ms=state.last_trade_ms,
                last_entry_ms=last_entry_ms(state),
                cleared_ms=state.cooldown_cleared_ms,
                now_ms=now_ms,
            )
            is not None
        )

    def _next_round(self, step: int, position: Position | None) -> int:
        """Return the next round whose opinion may change something."""
        grid, now_ms = self.grid, self.from_ms + (step + 1) * MINUTE_MS
        rest = find_ends(self.bot.state.found_ms, self.bot.rules, now_ms=now_ms)
        free = step + 1 if rest is None else max(step + 1, -(-(rest - self.from_ms) // MINUTE_MS))
        nearest = _next_of(grid.any_steps, free)
        if position is None:
            return nearest
        opposite = grid.sell_steps if position.direction is Direction.LONG else grid.buy_steps
        return min(nearest, _next_of(opposite, step + 1))

    def _next_reversal(self, step: int, until: int, *, opened: bool) -> int:
        """Return the next step with a price that ends the rests."""
        if (threshold := self._reversal()) is None:
            return NEVER
        level, falls = threshold
        return self.grid.next_quote(step, level, falls=falls, until=until, opened=opened)

    def _reversal(self) -> tuple[float, bool] | None:
        """Return the price that ends the rests, and whether it is one below."""
        reference, threshold = self.bot.state.reference, self.bot.rules.reversal_threshold
        if reference is None or not threshold:
            return None
        if reference is not self._reversal_of:
            falls = reference.direction is Direction.LONG
            level = float(reference.price * (1 - reference.direction.sign * threshold))
            self._reversal_of, self._reversal_at = reference, (level * (1 + SLACK if falls else 1 - SLACK), falls)
        return self._reversal_at

    def _next_exit(self, step: int, position: Position, until: int, *, opened: bool) -> int:
        """Return the next step with a candle that reaches a stop, a target, or moves the trailing stop."""
        nearest = NEVER
        for falls, level in self._levels_now(position):
            nearest = min(
                nearest, self.grid.next_reach(step, level, falls=falls, until=min(until, nearest), opened=opened)
            )
        if (level_and_side := _trails_at(position, self.broker)) is not None:
            level, falls = level_and_side
            nearest = min(nearest, self.grid.next_extreme(step, level, falls=falls, until=min(until, nearest)))
        return nearest

    def _levels_now(self, position: Position) -> list[tuple[bool, float]]:
        """Return what waits at a price, and whether a price below reaches it."""
        if self._levels_of is not position:
            self._levels_of = position
            resting = self.broker.exchange.by_path.resting(position.pair)
            self._levels = [(item.falls, float(item.level)) for item in resting]
        return self._levels

    def find(self, step: int) -> None:
        """Enter a signal that is found and not traded on: the pair rests from there."""
        bot, now_ms, row = self.bot, self.from_ms + step * MINUTE_MS, self.grid.row(step - 1)
        state = replace(bot.state, found_ms=now_ms)
        if state.position is None and bot.known is not None:
            direction = Direction.LONG if bot.known.score[row] > 0 else Direction.SHORT
            price = self.feed.series.table.price(CLOSE, row)
            state = replace(state, reference=Reference(direction=direction, price=price))
        bot.state, self._found = state, step

    def closes_quietly(self, step: int) -> bool:
        """Return whether the candle that ends at `step` reaches nothing."""
        grid, candle = self.grid, step - 1
        if step >= len(grid.rows) or grid.row(candle) < 0 or grid.row(step) < 0:
            return False
        position = self.bot.state.position
        if position is not None:
            low, high = grid.low[candle], grid.high[candle]
            if any(low <= level if falls else high >= level for falls, level in self._levels_now(position)):
                return False
            if (trails := _trails_at(position, self.broker)) is not None:
                level, falls = trails
                if low <= level if falls else high >= level:
                    return False
        return not self._reverses(grid.quote_low[candle], grid.quote_high[candle])

    def opens_quietly(self, step: int) -> bool:
        """Return whether the open of `step` reaches nothing, and nothing waits for it."""
        state, opened = self.bot.state, self.grid.open[step]
        if any(entry.order.pair == self.bot.pair for entry in self.broker.exchange.desk.orders.values()):
            return False
        if state.flight is not None or state.closing is not None or self.grid.row(step) < 0:
            return False
        position = state.position
        holding = self.broker.exchange.desk.holdings.get(self.bot.pair)
        if (position is None) is not (holding is None):
            return False
        if position is not None:
            levels = self._levels_now(position)
            if any(opened <= level if falls else opened >= level for falls, level in levels):
                return False
        return not self._reverses(opened, opened)

    def _reverses(self, low: float, high: float) -> bool:
        """Return whether a price as low or as high may end the rests."""
        if (threshold := self._reversal()) is None:
            return False
        level, falls = threshold
        return bool(low <= level if falls else high >= level)

    def price_at_open(self, step: int) -> None:
        """Value the pair at the open of `step`, where it is held."""
        if self.bot.pair in self.broker.exchange.desk.holdings:
            view = self.broker.exchange.market.pair(self.bot.pair)
            view.last_price = self.feed.series.table.price(OPEN, self.grid.row(step))

    def close(self, step: int) -> None:
        """Be right after the close of the candle that ends at `step`."""
        exchange, feed, pair, row = self.broker.exchange, self.feed, self.bot.pair, self.grid.row(step - 1)
        end_ms = self.from_ms + step * MINUTE_MS
        feed.series.rows, feed.opened, feed.seen_ms = row + 1, False, end_ms
        self.unopened = False
        price = feed.series.table.price(CLOSE, row)
        event = MarketEvent(kind="candle", id=end_ms - MINUTE_MS, ts_ms=end_ms - 1)
        view = exchange.market.pair(pair)
        view.last_price, view.last_event, view.newest_ms, view.candle_ms = price, event, end_ms - 1, MINUTE_MS
        exchange.waiting.opened[pair] = end_ms - MINUTE_MS
        exchange.books.seen[pair] = event
        self.bot.leap(feed.quote_at(end_ms, price).quote, MINUTE_MS, end_ms)

    def restore(self, step: int) -> None:
        """Be within the candle of `step`, which has just been opened."""
        self.unopened = False
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
        if step > 0 and self.grid.row(step - 1) >= 0:  # else what was seen last is known already, or nothing was
            before_ms = open_ms - MINUTE_MS
            exchange.books.seen[pair] = MarketEvent(kind="candle", id=before_ms, ts_ms=open_ms - 1)
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
