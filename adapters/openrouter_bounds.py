"""The openai library's HTTP client with a limit on what an answer may hold: it reads every answer whole."""

from collections.abc import Iterator
from typing import Any

import openai

MAX_ANSWER = 8 * 1024 * 1024  # bytes, after decompression; the price list of all models is the longest
DECODED = frozenset({"", "identity", "gzip", "deflate"})  # at most a thousandfold of what was sent


class AnswerTooLong(openai.OpenAIError):
    """An answer that is not read to its end."""


def bounded_client(*, with_key: bool = True) -> Any:
    """Return the library's own client, with the limit; without a key it sends no Authorization header."""
    hooks: dict[str, list[Any]] = {"response": [_bound]} | ({} if with_key else {"request": [_without_key]})
    return openai.DefaultHttpxClient(headers={"Accept-Encoding": "gzip"}, event_hooks=hooks)


def _without_key(request: Any) -> None:
    request.headers.pop("authorization", None)


def _bound(response: Any) -> None:
    """Called with the head of each answer, before anybody reads the body."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in DECODED:
        raise AnswerTooLong(f"an answer must come plain or as gzip, was {encoding[:20]!r}")
    read = response.iter_bytes

    def bounded(*args: Any) -> Iterator[bytes]:
        size = 0
        for part in read(*args):
            size += len(part)
            if size > MAX_ANSWER:
                raise AnswerTooLong(f"an answer must have at most {MAX_ANSWER // 1024 // 1024} MiB, was longer")
            yield part

    response.iter_bytes = bounded
