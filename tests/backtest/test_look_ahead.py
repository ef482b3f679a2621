"""What comes later changes nothing before: candles after a moment are made up anew, and the past stays the same."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest.engine import run
from backtest.signals import candidates
from backtest.tables import CandleTable
from tests.backtest.worlds import MINUTE, START, job_of, table_of, walk

pytestmark = pytest.mark.timeout(240)  # on a machine with much else to do
MINUTES = 420


def with_another_future(table: CandleTable, minute: int, *, seed: int, factor: float) -> CandleTable:
    """Return the candles up to `minute`, and from there on others, at other prices."""
    other = walk(table.pair, minutes=MINUTES, seed=seed, volatility=0.003)
    floats = table.floats.copy()
    floats[:, minute:] = np.round(other.floats[:, minute:] * factor, 2)
    return table_of(table.pair, table.open_ms, floats)


def before(journal, end_ms):
    """Return what was recorded before the candle that opens at `end_ms`: with the orders of the rounds at its open."""
    at = ((each, each["recorded_at"].timestamp() * 1000) for each in journal)
    return [each["hash"] for each, ms in at if ms < end_ms or (ms == end_ms and each["type"] == "order")]


@settings(max_examples=4, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    place=st.integers(0, 1000),
    factor=st.sampled_from([0.3, 0.97, 1.0, 1.03, 4.0]),
    plain=st.booleans(),
)
def test_another_future_leaves_the_past_as_it_was(seed: int, place: int, factor: float, plain: bool) -> None:
    """The future begins with the candle that the order of a round waits for: the round has not seen it."""
    table = walk(minutes=MINUTES, seed=seed)
    known = run(job_of(table, reversal_threshold=0, plain=plain))
    ordered = [each["ts"] for each in known.journal if each["type"] == "order"]
    end_ms = ordered[place % len(ordered)]
    minute = (end_ms - START) // MINUTE
    other = with_another_future(table, minute, seed=seed + 7, factor=factor)
    changed = run(job_of(other, reversal_threshold=0, plain=plain))
    past = before(known.journal, end_ms)
    assert len(past) > 2
    assert before(changed.journal, end_ms) == past
    assert changed.equity[:minute].tolist() == known.equity[:minute].tolist()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**9), minute=st.integers(60, MINUTES - 1))
def test_where_to_look_depends_on_the_past_alone(seed: int, minute: int) -> None:
    table = walk(minutes=MINUTES, seed=seed)
    other = with_another_future(table, minute, seed=seed + 7, factor=2.0)
    known, changed = candidates(table.floats, 500), candidates(other.floats, 500)
    assert known.buy[:minute].tolist() == changed.buy[:minute].tolist()
    assert known.sell[:minute].tolist() == changed.sell[:minute].tolist()


def test_the_last_candle_of_a_run_is_not_known_before_it_has_ended() -> None:
    table = walk(minutes=MINUTES, seed=11)
    floats = table.floats.copy()
    floats[1, -1] *= 3  # its high alone
    job = job_of(table)
    tall = replace(job, tables={table.pair: table_of(table.pair, table.open_ms, floats)})
    end_ms = START + MINUTES * MINUTE
    assert before(run(tall).journal, end_ms) == before(run(job).journal, end_ms)
