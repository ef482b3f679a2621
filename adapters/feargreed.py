"""The Fear & Greed index of alternative.me."""

import msgspec
import requests

from adapters.http import get
from domain.errors import SourceUnavailable
from domain.news import FearGreed


class FearGreedSource:
    """The newest value of the index."""

    def __init__(self, url: str, *, timeout_seconds: float = 10.0) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._session = requests.Session()

    def fetch(self) -> FearGreed:
        """Return today's value. Raises SourceUnavailable."""
        _, body, _ = get(
            self._session, self._url, what="fear & greed", params={"limit": "1"}, timeout_seconds=self._timeout_seconds
        )
        return parse_index(body)


def parse_index(body: bytes) -> FearGreed:
    """Return the newest value of an answer of GET /fng/ (all its values are strings). Raises SourceUnavailable."""
    try:
        newest = msgspec.json.decode(body)["data"][0]
        value, at_ms = int(newest["value"]), int(newest["timestamp"]) * 1000
        label = str(newest["value_classification"])[:40]
    except (msgspec.DecodeError, RecursionError, KeyError, IndexError, TypeError, ValueError):
        raise SourceUnavailable("fear & greed answered in another shape than documented") from None
    if not 0 <= value <= 100:
        raise SourceUnavailable(f"fear & greed must be in 0..100, was {value}")
    return FearGreed(value=value, label=label, at_ms=at_ms)
