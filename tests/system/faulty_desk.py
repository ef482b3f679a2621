"""A desk in the simulated world to which seeded things happen: streams cut, models failing, actors dying, writes lost.

`python -m tests.system.faulty_desk SETTINGS --seed N --documents N [--kill] [--pace X]` runs one until its journal
holds so many documents, then ends it, or the whole process as a power cut would.
"""

import supervisor  # noqa: F401 - before any other import: it patches

# isort: split
import argparse
import os
import random
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent

import actors.supervision
from actors.base import Actor
from domain.errors import LedgerUnavailable
from domain.ports import JournalDocument
from domain.restarts import RestartPolicy
from settings import load_settings
from sim.faults import Fault
from supervisor import Desk

FAULT_SECONDS = (1.0, 3.0)  # between two faults, unless asked otherwise
LOST_WRITES = 0.1  # share of the batches whose outcome stays unknown


class Crash(Exception):
    """What a killed actor dies of."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Test -> any actor: die of this message."""


def _fail(actor: Actor, message: Fail) -> None:
    raise Crash("killed by a test")


class LossyLedger:
    """The ledger's store, of which some answers are lost, with and without the documents."""

    def __init__(self, store: Any, chance: random.Random) -> None:
        self._store = store
        self._chance = chance
        self.healed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def append(self, documents: Sequence[JournalDocument]) -> None:
        lost, stored = self._chance.random() < LOST_WRITES and not self.healed, self._chance.random() < 0.5
        if not lost or stored:
            self._store.append(documents)
        if lost:
            raise LedgerUnavailable("the answer was lost")


class FaultyDesk(Desk):
    """Says when its journal is long enough, and lets things happen until then."""

    def __init__(self, settings: Any, *, path: Path, seed: int, documents: int, pace: float) -> None:
        super().__init__(settings, path=path)
        self._chance = random.Random(seed)
        self._documents = documents
        self._pace = pace
        self.happened: list[str] = []

    def _open_stores(self, uri: str) -> None:
        super()._open_stores(uri)
        self.stores.ledger = LossyLedger(self.stores.ledger, random.Random(self._chance.random()))

    def suffer(self) -> None:
        """Return when the journal is long enough."""
        while self._seq() < self._documents:
            gevent.sleep(self._chance.uniform(*FAULT_SECONDS) / self._pace)
            kind = self._chance.choice(sorted(self._faults()))
            self.happened.append(kind)
            self._faults()[kind]()

    def _seq(self) -> int:
        try:
            head = self.stores.ledger.head()
        except LedgerUnavailable:  # a busy machine
            return 0
        return 0 if head is None else head.seq

    def heal(self) -> None:
        """Return when the broker serves and knows what became of all its writes."""
        self.stores.ledger.healed = True
        while not self._is_sound():
            gevent.sleep(0.05)

    def _is_sound(self) -> bool:
        handle = self.directory.handle("broker")
        actor = None if handle is None or handle.ref is None else handle.ref._actor_weakref()
        return actor is not None and actor._writer is not None and not actor._writer.down and not len(actor._writer)

    def _faults(self) -> dict[str, Callable[[], object]]:
        faults, pairs = self.outside.world.faults, [*self.settings.bots.pairs]
        pair = self._chance.choice(pairs)
        return {
            "stream cut": lambda: faults.add(Fault(kind="drop", on="stream", where=pair.lower(), times=1)),
            "model fails": lambda: faults.add(Fault(kind="status", where="chat/completions", status=503, times=2)),
            "model hangs": lambda: faults.add(Fault(kind="hang", where="chat/completions", seconds=3, times=1)),
            "broker dies": lambda: self.directory.tell("broker", Fail()),
            "bot dies": lambda: self.directory.tell(f"bot-{pair}", Fail()),
            "analyst dies": lambda: self.directory.tell("analyst-grok", Fail()),
            "bot is cut off": lambda: self._cut_off(f"bot-{pair}"),
            "market dies": lambda: self.directory.tell("market", Fail()),
        }

    def _cut_off(self, name: str) -> None:
        handle = self.directory.handle(name)
        if handle is not None and handle.ref is not None and (actor := handle.ref._actor_weakref()) is not None:
            actor.greenlet.kill(block=False)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("settings", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--documents", type=int, required=True)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--pace", type=float, default=1.0, help="so many times as many faults")
    parsed = parser.parse_args()
    Actor.test_hooks[Fail] = _fail
    actors.supervision.RestartPolicy = lambda: RestartPolicy(limit=1_000_000, cap_ms=100)
    desk = FaultyDesk(
        load_settings(parsed.settings),
        path=parsed.settings,
        seed=parsed.seed,
        documents=parsed.documents,
        pace=parsed.pace,
    )
    desk.start()
    desk.suffer()
    sys.stdout.write(f"{len(desk.happened)} faults: {', '.join(sorted(set(desk.happened)))}\n")
    sys.stdout.flush()
    if parsed.kill:
        os.kill(os.getpid(), signal.SIGKILL)
    desk.heal()
    desk.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
