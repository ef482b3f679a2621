"""The notifier: what it tells, what it recognises as told, and that a slow channel holds nobody up."""

import gevent
import pytest

from actors.notifier import NotificationSent, NotifierActor
from domain import messages
from domain.errors import PermanentError, SourceUnavailable
from domain.market import Source
from settings import Settings
from tests.actors.hub_world import NOW, closed, filled, trade
from web.measures import MeasuresKept


class Channels:
    """Channels whose answers are given; those that are not, are taken."""

    def __init__(self, *names):
        self._names, self.sent, self.answers = names or ("webhook",), [], []
        self.hangs = None

    def names(self):
        return self._names

    def send(self, name, message):
        self.sent.append((name, message.text))
        if self.hangs is not None:
            self.hangs.wait()
        if self.answers and (answer := self.answers.pop(0)) is not None:
            raise answer

    @property
    def texts(self):
        return [text for _, text in self.sent]


class World:
    def __init__(self, peers, clock, timers, channels, **settings):
        self.peers, self.clock, self.timers, self.channels = peers, clock, timers, channels
        self.measures = MeasuresKept()
        recorded = peers.tell

        def tell(name, message):
            recorded(name, message)
            if name == "notifier":
                self.ref.tell(message)
            return True

        peers.tell = tell
        self.ref = NotifierActor.start(
            settings=Settings(notifications=settings),
            peers=peers,
            clock=clock,
            timers=timers,
            channels=channels,
            measures=self.measures,
            source=Source.BINANCE,
        )
        self.settle()

    def send(self, *mail):
        for message in mail:
            self.ref.tell(message)
            self.settle()
        return self.channels.texts

    def settle(self):
        """Let what was told and what sending greenlets answer be handled."""
        for _ in range(3):
            assert self.ref.ask(messages.Ping(), timeout=30)
            gevent.idle()

    def pass_(self, seconds):
        self.clock.move_to(self.clock.now_ms() + int(seconds * 1000))
        return self.send(messages.TimerFired(key="send webhook", due_ms=self.clock.now_ms()))


@pytest.fixture
def begin(peers, clock, timers):
    return lambda *channels, **settings: World(peers, clock, timers, Channels(*channels), **settings)


RECENT = messages.RecentTrades(trades=(trade(3, "b"), trade(2, "a")), closed=())
ALERT = messages.Alerted(level="error", code="x", message="the disk is full", at_ms=NOW)


def test_it_asks_the_broker_at_its_start_and_whenever_that_restarts(begin, peers):
    world = begin()
    world.send(messages.ActorStarted(name="broker", generation=2), messages.ActorStarted(name="hub", generation=2))
    assert peers.to("broker") == [messages.SendAccount(reply_to="notifier")] * 2


def test_each_kind_of_event_is_told(begin):
    world = begin()
    status = messages.ActorStatusChanged(name="news", state="gave_up", restarts=5, error="KeyError: 'x'")
    texts = world.send(
        filled(4, "a"), filled(5, "b", closed_=closed(5)), ALERT, status, messages.DeskGaveUp(reason="the broker hangs")
    )
    assert texts == [
        "Quorum: Bought 0.01 BTCUSDT at 64000 (manual, manual), fee 0.64 USDT",
        "Quorum: Closed long 0.01 BTCUSDT at 65000 (manual): +8.71 USDT after fees",
        "Quorum: error: the disk is full",
        "Quorum: news gave up: KeyError: 'x'",
        "Quorum: the desk ends: the broker hangs",
    ]
    assert world.measures.notifications == {("webhook", "sent"): 5}


def test_only_the_chosen_kinds_are_told(begin):
    assert begin(events=("exit",)).send(filled(4, "a"), ALERT) == []


def test_every_channel_is_told(begin):
    world = begin("webhook", "telegram")
    world.send(ALERT)
    assert [name for name, _ in world.channels.sent] == ["webhook", "telegram"]


def test_nothing_of_before_its_start_is_told(begin):
    assert begin().send(RECENT, filled(3, "b"), filled(2, "a")) == []


def test_executions_that_were_stored_while_the_broker_restarted_are_told_once(begin):
    world = begin()
    world.send(messages.RecentTrades(trades=(trade(2, "a"),), closed=()))
    assert len(world.send(RECENT)) == 1
    assert len(world.send(RECENT, filled(3, "b"), filled(3, "b", repeated=True))) == 1
    assert len(world.send(filled(4, "c"))) == 2


def test_a_repeated_answer_to_a_command_is_not_told(begin):
    assert begin().send(filled(4, "a", repeated=True)) == []


def test_a_channel_that_hangs_holds_neither_the_actor_nor_the_other_channel_up(begin):
    world = begin("webhook", "telegram")
    world.channels.hangs = gevent.event.Event()
    world.send(ALERT)
    assert world.ref.ask(messages.Ping(), timeout=30)
    assert len(world.channels.sent) == 2
    world.send(ALERT, ALERT)  # they wait for the answer to the first
    assert len(world.channels.sent) == 2
    world.channels.hangs.set()
    world.settle()
    assert (
        world.channels.texts[2:]
        == ["Quorum: 2 events: 2 alerts\n" + "\n".join(["00:00:00 error: the disk is full"] * 2)] * 2
    )


def test_what_can_be_taken_later_is_sent_again_when_it_was_asked_to(begin):
    world = begin()
    world.channels.answers = [SourceUnavailable("webhook answered HTTP 429", retry_after_seconds=7), None]
    assert len(world.send(ALERT)) == 1
    assert len(world.pass_(6.9)) == 1
    assert len(world.pass_(0.1)) == 2
    assert world.measures.notifications == {("webhook", "failed"): 1, ("webhook", "sent"): 1}


def test_what_is_refused_is_not_sent_again_and_the_next_is_tried(begin):
    world = begin()
    world.channels.answers = [PermanentError("webhook must take the message, answered HTTP 404")]
    world.send(ALERT)
    assert len(world.pass_(600)) == 1
    assert len(world.send(filled(4, "a"))) == 2


def test_a_flood_is_summed_up_within_the_limit(begin):
    world = begin(per_minute=2)
    world.send(*(filled(seq, f"t{seq}") for seq in range(1, 41)))
    assert len(world.channels.sent) == 2
    texts = world.pass_(60)
    assert len(texts) == 3
    assert texts[2].startswith("Quorum: 38 events: 38 fills\n")


def test_settings_change_what_is_told_and_how_often(begin):
    world = begin(per_minute=1)
    world.send(ALERT, ALERT)
    assert len(world.channels.sent) == 1
    world.send(messages.SettingsApplied(settings=Settings(notifications={"per_minute": 5}), settings_hash="h"))
    assert len(world.channels.sent) == 2
    world.send(messages.SettingsApplied(settings=Settings(notifications={"events": ["exit"]}), settings_hash="h"))
    assert len(world.send(ALERT)) == 2


def test_a_channel_that_is_gone_from_the_settings_gets_nothing_more(begin):
    world = begin(per_minute=1)
    world.send(ALERT, ALERT)
    world.channels._names = ()
    world.pass_(60)
    world.channels._names = ("webhook",)
    assert len(world.pass_(60)) == 1
    assert world.measures.notifications["webhook", "dropped"] == 1


def test_a_late_answer_of_a_channel_that_is_gone_is_ignored(begin):
    assert begin().send(NotificationSent(channel="telegram"), ALERT) == ["Quorum: error: the disk is full"]


def test_what_waits_at_the_end_is_sent_once_more(begin):
    world = begin(per_minute=1)
    world.send(ALERT, messages.DeskGaveUp(reason="the broker hangs"))
    assert len(world.channels.sent) == 1
    world.ref.stop(block=True, timeout=30)
    assert world.channels.texts[1:] == ["Quorum: the desk ends: the broker hangs"]


def test_what_is_on_its_way_at_the_end_is_waited_for(begin):
    world = begin()
    world.channels.hangs, world.channels.answers = gevent.event.Event(), [None]
    world.send(messages.DeskGaveUp(reason="the broker hangs"))
    gevent.spawn_later(0.05, world.channels.hangs.set)
    world.ref.stop(block=True, timeout=30)
    assert world.channels.answers == []


def test_a_failure_that_nobody_foresaw_is_tried_again(begin):
    world = begin()
    world.channels.answers = [MemoryError(), None]
    world.send(ALERT)
    assert len(world.pass_(1)) == 2
