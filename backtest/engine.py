"""One historical run: candles and timers in the order of the live desk in virtual time.

At one moment closed candles come first, then timers, then the opens of the next candles
(docs/decisions/virtual-time.md).
The plain path goes through every moment; `skipping.py` leaps over those in which nothing can happen.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from backtest.bot import PairBot
from backtest.broker import MARK_MS, PaperBroker
from backtest.feed import Feed
from backtest.opinions import RecordedOpinions
from backtest.result import Recorder, Result
from backtest.series import PairSeries
from backtest.skipping import Skipper
from backtest.tables import CandleTable
from backtest.timers import LeapingTimers
from domain.errors import SettingsError
from domain.market import MarketState, SymbolRules
from domain.messages import ClosePosition, MarketStatusChanged, OrderFilled, RulesChanged, SubmitOrder, TimerFired
from settings import Settings, settings_hash

MINUTE_MS = 60_000
FIRST_ROUND_MS = 2000  # as actors.bot
CLOSE, TIMER, OPEN = 0, 1, 2  # ranks of what happens at one moment
BROKER, MARKET = "broker", "market"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be run.

    Attributes:
        settings: of the desk; the pairs are those of `bots.pairs`, in that order.
        tables: the candles of each pair, all of one interval; those before `from_ms` are the warm-up.
        rules: the exchange's filters of each pair.
        from_ms, to_ms: the period, epoch ms, `to_ms` not included.
        opinions: recorded opinions, None: the built-in analyst alone.
        plain: go through every moment, with all features formed.
        keep_journal: keep all documents, not the head alone.
        progress: is called with the share done, 0..1, now and then.
    """

    settings: Settings
    tables: Mapping[str, CandleTable]
    rules: Mapping[str, SymbolRules]
    from_ms: int
    to_ms: int
    opinions: RecordedOpinions | None = None
    plain: bool = False
    keep_journal: bool = False
    progress: Callable[[float], None] | None = None


def run(job: Job) -> Result:
    """Run a period and return what came of it.

    Raises:
        SettingsError: the pairs' candles differ in their interval, or there are none in the period.
    """
    return _Run(job).run()


@dataclass(slots=True)
class _Run:
    job: Job
    now_ms: int = 0
    timers: LeapingTimers = field(default_factory=LeapingTimers)
    bots: dict[str, PairBot] = field(default_factory=dict)
    feeds: dict[str, Feed] = field(default_factory=dict)
    recorder: Recorder = field(init=False)
    broker: PaperBroker = field(init=False)
    _mail: deque[tuple[str, object]] = field(default_factory=deque)
    _marking: bool = False
    _handling: bool = False

    def __post_init__(self) -> None:
        job = self.job
        step_ms = {table.interval_ms for table in job.tables.values()}
        if len(step_ms) != 1:
            raise SettingsError(f"the candles of all pairs must have one interval, found {sorted(step_ms)} ms")
        self.recorder = Recorder(job)
        self.now_ms = job.from_ms

    # --- start ----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Set up everything in the order in which the live desk starts: market, broker, bots."""
        job, settings = self.job, self.job.settings
        self.timers.at(self.now_ms + MINUTE_MS, MARKET, "staleness", MINUTE_MS)
        self.broker = PaperBroker(settings=settings, now_ms=self.now_ms, tell=self._post, store=self.recorder.store)
        self.timers.at(self.now_ms + MINUTE_MS, BROKER, "equity", MINUTE_MS)
        self.broker.exchange.market.take_rules(tuple(job.rules.values()))
        self.broker.exchange.market.state = MarketState.LIVE
        hashed = settings_hash(settings)
        period_ms = max(MINUTE_MS, round(settings.analysis.interval_seconds * 1000))
        for pair in settings.bots.pairs:
            self._start_bot(pair, hashed, period_ms)
        self.broker.record_settings(self.now_ms)
        self._deliver()

    def _start_bot(self, pair: str, hashed: str, period_ms: int) -> None:
        job, name = self.job, f"bot-{pair}"
        table = job.tables[pair]
        series = PairSeries(table, intervals=job.settings.market.intervals, history=job.settings.market.history)
        feed = self.feeds[pair] = Feed(pair=pair, series=series, from_ms=job.from_ms, to_ms=job.to_ms)
        bot = self.bots[pair] = PairBot(
            pair=pair,
            settings=job.settings,
            settings_hash=hashed,
            series=series,
            recorded=job.opinions,
            order=self._order,
            wake=lambda due_ms, key: self.timers.at(due_ms, name, key),
            forget=lambda key: self.timers.cancel(name, key),
            plain=job.plain,
        )
        self.timers.at(self.now_ms + period_ms, name, "round", period_ms)
        self.timers.at(self.now_ms + FIRST_ROUND_MS, name, "first round")
        self._post(name, RulesChanged(rules=tuple(job.rules.values())))
        self._post(name, MarketStatusChanged(state=MarketState.LIVE, message="", at_ms=self.now_ms))
        if (quote := feed.warm_up()) is not None:
            bot.take(quote, self.now_ms)
        self.broker.greet(name, self.now_ms)

    # --- the loop -------------------------------------------------------------------------------------------------

    def run(self) -> Result:
        self._start()
        skipper = Skipper(self.job, self.feeds, self.bots, self.broker) if not self.job.plain else None
        steps = 0
        while (moment := self._next_event()) is not None:
            due_ms = self.timers.next_due_ms()
            if due_ms is not None and (due_ms, TIMER) < moment:
                self._fire(due_ms)
                continue
            self.now_ms, rank = moment
            for pair, feed in self.feeds.items():
                if feed.next_event() == moment:
                    if rank == OPEN and skipper is not None and skipper.open_quietly(pair, self.now_ms):
                        continue
                    self._play(pair, feed, rank)
            if rank != OPEN:
                continue
            steps += 1
            if steps % 512 == 0:
                self._progress()
            if skipper is not None:
                self._leap(skipper)
        self._progress()
        return self.recorder.result(self)

    def _next_event(self) -> tuple[int, int] | None:
        return min((event for feed in self.feeds.values() if (event := feed.next_event()) is not None), default=None)

    def _play(self, pair: str, feed: Feed, rank: int) -> None:
        if rank == CLOSE:
            self._close(pair, feed)
        else:
            self._open(pair, feed)
        self._deliver()

    def _close(self, pair: str, feed: Feed) -> None:
        table, row = feed.series.table, feed.series.rows
        self._freshen(pair, feed)
        candle = table.candle(row)
        self.broker.candle_closed(pair, candle, table.interval_ms, self.now_ms)
        self._mark_later()
        told = feed.close(candle)
        for message in told:
            self.bots[pair].take(message, self.now_ms)

    def _open(self, pair: str, feed: Feed) -> None:
        self._freshen(pair, feed)
        open_ms, price = feed.open()
        self.broker.candle_opened(pair, open_ms, price, self.now_ms)
        self._mark_later()
        self.bots[pair].take(feed.quote_at(open_ms, price), self.now_ms)

    def _freshen(self, pair: str, feed: Feed) -> None:
        """The market heard of the pair: where it was stale, it is no longer."""
        feed.seen_ms = self.now_ms
        if feed.stale:
            self._tell_freshness(pair, feed, stale=False)

    def _on_staleness(self) -> None:
        for pair, feed in self.feeds.items():
            if not feed.stale and self.now_ms - feed.seen_ms > feed.patience_ms():
                self._tell_freshness(pair, feed, stale=True)

    def _tell_freshness(self, pair: str, feed: Feed, *, stale: bool) -> None:
        feed.stale = stale
        state = MarketState.STALE if stale else MarketState.LIVE
        self.broker.exchange.market.pair(pair).state = state
        bot = self.bots[pair]
        if stale and (quote := feed.quote_again()) is not None:
            bot.take(quote, self.now_ms)
        bot.take(MarketStatusChanged(state=state, message="", at_ms=self.now_ms, pair=pair), self.now_ms)

    def _mark_later(self) -> None:
        if not self._marking and self.broker.exchange.desk.holdings:
            self._marking = True
            self.timers.at(self.now_ms + MARK_MS, BROKER, "mark")

    def _fire(self, due_ms: int) -> None:
        self.now_ms = due_ms
        _, name, key = self.timers.pop()
        if name == MARKET:
            self._on_staleness()
        elif name != BROKER:
            self.bots[name.removeprefix("bot-")].receive(TimerFired(key=key, due_ms=due_ms), due_ms)
        elif key == "mark":
            self._marking = False
            self.broker.mark(due_ms)
        else:
            self.broker.minute(due_ms)
        self._deliver()

    # --- mail -----------------------------------------------------------------------------------------------------

    def _order(self, command: SubmitOrder | ClosePosition) -> None:
        self._mail.append((BROKER, command))

    def _post(self, name: str, message: object) -> None:
        if name == "hub" and isinstance(message, OrderFilled):
            self.recorder.filled(message)
        elif name.startswith("bot-"):
            self._mail.append((name, message))

    def _deliver(self) -> None:
        """Hand over the mail until none is left: first come, first served."""
        while self._mail:
            name, message = self._mail.popleft()
            if name == BROKER:
                assert isinstance(message, SubmitOrder | ClosePosition)
                self.broker.order(message, self.now_ms)
            else:
                self.bots[name.removeprefix("bot-")].receive(message, self.now_ms)

    # --- leaping --------------------------------------------------------------------------------------------------

    def _leap(self, skipper: Skipper) -> None:
        """Go on at the next moment in which something may happen."""
        once_ms = self.timers.next_once_ms("mark")
        to_ms = skipper.next_ms(self.now_ms, once_ms)
        if to_ms - self.now_ms <= MINUTE_MS:
            skipper.open_really(self.now_ms)
            return
        last_ms = to_ms - MINUTE_MS
        if (once_ms is None or once_ms >= to_ms) and skipper.close_quietly(to_ms):
            last_ms = to_ms
        else:
            skipper.restore(to_ms)
        self.timers.leap(to_ms, "mark", last_ms + MARK_MS)
        self._deliver()

    def _progress(self) -> None:
        job = self.job
        if job.progress is not None:
            job.progress(min(1.0, (self.now_ms - job.from_ms) / max(1, job.to_ms - job.from_ms)))
