"""What a feed's bytes must satisfy before a parser sees them: nothing that makes a small body a large one."""

import re

from domain.errors import SourceUnavailable

LOOKED_AT = 1024  # bytes at the beginning in which an XML declaration stands
_DECLARED = re.compile(rb"""<\?xml[^>]*?\bencoding\s*=\s*["']([^"'>]{0,40})""", re.IGNORECASE)
# Encodings in which "<" and "!" are the ASCII bytes, apart from zero bytes: an entity declaration cannot hide in them.
_PLAIN = re.compile(
    r"(utf[-_]?8|utf[-_]?(16|32)([-_]?[lb]e)?|(us[-_]?)?ascii|iso[-_]?8859[-_]?\d{1,2}|latin[-_]?1|(windows|cp)[-_]?125\d"
    r"|koi8[-_][ru]|gb2312|gbk|gb18030|big5|shift[-_]?jis|euc[-_](jp|kr)|mac[-_]?(roman|intosh))",
    re.IGNORECASE,
)
_FIRST = (
    b"<",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\x00<",
    b"\x00\x00",
)  # XML, with or without a byte order mark


def check(body: bytes, name: str) -> None:
    """Let a body through that declares no entities, in an encoding that hides none.

    Raises:
        SourceUnavailable: it is no XML, in an unusual encoding, or declares entities (a feed needs none: a few lines of
            declarations can stand for gigabytes of text).
    """
    start = body.lstrip()[:LOOKED_AT]
    if not start.startswith(_FIRST):
        raise SourceUnavailable(f"{name} did not send a feed")
    declared = _DECLARED.search(start.replace(b"\x00", b""))
    encoding = declared[1].decode("ascii", "replace").strip() if declared else "utf-8"
    if not _PLAIN.fullmatch(encoding):
        raise SourceUnavailable(f"{name} must be in a usual encoding, was in {encoding!r:.50}")
    if b"<!ENTITY" in body.replace(b"\x00", b"").upper():
        raise SourceUnavailable(f"{name} declares entities: it is not read")
