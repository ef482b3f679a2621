"""The Grafana dashboard and the alert rules ask for what /metrics shows, and explain what to do."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from domain.analysis import AnalystState, AnalystStatus
from domain.news import NewsSourceStatus
from domain.ports import ModelAnswer
from web.measures import MeasuresKept
from web.metrics import ActorFigures, DeskFigures, Metrics
from web.notices import SessionNotices

ROOT = Path(__file__).parents[2]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES = [
    rule for group in yaml.safe_load((ROOT / "deploy/alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
NAME = re.compile(r"\b(?:quorum|process|python)_[a-z0-9_]+")
LABEL = re.compile(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}")
FIGURES = DeskFigures(
    actors=(ActorFigures(name="broker", state="gave_up"),),
    analysts=(
        AnalystStatus(
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
        ),
    ),
    market_staleness_seconds=(("BTCUSDT", 0.25),),
    market_weight_used=12,
    last_audit_ms=5000,
    disk_free_bytes=2048,
    news_sources=(NewsSourceStatus(name="rss", state="ok", detail="", stories=1, last_ok_ms=1),),
)


@pytest.fixture(scope="module")
def shown() -> dict[str, set[str]]:
    """Return each sample's name with its labels, of a desk where everything has happened."""
    measures = MeasuresKept()
    measures.model_called(
        "x-ai/grok",
        ModelAnswer(
            text="",
            outcome="ok",
            detail="",
            prompt_tokens=1,
            completion_tokens=1,
            cost_usd=Decimal("0.01"),
            latency_ms=1,
            model="x-ai/grok",
        ),
    )
    text = Metrics(lambda: FIGURES, SessionNotices(price_updates_per_second=4), measures).text().decode()
    return {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name != "python_info"
    }


def expressions(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_a_panel_shows_what_there_is(panel: dict[str, Any], shown: dict[str, set[str]]) -> None:
    assert panel["description"]
    assert panel["targets"]
    for target in panel["targets"]:
        names = NAME.findall(target["expr"])
        assert names
        assert set(names) <= shown.keys()
        assert all('job="$job"' in target["expr"][target["expr"].index(name) :] for name in names)
        assert set(LABEL.findall(target["legendFormat"])) <= shown[names[0]]


def test_the_dashboard_shows_what_an_operator_must_see() -> None:
    asked = {name for panel in PANELS for expression in expressions(panel) for name in NAME.findall(expression)}
    assert asked >= {
        *(f"quorum_actor_{what}" for what in ("up", "mailbox", "mailbox_age_seconds", "restarts_total")),
        *("quorum_actor_conflated_total", "quorum_actor_dropped_total", "quorum_loop_blocked_total"),
        *("quorum_tick_to_stop_seconds_bucket", "quorum_order_to_durable_seconds_bucket"),
        *(f"quorum_hub_{what}" for what in ("sessions", "frames_total", "bytes_total", "slow_kicks_total")),
        *("quorum_llm_calls_total", "quorum_llm_cost_today_usd", "quorum_llm_abstentions_total"),
        *("quorum_llm_call_seconds_bucket", "quorum_market_staleness_seconds", "quorum_market_weight_used"),
        *("quorum_ledger_seq", "quorum_ledger_available", "quorum_last_audit_clean", "quorum_disk_free_bytes"),
    }


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_asks_for_what_there_is_and_says_what_to_do(rule: dict[str, Any], shown: dict[str, set[str]]) -> None:
    names = NAME.findall(rule["expr"])
    assert set(names) <= shown.keys()
    assert names or rule["expr"].startswith("up{")
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(LABEL.findall(rule["annotations"]["summary"])) <= {label for name in names for label in shown[name]}
    assert rule["annotations"]["action"]
    for page, heading in re.findall(r"(docs/\w+\.md), ([\w -]+)\.", rule["annotations"]["action"]):
        assert f"## {heading}\n" in (ROOT / page).read_text()


def test_the_scrape_configuration_names_the_rules_and_the_desks_port() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus.yaml").read_text())
    (job,) = config["scrape_configs"]
    assert job["static_configs"][0]["targets"] == ["127.0.0.1:8765"]
    assert config["rule_files"] == ["alerts.yaml"]
    assert all(f'job="{job["job_name"]}"' in rule["expr"] for rule in RULES if rule["expr"].startswith("up{"))
