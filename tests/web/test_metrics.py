"""What Prometheus scrapes."""

from decimal import Decimal

from prometheus_client.parser import text_string_to_metric_families

from domain.analysis import AnalystState, AnalystStatus
from domain.ports import PublicFigures
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


def scrape(figures):
    metrics = Metrics(lambda: figures, SessionNotices(price_updates_per_second=4))
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
            last_audit_ms=5000,
            extra=(("tick_to_stop_seconds", "From the trade to its stop's fill", 0.01),),
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
        ("quorum_ledger_seq", ()): 99,
        ("quorum_ledger_available", ()): 1,
        ("quorum_last_audit_timestamp_seconds", ()): 5,
        ("quorum_hub_sessions", ()): 0,
        ("quorum_hub_slow_kicks_total", ()): 0,
        ("quorum_tick_to_stop_seconds", ()): 0.01,
    }
    assert {key: found.get(key) for key in expected} == expected


def test_an_empty_desk_can_be_scraped():
    assert scrape(DeskFigures())[("quorum_ledger_seq", ())] == 0


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
