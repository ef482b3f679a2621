"""Restart intensity, worked by hand."""

import pytest

from domain.restarts import RestartPolicy, next_restart

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
