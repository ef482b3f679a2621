"""supervisor.py with two switches for tests: SIGUSR1 blocks its loop for good, SIGUSR2 hangs its supervisor actor."""

import supervisor  # isort: skip - it patches the standard library

import faulthandler
import signal
import sys
from dataclasses import dataclass

import gevent
import gevent.event
import pykka
from gevent.monkey import get_original

from actors.base import Actor


@dataclass(frozen=True, slots=True)
class Hang:
    """Signal -> supervisor actor: do not come back from the handler."""


def block_the_loop() -> None:
    while True:
        get_original("time", "sleep")(0.1)


def hang_the_supervisor() -> None:
    (actor,) = pykka.ActorRegistry.get_by_class_name("SupervisorActor")
    actor.tell(Hang())


if __name__ == "__main__":
    faulthandler.enable()
    Actor.test_hooks[Hang] = lambda actor, message: gevent.event.Event().wait()
    gevent.signal_handler(signal.SIGUSR1, block_the_loop)
    gevent.signal_handler(signal.SIGUSR2, hang_the_supervisor)
    sys.exit(supervisor.main())
