"""The model endpoint through the openai library and as raw HTTP."""

import json

import openai
import pytest
import requests

from sim.personas import opinions
from sim.scripts import LIBRARY, Scripts, step_from_json

SCHEMA = {
    "type": "object",
    "properties": {
        "opinions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "symbol": {"type": "string"},
                    "action": {"type": "string", "enum": ["BUY", "SELL", "HOLD"]},
                    "confidence": {"type": "number"},
                    "sentiment": {"type": "number"},
                    "horizon_minutes": {"type": "integer"},
                    "stop_loss": {"type": ["number", "null"]},
                    "take_profit": {"type": ["number", "null"]},
                    "risk_level": {"type": "string"},
                    "reasoning": {"type": "string"},
                },
            },
        }
    },
}
MAKERS = ["x-ai/grok-4.1-fast", "anthropic/claude-sonnet-latest", "openai/gpt-5-mini", "someone/else-1"]


def pair(symbol="BTCUSDT", price=70_000.0, ema_9=70_010.0, ema_21=69_990.0, rsi=50.0, histogram=0.0, news=(), **more):
    interval = {
        "interval": "1m",
        "rsi_14": rsi,
        "ema_9": ema_9,
        "ema_21": ema_21,
        "macd_histogram": histogram,
        "atr_14": 50.0,
    }
    return {
        "symbol": symbol,
        "price": price,
        "intervals": [interval],
        "headlines": [{"title": "quoted {text}", "sentiment": mark} for mark in news],
        **more,
    }


def prompt(*pairs):
    return "Rate these {pairs} now:\n" + json.dumps({"pairs": list(pairs)}) + "\nThank you."


RISING = pair(ema_9=70_060, ema_21=69_960, rsi=55, histogram=10.0, news=(0.8, 0.5))
FALLING = pair(ema_9=69_940, ema_21=70_040, rsi=45, histogram=-10.0, news=(-0.8, -0.5))
FLAT = pair(ema_9=70_000, ema_21=70_000)


@pytest.fixture
def client(still_world):
    with openai.OpenAI(base_url=still_world.openrouter_url, api_key="any", max_retries=0, timeout=5) as made:
        yield made


def said(client, model, text, **more):
    answer = client.chat.completions.create(
        model=model,
        messages=[{"role": "system", "content": "You are an analyst."}, {"role": "user", "content": text}],
        response_format={"type": "json_schema", "json_schema": {"name": "o", "strict": True, "schema": SCHEMA}},
        **more,
    )
    return json.loads(answer.choices[0].message.content)["opinions"]


# --- rule-following models --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MAKERS)
def test_opinions_are_valid_and_on_the_right_side(client, model):
    for shown in (RISING, FALLING, FLAT):
        (opinion,) = said(client, model, prompt(shown))
        assert set(opinion) == set(SCHEMA["properties"]["opinions"]["items"]["properties"])
        assert opinion["symbol"] == "BTCUSDT"
        assert 0 <= opinion["confidence"] <= 1 and -1 <= opinion["sentiment"] <= 1
        assert opinion["risk_level"] in ("low", "medium", "high") and 1 <= opinion["horizon_minutes"] <= 10_080
        assert 0 < len(opinion["reasoning"]) <= 500
        stop, target = opinion["stop_loss"], opinion["take_profit"]
        if opinion["action"] == "HOLD":
            assert stop is target is None
        elif opinion["action"] == "BUY":
            assert 0 < stop < 70_000 < target
        else:
            assert 0 < target < 70_000 < stop


@pytest.mark.parametrize("model", MAKERS)
def test_models_buy_what_rises_sell_what_falls_and_hold_what_stands(client, model):
    actions = [said(client, model, prompt(shown))[0]["action"] for shown in (RISING, FALLING, FLAT)]
    assert actions == ["BUY", "SELL", "HOLD"]


def test_models_have_minds_of_their_own():
    shown = [
        prompt(pair(ema_9=70_000 + d, ema_21=70_000, rsi=62, histogram=-2.0, news=(0.3,))) for d in range(-60, 61, 5)
    ]
    answers = {model: [opinions(model, [text])["opinions"][0]["action"] for text in shown] for model in MAKERS}
    assert len({tuple(actions) for actions in answers.values()}) == len(MAKERS)


def test_an_answer_depends_on_prompt_and_model_only(client):
    first = said(client, "openai/gpt-5-mini", prompt(RISING))
    said(client, "openai/gpt-5-mini", prompt(FALLING))
    assert said(client, "openai/gpt-5-mini", prompt(RISING)) == first


def test_every_pair_is_answered_and_a_second_question_only_for_whom_it_names(client):
    text = prompt(RISING, pair("ETHUSDT", 2_000.0))
    assert [each["symbol"] for each in said(client, MAKERS[0], text)] == ["BTCUSDT", "ETHUSDT"]
    again = opinions(MAKERS[0], [text, "These could not be used: ETHUSDT. Answer again."])
    assert [each["symbol"] for each in again["opinions"]] == ["ETHUSDT"]


def test_features_may_stand_elsewhere_and_be_missing():
    nested = {"symbol": "BTCUSDT", "price": "70000.5", "features": {"intervals": {"1m": RISING["intervals"][0]}}}
    assert opinions(MAKERS[2], [prompt(nested)])["opinions"][0]["action"] == "BUY"
    bare = {"symbol": "BTCUSDT", "price": None, "intervals": [{"rsi_14": None, "ema_9": "x"}], "headlines": [None]}
    assert opinions(MAKERS[2], [prompt(bare)])["opinions"][0]["action"] == "HOLD"
    assert opinions(MAKERS[2], ["no JSON here { at all"]) == {"opinions": []}


def test_news_and_mood_count():
    quiet, loud = pair(ema_9=70_002, ema_21=70_000), pair(ema_9=70_002, ema_21=70_000, news=(0.9,), fear_greed=80)
    scores = [opinions("x-ai/grok-4", [prompt(each)])["opinions"][0] for each in (quiet, loud)]
    assert [each["action"] for each in scores] == ["HOLD", "BUY"]


# --- the endpoint -----------------------------------------------------------------------------------------------------


def test_a_completion_says_what_it_was_and_what_it_cost(client):
    raw = client.chat.completions.create(
        model="openai/gpt-5-mini", messages=[{"role": "user", "content": prompt(RISING)}]
    ).to_dict()
    assert raw["id"].startswith("gen-") and raw["provider"] == "OpenAI" and raw["model"] == "openai/gpt-5-mini"
    usage = raw["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    expected = (usage["prompt_tokens"] * 0.25 + usage["completion_tokens"] * 2) / 1e6
    assert usage["cost"] == pytest.approx(expected)
    assert raw["choices"][0]["finish_reason"] == "stop"


def test_prices_are_listed_per_token(still_world):
    models = requests.get(f"{still_world.openrouter_url}/models", timeout=5).json()["data"]
    mini = next(model for model in models if model["id"] == "openai/gpt-5-mini")
    assert mini["pricing"]["prompt"] == "0.00000025" and mini["pricing"]["completion"] == "0.000002"
    assert {"id", "name", "context_length", "pricing", "top_provider", "supported_parameters"} <= set(mini)


def test_the_key_says_what_was_spent(client, still_world):
    said(client, "openai/gpt-5-mini", prompt(RISING))
    key = requests.get(f"{still_world.openrouter_url}/key", headers={"Authorization": "Bearer x"}, timeout=5).json()
    assert key["data"]["usage"] > 0 and key["data"]["limit"] is None


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer "}, {"Authorization": "Basic x"}])
def test_without_a_key_it_is_401(still_world, header):
    body = {"model": "a/b", "messages": [{"role": "user", "content": "x"}]}
    answer = requests.post(f"{still_world.openrouter_url}/chat/completions", json=body, headers=header, timeout=5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 401)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"messages": []}', 400),
        (b'{"model": "a/b"}', 400),
        (b'{"model": "a/b", "messages": ["x"]}', 400),
        (b'{"model": "nobody", "messages": [{"role": "user", "content": "x"}]}', 400),
        (b'{"model": "scripted/none", "messages": [{"role": "user", "content": "x"}]}', 404),
    ],
)
def test_bad_calls_are_refused(still_world, body, status):
    answer = requests.post(
        f"{still_world.rest_url}/v1/chat/completions", data=body, headers={"Authorization": "Bearer x"}, timeout=5
    )
    assert answer.status_code == answer.json()["error"]["code"] == status


def test_a_streamed_answer(client):
    stream = client.chat.completions.create(
        model="openai/gpt-5-mini", messages=[{"role": "user", "content": prompt(RISING)}], stream=True
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert json.loads(text)["opinions"][0]["action"] == "BUY"


# --- scripted models --------------------------------------------------------------------------------------------------


def play(client, name, text=None):
    return client.chat.completions.create(
        model=f"scripted/{name}", messages=[{"role": "user", "content": text or prompt(RISING)}]
    )


def test_a_script_plays_its_steps_and_repeats_the_last(client, still_world):
    still_world.openrouter.scripts.set("mine", ["one", 503, {"content": "three", "finish_reason": "length"}])
    assert play(client, "mine").choices[0].message.content == "one"
    with pytest.raises(openai.InternalServerError):
        play(client, "mine")
    for _ in range(2):
        choice = play(client, "mine").choices[0]
        assert (choice.message.content, choice.finish_reason) == ("three", "length")


def test_a_script_can_be_set_over_http(client, still_world):
    url = f"{still_world.rest_url}/_sim/script/other"
    assert requests.post(url, json=["hello"], timeout=5).status_code == 200
    assert play(client, "other").choices[0].message.content == "hello"
    assert requests.post(url, json=[], timeout=5).status_code == 400
    assert requests.post(url, json=[{"no": 1}], timeout=5).status_code == 400


def test_hostile_answers_arrive_as_they_were_written(client):
    assert play(client, "error-in-200").model_extra["error"]["code"] == 502
    assert play(client, "empty-choices").choices == []
    assert play(client, "refusal").choices[0].message.content is None
    assert play(client, "refusal").choices[0].message.refusal
    assert play(client, "cut-off").choices[0].finish_reason == "length"
    assert play(client, "no-usage").usage is None
    assert play(client, "fenced").choices[0].message.content.startswith("```json\n{")
    assert isinstance(play(client, "html"), str)
    with pytest.raises(openai.RateLimitError) as limited:
        play(client, "rate-limited")
    assert limited.value.response.headers["Retry-After"] == "2"
    with pytest.raises(openai.APIConnectionError):
        play(client, "cut-connection")
    with pytest.raises(openai.APIStatusError) as poor:
        play(client, "no-credits")
    assert poor.value.status_code == 402


def test_a_dripping_answer_arrives_in_the_end(client, still_world):
    still_world.openrouter.scripts.set("drop-by-drop", [{"content": "x", "drip_seconds": 0.001}])
    assert play(client, "drop-by-drop").choices[0].message.content == "x"


@pytest.mark.parametrize("name", LIBRARY)
def test_every_script_of_the_library_has_steps(name):
    assert Scripts().next(name) is not None


@pytest.mark.parametrize("raw", [None, 1.5, True, ["a"], {"unknown": 1}])
def test_a_step_that_cannot_be_is_refused(raw):
    with pytest.raises(ValueError, match="a step must be"):
        step_from_json(raw)
