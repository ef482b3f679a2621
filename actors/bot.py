"""One bot per trading pair: it asks the analysts, decides, and orders. It never prices, fills or stores."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from actors.base import Actor
from actors.bot_settings import bot_rules
from domain.analysis import Abstention, AnalystState, Features, Opinion, Outcome
from domain.bot_rules import BotRules
from domain.bot_state import BotState, deadlines, market_fault
from domain.bot_steps import AnalyseNow, RoundCompleted, RoundSkipped, RulesApplied, step
from domain.candles import CandleSeries, Merge
from domain.decision_documents import decision_document
from domain.errors import SettingsError
from domain.features import LAST_CANDLES, CandleColumns, build_features
from domain.gates import clock as time_text
from domain.gates import find_ends
from domain.market import INTERVAL_MS, Source, Ticker
from domain.messages import (
    AcceptTrade,
    AccountChanged,
    ActorStarted,
    AnalysisStepped,
    AnalystChanged,
    CandleClosed,
    CandleHistory,
    ClosePosition,
    ControlChanged,
    DecisionMade,
    FearGreedChanged,
    FormOpinion,
    MarketStatusChanged,
    NewsPublished,
    OpinionFormed,
    OpinionWithheld,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    PairStatusChanged,
    PositionAmended,
    QuoteChanged,
    RecentTrades,
    RejectTrade,
    RulesChanged,
    SendAccount,
    SendAnalystStatus,
    SendCandles,
    SendMarketState,
    SendNews,
    SettingsApplied,
    StatisticsChanged,
    SubmitOrder,
    TickerChanged,
    TimerFired,
)
from domain.news import FearGreed, NewsItem
from domain.ports import Archive, Clock, Peers, Timers
from domain.strategy import combine, fresh_opinions
from domain.trading import Control
from domain.transcript import Transcript
from settings import Settings

MARKET, NEWS, BROKER, HUB = "market", "news", "broker", "hub"
FIRST_ROUND_SECONDS = 2.0  # after the start: by then the history is there
RULES_SECONDS = 2.0  # within which an analyst that only computes has answered
GRACE_SECONDS = 2.0  # that an answer of a model may come later than its call may take
MAX_NEWS = 200
BUILT_IN = "technical"


@dataclass(slots=True)
class _Round:
    """One analysis round under way."""

    round_id: str
    features: Features
    asked: tuple[str, ...]
    deadline_ms: int
    answered: set[str] = field(default_factory=set)
    abstentions: dict[str, Abstention] = field(default_factory=dict)


class BotActor(Actor):
    """Keeps what it is told of its pair, leads the analysis rounds, and carries out what `domain.bot_steps` decides.

    Handles: QuoteChanged, CandleClosed, CandleHistory, TickerChanged, RulesChanged, MarketStatusChanged (market);
    AccountChanged, StatisticsChanged, ControlChanged, OrderAccepted, OrderFilled, OrderRefused, OrderCancelled,
    PositionAmended, RecentTrades (broker); OpinionFormed, OpinionWithheld, AnalystChanged (analysts); NewsPublished,
    FearGreedChanged (news); AcceptTrade, RejectTrade (hub); SettingsApplied, ActorStarted, TimerFired.
    Tells: SendMarketState, SendCandles (market), SendAccount, SubmitOrder, ClosePosition (broker), SendNews (news),
    FormOpinion, SendAnalystStatus (analysts), AnalysisStepped, SignalFormed, DecisionMade, TradeProposed,
    ProposalAnswered, PairStatusChanged (hub).
    State: a restart loses the round under way, a trade that waits for approval, the rest after a find, and the inputs
    of a decision whose order is on its way; all else is told again by market and broker.
    """

    def __init__(
        self,
        *,
        pair: str,
        settings: Settings,
        peers: Peers,
        clock: Clock,
        timers: Timers,
        analysts: tuple[str, ...],
        source: Source,
        settings_hash: str,
        archive: Archive,
        on_death: Callable[[str, str, str], None] | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        super().__init__(name=f"bot-{pair}", on_death=on_death, transcript=transcript)
        self._pair = pair
        self._settings = settings
        self._settings_hash = settings_hash
        self._peers = peers
        self._clock = clock
        self._timers = timers
        self._analysts = analysts
        self._source = source
        self._archive = archive
        self._rules = bot_rules(settings, None, pair, settings_hash)
        self._skills: dict[str, Decimal] = {}
        self._state = BotState(pair=pair, weights=self._weights())
        self._series: dict[str, CandleSeries] = {
            interval: CandleSeries(interval_ms=INTERVAL_MS[interval], capacity=settings.market.history)
            for interval in settings.market.intervals
            if interval in INTERVAL_MS
        }
        self._ticker: Ticker | None = None
        self._news: dict[str, NewsItem] = {}
        self._fear_greed: FearGreed | None = None
        self._analyst_states: dict[str, AnalystState] = {}
        self._opinions: dict[str, Opinion] = {}
        self._round: _Round | None = None
        self._woken_at: dict[str, int] = {}  # timers that are set, epoch ms

    def on_start(self) -> None:
        self._ask_market()
        self._peers.tell(BROKER, SendAccount(reply_to=self.name))
        self._peers.tell(NEWS, SendNews(reply_to=self.name))
        for analyst in self._analysts:
            self._peers.tell(f"analyst-{analyst}", SendAnalystStatus(reply_to=self.name))
        self._timers.every(self._settings.analysis.interval_seconds, self.name, "round")
        self._timers.after(FIRST_ROUND_SECONDS, self.name, "first round")

    def on_receive(self, message: object) -> object:
        match message:
            case QuoteChanged():
                self._on_quote_changed(message)
            case CandleClosed():
                self._on_candle_closed(message)
            case CandleHistory():
                self._on_candle_history(message)
            case TickerChanged():
                self._on_ticker_changed(message)
            case (
                AccountChanged()
                | StatisticsChanged()
                | RulesChanged()
                | MarketStatusChanged()
                | OrderAccepted()
                | OrderFilled()
                | OrderRefused()
                | OrderCancelled()
                | AcceptTrade()
                | RejectTrade()
            ):
                self._take(message)
            case ControlChanged():
                self._on_control_changed(message)
            case OpinionFormed():
                self._on_opinion_formed(message)
            case OpinionWithheld():
                self._on_opinion_withheld(message)
            case AnalystChanged():
                self._on_analyst_changed(message)
            case NewsPublished():
                self._on_news_published(message)
            case FearGreedChanged():
                self._on_fear_greed_changed(message)
            case TimerFired(key="round" | "first round"):
                self._begin_round()
            case TimerFired(key="deadline"):
                self._on_deadline()
            case TimerFired():
                self._on_timer_fired(message)
            case SettingsApplied():
                self._on_settings_applied(message)
            case ActorStarted():
                self._on_actor_started(message)
            case PositionAmended() | RecentTrades():
                pass  # the account tells the same
            case _:
                return super().on_receive(message)
        return None

    # --- what market and news tell ----------------------------------------------------------------------------------

    def _ask_market(self) -> None:
        self._peers.tell(MARKET, SendMarketState(reply_to=self.name))
        for interval in self._series:
            self._ask_candles(interval)

    def _ask_candles(self, interval: str) -> None:
        limit = self._settings.market.history
        self._peers.tell(MARKET, SendCandles(pair=self._pair, interval=interval, limit=limit, reply_to=self.name))

    def _on_quote_changed(self, message: QuoteChanged) -> None:
        if message.quote.pair == self._pair and message.quote.source is self._source:
            self._take(message)

    def _on_candle_closed(self, message: CandleClosed) -> None:
        if message.pair != self._pair or message.source is not self._source:
            return
        series = self._series.get(message.interval)
        if series is not None and series.add(message.candle) is Merge.AFTER_GAP:
            self._ask_candles(message.interval)
        self._take(message)

    def _on_candle_history(self, message: CandleHistory) -> None:
        if message.pair == self._pair and (series := self._series.get(message.interval)) is not None:
            series.merge(message.candles)

    def _on_ticker_changed(self, message: TickerChanged) -> None:
        if message.pair == self._pair:
            self._ticker = message.ticker

    def _on_news_published(self, message: NewsPublished) -> None:
        for item in message.items:
            if not item.pairs or self._pair in item.pairs:
                self._news[item.item_id] = item
        while len(self._news) > MAX_NEWS:
            del self._news[next(iter(self._news))]

    def _on_fear_greed_changed(self, message: FearGreedChanged) -> None:
        self._fear_greed = message.fear_greed

    # --- analysis rounds --------------------------------------------------------------------------------------------

    def _begin_round(self) -> None:
        now_ms = self._clock.now_ms()
        if self._round is not None or not self._analysis_on():
            return
        if (fault := market_fault(self._state, self._rules, now_ms=now_ms)) is not None:
            self._stepped("error", f"no analysis: {fault}")
            self._take(RoundSkipped())
            return
        rest = find_ends(self._state.found_ms, self._rules, now_ms=now_ms)
        if rest is not None and self._state.position is None:  # an open position may need to be reversed
            self._stepped("completed", f"the pair rests until {time_text(rest)} after a high-confidence signal")
            self._take(RoundSkipped())
            return
        self._stepped("starting", f"analysis of {self._pair}")
        self._ask_analysts(now_ms)

    def _ask_analysts(self, now_ms: int) -> None:
        features, asked = self._features(now_ms), self._wanted()
        rules_only = all(self._is_built_in(name) for name in asked)
        seconds = RULES_SECONDS if rules_only else self._settings.llm.timeout_seconds + GRACE_SECONDS
        deadline_ms = now_ms + round(seconds * 1000)
        self._round = _Round(f"{self._pair}:{now_ms}", features, asked, deadline_ms)
        self._timers.after(seconds, self.name, "deadline")
        self._stepped("asking", f"asking {', '.join(asked)}" if asked else "no analyst can be asked")
        for name in asked:
            self._ask(name, self._round)
        self._complete_if_answered()

    def _ask(self, name: str, current: _Round) -> None:
        question = FormOpinion(
            round_id=current.round_id,
            features=current.features,
            reply_to=self.name,
            deadline_ms=current.deadline_ms,
            settings_hash=self._settings_hash,
        )
        if not self._peers.tell(f"analyst-{name}", question):
            self._abstained(current, name, f"{name} is not running")

    def _wanted(self) -> tuple[str, ...]:
        """Return the analysts to ask, in order: those the operators chose, and always the built-in one."""
        control = self._state.control
        chosen = control.signal_sources if control is not None else None
        return tuple(
            name
            for name in self._analysts
            if self._is_built_in(name)
            or ((chosen is None or name in chosen) and self._analyst_states.get(name) is not AnalystState.DISABLED)
        )

    def _is_built_in(self, name: str) -> bool:
        entry = self._settings.analysts.get(name)
        return entry is not None and entry.model == BUILT_IN

    def _features(self, now_ms: int) -> Features:
        state = self._state
        assert state.quote is not None  # market_fault() named it otherwise
        return build_features(
            pair=self._pair,
            quote=state.quote,
            candles={interval: series.last(LAST_CANDLES) for interval, series in self._series.items()},
            columns={interval: _columns(series) for interval, series in self._series.items()},
            headlines=tuple(self._news.values()),
            fear_greed=self._fear_greed,
            ticker=self._ticker,
            position=state.position,
            news_since_ms=now_ms - self._settings.news.max_age_hours * 3_600_000,
        )

    def _on_opinion_formed(self, message: OpinionFormed) -> None:
        opinion, current = message.opinion, self._round
        if opinion.pair != self._pair or opinion.analyst not in self._analysts:
            return
        if not 0 <= opinion.confidence <= 1:  # also no number at all
            self.log.error("Refused an opinion of %s: confidence %r", opinion.analyst, opinion.confidence)
            return
        known = self._opinions.get(opinion.analyst)
        if known is None or opinion.formed_ms >= known.formed_ms:
            self._opinions[opinion.analyst] = opinion
        if current is not None and opinion.round_id == current.round_id:
            current.answered.add(opinion.analyst)
            self._complete_if_answered()

    def _on_opinion_withheld(self, message: OpinionWithheld) -> None:
        abstention, current = message.abstention, self._round
        if current is not None and abstention.round_id == current.round_id:
            current.abstentions[abstention.analyst] = abstention
            current.answered.add(abstention.analyst)
            self._complete_if_answered()

    def _on_deadline(self) -> None:
        if self._round is not None and self._clock.now_ms() >= self._round.deadline_ms:
            self._complete_round(self._round)

    def _complete_if_answered(self) -> None:
        if self._round is not None and self._round.answered.issuperset(self._round.asked):
            self._complete_round(self._round)

    def _complete_round(self, current: _Round) -> None:
        """End the round: late analysts are heard with their last fresh opinion, if they have one."""
        now_ms = self._clock.now_ms()
        self._round = None
        self._timers.cancel(self.name, "deadline")
        told = [self._opinions[name] for name in current.asked if name in self._opinions]
        willing = [opinion for opinion in told if opinion.analyst not in current.abstentions]
        fresh = fresh_opinions(willing, now_ms=now_ms, ttl_ms=self._settings.analysis.opinion_ttl_seconds * 1000)
        heard = {opinion.analyst for opinion in fresh}
        for name in current.asked:
            if name not in heard and name not in current.abstentions:
                self._abstained(current, name, "no answer in time")
        signal = combine(
            fresh,
            tuple(current.abstentions[name] for name in current.asked if name in current.abstentions),
            self._state.weights,
            self._rules.agreement,
            pair=self._pair,
            round_id=current.round_id,
            now_ms=now_ms,
        )
        self._stepped("completed", f"{signal.action} with confidence {signal.confidence:.2f}")
        self._take(RoundCompleted(signal=signal, features=current.features))

    def _abstained(self, current: _Round, name: str, reason: str) -> None:
        current.answered.add(name)
        current.abstentions[name] = Abstention(
            analyst=name,
            pair=self._pair,
            reason=reason,
            at_ms=self._clock.now_ms(),
            round_id=current.round_id,
        )

    def _on_analyst_changed(self, message: AnalystChanged) -> None:
        status = message.status
        self._analyst_states[status.name] = status.state
        if status.card is None:
            return  # its past is not read yet: what was known of its skill holds
        if status.card.skill != self._skills.get(status.name, 1):
            self._skills[status.name] = status.card.skill
            self._take(RulesApplied(weights=self._weights()))

    def _analysis_on(self) -> bool:
        control = self._state.control
        return self._settings.analysis.enabled_at_start if control is None else control.analysis

    def _stepped(self, name: str, text: str) -> None:
        at_ms = self._clock.now_ms()
        self._peers.tell(HUB, AnalysisStepped(pair=self._pair, step=name, message=text, at_ms=at_ms))

    # --- settings and control ---------------------------------------------------------------------------------------

    def _on_control_changed(self, message: ControlChanged) -> None:
        control = message.control  # with seq 0: as the settings start
        was_on = self._analysis_on()
        self._rules = self._rules_for(self._settings, self._settings_hash, control)
        self._take(message)
        if self._analysis_on() and not was_on:
            self._begin_round()

    def _on_settings_applied(self, message: SettingsApplied) -> None:
        if not isinstance(message.settings, Settings):
            return
        rules = self._rules_for(message.settings, message.settings_hash, self._state.control)
        if message.settings.analysis.interval_seconds != self._settings.analysis.interval_seconds:
            self._timers.every(message.settings.analysis.interval_seconds, self.name, "round")
        self._settings, self._settings_hash, self._rules = message.settings, message.settings_hash, rules
        self._take(RulesApplied(weights=self._weights()))

    def _rules_for(self, settings: Settings, settings_hash: str, control: Control | None) -> BotRules:
        """Return the rules in force; those so far when the pair or a change of the operators no longer holds."""
        try:
            return bot_rules(settings, control, self._pair, settings_hash)
        except SettingsError as error:
            self.log.error("Settings kept as they were: %s", error)
            return replace(self._rules, settings_hash=settings_hash)

    def _weights(self) -> dict[str, Decimal]:
        """Return the weight of each analyst's vote: as set, times the skill its settled opinions show."""
        return {
            name: entry.weight * self._skills.get(name, Decimal(1)) for name, entry in self._settings.analysts.items()
        }

    def _on_actor_started(self, message: ActorStarted) -> None:
        match message.name:
            case "market":
                self._ask_market()
            case "broker":
                self._peers.tell(BROKER, SendAccount(reply_to=self.name))
            case "news":
                self._peers.tell(NEWS, SendNews(reply_to=self.name))
            case "hub":
                self._tell_hub_anew()
            case name if self._round is not None and name.removeprefix("analyst-") in self._round.asked:
                self._ask(name.removeprefix("analyst-"), self._round)
                self._complete_if_answered()
        self._take(message)

    def _tell_hub_anew(self) -> None:
        if self._state.status is not None:
            status, until_ms = self._state.status
            self._peers.tell(HUB, PairStatusChanged(pair=self._pair, status=status, until_ms=until_ms))
        if self._state.proposal is not None:
            self._peers.tell(HUB, self._state.proposal.told(self._pair))

    # --- decisions --------------------------------------------------------------------------------------------------

    def _on_timer_fired(self, message: TimerFired) -> None:
        self._woken_at.pop(message.key, None)
        self._take(message)

    def _take(self, event: object) -> None:
        """Make one step, carry out its commands, and set the timers the new state waits for."""
        self._state, commands = step(self._state, event, self._rules, self._clock.now_ms())
        if isinstance(event, QuoteChanged) and not commands:
            return
        for command in commands:
            self._carry_out(command)
        self._set_timers()

    def _carry_out(self, command: object) -> None:
        match command:
            case SubmitOrder() | ClosePosition():
                self._peers.tell(BROKER, command)
            case AnalyseNow():
                self.log.info("Analysis at once: %s", command.reason)
                self._begin_round()
            case DecisionMade():
                decision = command.decision
                self._archive.save("decisions", decision_document(decision))
                log = self.log.info if decision.outcome is Outcome.TRADED else self.log.debug
                log("%s", decision.explanation)
                self._peers.tell(HUB, command)
            case _:
                self._peers.tell(HUB, command)

    def _set_timers(self) -> None:
        now_ms, wanted = self._clock.now_ms(), deadlines(self._state, self._rules)
        for key in [key for key in self._woken_at if key not in wanted]:
            self._timers.cancel(self.name, key)
            del self._woken_at[key]
        for key, at_ms in wanted.items():
            if self._woken_at.get(key) != at_ms:
                self._woken_at[key] = at_ms
                self._timers.after(max(0, at_ms - now_ms) / 1000, self.name, key)


def _columns(series: CandleSeries) -> CandleColumns:
    opens, highs, lows, closes, volumes = series.columns()
    return CandleColumns(open_ms=series.open_times(), open=opens, high=highs, low=lows, close=closes, volume=volumes)
