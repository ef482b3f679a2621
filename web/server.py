"""The desk's one port: the dashboard, the health pages, and WebSocket sessions on `/` and `/ws`."""

import itertools
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
from gevent.pool import Pool

from domain import requests
from domain.messages import ActorStatusChanged, ClientArrived, ClientLeft, ClientRequest
from domain.ports import Clock
from domain.views import ErrorView, SubscribedView, seconds
from web import wire
from web.access import COOKIE, COOKIE_SECONDS, Access, Denied, Grant, ServerSettings
from web.measures import MeasuresKept
from web.metrics import DeskFigures, Metrics
from web.notices import SessionNotices
from web.pages import Pages, StartResponse, answer
from web.requests import Parsed, Refused, parse, request_id_of
from web.safe_ws import SafeWebSocket, SafeWebSocketHandler, Server
from web.session import Session

log = logging.getLogger("web.server")

SOCKET_PATHS = ("/", "/ws")
NEEDED = ("market", "broker", "hub")  # what /readyz asks for
_SPARE_CONNECTIONS = 256  # plain requests, and those that are told there are too many sessions

Health = Callable[[], Mapping[str, Mapping[str, object]]]


class WebServer:
    """Sessions and pages. `notices` is the port that the hub actor speaks through.

    Args:
        settings: the section `server`.
        clock: what `pong` says where the client named no time.
        operator_token, viewer_token: None where not configured.
        tell: puts mail to an actor by name (`Directory.tell`).
        pairs: the desk's pairs, for `unsubscribe`.
        health: per actor a mapping with at least `state`; `running` is what works.
        figures, measures: what `/metrics` shows.
        dist: the folder of the built dashboard.

    Raises:
        SettingsError: the port would be open to other machines without an operator token.
    """

    def __init__(
        self,
        *,
        settings: ServerSettings,
        clock: Clock,
        tell: Callable[[str, object], bool],
        health: Health,
        figures: Callable[[], DeskFigures] = DeskFigures,
        measures: MeasuresKept | None = None,
        dist: Path = Path("frontend/dist"),
        pairs: tuple[str, ...] = (),
        operator_token: str | None = None,
        viewer_token: str | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._tell = tell
        self._health = health
        self._pairs = pairs
        self._tokens = (operator_token, viewer_token)
        self._access = self._new_access(settings.port)
        self._pages = Pages(dist)
        self.notices = SessionNotices(price_updates_per_second=settings.price_updates_per_second)
        self._metrics = Metrics(figures, self.notices, measures)
        self._names = itertools.count(1)
        self._server: Server | None = None
        self._connections = Connections(settings.max_sessions + _SPARE_CONNECTIONS)

    def start(self) -> None:
        """Bind the port and serve; returns at once.

        Raises:
            OSError: the port cannot be bound.
        """
        server = Server(
            (self._settings.host, self._settings.port),
            self._application,
            spawn=self._connections,
            log=None,
            error_log=_LogLines(),
        )
        server.pre_start_hook = self._stays_plain
        server.is_proxy = lambda address: self._access.is_proxy(address)
        server.start()
        self._server = server
        self._access = self._new_access(self.port)
        self.notices.start()

    def stop(self) -> None:
        """Close the sessions with 1012 and free the port; returns within two seconds."""
        self.notices.stop()
        if self._server is not None:
            self._server.stop(timeout=1.5)
            self._server = None

    def apply(self, settings: ServerSettings) -> None:
        """Take over changed limits and origins; sessions that are open keep the limits they began with."""
        self._settings = settings
        self._connections.widen(settings.max_sessions + _SPARE_CONNECTIONS)
        self.notices.price_updates_per_second = settings.price_updates_per_second
        self._access = self._new_access(self.port)

    @property
    def port(self) -> int:
        bound = self._server.server_port if self._server is not None else None
        return bound or self._settings.port

    @property
    def address(self) -> str:
        """Where a browser on this machine finds the dashboard."""
        host = self._settings.host
        host = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}/"

    def _new_access(self, port: int) -> Access:
        operator, viewer = self._tokens
        return Access(settings=self._settings, port=port, operator_token=operator, viewer_token=viewer)

    # --- HTTP ------------------------------------------------------------------------------------------------------

    def _stays_plain(self, handler: SafeWebSocketHandler) -> bool:
        """Called before an upgrade: true when the request must be answered as plain HTTP (with its refusal)."""
        environ = handler.environ
        if environ.get("HTTP_UPGRADE", "").lower() != "websocket":
            return True
        if environ["PATH_INFO"] not in SOCKET_PATHS or environ["REQUEST_METHOD"] != "GET":
            return True
        admitted = self._access.admit(environ)
        environ["quorum.admitted"] = admitted
        return isinstance(admitted, Denied)

    def _application(self, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        websocket = environ.get("wsgi.websocket")
        if websocket is not None:
            self._serve_session(websocket, environ["quorum.admitted"])
            return []
        body = self._serve_page(environ, start_response)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else body

    def _serve_page(self, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return answer(
                start_response, "405 Method Not Allowed", "Only GET and HEAD.", headers=[("Allow", "GET, HEAD")]
            )
        checked = self._access.check_site(environ)
        if isinstance(checked, Denied):
            return _refuse(start_response, checked)
        if path == "/healthz":
            return answer(start_response, "200 OK", "ok\n")
        if path == "/readyz":
            return self._ready(start_response)
        if path == "/" and not self._access.open and (token := parse_qs(environ["QUERY_STRING"]).get("token")):
            return self._log_in(token[0], *checked, start_response)
        if not (path == "/metrics" and self._settings.metrics_public):
            admitted = environ.get("quorum.admitted") or self._access.admit(environ)
            if isinstance(admitted, Denied):
                return _refuse(start_response, admitted)
        if path == "/metrics":
            kind = "text/plain; version=0.0.4; charset=utf-8"
            return answer(start_response, "200 OK", self._metrics.text(), content_type=kind)
        if path == "/ws":
            return answer(
                start_response,
                "426 Upgrade Required",
                "This address speaks WebSocket.",
                headers=[("Upgrade", "websocket")],
            )
        return self._pages.serve(path, start_response)

    def _log_in(self, token: str, address: str, secure: bool, start_response: StartResponse) -> list[bytes]:
        cookie = self._access.login(token, address)
        if isinstance(cookie, Denied):
            return _refuse(start_response, cookie)
        flags = f"HttpOnly; SameSite=Strict; Path=/; Max-Age={COOKIE_SECONDS}" + ("; Secure" if secure else "")
        headers = [("Set-Cookie", f"{COOKIE}={cookie}; {flags}"), ("Location", "/")]
        return answer(start_response, "303 See Other", "", headers=headers)

    def _ready(self, start_response: StartResponse) -> list[bytes]:
        actors = {name: dict(entry) for name, entry in self._health().items()}
        for name, problem in self.notices.problems.items():
            actors.setdefault(name, {}).update(problem=problem)
        missing = {name: _why_not(actors.get(name)) for name in NEEDED if _why_not(actors.get(name)) is not None}
        body = {"ready": not missing, "missing": missing, "actors": actors}
        status = "503 Service Unavailable" if missing else "200 OK"
        text = msgspec.json.encode(wire.plain(body))
        return answer(start_response, status, text, content_type="application/json")

    # --- WebSocket -------------------------------------------------------------------------------------------------

    def _serve_session(self, ws: SafeWebSocket, grant: Grant) -> None:
        """Run in the session's own greenlet until it is over."""
        ws.max_message = self._settings.max_message_bytes
        session = Session(
            ws,
            name=f"s{next(self._names)}",
            role=grant.role,
            address=grant.address,
            messages_per_second=self._settings.messages_per_second,
            backlog=self.notices.backlog,
        )
        try:
            if len(self.notices.sessions) >= self._settings.max_sessions:
                session.kick(1013, "too many sessions")
                return
            self.notices.add(session)
            self._tell("hub", ClientArrived(session=session.name, role=session.role, address=session.address))
            while (text := ws.receive()) is not None:
                self._on_text(session, str(text))
        finally:
            if session.name in self.notices.sessions:
                self.notices.remove(session)
                self._tell("hub", ClientLeft(session=session.name))
            session.finish()

    def _on_text(self, session: Session, text: str) -> None:
        try:
            if not session.flood.take():
                session.kick(1008, "far too many messages")
            elif not session.messages.take():
                limit = self._settings.messages_per_second
                self._error(session, "rate_limited", f"At most {limit} messages a second.", request_id_of(text))
            else:
                only = None if session.role == "operator" else requests.READING
                self._on_request(session, parse(text, only=only))
        except Refused as refused:
            self._error(session, refused.code, str(refused), refused.request_id)
        except Exception:  # one session's trouble is its own
            log.exception("A message of session %s failed", session.name)
            self._error(session, "internal", "That could not be done.", request_id_of(text))

    def _on_request(self, session: Session, parsed: Parsed) -> None:
        match parsed.request:
            case requests.PingServer(timestamp=timestamp):
                answered = seconds(self._clock.now_ms()) if timestamp is None else timestamp
                self.notices.send(session.name, wire.pong(answered, parsed.request_id))
            case requests.Subscribe():
                session.subscribe(parsed.request)
                self._subscribed(session, parsed)
            case requests.Unsubscribe():
                session.unsubscribe(parsed.request, self._pairs)
                self._subscribed(session, parsed)
            case _:
                self._ask_hub(session, parsed)

    def _subscribed(self, session: Session, parsed: Parsed) -> None:
        topics, symbols = session.choices(self._pairs)
        view = SubscribedView(topics=topics, symbols=symbols)
        self.notices.reply(session.name, "subscribed", view, request_id=parsed.request_id, warnings=parsed.warnings)

    def _ask_hub(self, session: Session, parsed: Parsed) -> None:
        asked = ClientRequest(
            session=session.name,
            role=session.role,
            address=session.address,
            kind=parsed.kind,
            request=parsed.request,
            request_id=parsed.request_id,
            warnings=parsed.warnings,
            actors=self._actors() if isinstance(parsed.request, requests.GetHealth) else (),
        )
        if not self._tell("hub", asked):
            self._error(session, "internal", "The desk is restarting; try again in a moment.", parsed.request_id)

    def _actors(self) -> tuple[ActorStatusChanged, ...]:
        """Ask for the actors' states: it may wait, which an actor may not."""
        return tuple(_status(name, entry) for name, entry in self._health().items())

    def _error(self, session: Session, code: str, text: str, request_id: str | None) -> None:
        self.notices.reply(session.name, "error", ErrorView(code=code, message=text), request_id=request_id)


class Connections(Pool):
    """The greenlets of all connections; while it is full, none is accepted."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._room = size

    def widen(self, size: int) -> None:
        """Make room for `size`; never for fewer than before, as those that are open stay."""
        more = range(size - self._room)
        self.size = self._room = max(size, self._room)
        for _ in more:
            self._semaphore.release()  # type: ignore[attr-defined]  # not in the library's annotations


class _LogLines:
    """A file-like object for pywsgi's complaints about bad requests: DEBUG, they are the client's fault."""

    def write(self, text: str) -> None:
        log.debug("%s", text.rstrip())

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def flush(self) -> None:
        """Nothing is held back."""


def _status(name: str, entry: Mapping[str, object]) -> ActorStatusChanged:
    restarts, mailbox, error = entry.get("restarts"), entry.get("mailbox"), entry.get("last_error")
    return ActorStatusChanged(
        name=name,
        state=str(entry.get("state", "unknown")),
        restarts=restarts if isinstance(restarts, int) else 0,
        mailbox=mailbox if isinstance(mailbox, int) else 0,
        error=str(error) if error else None,
    )


def _refuse(start_response: StartResponse, denied: Denied) -> list[bytes]:
    headers = [("WWW-Authenticate", "Bearer")] if denied.status.startswith("401") else []
    return answer(start_response, denied.status, f"{denied.text}\n", headers=headers)


def _why_not(entry: Mapping[str, object] | None) -> str | None:
    """Return one sentence why an actor does not work; None when it does."""
    if not entry or "state" not in entry:
        return str(entry["problem"]) if entry and "problem" in entry else "It is not running."
    if entry["state"] != "running":
        error = entry.get("error") or entry.get("last_error")
        return f"It is {entry['state']}: {error}" if error else f"It is {entry['state']}."
    return str(entry["problem"]) if entry.get("problem") else None
