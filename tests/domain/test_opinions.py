"""Exactly the agreed JSON becomes an opinion; every other shape is a reason."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.analysis import Action, RiskLevel
from domain.opinions import Unusable, View, opinion, parse_answer, read_answer, still_holds
from domain.ports import ModelAnswer
from tests.analysis_values import NOW_MS, features, item

SHOWN = features("BTCUSDT", price="66000")
GOOD: dict[str, object] = {
    "symbol": "BTCUSDT",
    "action": "BUY",
    "confidence": 0.62,
    "sentiment": -0.1,
    "horizon_minutes": 45,
    "stop_loss": 65500.5,
    "take_profit": 67000,
    "risk_level": "medium",
    "reasoning": "Momentum turned up.",
}


def _text(**changes: object) -> str:
    return json.dumps({"opinions": [{**GOOD, **changes}]})


def _without(name: str) -> str:
    return json.dumps({"opinions": [{key: value for key, value in GOOD.items() if key != name}]})


def _read(text: str) -> View | Unusable:
    return parse_answer(text, [SHOWN])["BTCUSDT"]


def test_a_good_answer_is_taken_as_it_is() -> None:
    assert _read(_text()) == View(
        action=Action.BUY,
        confidence=0.62,
        sentiment=-0.1,
        horizon_minutes=45,
        stop_loss=Decimal("65500.5"),
        take_profit=Decimal("67000"),
        risk_level=RiskLevel.MEDIUM,
        reasoning="Momentum turned up.",
    )


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{_text()}\n```",
        f"```\n{_text()}\n```",
        f"\n  ```json\r\n{_text()}\r\n```  \n",
        f"  {_text()}\n\n",
        json.dumps({"opinions": [{**GOOD, "extra": {"deep": [1]}}], "note": "x"}),
        json.dumps({"opinions": [{**GOOD, "symbol": "DOGEUSDT", "confidence": 99}, GOOD]}),
        json.dumps({"opinions": ["noise", None, 7, GOOD]}),
        _text(stop_loss=None, take_profit=None),
        _text(horizon_minutes=45.0),
        _text(confidence=1),
        _text(confidence=0),
        _text(action="SELL", stop_loss=66000.01, take_profit=65999.99),
    ],
)
def test_what_is_tolerated(text: str) -> None:
    assert isinstance(_read(text), View)


def test_a_hold_needs_no_levels_and_given_ones_mean_nothing() -> None:
    view = _read(_text(action="HOLD", stop_loss=70000, take_profit=1))
    assert isinstance(view, View)
    assert (view.action, view.stop_loss, view.take_profit) == (Action.HOLD, None, None)


MALFORMED = {
    "nothing": ("", "the answer was empty"),
    "white space": (" \n\t ", "the answer was empty"),
    "prose": ("I think you should buy.", "must be JSON and nothing else, was not at character 0"),
    "prose before": (f"Here you go: {_text()}", "must be JSON and nothing else"),
    "prose after": (f"{_text()} Good luck!", "must be JSON and nothing else"),
    "prose around a fence": (f"Sure!\n```json\n{_text()}\n```", "must be JSON and nothing else"),
    "two fences": (f"```json\n{_text()}\n```\n```json\n{_text()}\n```", "must be JSON and nothing else"),
    "fence that does not end": (f"```json\n{_text()}", "must be JSON and nothing else"),
    "two objects": (f"{_text()}{_text()}", "must be JSON and nothing else"),
    "cut off": (_text()[:-20], "must be JSON and nothing else"),
    "single quotes": (_text().replace('"', "'"), "must be JSON and nothing else"),
    "comment": (_text().replace("{", "{ // note\n", 1), "must be JSON and nothing else"),
    "trailing comma": (_text().replace("}]}", "},]}"), "must be JSON and nothing else"),
    "bare list": (json.dumps([GOOD]), 'must be a JSON object with a list "opinions"'),
    "bare opinion": (json.dumps(GOOD), 'must be a JSON object with a list "opinions"'),
    "text": (json.dumps(_text()), 'must be a JSON object with a list "opinions"'),
    "null": ("null", 'must be a JSON object with a list "opinions"'),
    "opinions as object": (json.dumps({"opinions": GOOD}), 'must be a JSON object with a list "opinions"'),
    "opinions null": ('{"opinions": null}', 'must be a JSON object with a list "opinions"'),
    "no opinion": ('{"opinions": []}', "the symbol is missing"),
    "another symbol": (_text(symbol="ETHUSDT"), "the symbol is missing"),
    "lower case symbol": (_text(symbol="btcusdt"), "the symbol is missing"),
    "symbol with slash": (_text(symbol="BTC/USDT"), "the symbol is missing"),
    "symbol null": (_text(symbol=None), "the symbol is missing"),
    "no symbol": (_without("symbol"), "the symbol is missing"),
    "symbol twice": (json.dumps({"opinions": [GOOD, GOOD]}), "the symbol was given more than once"),
    "field twice": (_text().replace('"action": "BUY"', '"action": "BUY", "action": "SELL"'), "named a field twice"),
    "NaN": (_text(confidence=float("nan")), "must hold finite numbers only, held NaN"),
    "Infinity": (_text(take_profit=float("inf")), "must hold finite numbers only, held Infinity"),
    "-Infinity": (_text(sentiment=float("-inf")), "must hold finite numbers only, held -Infinity"),
    "huge exponent": (_text(confidence=0.62).replace("0.62", "1e999999999999999999999"), "too large"),
    "overflow": (_text().replace("0.62", "1e400"), "confidence must be a number in 0..1, was 1E+400"),
    "confidence in percent": (_text(confidence=62), "confidence must be a number in 0..1, was 62"),
    "negative confidence": (_text(confidence=-0.1), "confidence must be a number in 0..1, was -0.1"),
    "confidence as text": (_text(confidence="0.62"), "confidence must be a number in 0..1, was '0.62'"),
    "confidence true": (_text(confidence=True), "confidence must be a number in 0..1, was true"),
    "confidence null": (_text(confidence=None), "confidence must be a number in 0..1, was null"),
    "no confidence": (_without("confidence"), "confidence is missing"),
    "sentiment out of range": (_text(sentiment=1.01), "sentiment must be a number in -1..1, was 1.01"),
    "sentiment as word": (_text(sentiment="bullish"), "sentiment must be a number in -1..1, was 'bullish'"),
    "action in lower case": (_text(action="buy"), "action must be one of BUY, SELL, HOLD, was 'buy'"),
    "strange action": (_text(action="STRONG_BUY"), "action must be one of BUY, SELL, HOLD, was 'STRONG_BUY'"),
    "action as list": (_text(action=["BUY"]), "action must be one of BUY, SELL, HOLD, was a list"),
    "no action": (_without("action"), "action is missing"),
    "no horizon": (_without("horizon_minutes"), "horizon_minutes is missing"),
    "horizon zero": (_text(horizon_minutes=0), "horizon_minutes must be a number in 1..10080, was 0"),
    "horizon negative": (_text(horizon_minutes=-15), "horizon_minutes must be a number in 1..10080, was -15"),
    "horizon of years": (_text(horizon_minutes=10**9), "horizon_minutes must be a number in 1..10080"),
    "horizon with fraction": (_text(horizon_minutes=15.5), "horizon_minutes must be a whole number, was 15.5"),
    "horizon as text": (_text(horizon_minutes="15m"), "horizon_minutes must be a number in 1..10080, was '15m'"),
    "no stop": (_without("stop_loss"), "stop_loss is missing"),
    "stop zero": (_text(stop_loss=0), "stop_loss must be a price > 0 or null, was 0"),
    "stop negative": (_text(stop_loss=-5), "stop_loss must be a price > 0 or null, was -5"),
    "stop as text": (_text(stop_loss="65000"), "stop_loss must be a price > 0 or null, was '65000'"),
    "stop without end": (_text(stop_loss=10**40), "stop_loss must be a price > 0 or null"),
    "stop of a buy above": (_text(stop_loss=66001), "stop_loss of a BUY must be below the price 66000, was 66001"),
    "stop of a buy at the price": (_text(stop_loss=66000), "stop_loss of a BUY must be below the price 66000"),
    "target of a buy below": (_text(take_profit=65999), "take_profit of a BUY must be above the price 66000"),
    "stop of a sell below": (_text(action="SELL"), "stop_loss of a SELL must be above the price 66000, was 65500.5"),
    "target of a sell above": (
        _text(action="SELL", stop_loss=None),
        "take_profit of a SELL must be below the price 66000, was 67000",
    ),
    "risk in upper case": (_text(risk_level="LOW"), "risk_level must be one of low, medium, high, was 'LOW'"),
    "risk as number": (_text(risk_level=3), "risk_level must be one of low, medium, high, was 3"),
    "no reasoning": (_without("reasoning"), "reasoning is missing"),
    "blank reasoning": (_text(reasoning=" \n "), "reasoning must be text, was"),
    "reasoning as list": (_text(reasoning=["a"]), "reasoning must be text, was a list"),
    "nested without end": ("[" * 100_000, "nested too deeply"),
    "too long": ('{"opinions": []}' + " " * 200_000, "must have at most 200000 characters, had 200016"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_answer_is_a_reason_and_never_a_view(name: str) -> None:
    text, reason = MALFORMED[name]
    read = _read(text)
    assert isinstance(read, Unusable)
    assert reason in read.reason


def test_one_bad_opinion_leaves_the_others_alone() -> None:
    eth = features("ETHUSDT", price="66000")
    text = json.dumps({"opinions": [{**GOOD, "confidence": 2}, {**GOOD, "symbol": "ETHUSDT"}]})
    read = parse_answer(text, [SHOWN, eth])
    assert isinstance(read["BTCUSDT"], Unusable)
    assert isinstance(read["ETHUSDT"], View)
    assert list(read) == ["BTCUSDT", "ETHUSDT"]


@given(
    st.text(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(GOOD)), inner, max_size=9),
        max_leaves=20,
    ).map(lambda value: json.dumps({"opinions": [value, {**GOOD, "symbol": "X"}]}))
)
def test_no_text_at_all_makes_it_fail(text: str) -> None:
    assert isinstance(_read(text), View | Unusable)


def test_reasoning_is_made_inert_and_cut() -> None:
    view = _read(_text(reasoning="a\x00b\u202e\nc " + "d" * 2000))
    assert isinstance(view, View)
    assert view.reasoning.startswith("a b c d")
    assert len(view.reasoning) == 1000


@pytest.mark.parametrize(
    ("outcome", "detail", "reason"),
    [
        ("timeout", "no whole answer within 45 s", "the model did not answer in time: no whole answer within 45 s"),
        ("refused", "", "the model refused to answer"),
        ("cut_off", "the token limit was reached", "the answer was cut off: the token limit was reached"),
        ("empty", "no choices", "the answer was empty: no choices"),
        (
            "error",
            "HTTP 402: the account has no credits left",
            "the call failed: HTTP 402: the account has no credits left",
        ),
    ],
)
def test_a_call_without_content_is_a_reason_for_every_pair(outcome: str, detail: str, reason: str) -> None:
    answer = ModelAnswer(
        text=_text(),
        outcome=outcome,
        detail=detail,
        prompt_tokens=None,
        completion_tokens=None,
        cost_usd=None,
        latency_ms=1,
        model="m",
    )
    eth = features("ETHUSDT")
    assert read_answer(answer, [SHOWN, eth]) == {pair: Unusable(reason=reason) for pair in ("BTCUSDT", "ETHUSDT")}


def _last(minutes_ago: int = 1) -> object:
    view = _read(_text())
    assert isinstance(view, View)
    return opinion(
        view,
        SHOWN,
        analyst="grok",
        model="m",
        round_id="BTCUSDT:1",
        formed_ms=NOW_MS - minutes_ago * 60_000,
        cost_usd=Decimal("0.01"),
        latency_ms=5,
        prompt_hash="p",
    )


def _holds(shown=SHOWN, *, last=None, seen=frozenset(), min_move: str = "0.25") -> bool:
    return still_holds(
        last or _last(), shown, seen=seen, now_ms=NOW_MS, ttl_seconds=300, min_move_atr=Decimal(min_move)
    )


def test_an_opinion_holds_while_nothing_has_changed() -> None:
    assert _holds()


def test_an_old_opinion_holds_no_longer() -> None:
    assert _holds(last=_last(minutes_ago=4))
    assert not _holds(last=_last(minutes_ago=5))


def test_a_new_headline_ends_it_and_a_seen_one_does_not() -> None:
    shown = replace(SHOWN, headlines=(item("a"),))
    assert not _holds(shown)
    assert _holds(shown, seen=frozenset({"a", "b"}))


def test_a_move_of_a_quarter_atr_ends_it() -> None:
    atr = SHOWN.intervals[0].atr_14
    assert atr is not None
    just_less, just_more = Decimal(str(round(atr * 0.24, 2))), Decimal(str(round(atr * 0.26, 2)))
    assert _holds(replace(SHOWN, price=SHOWN.price - just_less))
    assert not _holds(replace(SHOWN, price=SHOWN.price - just_more))
    assert not _holds(min_move="0")


def test_without_an_atr_nothing_can_be_said_to_hold() -> None:
    assert not _holds(replace(SHOWN, intervals=()))
