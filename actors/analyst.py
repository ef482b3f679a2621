"""One analyst: answers each question for an opinion with an opinion or with an abstention and its reason."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from actors import scorekeeper
from actors.base import Actor
from actors.conversation import Conversation
from actors.gevent_actor import Inbox
from actors.scorekeeper import Scorekeeper
from domain.analysis import Abstention, AnalystState, AnalystStatus, Opinion
from domain.archives import opinion_document
from domain.messages import (
    ActorStarted,
    AnalystChanged,
    CandleClosed,
    CandleHistory,
    ControlChanged,
    FormOpinion,
    ModelAnswered,
    OpinionFormed,
    OpinionWithheld,
    SavingsRead,
    ScoresRead,
    SendAnalystStatus,
    SettingsApplied,
    SpendRead,
    TimerFired,
)
from domain.ports import Archive, BudgetStore, Clock, ModelEndpoint, Peers, Timers
from domain.savings import Savings
from domain.technical import MODEL as BUILT_IN
from domain.technical import technical_opinion
from domain.transcript import Transcript
from settings import Settings

NO_KEY = "no key"


class AnalystActor(Actor):
    """One conversation with one model, or the built-in technical analyst; and what its opinions turned out to be worth.

    Handles: FormOpinion, ModelAnswered, SpendRead, SavingsRead, ScoresRead, CandleClosed, CandleHistory,
    TimerFired, SettingsApplied, SendAnalystStatus, ActorStarted, ControlChanged, Ping.
    Tells: OpinionFormed, OpinionWithheld (who asked, hub), AnalystChanged (hub, bots), SendCandles (market), Alerted
    (hub).
    State: counts, the newest opinions, the breaker; a restart loses them and the calls under way, never what was spent
    or settled, nor what was saved today but for the last minute.
    """

    def __init__(
        self,
        *,
        name_in_settings: str,
        settings: Settings,
        peers: Peers,
        clock: Clock,
        timers: Timers,
        endpoint: ModelEndpoint | None,
        archive: Archive,
        budget: BudgetStore,
        on_death: Callable[[str, str, str], None] | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        super().__init__(name=f"analyst-{name_in_settings}", on_death=on_death, transcript=transcript)
        self._analyst = name_in_settings
        self._entry = settings.analysts[name_in_settings]
        self._settings = settings
        self._peers = peers
        self._clock = clock
        self._archive = archive
        self._opinions = self._abstentions = 0
        self._told: AnalystStatus | None = None
        self._scores = Scorekeeper(
            actor=self.name,
            analyst=name_in_settings,
            settings=settings,
            peers=peers,
            clock=clock,
            timers=timers,
            archive=archive,
            log=self.log,
        )
        self._conversation: Conversation | None = None
        if endpoint is not None and not self._built_in:
            self._conversation = Conversation(
                actor=self.name,
                analyst=name_in_settings,
                entry=self._entry,
                settings=settings,
                peers=peers,
                clock=clock,
                timers=timers,
                endpoint=endpoint,
                archive=archive,
                budget=budget,
                answer=self._answer,
                repeat=self._repeat,
                recall=self._scores.recalled,
                log=self.log,
            )

    @property
    def _built_in(self) -> bool:
        return self._entry.model == BUILT_IN

    def on_start(self) -> None:
        self._expect_mail(self._scores.begin())
        if self._conversation is not None:
            self._conversation.begin()
        self._announce()

    def on_stop(self) -> None:
        if self._conversation is not None:
            self._conversation.savings.store()

    def on_receive(self, message: object) -> object:
        match message:
            case FormOpinion():
                self._on_form_opinion(message)
            case ModelAnswered() if self._conversation:
                self._conversation.answered(message)
            case SpendRead() if self._conversation:
                self._conversation.spend_read(message)
            case SavingsRead() if self._conversation:
                self._conversation.savings.read(message)
            case ScoresRead():
                self._expect_mail(self._scores.read(message))
            case CandleClosed():
                self._scores.candle_closed(message)
            case CandleHistory():
                self._scores.candle_history(message)
            case TimerFired(key=key) if key == scorekeeper.RETRY:
                self._expect_mail(self._scores.begin())
            case TimerFired() if self._conversation:
                self._conversation.timer(message.key)
            case SettingsApplied():
                self._on_settings_applied(message)
            case SendAnalystStatus():
                self._peers.tell(message.reply_to, AnalystChanged(status=self._status()))
            case ActorStarted():
                self._on_actor_started(message)
            case ControlChanged():
                pass  # which analysts are asked is the bots' to decide
            case _:
                return super().on_receive(message)
        self._announce()
        return None

    def _expect_mail(self, expected: bool) -> None:
        """Say whether something that was begun is to come back as mail: in virtual time, time waits for it."""
        assert isinstance(self.actor_inbox, Inbox)
        self.actor_inbox.expected = expected

    def _on_form_opinion(self, request: FormOpinion) -> None:
        if self._built_in:
            view = technical_opinion(
                request.features,
                analyst=self._analyst,
                round_id=request.round_id,
                now_ms=self._clock.now_ms(),
            )
            self._answer(request, view)
        elif self._conversation is None:
            abstention = Abstention(
                analyst=self._analyst,
                pair=request.features.pair,
                reason=NO_KEY,
                at_ms=self._clock.now_ms(),
                round_id=request.round_id,
            )
            self._answer(request, abstention)
        else:
            self._conversation.ask(request)

    def _on_settings_applied(self, message: SettingsApplied) -> None:
        if not isinstance(message.settings, Settings):
            return
        self._settings = message.settings
        # An analyst that left the settings, or changed its model, does so at the next start.
        now = message.settings.analysts.get(self._analyst, self._entry)
        self._entry = now.model_copy(update={"model": self._entry.model, "role": self._entry.role})
        self._scores.apply(message.settings)
        if self._conversation is not None:
            self._conversation.settings = message.settings
            self._conversation.entry = self._entry

    def _on_actor_started(self, message: ActorStarted) -> None:
        if message.name == "market":
            self._scores.ask_candles()
        if message.name == "hub" or message.name.startswith("bot-"):
            self._peers.tell(message.name, AnalystChanged(status=self._status()))

    def _answer(self, request: FormOpinion, view: Opinion | Abstention) -> None:
        if isinstance(view, Abstention):
            self._abstentions += 1
            self._tell(request, OpinionWithheld(abstention=view))
        else:
            self._opinions += 1
            self._archive.save("opinions", opinion_document(view, settings_hash=request.settings_hash))
            self._scores.formed(view)
            self._tell(request, OpinionFormed(opinion=view))

    def _repeat(self, request: FormOpinion, opinion: Opinion) -> None:
        """Answer with an opinion that still holds: it is stored and counted already."""
        self._tell(request, OpinionFormed(opinion=opinion))

    def _tell(self, request: FormOpinion, message: OpinionFormed | OpinionWithheld) -> None:
        self._peers.tell(request.reply_to, message)
        self._peers.tell("hub", message)

    def _announce(self) -> None:
        """Tell the hub the status when it is another than it knows; the bots only what is more than a count."""
        status = self._status()
        if status == self._told:
            return
        before, self._told = self._told, status
        names = ["hub"]
        if before is None or _without_counts(status) != _without_counts(before):
            names += [f"bot-{pair}" for pair in self._settings.bots.pairs]
        for name in names:
            self._peers.tell(name, AnalystChanged(status=status))

    def _status(self) -> AnalystStatus:
        state, reason = self._state()
        talk = self._conversation
        limit = self._entry.max_cost_usd_per_day
        total = self._settings.llm.max_cost_usd_per_day
        saved = talk.savings.today() if talk else Savings()
        return AnalystStatus(
            name=self._analyst,
            model=self._entry.model,
            role=self._entry.role,
            state=state,
            reason=reason,
            weight=self._entry.weight * self._scores.skill,
            opinions=self._opinions,
            abstentions=self._abstentions,
            cost_today_usd=talk.cost_today() if talk else Decimal(0),
            budget_usd=Decimal(0) if self._built_in else total if limit is None else min(limit, total),
            latency_ms=talk.latency_ms if talk else None,
            calls=saved.calls,
            cached_tokens=saved.cached_tokens,
            saved=saved.table(),
            card=self._scores.shown,
        )

    def _state(self) -> tuple[AnalystState, str | None]:
        if self._built_in:
            return AnalystState.READY, None
        return self._conversation.state() if self._conversation else (AnalystState.DISABLED, NO_KEY)


def _without_counts(status: AnalystStatus) -> AnalystStatus:
    return replace(
        status,
        opinions=0,
        abstentions=0,
        cost_today_usd=Decimal(0),
        latency_ms=None,
        calls=0,
        cached_tokens=0,
        saved=(),
        card=None,
    )
