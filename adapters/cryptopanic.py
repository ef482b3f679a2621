"""CryptoPanic's posts, API v2 (and the field names of v1). Needs a key; the key stands in no message and no log."""

import math
import time
from collections.abc import Callable
from datetime import datetime

import msgspec
import requests
from pydantic import SecretStr

from adapters.http import get
from domain.errors import SourceUnavailable
from domain.ports import RawHeadline

MIN_SECONDS_BETWEEN_CALLS = 30  # results are cached on their side: an earlier call is answered with the last page


class CryptoPanicSource:
    """The newest page of posts."""

    name = "cryptopanic"

    def __init__(
        self,
        *,
        url: str,
        key: SecretStr,
        currencies: tuple[str, ...],
        timeout_seconds: float = 10.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/") + "/posts/"
        self._key = key
        self._currencies = currencies
        self._timeout_seconds = timeout_seconds
        self._session = requests.Session()
        self._monotonic = monotonic
        self._called = -math.inf  # when, by `monotonic`
        self._came: tuple[RawHeadline, ...] | str = ""  # what that call brought: stories, or what went wrong

    def fetch(self) -> tuple[RawHeadline, ...]:
        """Return the newest stories, as of at most MIN_SECONDS_BETWEEN_CALLS ago. Raises SourceUnavailable."""
        left = self._called + MIN_SECONDS_BETWEEN_CALLS - self._monotonic()
        if left <= 0:
            self._called = self._monotonic()
            try:
                self._came = self._fetch()
            except SourceUnavailable as error:
                self._came = str(error)
                raise
        elif isinstance(self._came, str):
            raise SourceUnavailable(self._came, retry_after_seconds=left)
        return self._came

    def _fetch(self) -> tuple[RawHeadline, ...]:
        params = {
            "auth_token": self._key.get_secret_value(),
            "public": "true",
            "currencies": ",".join(self._currencies),
        }
        _, body, _ = get(self._session, self._url, what=self.name, params=params, timeout_seconds=self._timeout_seconds)
        return parse_posts(body)


def parse_posts(body: bytes) -> tuple[RawHeadline, ...]:
    """Return the stories of one page; posts without a title are left out. Raises SourceUnavailable."""
    try:
        page = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise SourceUnavailable("cryptopanic did not answer in JSON") from None
    results = page.get("results") if isinstance(page, dict) else None
    if not isinstance(results, list):
        raise SourceUnavailable("cryptopanic answered without results")
    return tuple(_headline(post) for post in results if isinstance(post, dict) and isinstance(post.get("title"), str))


def _headline(post: dict[str, object]) -> RawHeadline:
    source = post.get("source")
    named = post.get("instruments") or post.get("currencies")
    votes = post.get("votes")
    return RawHeadline(
        title=str(post["title"]),
        summary=_text(post.get("description")),
        url=_text(post.get("original_url")) or _text(post.get("url")),
        source=_text(source.get("title")) if isinstance(source, dict) else _text(post.get("domain")) or "cryptopanic",
        published_ms=_epoch_ms(post.get("published_at")),
        currencies=tuple(_text(one.get("code")) for one in named if isinstance(one, dict))
        if isinstance(named, list)
        else (),
        votes_positive=_count(votes, "positive"),
        votes_negative=_count(votes, "negative"),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(votes: object, name: str) -> int:
    value = votes.get(name) if isinstance(votes, dict) else None
    return value if isinstance(value, int) else 0


def _epoch_ms(value: object) -> int | None:
    try:
        return int(datetime.fromisoformat(str(value)).timestamp() * 1000)
    except ValueError:
        return None
