"""What Prometheus scrapes from a desk that trades: every figure of it is real."""

import urllib.request
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.system.client import Client
from tests.system.desk_process import DeskProcess, until
from tests.system.worlds import PAIRS, simulated

Labels = frozenset[tuple[str, str]]
NONE: Labels = frozenset()
MODEL = "x-ai/grok-4.1-fast"


def scrape(desk: DeskProcess) -> dict[tuple[str, Labels], float]:
    with urllib.request.urlopen(f"{desk.address}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.timeout(180)
def test_a_desk_that_trades_fills_every_metric(desks: Callable[..., DeskProcess], mongodb_uri: str) -> None:
    desk = desks(
        simulated(stop_loss_percent=0.01, max_hold_seconds=0) | {"storage": {"database": "metrics"}},
        MONGODB_URI=mongodb_uri,
    )
    desk.start()
    with Client(desk.address):
        figures = until(lambda: _when_stopped(scrape(desk)), seconds=90, what="a stop was filled")
    of_model = frozenset({("model", MODEL)})
    assert figures["quorum_order_to_durable_seconds_count", NONE] > 0
    assert 0 < figures["quorum_order_to_durable_seconds_sum", NONE] < 60
    assert 0 < figures["quorum_tick_to_stop_seconds_sum", NONE] < 60
    assert figures["quorum_llm_calls_total", of_model | {("outcome", "ok")}] > 0
    assert figures["quorum_llm_cost_usd_total", of_model] > 0
    assert figures["quorum_llm_call_seconds_count", of_model] > 0
    assert figures["quorum_llm_abstentions_total", of_model | {("analyst", "grok")}] >= 0
    assert figures["quorum_hub_sessions", NONE] == 1
    assert figures["quorum_hub_frames_total", NONE] > figures["quorum_hub_sends_total", NONE] > 0
    assert figures["quorum_hub_bytes_total", NONE] > 10_000
    assert figures["quorum_hub_slow_kicks_total", NONE] == 0
    for pair in PAIRS:
        assert figures["quorum_market_staleness_seconds", frozenset({("symbol", pair)})] < 10
    assert figures["quorum_market_weight_used", NONE] > 0
    assert figures["quorum_ledger_seq", NONE] > 0
    assert figures["quorum_last_audit_clean", NONE] == 1
    assert figures["quorum_last_audit_timestamp_seconds", NONE] > 0
    assert figures["quorum_actor_handled_total", frozenset({("actor", "broker")})] > 0


def _when_stopped(figures: dict[tuple[str, Labels], float]) -> dict[tuple[str, Labels], float]:
    """Return the figures once a stop was measured and the journal was audited, else nothing."""
    stopped = figures["quorum_tick_to_stop_seconds_count", NONE] > 0
    return figures if stopped and ("quorum_last_audit_clean", NONE) in figures else {}
