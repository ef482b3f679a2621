"""Who may connect: Host and Origin, tokens and roles, wrong guesses counted per address.

A browser on another page must not reach the desk: the Host must be the server's own name (DNS rebinding), an Origin the
server's own or an allowed one. Tokens are compared in constant time and never written anywhere.
"""

import hashlib
import hmac
import ipaddress
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Protocol
from urllib.parse import urlsplit

from domain.errors import SettingsError

COOKIE = "quorum_session"
COOKIE_SECONDS = 30 * 86400
MIN_TOKEN = 32  # characters, where the port is open to other machines
WRONG_PER_MINUTE = 10
_MAX_ADDRESSES = 10_000

Environ = Mapping[str, object]


class ServerSettings(Protocol):
    """The section `server` of the settings."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def allowed_origins(self) -> tuple[str, ...]: ...
    @property
    def max_sessions(self) -> int: ...
    @property
    def max_message_bytes(self) -> int: ...
    @property
    def messages_per_second(self) -> int: ...
    @property
    def price_updates_per_second(self) -> int: ...
    @property
    def trusted_proxies(self) -> tuple[str, ...]: ...
    @property
    def metrics_public(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Grant:
    """The request may go on."""

    role: str  # operator | viewer
    address: str
    secure: bool  # the client speaks TLS (to a trusted proxy)


@dataclass(frozen=True, slots=True)
class Denied:
    """The request ends here."""

    status: str
    text: str
    address: str


def is_loopback(host: str) -> bool:
    """Return whether a server bound to `host` can be reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Access:
    """Decides about requests. `port` is the one really bound."""

    def __init__(
        self, *, settings: ServerSettings, port: int, operator_token: str | None, viewer_token: str | None
    ) -> None:
        """
        Raises:
            SettingsError: the port would be open to other machines without an operator token of 32 characters.
        """
        if not is_loopback(settings.host) and len(operator_token or "") < MIN_TOKEN:
            raise SettingsError(
                f"HUB_OPERATOR_TOKEN: must have at least {MIN_TOKEN} characters where server.host is not loopback, "
                f"had {len(operator_token or '')}"
            )
        self._settings = settings
        self._port = port
        self._tokens = tuple(
            (role, token) for role, token in (("operator", operator_token), ("viewer", viewer_token)) if token
        )
        self._proxies = tuple(ipaddress.ip_network(item) for item in settings.trusted_proxies)
        self._wrong: dict[str, tuple[float, int]] = {}  # address -> start of its minute, wrong tokens in it

    def admit(self, environ: Environ) -> Grant | Denied:
        """Return the role of a request, or why it is refused."""
        checked = self.check_site(environ)
        if isinstance(checked, Denied):
            return checked
        address, secure = checked
        if not self._tokens:
            return Grant("operator", address, secure)
        tokens, cookie = self._given(environ), _cookie(_text(environ, "HTTP_COOKIE"))
        roles = [*map(self._role, tokens), *([self._role_of_cookie(cookie)] if cookie else [])]
        role = next((role for role in roles if role is not None), None)
        if role is not None:
            return Grant(role, address, secure)
        return self.wrong(address) if roles else Denied("401 Unauthorized", "A token is needed.", address)

    def check_site(self, environ: Environ) -> tuple[str, bool] | Denied:
        """Return the client's address and whether it speaks TLS; refuse a foreign Host or Origin."""
        peer = _text(environ, "REMOTE_ADDR")
        trusted = self.is_proxy(peer)
        address = self._forwarded_for(environ, peer) if trusted else peer
        scheme = (_first(environ, "HTTP_X_FORWARDED_PROTO") if trusted else "") or "http"
        host = ((_first(environ, "HTTP_X_FORWARDED_HOST") if trusted else "") or _text(environ, "HTTP_HOST")).lower()
        if not self._is_own(host, scheme, environ, trusted=trusted):
            return Denied("421 Misdirected Request", "This server does not answer under that name.", address)
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and str(origin).lower() not in {f"{scheme}://{host}", *self._settings.allowed_origins}:
            return Denied("403 Forbidden", "Pages of that origin may not connect.", address)
        return address, scheme == "https"

    def login(self, token: str, address: str) -> str | Denied:
        """Return the cookie's value for a right token."""
        role = self._role(token)
        return self.wrong(address) if role is None else self._derived(token)

    @property
    def open(self) -> bool:
        """Whether no token is configured."""
        return not self._tokens

    def wrong(self, address: str) -> Denied:
        """Count a wrong token. The right one is let in however often a wrong one came before."""
        now = time.monotonic()
        start, count = self._wrong.pop(address, (now, 0))
        if now - start >= 60:
            start, count = now, 0
        self._wrong[address] = (start, count + 1)
        while len(self._wrong) > _MAX_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]
        if count + 1 > WRONG_PER_MINUTE:
            return Denied("429 Too Many Requests", "Too many wrong tokens; wait a minute.", address)
        return Denied("401 Unauthorized", "That token is not right.", address)

    # --- tokens --------------------------------------------------------------------------------------------------

    def _given(self, environ: Environ) -> list[str]:
        given: list[str] = []
        scheme, _, value = _text(environ, "HTTP_AUTHORIZATION").partition(" ")
        if scheme.lower() == "bearer":
            given.append(value.strip())
        for item in _text(environ, "HTTP_SEC_WEBSOCKET_PROTOCOL").split(","):
            if item.strip().startswith("bearer."):
                given.append(item.strip().removeprefix("bearer."))
        return given

    def _role(self, given: str) -> str | None:
        return _matching(given, self._tokens)

    def _role_of_cookie(self, given: str) -> str | None:
        return _matching(given, [(role, self._derived(token)) for role, token in self._tokens])

    @staticmethod
    def _derived(token: str) -> str:
        return hmac.new(token.encode(), b"quorum session cookie", hashlib.sha256).hexdigest()

    # --- names and addresses -------------------------------------------------------------------------------------

    def _is_own(self, host: str, scheme: str, environ: Environ, *, trusted: bool) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        if not name or parts.username is not None or parts.path or parts.query:
            return False
        if trusted and any(urlsplit(item).netloc == host for item in self._settings.allowed_origins):
            return True
        if (port or (443 if scheme == "https" else 80)) != self._port:
            return False
        own = {self._settings.host, "localhost", socket.gethostname().lower(), _text(environ, "quorum.local_address")}
        own |= {urlsplit(item).hostname or "" for item in self._settings.allowed_origins if _port(item) == self._port}
        return name in own or is_loopback(name)

    def is_proxy(self, address: str) -> bool:
        """Return whether what a request from `address` says of its client is believed."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._proxies)

    def _forwarded_for(self, environ: Environ, peer: str) -> str:
        """Return the nearest address of the chain that is no trusted proxy."""
        chain = [item.strip() for item in _text(environ, "HTTP_X_FORWARDED_FOR").split(",") if item.strip()]
        for address in reversed(chain):
            if not self.is_proxy(address):
                return address[:64]
        return peer


def _matching(given: str, right: Iterable[tuple[str, str]]) -> str | None:
    """Compare with every token, always, so that the time says nothing."""
    found = None
    for role, token in right:
        if hmac.compare_digest(given.encode(), token.encode()) and found is None:
            found = role
    return found


def _text(environ: Environ, name: str) -> str:
    return str(environ.get(name) or "")


def _first(environ: Environ, name: str) -> str:
    return _text(environ, name).split(",")[0].strip().lower()


def _port(origin: str) -> int | None:
    parts = urlsplit(origin)
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _cookie(header: str) -> str:
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""
