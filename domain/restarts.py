"""What becomes of an actor that ended: Erlang/OTP's restart types and intensity, as pure decisions."""

from dataclasses import dataclass
from enum import StrEnum

LEAST_STOP_SECONDS = 0.05  # what a child gets for its stop when no time is left: enough where nothing waits


class Restart(StrEnum):
    """When a child is restarted (OTP child specs)."""

    PERMANENT = "permanent"  # always
    TRANSIENT = "transient"  # only after a failure


class Ending(StrEnum):
    """How a child ended, or why it may not go on."""

    STOPPED = "stopped"  # by itself, without an error
    FAILED = "failed"  # an exception, or its greenlet was killed: nothing of it runs any more
    UNSOUND = "unsound"  # it hangs, or fails of being asked: it may still run


class Action(StrEnum):
    """What the supervisor does about it."""

    LEAVE = "leave"  # it was done
    RESTART = "restart"
    GIVE_UP = "give_up"  # the rest runs on without it
    END_PROCESS = "end_process"  # the service manager starts everything anew


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """Restart intensity: at most `limit` restarts within `window_ms`, the n-th after `base_ms` * 2^n."""

    limit: int = 5
    window_ms: int = 60_000
    base_ms: int = 50
    cap_ms: int = 10_000


@dataclass(frozen=True, slots=True)
class Decision:
    """`delay_ms` counts with RESTART only."""

    action: Action
    delay_ms: int = 0


def decide(
    *,
    ending: Ending,
    restart: Restart,
    critical: bool,
    past_ms: tuple[int, ...],
    now_ms: int,
    policy: RestartPolicy,
    jitter: float,
) -> Decision:
    """Return what is done about a child that ended.

    Args:
        critical: no two of it may exist and the desk is nothing without it: it is never replaced while it may still
            run, and when it gives up the process ends.
        past_ms, now_ms, policy, jitter: as for `next_restart`.
    """
    if critical and ending is Ending.UNSOUND:
        return Decision(Action.END_PROCESS)
    if restart is Restart.TRANSIENT and ending is Ending.STOPPED:
        return Decision(Action.LEAVE)
    delay_ms = next_restart(past_ms, now_ms, policy, jitter)
    if delay_ms is None:
        return Decision(Action.END_PROCESS if critical else Action.GIVE_UP)
    return Decision(Action.RESTART, delay_ms)


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


def stop_seconds(own: float, *, left: float, reserved: float) -> float:
    """Return how long one child's stop may take.

    Args:
        own: its limit, seconds.
        left: of the whole stop, seconds.
        reserved: what critical children that stop later need of it, seconds.
    """
    return max(LEAST_STOP_SECONDS, min(own, left - reserved))
