"""One analyst: answers each question for an opinion with an opinion or with an abstention and its reason."""

from collections.abc import Callable
from decimal import Decimal

from actors.base import Actor
from domain.analysis import Abstention, AnalystState, AnalystStatus, Opinion
from domain.archives import opinion_document
from domain.messages import (
    ActorStarted,
    AnalystChanged,
    ControlChanged,
    FormOpinion,
    OpinionFormed,
    OpinionWithheld,
    SendAnalystStatus,
    SettingsApplied,
)
from domain.ports import Archive, BudgetStore, Clock, ModelEndpoint, Peers, Timers
from domain.technical import MODEL as BUILT_IN
from domain.technical import technical_opinion
from settings import AnalystSettings, Settings


class AnalystActor(Actor):
    """One conversation with one model, or the built-in technical analyst.

    Handles: FormOpinion, SettingsApplied, SendAnalystStatus, ActorStarted, ControlChanged, Ping.
    Tells: OpinionFormed, OpinionWithheld (who asked, hub), AnalystChanged (hub, bots).
    State: counts and the newest opinions; a restart loses them and the calls under way, never what was spent.
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
    ) -> None:
        super().__init__(name=f"analyst-{name_in_settings}", on_death=on_death)
        self._analyst = name_in_settings
        self._settings = settings
        self._peers = peers
        self._clock = clock
        self._timers = timers
        self._endpoint = endpoint
        self._archive = archive
        self._budget = budget
        self._opinions = self._abstentions = 0
        self._latency_ms: int | None = None
        self._told: AnalystStatus | None = None

    def on_start(self) -> None:
        self._announce()

    def on_receive(self, message: object) -> object:
        match message:
            case FormOpinion():
                return self._on_form_opinion(message)
            case SettingsApplied():
                return self._on_settings_applied(message)
            case SendAnalystStatus():
                return self._on_send_analyst_status(message)
            case ActorStarted():
                return self._on_actor_started(message)
            case ControlChanged():
                return None  # which analysts are asked is the bots' to decide
            case _:
                return super().on_receive(message)

    @property
    def _entry(self) -> AnalystSettings:
        return self._settings.analysts[self._analyst]

    def _on_form_opinion(self, request: FormOpinion) -> None:
        now_ms = self._clock.now_ms()
        if self._entry.model == BUILT_IN:
            view = technical_opinion(request.features, analyst=self._analyst, round_id=request.round_id, now_ms=now_ms)
            self._answer(request, view)
        else:
            self._withhold(request, "no key for the model endpoint")
        self._announce()

    def _on_settings_applied(self, message: SettingsApplied) -> None:
        if isinstance(message.settings, Settings) and self._analyst in message.settings.analysts:
            self._settings = message.settings
            self._announce()

    def _on_send_analyst_status(self, message: SendAnalystStatus) -> None:
        self._peers.tell(message.reply_to, AnalystChanged(status=self._status()))

    def _on_actor_started(self, message: ActorStarted) -> None:
        if message.name == "hub" or message.name.startswith("bot-"):
            self._peers.tell(message.name, AnalystChanged(status=self._status()))

    def _answer(self, request: FormOpinion, view: Opinion | Abstention) -> None:
        if isinstance(view, Abstention):
            self._abstentions += 1
            told: object = OpinionWithheld(abstention=view)
        else:
            self._opinions += 1
            self._archive.save("opinions", opinion_document(view, settings_hash=request.settings_hash))
            told = OpinionFormed(opinion=view)
        self._peers.tell(request.reply_to, told)
        self._peers.tell("hub", told)

    def _withhold(self, request: FormOpinion, reason: str) -> None:
        abstention = Abstention(
            analyst=self._analyst,
            pair=request.features.pair,
            reason=reason,
            at_ms=self._clock.now_ms(),
            round_id=request.round_id,
        )
        self._answer(request, abstention)

    def _announce(self) -> None:
        """Tell hub and bots the status when it is another than they know."""
        status = self._status()
        if status != self._told:
            self._told = status
            for name in ("hub", *(f"bot-{pair}" for pair in self._settings.bots.pairs)):
                self._peers.tell(name, AnalystChanged(status=status))

    def _status(self) -> AnalystStatus:
        built_in = self._entry.model == BUILT_IN
        return AnalystStatus(
            name=self._analyst,
            model=self._entry.model,
            role=self._entry.role,
            state=AnalystState.READY if built_in else AnalystState.DISABLED,
            reason=None if built_in else "no key",
            weight=self._entry.weight,
            opinions=self._opinions,
            abstentions=self._abstentions,
            cost_today_usd=Decimal(0),
            budget_usd=Decimal(0),
            latency_ms=self._latency_ms,
        )
