"""A desk in a process of its own that can be hurt from inside (chaos_process.py), on one port through all its lives."""

import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
import gevent.event
from gevent import socket

from adapters.mongod_files import free_port
from tests.system.desk_process import ROOT, START_SECONDS, DeskProcess, environment

ANSWER_SECONDS = 90.0  # on a busy machine


class Gone(Exception):
    """The desk's process ended before it answered."""


class Patient(DeskProcess):
    """Started again and again, it keeps its log; who it answers to is told at each start."""

    def __init__(self, folder: Path, settings: dict[str, Any], *, hang: float, broker_hang: float, **env: str) -> None:
        port = free_port()
        server = {**settings.get("server", {}), "port": port}
        super().__init__(folder, {**settings, "server": server}, "--market", "binance", **env)
        self.address = f"http://127.0.0.1:{port}"
        self._limits = ("--hang", str(hang), "--broker-hang", str(broker_hang))
        self._sockets = tempfile.TemporaryDirectory()  # a socket's path must be short
        self._connection: Any = None
        self._answers: dict[int, gevent.event.AsyncResult[dict[str, Any]]] = {}
        self._number = 0

    def launch(self) -> None:
        """Start it, its log appended; return once it can be commanded."""
        assert not self.is_running()
        path = Path(self._sockets.name) / f"{time.monotonic_ns()}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(1)
            command = [sys.executable, "-m", "tests.system.chaos_process", "--control", str(path), *self._limits]
            command += ["--", "--settings", str(self.settings), *self.arguments]
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env=environment(PYTHONPATH=str(ROOT), **self._variables),
                    stdout=log,
                    stderr=log,
                )
            listener.settimeout(START_SECONDS)
            self._connection = listener.accept()[0]
        self._connection.settimeout(None)
        gevent.spawn(self._read, self._connection)

    def command(self, do: str, *, seconds: float = ANSWER_SECONDS, **fields: Any) -> dict[str, Any]:
        """Have it do something to itself; return the answer.

        Raises:
            Gone: the process ended first, or did not answer within `seconds`.
        """
        self._number += 1
        answer = self._answers[self._number] = gevent.event.AsyncResult()
        with suppress(OSError):
            self._connection.sendall(json.dumps({"id": self._number, "do": do, **fields}).encode() + b"\n")
        try:
            found = answer.get(timeout=seconds)
        except gevent.Timeout:
            raise Gone(f"no answer to {do} within {seconds:g} s") from None
        assert found is not None
        return found

    def clean_up(self) -> None:
        super().clean_up()
        self._sockets.cleanup()

    def _read(self, connection: Any) -> None:
        with suppress(OSError), connection.makefile("rb") as lines:
            for line in lines:
                answer = json.loads(line)
                self._answers.pop(answer["id"]).set(answer)
        connection.close()
        waiting, self._answers = self._answers, {}
        for result in waiting.values():
            result.set_exception(Gone("the process ended"))
