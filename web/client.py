"""A client for scripts, and a command line: `python -m web.client [OPTIONS] TYPE [FIELD=VALUE …]`.

    python -m web.client get_balance
    python -m web.client execute_trade symbol=BTCUSDT direction=buy amount=0.001
    python -m web.client watch price_update,trade_executed
    python -m web.client --url ws://desk.lan:8765/ws --token-file token.txt get_health

The token is read from `--token-file`, else from HUB_OPERATOR_TOKEN or HUB_VIEWER_TOKEN in the environment; never from
the command line, which other users of the machine can read. Exit codes: 0 done, 1 refused, 2 not reached.
"""

import argparse
import itertools
import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import websocket

Frame = dict[str, Any]
URL = "ws://127.0.0.1:8765/ws"


class DeskRefused(Exception):
    """The desk answered with `error`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class DeskClosed(Exception):
    """The session ended; `code` is the close code (None: none came)."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"the session was closed with {code}")
        self.code = code


class Desk:
    """One session. `snapshot` is its first frame.

    Args:
        url: of the WebSocket.
        token: None where none is configured.
        timeout: seconds without any frame after which a call gives up.

    Raises:
        OSError, websocket.WebSocketException: the desk cannot be reached, or does not let us in.
    """

    def __init__(self, url: str = URL, *, token: str | None = None, timeout: float = 30.0) -> None:
        headers = [f"Authorization: Bearer {token}"] if token else []
        self._timeout = timeout
        self._socket = websocket.create_connection(url, timeout=timeout, header=headers)
        self._numbers = itertools.count(1)
        self._waiting: deque[Frame] = deque()
        self.snapshot = self._read()

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close(timeout=1)

    def ask(self, kind: str, **fields: object) -> Frame:
        """Send a message and return its first answer; other frames wait for `frames`.

        Raises:
            DeskRefused: the answer is `error`.
            TimeoutError: none came in time.
        """
        request_id = f"{kind[:40]}-{next(self._numbers)}"
        self._socket.send(json.dumps({**fields, "type": kind, "request_id": request_id}, default=str))
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            frame = self._read()
            if frame.get("request_id") != request_id:
                self._waiting.append(frame)
            elif frame["type"] == "error":
                raise DeskRefused(frame["data"]["code"], frame["data"]["message"])
            else:
                return frame
        raise TimeoutError(f"{kind} was not answered within {self._timeout} s")

    def frames(self) -> Iterator[Frame]:
        """Yield what comes, without end."""
        while True:
            yield self._waiting.popleft() if self._waiting else self._read()

    def _read(self) -> Frame:
        code, data = self._socket.recv_data()
        if code == websocket.ABNF.OPCODE_CLOSE:
            raise DeskClosed(int.from_bytes(data[:2], "big") if len(data) >= 2 else None)
        return json.loads(data, parse_float=Decimal)  # type: ignore[no-any-return]


# --- the command line --------------------------------------------------------------------------------------------


def _fields(given: Sequence[str]) -> dict[str, object]:
    """Return FIELD=VALUE as fields; a value that is JSON counts as such."""
    fields: dict[str, object] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not name or not equals:
            raise SystemExit(f"a field must be written FIELD=VALUE, was {item!r}")
        try:
            fields[name] = json.loads(value)
        except ValueError:
            fields[name] = value
    return fields


def _token(path: str | None) -> str | None:
    if path is not None:
        return Path(path).read_text().strip()
    return os.environ.get("HUB_OPERATOR_TOKEN") or os.environ.get("HUB_VIEWER_TOKEN")


def _show(value: object) -> None:
    print(json.dumps(value, default=_number, ensure_ascii=False), flush=True)


def _number(value: object) -> float | str:
    return float(value) if isinstance(value, Decimal) else str(value)


def _run(desk: Desk, kind: str, fields: Sequence[str], count: int) -> None:
    if kind != "watch":
        _show(desk.ask(kind, **_fields(fields)))
        return
    if fields:
        desk.ask("subscribe", topics=fields[0].split(","))
    _show(desk.snapshot)
    for frame in itertools.islice(desk.frames(), count or None):
        _show(frame)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m web.client", description="Ask the desk, one JSON line per answer.")
    parser.add_argument("--url", default=URL)
    parser.add_argument("--token-file", help="a file that holds the token")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds")
    parser.add_argument("--count", type=int, default=0, help="of frames after which watch ends; 0: never")
    parser.add_argument("type", help="a message type of docs/protocol.md, or watch")
    parser.add_argument("fields", nargs="*", help="FIELD=VALUE; of watch: topics, separated by commas")
    given = parser.parse_args(arguments)
    try:
        with Desk(given.url, token=_token(given.token_file), timeout=given.timeout) as desk:
            _run(desk, given.type, given.fields, given.count)
    except DeskRefused as refused:
        print(f"{refused.code}: {refused}", file=sys.stderr)
        return 1
    except (DeskClosed, OSError, websocket.WebSocketException) as error:
        print(f"{given.url}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
