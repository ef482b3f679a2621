"""Keeps secrets out of what the process says: every form in which a known one can stand in a text becomes `***`."""

import base64
import io
import json
import re
from collections.abc import Iterable, Iterator
from typing import TextIO
from urllib.parse import quote, quote_plus, unquote, urlsplit

HIDDEN = "***"
SHORTEST_PART = 6  # characters of a part of an address; shorter ones stand in harmless words, too


class Redactor:
    """Replaces the texts of known secrets. They may be added while it is used.

    Args:
        secrets: tokens, keys, or addresses that hold one: then the password, the path and the query are hidden, too.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Hide these from now on, beside those that are known."""
        self._known.update(form for secret in secrets for form in _forms(secret) if form)
        longest_first = sorted(self._known, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def redact(self, text: str) -> str:
        """Return `text` without them."""
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)


def _forms(secret: str) -> Iterator[str]:
    for part in (secret, *_parts_of_address(secret)):
        yield part
        yield quote(part, safe="")
        yield quote_plus(part)
        yield unquote(part)
        yield json.dumps(part)[1:-1]
        yield repr(part)[1:-1]


def _parts_of_address(text: str) -> Iterator[str]:
    if "://" not in text:
        return
    try:
        address = urlsplit(text)
        password, user = address.password, address.username
    except ValueError:
        return
    if user and password:
        yield password
        yield base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()  # as a header shows it
    if "://" in text and not text.startswith("mongodb"):  # there the path is the name of a database
        for part in (address.path, address.path.strip("/"), address.query):
            if len(part) >= SHORTEST_PART:
                yield part


class RedactedStream(io.TextIOBase):
    """A text stream in front of another: for tracebacks that Python or a library prints without the log.

    Lines are written whole, so that no secret is cut in two; `flush` writes what there is.
    """

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        super().__init__()
        self._stream, self._redactor = stream, redactor
        self._started = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute there
        return self._stream.encoding

    def write(self, text: str) -> int:
        self._started += text
        whole, newline, self._started = self._started.rpartition("\n")
        if newline:
            self._stream.write(self._redactor.redact(whole + newline))
        return len(text)

    def flush(self) -> None:
        started, self._started = self._started, ""
        if started:
            self._stream.write(self._redactor.redact(started))
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def writable(self) -> bool:
        return True
