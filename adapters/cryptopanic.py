"""CryptoPanic's posts, API v2 (and the field names of v1). Needs a key; the key stands in no message and no log."""

import math
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import msgspec
import requests
from pydantic import SecretStr

from adapters.http import get
from domain.errors import SourceUnavailable
from domain.ports import RawHeadline

MIN_SECONDS_BETWEEN_ROUNDS = 30  # results are cached on their side: an earlier call is answered with the last round
MAX_PAGES = 5  # of one round, 20 posts each; their limit is 50
REQUESTS_PER_DAY = 1_000  # our own bound for the sum of all rounds, whatever the plan allows
DAY_SECONDS = 86_400
MAX_POSTS = 100  # taken of one page
NO_RESULTS = "cryptopanic answered without results"
MAX_KNOWN = 1_000  # posts remembered, to know where the last round ended


class Page(NamedTuple):
    """One page of posts, newest first."""

    stories: tuple[RawHeadline, ...]
    has_next: bool  # the address itself carries the key: it is not kept


class CryptoPanicSource:
    """The newest posts: page after page back to what the last round has seen."""

    name = "cryptopanic"

    def __init__(
        self,
        *,
        url: str,
        key: SecretStr,
        currencies: tuple[str, ...],
        timeout_seconds: float = 10.0,
        requests_per_day: int = REQUESTS_PER_DAY,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/") + "/posts/"
        self._key = key
        self._currencies = currencies
        self._timeout_seconds = timeout_seconds
        self._session = requests.Session()
        self._requests_per_day = requests_per_day
        self._monotonic = monotonic
        self._called = -math.inf  # when the last round began, by `monotonic`
        self._came: tuple[RawHeadline, ...] | str = ""  # what it brought: stories, or what went wrong
        self._asked: deque[float] = deque()  # when each request of the last day was made
        self._known: deque[str] = deque(maxlen=MAX_KNOWN)

    def fetch(self) -> tuple[RawHeadline, ...]:
        """Return the newest stories, as of at most MIN_SECONDS_BETWEEN_ROUNDS ago. Raises SourceUnavailable."""
        left = self._called + MIN_SECONDS_BETWEEN_ROUNDS - self._monotonic()
        if left <= 0:
            self._called = self._monotonic()
            try:
                self._came = self._round()
            except SourceUnavailable as error:
                self._came = str(error)
                raise
        elif isinstance(self._came, str):
            raise SourceUnavailable(self._came, retry_after_seconds=left)
        return self._came

    def _round(self) -> tuple[RawHeadline, ...]:
        """Return the stories of the pages that hold something new; the first round takes one page."""
        stories: list[RawHeadline] = []
        pages = MAX_PAGES if self._known else 1
        for number in range(1, pages + 1):
            try:
                page = self._page(number)
            except SourceUnavailable:
                if not stories:
                    raise
                break  # what came is good; the rest is asked for next time
            stories += page.stories
            if not page.has_next or any(_mark(story) in self._known for story in page.stories):
                break
        self._known.extend(mark for story in stories if (mark := _mark(story)) not in self._known)
        return tuple(stories)

    def _page(self, number: int) -> Page:
        self._spend_one()
        params = {
            "auth_token": self._key.get_secret_value(),
            "public": "true",
            "currencies": ",".join(self._currencies),
        }
        if number > 1:
            params["page"] = str(number)
        _, body, _ = get(self._session, self._url, what=self.name, params=params, timeout_seconds=self._timeout_seconds)
        return parse_page(body)

    def _spend_one(self) -> None:
        """Count a request. Raises SourceUnavailable when the day's share is used up."""
        now = self._monotonic()
        while self._asked and self._asked[0] <= now - DAY_SECONDS:
            self._asked.popleft()
        if len(self._asked) >= self._requests_per_day:
            raise SourceUnavailable(
                f"cryptopanic was asked {self._requests_per_day} times within a day, which is the most",
                retry_after_seconds=self._asked[0] + DAY_SECONDS - now,
            )
        self._asked.append(now)


def parse_page(body: bytes) -> Page:
    """Return one page; posts without a title are left out. Raises SourceUnavailable."""
    try:
        page = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise SourceUnavailable("cryptopanic did not answer in JSON") from None
    results = page.get("results") if isinstance(page, dict) else None
    if not isinstance(results, list):
        raise SourceUnavailable(_complaint(page))
    posts = (post for post in results[:MAX_POSTS] if isinstance(post, dict) and isinstance(post.get("title"), str))
    return Page(stories=tuple(map(_headline, posts)), has_next=bool(page.get("next")))


def _complaint(page: object) -> str:
    """Return one sentence for an answer without posts; of the server's own words only whether it is about a quota."""
    said = str(page.get("info", "")) if isinstance(page, dict) else ""
    return "cryptopanic says that the quota is exceeded" if "quota" in said[:200].lower() else NO_RESULTS


def _mark(story: RawHeadline) -> str:
    return story.url or story.title


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
