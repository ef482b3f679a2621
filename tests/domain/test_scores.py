"""Scores of settled opinions, by hand-computed and published figures."""

import math
from decimal import Decimal

import pytest

from domain import scores
from domain.analysis import Action, HorizonScore
from domain.settlement import Call, Settlement

MINUTES = 15


def settlement(hit: bool, confidence: float = 0.6, *, stretch: int = 0, number: int = 0) -> Settlement:
    call = Call(
        opinion_id=f"{stretch}:{number}",
        pair="BTCUSDT",
        action=Action.BUY,
        confidence=confidence,
        horizon_minutes=MINUTES,
        formed_ms=stretch * MINUTES * 60_000,
        cost_usd=Decimal(0),
    )
    end = Decimal("101" if hit else "99")
    return Settlement(
        call=call, label="own", due_ms=0, counted=True, cost_usd=Decimal(0), entry=Decimal("100"), exit=end
    )


def apart(*hits: bool) -> list[Settlement]:
    """Return settlements with a stretch of time each."""
    return [settlement(hit, stretch=number) for number, hit in enumerate(hits)]


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [  # Newcombe 1998, table I, method 4
        (81, 263, 0.2535, 0.3682),
        (15, 148, 0.0598, 0.1644),
        (0, 20, 0.0, 0.2005),
        (1, 29, 0.0018, 0.1963),
    ],
)
def test_the_interval_is_the_published_one(hits, count, low, high):
    assert scores.wilson_interval(hits / count, count) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("count", [0.6, 1, 2.5, 30, 1e6])
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.5, 0.99, 1.0])
def test_an_interval_holds_its_rate_and_stays_within_0_and_1(rate, count):
    low, high = scores.wilson_interval(rate, count)
    assert 0 <= low <= rate <= high <= 1


def test_opinions_apart_are_worth_what_they_are():
    assert scores.effective_count(apart(*[True, False] * 20)) == 40


def test_opinions_that_are_right_and_wrong_together_are_worth_one():
    together = [settlement(stretch % 2 == 0, stretch=stretch, number=n) for stretch in range(40) for n in range(5)]
    design_effect = (250 * 40 / 39) / (50 * 200 / 199)
    t_199, t_39 = 1.97196, 2.02269  # of tables
    assert scores.effective_count(together) == pytest.approx(200 / design_effect * (t_199 / t_39) ** 2, rel=1e-4)


def test_where_all_are_right_a_stretch_is_worth_one():
    assert scores.effective_count([settlement(True, stretch=s, number=n) for s in range(10) for n in range(5)]) == 10


def test_nothing_settled_has_no_rate():
    assert scores.horizon_score("15m", []) == HorizonScore(horizon="15m")


def test_brier_and_log_score_of_four_opinions():
    four = [settlement(True, 0.9), settlement(True, 0.6), settlement(False, 0.7), settlement(False, 0.5)]
    assert scores.brier_score(four) == pytest.approx((0.01 + 0.16 + 0.49 + 0.25) / 4)
    expected = -(math.log(0.9) + math.log(0.6) + math.log(0.3) + math.log(0.5)) / 4
    assert scores.log_score(four) == pytest.approx(expected)


def test_a_certainty_that_was_wrong_has_a_finite_log_score():
    assert scores.log_score([settlement(False, 1.0)]) == pytest.approx(-math.log(0.001))


def test_bins_hold_what_was_said_against_what_happened():
    said = [settlement(True, 0.6), settlement(False, 0.65), settlement(True, 1.0), settlement(True, 0.3)]
    found = scores.calibration(said)
    assert [(each.low, each.high, each.count) for each in found] == [(0.3, 0.4, 1), (0.6, 0.7, 2), (0.9, 1.0, 1)]
    assert (found[1].mean_confidence, found[1].hit_rate) == (pytest.approx(0.625), 0.5)


@pytest.mark.parametrize(
    ("right", "count", "expected"),
    [
        (29, 29, "too_few"),
        (22, 30, "skilled"),
        (21, 30, "not_shown"),
        (8, 30, "worse_than_chance"),
        (9, 30, "not_shown"),
    ],
)
def test_a_verdict_needs_thirty_and_the_whole_interval(right, count, expected):
    score = scores.horizon_score("own", apart(*[True] * right, *[False] * (count - right)))
    assert scores.verdict(score) == expected


@pytest.mark.parametrize(
    ("rate", "count", "confidence", "expected"),
    [
        (0.5, 300, 0.5, "1.00"),
        (0.6, 300, 0.6, "1.20"),
        (0.6, 300, 0.55, "1.20"),  # modesty costs nothing
        (0.6, 300, 0.9, "0.80"),  # 2 x 0.6 x 0.6 / 0.9
        (1.0, 300, 0.9, "2.00"),
        (0.1, 300, 0.9, "0.10"),
        (0.0, 300, 0.5, "0.10"),
        (1.0, 15, 0.9, "1.50"),  # half of the evidence: half of the way
        (1.0, 3, 0.9, "1.10"),
        (0.0, 3, 0.9, "0.90"),
    ],
)
def test_the_weight_follows_the_hit_rate_and_starts_at_one(rate, count, confidence, expected):
    score = HorizonScore(horizon="own", settled=count, hit_rate=rate, low=0, high=1, effective=count)
    assert scores.skill(score, confidence) == Decimal(expected)


def test_nobody_settled_weighs_one():
    assert scores.skill(HorizonScore(horizon="own"), 0.0) == 1
