"""The embedded database: a real mongod as a child process, a replica set of one on loopback. A local default."""

import contextlib
import ctypes
import itertools
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from pymongo.errors import PyMongoError

from adapters.mongod_binary import MongodBinary, find_mongod
from adapters.mongod_files import (
    HOST,
    Access,
    DatabaseFiles,
    DirectoryLock,
    free_port,
    is_free,
    is_listening,
    is_locked,
    server_process,
    write_private,
)
from adapters.mongod_setup import set_up
from domain.errors import LedgerUnavailable, SettingsError

log = logging.getLogger(__name__)

EXIT_PORT_BUSY, EXIT_DATA_IN_USE = 48, 100
READY_SECONDS = 60.0  # recovery after a crash included
OLD_SERVER_SECONDS = 15.0  # how long the server of a killed desk may take to end
RESTART_BACKOFF_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
GAVE_UP_SECONDS = 30.0  # between two tries after those: a disk may have room again, a library be installed
STEADY_SECONDS = 10.0  # a server that ran this long has recovered: restarts are counted anew
FULL_BYTES = 20 * 1024 * 1024  # a server cannot work with less: it keeps two files of 10 MB ahead
LOG_BYTES = 20 * 1024 * 1024
_KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "HOME", "LANG", "TZ", "TMPDIR")  # no secret reaches the child


class EmbeddedMongod:
    """One mongod on `<data_dir>/db`, restarted when it dies.

    `start` must be called from the main thread: Linux ends the child when the thread that started it ends.
    """

    def __init__(
        self,
        *,
        data_dir: Path | str,
        on_gave_up: Callable[[str], None] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Args:
        data_dir: the desk's data directory; a relative one is resolved against the working directory now.
        on_gave_up: told one sentence when the server could not be restarted; called from the watching greenlet.
        environ: where MONGOD_BINARY and PATH are looked up; None = the process's environment.
        """
        self.files = DatabaseFiles.of(data_dir)
        self.state = "stopped"  # starting | running | restarting | gave_up (and tries rarely) | stopped
        self.restarts = 0
        self._environ = os.environ if environ is None else environ
        self._on_gave_up = on_gave_up
        self._lock = DirectoryLock(self.files.lock)
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self._binary: MongodBinary | None = None
        self._access: Access | None = None

    @property
    def uri(self) -> str:
        """The connection string for the services' client. Holds a password: never log it."""
        if self._access is None:
            raise LedgerUnavailable("the embedded database was not started")
        return self._access.uri

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self, *, watch: bool = True) -> str:
        """Start the server and wait until it takes writes.

        Args:
            watch: restart it when it dies.

        Returns:
            The connection string.

        Raises:
            SettingsError: the directory belongs to another desk, or no usable mongod was found.
            LedgerUnavailable: the server did not start; the reason is its own.
        """
        self._lock.acquire()
        try:
            self._stopping.clear()
            self.state = "starting"
            self._make_files()
            self._binary = find_mongod(self._environ)
            self._run()
        except BaseException:
            self.stop()
            raise
        self.state = "running"
        if watch:
            self._watcher = threading.Thread(target=self._watch, name="mongod-watch", daemon=True)
            self._watcher.start()
        return self.uri

    def stop(self, *, grace_seconds: float = 5.0) -> None:
        """End the server: SIGTERM, after `grace_seconds` SIGKILL (harmless: its own journal). May be repeated."""
        self._stopping.set()
        self._end_process(grace_seconds)
        if self._watcher is not None:
            self._watcher.join(timeout=grace_seconds)
            self._watcher = None
            self._end_process(grace_seconds)  # one that a restart had begun
        self.state = "stopped"
        self._lock.release()

    # --- starting ---------------------------------------------------------------------------------------------------

    def _make_files(self) -> None:
        self.files.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._access = Access.load(self.files) or Access.create(self.files)
        if not self.files.keyfile.exists():
            write_private(self.files.keyfile, os.urandom(48).hex())

    def _run(self) -> None:
        """Launch and set up; on another port when the stored one was taken meanwhile."""
        assert self._access is not None and self._binary is not None
        _end_old_server(self.files)
        for _ in range(3):
            if not is_free(self._access.port):
                self._access = self._access.having(self.files, port=free_port())
            self._launch()
            try:
                self._wait_listening()
                self._access = set_up(self._access, self.files, self._binary.version, self._check_alive)
                return
            except _Ended as ended:
                if ended.code != EXIT_PORT_BUSY:
                    raise LedgerUnavailable(self._why_ended(ended.code)) from None
            except PyMongoError as error:
                raise LedgerUnavailable(f"the embedded mongod could not be set up ({_brief(error)})") from error
        raise LedgerUnavailable(f"the embedded mongod found no free port, last tried {self._access.port}")

    def _launch(self) -> None:
        assert self._access is not None and self._binary is not None
        _keep_log_small(self.files.log)
        with self.files.output.open("wb") as output:
            self._process = _spawn(_command(self._binary.path, self.files, self._access.port), output, self._environ)
        log.info("mongod %s started, process %s", ".".join(map(str, self._binary.version)), self._process.pid)

    def _wait_listening(self) -> None:
        assert self._access is not None
        began = time.monotonic()
        while not is_listening(self._access.port):
            self._check_alive(time.monotonic() - began)
            time.sleep(0.02)

    def _check_alive(self, waited_seconds: float) -> None:
        assert self._process is not None
        code = self._process.poll()
        if code is not None:
            raise _Ended(code)
        if self._stopping.is_set():
            raise LedgerUnavailable("the embedded mongod was stopped while it started")
        if waited_seconds > READY_SECONDS:
            raise LedgerUnavailable(f"the embedded mongod must be ready within {READY_SECONDS:.0f} s, was not")

    def _why_ended(self, code: int) -> str:
        if code == EXIT_DATA_IN_USE:
            return f"{self.files.data} must belong to one mongod, another one uses it or it cannot be opened"
        last = _last_words(self.files) if code >= 0 else ""
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        room = _room(self.files.data)
        return f"the embedded mongod {how}{': ' + last if last else ''}{room} (see {self.files.log})"

    # --- watching ---------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        failures, running_since = 0, time.monotonic()
        while not self._stopping.is_set():
            code = self._exit_code(within_seconds=1.0)
            if self._stopping.is_set():
                return
            if code is None:
                self._rotate_log()
                continue
            failures = 0 if time.monotonic() - running_since > STEADY_SECONDS else failures
            log.error("%s", self._why_ended(code))
            failures = self._restart(failures)
            running_since = time.monotonic()

    def _exit_code(self, *, within_seconds: float) -> int | None:
        assert self._process is not None
        try:
            return self._process.wait(timeout=within_seconds)
        except subprocess.TimeoutExpired:
            return None

    def _restart(self, failures: int) -> int:
        """Try until the server takes writes, rarely after RESTART_BACKOFF_SECONDS; return the failures in a row so far.

        Args:
            failures: those before; this death is one more.
        """
        self.state = "restarting"
        for failure in itertools.count(failures + 1):
            if failure == len(RESTART_BACKOFF_SECONDS) + 1:
                self._give_up()
            if self._stopping.wait(_backoff_seconds(failure)):
                break
            try:
                self._run()
            except (LedgerUnavailable, SettingsError, OSError) as error:
                log.error("restart %s of mongod failed: %s", failure, error)
                self._end_process(1.0)
                continue
            self.restarts += 1
            self.state = "running"
            log.warning("mongod is back, process %s", self.pid)
            return failure
        return 0

    def _give_up(self) -> None:
        """Say that it does not come back soon; go on trying all the same."""
        self.state = "gave_up"
        message = f"the embedded mongod could not be restarted in {len(RESTART_BACKOFF_SECONDS)} tries"
        log.error("%s; tried again every %.0f s", message, GAVE_UP_SECONDS)
        if self._on_gave_up is not None:
            self._on_gave_up(message)

    def _rotate_log(self) -> None:
        if self._process is not None and _keep_log_small(self.files.log):
            self._process.send_signal(signal.SIGUSR1)  # --logRotate reopen

    def _end_process(self, grace_seconds: float) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        process.send_signal(signal.SIGCONT)  # a frozen one would never see the SIGTERM
        try:
            process.wait(timeout=grace_seconds)
        except subprocess.TimeoutExpired:
            log.warning("mongod did not end within %s s: killed", grace_seconds)
            process.kill()
            process.wait()


class _Ended(Exception):
    """The server exited while it was waited for."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def running_uri(data_dir: Path | str) -> str | None:
    """Return the connection string of the server that another process runs on `data_dir`, or None when none does."""
    files = DatabaseFiles.of(data_dir)
    if not is_locked(files.lock):
        return None
    access = Access.load(files)
    return access.uri if access is not None else None


def _command(binary: Path, files: DatabaseFiles, port: int) -> list[str]:
    return [
        str(binary),
        *("--dbpath", str(files.data)),
        *("--bind_ip", HOST, "--port", str(port)),
        "--noscripting",  # no JavaScript: nobody needs it, and its engine wants memory that is writable and executable
        "--nounixsocket",  # a socket's path may not exceed 107 characters; clients use TCP
        *("--replSet", "rs0", "--oplogSize", "64"),
        *("--wiredTigerCacheSizeGB", "0.25"),
        *("--wiredTigerEngineConfigString", "log=(file_max=10MB,prealloc=false)"),
        *("--networkMessageCompressors", "disabled"),  # CVE-2025-14847
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        *("--setParameter", "transactionLifetimeLimitSeconds=5"),
        *("--logpath", str(files.log), "--logappend", "--logRotate", "reopen", "--quiet"),
        *("--pidfilepath", str(files.pidfile)),
        *("--auth", "--keyFile", str(files.keyfile)),
    ]


def _spawn(command: list[str], output: IO[bytes], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start in a session of its own, so that Ctrl-C reaches only the desk; on Linux it ends with the desk."""
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={name: environ[name] for name in _KEPT_ENVIRONMENT if name in environ},
            start_new_session=True,
            preexec_fn=_death_signal() if sys.platform == "linux" else None,
        )
    except OSError as error:
        raise LedgerUnavailable(f"the embedded mongod does not start ({error.strerror})") from error


def _death_signal() -> Callable[[], None]:
    """Return what the child runs first: ask Linux for SIGTERM when its parent is gone."""
    prctl: Any = ctypes.CDLL(None, use_errno=True).prctl  # loaded before the fork
    parent = os.getpid()
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG, linux/prctl.h

    def run() -> None:
        prctl(set_parent_death_signal, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # the parent died before the call

    return run


def _end_old_server(files: DatabaseFiles) -> None:
    """Wait until the server of a killed desk has released the data; an orphan is told to end.

    Raises:
        LedgerUnavailable: it is still there.
    """
    lock = files.data / "mongod.lock"
    began, told = time.monotonic(), False
    while is_locked(lock):
        waited = time.monotonic() - began
        pid = server_process(files)
        if waited > OLD_SERVER_SECONDS:
            raise LedgerUnavailable(f"{files.data} must be free, another mongod (process {pid or '?'}) still uses it")
        if waited > 1.0 and not told and pid is not None:
            told = True
            log.warning("a mongod of an earlier run (process %s) is told to end", pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)
                os.kill(pid, signal.SIGCONT)
        time.sleep(0.05)


def _keep_log_small(path: Path) -> bool:
    """Move a log that outgrew its limit aside, over the older one; return whether that was done."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
            return True
    return False


def _backoff_seconds(failure: int) -> float:
    """Return how long to wait before the restart after so many failures in a row, 1 or more."""
    return RESTART_BACKOFF_SECONDS[failure - 1] if failure <= len(RESTART_BACKOFF_SECONDS) else GAVE_UP_SECONDS


def _room(folder: Path) -> str:
    """Return a remark on a disk that is full: the server dies of it without always naming it."""
    with contextlib.suppress(OSError):
        if (free := shutil.disk_usage(folder).free) < FULL_BYTES:
            return f"; the disk is full, {free // 1024} kB of it are free"
    return ""


def _last_words(files: DatabaseFiles) -> str:
    """Return the last error in the server's log (JSON lines), or what it printed; "" when it said nothing."""
    for line in reversed(_tail(files.log)):
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if entry.get("s") in ("E", "F"):
                attributes = entry.get("attr", {})
                reason = attributes.get("error") or attributes.get("message") or ""
                return f"{entry.get('msg', '')} {reason}".strip()
    printed = [line for line in _tail(files.output) if line.strip() and not line.startswith("{")]
    return printed[-1].strip() if printed else ""


def _tail(path: Path, size: int = 16_384) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []


def _brief(error: PyMongoError) -> str:
    code = getattr(error, "code", None)
    return f"{type(error).__name__}{f', code {code}' if code is not None else ''}"
