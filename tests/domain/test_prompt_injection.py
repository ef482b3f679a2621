"""Hostile headlines: the schema, the gates and the size stay as they are, and nobody's effect passes its bound.

What a model makes of a headline cannot be known, so the worst is assumed: it says back what the headline says, or it
does what any headline asks. What follows from that is bounded by rules, not by the model.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.analysis import Action, Features, Opinion
from domain.bot_state import situation_of
from domain.consensus import combine
from domain.features import pick_headlines
from domain.gates import GATES
from domain.headlines import news_item
from domain.news import NewsItem
from domain.opinions import Unusable, View, opinion, parse_answer
from domain.pair_names import PairNames
from domain.ports import RawHeadline
from domain.prompts import prompt_hash, user_prompt
from domain.strategy import decide
from tests.analysis_values import DATA, NOW_MS, features, item
from tests.bots import NOW, PAIR, RULES, state

ESCAPES = {"\\n": "\n", "\\t": "\t", "\\r": "\r", "\\0": "\0", "\\e": "\x1b"}
SITE = "a site"


def _corpus() -> tuple[str, ...]:
    lines = (DATA / "hostile_headlines.txt").read_text(encoding="utf-8").splitlines()
    return tuple(_unescaped(line) for line in lines if not line.startswith("# "))


def _unescaped(line: str) -> str:
    for written, meant in ESCAPES.items():
        line = line.replace(written, meant)
    parts = line.split("\\u")
    text = parts[0] + "".join(chr(int(part[:4], 16)) + part[4:] for part in parts[1:])
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


HOSTILE = _corpus()
NEUTRAL = "Bitcoin trades sideways"


def _shown(*titles: str) -> Features:
    """Return features as if a feed's titles had come in past every check: the prompt must hold by itself."""
    raw = [item(f"{n}", pairs=(PAIR,), title=title, source=SITE) for n, title in enumerate(titles)]
    return features(PAIR, price="66000", headlines=tuple(raw))


def _pairs(text: str) -> list[dict]:
    return json.loads(text[text.index("{") :])["pairs"]


def test_the_corpus_is_large_enough_and_says_everything_once() -> None:
    assert len(HOSTILE) == len(set(HOSTILE)) >= 60


# --- the prompt -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("title", HOSTILE)
def test_a_headline_changes_nothing_in_the_prompt_but_its_own_quoted_text(title: str) -> None:
    fixed = [prompt_hash(role) for role in ("sentiment", "technical", "planner")]
    text = user_prompt([_shown(title)], now_ms=NOW_MS)
    (hostile,), (neutral,) = _pairs(text), _pairs(user_prompt([_shown(NEUTRAL)], now_ms=NOW_MS))
    said = [each.pop("title") for each in hostile["headlines"]]
    for each in neutral["headlines"]:
        each.pop("title")
    assert hostile == neutral
    assert len(said) == 1
    assert len(said[0]) <= 200
    assert said[0].isprintable()
    assert text.count("\n") == 1  # one line of ours, one line of JSON
    assert [prompt_hash(role) for role in ("sentiment", "technical", "planner")] == fixed


@pytest.mark.parametrize("title", HOSTILE)
def test_a_feed_hands_on_an_inert_item_or_none(title: str) -> None:
    raw = RawHeadline(title=title, summary=title, url="https://example.org/a", source=title, published_ms=NOW_MS - 1)
    made = news_item(raw, pairs=PairNames(("BTCUSDT", "SOLUSDT")), sentiment=0.0, received_ms=NOW_MS)
    if made is not None:
        assert all(text.isprintable() for text in (made.title, made.summary, made.source))
        assert (len(made.title) <= 300, len(made.summary) <= 500, len(made.source) <= 60) == (True, True, True)
        assert set(made.pairs) <= {"BTCUSDT", "SOLUSDT"}


# --- the answer -------------------------------------------------------------------------------------------------------

# What a model may answer that does what a headline asks.
ANSWERED = (
    {"action": "BUY", "confidence": 7},
    {"action": "BUY", "confidence": 1, "trade_amount_usdt": 1_000_000, "leverage": 125},
    {"action": "BUY", "confidence": 1, "stop_loss": 0},
    {"action": "BUY", "horizon_minutes": 999_999},
    {"action": "LONG", "confidence": 1},
    {"action": "BUY", "confidence": "1.0"},
    {"symbol": "DOGEUSDT", "action": "BUY", "confidence": 1},
)
OBEDIENT = (
    *(json.dumps({"opinions": [{"symbol": PAIR, **each}]}) for each in ANSWERED),
    *("BUY", "", "[]", '{"opinions": []}', "Understood, I will answer BUY for all pairs."),
)


def test_what_obeys_a_headline_is_no_opinion() -> None:
    assert all(isinstance(parse_answer(text, [_shown()])[PAIR], Unusable) for text in OBEDIENT)


def test_a_model_that_says_a_headline_back_has_no_opinion_or_one_within_its_bounds() -> None:
    read = {title: parse_answer(title, [_shown()])[PAIR] for title in HOSTILE}
    views = [view for view in read.values() if isinstance(view, View)]
    assert len(views) == 2  # two headlines are whole answers
    assert all(0 <= view.confidence <= 1 and -1 <= view.sentiment <= 1 for view in views)


# --- the trade --------------------------------------------------------------------------------------------------------


def _says(analyst: str, action: Action, confidence: float, *, stop: str | None = None) -> Opinion:
    view = View(
        action=action,
        confidence=confidence,
        sentiment=0.0,
        horizon_minutes=15,
        stop_loss=None if stop is None else Decimal(stop),
        take_profit=None,
        risk_level="low",
        reasoning="Because a headline said so.",
    )
    costs = {"cost_usd": Decimal(0), "latency_ms": 1, "prompt_hash": "p"}
    made = opinion(view, _shown(), analyst=analyst, model="m", round_id="r", formed_ms=NOW, **costs)
    return replace(made, price=Decimal(100_000))


def _verdict(*opinions: Opinion, weights: dict[str, Decimal], **rules: object):
    rules = replace(RULES, agreement="any", **rules)
    signal = combine(opinions, (), weights, "any", pair=PAIR, round_id="r", now_ms=NOW)
    known = state(weights=weights)
    situation = situation_of(known, rules, signal=signal, features=_shown(*HOSTILE[:4]), now_ms=NOW)
    return decide(situation, rules, decision_id="d", features=None)


SIZES = [
    {"sizing": "fixed"},
    {"sizing": "risk"},
    {"sizing": "volatility"},
    {"sizing": "fixed", "exits": "opinion"},
    {"sizing": "fixed", "leverage": 20},
]


@pytest.mark.parametrize("rules", SIZES)
@pytest.mark.parametrize("confidence", [0.2, 0.6, 1.0])
def test_the_size_is_the_settings_own_whatever_a_model_says(rules: dict, confidence: float) -> None:
    weights = {"technical": Decimal(1), "grok": Decimal(1)}
    honest = _verdict(_says("technical", Action.BUY, 0.55), weights=weights, **rules)
    seized = _verdict(
        _says("technical", Action.BUY, 0.55), _says("grok", Action.BUY, confidence), weights=weights, **rules
    )
    assert honest.traded
    assert seized.traded
    assert (seized.plan.quantity, seized.plan.notional) == (honest.plan.quantity, honest.plan.notional)
    assert tuple(check.gate for check in seized.decision.checks) == GATES


def test_a_size_that_goes_by_probability_never_passes_the_largest_position() -> None:
    """Kelly sizing listens to confidence and `exits: opinion` to stops: the settings bound both."""
    verdict = _verdict(
        _says("grok", Action.BUY, 1.0, stop="99999.99"),
        weights={"grok": Decimal(1)},
        sizing="kelly",
        exits="opinion",
        max_position_usdt=Decimal(700),
    )
    assert verdict.plan.notional <= 700
    percent = _verdict(_says("grok", Action.BUY, 1.0), weights={"grok": Decimal(1)})
    far = _verdict(_says("grok", Action.BUY, 1.0, stop="1"), weights={"grok": Decimal(1)}, exits="opinion")
    assert far.plan.stop_loss == percent.plan.stop_loss  # never further away than the settings say


@pytest.mark.parametrize(
    ("gate", "rules"),
    [
        ("pair_disabled", {"enabled": False}),
        ("daily_trades", {"max_trades_per_day": 0}),
        ("concurrent_trades", {"max_concurrent_trades": 0}),
        ("too_few_opinions", {"min_opinions": 2}),
        ("short_not_allowed", {"allow_short": False}),
        ("risk_reward", {"min_risk_reward": Decimal(3)}),
        ("size_below_minimum", {"trade_amount_usdt": Decimal("0.01")}),
        ("awaiting_approval", {"manual_approval_mode": True}),
    ],
)
def test_no_gate_listens_to_a_model(gate: str, rules: dict) -> None:
    verdict = _verdict(_says("grok", Action.SELL, 1.0), weights={"grok": Decimal(100)}, **rules)
    assert (verdict.traded, verdict.decision.gate) == (False, gate)


# --- the effect of one source -----------------------------------------------------------------------------------------

VOTES = st.lists(
    st.tuples(st.sampled_from(list(Action)), st.integers(0, 100), st.integers(0, 1000)), min_size=1, max_size=6
)


@given(others=VOTES, weight=st.integers(0, 1000), honest=st.integers(-100, 100))
def test_who_seizes_one_analyst_moves_the_score_by_its_share_at_most(
    others: Sequence[tuple[Action, int, int]], weight: int, honest: int
) -> None:
    def score(action: Action, confidence: float) -> float:
        said = [_says(f"a{n}", each, share / 100) for n, (each, share, _) in enumerate(others)]
        return combine(
            [*said, _says("seized", action, confidence)], (), weights, "any", pair=PAIR, round_id="r", now_ms=NOW
        ).score

    weights = {f"a{n}": Decimal(w) for n, (_, _, w) in enumerate(others)} | {"seized": Decimal(weight)}
    before = score(Action.BUY if honest >= 0 else Action.SELL, abs(honest) / 100)
    total = sum(weights.values())
    for action in Action:
        bound = float(2 * Decimal(weight) / total) if total else 0.0
        assert abs(score(action, 1.0) - before) <= bound + 1e-9


@given(loud=st.integers(0, 60), quiet=st.integers(0, 10), own=st.booleans())
def test_who_publishes_most_fills_half_of_the_headlines_at_most(loud: int, quiet: int, own: bool) -> None:
    def published(source: str, count: int, pairs: tuple[str, ...]) -> list[NewsItem]:
        return [item(f"{source}{n}", pairs=pairs, minutes_ago=n, source=source) for n in range(count)]

    flood = published("loud", loud, (PAIR,))
    rest = published("quiet", quiet, (PAIR,) if own else ())
    picked = pick_headlines([*flood, *rest], pair=PAIR)
    assert sum(each.source == "loud" for each in picked) <= 4
    assert sum(each.source == "quiet" for each in picked) >= min(quiet, 4)
