"""What one generation of one actor handles and what it learns meanwhile, as a port.

Live it is written down as it happens, in a replay it is given back: an actor that is told the same and learns the same
does the same.
"""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeVar

from domain.ports import JournalDocument

Learned = TypeVar("Learned")
Life = Literal["build", "start", "stop"]  # what an actor goes through beside its mail
Kind = Literal[
    "now",  # int, epoch ms
    "waits",  # bool: more mail waits
    "lost",  # int: mail that found the mailbox full, so far
    "ahead",  # list of commands that wait in the mailbox
    "finding",  # str, of the audit
    "free",  # int | None: bytes on the database's disk
    "head",  # Head | None
    "next",  # JournalDocument | None: of a read of the journal, None at its end
    "find",  # JournalDocument | None
    "many",  # dict of documents by their _id
    "checkpoint",  # JournalDocument | None
    "projected",  # tuple of documents
]


class Transcript(Protocol):
    """One generation of one actor. Called in the actor's own greenlet, but for what is said otherwise."""

    def begin(self, message: object) -> None:
        """Note that `message`, or a step of its life, is handled from now on."""
        ...

    def end(self, error: str = "") -> None:
        """Note that it is handled, or what it failed of."""
        ...

    def learn(self, kind: Kind, look: Callable[[], Learned]) -> Learned:
        """Return what the actor learns, by `look` or as it was; raises what `look` raises. In any greenlet."""
        ...

    def tell(self, name: str, message: object, send: Callable[[], bool]) -> bool:
        """Return whether somebody of that name is up, by `send` or as it was. In any greenlet."""
        ...

    def append(self, documents: Sequence[JournalDocument], send: Callable[[], None]) -> None:
        """Note the documents before `send` stores them, then what became of it; raises what `send` raises.

        One at a time. In any greenlet.
        """
        ...
