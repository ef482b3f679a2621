"""The dashboard's files and the plain answers, with the headers that keep other pages out."""

import mimetypes
from collections.abc import Callable, Iterable
from pathlib import Path

Headers = list[tuple[str, str]]
StartResponse = Callable[[str, Headers], object]

SECURITY_HEADERS: Headers = [
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"),
]

NOT_BUILT = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Quorum</title></head>
<body><h1>Quorum is running</h1>
<p>The dashboard is not built yet. Run <code>make setup</code> in the project's folder and load this page again.</p>
<p>The desk itself works: its WebSocket is on this address, its state under <a href="/readyz">/readyz</a>.</p>
</body></html>
"""

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


def answer(
    start_response: StartResponse,
    status: str,
    body: bytes | str,
    *,
    content_type: str = "text/plain; charset=utf-8",
    headers: Iterable[tuple[str, str]] = (),
    cache: str = "no-store",
) -> list[bytes]:
    """Answer one HTTP request whole."""
    content = body.encode() if isinstance(body, str) else body
    start_response(
        status,
        [
            ("Content-Type", content_type),
            ("Content-Length", str(len(content))),
            ("Cache-Control", cache),
            *SECURITY_HEADERS,
            *headers,
        ],
    )
    return [content]


class Pages:
    """The built dashboard below `root`; nothing outside of it is ever read."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def serve(self, path: str, start_response: StartResponse) -> list[bytes]:
        """Answer GET or HEAD of a path as the WSGI environment has it: decoded, starting with a slash."""
        if path in ("/", "/index.html"):
            index = self._root / "index.html"
            if not index.is_file():
                return answer(start_response, "503 Service Unavailable", NOT_BUILT, content_type=_TYPES[".html"])
            return answer(start_response, "200 OK", index.read_bytes(), content_type=_TYPES[".html"], cache="no-cache")
        found = self._find(path)
        if found is None:
            return answer(start_response, "404 Not Found", "There is nothing under that address.")
        kind = _TYPES.get(found.suffix) or mimetypes.guess_type(found.name)[0] or "application/octet-stream"
        hashed = path.startswith("/assets/")  # the bundler puts a hash of the content into these names
        cache = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return answer(start_response, "200 OK", found.read_bytes(), content_type=kind, cache=cache)

    def _find(self, path: str) -> Path | None:
        steps = path.split("/")[1:]
        if not steps or any(not step or step.startswith(".") or set(step) & set("\\\0:") for step in steps):
            return None
        try:
            found = self._root.joinpath(*steps).resolve()
            return found if found.is_relative_to(self._root) and found.is_file() else None
        except (OSError, ValueError):  # a name no file can have
            return None
