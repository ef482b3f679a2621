"""The notify protocol against a real datagram socket."""

import os
import socket

import pytest

from adapters.systemd import Notifier


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(30)
        yield sock


def told(manager):
    """Return what was sent so far."""
    said = []
    manager.setblocking(False)
    try:
        while True:
            said.append(manager.recv(5000).decode())
    except BlockingIOError:
        return said


def test_the_states_are_told(manager, tmp_path):
    notifier = Notifier(str(tmp_path / "notify"))
    notifier.ready()
    notifier.watchdog()
    notifier.stopping()

    assert told(manager) == ["READY=1", "WATCHDOG=1", "STOPPING=1"]


def test_an_abstract_socket_is_reached():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0quorum-test-{os.getpid()}")
        Notifier(f"@quorum-test-{os.getpid()}").ready()
        assert told(manager) == ["READY=1"]


def test_pings_are_four_in_the_time_allowed_however_often_all_is_well(manager, tmp_path):
    notifier = Notifier(str(tmp_path / "notify"), watchdog_seconds=4 * 3600)
    for _ in range(100):
        notifier.watchdog()
    assert told(manager) == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    ("variables", "pings"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "60000000"}, 1),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 1),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, 0),  # inherited from another service
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
def test_only_who_is_watched_pings(manager, tmp_path, variables, pings):
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": str(tmp_path / "notify"), **variables})
    notifier.watchdog()
    assert told(manager) == ["WATCHDOG=1"] * pings


def test_a_status_is_one_line_and_told_when_it_changes(manager, tmp_path):
    notifier = Notifier(str(tmp_path / "notify"))
    for text in ("serving", "serving", "degraded:\nREADY=0", "x" * 5000):
        notifier.status(text)
    said = told(manager)
    assert said[:2] == ["STATUS=serving", "STATUS=degraded: READY=0"]
    assert len(said[2]) == len("STATUS=") + 1000


@pytest.mark.parametrize("address", [None, "", "/nowhere/at/all"])
def test_without_a_service_manager_nothing_happens(address):
    Notifier(address).ready()
