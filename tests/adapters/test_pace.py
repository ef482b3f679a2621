"""How often something may be done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.pace import Pace


def test_who_is_too_early_is_told_how_long_to_wait():
    now = 10.0
    pace = Pace(limit=2, seconds=5.0, monotonic=lambda: now)
    assert pace.wait_seconds() == 0
    pace.count()
    now = 12.0
    pace.count()
    assert pace.wait_seconds() == 3.0
    now = 15.0
    assert pace.wait_seconds() == 0
    pace.count()
    assert pace.wait_seconds() == 2.0


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_stretch_of_time_ever_holds_more(pauses: list[float]):
    now, done = 0.0, []
    pace = Pace(limit=3, seconds=5.0, monotonic=lambda: now)
    for pause in pauses:
        now += pause
        if pace.wait_seconds() == 0:
            pace.count()
            done.append(now)
    for at in done:
        assert sum(at - 5.0 < each <= at for each in done) <= 3


@pytest.mark.parametrize(("limit", "seconds"), [(0, 1.0), (1, 0.0)])
def test_a_limit_of_nothing_is_refused(limit: int, seconds: float):
    with pytest.raises(ValueError, match="must be > 0"):
        Pace(limit=limit, seconds=seconds)
