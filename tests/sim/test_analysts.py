"""Scorecards find the skill that was put in, weights follow it, and a coin is not called skilled more than stated."""

import random

import pytest

from domain.analysis import Scorecard
from sim.analysts import card_of, coin_flips, known_analysts, market, scorebooks

ROUNDS = 60  # of five opinions
KNOWN = known_analysts()


def card(name: str, seed: int) -> Scorecard:
    rng = random.Random(f"{name} {seed}")
    *_, (_, book) = scorebooks(KNOWN[name][0], market(rng, rounds=ROUNDS), rng)
    return card_of(book)


@pytest.fixture(scope="module")
def cards() -> dict[str, list[Scorecard]]:
    return {name: [card(name, seed) for seed in range(6)] for name in KNOWN}


@pytest.mark.parametrize("name", KNOWN)
def test_known_skill_lies_within_the_interval(cards, name):
    truth = KNOWN[name][1]
    held = [each.own.low <= truth <= each.own.high for each in cards[name]]
    assert sum(held) >= len(held) - 1  # of 95 in 100
    assert {each.own.settled for each in cards[name]} == {ROUNDS * 5}


def test_the_verdict_names_who_is_skilled_and_who_is_worse_than_chance(cards):
    assert {each.verdict for each in cards["perfect"]} == {"skilled"}
    assert {each.verdict for each in cards["inverted"]} == {"worse_than_chance"}
    assert [each.verdict for each in cards["coin flip"]].count("skilled") <= 1  # it happens, seldom: see below
    assert [each.verdict for each in cards["60 %"]].count("skilled") >= 4  # the others have too little to show yet


def test_weights_follow_the_skill(cards):
    mean = {name: sum(float(each.skill) for each in found) / len(found) for name, found in cards.items()}
    assert mean["perfect"] == 2
    assert mean["inverted"] == pytest.approx(0.1)
    assert mean["coin flip"] == pytest.approx(1, abs=0.05)
    assert mean["perfect"] > mean["60 %"] > mean["coin flip"] > mean["overconfident"] > mean["inverted"]


def test_claiming_too_much_shows_in_brier_log_score_and_bins(cards):
    for honest, boaster in zip(cards["60 %"], cards["overconfident"], strict=True):
        assert honest.brier < boaster.brier
        assert honest.log_score < boaster.log_score
        (said,) = boaster.calibration
        assert said.mean_confidence - said.hit_rate > 0.25
        (said,) = honest.calibration
        assert abs(said.mean_confidence - said.hit_rate) < 0.1


def test_money_follows_the_skill_and_the_twin_is_a_coin(cards):
    for perfect, inverted in zip(cards["perfect"], cards["inverted"], strict=True):
        assert perfect.books.analyst > perfect.books.random
        assert inverted.books.analyst < inverted.books.random < inverted.books.hold
        assert perfect.mean_net_return > inverted.mean_net_return


@pytest.mark.parametrize("kind", coin_flips())
def test_a_coin_is_seldom_called_skilled(kind):
    """At 2.5 % each, 5 or more of 40 have a chance of 1 in 300: the rate itself is measured by the benchmark."""
    make = coin_flips()[kind]
    called = 0
    for seed in range(40):
        rng = random.Random(f"{kind} {seed}")
        *_, (_, book) = scorebooks(make(), market(rng, rounds=40), rng)
        called += card_of(book).verdict == "skilled"
    assert called <= 4
