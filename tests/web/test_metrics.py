"""What Prometheus scrapes."""

from dataclasses import replace
from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families

from domain.analysis import AnalystState, AnalystStatus, HorizonScore, Scorecard, ShadowBooks
from domain.news import NewsSourceStatus
from domain.ports import ModelAnswer, PublicFigures
from domain.savings import Saving, Spared
from web.measures import MeasuresKept
from web.metrics import ActorFigures, DeskFigures, Metrics
from web.notices import SessionNotices

GROK = AnalystStatus(
    name="grok",
    model="x-ai/grok",
    role="sentiment",
    state=AnalystState.READY,
    reason=None,
    weight=Decimal(1),
    opinions=7,
    abstentions=2,
    cost_today_usd=Decimal("0.25"),
    budget_usd=Decimal(1),
    latency_ms=1500,
)


def scrape(figures, measures=None):
    metrics = Metrics(lambda: figures, SessionNotices(price_updates_per_second=4), measures)
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def test_everything_is_shown_under_its_name():
    found = scrape(
        DeskFigures(
            actors=(
                ActorFigures(name="broker", state="running", restarts=1, mailbox=3, oldest_seconds=0.5, conflated=9),
                ActorFigures(name="news", state="gave_up", dropped=4),
            ),
            analysts=(GROK,),
            market_staleness_seconds=(("BTCUSDT", 0.25),),
            market_weight_used=12,
            ledger_seq=99,
            disk_free_bytes=2048,
            last_audit_ms=5000,
            last_audit_clean=False,
            loop_blocked=2,
        )
    )
    expected = {
        ("quorum_actor_up", ("broker", "running")): 1,
        ("quorum_actor_up", ("news", "gave_up")): 0,
        ("quorum_actor_mailbox", ("broker",)): 3,
        ("quorum_actor_mailbox_age_seconds", ("broker",)): 0.5,
        ("quorum_actor_restarts_total", ("broker",)): 1,
        ("quorum_actor_conflated_total", ("broker",)): 9,
        ("quorum_actor_dropped_total", ("news",)): 4,
        ("quorum_llm_opinions_total", ("grok", "x-ai/grok")): 7,
        ("quorum_llm_abstentions_total", ("grok", "x-ai/grok")): 2,
        ("quorum_llm_cost_today_usd", ("grok", "x-ai/grok")): 0.25,
        ("quorum_llm_latency_seconds", ("grok", "x-ai/grok")): 1.5,
        ("quorum_market_staleness_seconds", ("BTCUSDT",)): 0.25,
        ("quorum_market_weight_used", ()): 12,
        ("quorum_disk_free_bytes", ()): 2048,
        ("quorum_loop_blocked_total", ()): 2,
        ("quorum_ledger_seq", ()): 99,
        ("quorum_ledger_available", ()): 1,
        ("quorum_last_audit_timestamp_seconds", ()): 5,
        ("quorum_hub_sessions", ()): 0,
        ("quorum_hub_slow_kicks_total", ()): 0,
        ("quorum_last_audit_clean", ()): 0,
        ("quorum_hub_frames_total", ()): 0,
        ("quorum_hub_bytes_total", ()): 0,
        ("quorum_hub_backlog_bytes", ()): 0,
    }
    assert {key: found.get(key) for key in expected} == expected


def test_a_scorecard_is_shown_per_analyst_and_horizon():
    card = Scorecard(
        own=HorizonScore(horizon="own", settled=40, hit_rate=0.6, low=0.45, high=0.75, effective=30.0),
        fixed=(HorizonScore(horizon="15m", settled=3, hit_rate=1.0, low=0.3, high=1.0), HorizonScore(horizon="4h")),
        verdict="not_shown",
        skill=Decimal("1.20"),
        brier=0.24,
        log_score=0.68,
        mean_net_return=-0.001,
        cost_usd=Decimal("0.75"),
        books=ShadowBooks(
            analyst=Decimal("99990.5"), random=Decimal("99900"), hold=Decimal(100_000), buy_and_hold=Decimal("100010")
        ),
    )
    saved = (Saving(reason=Spared.UNCHANGED, questions=5, usd=Decimal("0.05")),)
    found = scrape(DeskFigures(analysts=(replace(GROK, weight=Decimal("1.2"), card=card, saved=saved),)))
    who = ("grok", "x-ai/grok")
    shown = {key: value for key, value in found.items() if key[0].startswith(("quorum_analyst", "quorum_llm_spared"))}
    assert shown == {
        ("quorum_analyst_vote_weight", who): 1.2,
        ("quorum_analyst_skill", who): 1.2,
        ("quorum_analyst_brier_score", who): 0.24,
        ("quorum_analyst_log_score", who): 0.68,
        ("quorum_analyst_mean_net_return", who): -0.001,
        ("quorum_analyst_settled_cost_usd", who): 0.75,
        ("quorum_analyst_settled_opinions", ("grok", "own", "x-ai/grok")): 40,
        ("quorum_analyst_settled_opinions", ("grok", "15m", "x-ai/grok")): 3,
        ("quorum_analyst_settled_opinions", ("grok", "4h", "x-ai/grok")): 0,
        ("quorum_analyst_hit_rate", ("grok", "own", "x-ai/grok")): 0.6,
        ("quorum_analyst_hit_rate", ("grok", "15m", "x-ai/grok")): 1,
        ("quorum_analyst_hit_rate_low", ("grok", "own", "x-ai/grok")): 0.45,
        ("quorum_analyst_hit_rate_low", ("grok", "15m", "x-ai/grok")): 0.3,
        ("quorum_analyst_hit_rate_high", ("grok", "own", "x-ai/grok")): 0.75,
        ("quorum_analyst_hit_rate_high", ("grok", "15m", "x-ai/grok")): 1,
        ("quorum_analyst_shadow_equity", ("grok", "analyst", "x-ai/grok")): 99990.5,
        ("quorum_analyst_shadow_equity", ("grok", "random", "x-ai/grok")): 99900,
        ("quorum_analyst_shadow_equity", ("grok", "hold", "x-ai/grok")): 100_000,
        ("quorum_analyst_shadow_equity", ("grok", "buy_and_hold", "x-ai/grok")): 100_010,
        ("quorum_llm_spared_questions_today", (*who, "unchanged")): 5,
        ("quorum_llm_spared_today_usd", (*who, "unchanged")): 0.05,
    }


def test_an_analyst_whose_past_is_not_read_yet_has_no_scores():
    found = scrape(DeskFigures(analysts=(GROK,)))
    assert [name for name, _ in found if name.startswith("quorum_analyst")] == ["quorum_analyst_vote_weight"]


def test_an_empty_desk_can_be_scraped():
    found = scrape(DeskFigures())
    assert found[("quorum_ledger_seq", ())] == 0
    assert found[("quorum_tick_to_stop_seconds_count", ())] == 0
    assert found[("quorum_order_to_durable_seconds_bucket", ("+Inf",))] == 0


def answered(outcome="ok", cost="0.004", latency_ms=1500):
    return ModelAnswer(
        text="",
        outcome=outcome,
        detail="",
        prompt_tokens=1,
        completion_tokens=1,
        cost_usd=None if cost is None else Decimal(cost),
        latency_ms=latency_ms,
        model="x-ai/grok-0709",
    )


def test_latencies_are_histograms_and_model_calls_are_counted():
    kept = MeasuresKept()
    for seconds in (0.004, 0.005, 0.3, 9.0):
        kept.stop_durable(seconds)
    kept.order_durable(0.01)
    kept.model_called("x-ai/grok", answered())
    kept.model_called("x-ai/grok", answered(latency_ms=61_000))
    kept.model_called("x-ai/grok", answered("timeout", None))
    found = scrape(DeskFigures(), kept)
    expected = {
        ("quorum_tick_to_stop_seconds_bucket", ("0.002",)): 0,
        ("quorum_tick_to_stop_seconds_bucket", ("0.005",)): 2,  # at most
        ("quorum_tick_to_stop_seconds_bucket", ("0.2",)): 2,
        ("quorum_tick_to_stop_seconds_bucket", ("0.5",)): 3,
        ("quorum_tick_to_stop_seconds_bucket", ("+Inf",)): 4,
        ("quorum_tick_to_stop_seconds_count", ()): 4,
        ("quorum_tick_to_stop_seconds_sum", ()): 9.309,
        ("quorum_order_to_durable_seconds_count", ()): 1,
        ("quorum_llm_calls_total", ("x-ai/grok", "ok")): 2,
        ("quorum_llm_calls_total", ("x-ai/grok", "timeout")): 1,
        ("quorum_llm_cost_usd_total", ("x-ai/grok",)): 0.008,
        ("quorum_llm_call_seconds_bucket", ("2.0", "x-ai/grok")): 2,
        ("quorum_llm_call_seconds_count", ("x-ai/grok",)): 3,
    }
    assert {key: found.get(key) for key in expected} == pytest.approx(expected)


def test_what_the_hub_has_shown_fills_the_gaps():
    notices = SessionNotices(price_updates_per_second=4)
    notices.show(
        PublicFigures(analysts=(GROK,), staleness_seconds=(("ETHUSDT", 3.0),), ledger_seq=5, ledger_available=False)
    )
    page = Metrics(DeskFigures, notices).text().decode()
    assert 'quorum_market_staleness_seconds{symbol="ETHUSDT"} 3.0' in page
    assert "quorum_ledger_seq 5.0" in page
    assert "quorum_ledger_available 0.0" in page
    assert 'quorum_llm_opinions_total{analyst="grok",model="x-ai/grok"} 7.0' in page


def test_sources_of_news_show_whether_they_answer():
    notices = SessionNotices(price_updates_per_second=4)
    sources = (
        NewsSourceStatus(name="a", state="ok", detail="", last_ok_ms=5_000, stories=3, repeats=1),
        NewsSourceStatus(name="b", state="failing", detail="gone"),
        NewsSourceStatus(name="c", state="disabled", detail="no key"),
    )
    notices.show(
        PublicFigures(analysts=(), staleness_seconds=(), ledger_seq=0, ledger_available=True, news_sources=sources)
    )
    page = Metrics(DeskFigures, notices).text().decode()
    assert [
        f'quorum_news_source_up{{source="{name}"}} {up}' in page
        for name, up in zip("abc", (1.0, 0.0, 0.0), strict=True)
    ] == [True] * 3
    assert 'quorum_news_source_answered_timestamp_seconds{source="a"} 5.0' in page
    assert 'quorum_news_stories_total{source="a"} 3.0' in page
    assert 'quorum_news_repeats_total{source="a"} 1.0' in page
