"""Prometheus metrics, collected at scrape time from what the supervisor and the sessions say."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from domain.analysis import AnalystStatus
from domain.news import NewsSourceStatus
from web.analyst_metrics import of_analysts
from web.measures import MeasuresKept
from web.notices import SessionNotices


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorFigures:
    """One actor at this moment."""

    name: str
    state: str
    restarts: int = 0
    mailbox: int = 0
    oldest_seconds: float = 0.0
    conflated: int = 0
    dropped: int = 0
    handled: int = 0
    undeliverable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskFigures:
    """The desk at this moment, as the supervisor knows it."""

    actors: tuple[ActorFigures, ...] = ()
    analysts: tuple[AnalystStatus, ...] = ()
    market_staleness_seconds: tuple[tuple[str, float], ...] = ()  # per pair: age of its newest price
    market_weight_used: int | None = None  # exchange request weight of the running minute
    ledger_seq: int = 0
    ledger_available: bool = True
    disk_free_bytes: int | None = None  # where the data directory is
    last_audit_ms: int | None = None
    last_audit_clean: bool = True
    news_sources: tuple[NewsSourceStatus, ...] = ()
    loop_blocked: int = 0  # how often something computed for too long


class _Desk:
    """A prometheus collector: asks at each scrape, keeps nothing."""

    def __init__(self, figures: Callable[[], DeskFigures], notices: SessionNotices, measures: MeasuresKept) -> None:
        self._figures, self._notices, self._measures = figures, notices, measures

    def describe(self) -> list[Metric]:
        return []  # so that registering does not collect before the desk is up

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "python_allocated_blocks", "Memory blocks that Python holds", value=sys.getallocatedblocks()
        )
        figures = self._merged(self._figures())
        yield from _of_actors(figures.actors)
        yield from of_analysts(figures.analysts)
        yield from _of_measures(self._measures)
        yield from _of_news(figures.news_sources)
        yield from self._of_sessions()
        staleness = GaugeMetricFamily("quorum_market_staleness_seconds", "Age of the newest price", labels=["symbol"])
        for symbol, age in figures.market_staleness_seconds:
            staleness.add_metric([symbol], age)
        yield staleness
        yield CounterMetricFamily(
            "quorum_loop_blocked", "Times that something computed for more than 2 s", value=figures.loop_blocked
        )
        yield GaugeMetricFamily("quorum_ledger_seq", "Newest journal document", value=figures.ledger_seq)
        yield GaugeMetricFamily(
            "quorum_ledger_available", "Whether the ledger takes writes", value=float(figures.ledger_available)
        )
        if figures.disk_free_bytes is not None:
            yield GaugeMetricFamily(
                "quorum_disk_free_bytes", "Room on the disk of the data directory", value=figures.disk_free_bytes
            )
        if figures.last_audit_ms is not None:
            yield GaugeMetricFamily(
                "quorum_last_audit_timestamp_seconds", "Last audit", value=figures.last_audit_ms / 1000
            )
            yield GaugeMetricFamily(
                "quorum_last_audit_clean", "Whether it found nothing", value=float(figures.last_audit_clean)
            )
        if figures.market_weight_used is not None:
            yield GaugeMetricFamily(
                "quorum_market_weight_used", "Exchange request weight this minute", value=figures.market_weight_used
            )

    def _merged(self, figures: DeskFigures) -> DeskFigures:
        """Fill in what the hub has shown and the supervisor does not know."""
        shown = self._notices.figures
        if shown is None:
            return figures
        return replace(
            figures,
            analysts=figures.analysts or shown.analysts,
            market_staleness_seconds=figures.market_staleness_seconds or shown.staleness_seconds,
            ledger_seq=figures.ledger_seq or shown.ledger_seq,
            ledger_available=figures.ledger_available and shown.ledger_available,
            news_sources=figures.news_sources or shown.news_sources,
        )

    def _of_sessions(self) -> Iterator[Metric]:
        notices = self._notices
        sessions = tuple(notices.sessions.values())
        yield GaugeMetricFamily("quorum_hub_sessions", "Open WebSocket sessions", value=len(sessions))
        yield GaugeMetricFamily(
            "quorum_hub_slow_sessions", "Sessions that read slowly", value=sum(s.slow for s in sessions)
        )
        yield CounterMetricFamily(
            "quorum_hub_sends",
            "Sends to sessions, of one or more frames",
            value=notices.sends + sum(s.sends for s in sessions),
        )
        yield CounterMetricFamily(
            "quorum_hub_frames", "Frames given to sessions", value=notices.frames + sum(s.frames for s in sessions)
        )
        yield GaugeMetricFamily("quorum_hub_backlog_bytes", "Bytes that wait for slow sessions", notices.backlog.bytes)
        yield CounterMetricFamily(
            "quorum_hub_bytes", "Bytes sent to sessions", value=notices.bytes + sum(s.bytes for s in sessions)
        )
        yield CounterMetricFamily("quorum_hub_frames_encoded", "Frames encoded, once for all", value=notices.encoded)
        yield CounterMetricFamily(
            "quorum_hub_slow_kicks", "Sessions closed because they did not read", value=notices.slow_kicks
        )


def _of_actors(actors: Iterable[ActorFigures]) -> Iterator[Metric]:
    up = GaugeMetricFamily("quorum_actor_up", "1 while the actor runs", labels=["actor", "state"])
    gauges = {
        "mailbox": GaugeMetricFamily("quorum_actor_mailbox", "Messages waiting", labels=["actor"]),
        "oldest_seconds": GaugeMetricFamily("quorum_actor_mailbox_age_seconds", "Age of the oldest", labels=["actor"]),
    }
    counters = {
        "restarts": CounterMetricFamily("quorum_actor_restarts", "Restarts", labels=["actor"]),
        "conflated": CounterMetricFamily("quorum_actor_conflated", "Messages replaced by newer", labels=["actor"]),
        "dropped": CounterMetricFamily("quorum_actor_dropped", "Messages dropped", labels=["actor"]),
        "handled": CounterMetricFamily("quorum_actor_handled", "Messages handled", labels=["actor"]),
        "undeliverable": CounterMetricFamily("quorum_actor_undeliverable", "Mail to nobody", labels=["actor"]),
    }
    for actor in actors:
        up.add_metric([actor.name, actor.state], float(actor.state == "running"))
        for name, gauge in gauges.items():
            gauge.add_metric([actor.name], getattr(actor, name))
        for name, counter in counters.items():
            counter.add_metric([actor.name], getattr(actor, name))
    yield up
    yield from gauges.values()
    yield from counters.values()


def _of_news(sources: Iterable[NewsSourceStatus]) -> Iterator[Metric]:
    labels = ["source"]
    up = GaugeMetricFamily("quorum_news_source_up", "1 unless the source fails or is not used", labels=labels)
    answered = GaugeMetricFamily("quorum_news_source_answered_timestamp_seconds", "Last useful answer", labels=labels)
    stories = CounterMetricFamily("quorum_news_stories", "Stories told", labels=labels)
    repeats = CounterMetricFamily("quorum_news_repeats", "Stories left out as told already", labels=labels)
    for source in sources:
        up.add_metric([source.name], float(source.state in ("ok", "starting")))
        stories.add_metric([source.name], source.stories)
        repeats.add_metric([source.name], source.repeats)
        if source.last_ok_ms is not None:
            answered.add_metric([source.name], source.last_ok_ms / 1000)
    yield from (up, answered, stories, repeats)


def _of_measures(kept: MeasuresKept) -> Iterator[Metric]:
    stops = HistogramMetricFamily(
        "quorum_tick_to_stop_seconds", "From the trade that reaches a stop to its durable fill"
    )
    stops.add_metric([], kept.stops.cumulated(), kept.stops.total)
    orders = HistogramMetricFamily("quorum_order_to_durable_seconds", "From an order at the broker to its storage")
    orders.add_metric([], kept.orders.cumulated(), kept.orders.total)
    calls = CounterMetricFamily("quorum_llm_calls", "Model calls, all tries together", labels=["model", "outcome"])
    for (model, outcome), count in kept.calls.items():
        calls.add_metric([model, outcome], count)
    cost = CounterMetricFamily("quorum_llm_cost_usd", "Reported cost since the start", labels=["model"])
    for model, usd in kept.cost_usd.items():
        cost.add_metric([model], float(usd))
    seconds = HistogramMetricFamily("quorum_llm_call_seconds", "How long model calls take", labels=["model"])
    for model, histogram in kept.call_seconds.items():
        seconds.add_metric([model], histogram.cumulated(), histogram.total)
    notices = CounterMetricFamily(
        "quorum_notifications", "Messages sent or failed, events dropped", labels=["channel", "outcome"]
    )
    for (channel, outcome), count in kept.notifications.items():
        notices.add_metric([channel, outcome], count)
    yield from (stops, orders, calls, cost, seconds, notices)


class Metrics:
    """The text of `/metrics`."""

    def __init__(
        self, figures: Callable[[], DeskFigures], notices: SessionNotices, measures: MeasuresKept | None = None
    ) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(_Desk(figures, notices, measures or MeasuresKept()))

    def text(self) -> bytes:
        return generate_latest(self._registry)
