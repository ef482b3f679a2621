"""The notify protocol against a real datagram socket."""

import socket

import pytest

from adapters.systemd import Notifier


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(1)
        yield sock


def test_the_states_are_told(manager, tmp_path):
    notifier = Notifier(str(tmp_path / "notify"))
    notifier.ready()
    notifier.watchdog()
    notifier.stopping()

    assert [manager.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.parametrize("address", [None, "", "/nowhere/at/all"])
def test_without_a_service_manager_nothing_happens(address):
    Notifier(address).ready()
