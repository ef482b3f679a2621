"""What is looked at while a desk soaks: /metrics and /proc, as one flat dictionary of numbers a sample."""

import re
import urllib.request
from pathlib import Path

_SAMPLE = re.compile(r"^([a-z_:]+)(?:\{([^}]*)\})? ([0-9.e+-]+|\+Inf|NaN)$", re.M)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
COUNTERS = {
    "frames": "quorum_hub_frames_total",
    "slow_kicks": "quorum_hub_slow_kicks_total",
    "cpu_seconds": "process_cpu_seconds_total",
}
GAUGES = {
    "sessions": "quorum_hub_sessions",
    "slow_sessions": "quorum_hub_slow_sessions",
    "backlog_bytes": "quorum_hub_backlog_bytes",
    "journal_seq": "quorum_ledger_seq",
    "python_blocks": "python_allocated_blocks",
}
HISTOGRAMS = {"stop": "quorum_tick_to_stop_seconds", "order": "quorum_order_to_durable_seconds"}

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(address: str) -> Figures:
    """Return all of /metrics by name and labels."""
    with _OPENER.open(f"{address}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    return {(name, frozenset(_LABEL.findall(labels))): float(value) for name, labels, value in _SAMPLE.findall(text)}


def of_metrics(figures: Figures) -> dict[str, float]:
    """Return what is kept of one scrape. Histograms as `NAME_count`, `NAME_sum` and `NAME_le_<bound>`."""
    kept: dict[str, float] = {}
    for name, metric in (COUNTERS | GAUGES).items():
        if (metric, frozenset()) in figures:
            kept[name] = figures[metric, frozenset()]
    for (metric, labels), value in figures.items():
        actor = dict(labels).get("actor", "")
        if metric == "quorum_actor_mailbox":
            kept[f"mailbox_{actor}"] = value
        elif metric == "quorum_actor_mailbox_age_seconds":
            kept[f"age_{actor}"] = value
        elif metric in ("quorum_actor_dropped_total", "quorum_actor_restarts_total"):
            name = metric.removeprefix("quorum_actor_").removesuffix("_total")
            kept[name] = kept.get(name, 0) + value
        elif metric == "python_gc_objects_collected_total":
            kept["gc_collected"] = kept.get("gc_collected", 0) + value
        for name, histogram in HISTOGRAMS.items():
            if metric in (f"{histogram}_count", f"{histogram}_sum"):
                kept[f"{name}_{metric.rpartition('_')[2]}"] = value
            elif metric == f"{histogram}_bucket":
                kept[f"{name}_le_{dict(labels)['le']}"] = value
    for name in ("mailbox", "age"):
        kept[f"{name}_most"] = max((value for key, value in kept.items() if key.startswith(f"{name}_")), default=0.0)
    return kept


def of_process(pid: int) -> dict[str, float]:
    """Return resident memory in MiB, the part of it that is no file, descriptors and threads of a process."""
    folder = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    return {
        "rss_mib": _mib(status["VmRSS"]),
        "anon_mib": _mib(status["RssAnon"]),
        "threads": float(status["Threads"]),
        "descriptors": float(len(list((folder / "fd").iterdir()))),
    }


def _mib(text: str) -> float:
    return int(text.split()[0]) / 1024
