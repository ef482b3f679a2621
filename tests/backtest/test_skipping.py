"""Skipping what cannot matter: the journal is, byte for byte, that of going through every minute."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtest.engine import run
from backtest.result import Result
from tests.backtest.worlds import job_of, plainly, walk

pytestmark = pytest.mark.timeout(240)  # on a machine with much else to do
BOTS = st.fixed_dictionaries(
    {
        "stop_loss_percent": st.sampled_from([0.1, 0.3, 1.0, 5.0]),
        "take_profit_percent": st.sampled_from([0.15, 0.4, 2.0]),
        "trailing_enabled": st.booleans(),
        "trailing_trigger_percent": st.sampled_from([0.0, 0.1, 0.5]),
        "trailing_distance_percent": st.sampled_from([0.05, 0.2]),
        "max_hold_seconds": st.sampled_from([0, 60, 95, 1800]),
        "cooldown_secs": st.sampled_from([0, 90, 300]),
        "trade_interval_secs": st.sampled_from([1, 60, 200]),
        "opportunity_cooldown_secs": st.sampled_from([0, 130, 900]),
        "reversal_threshold": st.sampled_from([0.0, 0.001, 0.004, 0.02]),
        "max_trades_per_day": st.sampled_from([3, 10_000]),
        "max_concurrent_trades": st.sampled_from([1, 5]),
        "daily_loss_limit_percent": st.sampled_from([0.01, 50]),
        "leverage": st.sampled_from([1, 20]),
        "trade_amount_usdt": st.sampled_from([50, 1000, 4999]),
        "sizing": st.sampled_from(["fixed", "risk", "volatility", "kelly"]),
        "exits": st.sampled_from(["percent", "usd", "atr", "opinion"]),
        "allow_short": st.booleans(),
        "run_time_minutes": st.sampled_from([0, 200]),
        "ai_confidence_threshold": st.sampled_from([0.0, 0.5605]),
        "protections": st.sampled_from(
            [
                {"stoploss_guard": {"trades": 0}, "max_drawdown": {"percent": 0}, "losing_pair": {"trades": 0}},
                {
                    "stoploss_guard": {"trades": 2, "window_minutes": 60, "pause_minutes": 20},
                    "max_drawdown": {"percent": 0.05, "window_hours": 2, "pause_minutes": 30},
                    "losing_pair": {"trades": 2, "window_hours": 2, "min_profit_usdt": 0, "pause_minutes": 15},
                },
            ]
        ),
    }
)
WORLDS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10**9),
        "volatility": st.sampled_from([0.0003, 0.001, 0.004]),
        "holes": st.sampled_from([0, 0, 3]),
        "jumps": st.sampled_from([0.0, 0.03]),
        "flat": st.sampled_from([0, 2]),
    }
)


def journals(result: Result) -> list[tuple[object, ...]]:
    return [(each["seq"], each["_id"], each["ts"], each["hash"]) for each in result.journal]


def same(one: Result, other: Result) -> None:
    assert journals(one) == journals(other)
    assert (one.trades, one.closed, one.positions) == (other.trades, other.closed, other.positions)
    assert one.equity.tolist() == other.equity.tolist()
    assert one.votes == other.votes


@settings(max_examples=5, deadline=None)
@given(bots=BOTS, world=WORLDS, pairs=st.sampled_from([("BTCUSDT",), ("BTCUSDT", "ETHUSDT")]), start=st.integers(0, 3))
def test_the_journal_is_that_of_every_minute(bots, world, pairs, start) -> None:
    tables = [
        walk(pair, **{**world, "seed": world["seed"] + place}, minutes=330, start_ms=1_767_219_600_000 + 60_000 * start)
        for place, pair in enumerate(pairs)
    ]
    job = job_of(*tables, warm_up=60, **bots)
    same(run(job), run(plainly(job)))


@pytest.mark.parametrize("interval", [60, 120, 300])
def test_rounds_further_apart_are_skipped_to_as_well(interval: int) -> None:
    job = job_of(walk(minutes=300, seed=3))
    analysis = job.settings.analysis.model_copy(update={"interval_seconds": interval})
    job = replace(job, settings=job.settings.model_copy(update={"analysis": analysis}))
    fast = run(job)
    assert fast.closed
    same(fast, run(plainly(job)))


def test_a_pair_that_begins_late_and_ends_early_is_as_stale_as_on_the_plain_path() -> None:
    long = walk("BTCUSDT", minutes=700, seed=1)
    short = walk("ETHUSDT", minutes=700, seed=2).part(200, 480)
    job = job_of(long, short, max_hold_seconds=0, stop_loss_percent=9, take_profit_percent=9)
    fast = run(job)
    assert {trade.pair for trade in fast.trades} == {"BTCUSDT", "ETHUSDT"}
    same(fast, run(plainly(job)))


def test_most_minutes_are_skipped() -> None:
    job = job_of(walk(minutes=900, seed=5, volatility=0.0003), opportunity_cooldown_secs=900)
    rounds = run(job).rounds, run(plainly(job)).rounds
    assert rounds[0] < rounds[1] / 3
