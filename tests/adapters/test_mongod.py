import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import gevent
import pytest
from gevent.server import StreamServer
from pymongo import MongoClient

from adapters import mongod as mongod_module
from adapters.mongod import EmbeddedMongod, running_uri
from adapters.mongod_files import Access, DatabaseFiles
from domain.errors import LedgerUnavailable, SettingsError

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def server(tmp_path):
    made = EmbeddedMongod(data_dir=tmp_path / "var")
    yield made
    made.stop()


def put(uri: str, value: int) -> None:
    with MongoClient(uri, timeoutMS=10_000) as client:
        client["t"]["c"].insert_one({"_id": value})


def values(uri: str) -> list[int]:
    with MongoClient(uri, timeoutMS=10_000) as client:
        return sorted(document["_id"] for document in client["t"]["c"].find())


def until(condition) -> None:
    with gevent.Timeout(20):
        while not condition():
            gevent.sleep(0.01)


def test_a_new_directory_gets_a_server_that_takes_writes(server):
    uri = server.start()
    put(uri, 1)
    assert values(uri) == [1]
    assert server.state == "running"
    assert uri.startswith("mongodb://quorum:")
    for path in (server.files.access, server.files.keyfile, server.files.lock):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.files.folder.stat().st_mode) == 0o700


def test_starting_again_keeps_data_port_and_passwords(server):
    first = server.start()
    put(first, 1)
    server.stop()
    assert server.state == "stopped"
    assert server.start() == first
    assert values(first) == [1]


def test_no_secret_stands_in_the_processs_arguments_or_environment(server, monkeypatch):
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-secret")
    server.start()
    access = Access.load(server.files)
    shown = Path(f"/proc/{server.pid}/cmdline").read_bytes() + Path(f"/proc/{server.pid}/environ").read_bytes()
    for secret in (b"sk-secret", access.password.encode(), access.admin_password.encode()):
        assert secret not in shown
    assert access.password not in repr(access)


def test_a_second_desk_on_the_directory_is_told_so_in_one_sentence(server, tmp_path):
    uri = server.start()
    assert running_uri(tmp_path / "var") == uri
    with pytest.raises(SettingsError) as refused:
        EmbeddedMongod(data_dir=tmp_path / "var").start()
    assert str(refused.value) == (
        f"storage.data_dir must belong to one desk, {tmp_path}/var is in use by process {os.getpid()}"
    )
    assert values(uri) == []  # the first goes on
    server.stop()
    assert running_uri(tmp_path / "var") is None


def test_a_relative_directory_is_that_of_the_working_directory_at_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = EmbeddedMongod(data_dir="var")
    monkeypatch.chdir("/")
    assert server.files.folder == tmp_path / "var" / "db"


def test_where_the_port_was_taken_another_one_is_used_and_the_data_kept(server):
    put(server.start(), 1)
    server.stop()
    port = Access.load(server.files).port
    other = StreamServer(("127.0.0.1", port), lambda connection, address: connection.close())
    other.start()
    uri = server.start()
    other.stop()
    assert Access.load(server.files).port != port
    put(uri, 2)
    assert values(uri) == [1, 2]


def test_a_killed_server_is_started_again(server):
    uri = server.start()
    put(uri, 1)
    killed = server.pid
    os.kill(killed, signal.SIGKILL)
    until(lambda: server.restarts == 1 and server.state == "running")
    assert server.pid != killed
    assert values(uri) == [1]


def test_a_server_that_does_not_come_back_is_reported_and_tried_again_rarely(tmp_path, monkeypatch):
    monkeypatch.setattr(mongod_module, "RESTART_BACKOFF_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(mongod_module, "GAVE_UP_SECONDS", 0.05)
    told = []
    server = EmbeddedMongod(data_dir=tmp_path / "var", on_gave_up=told.append)
    uri = server.start()
    put(uri, 1)
    server.files.keyfile.chmod(0o644)  # mongod refuses a key that others can read
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: told)
    assert server.state == "gave_up"
    server.files.keyfile.chmod(0o600)
    until(lambda: server.state == "running")
    assert told == ["the embedded mongod could not be restarted in 2 tries"]
    put(uri, 2)
    assert values(uri) == [1, 2]
    server.stop()


def test_a_server_that_died_of_a_full_disk_is_said_to_have_died_of_it(server, monkeypatch, caplog):
    server.start()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(2**30, 2**30 - 5000, 5000))
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: server.restarts == 1 and server.state == "running")
    assert "was ended by SIGKILL; the disk is full, 4 kB of it are free (see " in caplog.text


def test_a_server_that_keeps_dying_is_given_up(server, monkeypatch):
    monkeypatch.setattr(mongod_module, "RESTART_BACKOFF_SECONDS", (0.01, 0.01))
    server.start()
    for restarts in (1, 2):
        os.kill(server.pid, signal.SIGKILL)
        until(lambda restarts=restarts: server.restarts == restarts and server.state == "running")
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: server.state == "gave_up")


def test_a_frozen_server_is_stopped_all_the_same(server):
    server.start()
    os.kill(server.pid, signal.SIGSTOP)
    with gevent.Timeout(8):
        server.stop(grace_seconds=5)
    assert (server.files.data / "mongod.lock").read_text() == ""  # ended cleanly


def _killed_desk(data_dir: Path, *, freeze: bool) -> None:
    """Run a desk in a process of its own and kill it."""
    code = (
        "import os, signal, sys\n"
        "from adapters.mongod import EmbeddedMongod\n"
        f"server = EmbeddedMongod(data_dir={str(data_dir)!r})\n"
        "server.start(watch=False)\n"
        f"if {freeze}: os.kill(server.pid, signal.SIGSTOP)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL


def test_a_start_right_after_the_desk_was_killed_waits_for_its_server_to_end(server, tmp_path):
    _killed_desk(tmp_path / "var", freeze=False)
    put(server.start(), 1)


def test_a_frozen_server_of_a_killed_desk_is_told_to_end(server, tmp_path):
    _killed_desk(tmp_path / "var", freeze=True)
    put(server.start(), 1)


def test_data_that_something_else_holds_are_not_touched(server, monkeypatch):
    monkeypatch.setattr(mongod_module, "OLD_SERVER_SECONDS", 0.1)
    server.files.data.mkdir(parents=True)
    with (server.files.data / "mongod.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        Access.create(server.files)
        with pytest.raises(LedgerUnavailable, match=r"data must be free, another mongod \(process \?\) still uses it"):
            server.start()


def test_a_server_that_does_not_start_says_why_in_its_own_words(server):
    server.files.data.mkdir(parents=True)
    Access.create(server.files)
    (server.files.data / "WiredTiger").write_text("garbage")
    (server.files.data / "storage.bson").write_bytes(b"\x05\x00\x00\x00\x00")
    with pytest.raises(LedgerUnavailable, match=r"the embedded mongod (ended with code \d+|was ended by SIGABRT)"):
        server.start()
    assert server.state == "stopped"


def test_a_lost_access_file_beside_data_is_an_error(server):
    server.start()
    server.stop()
    server.files.access.unlink()
    with pytest.raises(SettingsError, match=r"access\.json must exist beside .*/data, was not found"):
        server.start()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": 1}', '{"surplus": 1}'])
def test_a_damaged_access_file_is_an_error(tmp_path, text):
    files = DatabaseFiles.of(tmp_path)
    files.folder.mkdir()
    files.access.write_text(text)
    with pytest.raises(SettingsError, match=r"access\.json must be readable"):
        Access.load(files)


def test_initiation_that_was_cut_short_is_finished_at_the_next_start(server):
    put(server.start(), 1)
    server.stop()
    access = Access.load(server.files)
    access.having(server.files, member_port=0, users=False)  # as if the process had died before it could note them
    assert values(server.start()) == [1]


def test_a_log_that_grew_too_large_is_moved_aside(server, monkeypatch):
    server.start()
    monkeypatch.setattr(mongod_module, "LOG_BYTES", 1000)
    until(lambda: server.files.log.with_suffix(".log.1").exists() and server.files.log.exists())
