"""Prometheus metrics of the analysts: their calls, what no call was made for, and their scorecards."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from domain.analysis import AnalystStatus, HorizonScore, Scorecard

_LABELS = ["analyst", "model"]


def of_analysts(analysts: Iterable[AnalystStatus]) -> Iterator[Metric]:
    """Yield all metrics of the analysts as they stand."""
    known = tuple(analysts)
    yield from _of_calls(known)
    yield from _of_savings(known)
    yield from _of_cards(known)
    yield from _of_horizons(known)
    yield from _of_books(known)


def _of_calls(analysts: Iterable[AnalystStatus]) -> Iterator[Metric]:
    opinions = CounterMetricFamily("quorum_llm_opinions", "Usable opinions", labels=_LABELS)
    abstentions = CounterMetricFamily("quorum_llm_abstentions", "Abstentions", labels=_LABELS)
    cost = GaugeMetricFamily("quorum_llm_cost_today_usd", "Spent and reserved this UTC day", labels=_LABELS)
    latency = GaugeMetricFamily("quorum_llm_latency_seconds", "Of the last call", labels=_LABELS)
    for item in analysts:
        names = [item.name, item.model]
        opinions.add_metric(names, item.opinions)
        abstentions.add_metric(names, item.abstentions)
        cost.add_metric(names, float(item.cost_today_usd))
        if item.latency_ms is not None:
            latency.add_metric(names, item.latency_ms / 1000)
    yield from (opinions, abstentions, cost, latency)


def _of_savings(analysts: Iterable[AnalystStatus]) -> Iterator[Metric]:
    labels = [*_LABELS, "reason"]
    questions = GaugeMetricFamily("quorum_llm_spared_questions_today", "Questions without a call", labels=labels)
    usd = GaugeMetricFamily("quorum_llm_spared_today_usd", "About what they would have cost", labels=labels)
    for item in analysts:
        for row in item.saved:
            questions.add_metric([item.name, item.model, row.reason.value], row.questions)
            usd.add_metric([item.name, item.model, row.reason.value], float(row.usd))
    yield from (questions, usd)


def _of_cards(analysts: Iterable[AnalystStatus]) -> Iterator[Metric]:
    weight = GaugeMetricFamily("quorum_analyst_vote_weight", "Weight as set, times skill", labels=_LABELS)
    figures = {
        "skill": GaugeMetricFamily("quorum_analyst_skill", "Factor of the weight, 0.1 to 2", labels=_LABELS),
        "brier": GaugeMetricFamily("quorum_analyst_brier_score", "0 best, 0.25 a coin said as such", labels=_LABELS),
        "log_score": GaugeMetricFamily("quorum_analyst_log_score", "0 best, 0.693 such a coin", labels=_LABELS),
        "mean_net_return": GaugeMetricFamily(
            "quorum_analyst_mean_net_return", "Fraction of the notional, after all costs", labels=_LABELS
        ),
        "cost_usd": GaugeMetricFamily(
            "quorum_analyst_settled_cost_usd", "Of the calls behind what is settled", labels=_LABELS
        ),
    }
    for item in analysts:
        weight.add_metric([item.name, item.model], float(item.weight))
        for name, gauge in figures.items():
            value: Decimal | float | None = getattr(item.card, name, None)
            if value is not None:
                gauge.add_metric([item.name, item.model], float(value))
    yield from (weight, *figures.values())


def _of_horizons(analysts: Iterable[AnalystStatus]) -> Iterator[Metric]:
    labels = [*_LABELS, "horizon"]
    settled = GaugeMetricFamily("quorum_analyst_settled_opinions", "Counted ones, the newest 2,000", labels=labels)
    rates = {
        "hit_rate": GaugeMetricFamily("quorum_analyst_hit_rate", "Share that was right", labels=labels),
        "low": GaugeMetricFamily("quorum_analyst_hit_rate_low", "Lower end of its 95 % interval", labels=labels),
        "high": GaugeMetricFamily("quorum_analyst_hit_rate_high", "Upper end of it", labels=labels),
    }
    for item in analysts:
        for score in _scores(item.card):
            names = [item.name, item.model, score.horizon]
            settled.add_metric(names, score.settled)
            for name, gauge in rates.items():
                if (value := getattr(score, name)) is not None:
                    gauge.add_metric(names, value)
    yield from (settled, *rates.values())


def _of_books(analysts: Iterable[AnalystStatus]) -> Iterator[Metric]:
    equity = GaugeMetricFamily(
        "quorum_analyst_shadow_equity", "What it would have alone, and its null twins", labels=[*_LABELS, "book"]
    )
    for item in analysts:
        books = item.card.books if item.card is not None else None
        if books is not None:
            for book in ("analyst", "random", "hold", "buy_and_hold"):
                equity.add_metric([item.name, item.model, book], float(getattr(books, book)))
    yield equity


def _scores(card: Scorecard | None) -> tuple[HorizonScore, ...]:
    return () if card is None else (card.own, *card.fixed)
