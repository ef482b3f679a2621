"""What every actor here has: a name, a logger, an answer to Ping, and a last word when it fails."""

import logging
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from pykka import messages

from actors.gevent_actor import GeventActor, Inbox
from domain.messages import ActorStarted, Ping, SettingsApplied
from domain.transcript import Transcript


class Actor(GeventActor):
    """Base of all actors. Subclasses handle their messages and pass the rest up.

    Handles: Ping. Tells: nobody. State: none.
    """

    test_hooks: ClassVar[dict[type, Callable[..., Any]]] = {}  # empty but in tests: message type -> f(actor, message)

    def __init__(
        self,
        *,
        name: str,
        on_death: Callable[[str, str, str], None] | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self._transcript = transcript
        self.log = logging.getLogger(f"actors.{name}")
        self._on_death = on_death

    def on_receive(self, message: object) -> object:
        if isinstance(message, Ping):
            return True
        if hook := self.test_hooks.get(type(message)):
            return hook(self, message)
        if isinstance(message, ActorStarted | SettingsApplied):
            return None  # told to all; not every actor has to do anything about it
        self.log.warning("Unexpected message: %s", type(message).__name__)
        return None

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        if self._on_death is not None:
            self._on_death(self.name, self.actor_urn, f"{exception_type.__name__}: {exception_value}")

    def _actor_loop_setup(self) -> None:
        """Report a failed on_start too: Pykka only logs it."""
        try:
            self._transcribed("start", self.on_start)
        except BaseException:  # noqa: BLE001 - whatever it was, this actor is down and only this one
            failure = sys.exc_info()
            self._handle_failure(*failure)
            self.on_failure(*failure)

    def mail_waits(self) -> bool:
        """Return whether more mail waits for this actor."""
        inbox = self._own_inbox()
        return (
            not inbox.empty() if self._transcript is None else self._transcript.learn("waits", lambda: len(inbox) > 0)
        )

    def mail_lost(self) -> int:
        """Return how many messages found the mailbox full so far."""
        inbox = self._own_inbox()
        return inbox.dropped if self._transcript is None else self._transcript.learn("lost", lambda: inbox.dropped)

    def mail_ahead(self, most: int) -> list[object]:
        """Return the oldest `most` messages that wait for this actor, without taking them."""
        inbox = self._own_inbox()
        if self._transcript is None:
            return inbox.waiting_messages(most)
        return self._transcript.learn("ahead", lambda: inbox.waiting_messages(most))

    def _own_inbox(self) -> Inbox:
        assert isinstance(self.actor_inbox, Inbox)
        return self.actor_inbox

    def _handle_receive(self, message: Any) -> Any:
        if self._transcript is None or isinstance(message, Ping):  # a Ping changes nothing
            return super()._handle_receive(message)
        step = "stop" if isinstance(message, messages._ActorStop) else message
        return self._transcribed(step, lambda: super(Actor, self)._handle_receive(message))

    def _transcribed(self, step: object, handle: Callable[[], Any]) -> Any:
        """Handle a message or a step of the actor's life, with a transcript where one is kept."""
        if self._transcript is None:
            return handle()
        self._transcript.begin(step)
        try:
            answer = handle()
        except BaseException as error:
            self._transcript.end(f"{type(error).__name__}: {error}")
            raise
        self._transcript.end()
        return answer
