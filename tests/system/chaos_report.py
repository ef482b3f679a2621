"""What a run of chaos says for people: JSON lines, and a table of recoveries."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import ceil
from typing import Any

Record = dict[str, Any]


def quantile(values: list[float], share: float) -> float:
    """Return the smallest value that `share` of all values do not exceed."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def summaries(records: Iterable[Record]) -> Iterator[Record]:
    """Yield per fault and target: how often, recovered, seconds to recovery (median, 99 %, longest)."""
    grouped: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        grouped[record["fault"], record.get("target", record.get("kind", ""))].append(record)
    for (fault, target), some in sorted(grouped.items()):
        seconds = [float(record["seconds"]) for record in some if record.get("seconds") is not None]
        recovered = sum(record["outcome"] != "not recovered" for record in some)
        found: Record = {"fault": fault, "target": target, "count": len(some), "recovered": recovered}
        if seconds:
            found |= {"p50": quantile(seconds, 0.5), "p99": quantile(seconds, 0.99), "max": max(seconds)}
        yield found


def lines(records: list[Record], totals: Record) -> Iterator[str]:
    """Yield the report: each fault, each summary and the totals as JSON, then a table."""
    yield from map(json.dumps, records)
    table = list(summaries(records))
    yield from (json.dumps({"summary": True, **row}) for row in table)
    yield json.dumps({"totals": True, **totals})
    yield ""
    yield f"{'fault':<20} {'target':<20} {'count':>5} {'back':>5} {'p50 s':>8} {'p99 s':>8} {'max s':>8}"
    for row in table:
        figures = " ".join(f"{row[name]:8.3f}" if name in row else f"{'-':>8}" for name in ("p50", "p99", "max"))
        yield f"{row['fault']:<20} {row['target']:<20} {row['count']:5} {row['recovered']:5} {figures}"
    yield ", ".join(f"{name} {value}" for name, value in totals.items())
