"""Bounded HTTP GET and POST: a limit on the whole call and on the body, and errors that carry no query string."""

import contextlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import gevent
import requests

from domain.errors import SourceUnavailable

LONGEST_WAIT_SECONDS = 86_400.0  # that a server may ask for


def get(
    session: requests.Session,
    url: str,
    *,
    what: str,
    params: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    timeout_seconds: float = 10.0,
    max_body: int = 4 * 1024 * 1024,
) -> tuple[int, bytes, dict[str, str]]:
    """Return status (200 or 304), body and headers (lower-case names).

    Args:
        what: the name for people; the address may hold a key, so it stands in no message.
        timeout_seconds: for the whole call.
        max_body: bytes, after decompression.

    Raises:
        SourceUnavailable: no answer in time, another status, or a body over `max_body`.
    """
    with (
        _limited(what, timeout_seconds),
        session.get(url, params=params, headers=headers, timeout=timeout_seconds, stream=True) as answer,
    ):
        received = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status_code not in (200, 304):
            raise _refused(what, answer.status_code, received)
        return answer.status_code, _body(answer, what, max_body), received


def post(
    session: requests.Session,
    url: str,
    *,
    what: str,
    body: object,
    timeout_seconds: float = 10.0,
    max_body: int = 64 * 1024,
) -> tuple[int, bytes, float | None]:
    """Return status, body and what Retry-After asks for, in seconds. A redirect is an answer: none is followed.

    Args:
        what: the name for people; the address may hold a key, so it stands in no message.
        body: sent as JSON.
        timeout_seconds: for the whole call.
        max_body: bytes, after decompression.

    Raises:
        SourceUnavailable: no answer in time, or a body over `max_body`.
    """
    with (
        _limited(what, timeout_seconds),
        session.post(url, json=body, timeout=timeout_seconds, stream=True, allow_redirects=False) as answer,
    ):
        received = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status_code, _body(answer, what, max_body), _retry_after(received)


@contextlib.contextmanager
def _limited(what: str, timeout_seconds: float) -> Iterator[None]:
    """Bound a whole call; translate what the library raises, without the address."""
    limit = gevent.Timeout(timeout_seconds)  # plain: the library cannot swallow it
    limit.start()
    try:
        yield
    except gevent.Timeout as error:
        if error is not limit:
            raise
        raise SourceUnavailable(f"{what} did not answer within {timeout_seconds:g} s") from None
    except requests.RequestException as error:
        raise SourceUnavailable(f"{what} cannot be reached ({type(error).__name__})") from None
    finally:
        limit.close()


def whole_number(text: str) -> int | None:
    """Return the number that a header spells in at most nine plain digits; None where it says anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _retry_after(headers: dict[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for, at most LONGEST_WAIT_SECONDS; None when it says nothing usable.

    It is a number, or a date, which counts from the answer's own Date.
    """
    text = headers.get("retry-after", "")
    if (number := whole_number(text)) is not None:
        return min(float(number), LONGEST_WAIT_SECONDS)
    try:
        seconds = (parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("date", ""))).total_seconds()
    except (TypeError, ValueError):
        return None
    return min(max(0.0, seconds), LONGEST_WAIT_SECONDS)


def _refused(what: str, status: int, headers: dict[str, str]) -> SourceUnavailable:
    seconds = _retry_after(headers)
    return SourceUnavailable(f"{what} answered HTTP {status}", retry_after_seconds=seconds)


def _body(answer: requests.Response, what: str, max_body: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_content(64 * 1024):
        size += len(part)
        if size > max_body:  # counted after decompression: a bomb ends here
            raise SourceUnavailable(f"{what} sent more than {max_body // 1024} KiB")
        parts.append(part)
    return b"".join(parts)
