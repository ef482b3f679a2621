"""News: asks the sources in turn, tells each story once."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import gevent

from actors.base import Actor
from domain.errors import SourceUnavailable
from domain.headlines import MAX_TITLE, news_item, plain_text, story_id
from domain.messages import (
    Alerted,
    FearGreedChanged,
    NewsPublished,
    NewsSourcesChanged,
    SendNews,
    SettingsApplied,
    TimerFired,
)
from domain.near_duplicates import Stories
from domain.news import FearGreed, NewsItem, NewsSourceStatus
from domain.pair_names import PairNames
from domain.ports import Archive, Clock, JournalDocument, MoodSource, NewsSource, Peers, RawHeadline, Sentiment, Timers
from settings import Settings

T = TypeVar("T")
HUB = "hub"
MAX_SEEN = 5_000  # ids remembered: of stories told, of repeats left out
MAX_RECENT = 200  # stories told to a newcomer
AT_ONCE = 20  # headlines taken in one go: the rest goes to the end of the mailbox
MOOD_SECONDS = 600
MAX_BACK_OFF_SECONDS = 900
MOOD = "fear & greed"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadlinesFetched:
    """Fetching greenlet -> news; news -> itself with what is left. `error` None when the feed answered."""

    feed: str
    headlines: tuple[RawHeadline, ...]
    error: str | None
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadlinesLeft:
    """News -> itself: headlines of an answer that wait for their turn."""

    feed: str
    headlines: tuple[RawHeadline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoodFetched:
    """Fetching greenlet -> news."""

    fear_greed: FearGreed | None
    error: str | None
    retry_after_seconds: float | None = None


@dataclass(slots=True)
class _Health:
    """How one source is doing."""

    name: str
    disabled: str = ""  # why it is not used
    fetching: bool = False
    failures: int = 0  # in a row
    error: str = ""
    not_before_ms: int = 0
    last_ok_ms: int | None = None
    stories: int = 0
    repeats: int = 0

    def status(self) -> NewsSourceStatus:
        state = "disabled" if self.disabled else "failing" if self.failures else "ok" if self.last_ok_ms else "starting"
        return NewsSourceStatus(
            name=self.name,
            state=state,
            detail=self.disabled or self.error,
            last_ok_ms=self.last_ok_ms,
            next_ms=self.not_before_ms if self.failures else None,
            stories=self.stories,
            repeats=self.repeats,
        )


class NewsActor(Actor):
    """Collects stories and mood for the desk's pairs.

    Handles: TimerFired, HeadlinesFetched, HeadlinesLeft, MoodFetched, SendNews, SettingsApplied.
    Tells: bots and hub NewsPublished, FearGreedChanged; hub NewsSourcesChanged, Alerted (a source died or came back).
    State: what was told already. Lost on restart: the feeds tell their newest stories again, and listeners know them.

    Args:
        disabled: sources that are not used, with the reason for people.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        peers: Peers,
        clock: Clock,
        timers: Timers,
        sources: tuple[NewsSource, ...],
        mood: MoodSource | None,
        sentiment: Sentiment,
        archive: Archive,
        bots: tuple[str, ...],
        disabled: Mapping[str, str] | None = None,
        on_death: Callable[[str, str, str], None] | None = None,
    ) -> None:
        super().__init__(name="news", on_death=on_death)
        self._settings = settings.news
        self._pairs = PairNames(tuple(settings.bots.pairs))
        self._peers = peers
        self._clock = clock
        self._timers = timers
        self._sources = {source.name: source for source in sources}
        self._mood = mood
        names = (*self._sources, *(() if mood is None else (MOOD,)))
        self._health = {name: _Health(name) for name in names}
        self._health |= {name: _Health(name, disabled=reason) for name, reason in (disabled or {}).items()}
        self._sentiment = sentiment
        self._archive = archive
        self._listeners = (*bots, HUB)
        self._known: OrderedDict[str, NewsItem] = OrderedDict()
        self._left_out: OrderedDict[str, None] = OrderedDict()  # ids of stories that others had told
        self._stories = Stories()
        self._fear_greed: FearGreed | None = None

    def on_start(self) -> None:
        if self._sources:
            self._timers.every(self._settings.interval_seconds, self.name, "feeds")
            self._timers.after(0, self.name, "first feeds")
        if self._mood is not None:
            self._timers.every(MOOD_SECONDS, self.name, "mood")
            self._timers.after(0, self.name, "first mood")

    def on_receive(self, message: object) -> object:
        match message:
            case TimerFired(key="feeds" | "first feeds"):
                self._on_feeds_due()
            case TimerFired(key="mood" | "first mood"):
                self._on_mood_due()
            case HeadlinesFetched():
                self._on_headlines_fetched(message)
            case HeadlinesLeft():
                self._take(message.feed, message.headlines)
            case MoodFetched():
                self._on_mood_fetched(message)
            case SendNews():
                self._on_send_news(message)
            case SettingsApplied(settings=Settings() as settings):
                self._on_settings_applied(settings)
            case _:
                return super().on_receive(message)
        return None

    def _on_settings_applied(self, settings: Settings) -> None:
        self._pairs = PairNames(tuple(settings.bots.pairs))
        before, self._settings = self._settings, settings.news
        if self._sources and before.interval_seconds != settings.news.interval_seconds:
            self._timers.every(settings.news.interval_seconds, self.name, "feeds")

    # --- feeds --------------------------------------------------------------------------------------------------------

    def _on_feeds_due(self) -> None:
        for name, source in self._sources.items():
            if self._is_due(self._health[name]):
                gevent.spawn(self._fetch, source)

    def _is_due(self, health: _Health) -> bool:
        """Return whether the source is to be asked now; then it counts as being asked."""
        if health.fetching or self._clock.now_ms() < health.not_before_ms:
            return False
        health.fetching = True
        return True

    def _fetch(self, source: NewsSource) -> None:
        """Runs in its own greenlet."""
        try:
            told = HeadlinesFetched(feed=source.name, headlines=source.fetch(), error=None)
        except SourceUnavailable as error:
            told = HeadlinesFetched(
                feed=source.name, headlines=(), error=str(error), retry_after_seconds=error.retry_after_seconds
            )
        except Exception:  # an edge: hostile content may break any parser, and must not silence the feed for ever
            self.log.exception("%s could not be read", source.name)
            told = HeadlinesFetched(feed=source.name, headlines=(), error=f"{source.name} could not be read")
        self._peers.tell(self.name, told)

    def _on_headlines_fetched(self, message: HeadlinesFetched) -> None:
        health = self._health[message.feed]
        if message.error is not None:
            self._back_off(health, message.error, message.retry_after_seconds, self._settings.interval_seconds)
            return
        self._answered(health)
        self._take(message.feed, message.headlines)

    def _answered(self, health: _Health) -> None:
        if health.failures:
            self._alert("info", f"{health.name} is back")
        health.fetching, health.failures, health.error, health.not_before_ms = False, 0, "", 0
        health.last_ok_ms = self._clock.now_ms()
        self._tell_health()

    def _back_off(self, health: _Health, error: str, retry_after_seconds: float | None, period_seconds: float) -> None:
        health.fetching = False
        wait = min(max(MAX_BACK_OFF_SECONDS, period_seconds), period_seconds * 2 ** min(health.failures, 16))
        wait = max(wait, retry_after_seconds or 0)
        health.failures += 1
        health.error = error
        health.not_before_ms = self._clock.now_ms() + round(wait * 1000)
        text = f"{error}; asked again in {wait:g} s"
        if health.failures == 1:
            self._alert("warning", text)
        self.log.warning("%s", text)
        self._tell_health()

    # --- stories ------------------------------------------------------------------------------------------------------

    def _take(self, feed: str, headlines: tuple[RawHeadline, ...]) -> None:
        """Publish what is new of the first AT_ONCE headlines; the rest comes later, so that nobody waits long."""
        now_ms = self._clock.now_ms()
        health = self._health[feed]
        taken = (self._new_item(raw, health, now_ms) for raw in headlines[:AT_ONCE])
        fresh = [item for item in taken if item is not None]
        if fresh:
            health.stories += len(fresh)
            fresh.sort(key=lambda item: (item.published_ms, item.item_id))
            self._tell_all(NewsPublished(items=tuple(fresh)))
            self.log.info("%d new stories, newest: %s", len(fresh), fresh[-1].title)
        if len(headlines) > AT_ONCE:
            self._peers.tell(self.name, HeadlinesLeft(feed=feed, headlines=headlines[AT_ONCE:]))
        elif headlines:
            self._tell_health()

    def _new_item(self, raw: RawHeadline, health: _Health, now_ms: int) -> NewsItem | None:
        """Return the story, remembered and stored, unless it is old, unreadable or told already."""
        title = plain_text(raw.title, MAX_TITLE)
        known = story_id(title)
        if known in self._known or known in self._left_out:
            return None
        item = news_item(raw, pairs=self._pairs, sentiment=self._sentiment.score(title), received_ms=now_ms)
        if item is None or item.published_ms < now_ms - round(self._settings.max_age_hours * 3_600_000):
            return None
        if self._stories.repeated_by(title, item.published_ms) is not None:
            health.repeats += 1
            _remember(self._left_out, item.item_id, None)
            return None
        _remember(self._known, item.item_id, item)
        self._stories.add(item.item_id, title, item.published_ms)
        self._archive.save("news", _document(item))
        return item

    # --- mood ---------------------------------------------------------------------------------------------------------

    def _on_mood_due(self) -> None:
        if self._mood is not None and self._is_due(self._health[MOOD]):
            gevent.spawn(self._fetch_mood, self._mood)

    def _fetch_mood(self, mood: MoodSource) -> None:
        """Runs in its own greenlet."""
        try:
            told = MoodFetched(fear_greed=mood.fetch(), error=None)
        except SourceUnavailable as error:
            told = MoodFetched(fear_greed=None, error=str(error), retry_after_seconds=error.retry_after_seconds)
        except Exception:  # an edge, as above
            self.log.exception("Fear & Greed could not be read")
            told = MoodFetched(fear_greed=None, error="Fear & Greed could not be read")
        self._peers.tell(self.name, told)

    def _on_mood_fetched(self, message: MoodFetched) -> None:
        health = self._health[MOOD]
        if message.fear_greed is None:
            self._back_off(health, message.error or "no answer", message.retry_after_seconds, MOOD_SECONDS)
            return
        self._answered(health)
        if message.fear_greed != self._fear_greed:
            self._fear_greed = message.fear_greed
            self._tell_all(FearGreedChanged(fear_greed=message.fear_greed))

    # --- what others ask ----------------------------------------------------------------------------------------------

    def _on_send_news(self, message: SendNews) -> None:
        recent = list(self._known.values())[-MAX_RECENT:]
        if recent:
            self._peers.tell(message.reply_to, NewsPublished(items=tuple(recent)))
        if self._fear_greed is not None:
            self._peers.tell(message.reply_to, FearGreedChanged(fear_greed=self._fear_greed))
        if message.reply_to == HUB:
            self._tell_health()

    def _tell_health(self) -> None:
        self._peers.tell(HUB, NewsSourcesChanged(sources=tuple(health.status() for health in self._health.values())))

    def _tell_all(self, message: object) -> None:
        for name in self._listeners:
            self._peers.tell(name, message)

    def _alert(self, level: str, text: str) -> None:
        self._peers.tell("hub", Alerted(level=level, code="news", message=text, at_ms=self._clock.now_ms()))


def _remember(known: OrderedDict[str, T], item_id: str, value: T) -> None:
    known[item_id] = value
    while len(known) > MAX_SEEN:
        known.popitem(last=False)


def _document(item: NewsItem) -> JournalDocument:
    return {
        "_id": item.item_id,
        "ts": item.published_ms,
        "title": item.title,
        "summary": item.summary,
        "url": item.url,
        "source": item.source,
        "pairs": list(item.pairs),
        "sentiment": item.sentiment,
        "label": item.label,
        "received_at": item.received_ms,
    }
