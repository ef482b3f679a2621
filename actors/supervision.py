"""Supervision in the manner of Erlang/OTP: ordered start, restarts with back-off, hung actors, reverse stop.

What is detected, and how: a failing handler or on_start reports itself (Actor.on_failure); a sweep finds actors that
have ended without a report and, by a Ping that stays unanswered while no message is taken, those that hang: who works
off a long queue does not. A hung actor is abandoned, not killed: its Peers are revoked, so that nothing it still says
is heard. What follows is decided in domain/restarts.py.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import gevent
import pykka
from pykka import ActorDeadError, ActorRef, ActorRegistry

from actors.base import Actor
from actors.directory import Directory, PeersOf
from actors.gevent_actor import Inbox
from domain.errors import QuorumError
from domain.messages import (
    ActorStarted,
    ActorStatusChanged,
    LedgerFailed,
    Ping,
    ReloadSettings,
    SettingsApplied,
    SettingsRecorded,
    TimerFired,
)
from domain.ports import Timers
from domain.restarts import Action, Ending, Restart, RestartPolicy, decide, stop_seconds

SWEEP_SECONDS = 0.25
GREEN = ("running", "starting")  # of a critical child: each has a limit of its own, after which the process ends
DeathReport = Callable[[str, str, str], None]


class StartFailed(QuorumError):
    """A child did not come up at the first start: the desk does not run without it."""


class StartActor(Protocol):
    """Builds and starts one actor. Called again for each restart: a stopped actor cannot run again."""

    def __call__(self, *, peers: PeersOf, on_death: DeathReport) -> ActorRef[Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """How to start, restart and stop one actor (names follow OTP child specs)."""

    name: str  # unique; also the actor's address in the directory
    start: StartActor
    restart: Restart = Restart.PERMANENT
    start_seconds: float = 10.0  # how long the first Ping may take, behind the job that on_start gives the actor
    hang_seconds: float = 10.0  # how long a later one may take
    shutdown_seconds: float = 2.0
    critical: bool = False  # hangs or gives up: the process ends, the service manager starts it anew
    followed_by: tuple[str, ...] = ()  # rest_for_one: children restarted after this one


@dataclass(frozen=True, slots=True)
class StartChildren:
    """Main -> supervisor (ask). Answered with None once all are confirmed; raises StartFailed."""


@dataclass(frozen=True, slots=True)
class StopChildren:
    """Main -> supervisor (ask). Answered with None once all have stopped, in reverse order, or were abandoned."""

    within_seconds: float = 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorDied:
    """Dying actor -> supervisor. Ignored when `urn` is not the present generation's."""

    name: str
    urn: str
    error: str


@dataclass(frozen=True, slots=True)
class SendActorStates:
    """Web, tests -> supervisor (ask). Answered with a tuple of ActorStatusChanged."""


@dataclass(slots=True)
class _Child:
    spec: ChildSpec
    state: str = "stopped"
    peers: PeersOf | None = None
    ref: ActorRef[Any] | None = None
    restarts: int = 0
    restarted_ms: tuple[int, ...] = ()  # within the window of the policy
    ping: tuple[float, pykka.Future[Any]] | None = None  # when it last was seen to get on since it was asked
    handled: int = 0  # messages, when that was seen
    ending_since: float | None = None  # it takes no more mail, and its last words are not spoken yet
    error: str | None = None


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _has_ended(ref: ActorRef[Any]) -> bool:
    """Return whether nothing of the actor runs any more; Pykka calls it dead before its last words."""
    return isinstance(ref.actor_inbox, Inbox) and ref.actor_inbox.closed


def _handled(ref: ActorRef[Any]) -> int:
    """Return how many messages the actor has taken."""
    return ref.actor_inbox.handled if isinstance(ref.actor_inbox, Inbox) else 0


class SupervisorActor(Actor):
    """Keeps the children of the desk alive.

    Handles: StartChildren, StopChildren, SendActorStates (asks); ActorDied, TimerFired, LedgerFailed, ReloadSettings,
        SettingsRecorded.
    Tells: all ActorStarted; hub ActorStatusChanged.
    State: the generations of its children. It is not restarted itself: when it stops, the process does.
    """

    def __init__(
        self,
        *,
        specs: tuple[ChildSpec, ...],
        directory: Directory,
        timers: Timers,
        give_up: Callable[[int, str], None],
        reload_settings: Callable[[ReloadSettings], SettingsApplied | None],
        specs_of: Callable[[SettingsApplied], tuple[ChildSpec, ...]] = lambda applied: (),
        on_sweep: Callable[[bool, tuple[str, ...]], None] = lambda healthy, down: None,
        policy: RestartPolicy | None = None,
        seed: int = 0,
    ) -> None:
        """Args:
        on_sweep: told at each sweep whether the critical children are at work, and who is not, for people.
        """
        super().__init__(name="supervisor", on_death=lambda name, urn, error: give_up(1, f"{name} failed: {error}"))
        self._children = {spec.name: _Child(spec) for spec in specs}
        self._directory = directory
        self._timers = timers
        self._give_up = give_up
        self._reload_settings = reload_settings
        self._specs_of = specs_of
        self._on_sweep = on_sweep
        self._policy = policy or RestartPolicy()
        self._random = random.Random(seed)
        self._stopping = False
        self._applied: SettingsApplied | None = None  # what a child that is built anew must know

    def on_start(self) -> None:
        self._directory.bind(self.name, self.actor_ref)

    def on_receive(self, message: object) -> object:
        match message:
            case StartChildren():
                self._on_start_children()
            case StopChildren():
                self._on_stop_children(message)
            case SendActorStates():
                return tuple(self._status(child) for child in self._children.values())
            case ActorDied():
                self._on_actor_died(message)
            case TimerFired(key="sweep"):
                self._sweep()
            case TimerFired():
                self._restart_if_due(message.key)
            case LedgerFailed():
                self._on_ledger_failed(message)
            case ReloadSettings():
                self._on_reload_settings(message)
            case SettingsRecorded():
                self.log.info("Settings %s stand in the journal at seq %d", message.settings_hash[:12], message.seq)
            case _:
                return super().on_receive(message)
        return None

    # --- start and stop

    def _on_start_children(self) -> None:
        for child in self._children.values():
            self._start_child(child)
            if child.ref is None or not self._answers(child):
                raise StartFailed(f"{child.spec.name} did not start: {child.error or 'no answer'}")
            self._confirm(child)
        self._timers.every(SWEEP_SECONDS, self.name, "sweep")

    def _answers(self, child: _Child) -> bool:
        assert child.ref is not None
        try:
            return child.ref.ask(Ping(), timeout=child.spec.start_seconds) is True
        except (pykka.Timeout, ActorDeadError):
            return False

    def _on_stop_children(self, message: StopChildren) -> None:
        self._stopping = True
        self._timers.cancel(self.name, "sweep")
        end = time.monotonic() + message.within_seconds
        waiting = list(self._children.values())
        while waiting:
            spec = waiting[-1].spec
            reserved = sum(other.spec.shutdown_seconds for other in waiting[:-1] if other.spec.critical)
            limit = stop_seconds(spec.shutdown_seconds, left=end - time.monotonic(), reserved=reserved)
            self._stop_child(waiting.pop(), limit)

    def _stop_child(self, child: _Child, limit_seconds: float) -> None:
        if child.ref is not None and child.ref.is_alive():
            try:
                child.ref.stop(block=True, timeout=limit_seconds)
            except (pykka.Timeout, ActorDeadError):
                self.log.warning("%s did not stop within %.3g s", child.spec.name, limit_seconds)
                self._abandon(child)
        child.state = "stopped"
        self._directory_unbind(child)

    def _start_child(self, child: _Child) -> None:
        spec = child.spec
        child.peers = PeersOf(self._directory, spec.name)
        child.state, child.ping, child.ending_since = "starting", None, None
        try:
            child.ref = spec.start(peers=child.peers, on_death=self._report_death)
        except Exception as error:  # whatever __init__ raised: the child is down, the others are not
            child.ref = None
            self.log.exception("%s could not be built", spec.name)
            self._failed(child, Ending.FAILED, f"{type(error).__name__}: {error}")
            return
        self._directory.bind(spec.name, child.ref)
        if self._applied is not None:  # it was built with the settings of the desk's start
            child.ref.tell(self._applied)
        gevent.sleep(0)  # its on_start runs: the job it gives itself there comes before the Ping that confirms it

    def _report_death(self, name: str, urn: str, error: str) -> None:
        """Runs in the dying actor's greenlet."""
        self._directory.tell(self.name, ActorDied(name=name, urn=urn, error=error))

    def _confirm(self, child: _Child) -> None:
        first = not child.restarts
        child.state, child.error = "running", None
        handle = self._directory.handle(child.spec.name)
        started = ActorStarted(name=child.spec.name, generation=handle.generation if handle else 1)
        for name in self._children:
            if name != child.spec.name:
                self._directory.tell(name, started)
        if child.spec.name == "hub":  # new to everything
            for other in self._children.values():
                self._announce(other)
        self._announce(child)
        if not first:
            self.log.info("%s is back (restart %d)", child.spec.name, child.restarts)

    # --- failures

    def _on_actor_died(self, message: ActorDied) -> None:
        child = self._children.get(message.name)
        if child is None or child.ref is None or child.ref.actor_urn != message.urn:
            return
        self._failed(child, Ending.FAILED, message.error)

    def _sweep(self) -> None:
        for child in self._children.values():
            if child.state in ("running", "starting"):
                self._look_at(child)
        children = self._children.values()
        healthy = all(child.state in GREEN for child in children if child.spec.critical)  # the rest may run degraded
        self._on_sweep(healthy, tuple(f"{c.spec.name} {c.state}" for c in children if c.state != "running"))

    def _look_at(self, child: _Child) -> None:
        ref = child.ref
        if ref is None or _has_ended(ref):
            self._ended(child)
            return
        if not ref.is_alive():
            self._ending(child)
            return
        try:
            if child.ping is None:
                child.ping, child.handled = (time.monotonic(), ref.ask(Ping(), block=False)), _handled(ref)
                return
            child.ping[1].get(timeout=0)
            child.ping = None
            if child.state == "starting":
                self._confirm(child)
        except pykka.Timeout:
            limit = child.spec.start_seconds if child.state == "starting" else child.spec.hang_seconds
            assert child.ping is not None
            if (handled := _handled(ref)) != child.handled:  # it has much to do, and does it: it does not hang
                child.handled, child.ping = handled, (time.monotonic(), child.ping[1])
            elif time.monotonic() - child.ping[0] > limit:
                self._unsound(child, f"hangs: no answer for {limit:g} s")
        except ActorDeadError:
            self._ending(child)
        except Exception as error:  # noqa: BLE001 - what its handler of Pings raised: it failed, and lives on
            self._unsound(child, f"failed of a Ping, {type(error).__name__}: {error}")

    def _ended(self, child: _Child) -> None:
        """Found so, without a report of its own: it stopped by itself, or its greenlet was killed."""
        stopped = child.ref is not None and not child.ref.is_alive()
        self._failed(child, Ending.STOPPED if stopped else Ending.FAILED, child.error or "found dead")

    def _ending(self, child: _Child) -> None:
        """Wait for its last words: a write that it began may still be under way."""
        now = time.monotonic()
        child.ending_since = child.ending_since or now
        if now - child.ending_since > child.spec.hang_seconds:
            self._unsound(child, f"hangs: it failed or stopped and has not ended for {child.spec.hang_seconds:g} s")

    def _unsound(self, child: _Child, reason: str) -> None:
        """It may still run, and must not be heard any more."""
        if not child.spec.critical:
            self._abandon(child)
        self._failed(child, Ending.UNSOUND, reason)

    def _abandon(self, child: _Child) -> None:
        assert child.ref is not None and child.peers is not None
        child.peers.revoked = True
        child.ref.actor_stopped.set()
        ActorRegistry.unregister(child.ref)

    def _failed(self, child: _Child, ending: Ending, error: str) -> None:
        if self._stopping or child.state in ("restarting", "gave_up", "stopped"):
            return
        decision = decide(
            ending=ending,
            restart=child.spec.restart,
            critical=child.spec.critical,
            past_ms=child.restarted_ms,
            now_ms=_monotonic_ms(),
            policy=self._policy,
            jitter=self._random.random(),
        )
        if decision.action is Action.END_PROCESS and ending is Ending.UNSOUND:
            self._give_up(1, f"{child.spec.name} {error}")
            return  # left as it is: the process ends
        self._directory_unbind(child)
        match decision.action:
            case Action.LEAVE:
                child.state = "stopped"
            case Action.RESTART:
                child.state, child.error = "restarting", error
                self.log.error("%s failed: %s. Restart in %d ms", child.spec.name, error, decision.delay_ms)
                self._timers.after(decision.delay_ms / 1000, self.name, f"restart {child.spec.name}")
            case _:
                child.state, child.error = "gave_up", error
                self.log.error("%s gave up after %d restarts: %s", child.spec.name, child.restarts, error)
        self._announce(child)
        if decision.action is Action.END_PROCESS:
            self._give_up(1, f"{child.spec.name} gave up: {error}")

    def _directory_unbind(self, child: _Child) -> None:
        if child.peers is not None:
            child.peers.revoked = True
        if self._directory.handle(child.spec.name) is not None:
            self._directory.unbind(child.spec.name)

    def _restart_if_due(self, key: str) -> None:
        child = self._children.get(key.removeprefix("restart "))
        if child is None or child.state != "restarting" or self._stopping:
            return
        now_ms = _monotonic_ms()
        recent = (moment for moment in child.restarted_ms if now_ms - moment < self._policy.window_ms)
        child.restarts, child.restarted_ms = child.restarts + 1, (*recent, now_ms)
        self._start_child(child)
        self._announce(child)
        if child.state == "starting":
            self._look_at(child)
            for name in child.spec.followed_by:
                self._restart_follower(self._children[name])

    def _restart_follower(self, child: _Child) -> None:
        """rest_for_one: it did not fail, so this is no restart of its own. What waits for its own comes then."""
        if child.state not in ("running", "starting"):
            return
        self._stop_child(child, child.spec.shutdown_seconds)
        self._start_child(child)
        self._announce(child)

    # --- the rest

    def _on_ledger_failed(self, message: LedgerFailed) -> None:
        if message.fatal:
            self._give_up(3, message.message)

    def _on_reload_settings(self, message: ReloadSettings) -> None:
        if (applied := self._reload_settings(message)) is not None:
            self._applied = applied
            for name in self._children:
                self._directory.tell(name, applied)
            for spec in self._specs_of(applied):
                if spec.name not in self._children:
                    self._add_child(spec)

    def _add_child(self, spec: ChildSpec) -> None:
        """Start a child that the settings came to name: supervised, and following others, as those of the start."""
        for other in self._children.values():
            if other.spec.followed_by:
                other.spec = replace(other.spec, followed_by=(*other.spec.followed_by, spec.name))
        child = self._children[spec.name] = _Child(spec)
        self._start_child(child)
        self._announce(child)
        if child.state == "starting":
            self._look_at(child)

    def _announce(self, child: _Child) -> None:
        status = self._status(child)
        self._directory.tell("hub", status)
        if child.state == "gave_up":
            self._directory.tell("notifier", status)

    def _status(self, child: _Child) -> ActorStatusChanged:
        waiting = len(child.ref.actor_inbox) if child.ref is not None else 0  # type: ignore[arg-type]  # ours has a length
        return ActorStatusChanged(
            name=child.spec.name,
            state=child.state,
            restarts=child.restarts,
            mailbox=waiting,
            error=child.error,
        )
