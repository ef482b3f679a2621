"""The signal: what the fresh opinions of one pair come to together."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from domain.analysis import Abstention, Action, Opinion, Signal


def fresh_opinions(opinions: Sequence[Opinion], *, now_ms: int, ttl_ms: int) -> tuple[Opinion, ...]:
    """Return the opinions formed no longer than `ttl_ms` (> 0) ago, in the order given."""
    return tuple(opinion for opinion in opinions if now_ms - opinion.formed_ms <= ttl_ms)


def voters(opinions: Sequence[Opinion], weights: Mapping[str, Decimal]) -> tuple[Opinion, ...]:
    """Return the opinions that count: those of analysts with a weight > 0."""
    return tuple(opinion for opinion in opinions if weights.get(opinion.analyst, Decimal(0)) > 0)


def combine(
    opinions: Sequence[Opinion],
    abstentions: Sequence[Abstention],
    weights: Mapping[str, Decimal],
    agreement: str,
    *,
    pair: str,
    round_id: str,
    now_ms: int,
) -> Signal:
    """Return the weighted vote of fresh opinions.

    With weight w, direction s (+1 BUY, -1 SELL, 0 HOLD) and confidence c of each opinion:
    score = sum(w s c) / sum(w), direction = sign(score), confidence = |score|.

    Args:
        opinions: fresh ones of one pair, at most one of each analyst.
        abstentions: of the same round, only carried along.
        weights: by analyst, >= 0; an analyst that is not named has no vote.
        agreement: `majority` needs more than half of all weight in the winning direction, `unanimous` needs no vote in
            another one (a HOLD is another one), `any` needs nothing more.
        pair: e.g. BTCUSDT.
        round_id: of the round that ends with this signal.
        now_ms: epoch ms.
    """
    counted = voters(opinions, weights)
    total = sum((weights[each.analyst] for each in counted), Decimal(0))
    voted = sum((weights[each.analyst] * each.action.sign * _exact(each.confidence) for each in counted), Decimal(0))
    score = max(Decimal(-1), min(Decimal(1), voted / total)) if total else Decimal(0)
    action = Action.HOLD if score == 0 else Action.BUY if score > 0 else Action.SELL
    return Signal(
        pair=pair,
        action=action,
        score=float(score),
        confidence=float(abs(score)),
        agreed=_agreed(counted, weights, agreement, action, total),
        opinions=tuple(opinions),
        abstentions=tuple(abstentions),
        formed_ms=now_ms,
        round_id=round_id,
        weights=tuple((each.analyst, weights.get(each.analyst, Decimal(0))) for each in opinions),
    )


def probability_of_win(opinions: Sequence[Opinion], weights: Mapping[str, Decimal], action: Action) -> Decimal:
    """Return the weighted mean probability, 0..1, that the price moves in the direction of `action`.

    An opinion in that direction says c, one in the other 1 - c, a HOLD one half. 1/2 when nobody votes.
    """
    counted = voters(opinions, weights)
    total = sum((weights[each.analyst] for each in counted), Decimal(0))
    if not total:
        return Decimal("0.5")
    return sum((weights[each.analyst] * _chance(each, action) for each in counted), Decimal(0)) / total


def _chance(opinion: Opinion, action: Action) -> Decimal:
    if opinion.action is Action.HOLD:
        return Decimal("0.5")
    confidence = _exact(opinion.confidence)
    return confidence if opinion.action is action else 1 - confidence


def _agreed(
    counted: Sequence[Opinion], weights: Mapping[str, Decimal], agreement: str, action: Action, total: Decimal
) -> bool:
    if agreement == "any":
        return True
    if agreement == "unanimous":
        return all(each.action is action for each in counted)
    winning = sum((weights[each.analyst] for each in counted if each.action is action), Decimal(0))
    return 2 * winning > total


def _exact(confidence: float) -> Decimal:
    """Return the decimal a person reads: 0.3 is three tenths, so that a tie is a tie.

    Nine decimals are kept: sums stay exact, whatever the order.
    """
    return round(Decimal(repr(confidence)), 9)
