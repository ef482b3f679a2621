"""What a soak has shown: slopes, latencies and a picture. `python -m tests.soak.report FOLDER [--warm-up MINUTES]`.

Writes `report.json` and `soak.png` beside the samples, and prints the report.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.soak.slopes import BLOCK_SECONDS, Slope, slope

WARM_UP_MINUTES = 30.0
GROWING = (
    *("rss_mib", "anon_mib", "python_blocks", "descriptors", "threads", "mailbox_most", "age_most", "backlog_bytes"),
    *("mongod_rss_mib", "world_rss_mib", "order_mean_ms", "cpu_percent", "client_answer_p50_ms"),
)
MINUTE = 6  # samples over which rates and latencies are taken

Sample = dict[str, float]


def read(folder: Path) -> list[Sample]:
    """Return the samples that were taken, oldest first, with what is worked out of neighbours."""
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    samples: list[Sample] = [line for line in lines if "failed" not in line]
    for old, new in zip(samples, samples[MINUTE:], strict=False):
        seconds = new["seconds"] - old["seconds"]
        new["frames_a_second"] = (new["frames"] - old["frames"]) / seconds
        new["cpu_percent"] = (new["cpu_seconds"] - old["cpu_seconds"]) / seconds * 100
        new["events_a_minute"] = (new["journal_seq"] - old["journal_seq"]) / seconds * 60
        for name in ("order", "stop"):
            if count := new[f"{name}_count"] - old[f"{name}_count"]:
                new[f"{name}_mean_ms"] = (new[f"{name}_sum"] - old[f"{name}_sum"]) / count * 1000
                new[f"{name}_p99_ms"] = quantile(old, new, name, 0.99) * 1000
    return samples


def quantile(old: Sample, new: Sample, name: str, share: float) -> float:
    """Return the upper bound of the bucket in which the quantile of what came between two samples lies."""
    wanted = (new[f"{name}_count"] - old[f"{name}_count"]) * share
    bounds = sorted(float(key.rpartition("_")[2]) for key in new if key.startswith(f"{name}_le_"))
    for bound in bounds:
        key = f"{name}_le_{bound if bound != float('inf') else '+Inf'}"
        if new[key] - old.get(key, 0.0) >= wanted:
            return bound
    return float("inf")


def slopes(samples: list[Sample], *, after_seconds: float) -> dict[str, Slope]:
    """Return the slope of every figure that could grow."""
    found = {}
    for name in GROWING:
        had = [(one["seconds"], one[name]) for one in samples if name in one and one["seconds"] >= after_seconds]
        if had:
            block = min(BLOCK_SECONDS, (had[-1][0] - had[0][0]) / 8)  # a short run is cut into smaller ones
            found[name] = slope([at for at, _ in had], [value for _, value in had], block_seconds=block)
    return found


def summary(folder: Path, *, warm_up_minutes: float) -> dict[str, Any]:
    """Return everything that the report says."""
    samples = read(folder)
    warm = [one for one in samples if one["seconds"] >= warm_up_minutes * 60]
    first, last = warm[0], warm[-1]
    end = folder / "end.json"
    return {
        "hours": round(samples[-1]["seconds"] / 3600, 3),
        "samples": len(samples),
        "warm_up_minutes": warm_up_minutes,
        "rss_mib": {"first_warm": first["rss_mib"], "last": last["rss_mib"], "most": _most(warm, "rss_mib")},
        "slopes_per_hour": {
            name: asdict(found) | {"distinguishable_from_zero": found.is_distinguishable}
            for name, found in slopes(samples, after_seconds=warm_up_minutes * 60).items()
        },
        "most": {name: _most(warm, name) for name in ("descriptors", "threads", "mailbox_most", "age_most", "load")},
        "order_to_durable_ms": _latency(first, last, "order"),
        "tick_to_stop_ms": _latency(first, last, "stop"),
        "frames": last["frames"] - first["frames"],
        "journal_seq": last["journal_seq"],
        "restarts": last["restarts"],
        "dropped_mail": last["dropped"],
        "sessions_closed_as_too_slow": last["slow_kicks"],
        "clients": {
            name.removeprefix("client_"): sum(one.get(name, 0) for one in warm)
            for name in sorted({key for one in warm for key in one if key.startswith("client_")})
            if "_ms" not in name and name != "client_sessions"
        },
        "end": json.loads(end.read_text()) if end.exists() else None,
    }


def _most(samples: list[Sample], name: str) -> float:
    return max(one[name] for one in samples)


def _latency(first: Sample, last: Sample, name: str) -> dict[str, float]:
    """Quantiles are the upper bounds of their buckets."""
    count = last[f"{name}_count"] - first[f"{name}_count"]
    if not count:
        return {"count": 0}
    return {
        "count": count,
        "mean": round((last[f"{name}_sum"] - first[f"{name}_sum"]) / count * 1000, 2),
        "p50_at_most": quantile(first, last, name, 0.5) * 1000,
        "p99_at_most": quantile(first, last, name, 0.99) * 1000,
    }


# --- the picture ------------------------------------------------------------------------------------------------------

Lines = tuple[tuple[str, str], ...]  # figure, what it is called
PANELS: tuple[tuple[str, Lines], ...] = (
    ("Desk: memory, MiB", (("rss_mib", "resident"), ("anon_mib", "of it no file's"))),
    ("Desk: Python's memory blocks", (("python_blocks", "allocated"),)),
    (
        "Descriptors, sessions, threads",
        (("descriptors", "descriptors"), ("sessions", "sessions"), ("threads", "threads")),
    ),
    ("Mailboxes: longest; age of the oldest mail, s", (("mailbox_most", "messages"), ("age_most", "seconds"))),
    (
        "Latency over a minute, ms",
        (("order_mean_ms", "order to durable, mean"), ("client_answer_p50_ms", "client's question, p50")),
    ),
    ("Frames a second", (("frames_a_second", "given to all sessions"),)),
    ("Processor, % of one core; load of the machine", (("cpu_percent", "desk"), ("load", "load"))),
    ("Database: memory, MiB", (("mongod_rss_mib", "mongod, resident"), ("world_rss_mib", "simulated world"))),
)


def draw(samples: list[Sample], slope_of: dict[str, Slope], path: Path, *, warm_up_minutes: float) -> None:
    """Draw all panels over time, with the line of each slope."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(PANELS) // 2, 2, figsize=(11, 12), sharex=True, constrained_layout=True)
    for axis, (title, lines) in zip(axes.flat, PANELS, strict=True):
        for name, label in lines:
            had = [(one["seconds"] / 60, one[name]) for one in samples if name in one]
            (drawn,) = axis.plot(*zip(*had, strict=True), linewidth=0.9, label=label)
            if name in slope_of:
                _line(axis, slope_of[name], had, warm_up_minutes, drawn.get_color())
        axis.axvspan(0, warm_up_minutes, color="0.93", zorder=0)
        axis.set_title(title, fontsize=10)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7, loc="lower right")
    for axis in axes[-1]:
        axis.set_xlabel("minutes (grey: warm-up)")
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def _line(axis: Any, found: Slope, had: list[tuple[float, float]], start: float, colour: str) -> None:
    minutes = [minute for minute, _ in had if minute >= start]
    middle = sum(minutes) / len(minutes)
    ends = (minutes[0], minutes[-1])
    heights = [found.mean + found.per_hour * (minute - middle) / 60 for minute in ends]
    axis.plot(ends, heights, "--", color=colour, linewidth=1.2)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.report")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--warm-up", type=float, default=WARM_UP_MINUTES, metavar="MINUTES")
    given = parser.parse_args()
    write(given.folder, warm_up_minutes=given.warm_up)
    return 0


def write(folder: Path, *, warm_up_minutes: float) -> None:
    """Write and print the report of what is in `folder`."""
    told = summary(folder, warm_up_minutes=warm_up_minutes)
    samples = read(folder)
    found = slopes(samples, after_seconds=warm_up_minutes * 60)
    (folder / "report.json").write_text(json.dumps(told, indent=1) + "\n")
    draw(samples, found, folder / "soak.png", warm_up_minutes=warm_up_minutes)
    print(json.dumps({key: value for key, value in told.items() if key != "slopes_per_hour"}, indent=1))
    print(f"{'change an hour':22} {'mean':>12} {'slope':>12}   95 % interval")
    for name, one in found.items():
        verdict = "grows or falls" if one.is_distinguishable else "not distinguishable from 0"
        print(f"{name:22} {one.mean:12.2f} {one.per_hour:12.3f}   {one.low:.3f} to {one.high:.3f}: {verdict}")


if __name__ == "__main__":
    sys.exit(main())
