"""A desk of supervisor.py in a process of its own that can be hurt from inside: over a socket, by command.

`python -m tests.system.chaos_process --control SOCKET --hang S --broker-hang S -- ARGUMENTS` runs `supervisor.py
ARGUMENTS`. A command is one JSON line with `id` and `do`; its answer has the same `id`, and comes when what was hurt is
well again.
"""

import supervisor  # before any other import: it patches

# isort: split
import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gevent
import gevent.event
from gevent import socket

import adapters.clock
from actors.base import Actor
from actors.directory import Unavailable
from actors.supervision import ChildSpec, SendActorStates

BACK_SECONDS = 60.0  # how long a killed actor is waited for
ANCHOR_SECONDS = 2.0  # instead of 60
Answer = dict[str, Any]


class Injected(Exception):
    """What a killed actor dies of."""


class InjectedExit(BaseException):
    """The same, of the kind that must not leave a handler."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Test -> any actor: raise this inside the handler."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Hang:
    """Test -> any actor: do not come back from the handler before `over` is set."""

    over: gevent.event.Event


def _fail(actor: Actor, message: Fail) -> None:
    raise message.error


def _hang(actor: Actor, message: Hang) -> None:
    message.over.wait()


class SetClock:
    """Stands in for the module `time` inside adapters.clock: its wall clock is `ahead_seconds` ahead."""

    ahead_seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def time_ns(self) -> int:
        return time.time_ns() + int(self.ahead_seconds * 1e9)


class HurtDesk(supervisor.Desk):
    """The desk, with limits for hung actors that a test can wait for."""

    hang_seconds = 1.0
    broker_hang_seconds = 3.0

    def _specs(self) -> tuple[ChildSpec, ...]:
        return tuple(
            replace(spec, hang_seconds=self.broker_hang_seconds if spec.critical else self.hang_seconds)
            for spec in super()._specs()
        )

    def start(self) -> None:
        newest.append(self)
        super().start()


newest: list[HurtDesk] = []


class Surgeon:
    """Carries out commands."""

    def __init__(self, clock: SetClock) -> None:
        self._clock = clock
        self._hung: list[gevent.event.Event] = []
        self._limits = {name: resource.getrlimit(name) for name in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS)}

    def do(self, command: dict[str, Any]) -> Answer:
        """Do what is commanded; return once it is done, and what was hurt is well again."""
        match command["do"]:
            case "kill":
                return self._hurt(command["actor"], _deaths()[command["how"]])
            case "hang":
                over = gevent.event.Event()
                try:
                    return self._hurt(command["actor"], Hang(over))
                finally:
                    over.set()
            case "clock":
                self._clock.ahead_seconds = command["ahead_seconds"]
            case "descriptors":
                self._limit(resource.RLIMIT_NOFILE, _open_files() + command["left"], command["for_seconds"])
            case "memory":
                self._limit(resource.RLIMIT_AS, _address_space() + command["left"], command["for_seconds"])
            case "stall":
                _compute(command["for_seconds"])
            case "look":
                return {"actors": self._look()}
        return {}

    def _hurt(self, name: str, message: object) -> Answer:
        """Tell an actor what hurts it; return how long it took until its successor was confirmed."""
        desk = newest[-1]
        generation = self._generation(name)
        began = time.monotonic()
        if message == "greenlet":
            _actor_of(desk, name).greenlet.kill(InjectedExit("killed between two messages"), block=False)
        else:
            desk.directory.tell(name, message)
        while time.monotonic() < began + BACK_SECONDS:
            gevent.sleep(0.005)
            state = self._look().get(name, {})
            if state.get("state") == "gave_up" or (
                state.get("state") == "running" and self._generation(name) > generation
            ):
                return {"seconds": time.monotonic() - began, **state}
        return {"error": f"{name} is not back after {BACK_SECONDS:g} s: {self._look().get(name)}"}

    def _generation(self, name: str) -> int:
        handle = newest[-1].directory.handle(name)
        return 0 if handle is None else handle.generation

    def _look(self) -> dict[str, Answer]:
        desk = newest[-1]
        try:
            states = desk.directory.ask("supervisor", SendActorStates(), timeout=10)
        except Unavailable:
            return {}
        return {
            status.name: {
                "state": status.state,
                "restarts": status.restarts,
                "generation": self._generation(status.name),
                "error": status.error,
            }
            for status in states
        }

    def _limit(self, what: int, limit: int, seconds: float) -> None:
        """Lower one of this process's limits for a while."""
        soft, hard = self._limits[what]
        resource.setrlimit(what, (limit, hard))
        try:
            gevent.sleep(seconds)
        finally:
            resource.setrlimit(what, (soft, hard))


def _deaths() -> dict[str, object]:
    return {
        "error": Fail(Injected("killed by a test")),
        "exit": Fail(InjectedExit("killed by a test")),
        "timeout": Fail(gevent.Timeout(1)),
        "memory": Fail(MemoryError()),
        "greenlet": "greenlet",
    }


def _actor_of(desk: supervisor.Desk, name: str) -> Any:
    handle = desk.directory.handle(name)
    assert handle is not None and handle.ref is not None
    return handle.ref._actor_weakref()


def _open_files() -> int:
    """Return the number of the highest descriptor in use, plus one: below it nothing can be opened any more."""
    return max(int(name) for name in os.listdir("/proc/self/fd")) + 1


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _compute(seconds: float) -> None:
    """Let nobody else run, as an endless loop in one actor would."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


# --- the socket -------------------------------------------------------------------------------------------------------


def serve(connection: Any, do: Callable[[dict[str, Any]], Answer]) -> None:
    """Read commands for ever; each is carried out in a greenlet of its own."""

    def carry_out(command: dict[str, Any]) -> None:
        answer = {"id": command["id"], **do(command)}
        connection.sendall(json.dumps(answer).encode() + b"\n")

    with connection.makefile("rb") as lines:
        for line in lines:
            gevent.spawn(carry_out, json.loads(line))


def main(arguments: Sequence[str]) -> int:
    own, _, rest = " ".join(arguments).partition(" -- ")
    parser = argparse.ArgumentParser()
    parser.add_argument("--control", required=True)
    parser.add_argument("--hang", type=float, required=True)
    parser.add_argument("--broker-hang", type=float, required=True)
    given = parser.parse_args(own.split())
    Actor.test_hooks.update({Fail: _fail, Hang: _hang})
    clock = SetClock()
    adapters.clock.time = clock  # type: ignore[assignment]  # the only module that reads the wall clock
    supervisor.ANCHOR_SECONDS = ANCHOR_SECONDS
    HurtDesk.hang_seconds, HurtDesk.broker_hang_seconds = given.hang, given.broker_hang
    supervisor.Desk = HurtDesk  # type: ignore[misc]  # what `run` builds
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(given.control)  # now: later no descriptor may be left
    gevent.spawn(serve, connection, Surgeon(clock).do)
    return supervisor.main(rest.split())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
