"""Webhook and Telegram against a real server on loopback, in good and bad moods. No error names an address or token."""

import json
import logging

import gevent
import pytest
from gevent.server import StreamServer

from adapters.notifications import NotificationChannelsByHttp
from domain.errors import PermanentError, SourceUnavailable
from domain.notifications import Notice, NotificationText

NOW = 1_767_225_600_000
TOKEN = "123456:AAbot-token-AA"
PATH = "/services/T000/hook-secret"
MESSAGE = NotificationText(text="Quorum: Bought", notices=(Notice(kind="fill", text="Bought", at_ms=NOW),), left_out=2)


class Server:
    """Answers every request with `reply` (bytes, or a function of the socket); keeps what was asked."""

    def __init__(self):
        self.reply = answer(200, b"ok")
        self.requests = []
        self._server = StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def _serve(self, sock, _):
        data = b""
        while b"\r\n\r\n" not in data:
            data += sock.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        while len(body) < length:
            body += sock.recv(65536)
        self.requests.append((head.split(b"\r\n")[0].decode(), json.loads(body)))
        if callable(self.reply):
            self.reply(sock)
        else:
            sock.sendall(self.reply)
        sock.close()

    def stop(self):
        self._server.stop(timeout=0)


def answer(status, body=b"", *headers):
    lines = [f"HTTP/1.1 {status} X", *headers, f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
def server():
    made = Server()
    yield made
    made.stop()


@pytest.fixture
def channels(server):
    made = NotificationChannelsByHttp(telegram_url=server.address, timeout_seconds=5.0)
    made.configure(webhook_url=server.address + PATH, telegram_chat_id="-100123", telegram_token=TOKEN)
    return made


def test_the_channels_are_those_of_the_settings(channels):
    assert channels.names() == ("webhook", "telegram")
    channels.configure(webhook_url=None, telegram_chat_id="@desk", telegram_token=None)
    assert channels.names() == ()
    with pytest.raises(PermanentError, match="not in the settings"):
        channels.send("webhook", MESSAGE)


def test_a_webhook_gets_the_text_and_the_events(channels, server):
    channels.send("webhook", MESSAGE)
    ((line, body),) = server.requests
    assert line == f"POST {PATH} HTTP/1.1"
    assert body == {
        "text": "Quorum: Bought",
        "source": "quorum",
        "events": [{"kind": "fill", "text": "Bought", "time": "2026-01-01T00:00:00.000+00:00"}],
        "left_out": 2,
    }


def test_a_chat_gets_the_text_by_the_bot_api(channels, server):
    server.reply = answer(200, b'{"ok": true, "result": {}}')
    channels.send("telegram", MESSAGE)
    ((line, body),) = server.requests
    assert line == f"POST /bot{TOKEN}/sendMessage HTTP/1.1"
    assert body == {"chat_id": "-100123", "text": "Quorum: Bought", "link_preview_options": {"is_disabled": True}}


RETRY = (
    b'{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 11","parameters":{"retry_after":11}}'
)


@pytest.mark.parametrize(
    ("name", "reply", "seconds"),
    [
        ("webhook", answer(500), None),
        ("webhook", answer(503, b"", "Retry-After: 9"), 9),
        ("webhook", answer(429, b"slow down", "Retry-After: 3"), 3),
        ("webhook", answer(429, RETRY), None),  # only the Bot API says it so
        ("telegram", answer(429, RETRY), 11),
        ("telegram", answer(429, b"not json", "Retry-After: 4"), 4),
        ("telegram", answer(429, b'{"parameters":{"retry_after":1e999}}'), None),
        ("telegram", answer(429, b'{"parameters":{"retry_after":-5}}'), None),
        ("telegram", answer(502, b"<html>"), None),
        ("webhook", b"\x00\x01 garbage \xff\r\n\r\n", None),
        ("webhook", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", None),
        ("webhook", b"", None),
        ("webhook", answer(200, b"x" * 70_000), None),
    ],
)
def test_what_may_work_later_says_so_and_when(channels, server, name, reply, seconds):
    server.reply = reply
    with pytest.raises(SourceUnavailable) as caught:
        channels.send(name, MESSAGE)
    assert caught.value.retry_after_seconds == seconds
    assert_silent(caught.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
@pytest.mark.parametrize("name", ["webhook", "telegram"])
def test_what_is_refused_for_good_says_so(channels, server, name, status):
    server.reply = answer(status, f"bad token {TOKEN} {PATH}".encode())
    with pytest.raises(PermanentError, match=f"HTTP {status}") as caught:
        channels.send(name, MESSAGE)
    assert_silent(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(channels, server, status):
    inside = Server()
    server.reply = answer(status, b"", f"Location: {inside.address}/latest/meta-data")
    with pytest.raises(PermanentError, match="no redirect is followed"):
        channels.send("webhook", MESSAGE)
    gevent.sleep(0)
    assert (len(server.requests), inside.requests) == (1, [])
    inside.stop()


def dribble(sock):
    """Send a byte now and then, for ever: no single read ever times out."""
    sock.sendall(b"HTTP/1.1 200 OK\r\n")
    try:
        while True:
            sock.sendall(b"X-Slow: 1\r\n")
            gevent.sleep(0.02)
    except OSError:
        pass


@pytest.mark.parametrize("mood", [lambda sock: gevent.sleep(30), dribble])
def test_a_slow_server_costs_no_more_than_the_limit(server, mood):
    channels = NotificationChannelsByHttp(telegram_url=server.address, timeout_seconds=0.3)
    channels.configure(webhook_url=None, telegram_chat_id="1", telegram_token=TOKEN)
    server.reply = mood
    with pytest.raises(SourceUnavailable) as caught:
        channels.send("telegram", MESSAGE)
    assert_silent(caught.value)


@pytest.mark.parametrize("name", ["webhook", "telegram"])
def test_a_server_that_is_gone_cannot_be_reached(channels, server, name):
    server.stop()
    with pytest.raises(SourceUnavailable, match="cannot be reached") as caught:
        channels.send(name, MESSAGE)
    assert_silent(caught.value)


def test_the_library_logs_neither_address_nor_token(channels, server, caplog):
    caplog.set_level(logging.INFO)
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # as adapters.logs does
    server.reply = answer(500)
    for name in channels.names():
        with pytest.raises(SourceUnavailable):
            channels.send(name, MESSAGE)
    assert TOKEN not in caplog.text and "hook-secret" not in caplog.text


def assert_silent(error):
    """Neither the error nor what it comes from names the address or the token where a log would show it."""
    shown = f"{error!r} {error.__cause__!r}"
    assert "127.0.0.1" not in shown and TOKEN not in shown and "hook-secret" not in shown
    assert error.__context__ is None or error.__suppress_context__
