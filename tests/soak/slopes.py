"""Whether a sampled figure grows: the slope of a straight line with an interval that allows for dependent samples.

Samples ten seconds apart say nearly the same thing, so a plain least-squares error is far too small. Here the samples
are averaged over blocks, the line goes through the blocks' means, and the error of its slope is widened by what is left
of the dependence between neighbouring blocks (first-order autocorrelation r of the residuals: by sqrt((1+r)/(1-r)), as
for an AR(1) process; Santer et al., J. Geophys. Res. 105, 2000, 7337-7356).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

BLOCK_SECONDS = 300.0
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Slope:
    """Change an hour with its interval, at CONFIDENCE; `mean` of all blocks."""

    per_hour: float
    low: float
    high: float
    mean: float
    blocks: int
    autocorrelation: float

    @property
    def is_distinguishable(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def slope(seconds: Sequence[float], values: Sequence[float], *, block_seconds: float = BLOCK_SECONDS) -> Slope:
    """Return the slope of `values` over time.

    Args:
        seconds: when each was taken, ascending.
        values: finite, as many.
        block_seconds: over how long samples are averaged, > 0; a last block that is less than half full is left out.

    Raises:
        ValueError: fewer than four blocks.
    """
    times, means = _blocks(seconds, values, block_seconds)
    count = len(times)
    if count < 4:
        raise ValueError(f"a slope needs four blocks of {block_seconds:.0f} s, found {count}")
    middle, mean = sum(times) / count, sum(means) / count
    spread = sum((time - middle) ** 2 for time in times)
    rise = sum((time - middle) * (value - mean) for time, value in zip(times, means, strict=True)) / spread
    rest = [value - mean - rise * (time - middle) for time, value in zip(times, means, strict=True)]
    squares = sum(left * left for left in rest)
    r = sum(a * b for a, b in itertools.pairwise(rest)) / squares if squares else 0.0
    widened = math.sqrt((1 + r) / (1 - r)) if r > 0 else 1.0
    error = math.sqrt(squares / (count - 2) / spread) * widened
    margin = t_quantile((1 + CONFIDENCE) / 2, count - 2) * error
    per_hour = 3600.0
    return Slope(rise * per_hour, (rise - margin) * per_hour, (rise + margin) * per_hour, mean, count, r)


def _blocks(seconds: Sequence[float], values: Sequence[float], length: float) -> tuple[list[float], list[float]]:
    """Return the mean time and the mean value of each block."""
    blocks: dict[int, list[tuple[float, float]]] = {}
    for pair in zip(seconds, values, strict=True):
        blocks.setdefault(int((pair[0] - seconds[0]) // length), []).append(pair)
    fullest = max((len(block) for block in blocks.values()), default=0)
    kept = [block for _, block in sorted(blocks.items()) if len(block) * 2 >= fullest]
    return (
        [sum(time for time, _ in block) / len(block) for block in kept],
        [sum(value for _, value in block) / len(block) for block in kept],
    )


def t_quantile(share: float, freedom: int) -> float:
    """Return the value that Student's t with `freedom` degrees is below with probability `share` (0.5 to 0.9999)."""
    log_scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi)

    def density(at: float) -> float:
        return math.exp(log_scale - (freedom + 1) / 2 * math.log1p(at * at / freedom))

    def below(end: float, steps: int = 400) -> float:  # Simpson's rule from 0
        width = end / steps
        inner = sum((4 if step % 2 else 2) * density(step * width) for step in range(1, steps))
        return 0.5 + width / 3 * (density(0) + inner + density(end))

    low, high = 0.0, 100.0
    while high - low > 1e-7:
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < share else (low, middle)
    return high
