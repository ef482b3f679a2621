"""Whether the disk of the database has room left for new risk. Used by the broker only."""

from collections.abc import Callable
from dataclasses import dataclass

MIB = 1024 * 1024
LOOK_SECONDS = 5.0
EASE = 1.1  # once short, so many times as much must be free: no going to and fro at the limit


@dataclass(slots=True)
class DiskRoom:
    """Looks when it is told to. A database on a full disk dies with writes under way: nothing new is begun before."""

    free_bytes: Callable[[], int | None] | None  # None, or an answer of None: nobody knows
    needed_mib: int  # 0: none is needed
    short: str = ""  # what is wrong, in words; empty while there is room

    def look(self) -> bool:
        """Look anew; return whether room has come or gone."""
        before = self.short
        free = None if self.free_bytes is None else self.free_bytes()
        needed = self.needed_mib * MIB * (EASE if before else 1)
        self.short = ""
        if free is not None and self.needed_mib and free < needed:
            self.short = f"the database's disk must have {needed / MIB:.0f} MiB free, has {free // MIB}"
        return bool(self.short) is not bool(before)
