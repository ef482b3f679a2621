"""News: asks the feeds in turn, tells each story once."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import gevent

from actors.base import Actor
from domain.errors import SourceUnavailable
from domain.headlines import news_item
from domain.messages import Alerted, FearGreedChanged, NewsPublished, SendNews, SettingsApplied, TimerFired
from domain.news import FearGreed, NewsItem
from domain.ports import Archive, Clock, JournalDocument, MoodSource, NewsSource, Peers, RawHeadline, Sentiment, Timers
from settings import Settings

MAX_SEEN = 5_000  # stories remembered to be known
MAX_RECENT = 200  # stories told to a newcomer
MOOD_SECONDS = 600
MAX_BACK_OFF_SECONDS = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadlinesFetched:
    """Fetching greenlet -> news. `error` None when the feed answered."""

    feed: str
    headlines: tuple[RawHeadline, ...]
    error: str | None
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoodFetched:
    """Fetching greenlet -> news."""

    fear_greed: FearGreed | None
    error: str | None


@dataclass(slots=True)
class _Feed:
    source: NewsSource
    fetching: bool = False
    failures: int = 0
    not_before_ms: int = 0


class NewsActor(Actor):
    """Collects stories and mood for the desk's pairs.

    Handles: TimerFired, HeadlinesFetched, MoodFetched, SendNews, SettingsApplied.
    Tells: bots and hub NewsPublished, FearGreedChanged; hub Alerted (a feed died or came back).
    State: what was told already. Lost on restart: the feeds tell their newest stories again, and listeners know them.
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
        on_death: Callable[[str, str, str], None] | None = None,
    ) -> None:
        super().__init__(name="news", on_death=on_death)
        self._settings = settings.news
        self._pairs = tuple(settings.bots.pairs)
        self._peers = peers
        self._clock = clock
        self._timers = timers
        self._feeds = {source.name: _Feed(source) for source in sources}
        self._mood = mood
        self._sentiment = sentiment
        self._archive = archive
        self._listeners = (*bots, "hub")
        self._known: OrderedDict[str, NewsItem] = OrderedDict()
        self._fear_greed: FearGreed | None = None

    def on_start(self) -> None:
        if self._feeds:
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
        before, self._settings = self._settings, settings.news
        if self._feeds and before.interval_seconds != settings.news.interval_seconds:
            self._timers.every(settings.news.interval_seconds, self.name, "feeds")

    def _on_feeds_due(self) -> None:
        now_ms = self._clock.now_ms()
        for feed in self._feeds.values():
            if not feed.fetching and now_ms >= feed.not_before_ms:
                feed.fetching = True
                gevent.spawn(self._fetch, feed.source)

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
        feed = self._feeds[message.feed]
        feed.fetching = False
        if message.error is not None:
            self._back_off(feed, message)
            return
        if feed.failures:
            self._alert("info", f"{feed.source.name} is back")
        feed.failures, feed.not_before_ms = 0, 0
        self._publish(message.headlines)

    def _back_off(self, feed: _Feed, message: HeadlinesFetched) -> None:
        wait = min(MAX_BACK_OFF_SECONDS, self._settings.interval_seconds * 2**feed.failures)
        wait = max(wait, message.retry_after_seconds or 0)
        feed.failures += 1
        feed.not_before_ms = self._clock.now_ms() + round(wait * 1000)
        text = f"{message.error}; asked again in {wait:g} s"
        if feed.failures == 1:
            self._alert("warning", text)
        self.log.warning("%s", text)

    def _publish(self, headlines: tuple[RawHeadline, ...]) -> None:
        now_ms = self._clock.now_ms()
        oldest_ms = now_ms - round(self._settings.max_age_hours * 3_600_000)
        fresh: list[NewsItem] = []
        for raw in headlines:
            item = news_item(raw, pairs=self._pairs, sentiment=self._score(raw), received_ms=now_ms)
            if item is None or item.published_ms < oldest_ms or item.item_id in self._known:
                continue
            self._remember(item)
            fresh.append(item)
            self._archive.save("news", _document(item))
        if fresh:
            fresh.sort(key=lambda item: (item.published_ms, item.item_id))
            self._tell_all(NewsPublished(items=tuple(fresh)))
            self.log.info("%d new stories, newest: %s", len(fresh), fresh[-1].title)

    def _score(self, raw: RawHeadline) -> float:
        return self._sentiment.score(raw.title)

    def _remember(self, item: NewsItem) -> None:
        self._known[item.item_id] = item
        while len(self._known) > MAX_SEEN:
            self._known.popitem(last=False)

    def _on_mood_due(self) -> None:
        if self._mood is not None:
            gevent.spawn(self._fetch_mood, self._mood)

    def _fetch_mood(self, mood: MoodSource) -> None:
        """Runs in its own greenlet."""
        try:
            told = MoodFetched(fear_greed=mood.fetch(), error=None)
        except SourceUnavailable as error:
            told = MoodFetched(fear_greed=None, error=str(error))
        except Exception:  # an edge, as above
            self.log.exception("Fear & Greed could not be read")
            told = MoodFetched(fear_greed=None, error="Fear & Greed could not be read")
        self._peers.tell(self.name, told)

    def _on_mood_fetched(self, message: MoodFetched) -> None:
        if message.fear_greed is None:
            self.log.warning("%s", message.error)
        elif message.fear_greed != self._fear_greed:
            self._fear_greed = message.fear_greed
            self._tell_all(FearGreedChanged(fear_greed=message.fear_greed))

    def _on_send_news(self, message: SendNews) -> None:
        recent = list(self._known.values())[-MAX_RECENT:]
        if recent:
            self._peers.tell(message.reply_to, NewsPublished(items=tuple(recent)))
        if self._fear_greed is not None:
            self._peers.tell(message.reply_to, FearGreedChanged(fear_greed=self._fear_greed))

    def _tell_all(self, message: object) -> None:
        for name in self._listeners:
            self._peers.tell(name, message)

    def _alert(self, level: str, text: str) -> None:
        self._peers.tell("hub", Alerted(level=level, code="news", message=text, at_ms=self._clock.now_ms()))


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
