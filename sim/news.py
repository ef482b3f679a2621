"""News over HTTP in the shapes of the real sources: RSS feeds, CryptoPanic v2, Fear & Greed."""

import hashlib
import math
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape

from sim.faults import Fault
from sim.http import Answer, Request, json_answer
from sim.market import SimulatedMarket
from sim.noise import mix
from sim.stories import BEARISH, BULLISH, Newsroom, Story

FEEDS = ("coinwire", "blockbeat", "chainledger")
FEED_ITEMS = 30
PAGE = 20
DAY_MS = 86_400_000
CRYPTOPANIC = "/api/developer/v2/posts"
_TITLES = {"coinwire": "CoinWire", "blockbeat": "Block Beat", "chainledger": "Chain Ledger"}


class News:
    """The service behind `/rss/<feed>`, `/api/developer/v2/posts/` and `/fng/`."""

    def __init__(self, *, newsroom: Newsroom, market: SimulatedMarket) -> None:
        self._newsroom = newsroom
        self._market = market

    def owns(self, path: str) -> bool:
        return path.startswith(("/rss/", CRYPTOPANIC)) or path.rstrip("/") == "/fng"

    def answer(self, request: Request) -> Answer:
        now_ms = self._market.clock()
        if request.path.startswith("/rss/"):
            return self._feed(request, request.path.removeprefix("/rss/").strip("/"), now_ms)
        if request.path.startswith(CRYPTOPANIC):
            return self._posts(dict(request.query), now_ms)
        return json_answer(self._fear_greed(dict(request.query).get("limit", "1"), now_ms))

    def refusal(self, fault: Fault) -> Answer:
        retry = (("Retry-After", str(fault.retry_after)),) if fault.retry_after is not None else ()
        body = {"status": "api_error", "info": "quota exceeded" if fault.status == 429 else "try again later"}
        return json_answer(body, status=fault.status, headers=retry)

    # --- RSS ----------------------------------------------------------------------------------------------------------

    def _feed(self, request: Request, feed: str, now_ms: int) -> Answer:
        if feed not in FEEDS:
            return Answer(status=404, body=b"no such feed", content_type="text/plain")
        stories = [story for story in self._newsroom.newest(now_ms, 3 * FEED_ITEMS) if feed in _feeds_of(story)]
        body = _rss(feed, stories[:FEED_ITEMS]).encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        modified = _rfc822(stories[0].published_ms) if stories else _rfc822(now_ms)
        headers = (("ETag", etag), ("Last-Modified", modified), ("Cache-Control", "max-age=10"))
        if etag in request.headers.get("if-none-match", ""):
            return Answer(status=304, headers=headers, content_type="application/rss+xml; charset=utf-8")
        return Answer(body=body, headers=headers, content_type="application/rss+xml; charset=utf-8")

    # --- CryptoPanic --------------------------------------------------------------------------------------------------

    def _posts(self, query: dict[str, str], now_ms: int) -> Answer:
        if not query.get("auth_token"):
            return json_answer({"status": "api_error", "info": "Invalid or missing auth_token"}, status=401)
        page = query.get("page", "1")
        number = int(page) if page.isascii() and page.isdigit() and 1 <= int(page) <= 50 else 0
        if not number:
            return json_answer({"status": "api_error", "info": "Invalid page"}, status=404)
        wanted = [code for code in query.get("currencies", "").upper().split(",") if code]
        stories = [story for story in self._newsroom.newest(now_ms, 600) if not wanted or story.code in wanted]
        if query.get("filter") in (BULLISH, BEARISH):
            stories = [story for story in stories if story.tone == query["filter"]]
        shown = stories[(number - 1) * PAGE : number * PAGE]
        more = len(stories) > number * PAGE
        return json_answer(
            {
                "next": _page_url(query, number + 1) if more else None,
                "previous": _page_url(query, number - 1) if number > 1 else None,
                "results": [_post(story) for story in shown],
            }
        )

    # --- Fear & Greed -------------------------------------------------------------------------------------------------

    def _fear_greed(self, limit: str, now_ms: int) -> dict[str, Any]:
        count = int(limit) if limit.isascii() and limit.isdigit() and len(limit) < 6 else 1
        today = now_ms // DAY_MS
        days = range(today, today - min(count or 365, 365), -1)
        data = [self._mood(day) for day in days]
        data[0]["time_until_update"] = str(((today + 1) * DAY_MS - now_ms) // 1000)
        return {"name": "Fear and Greed Index", "data": data, "metadata": {"error": None}}

    def _mood(self, day: int) -> dict[str, str]:
        tape = self._market.pair("BTCUSDT").tape
        now, before = (tape.around(at * DAY_MS)[0].price for at in (day, day - 5))
        value = max(4, min(96, 48 + round(450 * math.log(now / before)) + mix(day) % 9 - 4))
        return {
            "value": str(value),
            "value_classification": _classification(value),
            "timestamp": str(day * DAY_MS // 1000),
        }


def _feeds_of(story: Story) -> tuple[str, ...]:
    """Every story has its own feed; one in three is carried by the next one too."""
    own = story.number % len(FEEDS)
    syndicated = (FEEDS[(own + 1) % len(FEEDS)],) if story.number // 3 % 3 == 0 else ()
    return (FEEDS[own], *syndicated)


def _link(story: Story, tags: str) -> str:
    day = datetime.fromtimestamp(story.published_ms / 1000, UTC)
    return f"https://news.example/{day:%Y/%m/%d}/{story.slug}?{tags}"


def _rss(feed: str, stories: list[Story]) -> str:
    items = [_item(story, f"utm_source={feed}_rss&utm_medium=rss") for story in stories]
    if stories:  # feeds are seen to carry a story twice, under different tags
        items.insert(1, _item(stories[0], f"utm_source={feed}_rss&utm_medium=rss&utm_campaign=partner"))
    title = _TITLES[feed]
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom">'
        f"<channel><title>{title}</title><link>https://news.example/{feed}</link>"
        f"<description><![CDATA[{title}: crypto news]]></description><language>en-us</language>"
        f"{''.join(items)}</channel></rss>\n"
    )


def _item(story: Story, tags: str) -> str:
    link = _link(story, tags)
    picture = f"https://news.example/images/{story.number % 50}.jpg"
    html = f'<p style="float:right"><img src="{picture}" alt=""></p><p>{escape(story.summary)}</p>'
    return (
        f"<item><title><![CDATA[{story.title}]]></title><link><![CDATA[{link}]]></link>"
        f'<guid isPermaLink="true">{escape(link)}</guid><dc:creator><![CDATA[{story.author}]]></dc:creator>'
        f"<category><![CDATA[{story.name}]]></category><description><![CDATA[{html}]]></description>"
        f"<pubDate>{_rfc822(story.published_ms)}</pubDate></item>"
    )


def _rfc822(at_ms: int) -> str:
    return format_datetime(datetime.fromtimestamp(at_ms // 1000, UTC), usegmt=True)


def _page_url(query: dict[str, str], page: int) -> str:
    """Return the address of a page; it carries the caller's token, as the real one does."""
    rest = "&".join(f"{name}={value}" for name, value in query.items() if name != "page")
    return f"https://cryptopanic.com{CRYPTOPANIC}/?{rest}&page={page}"


def _post(story: Story) -> dict[str, Any]:
    moment = datetime.fromtimestamp(story.published_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    draw = mix(story.number, 7)
    liked = {BULLISH: (5, 1), BEARISH: (1, 5)}.get(story.tone, (1, 1))
    source = {"title": _TITLES[_feeds_of(story)[0]], "region": "en", "domain": "news.example", "type": "feed"}
    return {
        "id": 20_000_000 + story.number % 80_000_000,
        "slug": story.slug,
        "title": story.title,
        "description": story.summary,
        "published_at": moment,
        "created_at": moment,
        "kind": "news",
        "source": None if draw % 17 == 0 else source,
        "original_url": _link(story, "utm_source=cryptopanic"),
        "url": f"https://cryptopanic.com/news/{20_000_000 + story.number % 80_000_000}/{story.slug}",
        "image": None,
        "instruments": [
            {"code": story.code, "title": story.name, "slug": story.name.lower(), "url": None, "market_cap_usd": None}
        ],
        "votes": {
            "negative": draw % (2 * liked[1]),
            "positive": (draw >> 8) % (2 * liked[0]),
            "important": (draw >> 16) % 3,
            "liked": (draw >> 24) % 4,
            "disliked": (draw >> 32) % 2,
            "lol": 0,
            "toxic": 0,
            "saved": (draw >> 40) % 2,
            "comments": 0,
        },
        "panic_score": draw % 100,
        "panic_score_1h": None,
        "author": story.author,
        "content": None,
    }


def _classification(value: int) -> str:
    names = ((24, "Extreme Fear"), (45, "Fear"), (54, "Neutral"), (75, "Greed"))
    return next((name for most, name in names if value <= most), "Extreme Greed")
