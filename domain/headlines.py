"""From a feed's headline to an inert, bounded, tagged news item."""

import hashlib
import html
import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from domain.news import NewsItem
from domain.pair_names import PairNames
from domain.ports import RawHeadline

MAX_TITLE, MAX_SUMMARY, MAX_URL, MAX_SOURCE = 300, 500, 500, 60  # characters
MAX_RAW_URL = 4 * MAX_URL  # with its tracking parameters
BULLISH_FROM = 0.15  # of -1..1: label bullish at or above, bearish at or below the negative

_SCRIPT = re.compile(r"<(script|style)\b.*?(</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]{0,2000}>")  # none within another: a row of a thousand "<" costs nothing
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060\ufeff]+")
_WORD = re.compile(r"[a-z0-9]+")
_TRACKING = re.compile(r"^(utm_.*|mtm_.*|fbclid|gclid|auth_token|ref)$", re.IGNORECASE)


def plain_text(raw: str, limit: int) -> str:
    """Return `raw` without markup, scripts, control and direction characters, at most `limit` characters."""
    text = _SCRIPT.sub(" ", raw[: limit * 40])
    text = _TAG.sub(" ", html.unescape(_TAG.sub(" ", text)))
    text = "".join(each if each.isprintable() else " " for each in _BLANK.sub(" ", text))
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def clean_url(raw: str) -> str:
    """Return an http(s) address without tracking parameters and fragment; empty when it is none or too long."""
    if len(raw) > MAX_RAW_URL:
        return ""
    try:
        parts = urlsplit(raw.strip())
        query = urlencode([(k, v) for k, v in parse_qsl(parts.query) if not _TRACKING.match(k)])
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return ""
    url = urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
    return url if len(url) <= MAX_URL and url.isprintable() and " " not in url else ""


def story_id(title: str) -> str:
    """Return what identifies a story across feeds: the hash of its title's words, whatever their case and marks."""
    return hashlib.sha256(" ".join(_WORD.findall(title.lower())).encode()).hexdigest()


def label_of(sentiment: float) -> str:
    """Return bullish, bearish or neutral for a sentiment in -1..1."""
    if sentiment >= BULLISH_FROM:
        return "bullish"
    return "bearish" if sentiment <= -BULLISH_FROM else "neutral"


def news_item(raw: RawHeadline, *, pairs: PairNames, sentiment: float, received_ms: int) -> NewsItem | None:
    """Return the item, or None when nothing readable is left of its title.

    A publication time in the future or unknown counts as the time of receipt.
    """
    title = plain_text(raw.title, MAX_TITLE)
    if not _WORD.search(title.lower()):
        return None
    summary = plain_text(raw.summary, MAX_SUMMARY)
    return NewsItem(
        item_id=story_id(title),
        title=title,
        summary=summary,
        url=clean_url(raw.url),
        source=plain_text(raw.source, MAX_SOURCE),
        pairs=pairs.of(f"{title} {summary}", raw.currencies),
        sentiment=max(-1.0, min(1.0, sentiment)),
        label=label_of(sentiment),
        published_ms=min(raw.published_ms, received_ms) if raw.published_ms else received_ms,
        received_ms=received_ms,
    )
