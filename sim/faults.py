"""What goes wrong and when: a schedule of faults that tests and people set, on the object or over HTTP."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

STATUS, DELAY, HANG, DROP, MALFORMED = "status", "delay", "hang", "drop", "malformed"
SILENCE, REORDER, DUPLICATE, SHUTDOWN, REFUSE, NO_PING = (
    "silence",
    "reorder",
    "duplicate",
    "shutdown",
    "refuse",
    "no_ping",
)
CLOCK_SKEW = "clock_skew"
HTTP_KINDS = (STATUS, DELAY, HANG, DROP, MALFORMED)
STREAM_KINDS = (DROP, SILENCE, REORDER, DUPLICATE, DELAY, MALFORMED, SHUTDOWN, REFUSE, NO_PING)
KINDS = tuple(dict.fromkeys((*HTTP_KINDS, *STREAM_KINDS, CLOCK_SKEW)))


@dataclass(slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    HTTP kinds, for requests whose path and query contain `where`:
        status     answers `status` (429, 418, 451, 403, 5xx) with the service's own body and Retry-After `retry_after`
        delay      answers `seconds` later
        hang       never answers, and cuts the connection after `seconds`
        drop       cuts the connection without an answer
        malformed  answers the first half of the body
    Stream kinds, for streams (`btcusdt@trade`) whose name contains `where`; on="stream":
        drop       cuts the connections that are subscribed to one, once, at once
        shutdown   announces serverShutdown to them, and cuts `seconds` later
        refuse     refuses new connections with `status` (500 stands for 503) and Retry-After `retry_after`
        silence    sends nothing; the connection and its pings stay
        no_ping    sends no ping
        reorder    swaps each two messages
        duplicate  sends each message twice
        delay      sends each message `seconds` later
        malformed  sends the first half of each message
    clock_skew     the exchange's clock is `skew_ms` ahead (negative: behind)
    """

    kind: str
    on: str = "http"  # http | stream
    where: str = ""
    times: int | None = None  # how often, None = always
    for_seconds: float | None = None  # how long from now, None = until cleared
    status: int = 500
    retry_after: int | None = None
    seconds: float = 1.0
    skew_ms: int = 0
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        allowed = KINDS if self.kind == CLOCK_SKEW else HTTP_KINDS if self.on == "http" else STREAM_KINDS
        if self.on not in ("http", "stream") or self.kind not in allowed:
            raise ValueError(f"kind must be one of {', '.join(allowed)} on http or stream, was {self.kind}")

    @property
    def over(self) -> bool:
        late = self.for_seconds is not None and time.monotonic() - self.began >= self.for_seconds
        return late or self.times == 0


class Faults:
    """The faults in force. Thread: the gevent loop that serves the world."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._listeners: list[Callable[[Fault], None]] = []

    def listen(self, listener: Callable[[Fault], None]) -> None:
        """Call `listener` with each fault as it is added."""
        self._listeners.append(listener)

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)
        for listener in self._listeners:
            listener(fault)

    def clear(self) -> None:
        self._faults.clear()

    def take(self, on: str, kinds: tuple[str, ...], subject: str) -> Fault | None:
        """Return the first fault in force for `subject`, counted as used once."""
        if not self._faults:
            return None
        self._faults = [fault for fault in self._faults if not fault.over]
        for fault in self._faults:
            if fault.on == on and fault.kind in kinds and fault.where in subject:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    @property
    def skew_ms(self) -> int:
        return sum(fault.skew_ms for fault in self._faults if fault.kind == CLOCK_SKEW and not fault.over)

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._faults if not fault.over]


def fault_from_json(raw: object) -> Fault:
    """Build a fault from a control request. Raises ValueError, saying what must hold."""
    names = {item.name for item in fields(Fault)} - {"began"}
    if not isinstance(raw, Mapping) or "kind" not in raw or not set(raw) <= names:
        raise ValueError(f"a fault must be an object with kind and any of {', '.join(sorted(names))}, was {raw!r:.200}")
    return Fault(**raw)
