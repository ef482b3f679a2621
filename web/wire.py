"""The wire format: server messages as whole, unmasked WebSocket text frames, encoded once for all sessions.

Numbers are exact: a Decimal is written digit for digit, without exponent or trailing zeros; a float (indicators,
confidences) with at most ten significant digits, null where it is no number.
"""

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import fields
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from domain import money
from domain.errors import InvariantError
from domain.views import ABSENT

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA

_encode = msgspec.json.Encoder().encode


def frame(opcode: int, payload: bytes) -> bytes:
    """Return one whole, unmasked frame (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", 0x80 | opcode, 126, size) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, size) + payload


def frame_end(data: bytes, start: int) -> int:
    """Return where the frame that begins at `start` ends; `data` holds whole, unmasked frames."""
    size = data[start + 1]
    if size < 126:
        return start + 2 + size
    if size == 126:
        return start + 4 + int(struct.unpack_from("!H", data, start + 2)[0])
    return start + 10 + int(struct.unpack_from("!Q", data, start + 2)[0])


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a close frame; the reason is cut to what fits."""
    return frame(CLOSE, struct.pack("!H", code) + reason.encode()[:123].decode(errors="ignore").encode())


def message(
    kind: str,
    data: object,
    *,
    request_id: str | None = None,
    ledger_seq: int | None = None,
    warnings: tuple[str, ...] = (),
) -> bytes:
    """Return the JSON of one server message.

    Raises:
        InvariantError: a number in `data` is a Decimal that is not finite.
    """
    envelope: dict[str, object] = {"type": kind, "data": plain(data)}
    if request_id is not None:
        envelope["request_id"] = request_id
    if ledger_seq is not None:
        envelope["ledger_seq"] = ledger_seq
    if warnings:
        envelope["warnings"] = list(warnings)
    return _encode(envelope)


def pong(timestamp: object, request_id: str | None) -> bytes:
    """Return the JSON of `pong`, the one message without `data`."""
    envelope = {"type": "pong", "timestamp": plain(timestamp)}
    if request_id is not None:
        envelope["request_id"] = request_id
    return _encode(envelope)


def plain(value: object) -> object:
    """Return `value` as the encoder can write it: views as dicts without absent fields, numbers as their digits."""
    writer = _WRITERS.get(type(value))
    if writer is None:
        writer = _WRITERS[type(value)] = _writer(type(value))
    return writer(value)


def _decimal(value: Decimal) -> msgspec.Raw:
    if not value.is_finite():
        raise InvariantError(f"a number for clients must be finite, was {value}")
    return msgspec.Raw(money.text(value).encode())


def _float(value: float) -> float | None:
    return float(f"{value:.10g}") if math.isfinite(value) else None


def _same(value: object) -> object:
    return value


def _list(value: Any) -> list[object]:
    return [plain(item) for item in value]


def _mapping(value: Mapping[object, object]) -> dict[str, object]:
    return {str(key): plain(item) for key, item in value.items() if item is not ABSENT}


def _enum(value: Enum) -> object:
    return value.value


_WRITERS: dict[type, Callable[[Any], object]] = {
    Decimal: _decimal,
    float: _float,
    str: _same,
    int: _same,
    bool: _same,
    type(None): _same,
    list: _list,
    tuple: _list,
    dict: _mapping,
}


def _writer(kind: type[Any]) -> Callable[[Any], object]:
    if issubclass(kind, Enum):
        return _enum
    if issubclass(kind, Mapping):
        return _mapping
    names = tuple(item.name for item in fields(kind))  # TypeError where it is nothing that clients are shown

    def view(value: object) -> dict[str, object]:
        pairs = ((name, getattr(value, name)) for name in names)
        return {name: plain(item) for name, item in pairs if item is not ABSENT}

    return view
