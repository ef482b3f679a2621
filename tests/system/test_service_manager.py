"""What a service manager is told by a desk, over the socket that systemd would open: READY, WATCHDOG, STOPPING."""

import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.desk_process import ROOT, START_SECONDS, DeskProcess, until
from tests.system.worlds import simulated

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

WATCHDOG_SECONDS = 2.0
PATIENCE = 60.0  # on a busy machine


class ServiceManager:
    """The datagram socket of a service manager, and its watchdog."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    @property
    def variables(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1_000_000))}

    def wait(self, text: str, *, seconds: float = PATIENCE) -> None:
        """Wait until the desk says `text` once more."""
        end = time.monotonic() + seconds
        while not self._hear(end - time.monotonic()) or self.heard[-1] != text:
            assert time.monotonic() < end, f"{text} was not said, but {self.heard[-10:]}"

    def wait_expired(self) -> None:
        """Wait until the watchdog runs out: no ping in the time allowed. What was said before counts as old."""
        end = time.monotonic() + PATIENCE
        pinged = time.monotonic()
        while (left := pinged + WATCHDOG_SECONDS - time.monotonic()) > 0:
            if self._hear(left) and self.heard[-1] == "WATCHDOG=1":
                pinged = time.monotonic()
            assert time.monotonic() < end, "the desk went on to say that all is well"

    def close(self) -> None:
        self._socket.close()

    def _hear(self, seconds: float) -> bool:
        self._socket.settimeout(max(0.001, seconds))
        try:
            self.heard.append(self._socket.recv(5000).decode())
        except TimeoutError:
            return False
        return True


class DeskThatHangs(DeskProcess):
    program = ROOT / "tests" / "system" / "desk_that_hangs.py"


@pytest.fixture
def manager() -> Iterator[ServiceManager]:
    folder = Path(tempfile.mkdtemp(prefix="quorum"))  # a socket's path may not exceed 107 characters
    manager = ServiceManager(folder / "notify")
    yield manager
    manager.close()
    shutil.rmtree(folder)


@pytest.fixture
def desk(tmp_path: Path, manager: ServiceManager, mongodb_uri: str) -> Iterator[DeskProcess]:
    settings: dict[str, Any] = simulated()
    settings["storage"] = {"data_dir": str(tmp_path / "var"), "database": tmp_path.name[:40]}
    variables = manager.variables | {"MONGODB_URI": mongodb_uri, "PYTHONPATH": str(ROOT)}
    desk = DeskThatHangs(tmp_path, settings, **variables)
    desk.launch()
    yield desk
    desk.clean_up()


def test_a_desk_says_ready_when_it_is_lives_on_and_falls_silent_when_its_sweep_hangs(
    desk: DeskProcess, manager: ServiceManager
) -> None:
    manager.wait("READY=1", seconds=START_SECONDS)
    desk.address = until(desk._said_address, seconds=PATIENCE)
    actors = desk.ready()[1]["actors"]
    assert {entry["state"] for entry in actors.values()} == {"running"}
    for _ in range(3):
        manager.wait("WATCHDOG=1")
    assert f"STATUS=all actors run; {desk.address}/" in manager.heard

    desk.send_signal(signal.SIGUSR2)
    manager.wait_expired()
    assert desk.get("/healthz")[0] == 200  # nothing but the sweep hangs

    began = time.monotonic()
    desk.send_signal(signal.SIGTERM)
    manager.wait("STOPPING=1")
    assert desk.wait(int(PATIENCE)) == 0
    assert time.monotonic() - began < 20, desk.log  # 10 where a core is free


def test_a_blocked_loop_falls_silent_and_leaves_the_stack_of_what_blocks_it(
    desk: DeskProcess, manager: ServiceManager
) -> None:
    manager.wait("READY=1", seconds=START_SECONDS)
    manager.wait("WATCHDOG=1")
    desk.send_signal(signal.SIGUSR1)
    manager.wait_expired()
    until(lambda: "The loop is blocked" in desk.log, seconds=PATIENCE)
    assert "block_the_loop" in desk.log

    os.kill(desk.pid, signal.SIGABRT)  # what systemd sends then
    assert desk.wait(int(PATIENCE)) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in desk.log


def test_a_desk_that_is_told_to_stop_while_it_starts_stops(desk: DeskProcess, manager: ServiceManager) -> None:
    until(lambda: manager.path.exists() and _has_begun(desk), seconds=PATIENCE)
    desk.send_signal(signal.SIGTERM)
    assert desk.wait(int(PATIENCE)) in (0, -signal.SIGTERM)  # the latter before it listened for signals
    assert "is running" not in desk.log or "READY=1" in manager.heard


def _has_begun(desk: DeskProcess) -> bool:
    """Return whether the desk has its log file: settings are read, the start has begun."""
    return (desk.folder / "var" / "logs" / "quorum.jsonl").exists()
