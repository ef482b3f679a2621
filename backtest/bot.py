"""The bot of a run: `domain.bot_steps` with its analysis rounds, as `actors.bot` leads them, in one piece.

Analysts answer at once: the built-in one by its rules, a recorded one with its newest opinion of before that moment.
"""

from collections.abc import Callable

from actors.bot_settings import bot_rules
from backtest.opinions import RecordedOpinions, Vote
from backtest.series import PairSeries
from backtest.signals import Candidates
from domain.analysis import Abstention, Action, Features, Opinion, Outcome, RiskLevel
from domain.bot_state import BotState, deadlines, market_fault
from domain.bot_steps import AnalyseNow, RoundCompleted, step
from domain.gates import find_ends
from domain.market import Quote
from domain.messages import ClosePosition, ControlChanged, DecisionMade, QuoteChanged, SubmitOrder, TimerFired
from domain.strategy import combine, fresh_opinions
from domain.technical import HORIZON_MINUTES, technical_opinion
from domain.values import replace
from settings import Settings

BUILT_IN = "technical"


class PairBot:
    """One pair's bot.

    Args:
        order: takes an order of this bot.
        wake: sets a one-shot timer: (due epoch ms, key).
        forget: takes a timer off by its key.
        recorded: opinions of other analysts, None where there are none.
        plain: form the whole features of each round, as the live bot does.
    """

    def __init__(
        self,
        *,
        pair: str,
        settings: Settings,
        settings_hash: str,
        series: PairSeries,
        recorded: RecordedOpinions | None,
        order: Callable[[SubmitOrder | ClosePosition], None],
        wake: Callable[[int, str], None],
        forget: Callable[[str], None],
        plain: bool,
    ) -> None:
        self.pair = pair
        self.series = series
        self._settings, self._hash = settings, settings_hash
        self._recorded = recorded
        self._order, self._wake, self._forget = order, wake, forget
        self._plain = plain
        self.rules = bot_rules(settings, None, pair, settings_hash)
        self.analysts = tuple(
            name
            for name, entry in settings.analysts.items()
            if entry.model == BUILT_IN or (recorded is not None and name in recorded.analysts)
        )
        self._built_in = frozenset(name for name in self.analysts if settings.analysts[name].model == BUILT_IN)
        self.state = BotState(pair=pair, weights={name: entry.weight for name, entry in settings.analysts.items()})
        self.known: Candidates | None = None  # what the built-in analyst alone says, where that is known beforehand
        self._state_before: BotState | None = None
        self._woken_at: dict[str, int] = {}
        self._ttl_ms = settings.analysis.opinion_ttl_seconds * 1000
        self.rounds = 0
        self.votes: dict[str, tuple[Vote, ...]] = {}  # by the id of a decision that was traded

    def receive(self, message: object, now_ms: int) -> None:
        """Handle what the broker or a timer tells."""
        if isinstance(message, TimerFired):
            if message.key in ("round", "first round"):
                self.begin_round(now_ms)
                return
            self._woken_at.pop(message.key, None)
        elif isinstance(message, ControlChanged):
            self.rules = bot_rules(self._settings, message.control, self.pair, self._hash)
        self.take(message, now_ms)

    def take(self, event: object, now_ms: int) -> None:
        """Make one step, carry out its commands, and set the timers the new state waits for."""
        self.state, commands = step(self.state, event, self.rules, now_ms, watched=False)
        if isinstance(event, QuoteChanged) and not commands:
            return
        for command in commands:
            self._carry_out(command, now_ms)
        self._set_timers(now_ms)

    def leap(self, quote: Quote, candle_ms: int, seen_ms: int) -> None:
        """Take over the newest price after a time in which nothing happened."""
        self.state = replace(
            self.state, quote=quote, candle_ms=candle_ms, seen_ms=seen_ms, freshness=self.state.freshness
        )

    def _carry_out(self, command: object, now_ms: int) -> None:
        match command:
            case SubmitOrder() | ClosePosition():
                self._order(command)
            case AnalyseNow():
                self.begin_round(now_ms)
            case DecisionMade(decision=decision) if decision.outcome is Outcome.TRADED and decision.signal is not None:
                self.votes[decision.decision_id] = tuple(map(Vote.of, decision.signal.opinions))
            case _:
                pass

    def _set_timers(self, now_ms: int) -> None:
        if self.state is self._state_before:
            return
        self._state_before = self.state
        wanted = deadlines(self.state, self.rules)
        for key in [key for key in self._woken_at if key not in wanted]:
            self._forget(key)
            del self._woken_at[key]
        for key, at_ms in wanted.items():
            if self._woken_at.get(key) != at_ms:
                self._woken_at[key] = at_ms
                self._wake(max(at_ms, now_ms), key)

    # --- analysis rounds ----------------------------------------------------------------------------------------------

    def begin_round(self, now_ms: int) -> None:
        """Ask the analysts and decide; nobody is asked where prices are not fresh or the pair rests."""
        state = self.state
        if market_fault(state, self.rules, now_ms=now_ms) is not None:
            return
        if state.position is None and find_ends(state.found_ms, self.rules, now_ms=now_ms) is not None:
            return
        self.rounds += 1
        if self.known is None:
            self._decide(now_ms)
        else:
            self._decide_known(self.known, now_ms)

    def _decide_known(self, known: Candidates, now_ms: int) -> None:
        """Decide by what the built-in analyst is known to say; it is asked where that is not certain."""
        row = self.series.rows - 1
        if row < 0 or not (known.buy[row] or known.sell[row]):
            return  # HOLD, or too few candles: nothing follows from either
        confidence, quote = known.confidence(row), self.state.quote
        if confidence is None or quote is None:
            self._decide(now_ms)
            return
        round_id = f"{self.pair}:{now_ms}"
        opinion = Opinion(
            analyst=self.analysts[0],
            pair=self.pair,
            action=Action.BUY if known.score[row] > 0 else Action.SELL,
            confidence=confidence,
            sentiment=round(float(known.score[row]), 4),
            horizon_minutes=HORIZON_MINUTES,
            stop_loss=None,
            take_profit=None,
            risk_level=RiskLevel.LOW,
            reasoning="",
            price=quote.price,
            formed_ms=now_ms,
            round_id=round_id,
            model=BUILT_IN,
        )
        self._complete((opinion,), (), None, round_id, now_ms)

    def _decide(self, now_ms: int) -> None:
        quote, round_id = self.state.quote, f"{self.pair}:{now_ms}"
        assert quote is not None  # market_fault() named it otherwise
        features = self.series.features(self.pair, quote, whole=self._plain)
        opinions: list[Opinion] = []
        abstentions: list[Abstention] = []
        for name in self.analysts:
            if name in self._built_in:
                view = technical_opinion(features, analyst=name, round_id=round_id, now_ms=now_ms)
            else:
                view = self._recorded_view(name, round_id, now_ms)
            if isinstance(view, Opinion):
                opinions.append(view)
            else:
                abstentions.append(view)
        self._complete(tuple(opinions), tuple(abstentions), features, round_id, now_ms)

    def _complete(
        self,
        opinions: tuple[Opinion, ...],
        abstentions: tuple[Abstention, ...],
        features: Features | None,
        round_id: str,
        now_ms: int,
    ) -> None:
        signal = combine(
            fresh_opinions(opinions, now_ms=now_ms, ttl_ms=self._ttl_ms),
            abstentions,
            self.state.weights,
            self.rules.agreement,
            pair=self.pair,
            round_id=round_id,
            now_ms=now_ms,
        )
        self.take(RoundCompleted(signal=signal, features=features), now_ms)

    def _recorded_view(self, name: str, round_id: str, now_ms: int) -> Opinion | Abstention:
        assert self._recorded is not None  # only then it is among the analysts
        opinion = self._recorded.newest(name, self.pair, now_ms)
        if opinion is not None and now_ms - opinion.formed_ms <= self._ttl_ms:
            return opinion
        reason = "no opinion was recorded within opinion_ttl_seconds"
        return Abstention(analyst=name, pair=self.pair, reason=reason, at_ms=now_ms, round_id=round_id)
