"""A whole desk in this process that plays a recording in virtual time, with settings reloaded on the way."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
import gevent.event
import pytest
import yaml
from pydantic import SecretStr
from pymongo import MongoClient

from actors.base import Actor
from domain import bot_orders, execution
from domain.analysis import Features
from domain.bookkeeping import Bookkeeper
from domain.bot_rules import BotRules
from domain.execution import Exchange
from domain.gates import Situation
from domain.messages import ReloadSettings, SettingsReloaded, TimerFired
from domain.strategy import Verdict
from settings import Secrets, load_settings
from supervisor import Desk
from tests.system.desk_process import until
from tests.system.journal import Document, read_journal

NAME = "reloader"


class Reloader(Actor):
    """Each minute of the recording, writes the settings file and has it read, several times one after the other."""

    def __init__(self, *, desk: Desk, path: Path, raw: dict[str, Any], count: int, a_minute: int) -> None:
        super().__init__(name=NAME)
        self._desk, self._path, self._raw = desk, path, raw
        self._left, self._a_minute, self._due = count, a_minute, 0
        self.answers: list[SettingsReloaded] = []

    def on_receive(self, message: object) -> object:
        match message:
            case TimerFired():
                self._due = min(self._a_minute, self._left)
                self._next()
            case SettingsReloaded():
                self.answers.append(message)
                self._next()
            case _:
                return super().on_receive(message)
        return None

    def _next(self) -> None:
        if self._due:
            self._due, self._left = self._due - 1, self._left - 1
            mark = (
                1000 + self._left
            )  # nobody has to approve, and candles know no latency: it changes nothing but the hash
            defaults = {**self._raw["bots"]["defaults"], "approval_wait_secs": mark}
            changed = {**self._raw, "bots": {**self._raw["bots"], "defaults": defaults}, "paper": {"latency_ms": mark}}
            self._path.write_text(yaml.safe_dump(changed))
            self._desk.directory.tell("supervisor", ReloadSettings(reply_to=NAME, request_id=str(self._left)))


@dataclass(slots=True)
class Played:
    """What a recording that was played left behind."""

    journal: list[Document]
    decisions: list[Document]
    reloads: list[SettingsReloaded] = field(default_factory=list)
    had: "Witness" = field(default_factory=lambda: Witness())


@dataclass(slots=True)
class Witness:
    """What the desk really had when it made a document: the marks of the settings by which broker and bot then went."""

    at_seq: dict[int, int] = field(default_factory=dict)  # by seq of the journal: the broker's latency_ms
    at_decision: dict[str, int] = field(default_factory=dict)  # by decision: the bot's approval_wait_secs

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look into the desk's memory while it runs."""
        record, start, decide = Bookkeeper._record, execution.start, bot_orders.decide
        exchanges: list[Exchange] = []

        def recording(books: Bookkeeper, *arguments: Any, **parts: Any) -> Any:
            document = record(books, *arguments, **parts)
            for exchange in exchanges:
                if exchange.books is books:
                    self.at_seq[document["seq"]] = exchange.executor.paper.latency_ms
            return document

        def deciding(situation: Situation, rules: BotRules, *, decision_id: str, features: Features | None) -> Verdict:
            self.at_decision[decision_id] = rules.approval_wait_secs
            return decide(situation, rules, decision_id=decision_id, features=features)

        def starting(**parts: Any) -> Exchange:
            exchanges.append(start(**parts))
            return exchanges[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Bookkeeper, "_record", recording)
            patch.setattr(bot_orders, "decide", deciding)
            patch.setattr(execution, "start", starting)
            yield


def play(raw: dict[str, Any], folder: Path, *, uri: str, reloads: int = 0, a_minute: int = 0) -> Played:
    """Play the recording that the settings name to its end; `reloads` times they are changed and read again."""
    folder.mkdir()
    database = f"{folder.parent.name[-20:]}-{folder.name}"
    own = {"server": {"port": 0}, "storage": {"data_dir": str(folder / "var"), "database": database}}
    market = {**raw["market"], "source": "recorded"}
    raw = {**raw, **own, "market": market}
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(raw))
    settings = load_settings(path, environ={}, env_files=())
    settings = settings.model_copy(update={"secrets": Secrets(mongodb_uri=SecretStr(uri))})
    desk, had = _PlayedDesk(settings, path=path, speed=0), Witness()
    with had.watching():
        try:
            desk.start()
            reloader = Reloader.start(desk=desk, path=path, raw=raw, count=reloads, a_minute=a_minute)
            desk.directory.bind(NAME, reloader)
            desk.outside.timers.every(60, NAME, "minute")
            desk.played.wait()
            until(lambda: not desk.stores.archive.pending, seconds=120, what="the archive is written")
            answers = reloader.proxy().answers.get(timeout=60)
            desk.directory.unbind(NAME)
            reloader.stop()
        finally:
            desk.stop()
    name = f"{database}_rec"
    return Played(read_journal(uri, name), read_collection(uri, name, "decisions"), list(answers), had)


class _PlayedDesk(Desk):
    """Says when the recording has ended."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.played = gevent.event.Event()

    def _drive(self) -> None:
        super()._drive()
        self.played.set()


def read_collection(uri: str, database: str, name: str) -> list[Document]:
    """Return all documents of a collection, oldest first by `ts`."""
    with closing(MongoClient(uri, serverSelectionTimeoutMS=10_000)) as client:
        return list(client[database][name].find().sort([("ts", 1), ("_id", 1)]))
