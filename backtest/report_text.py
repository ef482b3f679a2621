"""The report of a run as text for a terminal, and as JSON for machines."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from backtest.figures import Figures, TradeFigures
from backtest.result import Result
from domain import money

SECTIONS = (
    ("by_pair", "pair"),
    ("by_analyst", "analyst"),
    ("by_reason", "exit"),
    ("by_direction", "direction"),
    ("by_leakage", "model's knowledge"),
)
_HEADER = ("trades", "win rate", "net", "fees", "profit factor", "mean", "best", "worst", "mean hold")


def text_report(result: Result, figures: Figures) -> str:
    """Return the report as lines of text."""
    lines = [headline(result), "", *_overview(result, figures), ""]
    for field, title in SECTIONS:
        rows: Sequence[TradeFigures] = getattr(figures, field)
        if rows:
            lines += [*_table(title, rows), ""]
    lines += [f"journal: {result.seq} documents ({_counts(result)}), head {result.head}"]
    return "\n".join(lines)


def headline(result: Result) -> str:
    """Return what was run, in one line."""
    pairs = ", ".join(result.pairs)
    return f"Backtest of {pairs} from {day(result.from_ms)} to {day(result.to_ms)}, {result.candles} candles"


def overview(result: Result, figures: Figures) -> tuple[tuple[str, str], ...]:
    """Return the main figures as (name, value)."""
    fall = figures.drawdown
    return (
        ("equity", f"{figures.start:,.2f} -> {figures.end:,.2f}"),
        ("return", percent(figures.total_return)),
        ("a year", percent(figures.annual_return)),
        ("buy and hold", percent(figures.buy_and_hold)),
        ("Sharpe", ratio(figures.sharpe)),
        ("Sortino", ratio(figures.sortino)),
        ("profit factor", ratio(figures.all.profit_factor)),
        ("max drawdown", f"{percent(-fall.fraction)} ({fall.amount:,.2f})"),
        ("longest below a peak", span(fall.longest_ms)),
        ("trades", f"{figures.all.trades} closed, {len(result.positions)} open"),
        ("win rate", share(figures.all.win_rate)),
        ("net of closed trades", amount(figures.all.net)),
        ("fees", amount(figures.fees)),
        ("exposure", share(figures.exposure)),
        ("mean invested", share(figures.mean_invested)),
    )


def json_report(result: Result, figures: Figures) -> str:
    """Return the report as JSON: money as text, everything else as numbers; times in epoch ms."""
    return json.dumps(
        {
            "pairs": result.pairs,
            "from_ms": result.from_ms,
            "to_ms": result.to_ms,
            "interval_ms": result.interval_ms,
            "candles": result.candles,
            "settings_hash": result.settings_hash,
            "journal": {"seq": result.seq, "head": result.head, "documents": result.documents},
            "figures": _figures_part(figures),
            "trades": [_closed_part(each) for each in result.closed],
            "open": [_plain(position) for position in result.positions],
            "equity": _equity_part(result),
        },
        indent=1,
    )


def day(ms: int) -> str:
    """Return epoch ms as a UTC date, with the time where it is not midnight."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.strftime("%Y-%m-%d" if ms % 86_400_000 == 0 else "%Y-%m-%d %H:%M")


def percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{fraction * 100:+.{2 if abs(fraction) >= 0.001 else 3}f} %"


def share(fraction: float | None) -> str:
    return "-" if fraction is None else f"{fraction * 100:.2f} %"


def ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def amount(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def span(ms: float) -> str:
    """Return a time as people say it."""
    minutes = ms / 60_000
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 2880 else f"{minutes / 1440:.1f} d"


def cells(row: TradeFigures) -> tuple[str, ...]:
    """Return the cells of one row of a table, in the order of the header."""
    return (
        str(row.trades),
        "-" if row.win_rate is None else f"{row.win_rate * 100:.1f} %",
        amount(row.net),
        amount(row.fees),
        ratio(row.profit_factor),
        amount(row.mean),
        amount(row.best),
        amount(row.worst),
        span(row.mean_minutes * 60_000),
    )


def header() -> tuple[str, ...]:
    return _HEADER


def _overview(result: Result, figures: Figures) -> list[str]:
    rows = overview(result, figures)
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {value}" for name, value in rows]


def _table(title: str, rows: Sequence[TradeFigures]) -> list[str]:
    lines = [(title, *_HEADER), *((row.name, *cells(row)) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return [
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    ]


def _counts(result: Result) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in result.documents.items())


def _figures_part(figures: Figures) -> dict[str, Any]:
    part = _plain(figures)
    for name in ("all",):
        part[name] |= _derived(getattr(figures, name))
    for name, _ in SECTIONS:
        part[name] = [_plain(row) | _derived(row) for row in getattr(figures, name)]
    return dict(part)


def _derived(row: TradeFigures) -> dict[str, Any]:
    return {"win_rate": row.win_rate, "profit_factor": row.profit_factor, "mean": _plain(row.mean)}


def _closed_part(closed: Any) -> dict[str, Any]:
    return dict(_plain(closed) | {"net": money.text(closed.realized_pnl - closed.fees)})


def _equity_part(result: Result) -> list[tuple[int, float]]:
    """Return the equity at the end of each hour, and at the very end."""
    places = [n for n, ms in enumerate(result.times.tolist()) if ms % 3_600_000 == 0 or n == len(result.times) - 1]
    return [(int(result.times[n]), round(float(result.equity[n]), 2)) for n in places]


def _plain(value: Any) -> Any:
    """Return a value of ours as JSON has it."""
    if isinstance(value, Decimal):
        return money.text(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value
