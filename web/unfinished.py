"""Connections that have not finished a request: few of one address, few of all, so that others have room."""

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

PER_ADDRESS = 32
OF_ALL = 128


@dataclass(frozen=True, slots=True)
class _Waiting:
    address: str | None
    cut: Callable[[], object]


@dataclass(slots=True)
class Unfinished:
    """Oldest first. One too many makes the oldest of its address go: who is served finishes within milliseconds."""

    per_address: int = PER_ADDRESS
    of_all: int = OF_ALL
    _waiting: dict[Hashable, _Waiting] = field(default_factory=dict)
    _counts: Counter[str | None] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, connection: Hashable, address: str | None, cut: Callable[[], object]) -> None:
        """Note that a connection begins to wait for a request.

        Args:
            connection: itself, or a key of it; noted anew it counts as the newest.
            address: of the client; None where it stands for many (a proxy) and only the limit of all holds.
            cut: ends the connection, at once and without waiting.
        """
        self.remove(connection)
        self._waiting[connection] = _Waiting(address, cut)
        self._counts[address] += 1
        if address is not None and self._counts[address] > self.per_address:
            self._cut(next(key for key, item in self._waiting.items() if item.address == address))
        elif len(self._waiting) > self.of_all:
            self._cut(next(iter(self._waiting)))

    def remove(self, connection: Hashable) -> None:
        """Note that its request is answered, or that it has gone; unknown ones are ignored."""
        item = self._waiting.pop(connection, None)
        if item is None:
            return
        self._counts[item.address] -= 1
        if not self._counts[item.address]:
            del self._counts[item.address]

    def _cut(self, connection: Hashable) -> None:
        item = self._waiting[connection]
        self.remove(connection)
        item.cut()
