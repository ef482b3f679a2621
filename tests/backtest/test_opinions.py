"""Recorded opinions: read, heard at their time and not before, and kept apart by what their models may have known."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from backtest.engine import run
from backtest.opinions import RecordedOpinions, read_opinions
from domain.analysis import Action
from domain.archives import opinion_document
from domain.errors import SettingsError
from settings import parse_settings
from tests.backtest.test_skipping import same
from tests.backtest.worlds import MINUTE, START, job_of, plainly, walk
from tests.bots import opinion

MODEL = {"model": "x-ai/grok", "role": "sentiment"}


def said(minute: float, action: Action, **changes):
    at_ms = START + round(minute * MINUTE)
    return opinion("grok", action, 0.8, model="x-ai/grok", formed_ms=at_ms, round_id=f"BTCUSDT:{at_ms}", **changes)


def job_with(*opinions, **bots):
    """A job in which only the recorded analyst is asked."""
    job = job_of(walk(minutes=300, seed=6), **bots)
    analysts = parse_settings({"analysts": {"grok": MODEL}}).analysts
    return replace(
        job, settings=job.settings.model_copy(update={"analysts": analysts}), opinions=RecordedOpinions(opinions)
    )


def entries(result):
    return [(trade.ts_ms - START) // MINUTE for trade in result.trades if trade.reason == "entry"]


def test_an_opinion_is_traded_on_at_the_next_open_after_it_and_never_before() -> None:
    result = run(job_with(said(100.5, Action.BUY), opportunity_cooldown_secs=900, cooldown_secs=3600))
    assert entries(result) == [101]


def test_an_opinion_of_the_very_minute_is_heard_in_it() -> None:
    assert entries(run(job_with(said(100, Action.SELL), cooldown_secs=3600)))[:1] == [100]


def test_an_opinion_that_is_no_longer_fresh_is_not_heard() -> None:
    job = job_with(said(100.5, Action.BUY), cooldown_secs=3600, max_trades_per_day=1)
    analysis = job.settings.analysis.model_copy(update={"opinion_ttl_seconds": 20})
    late = replace(job, settings=job.settings.model_copy(update={"analysis": analysis}))
    assert run(late).trades == ()


def test_the_votes_behind_a_trade_are_kept() -> None:
    result = run(job_with(said(100, Action.BUY)))
    assert [vote.analyst for vote in result.votes[result.closed[0].trade_id]] == ["grok"]


def test_skipping_hears_the_same_opinions_as_every_minute() -> None:
    spoken = [said(20 + 13.3 * n, (Action.BUY, Action.SELL, Action.HOLD)[n % 3]) for n in range(20)]
    job = job_with(*spoken)
    fast = run(job)
    assert len(fast.closed) > 3
    same(fast, run(plainly(job)))


@pytest.mark.parametrize("zipped", [False, True])
def test_documents_of_the_collection_are_read(tmp_path: Path, zipped: bool) -> None:
    wanted = said(3, Action.BUY, stop_loss=None)
    document = opinion_document(wanted, settings_hash="x")
    plain = {key: str(value) if key in ("price", "cost_usd") else value for key, value in document.items()}
    extended = plain | {
        "price": {"$numberDecimal": plain["price"]},
        "formed_ms": {"$numberLong": str(wanted.formed_ms)},
    }
    text = f"{json.dumps(plain)}\n\n{json.dumps(extended)}\n"
    path = tmp_path / f"opinions.jsonl{'.gz' if zipped else ''}"
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    assert list(read_opinions(path).all_of("BTCUSDT")) == [wanted, wanted]


@pytest.mark.parametrize("line", ["{", "[]", '{"analyst": "grok"}', "1"])
def test_a_line_that_is_no_opinion_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "o.jsonl").write_text(f"\n{line}\n")
    with pytest.raises(SettingsError, match=r"line 2 of o\.jsonl must be an opinion's document"):
        read_opinions(tmp_path / "o.jsonl")
