"""The HTTP side of the world: requests and answers as values, services behind one port."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qsl

import gevent

from sim.faults import DELAY, DROP, HANG, HTTP_KINDS, MALFORMED, Fault, Faults, fault_from_json

MAX_BODY = 4 * 1024 * 1024
JSON = "application/json;charset=UTF-8"
logger = logging.getLogger("sim.http")

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class Dropped(Exception):
    """The connection is to be cut without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def subject(self) -> str:
        """Return path and query, for faults to look at."""
        return f"{self.path}?{'&'.join(f'{name}={value}' for name, value in self.query)}"

    def json(self) -> Any:
        """Return the body as JSON. Raises ValueError."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer. `chunks`, where given, is sent piece by piece instead of `body`."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    chunks: Iterable[bytes] | None = field(default=None)


def json_answer(value: Any, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    return Answer(status=status, body=body, headers=headers)


class Service(Protocol):
    """A part of the world that answers some paths."""

    def owns(self, path: str) -> bool: ...

    def answer(self, request: Request) -> Answer:
        """Answer. May take its time, may raise Dropped."""
        ...

    def refusal(self, fault: Fault) -> Answer:
        """Return the answer of a `status` fault, in the body shape of this service."""
        ...


class Site:
    """The WSGI application: the first service that owns the path answers, through the faults.

    Args:
        control: serves `/_sim/fault` (POST one fault as JSON, GET lists, DELETE clears).
    """

    def __init__(self, *, services: Iterable[Service], faults: Faults, control: bool) -> None:
        self._services = tuple(services)
        self._faults = faults
        self._control = control

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            answer = self._answer(_request(environ))
        except Dropped:
            environ["sim.cut"]()
            return []
        return self.send(answer, environ, start_response)

    def send(self, answer: Answer, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Send one answer."""
        headers = [("Content-Type", answer.content_type), *answer.headers]
        if answer.chunks is None:
            headers.append(("Content-Length", str(len(answer.body))))
        start_response(f"{answer.status} {_phrase(answer.status)}", headers)
        return [answer.body] if answer.chunks is None else _pieces(answer.chunks, environ)

    def _answer(self, request: Request) -> Answer:
        if self._control and request.path == "/_sim/fault":
            return self._controlled(request)
        service = next((service for service in self._services if service.owns(request.path)), None)
        if service is None:
            return json_answer({"error": "not found"}, status=404)
        fault = self._faults.take("http", HTTP_KINDS, request.subject)
        if fault is None:
            return service.answer(request)
        return _faulty(service, request, fault)

    def _controlled(self, request: Request) -> Answer:
        if request.method == "DELETE":
            self._faults.clear()
        elif request.method == "POST":
            try:
                self._faults.add(fault_from_json(request.json()))
            except (ValueError, TypeError) as error:
                return json_answer({"error": str(error)}, status=400)
        return json_answer(self._faults.as_json())


def _faulty(service: Service, request: Request, fault: Fault) -> Answer:
    if fault.kind in (DELAY, HANG):
        gevent.sleep(fault.seconds)
    if fault.kind in (DROP, HANG):
        raise Dropped
    if fault.kind == DELAY:
        return service.answer(request)
    if fault.kind == MALFORMED:
        whole = service.answer(request)
        return Answer(status=whole.status, body=whole.body[: len(whole.body) // 2], content_type=whole.content_type)
    return service.refusal(fault)


def _pieces(chunks: Iterable[bytes], environ: dict[str, Any]) -> Iterator[bytes]:
    try:
        yield from chunks
    except Dropped:
        environ["sim.cut"]()


def _request(environ: dict[str, Any]) -> Request:
    length = environ.get("CONTENT_LENGTH") or "0"
    body = environ["wsgi.input"].read(min(int(length), MAX_BODY)) if length.isdigit() else b""
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
    headers["content-type"] = environ.get("CONTENT_TYPE") or ""
    return Request(
        method=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO") or "/",
        query=tuple(parse_qsl(environ.get("QUERY_STRING") or "", keep_blank_values=True)),
        headers=headers,
        body=body,
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
