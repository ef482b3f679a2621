"""A scripted session, killed again and again: its journal ends as if nothing had happened, and kept every promise.

QUORUM_CHAOS=N kills N times in each test instead of a handful (docs/testing.md).
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent
import pytest

import actors.broker
import actors.supervision
import adapters.mongod
from actors.base import Actor
from adapters.mongod import EmbeddedMongod
from tests.system.chaos_compare import check_announced, check_once, check_same
from tests.system.chaos_desk import (
    ChaosDesk,
    HeldUp,
    Moment,
    Moments,
    Player,
    announced,
    chaos_settings,
    kill_broker,
    make_hooks,
)
from tests.system.chaos_script import Script, script
from tests.system.desk_process import ROOT, environment, run_tool
from tests.system.journal import Document, read_journal

KILLS = int(os.environ.get("QUORUM_CHAOS", "0"))
KILLS_OF_A_SESSION = 12
ROUNDS = 20
KINDS = ("mail", "append", "writing", "stored", "tell")
pytestmark = [pytest.mark.system, pytest.mark.timeout(300 + 20 * KILLS)]


@dataclass
class Run:
    """One session from its beginning to its end."""

    journal: list[Document]
    promises: list[dict[str, Any] | None]
    reached: Counter[str]  # moments, by kind
    hit: Counter[str]
    held_up: frozenset[str] = frozenset()  # pairs whose resting entries the outage kept from opening

    def check(self, undisturbed: "Run", *, exact: bool) -> None:
        check_once(self.journal)
        assert check_announced(self.promises, self.journal) > 100
        check_same(self.journal, undisturbed.journal, exact=exact, but=self.held_up)


class Sessions:
    """Plays scripts, each in a database of its own on one server."""

    def __init__(self, folder: Path, uri: str, held_up: HeldUp | None = None) -> None:
        self._folder, self._uri, self._number = folder, uri, 0
        self._held_up = HeldUp() if held_up is None else held_up

    def play(
        self, played: Script, *, due: frozenset[Moment] = frozenset(), kill: Callable[[ChaosDesk, str], None]
    ) -> Run:
        """Play in this process; `kill` is called at the moments that are due."""
        folder, database = self._place()
        promises: list[dict[str, Any] | None] = []
        self._held_up.pairs.clear()

        def hear(message: object) -> None:
            promises.append(announced(message))
            player.hear(message)

        moments = Moments(due, lambda kind: kill(desk, kind))
        desk = ChaosDesk(
            chaos_settings(folder, database=database, uri=self._uri),
            path=folder / "settings.yaml",
            moments=moments,
            hear=hear,
            has_books=played.has_books,
        )
        player = Player(desk)
        try:
            desk.start()
            player.settle()
            for step in played.steps:
                player.play(step)
        finally:
            desk.stop()
        return self._ended(folder, database, promises, moments.reached, moments.hit)

    def play_in_processes(self, *, seed: int, kills: int, chance: random.Random, reached: Counter[str]) -> Run:
        """Play candles in one process after another, each of them killed but the last.

        Args:
            reached: how many moments of each kind a whole session has.
        """
        folder, database = self._place()
        promises: list[dict[str, Any] | None] = []
        answered: set[str] = set()
        hit: Counter[str] = Counter()
        step, code = 0, -signal.SIGKILL
        while code:
            command = [sys.executable, "-m", "tests.system.chaos_desk", "--folder", str(folder), "--uri", self._uri]
            command += ["--database", database, "--seed", str(seed), "--rounds", str(ROUNDS), "--first-step", str(step)]
            if hit.total() < kills:
                kind = chance.choice(KINDS)
                command += ["--kill", kind, str(chance.randint(1, max(1, 2 * reached[kind] // kills)))]
            code, lines = _run(command, answered, folder / "log.txt")
            for line in lines:
                promises.append(line.get("announced"))
                answered.update(line.get("answered", ()))
                step = min(line.get("done", step - 1) + 1, 2 * ROUNDS)
            assert code in (0, -signal.SIGKILL), (folder / "log.txt").read_text()
            if code:
                hit[kind] += 1
        return self._ended(folder, database, promises, Counter(), hit)

    def _place(self) -> tuple[Path, str]:
        self._number += 1
        folder = self._folder / f"session{self._number}"
        folder.mkdir()
        (folder / "settings.yaml").write_text(f"storage: {{data_dir: {folder}}}")
        return folder, f"{self._folder.name[-30:]}-{self._number}"

    def _ended(
        self,
        folder: Path,
        database: str,
        promises: list[dict[str, Any] | None],
        reached: Counter[str],
        hit: Counter[str],
    ) -> Run:
        database += "_rec"
        audit = run_tool("-m", "ledger", "audit", "--database", database, folder=folder, MONGODB_URI=self._uri)
        assert audit.returncode == 0, audit.stdout + audit.stderr
        held_up = frozenset(self._held_up.pairs)
        return Run(read_journal(self._uri, database), promises, reached, hit, held_up)


def _run(command: list[str], answered: set[str], log: Path) -> tuple[int, list[dict[str, Any]]]:
    """Run one process to its end; return its exit code and what it printed."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output
        )
        printed, _ = process.communicate(json.dumps(sorted(answered)).encode())
    whole = printed.rpartition(b"\n")[0]
    return process.returncode, [json.loads(line) for line in whole.splitlines()]


def some(chance: random.Random, reached: Counter[str], number: int) -> frozenset[Moment]:
    """Return so many moments of a session, each kind as likely as the others."""
    chosen: set[Moment] = set()
    while len(chosen) < number:
        kind = chance.choice(KINDS)
        chosen.add((kind, chance.randint(1, reached[kind])))
    return frozenset(chosen)


@pytest.fixture(autouse=True)
def _hooks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(actors.broker, "CHECKPOINT_EVENTS", actors.broker.CHECKPOINT_EVENTS)
    monkeypatch.setattr(actors.supervision, "RestartPolicy", actors.supervision.RestartPolicy)
    make_hooks()
    yield
    Actor.test_hooks.clear()


@pytest.fixture
def sessions(tmp_path: Path, mongodb_uri: str) -> Sessions:
    return Sessions(tmp_path, mongodb_uri)


@pytest.fixture
def fragile_mongod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedMongod]:
    """A server that is restarted at once, however often it is killed."""
    monkeypatch.setattr(adapters.mongod, "RESTART_BACKOFF_SECONDS", (0.05,) * 5)
    monkeypatch.setattr(adapters.mongod, "STEADY_SECONDS", 0.0)
    server = EmbeddedMongod(data_dir=tmp_path / "mongod")
    server.start()
    yield server
    server.stop()


def check_kills(
    sessions: Sessions, few: int, kill: Callable[[ChaosDesk, str], None], *, has_books: bool, exact: bool
) -> None:
    """Kill `few` times, or as often as QUORUM_CHAOS says; every session must end as one without a kill."""
    chance, left, hit, seed, passed_over = random.Random(1), KILLS or few, Counter[str](), 5, 0
    while left > 0:
        played = script(has_books=has_books, seed=seed, rounds=ROUNDS)
        undisturbed = sessions.play(played, kill=kill)
        for _ in range(4):
            if left > 0:
                due = some(chance, undisturbed.reached, min(left, KILLS_OF_A_SESSION))
                run = sessions.play(played, due=due, kill=kill)
                run.check(undisturbed, exact=exact)
                hit += run.hit
                left -= run.hit.total()
                passed_over += len(run.held_up)
        seed += 1
    print(f"{hit.total()} kills: {dict(hit)}; an entry was held up in {passed_over} pairs of a session")  # noqa: T201 - what a long run is started for


@pytest.mark.parametrize("has_books", [False, True], ids=["candles", "books"])
def test_a_broker_killed_at_any_moment_loses_and_doubles_nothing(sessions: Sessions, has_books: bool) -> None:
    check_kills(sessions, 8, kill_broker, has_books=has_books, exact=not has_books)


@pytest.mark.parametrize("has_books", [False, True], ids=["candles", "books"])
def test_a_database_killed_at_any_moment_loses_and_doubles_nothing(
    tmp_path: Path, fragile_mongod: EmbeddedMongod, monkeypatch: pytest.MonkeyPatch, has_books: bool
) -> None:
    held_up = HeldUp()
    held_up.watch(monkeypatch)

    def kill(desk: ChaosDesk, kind: str) -> None:
        gevent.spawn_later(0.0005 if kind == "writing" else 0, _kill_mongod, fragile_mongod)
        if kind != "writing":
            gevent.sleep(0)

    sessions = Sessions(tmp_path, fragile_mongod.uri, held_up)
    check_kills(sessions, 3, kill, has_books=has_books, exact=True)


def _kill_mongod(server: EmbeddedMongod) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(server.pid or 0, signal.SIGKILL)


def test_a_desk_killed_at_any_moment_loses_and_doubles_nothing(sessions: Sessions) -> None:
    chance, left, hit, seed = random.Random(2), KILLS or 5, Counter[str](), 5
    while left > 0:
        undisturbed = sessions.play(script(has_books=False, seed=seed, rounds=ROUNDS), kill=kill_broker)
        kills = min(left, KILLS_OF_A_SESSION)
        run = sessions.play_in_processes(seed=seed, kills=kills, chance=chance, reached=undisturbed.reached)
        run.check(undisturbed, exact=True)
        hit += run.hit
        left -= max(1, run.hit.total())
        seed += 1
    print(f"{hit.total()} kills: {dict(hit)}")  # noqa: T201 - what a long run is started for
