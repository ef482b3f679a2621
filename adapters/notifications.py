"""Webhook and Telegram: the NotificationChannels port. Errors name no address and no token."""

from datetime import UTC, datetime

import msgspec
import requests

from adapters.http import post
from domain.errors import PermanentError, SourceUnavailable
from domain.notifications import NotificationText

WEBHOOK, TELEGRAM = "webhook", "telegram"
TELEGRAM_URL = "https://api.telegram.org"
TIMEOUT_SECONDS = 10.0
LATER = frozenset({408, 425, 429})  # and all from 500 on


class NotificationChannelsByHttp:
    """The channels that the settings name; `configure` may be called at any time.

    Args:
        telegram_url: of the Bot API.
        timeout_seconds: for one whole call.
    """

    def __init__(self, *, telegram_url: str = TELEGRAM_URL, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._telegram_url = telegram_url
        self._timeout_seconds = timeout_seconds
        self._addresses: dict[str, str] = {}
        self._chat_id = ""
        self._session = requests.Session()

    def configure(self, *, webhook_url: str | None, telegram_chat_id: str | None, telegram_token: str | None) -> None:
        """Take over the channels of the settings. A chat without a token is none."""
        self._addresses = {}
        if webhook_url is not None:
            self._addresses[WEBHOOK] = webhook_url
        if telegram_chat_id is not None and telegram_token:
            self._addresses[TELEGRAM] = f"{self._telegram_url}/bot{telegram_token}/sendMessage"
            self._chat_id = telegram_chat_id

    def names(self) -> tuple[str, ...]:
        """Return the channels there are now."""
        return tuple(self._addresses)

    def send(self, name: str, message: NotificationText) -> None:
        """Send one message; blocks the calling greenlet for `timeout_seconds` at most.

        Raises:
            SourceUnavailable: no answer, 5xx, 408, 425 or 429; after `retry_after_seconds` if given.
            PermanentError: refused, or redirected elsewhere.
        """
        address = self._addresses.get(name)
        if address is None:
            raise PermanentError(f"{name} is not in the settings any more")
        body = _telegram_body(self._chat_id, message) if name == TELEGRAM else _webhook_body(message)
        status, answer, after = post(
            self._session, address, what=name, body=body, timeout_seconds=self._timeout_seconds
        )
        _check(name, status, answer, after)


def _webhook_body(message: NotificationText) -> dict[str, object]:
    """Return what Slack, Mattermost and their like show as it is (`text`), and the events for programs."""
    events = [{"kind": each.kind, "text": each.text, "time": _iso(each.at_ms)} for each in message.notices]
    return {"text": message.text, "source": "quorum", "events": events, "left_out": message.left_out}


def _telegram_body(chat_id: str, message: NotificationText) -> dict[str, object]:
    return {"chat_id": chat_id, "text": message.text, "link_preview_options": {"is_disabled": True}}


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _check(name: str, status: int, answer: bytes, after: float | None) -> None:
    if 200 <= status < 300:
        return
    if status in LATER or status >= 500:
        asked = after if name != TELEGRAM else _telegram_after(answer) or after
        raise SourceUnavailable(f"{name} answered HTTP {status}", retry_after_seconds=asked)
    if 300 <= status < 400:
        raise PermanentError(f"{name} must be the final address, answered HTTP {status}: no redirect is followed")
    raise PermanentError(f"{name} must take the message, answered HTTP {status}")


class _Parameters(msgspec.Struct):
    retry_after: int | float = 0


class _TelegramError(msgspec.Struct):
    parameters: _Parameters = msgspec.field(default_factory=_Parameters)


def _telegram_after(answer: bytes) -> float | None:
    """Return the seconds that an error of the Bot API asks for: `{"ok": false, "parameters": {"retry_after": 5}}`."""
    try:
        seconds = float(msgspec.json.decode(answer, type=_TelegramError).parameters.retry_after)
    except (msgspec.DecodeError, RecursionError, OverflowError):
        return None
    return seconds if 0 < seconds < float("inf") else None
