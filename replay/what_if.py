"""A recorded session once more, with other settings: the same market, news, commands and opinions, another outcome.

Bots, broker and the built-in analyst live in virtual time on an account of their own; models say what they said.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from pykka import ActorRef

from actors.analyst import AnalystActor
from actors.base import Actor
from actors.bot import BotActor
from actors.broker import BrokerActor
from actors.directory import Directory
from actors.timers import VirtualTimers
from actors.virtual_time import VirtualDriver
from adapters.clock import VirtualClock
from adapters.memory_ledger import MemoryLedger
from adapters.message_codec import MessageCodec
from domain.market import Source
from domain.messages import (
    AccountChanged,
    FormOpinion,
    OpinionFormed,
    OpinionWithheld,
    OrderFilled,
    RecordSettings,
)
from domain.trading import Trade
from replay.mail import handled, outside_mail
from replay.nowhere import NoArchive, NoBudget
from replay.recording import Session
from settings import Settings, as_decided, as_flat, as_recorded, parse_settings, settings_hash

BUILT_IN = "technical"


@dataclass(slots=True)
class Outcome:
    """What a session came to."""

    name: str
    trades: dict[str, Trade] = field(default_factory=dict)  # by trade id
    equity: Decimal | None = None  # as told last
    first_equity: Decimal | None = None

    def take(self, message: object) -> None:
        """Note an execution, or the account."""
        if isinstance(message, OrderFilled) and not message.repeated:
            self.trades.setdefault(message.trade.trade_id, message.trade)
        elif isinstance(message, AccountChanged):
            self.equity = message.account.equity
            self.first_equity = self.equity if self.first_equity is None else self.first_equity

    @property
    def realized(self) -> Decimal:
        """Profit and loss of what was closed, before fees."""
        return sum((trade.realized_pnl for trade in self.trades.values()), Decimal(0))

    @property
    def change(self) -> Decimal | None:
        """How the equity changed, by profit, loss, fees and the marks of what is open."""
        return None if self.equity is None or self.first_equity is None else self.equity - self.first_equity

    @property
    def fees(self) -> Decimal:
        return sum((trade.fee for trade in self.trades.values()), Decimal(0))


class Listener(Actor):
    """Stands where the hub would: hears what the broker tells."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(name="hub")
        self._outcome = outcome

    def on_receive(self, message: object) -> object:
        self._outcome.take(message)
        return None


class RecordedAnalyst(Actor):
    """Answers a question on a pair with the first recorded answer after it, as an answer to that question.

    Handles: FormOpinion; OpinionFormed, OpinionWithheld (of the recording). Tells: who asked.
    State: the newest unanswered question of each pair.
    """

    def __init__(self, *, name: str, tell: Callable[[str, object], object]) -> None:
        super().__init__(name=name)
        self._tell = tell
        self._asked: dict[str, FormOpinion] = {}

    def on_receive(self, message: object) -> object:
        match message:
            case FormOpinion():
                self._asked[message.features.pair] = message
            case OpinionFormed(opinion=said) | OpinionWithheld(abstention=said):
                if (question := self._asked.pop(said.pair, None)) is not None:
                    self._tell(question.reply_to, _answer(message, question))
            case _:
                return super().on_receive(message)
        return None


def recorded_outcome(path: Path) -> Outcome:
    """Return what the session came to when it was live."""
    outcome = Outcome("recorded")
    for _, name, message in handled(Session(path), _codec()):
        if name.startswith("bot-"):
            outcome.take(message)
    return outcome


def recorded_settings(path: Path) -> Settings:
    """Return the settings that the session began with.

    Raises:
        RecordingDamaged: they cannot be read.
    """
    session = Session(path)
    while not session.settings and session.pull():
        pass
    return parse_settings(session.settings[0], serving=False)


def play(path: Path, settings: Settings, name: str) -> Outcome:
    """Play the session with `settings`; pairs that were not recorded have no market.

    Raises:
        RecordingDamaged: the recording cannot be read on.
    """
    session, outcome, directory = Session(path), Outcome(name), Directory()
    clock = VirtualClock(start_ms=session.base_ms)
    timers = VirtualTimers(peers=directory, clock=clock)
    refs: list[ActorRef[Any]] = []

    def bind(name: str, ref: ActorRef[Any]) -> None:
        refs.append(ref)
        directory.bind(name, ref)

    models = frozenset(name for name, entry in settings.analysts.items() if entry.model != BUILT_IN)
    ports = {"settings": settings, "peers": directory, "clock": clock, "timers": timers, "archive": NoArchive()}
    source = Source(session.header["source"])
    bind("hub", Listener.start(outcome))
    bind("broker", BrokerActor.start(**ports, store=MemoryLedger(), has_books=True, source=source))
    for analyst in settings.analysts:
        bind(f"analyst-{analyst}", _analyst(analyst, models, ports))
    for pair in settings.bots.pairs:
        bot = BotActor.start(
            **ports,
            pair=pair,
            analysts=tuple(settings.analysts),
            source=source,
            settings_hash=settings_hash(settings),
        )
        bind(f"bot-{pair}", bot)
    directory.tell("broker", _record(settings, session.base_ms))
    driver = VirtualDriver(
        clock=clock,
        timers=timers,
        events=outside_mail(session, _codec(), models),
        deliver=partial(_deliver, directory),
        quiet=directory.quiet,
    )
    try:
        driver.run()
    finally:
        for ref in reversed(refs):
            ref.stop(block=True, timeout=10)
    return outcome


def _analyst(name: str, models: frozenset[str], ports: dict[str, Any]) -> ActorRef[Any]:
    if name in models:
        return RecordedAnalyst.start(name=f"analyst-{name}", tell=ports["peers"].tell)
    return AnalystActor.start(**ports, name_in_settings=name, endpoint=None, budget=NoBudget())


def _deliver(directory: Directory, addressed: object) -> None:
    if isinstance(addressed, tuple):  # else the driver's own last word, for a market that is none here
        directory.tell(*addressed)


def _answer(message: OpinionFormed | OpinionWithheld, question: FormOpinion) -> object:
    """Return the recorded answer as one to `question`."""
    if isinstance(message, OpinionFormed):
        return OpinionFormed(opinion=replace(message.opinion, round_id=question.round_id))
    return OpinionWithheld(abstention=replace(message.abstention, round_id=question.round_id))


def _record(settings: Settings, now_ms: int) -> RecordSettings:
    values = as_flat(as_decided(settings))
    return RecordSettings(settings_hash=settings_hash(settings), changed=(), values=values, submitted_ms=now_ms)


def _codec() -> MessageCodec:
    return MessageCodec(plain=as_recorded, settings=parse_settings)
