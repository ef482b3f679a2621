"""Addresses that survive their owners."""

import pytest

from actors.base import Actor
from actors.directory import Directory, PeersOf, Unavailable
from domain.messages import Ping


@pytest.fixture
def directory():
    return Directory()


def test_mail_to_nobody_is_counted_and_never_raises(directory):
    actor = Actor.start(name="a")
    directory.bind("a", actor)
    actor.stop(timeout=30)

    assert directory.tell("a", "hello") is False
    assert directory.tell("unheard of", "hello") is False
    assert directory.handle("a").undeliverable == 1


def test_a_name_reaches_the_newest_generation(directory):
    assert directory.bind("a", Actor.start(name="a")) == 1
    assert directory.bind("a", Actor.start(name="a")) == 2
    assert directory.ask("a", Ping(), timeout=30) is True


def test_asking_nobody_is_unavailable(directory):
    with pytest.raises(Unavailable, match="a is not running"):
        directory.ask("a", Ping(), timeout=30)


def test_a_revoked_sender_is_not_heard(directory):
    directory.bind("a", Actor.start(name="a"))
    peers = PeersOf(directory, "b")
    assert peers.tell("a", Ping()) is True
    peers.revoked = True
    assert peers.tell("a", Ping()) is False


def test_quiet_means_no_mail_waits_and_none_is_handled(directory):
    actor = Actor.start(name="a")
    directory.bind("a", actor)
    actor.tell(Ping())
    assert directory.quiet() is False
    actor.ask(Ping(), timeout=30)
    while not directory.quiet():
        actor.ask(Ping(), timeout=30)
