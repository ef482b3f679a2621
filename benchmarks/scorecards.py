"""How often scorecards call an analyst skilled that flips coins, and what they find of known skill."""

import json
import random
import sys

from domain.scorebook import Scorebook
from sim.analysts import PAIRS, card_of, coin_flips, known_analysts, market, scorebooks

ANALYSTS = int(sys.argv[1]) if len(sys.argv) > 1 else 400  # simulated ones of each kind
FIRST = int(sys.argv[2]) if len(sys.argv) > 2 else 0  # seed of the first; the rest follow
LOOKS = (8, 20, 60, 200)  # rounds after which each card is looked at; five opinions a round
STATED = 0.025


def report(figure: str, **values: object) -> None:
    print(json.dumps({"benchmark": "scorecards", "figure": figure, **values}), flush=True)


def false_positives() -> None:
    """Print for each kind of coin and look the share of analysts called skilled, and called so at any look."""
    for kind, make in coin_flips().items():
        called = dict.fromkeys(LOOKS, 0)
        ever = 0
        for seed in range(FIRST, FIRST + ANALYSTS):
            rng = random.Random(f"{kind} {seed}")
            prices = market(rng, rounds=LOOKS[-1])
            looks = [number for number, book in scorebooks(make(), prices, rng) if number in LOOKS and _skilled(book)]
            for number in looks:
                called[number] += 1
            ever += bool(looks)
        for number, count in called.items():
            values = {"kind": kind, "analysts": ANALYSTS, "opinions": number * len(PAIRS)}
            report("called_skilled", **values, count=count, share=round(count / ANALYSTS, 4), stated=STATED)
        share = round(ever / ANALYSTS, 4)
        report("called_skilled_at_any_look", kind=kind, analysts=ANALYSTS, first_seed=FIRST, count=ever, share=share)


def _skilled(book: Scorebook) -> bool:
    return card_of(book).verdict == "skilled"


def recovery() -> None:
    """Print for each known analyst how often its interval holds the truth, and its mean hit rate and weight."""
    count = max(1, ANALYSTS // 4)
    for name, (speak, truth) in known_analysts().items():
        held, rates, skills = 0, 0.0, 0.0
        for seed in range(FIRST, FIRST + count):
            rng = random.Random(f"{name} {seed}")
            *_, (_, book) = scorebooks(speak, market(rng, rounds=60), rng)
            card = card_of(book)
            own = card.own
            assert own.low is not None and own.high is not None and own.hit_rate is not None  # 300 are settled
            held += own.low <= truth <= own.high
            rates += own.hit_rate / count
            skills += float(card.skill) / count
        values = {"analyst": name, "analysts": count, "opinions": 60 * len(PAIRS), "right": truth}
        report("recovered", **values, within=round(held / count, 4), hit_rate=round(rates, 4), skill=round(skills, 3))


if __name__ == "__main__":
    false_positives()
    recovery()
