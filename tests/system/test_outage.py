"""The database of a running desk is frozen, killed or out of room: what goes on meanwhile, and what is left of it."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from adapters.mongod import running_uri
from tests.system.chaos_compare import check_once
from tests.system.desk_process import DeskProcess, until
from tests.system.journal import Document, fills, read_embedded
from tests.system.worlds import simulated

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

DATABASE = "crypto_trading_sim"
PAIR = "BTCUSDT"  # traded by hand only; bots trade the others all the time
IN_FLIGHT = 30  # orders sent one after the other just before
PATIENCE = 90  # seconds, on a busy machine
DISK_BYTES = 64 * 1024 * 1024


def now_ms() -> float:
    return time.time() * 1000


def order(trade_id: str) -> dict[str, Any]:
    return {"symbol": PAIR, "direction": "buy", "value_usdt": 20, "trade_id": trade_id}


@pytest.fixture
def desk(desks: Callable[..., DeskProcess]) -> DeskProcess:
    settings = simulated()
    settings["bots"]["pairs"][PAIR] = {"enabled": False}
    settings["server"] = {"port": 0, "messages_per_second": 1000}
    settings["storage"] = {"min_free_mib": 0}  # a small disk is filled up
    return desks(settings)


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path], None]]:
    """Return a function that mounts a small file system of its own on a new folder."""
    mounted: list[Path] = []

    def mount(folder: Path) -> None:
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("mount") else None
        if done is None or done.returncode != 0:
            why = "there is no mount command" if done is None else done.stderr.strip()
            pytest.skip(f"a small file system must be mounted, which needs root: {why}")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Outages:
    """A running desk whose database is away again and again."""

    def __init__(self, desk: DeskProcess) -> None:
        self.desk = desk.start()
        self.session = desk.session()
        self.sent: list[str] = []
        self._away: list[tuple[float, float]] = []  # from when on orders were refused, and until when
        self._writer: gevent.Greenlet[[], None]
        self.session.wait("price_update", self._is_priced, seconds=PATIENCE)
        assert self._ask("before")["type"] == "trade_executed"
        self.session.wait("bot_trade_executed", seconds=PATIENCE)

    def _is_priced(self, frame: dict[str, Any]) -> bool:
        data = frame["data"]
        return data["symbol"] == PAIR and data["bid"] is not None and not data.get("stale")

    def _ask(self, trade_id: str) -> dict[str, Any]:
        self.sent.append(trade_id)
        return self.session.ask("execute_trade", **order(trade_id))

    def begin_to_write(self) -> None:
        """Send orders all the time and wait for none of them: some are being written when it happens."""
        self._writer = gevent.spawn(self._keep_writing)
        self.session.wait("trade_executed", seconds=PATIENCE)

    def _keep_writing(self) -> None:
        while True:
            self.sent.append(f"flight-{len(self.sent)}")
            self.session.send("execute_trade", **order(self.sent[-1]))
            gevent.sleep(0.01 if len(self.sent) % 100 < IN_FLIGHT else 0.25)

    def wait_refused(self) -> None:
        """Wait until the desk refuses new orders because it knows that the database is away."""
        self.session.wait("error", lambda frame: frame["data"]["code"] == "ledger_unavailable", seconds=PATIENCE)
        self._refused_ms = now_ms()
        self._writer.kill()

    def check_desk_goes_on(self) -> None:
        """Market and analysis go on, the trouble is shown, and what only reduces is taken."""
        status, body = self.desk.ready()
        assert (status, list(body["missing"])) == (503, ["broker"])
        until(lambda: "quorum_ledger_available 0.0" in self.desk.get("/metrics")[1], seconds=PATIENCE)
        since_ms = now_ms()
        self.session.wait("price_update", lambda frame: frame["data"]["timestamp"] * 1000 > since_ms, seconds=PATIENCE)
        self.session.wait("analysis_log", lambda frame: frame["data"]["timestamp"] > since_ms, seconds=PATIENCE)
        late = self.desk.session()  # is shown what there is
        assert late.initial["positions"][PAIR]["direction"] == "long"
        assert late.initial["ledger"]["available"] is False
        self.session.send("close_position", symbol=PAIR)
        refused = self._ask(f"refused-{len(self.sent)}")
        assert refused["data"]["code"] == "ledger_unavailable"  # and the close before it was handled by now

    def wait_back(self) -> None:
        until(lambda: self.desk.ready()[0] == 200, seconds=PATIENCE, what="the ledger is available again")
        self._away.append((self._refused_ms, now_ms()))
        closed = [frame for frame in self.session.frames if frame["type"] == "position_closed"]
        assert len(closed) >= len(self._away) or self.session.wait("position_closed", seconds=PATIENCE)
        assert self._ask(f"after-{len(self.sent)}")["type"] == "trade_executed"

    def check_journal(self) -> None:
        """Nothing announced is missing, nothing is there twice, no new risk was taken; the audit finds no fault."""
        self._send_all_again()
        told = {frame["data"]["trade"]["trade_id"] for frame in self.session.frames if "trade" in frame["data"]}
        journal = read_embedded(self.desk.folder, DATABASE)
        check_once(journal)
        trades = [fill["trade_id"] for fill in fills(journal)]
        assert told <= set(trades)
        assert sorted(trade_id for trade_id in trades if trade_id in self.sent) == sorted(self.sent)
        assert len(told) > IN_FLIGHT
        self._check_meanwhile(journal)
        assert self.desk.terminate()[0] == 0
        audit = self.desk.ledger("audit")
        assert audit.returncode == 0, audit.stdout + audit.stderr

    def _send_all_again(self) -> None:
        """Do as a client does that does not know what became of its orders."""
        for trade_id in self.sent:
            self.session.send("execute_trade", request_id=f"again-{trade_id}", **order(trade_id))
        waiting = {f"again-{trade_id}" for trade_id in self.sent}
        while waiting:
            frame = self.session.wait("trade_executed", lambda frame: frame.get("request_id") in waiting)
            waiting.remove(frame["request_id"])

    def _check_meanwhile(self, journal: list[Document]) -> None:
        ordered = [document for document in journal if document["type"] == "order"]
        for refused_ms, back_ms in self._away:
            meanwhile = [document for document in ordered if refused_ms <= document["ts"] < back_ms]
            closed = [document for document in meanwhile if document["order"]["reduce_only"]]
            assert [document["symbol"] for document in closed].count(PAIR) == 1
            opened = [document for document in meanwhile if document not in closed]
            assert [document for document in opened if document["ts"] < back_ms - 1000] == []  # it was back before


def test_a_database_that_is_frozen_and_then_killed_again_and_again(desk: DeskProcess) -> None:
    outages = Outages(desk)
    outages.begin_to_write()
    freeze(desk, outages)
    outages.wait_back()

    outages.begin_to_write()
    killer = gevent.spawn(keep_killing, desk)
    outages.wait_refused()
    outages.check_desk_goes_on()
    killer.kill()
    outages.wait_back()
    outages.check_journal()


def freeze(desk: DeskProcess, outages: Outages) -> None:
    pid = desk.mongod_pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        outages.wait_refused()
        outages.check_desk_goes_on()
    finally:
        os.kill(pid, signal.SIGCONT)


def keep_killing(desk: DeskProcess) -> None:
    """Kill the database, and what is started in its place."""
    while True:
        if (pid := desk.mongod_pid()) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        gevent.sleep(0.05)


def test_a_database_on_a_full_disk(small_disk: Callable[[Path], None], desk: DeskProcess) -> None:
    small_disk(desk.folder / "var")
    outages = Outages(desk)
    ballast = desk.folder / "var" / "ballast"
    outages.begin_to_write()
    fill_up(ballast)
    write_until_it_dies(desk)
    outages.wait_refused()
    outages.check_desk_goes_on()
    until(lambda: "restart 1 of mongod failed" in desk.log, seconds=PATIENCE, what="it does not start without room")
    assert "the disk is full" in desk.log
    ballast.unlink()
    outages.wait_back()
    outages.check_journal()


def fill_up(ballast: Path) -> None:
    block = bytes(65_536)
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(block)


def write_until_it_dies(desk: DeskProcess) -> None:
    """Write into a collection of our own until the database finds no room for its log and ends."""
    pid, uri = desk.mongod_pid(), running_uri(desk.folder / "var")
    end = time.monotonic() + PATIENCE
    with MongoClient(uri, timeoutMS=2000) as client, contextlib.suppress(PyMongoError):
        while time.monotonic() < end:
            client["scratch"]["scratch"].insert_one({"block": os.urandom(200_000)})
    until(lambda: desk.mongod_pid() != pid, seconds=PATIENCE, what="the database ends")
