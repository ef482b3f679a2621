"""What becomes of an actor that ended: OTP's rules, worked by hand and over random lives."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.restarts import (
    LEAST_STOP_SECONDS,
    Action,
    Decision,
    Ending,
    Restart,
    RestartPolicy,
    decide,
    next_restart,
    stop_seconds,
)

POLICY = RestartPolicy(limit=5, window_ms=60_000, base_ms=50, cap_ms=10_000)


@pytest.mark.parametrize(
    ("past", "jitter", "expected"),
    [
        ((), 1.0, 50),
        ((), 0.0, 25),
        ((99_000,), 1.0, 100),
        ((99_000, 99_100), 0.5, 150),
        ((10_000, 20_000, 30_000), 1.0, 50),  # all older than the window
        ((95_000, 96_000, 97_000, 98_000, 99_000), 1.0, None),  # the sixth within a minute
        ((40_000, 96_000, 97_000, 98_000, 99_000), 1.0, 800),  # one has left the window
    ],
)
def test_the_delay_doubles_until_the_child_gives_up(past, jitter, expected):
    assert next_restart(past, 100_000, POLICY, jitter) == expected


def test_the_delay_is_capped():
    policy = RestartPolicy(limit=100, base_ms=50, cap_ms=10_000)
    assert next_restart(tuple(range(99_000, 99_020)), 100_000, policy, 1.0) == 10_000


def test_jitter_out_of_range_is_an_error():
    with pytest.raises(ValueError, match="jitter must be in"):
        next_restart((), 0, POLICY, 1.5)


FRESH, SPENT = (), (95_000, 96_000, 97_000, 98_000, 99_000)
PERMANENT, TRANSIENT = Restart
STOPPED, FAILED, UNSOUND = Ending


@pytest.mark.parametrize(
    ("ending", "restart", "critical", "past", "expected"),
    [
        (STOPPED, PERMANENT, False, FRESH, Action.RESTART),
        (STOPPED, TRANSIENT, False, FRESH, Action.LEAVE),
        (FAILED, PERMANENT, False, FRESH, Action.RESTART),
        (FAILED, TRANSIENT, False, FRESH, Action.RESTART),
        (UNSOUND, PERMANENT, False, FRESH, Action.RESTART),
        (UNSOUND, TRANSIENT, False, FRESH, Action.RESTART),
        (STOPPED, PERMANENT, True, FRESH, Action.RESTART),
        (STOPPED, TRANSIENT, True, FRESH, Action.LEAVE),
        (FAILED, PERMANENT, True, FRESH, Action.RESTART),
        (FAILED, TRANSIENT, True, FRESH, Action.RESTART),
        (UNSOUND, PERMANENT, True, FRESH, Action.END_PROCESS),  # it may still write: there must not be two
        (UNSOUND, TRANSIENT, True, FRESH, Action.END_PROCESS),
        (STOPPED, PERMANENT, False, SPENT, Action.GIVE_UP),
        (STOPPED, TRANSIENT, False, SPENT, Action.LEAVE),
        (FAILED, PERMANENT, False, SPENT, Action.GIVE_UP),
        (FAILED, TRANSIENT, False, SPENT, Action.GIVE_UP),
        (UNSOUND, PERMANENT, False, SPENT, Action.GIVE_UP),
        (UNSOUND, TRANSIENT, False, SPENT, Action.GIVE_UP),
        (STOPPED, PERMANENT, True, SPENT, Action.END_PROCESS),
        (STOPPED, TRANSIENT, True, SPENT, Action.LEAVE),
        (FAILED, PERMANENT, True, SPENT, Action.END_PROCESS),
        (FAILED, TRANSIENT, True, SPENT, Action.END_PROCESS),
        (UNSOUND, PERMANENT, True, SPENT, Action.END_PROCESS),
        (UNSOUND, TRANSIENT, True, SPENT, Action.END_PROCESS),
    ],
)
def test_each_ending_has_one_consequence(ending, restart, critical, past, expected):
    decided = decide(
        ending=ending, restart=restart, critical=critical, past_ms=past, now_ms=100_000, policy=POLICY, jitter=1.0
    )
    assert decided == Decision(expected, 50 if expected is Action.RESTART else 0)


def test_the_table_above_is_complete():
    marks = next(iter(test_each_ending_has_one_consequence.pytestmark)).args[1]
    assert {row[:4] for row in marks} == set(product(Ending, Restart, (False, True), (FRESH, SPENT)))


POLICIES = st.builds(
    RestartPolicy,
    limit=st.integers(0, 6),
    window_ms=st.integers(1, 100_000),
    base_ms=st.integers(1, 500),
    cap_ms=st.integers(1, 10_000),
)


@given(
    POLICIES,
    st.lists(st.tuples(st.integers(0, 40_000), st.sampled_from(Ending), st.floats(0, 1))),
    st.sampled_from(Restart),
)
def test_no_life_has_more_restarts_in_a_window_than_allowed(policy, life, restart):
    """`life`: how many ms each generation lived, how it ended, and the jitter of its restart."""
    now_ms, restarted = 0, []
    for lived_ms, ending, jitter in life:
        now_ms += lived_ms
        decided = decide(
            ending=ending,
            restart=restart,
            critical=False,
            past_ms=tuple(restarted),
            now_ms=now_ms,
            policy=policy,
            jitter=jitter,
        )
        if decided.action is not Action.RESTART:
            recent = [moment for moment in restarted if now_ms - moment < policy.window_ms]
            assert decided == Decision(Action.LEAVE if ending is STOPPED and restart is TRANSIENT else Action.GIVE_UP)
            assert decided.action is Action.LEAVE or len(recent) >= policy.limit
            break
        assert 0 <= decided.delay_ms <= policy.cap_ms
        now_ms += decided.delay_ms
        restarted.append(now_ms)
    for moment in restarted:
        window = [other for other in restarted if moment <= other < moment + policy.window_ms]
        assert len(window) <= policy.limit


@given(POLICIES, st.lists(st.integers(0, 1000), max_size=5), st.floats(0, 1), st.floats(0, 1))
def test_more_jitter_is_never_a_shorter_delay_and_halves_it_at_most(policy, past, one, other):
    less, more = (next_restart(tuple(sorted(past)), 1000, policy, jitter) for jitter in sorted((one, other)))
    if less is not None and more is not None:
        assert less <= more <= 2 * less + 1


@pytest.mark.parametrize(
    ("own", "left", "reserved", "expected"),
    [
        (2.0, 9.0, 5.0, 2.0),
        (2.0, 6.0, 5.0, 1.0),  # what is left but for the critical one
        (2.0, 4.0, 5.0, LEAST_STOP_SECONDS),
        (5.0, 3.0, 0.0, 3.0),
        (5.0, -1.0, 0.0, LEAST_STOP_SECONDS),
    ],
)
def test_a_stop_leaves_time_for_what_must_stop_later(own, left, reserved, expected):
    assert stop_seconds(own, left=left, reserved=reserved) == expected
