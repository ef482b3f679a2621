"""Scripted models: `scripted/<name>` plays a list of answers, good and hostile, one after the other."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

GOOD = "<opinions>"  # stands for what a rule-following model would say


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One answer of a scripted model.

    `content` becomes a normal completion (GOOD inside it is replaced by rule-following opinions); `body`, where given,
    is the whole HTTP body instead: text as it is, anything else as JSON.
    """

    content: str | None = None
    body: Any = None
    status: int = 200
    retry_after: int | None = None
    finish_reason: str = "stop"
    refusal: str | None = None
    delay_seconds: float = 0.0  # before the answer
    drip_seconds: float = 0.0  # between two bytes of the body
    cut: bool = False  # the connection is cut in the middle of the body
    usage: bool = True  # whether the answer says what it cost
    content_type: str = "application/json"


def step_from_json(raw: object) -> Step:
    """Build a step: text is a content, a number an HTTP status, an object the fields of Step. Raises ValueError."""
    if isinstance(raw, str):
        return Step(content=raw)
    if isinstance(raw, int) and not isinstance(raw, bool):
        return Step(status=raw)
    names = {item.name for item in fields(Step)}
    if not isinstance(raw, Mapping) or not set(raw) <= names:
        raise ValueError(f"a step must be text, a status or an object of {', '.join(sorted(names))}, was {raw!r:.200}")
    return Step(**raw)


def _error(code: int, message: str, error_type: str, **metadata: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "metadata": {"error_type": error_type, **metadata}}}


def _opinion(**changes: Any) -> str:
    opinion: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "action": "BUY",
        "confidence": 0.7,
        "sentiment": 0.2,
        "horizon_minutes": 30,
        "stop_loss": None,
        "take_profit": None,
        "risk_level": "low",
        "reasoning": "scripted",
    }
    return json.dumps({"opinions": [{**opinion, **changes}]})


# What models and their brokers have been seen to do, for whoever names `scripted/<name>` in the settings.
LIBRARY: dict[str, Sequence[Step]] = {
    "good": [Step(content=GOOD)],
    "fenced": [Step(content=f"```json\n{GOOD}\n```")],
    "prose": [Step(content="I think Bitcoin looks strong here, but always do your own research.")],
    "not-json": [Step(content='{"opinions": [{"symbol": "BTCUSDT", "action": BUY}]}')],
    "empty-content": [Step(content="")],
    "empty-then-good": [Step(content=""), Step(content=GOOD)],
    "bad-then-good": [Step(content="Sure! Here are my thoughts."), Step(content=GOOD)],
    "missing-symbol": [Step(content='{"opinions": []}')],
    "unknown-symbol": [Step(content=_opinion(symbol="NOSUCHUSDT"))],
    "out-of-range": [Step(content=_opinion(confidence=7))],
    "not-a-number": [Step(content='{"opinions": [{"symbol": "BTCUSDT", "action": "BUY", "confidence": NaN}]}')],
    "wrong-side-stop": [Step(content=_opinion(stop_loss=10**9, take_profit=0.01))],
    "bad-action": [Step(content=_opinion(action="LONG"))],
    "cut-off": [Step(content='{"opinions": [{"symbol": "BTCUSDT", "action": "BU', finish_reason="length")],
    "refusal": [Step(content=None, refusal="I can't help with financial advice.")],
    "empty-choices": [Step(body={"id": "gen-empty", "object": "chat.completion", "choices": []})],
    "error-in-200": [
        Step(
            body=_error(502, "Provider returned error", "provider_unavailable", provider_name="Simulated", raw="reset")
        )
    ],
    "html": [Step(body="<html><body>Bad gateway</body></html>", content_type="text/html")],
    "broken-body": [Step(body='{"id": "gen-broken", "choices": [')],
    "rate-limited": [Step(body=_error(429, "Rate limit exceeded", "rate_limit_exceeded"), status=429, retry_after=2)],
    "rate-limited-once": [
        Step(body=_error(429, "Rate limit exceeded", "rate_limit_exceeded"), status=429, retry_after=1),
        Step(content=GOOD),
    ],
    "no-credits": [Step(body=_error(402, "Insufficient credits", "payment_required"), status=402)],
    "unauthorized": [Step(body=_error(401, "No auth credentials found", "unauthorized"), status=401)],
    "no-endpoints": [Step(body=_error(404, "No endpoints found for this model", "not_found"), status=404)],
    "server-error": [Step(body=_error(500, "Internal Server Error", "server"), status=500)],
    "overloaded": [Step(body=_error(503, "Provider overloaded", "provider_overloaded"), status=503, retry_after=1)],
    "slow": [Step(content=GOOD, delay_seconds=20.0)],
    "drip": [Step(content=GOOD, drip_seconds=0.5)],
    "cut-connection": [Step(content=GOOD, cut=True)],
    "no-usage": [Step(content=GOOD, usage=False)],
}


class Scripts:
    """The scripts and how far each has been played; the last step repeats."""

    def __init__(self) -> None:
        self._scripts: dict[str, tuple[Step, ...]] = {name: tuple(steps) for name, steps in LIBRARY.items()}
        self._played: dict[str, int] = {}

    def set(self, name: str, steps: Sequence[Step | str | int | Mapping[str, Any]]) -> None:
        """Set the script of `scripted/<name>`, to be played from its beginning. Raises ValueError."""
        if not steps:
            raise ValueError("a script must have at least one step")
        self._scripts[name] = tuple(step if isinstance(step, Step) else step_from_json(step) for step in steps)
        self._played[name] = 0

    def next(self, name: str) -> Step | None:
        """Return the next step of `name`; None where there is no such script."""
        steps = self._scripts.get(name)
        if steps is None:
            return None
        played = self._played.get(name, 0)
        self._played[name] = played + 1
        return steps[min(played, len(steps) - 1)]
