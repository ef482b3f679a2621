"""A decision is stored with everything it was made from, and is shown the same from memory and from the archive."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain import analysis_views, archive_views
from domain.analysis import Abstention, Action, Decision
from domain.bot_state import situation_of
from domain.consensus import combine
from domain.decision_documents import decision_document
from domain.strategy import decide
from domain.views import ABSENT
from tests.analysis_values import features, item
from tests.bots import NOW, PAIR, RULES, opinion, position, state

WEIGHTS = {"technical": Decimal("0.8"), "grok": Decimal("1.35")}
OLDER = replace(opinion("grok", Action.BUY, 0.7), formed_ms=NOW - 90_000, prompt_hash="f" * 64)
SILENT = Abstention(analyst="gpt", pair=PAIR, reason="no key", at_ms=NOW, round_id="r")


def made(*, gate: str | None = None) -> Decision:
    signal = combine(
        (opinion("technical", Action.BUY, 0.6), OLDER), (SILENT,), WEIGHTS, "any", pair=PAIR, round_id="r", now_ms=NOW
    )
    rules = replace(RULES, enabled=gate is None)
    shown = features(headlines=(item("story", title="Sell everything", source="a site"),))
    situation = situation_of(state(weights=WEIGHTS), rules, signal=signal, features=shown, now_ms=NOW)
    return decide(situation, rules, decision_id=f"bot:{PAIR}:{NOW}", features=shown).decision


def test_every_input_of_a_decision_is_stored() -> None:
    document = decision_document(made())
    signal = document["signal"]
    assert signal["weights"] == WEIGHTS
    assert (signal["score"], signal["action"], signal["agreed"]) == (pytest.approx(0.662790697), "BUY", True)
    older = signal["opinions"][1]
    assert (older["analyst"], older["age_ms"], older["prompt_hash"]) == ("grok", 90_000, "f" * 64)
    assert signal["abstentions"] == [{"analyst": "gpt", "reason": "no key", "at": NOW}]
    shown = document["features"]
    assert [(each["title"], each["source"]) for each in shown["headlines"]] == [("Sell everything", "a site")]
    assert (len(shown["last_candles"]), len(shown["intervals"]), shown["fear_greed"]) == (20, 1, 40)
    assert len(document["checks"]) == 22
    assert all(set(check) == {"gate", "value", "limit", "passed"} for check in document["checks"])


@pytest.mark.parametrize("gate", [None, "pair_disabled"])
def test_memory_and_archive_show_the_same_decision(gate: str | None) -> None:
    decision = made(gate=gate)
    shown = analysis_views.decision_view(decision, with_features=True)
    assert archive_views.decision_view(decision_document(decision)) == shown
    assert shown.gate == (gate or ABSENT)
    assert [each.age_ms for each in shown.opinions] == [0, 90_000]
    assert shown.signal.weights == WEIGHTS


def test_the_frame_to_all_leaves_out_what_analysts_were_shown() -> None:
    assert analysis_views.decision_view(made()).features is ABSENT


def test_a_decision_of_before_weights_were_stored_can_be_shown() -> None:
    document = decision_document(made())
    del document["signal"]["weights"]
    assert archive_views.decision_view(document).signal.weights == {}


def test_the_open_position_is_an_input_too() -> None:
    shown = replace(features(), position=None)
    situation = situation_of(state(), RULES, signal=None, features=shown, now_ms=NOW)
    held = replace(situation, position=position())
    checks = decide(held, RULES, decision_id="d", features=shown).decision.checks
    assert checks[-1].gate == "position_open"
    assert checks[-1].value == "long 0.0005"
