"""A journal document's canonical form and hash, written down a second time.

The desk has its own code for this. The audit shares none of it: a mistake in one of the two would show.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bson import DatetimeMS, Decimal128

GENESIS = "0" * 64  # `prev` of the first document
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Plain = dict[str, object]  # what JSON can hold, without floats and nulls; decimals are text, dates epoch milliseconds


class NotCanonical(Exception):
    """A value that a journal document may not hold. The message names its place and what was found."""


def plain(document: Mapping[str, object]) -> Plain:
    """Return `document` with decimals as text and dates as epoch milliseconds, as it is hashed and exported.

    Raises:
        NotCanonical: a float, a null, or a type that the journal does not know.
    """
    return {_text(key, key): _plain(value, key) for key, value in document.items()}


def chain_hash(document: Plain) -> str:
    """Return SHA-256 of `prev` and the canonical JSON of a plain document without `hash`, in lower-case hex."""
    body = {key: value for key, value in document.items() if key != "hash"}
    return hashlib.sha256(f"{document.get('prev', '')}{to_json(body)}".encode()).hexdigest()


def to_json(document: Plain) -> str:
    """Return one line: sorted keys, no spaces, every character as itself."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def decimal_text(value: Decimal) -> str:
    """Return a finite Decimal without exponent and trailing zeros; any zero is `0`."""
    if value.is_zero():
        return "0"
    written = str(value)
    if "E" not in written:
        return written.rstrip("0").rstrip(".") if "." in written else written
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    figures = "".join(map(str, digits))
    if exponent >= 0:
        whole, fraction = figures + "0" * exponent, ""
    else:
        padded = figures.rjust(-exponent + 1, "0")
        whole, fraction = padded[:exponent], padded[exponent:].rstrip("0")
    text = whole.lstrip("0") or "0"
    return ("-" if sign else "") + text + (f".{fraction}" if fraction else "")


def _plain(value: object, place: str) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, place)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Decimal128):
        value = value.to_decimal()
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise NotCanonical(f"{place} must be finite, was {value}")
        return decimal_text(value)
    if isinstance(value, DatetimeMS):
        return int(value)
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(milliseconds=1)
    if isinstance(value, Mapping):
        return {_text(str(key), place): _plain(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{place}[{n}]") for n, item in enumerate(value)]
    what = "null" if value is None else f"a {type(value).__name__}"
    raise NotCanonical(f"{place} must be text, a whole number, a decimal, a date, a list or a document, was {what}")


def _text(value: str, place: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotCanonical(f"{place!a} must be text in Unicode, holds half a character") from None
    return value
