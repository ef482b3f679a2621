"""What every actor here has: a name, a logger, an answer to Ping, and a last word when it fails."""

import logging
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from actors.gevent_actor import GeventActor
from domain.messages import ActorStarted, Ping, SettingsApplied


class Actor(GeventActor):
    """Base of all actors. Subclasses handle their messages and pass the rest up.

    Handles: Ping. Tells: nobody. State: none.
    """

    test_hooks: ClassVar[dict[type, Callable[..., Any]]] = {}  # empty but in tests: message type -> f(actor, message)

    def __init__(self, *, name: str, on_death: Callable[[str, str, str], None] | None = None) -> None:
        super().__init__()
        self.name = name
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
            self.on_start()
        except BaseException:  # noqa: BLE001 - whatever it was, this actor is down and only this one
            failure = sys.exc_info()
            self._handle_failure(*failure)
            self.on_failure(*failure)
