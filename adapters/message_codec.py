"""Frozen messages and journal documents as JSON, and back again, exactly.

Messages are read back by their types: a Decimal is its text with every zero, an enum its value, a tuple an array. Of
documents, which have no types, Decimals and dates are tagged: {"$d": "1.50"}, {"$t": epoch ms}. Version of the form: 1.
"""

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import msgspec

from domain import errors, messages
from domain.journal import date, epoch_ms
from domain.ports import Head, JournalDocument

VERSION = 1
UNKNOWN = "?"  # in place of a message's name: it is none of domain.messages
NOT_FOR_RECORDED = {"ClientArrived", "ClientRequest", "ClientLeft", "ArchiveRead"}  # mail of the hub alone
_ERRORS: dict[str, type[Exception]] = {
    name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)
}


def message_types() -> dict[str, type]:
    """Return all messages that can be written, by their name."""
    return {
        name: value
        for name, value in vars(messages).items()
        if isinstance(value, type)
        and dataclasses.is_dataclass(value)
        and value.__module__ == messages.__name__
        and name not in NOT_FOR_RECORDED
    }


class MessageCodec:
    """Writes and reads messages.

    Args:
        plain: returns what JSON can hold of a value of the settings.
        settings: returns the settings that `plain` made this of.
    """

    def __init__(self, *, plain: Callable[[Any], object], settings: Callable[[Any], object]) -> None:
        self._plain = plain
        self._settings = settings
        self._types = message_types()
        self._encoder = msgspec.json.Encoder(enc_hook=self._to_plain)
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}

    def encode(self, message: object) -> tuple[str, bytes]:
        """Return the name and the JSON of a message; UNKNOWN and its type's name for what is none.

        Raises:
            TypeError, ValueError: it holds what cannot be written.
        """
        name = type(message).__name__
        if self._types.get(name) is not type(message):
            return UNKNOWN, self._encoder.encode(name)
        return name, self._encoder.encode(message)

    def decode(self, name: str, body: bytes | msgspec.Raw) -> object:
        """Return the message.

        Raises:
            ValueError: `body` is no message of that name.
        """
        if name not in self._decoders:
            if name not in self._types:
                raise ValueError(f"a message must be one of domain.messages, was {name}")
            self._decoders[name] = msgspec.json.Decoder(self._types[name], dec_hook=self._from_plain)
        return self._decoders[name].decode(body)

    def json(self, value: object) -> bytes:
        """Return anything plain, or settings, as JSON."""
        return self._encoder.encode(value)

    def _to_plain(self, value: Any) -> object:
        if isinstance(value, Exception):
            return error_parts(value)
        if isinstance(value, Mapping):  # one that cannot be changed
            return dict(value)
        return self._plain(value)

    def _from_plain(self, wanted: type, value: Any) -> object:
        return read_error(value) if wanted is Exception else self._settings(value)


def error_parts(error: Exception) -> list[object]:
    """Return an error as [name, sentence, epoch of the other writer or null]."""
    return [type(error).__name__, str(error), getattr(error, "epoch", None)]


def read_error(parts: list[Any]) -> Exception:
    """Return the error; one that is none of domain.errors as a RuntimeError."""
    name, text, epoch = parts
    if name == "LedgerFenced":
        return errors.LedgerFenced(text, epoch=epoch)
    return _ERRORS.get(name, RuntimeError)(text)


def tagged(value: object) -> object:
    """Return a document, or several, or a part of one, as JSON can hold it.

    Raises:
        TypeError: no journal document holds such a value.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case Decimal():
            return {"$d": str(value)}
        case datetime():
            return {"$t": epoch_ms(value)}
        case Mapping():
            return {str(key): tagged(each) for key, each in value.items()}
        case list() | tuple():
            return [tagged(each) for each in value]
        case Head():
            return [value.seq, value.hash]
        case float():
            return {"$f": value.hex()}
    raise TypeError(f"a document must hold text, numbers, dates, tables and lists, not {type(value).__name__}")


def untagged(value: object) -> object:
    """Return what `tagged` was given; tuples as lists."""
    match value:
        case {"$d": str() as text}:
            return Decimal(text)
        case {"$t": int() as ms}:
            return date(ms)
        case {"$f": str() as text}:
            return float.fromhex(text)
        case dict():
            return {key: untagged(each) for key, each in value.items()}
        case list():
            return [untagged(each) for each in value]
    return value


def read_document(value: object) -> JournalDocument:
    """Return one document that `tagged` was given."""
    document = untagged(value)
    if not isinstance(document, dict):
        raise ValueError(f"a document must be a table, was {type(value).__name__}")
    return cast(JournalDocument, document)
