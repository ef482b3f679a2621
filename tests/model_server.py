"""A model endpoint on loopback that plays prepared HTTP answers, for tests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import gevent
from gevent.pywsgi import WSGIServer

PRICES = {"data": [{"id": "openai/gpt-5-mini", "pricing": {"prompt": "0.00000025", "completion": "0.000002"}}]}


@dataclass
class ModelServer:
    """A loopback endpoint that plays (status, body, headers) one after the other; the last repeats."""

    plays: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)
    prices: Any = field(default_factory=lambda: PRICES)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    price_fetches: int = 0
    drip_seconds: float = 0.0
    under_way: int = 0
    most_at_once: int = 0
    url: str = ""

    def play(self, status: int, body: Any, **headers: str) -> None:
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.plays.append((status, raw, headers))

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterator[bytes]:
        if environ["PATH_INFO"].endswith("/models"):
            self.price_fetches += 1
            start("200 OK", [("Content-Type", "application/json")])
            return iter([json.dumps(self.prices).encode()])
        self.requests.append(json.loads(environ["wsgi.input"].read()))
        self.headers = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
        status, body, headers = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
        told = {"content_type": "application/json", **headers}
        start(f"{status} Said", [(name.replace("_", "-"), value) for name, value in told.items()])
        return self._dripping(body) if self.drip_seconds else iter([body])

    def _dripping(self, body: bytes) -> Iterator[bytes]:
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            for place in range(len(body)):
                yield body[place : place + 1]
                gevent.sleep(self.drip_seconds)
        finally:
            self.under_way -= 1


@contextmanager
def serving() -> Iterator[ModelServer]:
    """Serve on a free port of loopback."""
    played = ModelServer()
    server = WSGIServer(("127.0.0.1", 0), played, log=None, error_log=None)
    server.start()
    played.url = f"http://127.0.0.1:{server.server_port}/api/v1"
    try:
        yield played
    finally:
        server.stop(timeout=0)
