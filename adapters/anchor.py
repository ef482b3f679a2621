"""The anchor file: the journal's head, kept outside the database, so that a cut-off tail is noticed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from domain.ports import Head

_TAIL_BYTES = 4096
_LINE_BYTES = 200  # a line is shorter


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """One line: at `ts_ms`, the journal of `database` ended with `seq` and `hash`."""

    database: str
    ts_ms: int
    seq: int
    hash: str


class AnchorFile:
    """`<data_dir>/anchor-<database>.log`, lines of `database ts seq hash`, only ever appended to."""

    def __init__(self, *, data_dir: Path | str, database: str) -> None:
        self.path = Path(data_dir).expanduser().absolute() / f"anchor-{database}.log"
        self._database = database
        self._written: Head | None = None

    def append(self, head: Head, *, ts_ms: int) -> None:
        """Add one line, durable on return; nothing when the head is the one written last.

        Raises:
            OSError: the file cannot be written.
        """
        if head == self._written:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            torn = "\n" if self._ends_torn() else ""
            os.write(descriptor, f"{torn}{self._database} {ts_ms} {head.seq} {head.hash}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._written = head

    def last(self) -> Anchor | None:
        """Return the newest whole line of this database, or None."""
        return next(self._newest_first(_TAIL_BYTES), None)

    def newest(self, count: int) -> list[Anchor]:
        """Return at most `count` newest whole lines of this database, oldest first."""
        return list(islice(self._newest_first(count * _LINE_BYTES), count))[::-1]

    def _newest_first(self, size: int) -> Iterator[Anchor]:
        """Yield the whole lines of this database within the file's last `size` bytes."""
        try:
            with self.path.open("rb") as file:
                start = max(0, file.seek(0, os.SEEK_END) - size)
                file.seek(start)
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return
        for line in reversed(lines[1:] if start else lines):
            anchor = self._parse(line)
            if anchor is not None:
                yield anchor

    def lines(self) -> Iterator[Anchor]:
        """Yield all whole lines of this database, oldest first; none when there is no file."""
        try:
            with self.path.open("rb") as file:
                for line in file:
                    anchor = self._parse(line)
                    if anchor is not None:
                        yield anchor
        except FileNotFoundError:
            return

    def _parse(self, line: bytes) -> Anchor | None:
        """Return the line's values; None for one that a crash cut off, or of another database."""
        parts = line.decode("ascii", "replace").split()
        if len(parts) != 4 or parts[0] != self._database or len(parts[3]) != 64:
            return None
        try:
            return Anchor(database=parts[0], ts_ms=int(parts[1]), seq=int(parts[2]), hash=parts[3])
        except ValueError:
            return None

    def _ends_torn(self) -> bool:
        with self.path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
