"""Each story once, dead feeds backed off, the rest goes on."""

import gevent
import pytest

from actors.news import MoodFetched, NewsActor
from domain.errors import SourceUnavailable
from domain.messages import (
    Alerted,
    FearGreedChanged,
    NewsPublished,
    NewsSourcesChanged,
    Ping,
    SendNews,
    SettingsApplied,
    TimerFired,
)
from domain.news import FearGreed
from domain.ports import RawHeadline
from settings import Settings


class Feed:
    def __init__(self, name, *answers):
        self.name, self.answers, self.calls = name, list(answers), 0

    def fetch(self):
        self.calls += 1
        answer = self.answers.pop(0) if self.answers else ()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Mood:
    def fetch(self):
        return FearGreed(value=25, label="Extreme Fear", at_ms=1)


class Tone:
    def score(self, text):
        return 0.5


class Shelf:
    def __init__(self):
        self.saved = []

    def save(self, collection, document):
        self.saved.append((collection, document["_id"]))

    def recent(self, collection, *, limit, where=None):
        return ()


def story(title, published_ms=None):
    return RawHeadline(title=title, summary="", url="", source="s", published_ms=published_ms)


@pytest.fixture
def start(peers, clock, timers):
    def build(*feeds, mood=None, disabled=None):
        shelf = Shelf()
        ref = NewsActor.start(
            settings=Settings(),
            peers=peers,
            clock=clock,
            timers=timers,
            sources=feeds,
            mood=mood,
            sentiment=Tone(),
            archive=shelf,
            bots=("bot-BTCUSDT",),
            disabled=disabled,
        )
        ref.ask(Ping(), timeout=30)
        return ref, shelf

    return build


def poll(ref, peers, clock, key="feeds"):
    """One round: the timer fires, fetching greenlets run, what they tell is handed to the actor."""
    told_before = len(peers.to("news"))
    ref.tell(TimerFired(key=key, due_ms=clock.now_ms()))
    ref.ask(Ping(), timeout=30)
    gevent.idle()
    for message in peers.to("news")[told_before:]:
        ref.tell(message)
    ref.ask(Ping(), timeout=30)


def titles(peers, name="hub"):
    return [item.title for message in peers.to(name, NewsPublished) for item in message.items]


def test_a_story_of_two_feeds_is_told_once_to_bots_and_hub(start, peers, clock):
    ref, shelf = start(Feed("a", (story("Bitcoin up"),)), Feed("b", (story("BITCOIN UP!"), story("Other"))))
    poll(ref, peers, clock)

    assert sorted(titles(peers)) == ["Bitcoin up", "Other"]
    assert sorted(titles(peers, "bot-BTCUSDT")) == ["Bitcoin up", "Other"]
    assert len(shelf.saved) == 2


def test_a_story_told_is_not_told_again(start, peers, clock):
    ref, _ = start(Feed("a", (story("Bitcoin up"),), (story("Bitcoin up"), story("News"))))
    poll(ref, peers, clock)
    poll(ref, peers, clock)

    assert titles(peers) == ["Bitcoin up", "News"]


def test_old_stories_are_left_out(start, peers, clock):
    ref, _ = start(Feed("a", (story("Old", clock.now_ms() - 25 * 3_600_000), story("New", clock.now_ms()))))
    poll(ref, peers, clock)

    assert titles(peers) == ["New"]


def test_a_dead_feed_is_backed_off_and_the_other_goes_on(start, peers, clock):
    dead = Feed("dead", SourceUnavailable("dead cannot be reached"))
    ref, _ = start(dead, Feed("b", (story("One"),), (story("Two"),)))
    poll(ref, peers, clock)
    clock.move_to(clock.now_ms() + 59_000)
    poll(ref, peers, clock)

    assert (dead.calls, titles(peers)) == (1, ["One", "Two"])
    assert [alert.message for alert in peers.to("hub", Alerted)] == ["dead cannot be reached; asked again in 60 s"]


def test_a_feed_that_comes_back_says_so(start, peers, clock):
    ref, _ = start(Feed("a", SourceUnavailable("gone", retry_after_seconds=90), (story("Back"),)))
    poll(ref, peers, clock)
    clock.move_to(clock.now_ms() + 90_000)
    poll(ref, peers, clock)

    assert titles(peers) == ["Back"]
    assert peers.to("hub", Alerted)[-1].message == "a is back"


def test_a_parser_that_breaks_harms_nobody(start, peers, clock):
    ref, _ = start(Feed("bad", RuntimeError("boom")), Feed("b", (story("One"),)))
    poll(ref, peers, clock)

    assert titles(peers) == ["One"]
    assert ref.ask(Ping(), timeout=30) is True


def test_a_newcomer_gets_the_recent_stories_and_the_mood(start, peers, clock):
    ref, _ = start(Feed("a", (story("One"),)), mood=Mood())
    poll(ref, peers, clock)
    poll(ref, peers, clock, key="mood")
    ref.tell(SendNews(reply_to="bot-ETHUSDT"))
    ref.ask(Ping(), timeout=30)

    assert titles(peers, "bot-ETHUSDT") == ["One"]
    assert [message.fear_greed.value for message in peers.to("bot-ETHUSDT", FearGreedChanged)] == [25]


def test_a_mood_that_cannot_be_read_is_no_mood(start, peers, clock):
    class Broken:
        def fetch(self):
            raise RuntimeError("boom")

    ref, _ = start(mood=Broken())
    poll(ref, peers, clock, key="mood")
    assert [(told.fear_greed, told.error) for told in peers.to("news", MoodFetched)] == [
        (None, "Fear & Greed could not be read")
    ]
    assert peers.to("hub", FearGreedChanged) == []


def test_a_reloaded_interval_is_kept_from_then_on(start, peers, clock, timers):
    ref, _ = start(Feed("a"))
    settings = Settings()
    news = settings.news.model_copy(update={"interval_seconds": 5})
    poll(ref, peers, clock)
    ref.tell(SettingsApplied(settings=settings.model_copy(update={"news": news}), settings_hash="h"))
    ref.ask(Ping(), timeout=30)
    while timers.next_due_ms() <= clock.now_ms() + 5_000:
        due_ms = timers.next_due_ms()
        timers.fire_next()

    assert due_ms == clock.now_ms() + 5_000


def sources(peers):
    return {status.name: status for status in peers.to("hub", NewsSourcesChanged)[-1].sources}


def test_the_same_story_in_other_words_is_told_once_and_counted(start, peers, clock):
    first = story("UBS and Ant International partner on tokenized deposits")
    again = story("UBS, Ant International Partner for Tokenized Deposits")
    ref, shelf = start(Feed("a", (first,)), Feed("b", (again,), (again, story("Something else"))))
    poll(ref, peers, clock)
    poll(ref, peers, clock)

    assert titles(peers) == [first.title, "Something else"]
    assert (sources(peers)["a"].stories, sources(peers)["b"].repeats, len(shelf.saved)) == (1, 1, 2)


def test_sources_are_shown_with_what_is_wrong_and_when_they_are_asked_again(start, peers, clock):
    dead = Feed("dead", SourceUnavailable("dead cannot be reached"))
    ref, _ = start(dead, Feed("b", (story("One"),)), mood=Mood(), disabled={"cryptopanic": "no key"})
    poll(ref, peers, clock)

    shown = sources(peers)
    assert {name: status.state for name, status in shown.items()} == {
        "dead": "failing",
        "b": "ok",
        "fear & greed": "starting",
        "cryptopanic": "disabled",
    }
    assert (shown["dead"].detail, shown["cryptopanic"].detail) == ("dead cannot be reached", "no key")
    assert (shown["dead"].next_ms, shown["b"].last_ok_ms) == (clock.now_ms() + 60_000, clock.now_ms())


def test_a_source_that_stays_dead_is_asked_ever_less_often(start, peers, clock):
    dead = Feed("dead", *[SourceUnavailable("gone")] * 20)
    ref, _ = start(dead)
    waits = []
    for _ in range(8):
        poll(ref, peers, clock)
        waits.append((sources(peers)["dead"].next_ms - clock.now_ms()) // 1000)
        clock.move_to(sources(peers)["dead"].next_ms)

    assert waits == [60, 120, 240, 480, 900, 900, 900, 900]
    assert len(peers.to("hub", Alerted)) == 1


def test_a_mood_that_cannot_be_read_is_backed_off_too(start, peers, clock):
    class Away:
        calls = 0

        def fetch(self):
            self.calls += 1
            raise SourceUnavailable("fear & greed answered HTTP 503", retry_after_seconds=3600)

    mood = Away()
    ref, _ = start(mood=mood)
    poll(ref, peers, clock, key="mood")
    clock.move_to(clock.now_ms() + 3_599_000)
    poll(ref, peers, clock, key="mood")

    assert mood.calls == 1
    assert sources(peers)["fear & greed"].detail == "fear & greed answered HTTP 503"


def test_a_long_answer_is_taken_in_parts(start, peers, clock):
    many = tuple(story(f"alpha{number} beta{number} gamma{number}") for number in range(50))
    ref, _ = start(Feed("a", many))
    poll(ref, peers, clock)
    left = [message for message in peers.to("news") if type(message).__name__ == "HeadlinesLeft"]
    assert [len(message.headlines) for message in left] == [30]
    assert len(titles(peers)) == 20
    ref.tell(left[0])
    ref.ask(Ping(), timeout=30)
    assert len(titles(peers)) == 40
