"""RSS and Atom feeds, asked again only for what changed (conditional GET)."""

import calendar
from urllib.parse import urlsplit

import feedparser
import requests

from adapters.http import get
from domain.errors import SourceUnavailable
from domain.ports import RawHeadline

MAX_ENTRIES = 100


class RssSource:
    """One feed."""

    def __init__(self, url: str, *, timeout_seconds: float = 10.0) -> None:
        self.name = urlsplit(url).hostname or url
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._session = requests.Session()
        self._validators: dict[str, str] = {}

    def fetch(self) -> tuple[RawHeadline, ...]:
        """Return the feed's stories; none when the server says that nothing changed.

        Raises:
            SourceUnavailable: no useful answer.
        """
        status, body, headers = get(
            self._session,
            self._url,
            what=self.name,
            headers={"User-Agent": "Quorum", **self._validators},
            timeout_seconds=self._timeout_seconds,
        )
        if status == 304:
            return ()
        feed = feedparser.parse(body)
        if not feed.get("version"):
            raise SourceUnavailable(f"{self.name} did not send a feed")
        self._validators = _validators(headers)
        source = _text(feed.feed.get("title")) or self.name
        return tuple(_headline(entry, source) for entry in feed.entries[:MAX_ENTRIES])


def _validators(headers: dict[str, str]) -> dict[str, str]:
    asked = {"If-None-Match": headers.get("etag"), "If-Modified-Since": headers.get("last-modified")}
    return {name: value for name, value in asked.items() if value}


def _headline(entry: feedparser.FeedParserDict, source: str) -> RawHeadline:
    moment = entry.get("published_parsed") or entry.get("updated_parsed")
    return RawHeadline(
        title=_text(entry.get("title")),
        summary=_text(entry.get("summary")),
        url=_text(entry.get("link")),
        source=source,
        published_ms=calendar.timegm(moment) * 1000 if moment else None,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
