"""A desk as people run it: a process of `supervisor.py` in a folder of its own, and sessions with it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import websocket
import yaml
from websocket import ABNF

ROOT = Path(__file__).parents[2]
START_SECONDS = 90  # on a busy machine
_RUNNING = re.compile(r"^Quorum \S+ is running: (http://\S+)/$", re.M)
_SECRETS = ("MONGODB_URI", "OPENROUTER_API_KEY", "CRYPTOPANIC_API_KEY", "HUB_OPERATOR_TOKEN", "HUB_VIEWER_TOKEN")


def until(met: Callable[[], Any], *, seconds: float = 30, what: str = "") -> Any:
    """Return the first true value of `met`; fail when there is none within `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := met()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or met}"
        time.sleep(0.05)
    return value


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without its secrets, with `variables`."""
    kept = {name: value for name, value in os.environ.items() if name not in _SECRETS and "PROXY" not in name.upper()}
    return kept | variables


def run_tool(*arguments: str, folder: Path, seconds: float = 60, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS` to its end in `folder`, as from the project's root."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT), **variables),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


class DeskProcess:
    """One desk on `folder`: settings, data directory and log are in it. It can be started again and again.

    Args:
        settings: what stands in its settings file besides a free port and the data directory.
        arguments: for the command line, after --settings.
        variables: for its environment, e.g. MONGODB_URI.
    """

    program = ROOT / "supervisor.py"

    def __init__(self, folder: Path, settings: dict[str, Any], *arguments: str, **variables: str) -> None:
        self.folder = folder
        self.settings = folder / "settings.yaml"
        self.arguments = arguments
        self.address = ""
        self._variables = variables
        self._log = folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self._sessions: list[Session] = []
        self.write_settings(settings)

    def write_settings(self, settings: dict[str, Any]) -> None:
        own = {"server": {"port": 0}, "storage": {"data_dir": str(self.folder / "var")}}
        self.settings.write_text(yaml.safe_dump(own | settings))

    # --- running

    def start(self) -> "DeskProcess":
        """Start it and wait until it says where its dashboard is."""
        self.launch()
        address = until(self._said_address, seconds=START_SECONDS, what="the desk is running")
        self.address = address
        return self

    def launch(self) -> None:
        """Start it and return at once."""
        assert not self.is_running()
        command = [sys.executable, str(self.program), "--settings", str(self.settings), *self.arguments]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=environment(**self._variables), stdout=log, stderr=log
            )

    def _said_address(self) -> str | None:
        found = _RUNNING.search(self.log)
        assert found or self.is_running(), f"the desk ended:\n{self.log}"
        return found[1] if found else None

    @property
    def log(self) -> str:
        """What it has printed since its last start."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> tuple[int, float]:
        """Ask it to end; return its exit code and how many seconds it took."""
        began = time.monotonic()
        self.send_signal(signal.SIGTERM)
        return self.wait(30), time.monotonic() - began

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.send_signal(signal.SIGKILL)
        self.wait(10)

    def wait(self, seconds: float) -> int:
        assert self._process is not None
        code: int = self._process.wait(timeout=seconds)
        return code

    def clean_up(self) -> None:
        """Leave nothing of it: no session, no desk, no database server."""
        for session in self._sessions:
            session.close()
        if self.is_running():
            self.kill()
        if (pid := self.mongod_pid()) is not None:
            try:
                until(lambda: not is_alive(pid), seconds=10, what="the database of a killed desk ends by itself")
            except AssertionError:
                os.kill(pid, signal.SIGKILL)
                raise

    def mongod_pid(self) -> int | None:
        """Return the process of the embedded database that works on this folder, if there is one."""
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            ours = any(part.startswith(str(self.folder / "var" / "db").encode()) for part in command)
            if ours and is_alive(int(entry.name)):
                return int(entry.name)
        return None

    # --- using

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a page."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.address + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def ready(self) -> tuple[int, dict[str, Any]]:
        status, body = self.get("/readyz")
        return status, json.loads(body)

    def session(self) -> "Session":
        session = Session(self.address)
        self._sessions.append(session)
        return session

    def ledger(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m ledger ARGUMENTS` on its settings."""
        command = ("-m", "ledger", *arguments, "--settings", str(self.settings))
        return run_tool(*command, folder=self.folder, **self._variables)


class Session:
    """A WebSocket session. `frames` keeps all that came, oldest first."""

    def __init__(self, address: str) -> None:
        self.frames: list[dict[str, Any]] = []
        self.close_code: int | None = None  # set when the desk has closed it
        self._asked = 0
        self._socket = websocket.create_connection(address.replace("http", "ws", 1) + "/ws", timeout=30)
        self.initial: dict[str, Any] = self.wait("initial_data")["data"]

    def wait(
        self, kind: str, met: Callable[[dict[str, Any]], Any] = lambda frame: True, *, seconds: float = 30
    ) -> dict[str, Any]:
        """Return the next frame of type `kind` for which `met` holds."""
        for frame in self._receive(seconds):
            if frame["type"] == kind and met(frame):
                return frame
        raise AssertionError(f"no such {kind} within {seconds} s; closed: {self.close_code}")

    def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send a message and return the first frame that answers it."""
        self._asked += 1
        request_id = f"r{self._asked}"
        self.send(kind, request_id=request_id, **fields)
        for frame in self._receive(30):
            if frame.get("request_id") == request_id:
                return frame
        raise AssertionError(f"no answer to {kind}; closed: {self.close_code}")

    def send(self, kind: str, **fields: Any) -> None:
        self._socket.send(json.dumps({"type": kind, **fields}))

    def listen(self, seconds: float) -> list[dict[str, Any]]:
        """Return what comes within `seconds`, or until the desk closes the session."""
        return list(self._receive(seconds))

    def wait_closed(self, *, seconds: float = 30) -> int | None:
        """Return the code with which the desk closes the session, None when the connection just broke."""
        self.listen(seconds)
        return self.close_code

    def close(self) -> None:
        self._socket.shutdown()

    def _receive(self, seconds: float):
        deadline = time.monotonic() + seconds
        while self.close_code is None and (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                frame = self._socket.recv_frame()
            except websocket.WebSocketTimeoutException:
                return
            except (websocket.WebSocketException, OSError):
                return
            if frame.opcode == ABNF.OPCODE_CLOSE:
                self.close_code = int.from_bytes(frame.data[:2], "big")  # not answered: the desk may be gone by now
            elif frame.opcode == ABNF.OPCODE_PING:
                self._socket.pong(frame.data)
            elif frame.opcode == ABNF.OPCODE_TEXT:
                self.frames.append(json.loads(frame.data, parse_float=Decimal))
                yield self.frames[-1]


def is_alive(pid: int) -> bool:
    """Return whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
