"""Commands that the hub has sent for its clients and that nobody has answered yet."""

from collections.abc import Iterator
from dataclasses import dataclass

from domain.messages import ClientRequest

PATIENCE_TICKS = 10  # of one second each
MOST_REPEATS = 2  # a command that whoever handles it did not survive so often is not sent again


@dataclass(slots=True)
class Pending:
    """One command on its way."""

    key: str  # its idempotency key: order id, control id, or one of our own
    to: str  # the actor that answers
    command: object
    asked: ClientRequest
    warnings: tuple[str, ...] = ()
    accepted: bool = False  # the ledger has it; only the market is still to come
    ticks: int = 0
    repeats: int = 0  # told again after a restart of who answers


class PendingCommands:
    """By key, oldest first: two sessions may send the same idempotency key."""

    def __init__(self) -> None:
        self._by_key: dict[str, list[Pending]] = {}

    def add(self, pending: Pending) -> None:
        self._by_key.setdefault(pending.key, []).append(pending)

    def take(self, key: str) -> Pending | None:
        """Return the oldest of that key, which is answered now; None when nobody waits."""
        waiting = self._by_key.get(key)
        if not waiting:
            return None
        pending = waiting.pop(0)
        if not waiting:
            del self._by_key[key]
        return pending

    def first(self, key: str) -> Pending | None:
        """Return the oldest of that key, which goes on waiting."""
        waiting = self._by_key.get(key)
        return waiting[0] if waiting else None

    def accept(self, key: str, warnings: tuple[str, ...] = ()) -> None:
        """Wait for the market, however long it takes."""
        for pending in self._by_key.get(key, ()):
            pending.accepted = True
            pending.warnings = tuple(dict.fromkeys((*pending.warnings, *warnings)))

    def to_repeat(self, name: str) -> tuple[Pending, ...]:
        """Return what `name` has not answered, to be told again after its restart; each counts as repeated."""
        again = tuple(pending for pending in self if pending.to == name)
        for pending in again:
            pending.repeats += 1
        return again

    def repeated_in_vain(self, name: str) -> tuple[Pending, ...]:
        """Take out and return what `name` was told again often enough and, restarted once more, did not answer."""
        return self._without(tuple(each for each in self if each.to == name and each.repeats >= MOST_REPEATS))

    def tick(self) -> tuple[Pending, ...]:
        """Count one second; take out and return what has waited too long."""
        for pending in self:
            pending.ticks += 0 if pending.accepted else 1
        return self._without(tuple(pending for pending in self if pending.ticks >= PATIENCE_TICKS))

    def _without(self, taken: tuple[Pending, ...]) -> tuple[Pending, ...]:
        for pending in taken:
            self._by_key[pending.key].remove(pending)
            if not self._by_key[pending.key]:
                del self._by_key[pending.key]
        return taken

    def __iter__(self) -> Iterator[Pending]:
        for waiting in tuple(self._by_key.values()):
            yield from tuple(waiting)
