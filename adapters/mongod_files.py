"""What the embedded database keeps in the data directory: the lock, the port, the passwords, the server's files."""

import contextlib
import fcntl
import json
import os
import secrets
import socket
import subprocess
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote

from domain.errors import SettingsError

HOST = "127.0.0.1"
ADMIN, SERVICE = "quorum-admin", "quorum"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFiles:
    """Where everything lies below `<data_dir>/db`."""

    folder: Path

    @classmethod
    def of(cls, data_dir: Path | str) -> "DatabaseFiles":
        """Return the files of `data_dir`, resolved against the working directory; creates nothing."""
        return cls(folder=Path(data_dir).expanduser().absolute() / "db")

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def access(self) -> Path:
        return self.folder / "access.json"

    @property
    def server(self) -> Path:
        return self.folder / "mongo"

    @property
    def data(self) -> Path:
        return self.server / "data"

    @property
    def keyfile(self) -> Path:
        return self.server / "keyfile"

    @property
    def log(self) -> Path:
        return self.server / "mongod.log"

    @property
    def output(self) -> Path:
        return self.server / "mongod.out"

    @property
    def pidfile(self) -> Path:
        return self.server / "mongod.pid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How this data directory's server is reached. Kept in a file only its owner can read."""

    port: int
    admin_password: str
    password: str
    member_port: int = 0  # the port in the replica set's configuration; 0 = not initiated
    users: bool = False  # both users exist
    server_version: str = ""

    def __repr__(self) -> str:
        return f"Access(port={self.port}, member_port={self.member_port}, users={self.users})"

    @property
    def uri(self) -> str:
        """The service user's connection string. Holds a password: never log it."""
        return f"mongodb://{SERVICE}:{quote(self.password)}@{HOST}:{self.port}/?replicaSet=rs0&authSource=admin"

    @classmethod
    def load(cls, files: DatabaseFiles) -> "Access | None":
        """Return what is stored, or None on a fresh directory.

        Raises:
            SettingsError: the file is damaged, or missing beside existing data.
        """
        try:
            return cls(**json.loads(files.access.read_text(encoding="utf-8")))
        except FileNotFoundError:
            if files.data.exists() and any(files.data.iterdir()):
                raise SettingsError(f"{files.access} must exist beside {files.data}, was not found") from None
            return None
        except (OSError, ValueError, TypeError) as error:
            raise SettingsError(f"{files.access} must be readable, was not ({type(error).__name__})") from None

    @classmethod
    def create(cls, files: DatabaseFiles) -> "Access":
        """Choose a port and passwords, and store them."""
        access = cls(port=free_port(), admin_password=secrets.token_hex(24), password=secrets.token_hex(24))
        access.save(files)
        return access

    def save(self, files: DatabaseFiles) -> None:
        write_private(files.access, json.dumps(asdict(self), indent=1))

    def having(self, files: DatabaseFiles, **changes: object) -> "Access":
        """Return a changed copy that is already stored."""
        changed = replace(self, **changes)  # type: ignore[arg-type]  # the callers name fields of this class
        changed.save(files)
        return changed


class DirectoryLock:
    """One process at a time owns a data directory. The system releases the lock however the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            SettingsError: another process has it.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise SettingsError(
                f"storage.data_dir must belong to one desk, {self._path.parent.parent} is in use by process {owner}"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_locked(path: Path) -> bool:
    """Return whether some process holds a flock on `path`: our own lock file or mongod's `mongod.lock`."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def write_private(path: Path, text: str) -> None:
    """Write `text` durably and whole, readable by the owner only."""
    scratch = path.with_name(path.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        scratch.unlink()
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def free_port() -> int:
    """Return a free loopback port that is not MongoDB's own 27017."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    return port if port != 27017 else free_port()


def is_free(port: int) -> bool:
    """Return whether a server could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as mongod does
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def is_listening(port: int) -> bool:
    """Return whether a server accepts connections on loopback `port`."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def server_process(files: DatabaseFiles) -> int | None:
    """Return the id of the mongod that runs on these files, or None; a recycled process id is not mistaken for it."""
    lock = files.data / "mongod.lock"
    try:
        pid = int(lock.read_text().strip() or 0)
    except (OSError, ValueError):
        return None
    return pid if pid > 1 and str(files.data) in _command_line(pid) else None


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        pass
    try:
        done = subprocess.run(["ps", "-p", str(pid), "-o", "args="], capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace")
