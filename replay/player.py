"""Plays a recording: the same actors, told and learning the same, one handler after the other."""

import logging
from collections.abc import Callable
from typing import Any

import gevent

from actors.analyst import AnalystActor
from actors.base import Actor
from actors.bot import BotActor
from actors.broker import BrokerActor
from actors.transcribed import transcribed
from adapters.message_codec import UNKNOWN, MessageCodec
from domain.market import Source
from replay.agreement import Agreement
from replay.comparison import Comparison
from replay.nowhere import NoArchive, NoAudit, NoBudget, NoEndpoint, NoLedger, NoPeers, NoTimers
from replay.playback import Playback
from replay.recording import Generation, Session, Step
from settings import Settings, as_recorded, parse_settings

log = logging.getLogger("replay")


class _PlaybackClock:
    """The Clock port behind a playback: never read, for what was read is recorded."""

    def now_ms(self) -> int:
        raise RuntimeError("a replay's time must come from the recording")


def _nobody_knows() -> None:
    """Return how much room there is on the disk of a replay's journal."""


class Player:
    """Plays one session against a comparison that goes on from session to session.

    Args:
        before: called with the moment (epoch ms) and the actor's name before each message is handled; it may wait, and
            returns whether to go on.
    """

    def __init__(
        self,
        session: Session,
        comparison: Comparison,
        *,
        before: Callable[[int, str, object], bool] = lambda now_ms, name, message: True,
    ) -> None:
        self.handled = 0
        self.now_ms = session.base_ms
        self._session = session
        self._comparison = comparison
        self._codec = MessageCodec(plain=as_recorded, settings=parse_settings)
        self._agreement = Agreement(self._codec, comparison)
        self._before = before
        self._settings: dict[int, Settings] = {}
        self._actors: dict[int, Actor] = {}
        self._playbacks: dict[int, Playback] = {}

    @property
    def actors(self) -> int:
        """How many generations of actors there were."""
        return len(self._playbacks)

    @property
    def agreed(self) -> int:
        """How many messages among the replayed actors were compared."""
        return self._agreement.checked

    def run(self) -> None:
        """Play to the end, or to the first difference.

        Raises:
            RecordingDamaged: the recording cannot be read on.
        """
        while self._comparison.difference is None and (step := self._session.next_step()) is not None:
            if not self._handle(step):
                return
            gevent.sleep(0)  # work that a handler has begun beside itself
            if self._session.damaged is not None:  # met within a handler, whose failure is compared, not raised
                raise self._session.damaged

    def _handle(self, step: Step) -> bool:
        generation = self._session.generations[step.slot]
        playback = self._playback(generation)
        message = self._message(step)
        self.now_ms = max(self.now_ms, playback.due_ms())
        if not self._before(self.now_ms, generation.name, message):
            return False
        if step.body is not None and not self._agreement.handled(generation.name, step, message):
            return True
        self.handled += step.body is not None
        playback.begin(message)
        error = ""
        try:
            self._carry_out(generation, playback, step, message)
        except Exception as failure:  # noqa: BLE001 - the playback compares it with what was recorded
            error = f"{type(failure).__name__}: {failure}"
        except gevent.GreenletExit:
            pass  # nothing more is recorded of this handler
        playback.end(error)
        self.now_ms = max(self.now_ms, playback.now_ms)
        return True

    def _message(self, step: Step) -> object:
        if step.body is None or step.name == UNKNOWN:
            return step.name
        return self._codec.decode(step.name, step.body)

    def _carry_out(self, generation: Generation, playback: Playback, step: Step, message: object) -> None:
        if step.name == "build":
            self._actors[step.slot] = self._build(generation, playback)
            return
        actor = self._actors.get(step.slot)
        if actor is None or step.name == UNKNOWN:
            return
        match step.name, step.body:
            case "start", None:
                actor.on_start()
            case "stop", None:
                actor.on_stop()
            case _:
                actor.on_receive(message)

    def _playback(self, generation: Generation) -> Playback:
        if generation.slot not in self._playbacks:
            self._playbacks[generation.slot] = Playback(
                session=self._session,
                generation=generation,
                codec=self._codec,
                comparison=self._comparison,
                agreement=self._agreement,
            )
        return self._playbacks[generation.slot]

    def _build(self, generation: Generation, playback: Playback) -> Actor:
        arguments = dict(generation.arguments)
        ports: dict[str, Any] = {
            "settings": self._settings_of(generation.settings),
            "clock": _PlaybackClock(),
            "timers": NoTimers(),
            "archive": NoArchive(),
            "peers": NoPeers(),
        }
        if "source" in arguments:
            arguments["source"] = Source(arguments["source"])
        if "analysts" in arguments:
            arguments["analysts"] = tuple(arguments["analysts"])
        kind: type[Any] = BotActor
        if generation.name == "broker":
            kind = BrokerActor
            ports |= {"store": NoLedger(), "audit": NoAudit() if arguments.pop("audit", False) else None}
            ports["free_bytes"] = _nobody_knows if arguments.pop("free_bytes", False) else None
        elif generation.name.startswith("analyst-"):
            kind = AnalystActor
            ports |= {"endpoint": NoEndpoint() if arguments.pop("endpoint") else None, "budget": NoBudget()}
        actor: Actor = kind(**transcribed(arguments | ports, playback))
        return actor

    def _settings_of(self, number: int) -> Settings:
        if number not in self._settings:
            self._settings[number] = parse_settings(self._session.settings[number], serving=False)
        return self._settings[number]
