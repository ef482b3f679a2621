"""Timers of a run: what `actors.timers.VirtualTimers` does, in the same order, and able to leap over idle time."""

import heapq
from itertools import count

Entry = tuple[int, int, str, str, int]  # due, order of setting, name, key, period (0 once)


class LeapingTimers:
    """Timers by (name, key); set again, a timer replaces the one before."""

    def __init__(self) -> None:
        self._order = count()
        self._heap: list[Entry] = []
        self._valid: dict[tuple[str, str], int] = {}

    def at(self, due_ms: int, name: str, key: str, period_ms: int = 0) -> None:
        """Set a timer; with a period it is set again when it fires."""
        order = next(self._order)
        self._valid[name, key] = order
        heapq.heappush(self._heap, (due_ms, order, name, key, period_ms))

    def cancel(self, name: str, key: str) -> None:
        self._valid.pop((name, key), None)

    def next_due_ms(self) -> int | None:
        """Return when the next timer is due, None when there is none."""
        while self._heap and self._valid.get(self._heap[0][2:4]) != self._heap[0][1]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop(self) -> tuple[int, str, str]:
        """Take the next timer: when it is due, its name and its key."""
        due, _, name, key, period = heapq.heappop(self._heap)
        self._valid.pop((name, key), None)
        if period:
            self.at(due + period, name, key, period)
        return due, name, key

    def next_once_ms(self, besides: str) -> int | None:
        """Return when the next timer without a period is due, but for those with the key `besides`."""
        dues = [entry[0] for entry in self._heap if not entry[4] and entry[3] != besides and self._holds(entry)]
        return min(dues, default=None)

    def leap(self, to_ms: int, floating: str, floating_ms: int) -> None:
        """Move on as if all periodic timers due before `to_ms` had fired for nothing.

        Args:
            to_ms: the time that is gone on from, epoch ms.
            floating: key of the one-shot that would have been set again and again; it is due at `floating_ms` now.
        """
        entries = sorted(entry for entry in self._heap if self._holds(entry))
        self._heap.clear()
        for due, order, name, key, period in entries:
            if period and due < to_ms:
                self.at(due + -(-(to_ms - due) // period) * period, name, key, period)
            elif not period and key == floating:
                self.at(floating_ms, name, key)
            else:
                heapq.heappush(self._heap, (due, order, name, key, period))

    def _holds(self, entry: Entry) -> bool:
        return self._valid.get((entry[2], entry[3])) == entry[1]
