"""What one model analyst did not have to ask today: counted, stored now and then, read back at its start."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from domain.archives import read_savings, savings_document
from domain.budget import utc_day
from domain.errors import LedgerUnavailable
from domain.messages import SavingsRead
from domain.ports import Archive, Clock, JournalDocument, Peers, Timers
from domain.savings import Savings, Spared

RETRY = "savings"  # key of the timer
RETRY_SECONDS = 10.0
STORE_EVERY_MS = 60_000  # a killed process loses what was counted so soon after the last storing

Spawn = Callable[..., None]  # a function and its arguments, to be run in a greenlet


@dataclass(slots=True, kw_only=True)
class SavingsKeeper:
    """Counts of the UTC day. Nothing is stored before those of an earlier process are known: the newest counts."""

    actor: str
    analyst: str
    peers: Peers
    clock: Clock
    timers: Timers
    archive: Archive
    spawn: Spawn
    log: logging.Logger
    _counts: Savings = field(default_factory=Savings)
    _stored: Savings = field(default_factory=Savings)
    _known: bool = False
    _asked_ms: int = -1
    _stored_ms: int = 0

    def begin(self) -> None:
        """Read in the background what was counted today before this start."""
        self._asked_ms = self.clock.now_ms()
        self.spawn(self._read, self._asked_ms)

    def read(self, message: SavingsRead) -> None:
        """Take over what was read, once; where the database was away, ask again later."""
        if self._known or message.asked_ms != self._asked_ms:
            return
        if message.savings is None:
            self.timers.after(RETRY_SECONDS, self.actor, RETRY)
            return
        self._stored = message.savings
        self._counts = self._counts.after(message.savings)
        self._known = True
        self._store_at_times()

    def timer(self, key: str) -> None:
        """Handle the timer `savings`; others are ignored."""
        if key == RETRY and not self._known:
            self.begin()

    def store(self) -> None:
        """Store the counts, if they are others than those stored."""
        if self._known and self._counts != self._stored:
            self._stored, self._stored_ms = self._counts, self.clock.now_ms()
            document = savings_document(self.analyst, self._counts, at_ms=self._stored_ms)
            self.archive.save("savings", document)

    def today(self) -> Savings:
        """Return the counts of this UTC day."""
        return self._counts.on(self._day())

    def spared(self, reason: Spared, questions: int = 1) -> None:
        """Count questions that no call was made for."""
        if questions:
            self._counts = self._counts.with_spared(self._day(), reason, questions)
            self._store_at_times()

    def called(self, day: str, *, questions: int, cost_usd: Decimal, cached_tokens: int) -> None:
        """Count a call of that UTC day for `questions` (0: a repair, whose questions are counted)."""
        self._counts = self._counts.with_call(day, questions=questions, cost_usd=cost_usd, cached_tokens=cached_tokens)
        self._store_at_times()

    def _store_at_times(self) -> None:
        if self.clock.now_ms() - self._stored_ms >= STORE_EVERY_MS:
            self.store()

    def _day(self) -> str:
        return utc_day(self.clock.now_ms())

    def _read(self, asked_ms: int) -> None:
        """In the greenlet: the newest counts of the day until then; a replay knows no future."""
        where: JournalDocument = {"analyst": self.analyst, "day": utc_day(asked_ms), "ts": {"$lte": asked_ms}}
        savings: Savings | None = None
        try:
            newest = self.archive.recent("savings", limit=1, where=where)
            savings = read_savings(newest[0]) if newest else Savings(day=utc_day(asked_ms))
        except LedgerUnavailable:
            pass
        except (KeyError, TypeError, ValueError):
            self.log.warning("What was saved today cannot be read: it is counted anew")
            savings = Savings(day=utc_day(asked_ms))
        except Exception:  # the edge of the greenlet: without a result nothing would ever be stored
            self.log.exception("What was saved today could not be read")
        self.peers.tell(self.actor, SavingsRead(asked_ms=asked_ms, savings=savings))
