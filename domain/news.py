"""News and mood as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsItem:
    """One story, once, whatever the number of feeds that carried it. All text is inert and bounded."""

    item_id: str  # sha256 hex of what identifies the story
    title: str  # <= 300 characters, no markup
    summary: str  # <= 500 characters, no markup
    url: str  # http(s), tracking parameters removed, <= 500 characters
    source: str  # site name
    pairs: tuple[str, ...]  # the desk's pairs it speaks of
    sentiment: float  # -1..1
    label: str  # bullish | bearish | neutral
    published_ms: int
    received_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FearGreed:
    """The Fear & Greed index of alternative.me."""

    value: int  # 0..100
    label: str  # as the source says it
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsSourceStatus:
    """How one source of news or mood is doing."""

    name: str
    state: str  # starting | ok | failing | disabled
    detail: str  # one sentence: what is wrong, or why it is not used; empty when nothing is
    last_ok_ms: int | None = None  # when it answered usefully last
    next_ms: int | None = None  # failing: when it is asked again at the earliest
    stories: int = 0  # told since the start
    repeats: int = 0  # left out since the start: told already, by this source or another
