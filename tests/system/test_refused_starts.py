"""What keeps a desk from starting is said in one sentence each, without a traceback and without a secret."""

import socket
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from bson import Int64
from pymongo import MongoClient

from domain.journal import GENESIS, SCHEMA_VERSION
from tests.system.desk_process import ROOT, DeskProcess, run_tool
from tests.system.worlds import simulated

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

PASSWORD = "correct-horse-battery"


def supervisor(folder: Path, settings: object, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run supervisor.py to its end."""
    path = folder / "settings.yaml"
    path.write_text(settings if isinstance(settings, str) else yaml.safe_dump(settings))
    command = (str(ROOT / "supervisor.py"), "--settings", str(path), *arguments)
    return run_tool(*command, folder=folder, **variables)


def sentences(answer: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines of its log that say what is wrong."""
    assert "Traceback" not in answer.stdout + answer.stderr, answer.stderr
    return [line for line in answer.stderr.splitlines() if " CRITICAL " in line or " ERROR " in line]


def test_check_says_what_works(tmp_path: Path) -> None:
    answer = supervisor(tmp_path, simulated() | {"storage": {"data_dir": str(tmp_path / "var")}}, "--check")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.splitlines() == [
        "settings: valid",
        "market: simulated exchange",
        "database: answers",
        "models: disabled: no key",
    ]


def test_check_says_what_does_not_work(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        market = {"source": "binance", "rest_urls": [f"http://127.0.0.1:{port}"]}
        uri = f"mongodb://desk:{PASSWORD}@127.0.0.1:{port}/?serverSelectionTimeoutMS=300"
        answer = supervisor(tmp_path, {"market": market}, "--check", MONGODB_URI=uri)
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert "market: Binance cannot be reached" in answer.stdout
    assert "database: does not answer" in answer.stdout
    assert PASSWORD not in answer.stdout + answer.stderr


def test_bad_settings_are_all_named_at_once(tmp_path: Path) -> None:
    text = "server: {port: 99999}\nanalysis: {interval_seconds: often}\nmarkt: {}\nbots: {defaults: {leverage: 21}}\n"
    answer = supervisor(tmp_path, text)
    assert (answer.returncode, answer.stdout) == (2, "")
    lines = answer.stderr.splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "analysis.interval_seconds",
        "bots.defaults.leverage",
        "markt",
        "server.port",
    ]
    assert all(value in answer.stderr for value in ("99999", "often", "21"))


@pytest.mark.parametrize("text", ["server: [", "\x00", "- 1\n- 2\n"])
def test_a_file_that_is_no_settings_file_is_refused_in_a_line(tmp_path: Path, text: str) -> None:
    answer = supervisor(tmp_path, text)
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    assert "settings.yaml" in answer.stderr


def test_missing_settings_and_a_missing_recording_are_named(tmp_path: Path) -> None:
    nowhere = run_tool(str(ROOT / "supervisor.py"), "--settings", "nowhere.yaml", folder=tmp_path)
    assert (nowhere.returncode, "nowhere.yaml" in nowhere.stderr) == (2, True)
    unnamed = supervisor(tmp_path, {}, "--market", "recorded")
    assert (unnamed.returncode, "market.recording: must name" in unnamed.stderr) == (2, True)


def test_a_recording_that_is_not_there_is_named(tmp_path: Path, mongodb_uri: str) -> None:
    settings = {"market": {"recording": str(tmp_path / "gone")}, "server": {"port": 0}}
    answer = supervisor(tmp_path, settings, "--market", "recorded", MONGODB_URI=mongodb_uri)
    assert answer.returncode == 2
    (sentence,) = sentences(answer)
    assert "market.recording must name a file or folder that exists" in sentence


def test_a_taken_port_is_named(tmp_path: Path, mongodb_uri: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = simulated() | {"server": {"port": port}, "storage": {"database": "taken"}}
        answer = supervisor(tmp_path, settings, MONGODB_URI=mongodb_uri)
    assert answer.returncode == 1
    (sentence,) = sentences(answer)
    assert f"server.port: must be free, 127.0.0.1:{port} is not" in sentence


def test_a_second_desk_on_the_same_data_directory_is_refused(desks: Callable[..., DeskProcess], tmp_path: Path) -> None:
    first = desks(simulated()).start()
    data_dir = str(first.folder / "var")
    second = tmp_path / "second"
    second.mkdir()
    answer = supervisor(second, simulated() | {"server": {"port": 0}, "storage": {"data_dir": data_dir}})
    assert answer.returncode == 2
    (sentence,) = sentences(answer)
    assert data_dir in sentence
    assert first.ready()[0] == 200


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        (f"mongodb://desk:{PASSWORD}@127.0.0.1:{{port}}/?serverSelectionTimeoutMS=300", 1),
        (f"mongodb://desk:{PASSWORD}@[::1", 2),
        (f"postgres://desk:{PASSWORD}@127.0.0.1/", 2),
    ],
)
def test_a_database_that_cannot_be_used_is_said_without_its_password(tmp_path: Path, uri: str, code: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings = simulated() | {"server": {"port": 0}}
        answer = supervisor(tmp_path, settings, MONGODB_URI=uri.format(port=taken.getsockname()[1]))
    assert answer.returncode == code, answer.stderr
    assert "Traceback" not in answer.stderr
    assert "MONGODB_URI" in answer.stderr or len(sentences(answer)) == 1
    files = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert PASSWORD not in answer.stdout + answer.stderr + "".join(files)


def test_a_wrong_password_is_said_without_it(tmp_path: Path, mongodb_uri: str) -> None:
    right = mongodb_uri.partition("://")[2].partition("@")[0].partition(":")[2]
    wrong = mongodb_uri.replace(right, PASSWORD, 1)
    answer = supervisor(tmp_path, simulated() | {"server": {"port": 0}}, MONGODB_URI=wrong)
    assert answer.returncode == 2, answer.stderr
    (sentence,) = sentences(answer)
    assert "MONGODB_URI" in sentence
    assert PASSWORD not in answer.stdout + answer.stderr


def test_a_journal_of_a_newer_version_is_left_alone(tmp_path: Path, mongodb_uri: str) -> None:
    newer = {"_id": "deposit", "seq": Int64(1), "type": "deposit", "ts": Int64(1), "recorded_at": datetime.now(UTC)}
    newer |= {"epoch": 1, "v": SCHEMA_VERSION + 1, "prev": GENESIS, "hash": GENESIS}
    with closing(MongoClient(mongodb_uri)) as client:
        journal = client["newer_sim"]["journal"]
        journal.insert_one(newer)
        answer = supervisor(tmp_path, simulated() | {"storage": {"database": "newer"}}, MONGODB_URI=mongodb_uri)
        assert answer.returncode == 2
        assert [line.partition(" supervisor: ")[2] for line in sentences(answer)] == [
            "the journal must be of schema version 1 or older, document seq 1 is of 2: "
            "it was written by a newer program, install that one"
        ]
        assert [document["_id"] for document in journal.find()] == ["deposit"]
