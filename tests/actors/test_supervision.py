"""What the supervisor does about actors that fail, hang or do not start."""

from dataclasses import dataclass
from functools import partial

import gevent
import gevent.event
import pytest

from actors.base import Actor
from actors.directory import Directory, PeersOf, Unavailable
from actors.supervision import (
    ActorDied,
    ChildSpec,
    SendActorStates,
    StartChildren,
    StartFailed,
    StopChildren,
    SupervisorActor,
)
from actors.timers import GeventTimers, TimersOf
from adapters.clock import SystemClock
from domain.messages import ActorStarted, LedgerFailed, Ping, ReloadSettings, SettingsApplied
from domain.restarts import Restart, RestartPolicy


@dataclass(frozen=True)
class Do:
    what: str


@dataclass(frozen=True)
class CrashSlowly:
    """Fail, with something under way that must end before: as the broker with a write."""

    until: gevent.event.Event


@dataclass(frozen=True)
class HangUntil:
    until: gevent.event.Event


class Child(Actor):
    def __init__(self, *, name, peers, on_death, log, fail_on_start=False, first_job_seconds=0):
        super().__init__(name=name, on_death=on_death)
        self.first_job_seconds = first_job_seconds
        self.peers, self.events, self.fail_on_start = peers, log, fail_on_start
        self.sick = False
        self.last_words: gevent.event.Event | None = None

    def on_start(self):
        if self.fail_on_start:
            raise OSError("no disk")
        self.events.append(f"start {self.name}")
        if self.first_job_seconds:
            self.actor_ref.tell(Do("first job"))

    def on_stop(self):
        self.events.append(f"stop {self.name}")

    def on_failure(self, *failure):
        if self.last_words is not None:
            self.last_words.wait()
            self.peers.tell("b", Do("last words"))
        super().on_failure(*failure)

    def on_receive(self, message):
        match message:
            case CrashSlowly():
                self.last_words = message.until
                raise OSError("broken")
            case HangUntil():
                message.until.wait()
            case Do(what="crash"):
                raise OSError("broken")
            case Do(what="leave"):
                self.stop()
            case Do(what="leak"):
                raise gevent.Timeout(1)
            case Do(what="hang"):
                gevent.sleep(0.8)
                self.peers.tell("a", Do("late word"))
            case Do(what="first job"):
                gevent.sleep(self.first_job_seconds)
                self.events.append(f"{self.name} did its first job")
            case Do(what="toil"):
                gevent.sleep(0.05)
            case Do(what="sicken"):
                self.sick = True
            case Ping() if self.sick:
                raise OSError("sick")
            case Do(what="urn"):
                return self.actor_urn
            case Do(what="greenlet"):
                return self.greenlet
            case Do() | ActorStarted() | SettingsApplied():
                self.events.append(f"{self.name} got {message}")
            case _:
                return super().on_receive(message)
        return None


class Desk:
    """A supervisor over real actors, in real time with short limits."""

    def __init__(self, specs, **policy):
        self.directory, self.events, self.ends, self.sweeps, self.down = Directory(), [], [], [], []
        self.timers = GeventTimers(peers=self.directory, clock=SystemClock())
        children = tuple(
            ChildSpec(
                name=name,
                start=partial(self._start, name, options.pop("start_with", {})),
                **{"hang_seconds": 0.2, "start_seconds": 1, **options},
            )
            for name, options in specs.items()
        )
        self.ref = SupervisorActor.start(
            specs=children,
            directory=self.directory,
            timers=self.timers,
            give_up=lambda code, why: self.ends.append((code, why)),
            reload_settings=lambda message: SettingsApplied(settings=message.request_id, settings_hash="h"),
            on_sweep=lambda healthy, down: (self.sweeps.append(healthy), self.down.append(down)),
            policy=RestartPolicy(base_ms=10, **policy),
        )

    def _start(self, name, options, *, peers, on_death):
        return Child.start(name=name, peers=peers, on_death=on_death, log=self.events, **options)

    def begin(self):
        self.ref.ask(StartChildren(), timeout=30)
        return self

    def states(self):
        return {status.name: (status.state, status.restarts) for status in self.ref.ask(SendActorStates(), timeout=30)}

    def urn(self, name):
        return self.directory.ask(name, Do("urn"), timeout=30)

    def wait(self, condition, seconds=3.0):
        with gevent.Timeout(seconds, AssertionError(f"not within {seconds} s: {self.states()}")):
            while not condition():
                gevent.sleep(0.01)


@pytest.fixture
def desk():
    desks = []

    def build(specs, **policy):
        desks.append(Desk(specs, **policy))
        return desks[-1]

    yield build
    for one in desks:
        one.timers.cancel_all()


def test_children_start_in_order_and_stop_in_reverse(desk):
    desk = desk({"a": {}, "b": {}, "c": {}}).begin()
    desk.ref.ask(StopChildren(), timeout=30)

    assert [event for event in desk.events if "got" not in event] == [
        "start a",
        "start b",
        "start c",
        "stop c",
        "stop b",
        "stop a",
    ]


@pytest.mark.parametrize("how", ["crash", "leak"])
def test_a_failed_actor_is_back_within_a_second_and_the_others_never_stopped(desk, how):
    desk = desk({"a": {}, "b": {}}).begin()
    other = desk.urn("b")
    desk.directory.tell("a", Do(how))
    desk.wait(lambda: desk.states()["a"] == ("running", 1), seconds=1)

    assert desk.directory.ask("a", Ping(), timeout=30) is True
    assert desk.urn("b") == other
    assert "b got ActorStarted(name='a', generation=2)" in desk.events


def test_an_actor_that_comes_back_after_a_reload_has_the_reloaded_settings(desk):
    desk = desk({"a": {}, "b": {}}).begin()
    for text in ("first", "second"):
        desk.directory.tell("supervisor", ReloadSettings(reply_to="b", request_id=text))
    desk.wait(lambda: len(desk.events) >= 2 + 1 + 4)
    before = len(desk.events)
    desk.directory.tell("a", Do("crash"))
    desk.wait(lambda: desk.states()["a"] == ("running", 1))

    told = SettingsApplied(settings="second", settings_hash="h")
    assert [event for event in desk.events[before:] if " a" in event or event.startswith("a ")] == [
        "start a",
        f"a got {told}",
    ]


def test_a_hung_actor_is_replaced_and_what_it_still_says_is_not_heard(desk):
    desk = desk({"a": {}, "b": {}}).begin()
    desk.directory.tell("b", Do("hang"))
    desk.wait(lambda: desk.states()["b"] == ("running", 1))
    gevent.sleep(0.8)  # real time by intent: the abandoned one wakes up

    assert "a got Do(what='late word')" not in desk.events


def test_an_actor_that_works_off_a_long_queue_does_not_hang(desk):
    desk = desk({"a": {"critical": True}, "b": {}}).begin()
    for name in ("a", "b"):
        for _ in range(20):  # a Ping waits 1 s behind them, five times hang_seconds
            desk.directory.tell(name, Do("toil"))
    for name in ("a", "b"):
        assert desk.directory.ask(name, Ping(), timeout=30) is True

    assert desk.ends == []
    assert desk.states() == {"a": ("running", 0), "b": ("running", 0)}


def test_an_actor_that_fails_of_pings_is_replaced_and_the_supervisor_lives_on(desk):
    desk = desk({"a": {}, "b": {}}).begin()
    desk.directory.tell("b", Do("sicken"))
    desk.wait(lambda: desk.states()["b"] == ("running", 1))
    assert desk.ends == []


def test_an_actor_that_is_killed_while_it_waits_for_mail_is_replaced_at_once_even_the_critical_one(desk):
    desk = desk({"a": {"critical": True}, "b": {}}).begin()
    greenlet = desk.directory.ask("a", Do("greenlet"), timeout=30)
    desk.wait(lambda: desk.directory.handle("a").ref.actor_inbox.waiting)
    greenlet.kill()
    desk.wait(lambda: desk.states()["a"] == ("running", 1))

    assert desk.ends == []  # as a zombie it would have been taken for hung


def test_an_actor_is_confirmed_only_after_the_job_that_it_gives_itself_at_its_start(desk):
    desk = desk({"a": {"critical": True, "start_with": {"first_job_seconds": 0.5}}, "b": {}}).begin()
    first = desk.events.index("a did its first job")
    desk.directory.tell("a", Do("crash"))
    desk.wait(lambda: desk.states()["a"] == ("running", 1))

    assert first < desk.events.index("start b")
    assert desk.events.count("a did its first job") == 2
    assert desk.ends == []  # a first job may take start_seconds, which is more than hang_seconds


def test_too_many_failures_give_up_and_the_rest_runs_on(desk):
    desk = desk({"a": {}, "b": {}}, limit=2).begin()
    for restarts in (1, 2):
        desk.directory.tell("a", Do("crash"))
        desk.wait(lambda restarts=restarts: desk.states()["a"] == ("running", restarts))
    desk.directory.tell("a", Do("crash"))
    desk.wait(lambda: desk.states()["a"][0] == "gave_up")

    assert desk.ends == []
    assert desk.directory.ask("b", Ping(), timeout=30) is True
    with pytest.raises(Unavailable, match="a is not running"):
        desk.directory.ask("a", Ping(), timeout=30)


def test_a_critical_actor_that_gives_up_ends_the_process(desk):
    desk = desk({"a": {"critical": True}}, limit=0).begin()
    desk.directory.tell("a", Do("crash"))
    desk.wait(lambda: bool(desk.ends))

    assert desk.ends == [(1, "a gave up: OSError: broken")]


def test_a_critical_actor_that_hangs_ends_the_process_and_is_never_replaced(desk):
    desk = desk({"a": {"critical": True}, "b": {}}).begin()
    desk.directory.tell("a", Do("hang"))
    desk.wait(lambda: bool(desk.ends))

    assert desk.ends[0] == (1, "a hangs: no answer for 0.2 s")
    assert desk.events.count("start a") == 1


def test_followers_are_restarted_after_the_one_they_follow(desk):
    desk = desk({"broker": {"followed_by": ("bot",)}, "bot": {}, "hub": {}}).begin()
    bot, hub = desk.urn("bot"), desk.urn("hub")
    desk.directory.tell("broker", Do("crash"))
    desk.wait(lambda: desk.states()["broker"] == ("running", 1) and desk.states()["bot"][0] == "running")

    assert desk.urn("bot") != bot
    assert desk.states()["bot"] == ("running", 0)
    assert desk.urn("hub") == hub


def test_a_failing_on_start_at_boot_is_named(desk):
    with pytest.raises(StartFailed, match="b did not start"):
        desk({"a": {}, "b": {"start_with": {"fail_on_start": True}}}).begin()


def test_a_corrupt_or_fenced_ledger_ends_the_process_with_3(desk):
    desk = desk({"a": {}}).begin()
    desk.ref.tell(LedgerFailed(fatal=True, message="another writer"))
    desk.wait(lambda: bool(desk.ends))

    assert desk.ends == [(3, "another writer")]


def test_a_transient_child_that_stops_by_itself_stays_stopped(desk):
    desk = desk({"a": {"restart": Restart.TRANSIENT}, "b": {}}).begin()
    desk.directory.tell("a", Do("leave"))
    desk.directory.tell("b", Do("leave"))
    desk.wait(lambda: desk.states()["b"] == ("running", 1))

    assert desk.states()["a"] == ("stopped", 0)


def test_a_transient_child_that_fails_is_restarted(desk):
    desk = desk({"a": {"restart": Restart.TRANSIENT}}).begin()
    desk.directory.tell("a", Do("crash"))
    desk.wait(lambda: desk.states()["a"] == ("running", 1))


def test_the_desk_is_healthy_while_its_critical_actors_run(desk):
    desk = desk({"a": {"critical": True}, "b": {}}, limit=0).begin()
    desk.directory.tell("b", Do("crash"))
    desk.wait(lambda: desk.states()["b"][0] == "gave_up")
    desk.sweeps.clear()
    desk.wait(lambda: len(desk.sweeps) > 1)
    assert set(desk.sweeps) == {True}
    assert desk.down[-1] == ("b gave_up",)

    desk.directory.tell("a", Do("crash"))
    desk.wait(lambda: False in desk.sweeps)


def test_a_supervisor_that_fails_ends_the_process(desk):
    desk = desk({"a": {}}).begin()
    desk.ref.tell(ActorDied(name=[], urn="", error=""))  # unhashable: the handler raises
    with gevent.Timeout(3):
        while not desk.ends:
            gevent.sleep(0.01)

    assert desk.ends[0][0] == 1
    assert desk.ends[0][1].startswith("supervisor failed: TypeError")


def test_an_actor_is_not_replaced_before_its_last_words(desk):
    desk = desk({"a": {"critical": True, "hang_seconds": 60}, "b": {}}).begin()
    until = gevent.event.Event()
    desk.directory.tell("a", CrashSlowly(until))
    desk.sweeps.clear()
    desk.wait(lambda: len(desk.sweeps) > 2, seconds=60)
    assert desk.events.count("start a") == 1

    until.set()
    desk.wait(lambda: desk.states()["a"] == ("running", 1), seconds=60)
    assert "b got Do(what='last words')" in desk.events


@pytest.mark.parametrize("critical", [True, False])
def test_one_that_does_not_end_hangs(desk, critical):
    desk = desk({"a": {"critical": critical}, "b": {}}).begin()
    until = gevent.event.Event()
    desk.directory.tell("a", CrashSlowly(until))
    if critical:
        desk.wait(lambda: desk.ends, seconds=60)
        assert desk.ends[0] == (1, "a hangs: it failed or stopped and has not ended for 0.2 s")
        assert desk.events.count("start a") == 1
    else:
        desk.wait(lambda: desk.states()["a"] == ("running", 1), seconds=60)
    until.set()
    gevent.idle()
    if not critical:  # else the process ends anyway
        assert "b got Do(what='last words')" not in desk.events


def test_a_transient_child_that_is_killed_is_restarted(desk):
    desk = desk({"a": {"restart": Restart.TRANSIENT, "hang_seconds": 60}}).begin()
    desk.directory.ask("a", Do("greenlet"), timeout=30).kill()
    desk.wait(lambda: desk.states()["a"] == ("running", 1), seconds=60)


def test_children_that_hang_leave_a_critical_one_its_time_to_stop(desk):
    specs = {"a": {"critical": True, "shutdown_seconds": 5.0}, "b": {"shutdown_seconds": 30.0, "hang_seconds": 60}}
    desk = desk(specs).begin()
    until = gevent.event.Event()
    desk.directory.tell("b", HangUntil(until))
    desk.ref.ask(StopChildren(within_seconds=5.3), timeout=30)
    until.set()

    assert "stop a" in desk.events
    assert "stop b" not in desk.events
    assert {state for state, _ in desk.states().values()} == {"stopped"}


def test_a_stopped_generation_is_not_heard(desk):
    desk = desk({"broker": {"followed_by": ("bot",)}, "bot": {}, "b": {}}).begin()
    old = desk.directory.handle("bot").ref.proxy().peers.get(timeout=30)
    desk.directory.tell("broker", Do("crash"))
    desk.wait(lambda: desk.states()["broker"] == ("running", 1), seconds=60)

    assert old.tell("b", Do("from the past")) is False


def test_an_abandoned_generation_sets_and_cancels_no_timer():
    set_, peers = [], PeersOf(Directory(), "a")

    class Recorded:
        after = every = cancel = lambda self, *what: set_.append(what)

    timers = TimersOf(Recorded(), peers)
    for _ in range(2):
        timers.after(1, "a", "one")
        timers.every(2, "a", "two")
        timers.cancel("a", "one")
        peers.revoked = True
    assert set_ == [(1, "a", "one"), (2, "a", "two"), ("a", "one")]
