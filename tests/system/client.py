"""A client as anybody would write one: a WebSocket library, JSON, and a list of what came."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import gevent
import gevent.event
import websocket

Frame = dict[str, Any]
PATIENCE = 20.0  # on a busy machine


def exactly(text: str) -> Frame:
    """Return a frame with its numbers as they were written."""
    return json.loads(text, parse_float=Decimal)  # type: ignore[no-any-return]


def error_of(frame: Frame) -> tuple[str, str]:
    """Return code and sentence of a refusal."""
    assert frame["type"] == "error", frame
    return frame["data"]["code"], frame["data"]["message"]


def order(**fields: Any) -> dict[str, Any]:
    """Return the fields of an `execute_trade`."""
    return {"trade_data": fields}


class Client:
    """One session. `texts` is all that came, oldest first; `frames` the same, read when somebody looks."""

    def __init__(self, address: str, *, path: str = "/ws", token: str | None = None, **options: Any) -> None:
        headers = [] if token is None else [f"Authorization: Bearer {token}"]
        url = address.replace("http://", "ws://") + path
        self._socket = websocket.create_connection(url, timeout=PATIENCE, header=headers, **options)
        self._socket.settimeout(None)
        self.texts: list[str] = []
        self._frames: list[Frame] = []
        self.close_code: int | None = None
        self.ended = gevent.event.Event()
        self._came = gevent.event.Event()
        self._numbers = 0
        self._reader = gevent.spawn(self._read)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._reader.kill()
        self._socket.close(timeout=1)
        self._socket.shutdown()  # closed by the desk before: only this frees it

    # --- sending ---------------------------------------------------------------------------------------------------

    def send_text(self, text: str) -> None:
        self._socket.send(text)

    def send(self, kind: str, **fields: Any) -> str:
        """Send a message; return its request_id."""
        self._numbers += 1
        request_id = f"{kind}-{self._numbers}"
        self.send_text(json.dumps({"type": kind, **fields, "request_id": request_id}))
        return request_id

    # --- what came -------------------------------------------------------------------------------------------------

    @property
    def frames(self) -> list[Frame]:
        self._frames += map(exactly, self.texts[len(self._frames) :])
        return self._frames

    @property
    def mark(self) -> int:
        """How many frames have come: for `since`."""
        return len(self.texts)

    def first(self) -> Frame:
        return self.wait(lambda frame: True, since=0)

    def wait(
        self, wanted: Callable[[Frame], bool] | str, *, since: int = 0, seconds: float = PATIENCE, what: str = ""
    ) -> Frame:
        """Return the first frame from number `since` on that is wanted (a type, or a condition)."""
        fits = (lambda frame: frame["type"] == wanted) if isinstance(wanted, str) else wanted
        seen = since
        with gevent.Timeout(seconds, False):
            while True:
                self._came.clear()
                for frame in self.frames[seen:]:
                    seen += 1
                    if fits(frame):
                        return frame
                assert not self.ended.is_set(), f"the session ended with {self.close_code}"
                self._came.wait()
        kinds = sorted({frame["type"] for frame in self.frames[since:]})
        raise AssertionError(f"no {what or wanted} came, but {', '.join(kinds)}")

    def ask(self, kind: str, *, seconds: float = PATIENCE, **fields: Any) -> Frame:
        """Send a message and return its first answer."""
        since = self.mark
        request_id = self.send(kind, **fields)
        return self.wait(
            lambda frame: frame.get("request_id") == request_id, since=since, seconds=seconds, what=request_id
        )

    def told(self, kind: str, *, since: int = 0) -> list[Frame]:
        return [frame for frame in self.frames[since:] if frame["type"] == kind]

    def settle(self) -> None:
        """Wait until all that was sent before this is here."""
        self.ask("ping")

    def _read(self) -> None:
        while True:
            try:
                code, data = self._socket.recv_data()
            except (OSError, websocket.WebSocketException):
                break
            if code == websocket.ABNF.OPCODE_CLOSE:
                self.close_code = int.from_bytes(data[:2], "big") if len(data) >= 2 else None
                break
            self.texts.append(data.decode())
            self._came.set()
        self.ended.set()
        self._came.set()
