"""A client on asyncio, and its use: `python -m examples.async_client [URL]`. Needs `pip install websockets`.

AsyncDesk answers questions and hands out the rest in order; it can be copied as it stands.
"""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

Frame = dict[str, Any]
URL = "ws://127.0.0.1:8765/ws"


class Refused(Exception):
    """The desk answered with `error`; `code` is one of docs/protocol.md."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AsyncDesk:
    """One session: `async with AsyncDesk(url) as desk`. Several tasks may ask at once; one takes the frames."""

    def __init__(self, url: str = URL, *, token: str | None = None, timeout: float = 30.0) -> None:
        self._url, self._timeout = url, timeout
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._numbers = itertools.count(1)
        self._asked: dict[str, asyncio.Future[Frame]] = {}
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self.snapshot: Frame = {}

    async def __aenter__(self) -> "AsyncDesk":
        self._socket: ClientConnection = await connect(self._url, additional_headers=self._headers, max_size=None)
        self.snapshot = self._parse(await self._socket.recv())
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._reader

    async def ask(self, kind: str, **fields: object) -> Frame:
        """Send a message and return its first answer.

        Raises:
            Refused: the answer is `error`.
            TimeoutError: none came in time.
            ConnectionError: the session ended.
        """
        request_id = f"{kind[:40]}-{next(self._numbers)}"
        answer = self._asked[request_id] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send(json.dumps({**fields, "type": kind, "request_id": request_id}, default=str))
            frame: Frame = await asyncio.wait_for(answer, self._timeout)
        finally:
            self._asked.pop(request_id, None)
        if frame["type"] == "error":
            raise Refused(frame["data"]["code"], frame["data"]["message"])
        return frame

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield what nobody asked for, in order, until the session ends."""
        while (frame := await self._frames.get()) is not None:
            yield frame

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                frame = self._parse(text)
                answer = self._asked.get(frame.get("request_id", ""))
                if answer is not None and not answer.done():
                    answer.set_result(frame)
                else:
                    self._frames.put_nowait(frame)
        finally:
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(ConnectionError("the session ended"))
            self._frames.put_nowait(None)

    @staticmethod
    def _parse(text: str | bytes) -> Frame:
        return json.loads(text, parse_float=Decimal)  # type: ignore[no-any-return]


async def main(url: str = URL, count: int = 5) -> None:
    async with AsyncDesk(url) as desk:
        balance, health = await asyncio.gather(desk.ask("get_balance"), desk.ask("get_health"))
        print("free cash", balance["data"]["balance"], "market", (health["data"]["market"] or {}).get("state"))
        await desk.ask("subscribe", topics=["price_update"])
        prices = 0
        async for frame in desk.frames():
            if frame["type"] == "price_update":
                print(frame["data"]["symbol"], frame["data"]["price"])
                prices += 1
            if prices == count:
                break


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else URL))
