"""An OpenRouter-compatible endpoint: chat completions by rule-following and scripted models, prices, the key."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import gevent

from sim.faults import Fault
from sim.http import Answer, Dropped, Request, json_answer
from sim.personas import fitted, opinions
from sim.scripts import GOOD, Scripts, Step

CREATED = 1_735_689_600
# id: USD per million prompt tokens and per million completion tokens, provider
PRICES: dict[str, tuple[str, str, str]] = {
    "x-ai/grok-4": ("3", "15", "xAI"),
    "x-ai/grok-4.1-fast": ("0.2", "0.5", "xAI"),
    "anthropic/claude-sonnet-latest": ("3", "15", "Anthropic"),
    "anthropic/claude-sonnet-5": ("3", "15", "Anthropic"),
    "anthropic/claude-opus-5": ("5", "25", "Anthropic"),
    "anthropic/claude-haiku-4.5": ("1", "5", "Anthropic"),
    "openai/gpt-5.4": ("1.75", "14", "OpenAI"),
    "openai/gpt-5-mini": ("0.25", "2", "OpenAI"),
    "openai/gpt-5-nano": ("0.05", "0.4", "OpenAI"),
    "openai/gpt-4o-mini": ("0.15", "0.6", "OpenAI"),
    "google/gemini-3-flash-preview": ("0.5", "3", "Google"),
    "deepseek/deepseek-v3.2": ("0.28", "0.42", "DeepSeek"),
}
_UNLISTED = ("1", "4", "Simulated")
SCRIPTED = "scripted/"


class OpenRouter:
    """The service behind `/api/v1/` and `/v1/`.

    Models whose id is `maker/name` answer by rules; those of `scripted/<name>` play their script; ids without a maker
    are unknown.

    Args:
        think_seconds: how long a model takes.
        control: serves `POST /_sim/script/<name>` with a JSON list of steps.
    """

    def __init__(self, *, think_seconds: float = 0.3, control: bool = False) -> None:
        self.scripts = Scripts()
        self.requests: list[dict[str, Any]] = []  # bodies of the newest calls, for tests to look at
        self._think_seconds = think_seconds
        self._control = control
        self._spent = Decimal(0)

    def owns(self, path: str) -> bool:
        return path.startswith(("/api/v1/", "/v1/")) or (self._control and path.startswith("/_sim/script/"))

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/_sim/script/"):
            return self._set_script(request)
        path = request.path.removeprefix("/api").removeprefix("/v1").rstrip("/")
        if path == "/models" and request.method == "GET":
            models = [_model(name, *price) for name, price in PRICES.items()]
            return json_answer({"data": models, "total_count": len(models), "links": {"next": None}})
        if not _authorized(request):
            return _error(401, "No auth credentials found", "unauthorized")
        if path == "/key" and request.method == "GET":
            return json_answer({"data": self._key()})
        if path == "/chat/completions" and request.method == "POST":
            return self._complete(request)
        return _error(404, "Not Found", "not_found")

    def refusal(self, fault: Fault) -> Answer:
        retry = (("Retry-After", str(fault.retry_after)),) if fault.retry_after is not None else ()
        return _error(fault.status, "Provider returned error", "provider_unavailable", retry)

    def _set_script(self, request: Request) -> Answer:
        try:
            self.scripts.set(request.path.removeprefix("/_sim/script/"), request.json())
        except (ValueError, TypeError) as error:
            return json_answer({"error": str(error)}, status=400)
        return json_answer({})

    def _key(self) -> dict[str, Any]:
        own = {name: float(self._spent) for name in ("usage", "usage_daily", "usage_weekly", "usage_monthly")}
        return {
            "label": "sk-or-v1-simulated",
            "creator_user_id": None,
            "expires_at": None,
            "limit": None,
            "limit_remaining": None,
            "limit_reset": None,
            "include_byok_in_limit": False,
            **own,
            **{f"byok_{name}": 0 for name in own},
            "is_free_tier": False,
            "is_management_key": False,
            "is_provisioning_key": False,
            "rate_limit": {"requests": -1, "interval": "10s", "note": "This field is deprecated and safe to ignore."},
        }

    def _complete(self, request: Request) -> Answer:
        try:
            call = _checked(request.json())
        except ValueError as error:
            return _error(400, str(error), "invalid_request")
        self.requests = [*self.requests[-99:], call]
        model = call["model"]
        if model.startswith(SCRIPTED):
            step = self.scripts.next(model.removeprefix(SCRIPTED))
            if step is None:
                return _error(404, f"No endpoints found for {model}.", "not_found")
            return self._play(step, call)
        if "/" not in model:
            return _error(400, f"{model} is not a valid model ID", "invalid_request")
        gevent.sleep(self._think_seconds)
        return self._completion(call, Step(content=GOOD))

    def _play(self, step: Step, call: dict[str, Any]) -> Answer:
        gevent.sleep(step.delay_seconds)
        if step.body is None and step.status == 200:
            answer = self._completion(call, step)
        elif step.body is None:
            answer = _error(step.status, "Provider returned error", "server")
        else:
            text = step.body if isinstance(step.body, str) else json.dumps(step.body)
            answer = Answer(status=step.status, body=text.encode(), content_type=step.content_type)
        headers = answer.headers
        if step.retry_after is not None:
            headers = (*headers, ("Retry-After", str(step.retry_after)))
        chunks = answer.chunks
        if step.cut or step.drip_seconds:
            chunks = _broken(answer.body, step)
            headers = (*headers, ("Content-Length", str(len(answer.body))))
        return Answer(
            status=answer.status, body=answer.body, content_type=answer.content_type, headers=headers, chunks=chunks
        )

    def _completion(self, call: dict[str, Any], step: Step) -> Answer:
        content = _content(call, step)
        usage = _usage(call, content or "")
        self._spent += Decimal(str(usage["cost"]))
        whole = _completion(call, content, step, usage if step.usage else None)
        if call.get("stream") is True:
            body = b"".join(_events(whole, content or ""))
            return Answer(body=body, content_type="text/event-stream")
        return json_answer(whole)


def _authorized(request: Request) -> bool:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and bool(token.strip())


def _error(code: int, message: str, error_type: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    body = {"error": {"code": code, "message": message, "metadata": {"error_type": error_type}}}
    return json_answer(body, status=code, headers=headers)


def _checked(call: Any) -> dict[str, Any]:
    """Return the request body. Raises ValueError with the endpoint's text."""
    if not isinstance(call, dict):
        raise ValueError("Request body must be an object")
    if not isinstance(call.get("model"), str) or not call["model"]:
        raise ValueError("No models provided")
    messages = call.get("messages")
    good = isinstance(messages, list) and messages and all(_is_message(message) for message in messages)
    if not good:
        raise ValueError('Input required: specify "prompt" or "messages"')
    return call


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("role"), str) and "content" in message


def _content(call: dict[str, Any], step: Step) -> str | None:
    if step.content is None or GOOD not in step.content:
        return step.content
    schema = (call.get("response_format") or {}).get("json_schema") or {}
    said = fitted(opinions(call["model"], _prompts(call)), schema.get("schema"))
    return step.content.replace(GOOD, json.dumps(said))


def _prompts(call: dict[str, Any]) -> list[str]:
    return [_text(message["content"]) for message in call["messages"] if message["role"] == "user"]


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return str(content)


def _usage(call: dict[str, Any], content: str) -> dict[str, Any]:
    """Return the usage: four characters are counted as a token, the cost follows from the price list."""
    prompt = sum(len(_text(message["content"])) for message in call["messages"]) // 4 + 1
    completion = len(content) // 4 + 1
    prompt_price, completion_price, _ = PRICES.get(call["model"], _UNLISTED)
    prompt_cost, completion_cost = Decimal(prompt_price) * prompt, Decimal(completion_price) * completion
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "cost": float((prompt_cost + completion_cost) / 10**6),
        "is_byok": False,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
        "cost_details": {
            "upstream_inference_cost": None,
            "upstream_inference_prompt_cost": float(prompt_cost / 10**6),
            "upstream_inference_completions_cost": float(completion_cost / 10**6),
        },
    }


def _completion(call: dict[str, Any], content: str | None, step: Step, usage: dict[str, Any] | None) -> dict[str, Any]:
    digest = hashlib.sha256(json.dumps(call, sort_keys=True).encode()).hexdigest()
    created = int(time.time())
    message = {"role": "assistant", "content": content, "refusal": step.refusal, "reasoning": None}
    whole: dict[str, Any] = {
        "id": f"gen-{created}-{digest[:20]}",
        "provider": PRICES.get(call["model"], _UNLISTED)[2],
        "model": call["model"],
        "object": "chat.completion",
        "system_fingerprint": None,
        "created": created,
        "choices": [
            {
                "logprobs": None,
                "finish_reason": step.finish_reason,
                "native_finish_reason": step.finish_reason,
                "index": 0,
                "message": message,
            }
        ],
    }
    if usage is not None:
        whole["usage"] = usage
    return whole


def _events(whole: dict[str, Any], content: str) -> Iterator[bytes]:
    yield b": OPENROUTER PROCESSING\n\n"
    choice = {"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    chunk = {**whole, "object": "chat.completion.chunk", "choices": [choice]}
    yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def _broken(body: bytes, step: Step) -> Iterator[bytes]:
    """Yield the body byte by byte, or its first half and then cut the connection."""
    if step.cut:
        yield body[: len(body) // 2]
        raise Dropped
    for place in range(len(body)):
        yield body[place : place + 1]
        gevent.sleep(step.drip_seconds)


def _model(name: str, prompt: str, completion: str, provider: str) -> dict[str, Any]:
    return {
        "id": name,
        "canonical_slug": name,
        "name": f"{provider}: {name.partition('/')[2]}",
        "created": CREATED,
        "description": "A rule-following model of the simulated endpoint.",
        "context_length": 200_000,
        "architecture": {
            "modality": "text->text",
            "input_modalities": ["text"],
            "output_modalities": ["text"],
            "tokenizer": "Other",
            "instruct_type": None,
        },
        "pricing": {
            "prompt": _per_token(prompt),
            "completion": _per_token(completion),
            "request": "0",
            "image": "0",
        },
        "top_provider": {"context_length": 200_000, "max_completion_tokens": 32_000, "is_moderated": False},
        "per_request_limits": None,
        "default_parameters": None,
        "supported_voices": None,
        "links": {"details": f"/api/v1/models/{name}/endpoints"},
        "supported_parameters": ["max_tokens", "temperature", "response_format", "structured_outputs"],
    }


def _per_token(usd_per_million: str) -> str:
    return format((Decimal(usd_per_million) / 10**6).normalize(), "f")
