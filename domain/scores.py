"""What settled opinions show of an analyst's skill: hit rate, Brier and log score, calibration, the vote's weight.

All of it goes by BUY and SELL; a HOLD claims nothing that could be right.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from domain.analysis import CalibrationBin, HorizonScore
from domain.settlement import MINUTE_MS, Settlement

Z_95 = 1.959964  # two-sided 95 %
Z_VERDICT = 2.241403  # two-sided 97.5 %: a coin gets any verdict in 2.5 % of looks, and a good one in half of these
ENOUGH = 30  # settled opinions from which a verdict is given, and up to which the weight is shrunk towards 1
BINS = 10
SURE = 0.001  # a probability is read as no nearer than this to 0 and 1: the log score stays finite
LEAST_SKILL, MOST_SKILL = 0.1, 2.0


def wilson_interval(hit_rate: float, count: float, z: float = Z_95) -> tuple[float, float]:
    """Return the interval (95 % by default) of a hit rate with Wilson's score method and continuity correction.

    Newcombe (1998), "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, method 4,
    after Wilson (1927). The correction keeps the error of few trials at or below what is stated.

    Args:
        hit_rate: 0..1.
        count: how many independent trials it rests on, > 0; need not be whole.
        z: quantile of the normal distribution that leaves out half of what the interval may miss.
    """
    p, n, z2 = hit_rate, count, z * z
    below = z2 - 2 - 1 / n + 4 * p * (n * (1 - p) + 1)
    above = z2 + 2 - 1 / n + 4 * p * (n * (1 - p) - 1)
    low = (2 * n * p + z2 - 1 - z * math.sqrt(max(0.0, below))) / (2 * (n + z2))
    high = (2 * n * p + z2 + 1 + z * math.sqrt(max(0.0, above))) / (2 * (n + z2))
    return (0.0 if p == 0 else max(0.0, min(p, low))), (1.0 if p == 1 else min(1.0, max(p, high)))


def effective_count(settlements: Sequence[Settlement]) -> float:
    """Return how many independent opinions these are worth, at most as many as they are.

    Opinions on several pairs over the same time are right and wrong together, because the pairs move together. The
    count is divided by the design effect: the variance of the hits summed over stretches of one horizon's length, by
    the variance they would have if all were independent (Kish 1965, "Survey Sampling", 8.2), and corrected for how few
    stretches that is estimated from (Korn and Graubard 1998, Survey Methodology 24, who use it for such intervals).
    Where all hit or all missed, nothing can be estimated: a stretch is one.
    """
    sizes: defaultdict[tuple[int, int], int] = defaultdict(int)
    hits: defaultdict[tuple[int, int], int] = defaultdict(int)
    for each in settlements:
        minutes = each.call.minutes(each.label)
        stretch = minutes, each.call.formed_ms // (minutes * MINUTE_MS)
        sizes[stretch] += 1
        hits[stretch] += each.hit
    count, stretches = len(settlements), len(sizes)
    rate = sum(hits.values()) / count
    if rate in (0, 1) or stretches < 2:
        return float(stretches)
    together = sum((hits[key] - rate * size) ** 2 for key, size in sizes.items()) * stretches / (stretches - 1)
    apart = count * rate * (1 - rate) * count / (count - 1)
    few = _t_quantile(count - 1) / _t_quantile(stretches - 1)
    return count / max(1.0, round(together / apart, 9)) * few * few


def _t_quantile(freedom: int) -> float:
    """Return Student's t at 97.5 % for `freedom` >= 1: Abramowitz and Stegun 26.7.5, to 1 % from 4 on, low below."""
    z, v = Z_95, freedom
    return z + (z**3 + z) / (4 * v) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v * v)


def horizon_score(label: str, settlements: Sequence[Settlement]) -> HorizonScore:
    """Return how often these were right; all of one label and counted."""
    if not settlements:
        return HorizonScore(horizon=label)
    rate = sum(each.hit for each in settlements) / len(settlements)
    effective = effective_count(settlements)
    low, high = wilson_interval(rate, effective)
    return HorizonScore(horizon=label, settled=len(settlements), hit_rate=rate, low=low, high=high, effective=effective)


def verdict(score: HorizonScore) -> str:
    """Return what a hit rate proves. Who flips coins gets a verdict, good or bad, in at most 2.5 % of looks.

    `skilled` and `worse_than_chance` need the whole 97.5 % interval on one side of one half, and `ENOUGH` opinions.
    """
    if score.effective < ENOUGH or score.hit_rate is None:
        return "too_few"
    low, high = wilson_interval(score.hit_rate, score.effective, Z_VERDICT)
    return "skilled" if low > 0.5 else "worse_than_chance" if high < 0.5 else "not_shown"


def brier_score(settlements: Sequence[Settlement]) -> float:
    """Return the mean of (confidence - outcome)^2, 0 best: Brier (1950), Monthly Weather Review 78."""
    return sum((each.call.confidence - each.hit) ** 2 for each in settlements) / len(settlements)


def log_score(settlements: Sequence[Settlement]) -> float:
    """Return the mean of -ln(probability given to what happened), 0 best: Good (1952), J. R. Stat. Soc. B 14."""
    given = (each.call.confidence if each.hit else 1 - each.call.confidence for each in settlements)
    return sum(-math.log(min(1 - SURE, max(SURE, chance))) for chance in given) / len(settlements)


def calibration(settlements: Iterable[Settlement]) -> tuple[CalibrationBin, ...]:
    """Return the bins of a reliability diagram that hold any opinion, ten equal ones over 0..1.

    Murphy and Winkler (1977), Applied Statistics 26. Well calibrated is whose hit rate is its mean confidence.
    """
    bins: defaultdict[int, list[Settlement]] = defaultdict(list)
    for each in settlements:
        bins[min(BINS - 1, int(round(each.call.confidence, 9) * BINS))].append(each)
    return tuple(
        CalibrationBin(
            low=index / BINS,
            high=(index + 1) / BINS,
            count=len(held),
            mean_confidence=sum(each.call.confidence for each in held) / len(held),
            hit_rate=sum(each.hit for each in held) / len(held),
        )
        for index, held in sorted(bins.items())
    )


def skill(score: HorizonScore, mean_confidence: float) -> Decimal:
    """Return the factor of a vote's weight, 0.10..2.00 in hundredths.

    Twice the hit rate, so that a coin has 1; times hit rate / mean confidence where more was claimed than came true.
    Up to `ENOUGH` opinions it lies that much nearer to 1: the weight of the evidence grows with their share of them.
    It never reaches 0: an analyst that is the only one can still be heard.
    """
    if not score.settled or score.hit_rate is None:
        return Decimal("1.00")
    kept = min(1.0, score.hit_rate / mean_confidence) if mean_confidence > 0 else 1.0
    shrunk = 1 + min(1.0, score.effective / ENOUGH) * (2 * score.hit_rate * kept - 1)
    return round(Decimal(repr(min(MOST_SKILL, max(LEAST_SKILL, shrunk)))), 2)
