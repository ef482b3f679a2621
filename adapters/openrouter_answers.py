"""What the endpoint's HTTP answers mean. Every field may be absent, null or of another type: all of it is checked.

Recorded and reported shapes: an `error` object inside HTTP 200, text instead of JSON, `choices` null or empty, null
content, a refusal, a cut-off answer, usage without cost.
"""

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

DETAIL_LENGTH = 240
SAID_LENGTH = 8000  # of an error, looked through for its reason
TRANSIENT_TYPES = frozenset({"rate_limit_exceeded", "provider_overloaded", "provider_unavailable", "timeout", "server"})
HOPELESS_TYPES = frozenset(
    {
        "unauthorized",
        "payment_required",
        "content_policy_violation",
        "context_length_exceeded",
        "invalid_request",
        "not_found",
    }
)
HOPELESS_CODES = frozenset({400, 401, 402, 403, 404, 413})
# What servers say that know no schema: 400 and 422 of a check, 404 of OpenRouter's require_parameters, 500 and 501 of
# small servers that fail of the field.
_NO_SCHEMA_CODES = frozenset({400, 404, 415, 422, 500, 501})
_NO_SCHEMA_WORDS = ("response_format", "json_schema", "structured output", "structured_output", "requested parameters")
_STATUS_WORDS = {
    400: "the request was not accepted",
    401: "the key was not accepted",
    402: "the account has no credits left",
    403: "the request is not allowed",
    408: "the endpoint ran out of time",
    413: "the request is too long",
    429: "too many requests",
    502: "the model's provider failed",
    503: "no provider of the model is available",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one try came to; the fields as in ModelAnswer."""

    outcome: str
    text: str = ""
    detail: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: Decimal | None = None  # None: not said
    model: str = ""
    transient: bool = False
    http_status: int | None = None
    retry: bool = False  # worth a second try at once
    retry_after_seconds: float | None = None
    hopeless: bool = False  # the same question would fail again
    no_schema: bool = False  # the endpoint does not take a JSON schema
    cached_tokens: int | None = None  # of the prompt, by the provider's cache


def read_body(status: int, body: str) -> Reading:
    """Return what an HTTP answer that reported no failure by its status means."""
    data = _json(body)
    if data is None:
        return Reading(outcome="error", detail=f"HTTP {status} with something that is not JSON", http_status=status)
    known = replace(_usage(data), http_status=status, model=_text(data.get("model")))
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    failure = data.get("error") or choice.get("error")
    if failure:
        what, transient = _failure(failure)
        code = _code(failure)
        return replace(
            known,
            outcome="error",
            detail=f"error inside HTTP {status}: {what}",
            transient=transient,
            hopeless=not transient and (code in HOPELESS_CODES or _kind(failure) in HOPELESS_TYPES),
            no_schema=_is_about_schema(code or 0, body),
        )
    return _read_choice(choice, known)


def error_reading(status: int, body: str, *, retry_after: str | None, retry: bool, model: str) -> Reading:
    """Return what an HTTP answer with an error status means: OpenRouter sends one when nothing was generated."""
    data = _json(body) or {}
    failure = data.get("error") or {}
    what, _ = _failure(failure)
    availability = failure.get("availability") if isinstance(failure, dict) else None
    told = availability if isinstance(availability, dict) else {}
    wait = _seconds(retry_after)
    words = _STATUS_WORDS.get(status, "the endpoint failed" if status >= 500 else "the request failed")
    if status == 404:
        words = f"no endpoint serves {model} with a strict JSON schema: check the model's id in the settings"
    return Reading(
        outcome="error",
        detail=_bounded(f"HTTP {status}: {words}" + (f" ({what})" if what else "")),
        cost_usd=None if status in (504, 524) else Decimal(0),  # behind a gateway's limit the model may have worked
        transient=retry,
        http_status=status,
        retry=retry and told.get("retryable") is not False,
        retry_after_seconds=_wait(told.get("retry_after")) if wait is None else wait,
        hopeless=status in HOPELESS_CODES,
        no_schema=_is_about_schema(status, body),
    )


def _read_choice(choice: dict[str, Any], known: Reading) -> Reading:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    text, finish = _content(message.get("content")), choice.get("finish_reason")
    refusal = _text(message.get("refusal"))
    if refusal or finish == "content_filter":
        return replace(known, outcome="refused", text=text, detail=_bounded(refusal or "the content filter stopped it"))
    if finish == "length":
        return replace(known, outcome="cut_off", text=text, detail="the token limit was reached")
    if finish == "error":
        return replace(known, outcome="error", detail="the provider failed while it answered", transient=True)
    if not text.strip():
        return replace(known, outcome="empty", detail="no content" if message else "no choices")
    return replace(known, outcome="ok", text=text)


def _content(value: object) -> str:
    if isinstance(value, list):  # content parts
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return _text(value)


def _usage(data: dict[str, Any]) -> Reading:
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    return Reading(
        outcome="ok",
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        cost_usd=_amount(usage.get("cost")),
        cached_tokens=_count(details.get("cached_tokens")) if isinstance(details, dict) else None,
    )


def _failure(error: object) -> tuple[str, bool]:
    """Return (what an error object says, whether another call later may work)."""
    if not isinstance(error, dict):
        return _bounded(_text(error)), False
    metadata = error.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    code, kind = error.get("code"), _text(metadata.get("error_type"))
    said = [_text(error.get("message")), kind, _text(metadata.get("provider_name")), _text(metadata.get("raw"))]
    transient = kind in TRANSIENT_TYPES or (isinstance(code, Decimal) and (code in (408, 429) or code >= 500))
    return _bounded(", ".join(each for each in said if each)), transient


def _code(error: object) -> int | None:
    code = error.get("code") if isinstance(error, dict) else None
    return int(code) if isinstance(code, Decimal) and code.is_finite() and 0 <= code < 1000 else None


def _kind(error: object) -> str:
    metadata = error.get("metadata") if isinstance(error, dict) else None
    return _text(metadata.get("error_type")) if isinstance(metadata, dict) else ""


def _is_about_schema(code: int, body: str) -> bool:
    said = body[:SAID_LENGTH].lower()
    return code in _NO_SCHEMA_CODES and any(words in said for words in _NO_SCHEMA_WORDS)


def _wait(value: object) -> float | None:
    return float(value) if isinstance(value, Decimal) and value.is_finite() and 0 <= value < 100_000 else None


def _json(body: str) -> dict[str, Any] | None:
    try:
        data = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _bounded(text: str) -> str:
    printable = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return printable if len(printable) <= DETAIL_LENGTH else printable[: DETAIL_LENGTH - 1] + "…"


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, Decimal) and value.is_finite() and 0 <= value < 10**9 else None


def _amount(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) and value.is_finite() and 0 <= value < 10**6 else None


def _seconds(value: str | None) -> float | None:
    return float(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else None
