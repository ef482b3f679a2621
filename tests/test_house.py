"""The checkout itself: lock files, make targets, what stands in the root, and the set-up script."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy import lock, setup_env

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "actors", "domain", "adapters", "web", "frontend", "sim", "replay", "backtest", "ledger",
    "tests", "benchmarks", "docs", "deploy", "examples", ".ci",
}  # fmt: skip
FILES = {
    "supervisor.py", "settings.py", "settings.yaml", "setup.cfg", "requirements.lock", "requirements-dev.lock",
    "Makefile", "ruff.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE",
    ".gitignore", ".editorconfig", ".env.example", ".dockerignore",
}  # fmt: skip
COMMANDS = {"setup", "run", "test", "demo", "check", "bench"}


def pins(name: str) -> dict[str, set[str]]:
    """Read a lock file: each package with the versions it is pinned to (several where they differ by platform)."""
    versions: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text().splitlines():
        if re.match(r"\w", line):
            package, version = line.split()[0].split("==")
            versions.setdefault(package, set()).add(version)
    return versions


@pytest.mark.parametrize("name", lock.LOCKS)
def test_a_lock_pins_what_setup_cfg_asks_for(name: str) -> None:
    pinned = pins(name)
    for group in lock.LOCKS[name]:
        for wanted in map(Requirement, lock.requirements(group)):
            versions = pinned.get(canonicalize_name(wanted.name))
            assert versions, f"{name} lacks {wanted}: make lock"
            assert all(wanted.specifier.contains(version) for version in versions), f"{name} breaks {wanted}: make lock"


@pytest.mark.parametrize("name", lock.LOCKS)
def test_every_locked_version_has_hashes(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if re.match(r"\w", line):
            assert line.endswith("\\"), line
            assert following.startswith("    --hash=sha256:"), line


@pytest.mark.parametrize("name", lock.LOCKS)
def test_a_lock_names_no_host_and_no_path(name: str) -> None:
    assert not re.search(r"://|index-url|find-links|file:|(?m:^/)", (ROOT / name).read_text())


def test_the_test_tools_run_on_the_same_versions_as_the_desk() -> None:
    tested = pins("requirements-dev.lock")
    assert {package: tested[package] for package in pins("requirements.lock")} == pins("requirements.lock")


def test_tulipy_is_built_against_the_numpy_it_runs_on() -> None:
    assert pins("deploy/build.lock")["numpy"] == pins("requirements.lock")["numpy"]


def test_the_root_holds_the_architecture_and_nothing_else() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [path.partition("/") for path in listed.splitlines()]
    assert {folder for folder, slash, _ in paths if slash} <= FOLDERS
    assert {file for file, slash, _ in paths if not slash} <= FILES


def test_no_module_of_the_root_hides_one_of_python() -> None:
    names = {name.removesuffix(".py") for name in FOLDERS | FILES}
    assert not names & sys.stdlib_module_names


def test_every_make_target_has_a_line_in_the_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M))
    phony = set(re.search(r"^\.PHONY:(.*)$", makefile, re.M)[1].split())
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    helped = {line.split()[1] for line in shown.splitlines()}
    assert targets == phony == helped
    assert helped >= COMMANDS
    assert all(len(line.split()) > 3 for line in shown.splitlines())


class Recorder:
    """Stands in for the commands that set-up runs: keeps them, in order."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def run(self, command: list[str | Path], _folder: Path, _environment: object) -> None:
        self.commands.append(" ".join(map(str, command[:3])))
        if "build" in command:
            (setup_env.FRONTEND / "dist").mkdir(exist_ok=True)
            (setup_env.FRONTEND / "dist" / "index.html").write_text("built")
        if "ci" in command:
            (setup_env.FRONTEND / "node_modules" / "typescript").mkdir(parents=True)
            (setup_env.FRONTEND / "node_modules" / "typescript" / "package.json").write_text("{}")

    def take(self) -> list[str]:
        taken, self.commands = self.commands, []
        return taken


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    (tmp_path / ".venv").mkdir()
    (tmp_path / "frontend").mkdir()
    monkeypatch.setattr(setup_env, "ROOT", tmp_path)
    monkeypatch.setattr(setup_env, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(setup_env, "STAMPS", tmp_path / ".venv" / "stamps")
    monkeypatch.setattr(setup_env, "FRONTEND", tmp_path / "frontend")
    monkeypatch.setattr(setup_env, "node_path", dict)
    monkeypatch.setattr(setup_env, "run", recorder.run)
    return recorder


def write_dashboard(source: str) -> None:
    packages = {"": {}, "node_modules/typescript": {}, "node_modules/for-macs": {"optional": True}}
    locked = json.dumps({"packages": packages})
    for name, text in {"package.json": "{}", "package-lock.json": locked, "main.ts": source}.items():
        (setup_env.FRONTEND / name).write_text(text)


def test_packages_that_went_are_installed_again_whatever_the_stamp_says(checkout: Recorder) -> None:
    write_dashboard("one")
    setup_env.build_dashboard()
    assert checkout.take() == ["npm ci --no-audit", "npm run --silent"]
    shutil.rmtree(setup_env.FRONTEND / "node_modules" / "typescript")  # the folder stays, empty
    write_dashboard("two")
    setup_env.build_dashboard()
    assert checkout.take() == ["npm ci --no-audit", "npm run --silent"]


def test_without_a_dashboard_nothing_is_built(checkout: Recorder) -> None:
    setup_env.build_dashboard()
    assert checkout.take() == []


def test_the_dashboard_is_built_when_its_sources_changed(checkout: Recorder) -> None:
    write_dashboard("let a = 1")
    setup_env.build_dashboard()
    assert checkout.take() == ["npm ci --no-audit", "npm run --silent"]
    setup_env.build_dashboard()
    assert checkout.take() == []
    write_dashboard("let a = 2")
    setup_env.build_dashboard()
    assert checkout.take() == ["npm run --silent"]


def test_a_removed_build_is_built_again(checkout: Recorder) -> None:
    write_dashboard("let a = 1")
    setup_env.build_dashboard()
    checkout.take()
    (setup_env.FRONTEND / "dist" / "index.html").unlink()
    setup_env.build_dashboard()
    assert checkout.take() == ["npm run --silent"]


@pytest.mark.usefixtures("checkout")
def test_missing_python_headers_are_named_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_env.sysconfig, "get_path", lambda _name: str(tmp_path))
    with pytest.raises(SystemExit, match=r"needs Python\.h, which is not in .*: install Python's headers \(.*\)\.$"):
        setup_env.build_tulipy_with()


def test_without_a_c_compiler_the_one_of_ziglang_builds_tulipy(
    checkout: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Python.h").touch()
    zig = tmp_path / ".venv/lib/python3.11/site-packages/ziglang/zig"
    zig.parent.mkdir(parents=True)
    zig.touch()
    (tmp_path / ".venv/bin").mkdir()
    monkeypatch.setattr(setup_env.sysconfig, "get_path", lambda _name: str(tmp_path))
    monkeypatch.setattr(setup_env.shutil, "which", lambda _name: None)
    compiler = setup_env.build_tulipy_with()["CC"]
    assert len(checkout.take()) == 1
    assert str(zig) in Path(compiler).read_text()
