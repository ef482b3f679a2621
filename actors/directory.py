"""Names instead of references: a restart never breaks an address, and mail to nobody never raises."""

from dataclasses import dataclass, field
from typing import Any

import pykka
from pykka import ActorDeadError, ActorRef

from actors.gevent_actor import Inbox
from domain.errors import QuorumError


class Unavailable(QuorumError):
    """Nobody of that name is up, or it did not answer in time. For the askers: supervisor, web and tests."""


@dataclass(slots=True)
class Handle:
    """What stands behind a name: the current generation's reference, or nobody."""

    name: str
    ref: ActorRef[Any] | None = None
    generation: int = 0
    undeliverable: int = 0


@dataclass(slots=True)
class Directory:
    """All names of the desk. The supervisor binds and unbinds; everybody else tells."""

    _handles: dict[str, Handle] = field(default_factory=dict)

    def bind(self, name: str, ref: ActorRef[Any]) -> int:
        """Put `ref` behind `name` and return its generation (1 for the first)."""
        handle = self._handles.setdefault(name, Handle(name))
        handle.ref = ref
        handle.generation += 1
        return handle.generation

    def unbind(self, name: str) -> None:
        """Let nobody stand behind `name`, until it is bound again."""
        self._handles[name].ref = None

    def handle(self, name: str) -> Handle | None:
        return self._handles.get(name)

    def names(self) -> tuple[str, ...]:
        return tuple(self._handles)

    def tell(self, name: str, message: object) -> bool:
        """Put `message` into the mailbox of `name`; False, and counted, when nobody is there."""
        handle = self._handles.get(name)
        if handle is None:
            return False
        try:
            if handle.ref is not None:
                handle.ref.tell(message)
                return True
        except ActorDeadError:
            pass
        handle.undeliverable += 1
        return False

    def ask(self, name: str, message: object, timeout: float = 5.0) -> Any:
        """Return the answer of `name`. Only for supervisor, web and tests.

        Raises:
            Unavailable: nobody is there, or no answer within `timeout` seconds (it may still take effect).
        """
        handle = self._handles.get(name)
        if handle is None or handle.ref is None:
            raise Unavailable(f"{name} is not running")
        try:
            return handle.ref.ask(message, timeout=timeout)
        except ActorDeadError:
            raise Unavailable(f"{name} is not running") from None
        except pykka.Timeout:
            raise Unavailable(f"{name} did not answer within {timeout} s") from None

    def quiet(self) -> bool:
        """Return whether no actor has or handles any mail: nothing will happen until something new arrives."""
        inboxes = (handle.ref.actor_inbox for handle in self._handles.values() if handle.ref is not None)
        return all(inbox.idle() for inbox in inboxes if isinstance(inbox, Inbox))


class PeersOf:
    """The directory as one generation of one actor sees it; deaf and dumb once that generation is abandoned."""

    def __init__(self, directory: Directory, name: str) -> None:
        self._directory = directory
        self._name = name
        self.revoked = False

    def tell(self, name: str, message: object) -> bool:
        return not self.revoked and self._directory.tell(name, message)
