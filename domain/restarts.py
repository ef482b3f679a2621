"""When a failed actor comes back: Erlang/OTP's restart intensity with a growing delay, as a pure decision."""

from dataclasses import dataclass
from enum import StrEnum


class Restart(StrEnum):
    """When a child is restarted (OTP child specs)."""

    PERMANENT = "permanent"  # always
    TRANSIENT = "transient"  # only after a failure


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """Restart intensity: at most `limit` restarts within `window_ms`, the n-th after `base_ms` * 2^n."""

    limit: int = 5
    window_ms: int = 60_000
    base_ms: int = 50
    cap_ms: int = 10_000


def next_restart(past_ms: tuple[int, ...], now_ms: int, policy: RestartPolicy, jitter: float) -> int | None:
    """Return how many ms to wait before the restart, or None to give up.

    Args:
        past_ms: when this child was restarted before, any clock, oldest first.
        now_ms: when it failed, same clock.
        policy: the intensity allowed.
        jitter: 0..1, spreads the delay over [0.5, 1] of its length.
    """
    if not 0 <= jitter <= 1:
        raise ValueError(f"jitter must be in [0, 1], was {jitter}")
    recent = sum(1 for moment in past_ms if now_ms - moment < policy.window_ms)
    if recent >= policy.limit:
        return None
    delay: int = min(policy.cap_ms, policy.base_ms * 2**recent)
    return round(delay * (0.5 + jitter / 2))
