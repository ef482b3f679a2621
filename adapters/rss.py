"""RSS and Atom feeds, asked again only for what changed (conditional GET)."""

import calendar
import io
from urllib.parse import urlsplit

import feedparser
import gevent
import requests

from adapters.feed_body import check
from adapters.http import get
from domain.errors import SourceUnavailable
from domain.ports import RawHeadline

MAX_ENTRIES = 100
MAX_FEED = 1024 * 1024  # bytes


class RssSource:
    """One feed."""

    def __init__(self, url: str, *, timeout_seconds: float = 10.0) -> None:
        self.name = _name(url)
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
            max_body=MAX_FEED,
            timeout_seconds=self._timeout_seconds,
        )
        if status == 304:
            return ()
        check(body, self.name)
        feed = gevent.get_hub().threadpool.apply(_parse, (body,))  # a large feed takes a second: nobody waits for it
        if not feed.get("version"):
            raise SourceUnavailable(f"{self.name} did not send a feed")
        self._validators = _validators(headers)  # only of what could be read: a broken answer is asked for again
        source = _text(feed.feed.get("title")) or self.name
        return tuple(_headline(entry, source) for entry in feed.entries[:MAX_ENTRIES])


def _name(url: str) -> str:
    """Return host and path: two feeds of one site have two names."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return f"{parts.hostname or url}{path}".rstrip("/")


def _parse(body: bytes) -> feedparser.FeedParserDict:
    return feedparser.parse(io.BytesIO(body))  # bare bytes would be tried as the name of a file first


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
