"""The model endpoint against recorded exchanges, hostile answers and the simulated OpenRouter, on real sockets."""

import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import gevent
import pytest

from adapters import openrouter, openrouter_bounds
from adapters.openrouter import OpenRouterEndpoint
from adapters.openrouter_answers import read_body
from adapters.openrouter_prices import read_prices
from adapters.openrouter_requests import EndpointRules, is_openrouter
from domain.opinions import View, parse_answer
from domain.ports import ModelAnswer
from domain.prompts import ANSWER_SCHEMA, system_prompt, user_prompt
from sim.world import World
from tests.analysis_values import DATA, NOW_MS, features
from tests.model_server import PRICES, ModelServer, serving

KEY = "sk-or-v1-0123456789abcdef"
RECORDED: dict[str, Any] = json.loads((DATA / "openrouter_exchanges.json").read_text())
CAP = Decimal("0.05")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving() as played:
        yield played


@pytest.fixture
def endpoint(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenRouterEndpoint]:
    monkeypatch.setattr(openrouter, "RETRY_AFTER_SECONDS", 0.0)
    made = OpenRouterEndpoint(base_url=server.url, api_key=KEY, max_cost_usd_per_call=CAP)
    yield made
    made.close()


def _ask(endpoint: OpenRouterEndpoint, *, model: str = "openai/gpt-5-mini", seconds: float = 5.0) -> ModelAnswer:
    return endpoint.complete(
        model=model,
        messages=(("system", "Be brief."), ("user", "Speak.")),
        schema=ANSWER_SCHEMA,
        timeout_seconds=seconds,
        max_completion_tokens=500,
    )


def _completion(content: object, **choice: object) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **({"refusal": choice.pop("refusal")} if choice else {})}
    return {"choices": [{"index": 0, "finish_reason": "stop", "message": message, **choice}]}


def _play_recorded(server: ModelServer, name: str) -> None:
    server.play(RECORDED[name]["status"], RECORDED[name]["body"])


# --- recorded answers -------------------------------------------------------------------------------------------------


def test_a_recorded_answer_with_cost_is_read(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    _play_recorded(server, "usage_with_cost")
    answer = _ask(endpoint)
    assert (answer.outcome, answer.detail, answer.http_status) == ("ok", "", 200)
    assert (answer.prompt_tokens, answer.completion_tokens) == (17, 2177)
    assert answer.cost_usd == Decimal("0.00435825")
    assert answer.text == RECORDED["usage_with_cost"]["body"]["choices"][0]["message"]["content"]
    assert answer.model == "openai/gpt-5-mini"


def test_a_cost_the_answer_leaves_out_follows_from_the_price_list(
    server: ModelServer, endpoint: OpenRouterEndpoint
) -> None:
    _play_recorded(server, "usage_without_cost")
    assert _ask(endpoint).cost_usd is None  # the list was not fetched yet
    endpoint.max_cost_usd(model="openai/gpt-5-mini", prompt_tokens=1, max_completion_tokens=1)
    # 17 * 0.00000025 + 1515 * 0.000002
    assert _ask(endpoint).cost_usd == Decimal("0.00303425")


def test_a_recorded_tool_call_has_no_content(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    _play_recorded(server, "tool_call_without_content")
    assert _ask(endpoint).outcome == "empty"


def test_an_error_inside_http_200_is_an_error(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    _play_recorded(server, "error_inside_200")
    answer = _ask(endpoint)
    assert (answer.outcome, answer.transient, answer.http_status) == ("error", True, 200)
    assert answer.detail == "error inside HTTP 200: Provider returned error, Kluster, error code: 1015"
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["429_provider_error", "429_with_remedy", "429_rate_limit_exceeded"])
def test_a_rate_limit_is_tried_twice_and_costs_nothing(
    name: str, server: ModelServer, endpoint: OpenRouterEndpoint
) -> None:
    _play_recorded(server, name)
    answer = _ask(endpoint)
    assert (answer.outcome, answer.transient, answer.http_status) == ("error", True, 429)
    assert answer.detail.startswith("HTTP 429: too many requests (")
    assert answer.cost_usd == 0
    assert len(server.requests) == 2


def test_a_refused_request_is_not_repeated(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    _play_recorded(server, "400_provider_error")
    answer = _ask(endpoint)
    assert (answer.outcome, answer.transient, answer.http_status) == ("error", False, 400)
    assert answer.detail.startswith("HTTP 400: the request was not accepted (Provider returned error, OpenAI, {")
    assert len(server.requests) == 1


def test_a_second_try_may_succeed(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    _play_recorded(server, "429_rate_limit_exceeded")
    _play_recorded(server, "usage_with_cost")
    answer = _ask(endpoint)
    assert (answer.outcome, answer.cost_usd) == ("ok", Decimal("0.00435825"))


# --- how much of an answer is read ------------------------------------------------------------------------------------


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openrouter_bounds, "MAX_ANSWER", 1024 * 1024)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_that_is_too_long_is_an_error(status: int, server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    server.play(status, _completion("x" * 1024 * 1024))
    answer = _ask(endpoint)
    assert (answer.outcome, answer.text, answer.cost_usd) == ("error", "", None)
    assert answer.detail == "an answer must have at most 1 MiB, was longer"


@pytest.mark.usefixtures("narrow")
def test_a_compressed_answer_is_measured_as_it_unfolds(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    server.plays.append((200, gzip.compress(b" " * 2 * 1024 * 1024), {"content_encoding": "gzip"}))
    assert _ask(endpoint).detail == "an answer must have at most 1 MiB, was longer"


def test_a_compressed_answer_is_read(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    body = json.dumps(_completion("{}")).encode()
    server.plays.append((200, gzip.compress(body), {"content_encoding": "gzip"}))
    assert _ask(endpoint).outcome == "ok"


@pytest.mark.parametrize("encoding", ["zstd", "br"])
def test_other_compressions_are_not_unpacked(encoding: str, server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    server.plays.append((200, b"x", {"content_encoding": encoding}))
    assert _ask(endpoint).detail == f"an answer must come plain or as gzip, was '{encoding}'"


@pytest.mark.usefixtures("narrow")
def test_a_price_list_that_is_too_long_leaves_prices_unknown(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    server.prices = {**PRICES, "more": "x" * 1024 * 1024}
    assert endpoint.max_cost_usd(model="openai/gpt-5-mini", prompt_tokens=1, max_completion_tokens=1) == CAP


def test_each_whole_call_is_told_under_the_name_that_was_asked_for(
    server: ModelServer, endpoint: OpenRouterEndpoint
) -> None:
    told: list[tuple[str, ModelAnswer]] = []
    endpoint.on_called = lambda model, answer: told.append((model, answer))
    _play_recorded(server, "429_rate_limit_exceeded")
    _play_recorded(server, "usage_with_cost")
    answer = _ask(endpoint)
    assert told == [("openai/gpt-5-mini", answer)]


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_the_request_carries_schema_limit_usage_and_price_cap(
    server: ModelServer, endpoint: OpenRouterEndpoint
) -> None:
    server.play(200, _completion("{}"))
    endpoint.max_cost_usd(model="openai/gpt-5-mini", prompt_tokens=1, max_completion_tokens=1)
    _ask(endpoint)
    (sent,) = server.requests
    assert sent == {
        "model": "openai/gpt-5-mini",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Speak."}],
        "max_tokens": 500,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "opinions", "strict": True, "schema": ANSWER_SCHEMA},
        },
        "provider": {"require_parameters": True, "max_price": {"prompt": "0.375", "completion": "3"}},
        "usage": {"include": True},
    }
    assert server.headers["HTTP_AUTHORIZATION"] == f"Bearer {KEY}"


def test_fallbacks_and_providers_are_passed_on(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    server.play(200, _completion("{}"))
    endpoint.rules = replace(
        endpoint.rules, provider_order=("OpenAI", "Azure"), provider_ignore=("Other",), provider_fallbacks=False
    )
    endpoint.complete(
        model="openai/gpt-5-mini",
        fallbacks=("x-ai/grok-4",),
        messages=(("user", "Speak."),),
        schema=ANSWER_SCHEMA,
        timeout_seconds=5,
    )
    (sent,) = server.requests
    assert (sent["model"], sent["models"]) == ("openai/gpt-5-mini", ["openai/gpt-5-mini", "x-ai/grok-4"])
    assert sent["provider"] == {
        "require_parameters": True,
        "order": ["OpenAI", "Azure"],
        "ignore": ["Other"],
        "allow_fallbacks": False,
    }


def test_a_call_with_fallbacks_is_bound_by_the_dearest_of_them(server: ModelServer, endpoint) -> None:
    server.prices = {
        "data": [
            {"id": "a", "pricing": {"prompt": "0.001", "completion": "0.004"}},
            {"id": "b", "pricing": {"prompt": "0.002", "completion": "0.003"}},
        ]
    }
    tokens = {"prompt_tokens": 10, "max_completion_tokens": 100}
    # (10 * 0.002 + 100 * 0.004) * 1.5
    assert endpoint.max_cost_usd(model="a", fallbacks=("b",), **tokens) == Decimal("0.63")
    assert endpoint.max_cost_usd(model="a", fallbacks=("b", "unlisted"), **tokens) == CAP
    server.play(200, {**_completion("{}"), "model": "b", "usage": {"prompt_tokens": 10, "completion_tokens": 1}})
    answer = endpoint.complete(
        model="a", fallbacks=("b",), messages=(("user", "Speak."),), schema=ANSWER_SCHEMA, timeout_seconds=5
    )
    assert (answer.model, answer.cost_usd) == ("b", Decimal("0.023"))
    assert server.requests[0]["provider"]["max_price"] == {"prompt": "3000", "completion": "6000"}


# --- any other server -------------------------------------------------------------------------------------------------


@pytest.fixture
def local(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenRouterEndpoint]:
    """A server of one's own: no key, none of OpenRouter's fields."""
    monkeypatch.setattr(openrouter, "RETRY_AFTER_SECONDS", 0.0)
    made = OpenRouterEndpoint(
        base_url=server.url, api_key=None, max_cost_usd_per_call=CAP, rules=EndpointRules(openrouter=False)
    )
    yield made
    made.close()


def test_a_server_of_ones_own_is_asked_without_a_key_and_without_foreign_fields(server: ModelServer, local) -> None:
    server.play(200, _completion("{}"))
    assert _ask(local, model="llama3.2:1b").outcome == "ok"
    (sent,) = server.requests
    assert set(sent) == {"model", "messages", "max_tokens", "response_format"}
    assert "HTTP_AUTHORIZATION" not in server.headers


def test_what_nobody_could_bill_costs_nothing(server: ModelServer, local) -> None:
    server.play(200, {**_completion("{}"), "usage": {"prompt_tokens": 10, "completion_tokens": 1}})
    assert local.max_cost_usd(model="llama3.2:1b", prompt_tokens=1000, max_completion_tokens=1000) == 0
    assert _ask(local, model="llama3.2:1b").cost_usd == 0
    assert server.price_fetches == 0


NO_SCHEMA = [
    (400, {"error": {"message": "Invalid parameter: 'response_format' of type 'json_schema' is not supported"}}),
    (422, {"detail": [{"loc": ["body", "response_format", "type"], "msg": "Input should be 'text' or 'json_object'"}]}),
    (500, {"error": {"message": "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type')}]"}}),
    (404, {"error": {"code": 404, "message": "No endpoints found that can handle the requested parameters."}}),
    (200, {"error": {"code": 400, "message": "This model does not support structured outputs"}}),
]


@pytest.mark.parametrize(("status", "body"), NO_SCHEMA)
def test_a_server_that_takes_no_schema_is_asked_by_the_prompt_alone_from_then_on(
    status: int, body: dict[str, Any], server: ModelServer, local
) -> None:
    server.play(status, body)
    server.play(200, _completion("{}"))
    assert _ask(local, model="m").outcome == "ok"
    assert _ask(local, model="m").outcome == "ok"
    assert ["response_format" in sent for sent in server.requests] == [True, False, False]


@pytest.mark.parametrize(("status", "body"), [(404, {"error": {"message": "No endpoints found for m."}}), (500, {})])
def test_another_failure_says_nothing_about_schemas(status: int, body: Any, server: ModelServer, local) -> None:
    server.play(status, body)
    _ask(local, model="m")
    assert all("response_format" in sent for sent in server.requests)


@pytest.mark.parametrize(
    ("form", "sent"),
    [("prompt", None), ("json_object", {"type": "json_object"})],
)
def test_the_form_of_the_answer_may_be_set(form: str, sent: object, server: ModelServer, local) -> None:
    local.rules = replace(local.rules, answer_format=form)
    server.play(*NO_SCHEMA[0])
    _ask(local)
    assert [each.get("response_format") for each in server.requests] == [sent]  # and it is not tried another way


def test_a_schema_that_is_wanted_is_never_left_out(server: ModelServer, local) -> None:
    local.rules = replace(local.rules, answer_format="json_schema")
    server.play(*NO_SCHEMA[0])
    assert _ask(local).outcome == "error"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://openrouter.ai/api/v1", True),
        ("https://eu.openrouter.ai/api/v1", True),
        ("http://127.0.0.1:11434/v1", False),
        ("https://openrouter.ai.example/v1", False),
    ],
)
def test_openrouter_is_known_by_its_address(url: str, own: bool) -> None:
    assert is_openrouter(url) is own


# --- how many at once -------------------------------------------------------------------------------------------------


def test_no_more_calls_than_allowed_are_under_way(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    endpoint.rules = replace(endpoint.rules, max_concurrent_calls=2)
    server.play(200, _completion("x" * 20))
    server.drip_seconds = 0.0005
    calls = [gevent.spawn(_ask, endpoint, seconds=60.0) for _ in range(7)]
    gevent.joinall(calls, timeout=60, raise_error=True)
    assert [call.value.outcome for call in calls] == ["ok"] * 7
    assert server.most_at_once == 2


def test_a_call_that_cannot_begin_in_time_says_so_and_costs_nothing(server: ModelServer, endpoint) -> None:
    endpoint.rules = replace(endpoint.rules, max_concurrent_calls=1)
    server.play(200, _completion("x" * 1000))
    server.drip_seconds = 0.05
    first = gevent.spawn(_ask, endpoint, seconds=1.0)
    while not server.requests:
        gevent.sleep(0.005)
    answer = _ask(endpoint, seconds=0.1)
    assert (answer.outcome, answer.cost_usd) == ("busy", Decimal(0))
    assert answer.detail == "1 other calls were under way for 0.1 s"
    first.join(timeout=60)
    assert (first.value.outcome, len(server.requests)) == ("timeout", 1)


# --- hostile answers --------------------------------------------------------------------------------------------------

HOSTILE: dict[str, tuple[Any, str]] = {
    "html": ("<html>Bad gateway</html>", "error"),
    "no body": ("", "error"),
    "half a body": ('{"choices": [', "error"),
    "a list": ([], "error"),
    "a number": ("7", "error"),
    "null": ("null", "error"),
    "no choices": ({}, "empty"),
    "choices null": ({"choices": None}, "empty"),
    "choices empty": ({"choices": []}, "empty"),
    "choices text": ({"choices": "none"}, "empty"),
    "choice null": ({"choices": [None]}, "empty"),
    "no message": ({"choices": [{"finish_reason": "stop"}]}, "empty"),
    "message text": ({"choices": [{"message": "hello"}]}, "empty"),
    "content null": (_completion(None), "empty"),
    "content blank": (_completion(" \n"), "empty"),
    "content a number": (_completion(7), "empty"),
    "refusal": (_completion(None, refusal="I can't help with that."), "refused"),
    "content filter": (_completion("x", finish_reason="content_filter", refusal=None), "refused"),
    "cut off": (_completion('{"opinions": [', finish_reason="length", refusal=None), "cut_off"),
    "finish error": (_completion("x", finish_reason="error", refusal=None), "error"),
    "error as text": ({"error": "boom"}, "error"),
    "error in choice": ({"choices": [{"error": {"code": 502, "message": "boom"}}]}, "error"),
    "error beside content": ({**_completion("{}"), "error": {"message": "boom"}}, "error"),
    "strange usage": ({**_completion("fine"), "usage": [1]}, "ok"),
    "usage with NaN": ('{"choices": [{"message": {"content": "fine"}}], "usage": {"cost": NaN}}', "ok"),
    "usage below zero": ({**_completion("fine"), "usage": {"cost": -5, "prompt_tokens": -1}}, "ok"),
    "usage as text": ({**_completion("fine"), "usage": {"cost": "free", "prompt_tokens": "7"}}, "ok"),
    "content parts": (_completion([{"type": "text", "text": "fine"}]), "ok"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_has_an_outcome_and_no_invented_cost(
    name: str, server: ModelServer, endpoint: OpenRouterEndpoint
) -> None:
    body, outcome = HOSTILE[name]
    server.play(200, body)
    answer = _ask(endpoint)
    assert answer.outcome == outcome
    assert bool(answer.detail) is (outcome != "ok")
    assert (answer.cost_usd, answer.prompt_tokens) == (None, None)
    assert answer.http_status == 200


@pytest.mark.parametrize(
    ("status", "words", "tries"),
    [
        (401, "the key was not accepted", 1),
        (402, "the account has no credits left", 1),
        (403, "the request is not allowed", 1),
        (404, "no endpoint serves openai/gpt-5-mini with a strict JSON schema", 1),
        (413, "the request is too long", 1),
        (418, "the request failed", 1),
        (500, "the endpoint failed", 2),
        (502, "the model's provider failed", 2),
        (503, "no provider of the model is available", 2),
    ],
)
def test_each_status_has_its_words_and_its_tries(
    status: int, words: str, tries: int, server: ModelServer, endpoint: OpenRouterEndpoint
) -> None:
    server.play(status, "<html>whatever</html>", content_type="text/html")
    answer = _ask(endpoint)
    assert answer.detail.startswith(f"HTTP {status}: {words}")
    assert (len(server.requests), answer.cost_usd) == (tries, Decimal(0))


@pytest.mark.parametrize(
    ("body", "tries"),
    [
        ({"error": {"message": "busy", "availability": {"retryable": False}}}, 1),
        ({"error": {"message": "busy", "availability": {"retryable": True, "retry_after": 0}}}, 2),
        ({"error": {"message": "busy", "availability": {"retryable": True, "retry_after": 999}}}, 1),
        ({"error": {"message": "busy", "availability": "soon"}}, 2),
    ],
)
def test_what_the_answer_says_of_another_try_counts(body: Any, tries: int, server: ModelServer, endpoint) -> None:
    server.play(503, body)
    _ask(endpoint)
    assert len(server.requests) == tries


@pytest.mark.parametrize(
    ("error", "hopeless"),
    [
        ({"code": 402, "message": "Insufficient credits"}, True),
        ({"code": 403, "metadata": {"error_type": "content_policy_violation"}}, True),
        ({"metadata": {"error_type": "context_length_exceeded"}}, True),
        ({"code": 502, "metadata": {"error_type": "provider_unavailable"}}, False),
        ({"code": 429}, False),
        ("boom", False),
    ],
)
def test_an_error_that_would_come_again_is_known_as_such(error: object, hopeless: bool) -> None:
    assert read_body(200, json.dumps({"error": error})).hopeless is hopeless


def test_what_the_cache_spared_is_read() -> None:
    usage = {"prompt_tokens": 900, "prompt_tokens_details": {"cached_tokens": 768}}
    assert read_body(200, json.dumps({**_completion("fine"), "usage": usage})).cached_tokens == 768


def test_no_text_ever_holds_the_key(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    server.play(401, {"error": {"code": 401, "message": f"Bad key {KEY} given"}})
    assert _ask(endpoint).detail == "HTTP 401: the key was not accepted (Bad key *** given)"


def test_a_long_or_unprintable_message_is_bounded() -> None:
    said = read_body(200, json.dumps({"error": {"message": "a\x00\n\u202eb" + "c" * 5000}}))
    assert said.detail.startswith("error inside HTTP 200: a bccc")
    assert len(said.detail) < 300


# --- time -------------------------------------------------------------------------------------------------------------


def test_a_dripping_answer_ends_at_the_deadline(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    server.drip_seconds = 0.05
    server.play(200, _completion("x" * 1000))
    began = time.monotonic()
    answer = _ask(endpoint, seconds=0.3)
    assert 0.25 < time.monotonic() - began < 1.0
    assert (answer.outcome, answer.detail) == ("timeout", "no whole answer within 0.3 s")
    assert answer.cost_usd is None  # it may be billed


def test_the_next_call_after_a_timeout_works(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    server.drip_seconds = 0.05
    server.play(200, _completion("x" * 1000))
    _ask(endpoint, seconds=0.1)
    server.drip_seconds = 0.0
    assert _ask(endpoint).outcome == "ok"


def test_a_wait_beyond_the_deadline_is_not_waited_for(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    server.play(429, {"error": {"message": "slow down"}}, retry_after="30")
    began = time.monotonic()
    answer = _ask(endpoint, seconds=5.0)
    assert time.monotonic() - began < 2.0
    assert (answer.http_status, len(server.requests)) == (429, 1)


def test_somebody_elses_timeout_passes_through(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    server.drip_seconds = 0.05
    server.play(200, _completion("x" * 1000))
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.1):
        _ask(endpoint, seconds=5.0)


def test_a_refused_connection_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openrouter, "RETRY_AFTER_SECONDS", 0.0)
    closed = OpenRouterEndpoint(base_url="http://127.0.0.1:9/v1", api_key=None, max_cost_usd_per_call=CAP)
    answer = _ask(closed)
    assert (answer.outcome, answer.cost_usd, answer.transient) == ("error", Decimal(0), True)
    assert answer.detail == "the endpoint cannot be reached (ConnectError)"
    closed.close()


# --- prices -----------------------------------------------------------------------------------------------------------


def test_a_known_model_costs_at_most_half_more_than_listed(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    # (1000 * 0.00000025 + 500 * 0.000002) * 1.5
    cost = endpoint.max_cost_usd(model="openai/gpt-5-mini", prompt_tokens=1000, max_completion_tokens=500)
    assert cost == Decimal("0.001875")


def test_an_unknown_model_costs_the_configured_cap(endpoint: OpenRouterEndpoint) -> None:
    assert endpoint.max_cost_usd(model="some/model", prompt_tokens=1, max_completion_tokens=1) == CAP


def test_the_list_is_fetched_once_for_all(server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    def ask() -> Decimal:
        return endpoint.max_cost_usd(model="openai/gpt-5-mini", prompt_tokens=1, max_completion_tokens=0)

    gevent.joinall([gevent.spawn(ask) for _ in range(5)], timeout=5)
    assert server.price_fetches == 1


@pytest.mark.parametrize("prices", [None, [], {"data": None}, {"data": [7, {"id": "a"}, {"id": 1, "pricing": {}}]}])
def test_a_strange_list_means_unknown_prices(prices: Any, server: ModelServer, endpoint: OpenRouterEndpoint) -> None:
    server.prices = prices
    assert endpoint.max_cost_usd(model="a", prompt_tokens=1, max_completion_tokens=1) == CAP


@pytest.mark.parametrize("prompt", ["-1", "NaN", "Infinity", "free", True, None, "1e9"])
def test_a_price_that_is_none_is_unknown(prompt: Any) -> None:
    assert read_prices(json.dumps({"data": [{"id": "a", "pricing": {"prompt": prompt, "completion": "0"}}]})) == {}


# --- the simulated OpenRouter -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(think_seconds=0.0) as served:
        yield served


def _ask_world(world: World, model: str, seconds: float = 5.0) -> ModelAnswer:
    endpoint = OpenRouterEndpoint(base_url=world.openrouter_url, api_key=KEY, max_cost_usd_per_call=CAP)
    prompt = user_prompt([features("BTCUSDT"), features("ETHUSDT")], now_ms=NOW_MS)
    try:
        return endpoint.complete(
            model=model,
            messages=(("system", system_prompt("technical")), ("user", prompt)),
            schema=ANSWER_SCHEMA,
            timeout_seconds=seconds,
        )
    finally:
        endpoint.close()


@pytest.mark.parametrize("model", ["x-ai/grok-4.1-fast", "anthropic/claude-sonnet-latest", "openai/gpt-5-mini"])
def test_a_rule_following_model_gives_an_opinion_on_every_pair(world: World, model: str) -> None:
    answer = _ask_world(world, model)
    assert answer.outcome == "ok"
    assert answer.cost_usd is not None
    assert answer.cost_usd > 0
    views = parse_answer(answer.text, [features("BTCUSDT"), features("ETHUSDT")])
    assert all(isinstance(view, View) for view in views.values())


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("fenced", "ok"),
        ("empty-content", "empty"),
        ("cut-off", "cut_off"),
        ("refusal", "refused"),
        ("empty-choices", "empty"),
        ("error-in-200", "error"),
        ("html", "error"),
        ("broken-body", "error"),
        ("no-credits", "error"),
        ("unauthorized", "error"),
        ("no-endpoints", "error"),
        ("cut-connection", "error"),
        ("slow", "timeout"),
        ("drip", "timeout"),
    ],
)
def test_what_brokers_of_models_have_been_seen_to_do(world: World, script: str, outcome: str) -> None:
    answer = _ask_world(world, f"scripted/{script}", seconds=0.6)
    assert answer.outcome == outcome
    assert KEY not in answer.detail
