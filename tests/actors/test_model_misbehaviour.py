"""What models and their brokers have been seen to do, over a real socket: an abstention with its reason, never a trade.

One analyst with the real endpoint asks a loopback server that plays the answer. Bodies are recorded or quoted from
public reports (tests/data/README.md), or as OpenRouter's documentation describes them.
"""

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import gevent
import pytest

from adapters import openrouter
from adapters.openrouter import OpenRouterEndpoint
from adapters.openrouter_requests import EndpointRules
from domain.analysis import AnalystState
from domain.bot_state import situation_of
from domain.consensus import combine
from domain.messages import OpinionFormed, Ping
from domain.strategy import decide
from tests.actors.test_analyst import Desk, good, make_settings
from tests.analysis_values import DATA, features, item
from tests.bots import NOW, PAIR, RULES, state
from tests.model_server import ModelServer, serving

RECORDED: dict[str, Any] = json.loads((DATA / "openrouter_exchanges.json").read_text())
WAIT_SECONDS = 60


def said(content: object, *, finish: str = "stop", refusal: str | None = None, **more: object) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "refusal": refusal, **more}
    return {"id": "gen-1", "choices": [{"index": 0, "finish_reason": finish, "message": message}]}


def failed(code: int, message: str, kind: str = "", **metadata: object) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "metadata": {"error_type": kind, **metadata}}}


def opinion(**changes: object) -> dict[str, Any]:
    whole = json.loads(good("BTCUSDT"))
    whole["opinions"][0].update(changes)
    return said(json.dumps(whole))


# name: (status, body, calls that are made, beginning of the abstention's reason)
MATRIX: dict[str, tuple[int, Any, int, str]] = {
    # --- an error status: nothing was generated; tried twice where a second try may help
    "400 recorded": (400, RECORDED["400_provider_error"]["body"], 1, "the call failed: HTTP 400: the request was not"),
    "400 too long": (
        400,
        failed(400, "maximum context length is 8192 tokens", "context_length_exceeded"),
        1,
        "the call failed: HTTP 400: the request was not accepted (maximum context length",
    ),
    "401": (401, failed(401, "No auth credentials found"), 1, "the call failed: HTTP 401: the key was not accepted"),
    "402": (402, failed(402, "Insufficient credits", "payment_required"), 1, "the call failed: HTTP 402: the account"),
    "403": (403, failed(403, "Flagged", "content_policy_violation"), 1, "the call failed: HTTP 403: the request is"),
    "404": (
        404,
        failed(404, "No endpoints found for x."),
        1,
        "the call failed: HTTP 404: no endpoint serves x-ai/grok",
    ),
    "408": (408, failed(408, "Request timed out", "timeout"), 2, "the call failed: HTTP 408: the endpoint ran out"),
    "413": (413, failed(413, "Payload too large"), 1, "the call failed: HTTP 413: the request is too long"),
    "429 recorded": (429, RECORDED["429_provider_error"]["body"], 2, "the call failed: HTTP 429: too many requests"),
    "429 of the platform": (
        429,
        RECORDED["429_rate_limit_exceeded"]["body"],
        2,
        "the call failed: HTTP 429: too many requests",
    ),
    "429 with a remedy": (429, RECORDED["429_with_remedy"]["body"], 2, "the call failed: HTTP 429: too many requests"),
    "500": (500, failed(500, "Internal Server Error", "server"), 2, "the call failed: HTTP 500: the endpoint failed"),
    "502": (502, failed(502, "Provider returned error"), 2, "the call failed: HTTP 502: the model's provider failed"),
    "503": (503, failed(503, "overloaded", "provider_overloaded"), 2, "the call failed: HTTP 503: no provider"),
    "504 as html": (504, "<html>Gateway time-out</html>", 2, "the call failed: HTTP 504: the endpoint failed"),
    "524 as html": (524, "<html>A timeout occurred</html>", 2, "the call failed: HTTP 524: the endpoint failed"),
    "529 without a body": (529, "", 2, "the call failed: HTTP 529: the endpoint failed"),
    # --- an error inside HTTP 200: asked once more, unless the same would come again
    "error inside 200, recorded": (200, RECORDED["error_inside_200"]["body"], 2, "the call failed: error inside HTTP"),
    "502 inside 200": (200, failed(502, "Provider returned error"), 2, "the call failed: error inside HTTP 200: Prov"),
    "429 inside 200": (200, failed(429, "Rate limit exceeded"), 2, "the call failed: error inside HTTP 200: Rate"),
    "402 inside 200": (200, failed(402, "Insufficient credits"), 1, "the call failed: error inside HTTP 200: Insuff"),
    "403 inside 200": (200, failed(403, "moderation"), 1, "the call failed: error inside HTTP 200: moderation"),
    "too long inside 200": (200, failed(400, "too long"), 1, "the call failed: error inside HTTP 200: too long"),
    "error as text": (200, {"error": "boom"}, 2, "the call failed: error inside HTTP 200: boom"),
    "error in the choice": (200, {"choices": [failed(502, "boom")]}, 2, "the call failed: error inside HTTP 200: boom"),
    "error beside an answer": (200, {**opinion(), **failed(502, "boom")}, 2, "the call failed: error inside HTTP 200"),
    "failed while it answered": (200, said(good("BTCUSDT"), finish="error"), 2, "the call failed: the provider failed"),
    # --- no answer in the answer
    "html": (200, "<html>Bad gateway</html>", 2, "the call failed: HTTP 200 with something that is not JSON"),
    "no body": (200, "", 2, "the call failed: HTTP 200 with something that is not JSON"),
    "half a body": (200, '{"choices": [{"mess', 2, "the call failed: HTTP 200 with something that is not JSON"),
    "a stream": (200, ": OPENROUTER PROCESSING\n\ndata: {}\n\n", 2, "the call failed: HTTP 200 with something that"),
    "choices empty": (200, {"choices": []}, 2, "the answer was empty: no choices"),
    "choices null": (200, {"choices": None}, 2, "the answer was empty: no choices"),
    "content null": (200, said(None), 2, "the answer was empty: no content"),
    "content blank": (200, said(" \n "), 2, "the answer was empty: no content"),
    "reasoning only": (200, said(None, reasoning="BUY, clearly"), 2, "the answer was empty: no content"),
    "tool call, recorded": (200, RECORDED["tool_call_without_content"]["body"], 2, "the answer was empty"),
    "refusal": (200, said(None, refusal="I can't give advice."), 2, "the model refused to answer: I can't give"),
    "content filter": (200, said("BUY", finish="content_filter"), 2, "the model refused to answer: the content filter"),
    "cut off": (200, said('{"opinions": [{"symbol"', finish="length"), 2, "the answer was cut off: the token limit"),
    "cut off with a whole answer": (200, said(good("BTCUSDT"), finish="length"), 2, "the answer was cut off"),
    # --- an answer of another kind
    "prose": (200, said("Bitcoin looks strong here."), 2, "the answer must be JSON and nothing else"),
    "prose around it": (200, said(f"Sure! {good('BTCUSDT')}"), 2, "the answer must be JSON and nothing else"),
    "thinking aloud": (200, said(f"<think>up</think>{good('BTCUSDT')}"), 2, "the answer must be JSON and nothing else"),
    "half an answer": (200, said(good("BTCUSDT")[:-9]), 2, "the answer must be JSON and nothing else"),
    "a list": (200, said("[]"), 2, 'the answer must be a JSON object with a list "opinions"'),
    "no opinion": (200, said('{"opinions": []}'), 2, "the symbol is missing"),
    "another symbol": (200, said(good("DOGEUSDT")), 2, "the symbol is missing"),
    "twice": (200, said(good("BTCUSDT", "BTCUSDT")), 2, "the symbol was given more than once"),
    "confidence in percent": (200, opinion(confidence=62), 2, "confidence must be a number in 0..1, was 62"),
    "confidence as text": (200, opinion(confidence="0.7"), 2, "confidence must be a number in 0..1, was '0.7'"),
    "NaN": (200, said(good("BTCUSDT").replace("0.7", "NaN")), 2, "the answer must hold finite numbers only"),
    "a number without end": (
        200,
        said(good("BTCUSDT").replace("0.7", "1e999999999")),
        2,
        "confidence must be a number",
    ),
    "LONG": (200, opinion(action="LONG"), 2, "action must be one of BUY, SELL, HOLD, was 'LONG'"),
    "a stop on the wrong side": (200, opinion(stop_loss=10**9), 2, "stop_loss of a BUY must be below the price"),
    "a target on the wrong side": (200, opinion(take_profit=1), 2, "take_profit of a BUY must be above the price"),
    "a horizon of years": (200, opinion(horizon_minutes=10**7), 2, "horizon_minutes must be a number in 1..10080"),
    "no reasoning": (200, opinion(reasoning=""), 2, "reasoning must be text"),
}


class SocketDesk(Desk):
    """The analyst of the other tests with the real endpoint: a settled call is waited for."""

    def settle(self) -> None:
        self.ref.ask(Ping(), timeout=WAIT_SECONDS)
        until = time.monotonic() + WAIT_SECONDS
        while self.endpoint.pending and time.monotonic() < until:
            gevent.sleep(0.001)
        assert self.endpoint.pending == 0
        self.ref.ask(Ping(), timeout=WAIT_SECONDS)

    def next_minute(self) -> None:
        self.clock.move_to(self.clock.now_ms() + 60_000)


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with serving() as played:
        yield played


@pytest.fixture
def desk(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[SocketDesk]:
    monkeypatch.setattr(openrouter, "RETRY_AFTER_SECONDS", 0.0)
    server.plays, server.requests, server.drip_seconds = [], [], 0.0
    endpoint = OpenRouterEndpoint(base_url=server.url, api_key="sk-or-v1-abc", max_cost_usd_per_call=Decimal("0.001"))
    made = SocketDesk(make_settings(), name="grok", endpoint=endpoint)
    made.start()
    yield made
    made.ref.stop()
    endpoint.close()


def test_the_matrix_is_large_enough() -> None:
    assert len(MATRIX) >= 40


@pytest.mark.parametrize("name", MATRIX)
def test_each_answer_is_its_abstention_and_never_a_trade(name: str, server: ModelServer, desk: SocketDesk) -> None:
    status, body, calls, reason = MATRIX[name]
    server.play(status, body)
    desk.round("BTCUSDT")
    (told,) = desk.reasons()
    assert told.startswith(reason)
    assert len(server.requests) == calls
    assert not [reply for reply in desk.replies() if isinstance(reply, OpinionFormed)]
    (abstention,) = [reply.abstention for reply in desk.replies()]
    signal = combine((), (abstention,), {"grok": 1}, "any", pair=PAIR, round_id="r", now_ms=NOW)
    situation = situation_of(state(), RULES, signal=signal, features=None, now_ms=NOW)
    decision = decide(situation, RULES, decision_id="d", features=None).decision
    assert (decision.outcome, decision.gate) == ("blocked", "too_few_opinions")
    assert desk.archive.of("llm_calls")[-1]["verdict"] == told
    assert desk.budget.total() <= sum(desk.budget.reserved.values())


def test_a_usable_answer_is_an_opinion(server: ModelServer, desk: SocketDesk) -> None:
    server.play(200, opinion())
    desk.round("BTCUSDT")
    assert isinstance(desk.replies()[0], OpinionFormed)


def test_an_answer_that_drips_for_a_minute_ends_at_the_deadline(server: ModelServer, desk: SocketDesk) -> None:
    whole = json.dumps(opinion())
    server.drip_seconds = 60 / len(whole)  # the whole of it would be a good answer
    server.play(200, whole)
    began = time.monotonic()
    desk.round("BTCUSDT", seconds=1.7)  # 0.45 s to gather and 0.25 s of margin are the desk's own
    assert 0.9 < time.monotonic() - began < 20
    assert desk.reasons() == ["the model did not answer in time: no whole answer within 1 s"]
    assert desk.archive.of("llm_calls")[0]["cost_usd"] == desk.archive.of("llm_calls")[0]["reserved_usd"] > 0


def test_the_breaker_opens_after_five_and_closes_after_a_good_probe(server: ModelServer, desk: SocketDesk) -> None:
    bad = ["402", "refusal", "prose", "html", "error inside 200, recorded"]
    for name in bad[:4]:
        server.plays = []
        server.play(*MATRIX[name][:2])
        desk.round("BTCUSDT")
        desk.next_minute()
        assert desk.status().state is AnalystState.READY
    server.plays = []
    server.play(*MATRIX[bad[4]][:2])
    desk.round("BTCUSDT")
    assert desk.status().state is AnalystState.BREAKER_OPEN
    made = len(server.requests)
    desk.clock.move_to(desk.clock.now_ms() + 50_000)
    desk.round("BTCUSDT")
    assert len(server.requests) == made  # open for 60 s: nobody is asked
    assert desk.reasons()[-1].startswith("5 calls in a row failed, the next is tried at ")
    desk.next_minute()
    desk.round("BTCUSDT")  # the probe fails: twice as long
    assert len(server.requests) == made + 2
    desk.next_minute()
    desk.round("BTCUSDT")
    assert len(server.requests) == made + 2
    desk.next_minute()
    server.plays = []
    server.play(200, opinion())
    desk.round("BTCUSDT")
    assert isinstance(desk.replies()[-1], OpinionFormed)
    assert desk.status().state is AnalystState.READY


def test_a_server_of_ones_own_that_knows_no_schema_and_wants_no_key_gives_opinions(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: refused with the schema, asked by the prompt alone, repaired once, and so from then on."""
    monkeypatch.setattr(openrouter, "RETRY_AFTER_SECONDS", 0.0)
    server.plays, server.requests, server.drip_seconds = [], [], 0.0
    server.play(400, {"error": {"message": "'response_format' of type 'json_schema' is not supported"}})
    server.play(200, said("Sure! BTC looks strong, so I would buy."))
    server.play(200, {**opinion(), "model": "llama3.2:1b", "usage": {"prompt_tokens": 900, "completion_tokens": 90}})
    rules = EndpointRules(openrouter=False)
    endpoint = OpenRouterEndpoint(base_url=server.url, api_key=None, max_cost_usd_per_call=Decimal(0), rules=rules)
    desk = SocketDesk(make_settings(max_cost_usd_per_day=0), name="grok", endpoint=endpoint)
    desk.start()
    desk.round("BTCUSDT")
    desk.next_minute()
    desk.round("BTCUSDT", shown=features(headlines=(item("new"),)))
    first, second = desk.replies()
    assert isinstance(first, OpinionFormed)
    assert isinstance(second, OpinionFormed)
    assert (first.opinion.model, first.opinion.cost_usd, desk.budget.total()) == ("llama3.2:1b", 0, 0)
    assert ["response_format" in sent for sent in server.requests] == [True, False, False, False]
    assert "could not be used" in server.requests[2]["messages"][-1]["content"]
    assert not any({"provider", "usage", "models"} & set(sent) for sent in server.requests)
    assert "HTTP_AUTHORIZATION" not in server.headers
    assert desk.status().calls == 3
    desk.ref.stop()
    endpoint.close()
