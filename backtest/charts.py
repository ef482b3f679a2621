"""Charts as inline SVG: lines, bars and marks over time. Colours are CSS variables, so that both themes have theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from math import floor, log10

import numpy as np

from backtest.tables import FloatArray, IntArray

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 1000, 72, 16, 12, 28
MOST_POINTS = 900
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line over time: values as the axis has them."""

    name: str
    css: str  # class of the stroke
    times: IntArray
    values: FloatArray
    filled: bool = False  # down to the zero line


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One place in a chart, with what is shown when the pointer rests on it."""

    time_ms: int
    value: float
    css: str
    shape: str  # up | down | dot
    tip: str


@dataclass(frozen=True, slots=True)
class _Frame:
    """The plotting area: where times and values lie."""

    first: float
    last: float
    low: float
    high: float
    height: int

    def x(self, time: float) -> float:
        span = max(1.0, self.last - self.first)
        return LEFT + (time - self.first) / span * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        return TOP + (self.high - value) / span * (self.height - TOP - BOTTOM)


def time_chart(lines: Sequence[Line], *, marks: Sequence[Mark] = (), height: int = 260, unit: str = "") -> str:
    """Return lines (and marks) over time."""
    frame = _frame(lines, height)
    parts = [*_grid(frame, unit), *_dates(frame)]
    for line in lines:
        parts.append(_path(frame, line))
    parts += [_mark(frame, mark) for mark in marks]
    return _svg(parts, height)


def bar_chart(bars: Sequence[tuple[str, float, str]], *, height: int = 220, unit: str = "") -> str:
    """Return bars of (name, value, what is shown at it); those below zero in the colour of a loss."""
    values = [value for _, value, _ in bars] or [0.0]
    frame = _Frame(0, max(1, len(bars)), *_bounds(min(0.0, *values), max(0.0, *values)), height)
    width = (WIDTH - LEFT - RIGHT) / max(1, len(bars))
    parts = list(_grid(frame, unit))
    every = max(1, len(bars) // 14 + (len(bars) % 14 > 0)) if len(bars) > 14 else 1
    for place, (name, value, tip) in enumerate(bars):
        x, zero, top = frame.x(place), frame.y(0), frame.y(value)
        css = "gain" if value >= 0 else "loss"
        parts.append(
            f'<rect class="{css}" x="{x + width * 0.12:.1f}" y="{min(zero, top):.1f}" width="{width * 0.76:.1f}" '
            f'height="{max(abs(zero - top), 0.5):.1f}" rx="2"><title>{escape(tip)}</title></rect>'
        )
        if place % every == 0:
            parts.append(_text(x + width / 2, height - 9, name, "middle"))
    return _svg(parts, height)


def histogram(values: FloatArray, *, unit: str = "", height: int = 220, bins: int = 31) -> str:
    """Return how often values fell into each of equal bins; zero is the edge of one."""
    if not len(values):
        return bar_chart([], height=height)
    reach = max(abs(float(values.min())), abs(float(values.max()))) or 1.0
    width = _nice(2 * reach / bins)
    first, last = floor(float(values.min()) / width), floor(float(values.max()) / width)
    counts = np.bincount(np.floor(values / width).astype(np.int64) - first, minlength=last - first + 1)
    frame = _Frame(first * width, (last + 1) * width, *_bounds(0.0, float(counts.max())), height)
    parts = list(_grid(frame, ""))
    for place, count in enumerate(counts.tolist()):
        low = (first + place) * width
        x, right, top = frame.x(low), frame.x(low + width), frame.y(count)
        tip = f"{low:+.2f} to {low + width:+.2f}{unit}: {count} trades"
        parts.append(
            f'<rect class="{"gain" if low >= 0 else "loss"}" x="{x + 1:.1f}" y="{top:.1f}" '
            f'width="{max(right - x - 2, 1):.1f}" height="{frame.y(0) - top:.1f}" rx="2">'
            f"<title>{escape(tip)}</title></rect>"
        )
    for value in _ticks(frame.first, frame.last, 8):
        parts.append(_text(frame.x(value), height - 9, f"{value:g}{unit}", "middle"))
    return _svg(parts, height)


def thinned(times: IntArray, values: FloatArray, points: int = MOST_POINTS) -> tuple[IntArray, FloatArray]:
    """Return the line with lowest and highest value of each stretch kept, so that no peak is lost."""
    known = np.isfinite(values)
    times, values = times[known], values[known]
    if len(values) <= points:
        return times, values
    size = -(-len(values) // (points // 2))
    kept: set[int] = {0, len(values) - 1}
    for first in range(0, len(values), size):
        part = values[first : first + size]
        kept |= {first + int(part.argmin()), first + int(part.argmax())}
    places = np.array(sorted(kept))
    return times[places], values[places]


# --- parts ----------------------------------------------------------------------------------------------------------


def _frame(lines: Sequence[Line], height: int) -> _Frame:
    values = [line.values for line in lines if len(line.values)]
    times = [line.times for line in lines if len(line.times)]
    if not values:
        return _Frame(0, 1, 0, 1, height)
    low, high = min(float(each.min()) for each in values), max(float(each.max()) for each in values)
    if any(line.filled for line in lines):
        low, high = min(low, 0.0), max(high, 0.0)
    first, last = min(int(each[0]) for each in times), max(int(each[-1]) for each in times)
    return _Frame(first, last, *_bounds(low, high), height)


def _bounds(low: float, high: float) -> tuple[float, float]:
    """Return limits a little further out, on round figures; zero stays a limit."""
    step = _nice((high - low) / 4 or abs(high) / 4 or 1.0)
    return floor(low / step) * step, -floor(-high / step) * step


def _nice(step: float) -> float:
    """Return the next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** floor(log10(step)) if step > 0 else 1.0
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= step * 0.999)


def _ticks(low: float, high: float, count: int) -> list[float]:
    step = _nice((high - low) / count or 1.0)
    first = -floor(-low / step)
    return [n * step for n in range(first, floor(high / step + 1e-9) + 1)]


def _grid(frame: _Frame, unit: str) -> list[str]:
    parts, ticks = [], _ticks(frame.low, frame.high, 4)
    decimals = _decimals(ticks[1] - ticks[0]) if len(ticks) > 1 else 2
    for value in ticks:
        y, css = frame.y(value), "zero" if abs(value) < 1e-12 else "grid"
        parts.append(f'<line class="{css}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{value:,.{decimals}f}{unit}", "end"))
    return parts


def _decimals(step: float) -> int:
    """Return how many decimals tell one tick from the next: as many as the step itself has."""
    return next((places for places in range(8) if abs(round(step, places) - step) < step / 1000), 8)


def _dates(frame: _Frame) -> list[str]:
    """Return labels at round days: at most nine."""
    days = (frame.last - frame.first) / DAY_MS
    sizes = (1 / 24, 1 / 12, 1 / 6, 1 / 4, 1 / 2, 1, 2, 5, 7, 14, 30, 61, 91, 182, 365, 730)
    step = next((size for size in sizes if days / size <= 9), 1460) * DAY_MS
    first = -int(-frame.first // step) * step
    labels = []
    while first <= frame.last:
        moment = datetime.fromtimestamp(first / 1000, UTC)
        shown = moment.strftime("%H:%M" if step < DAY_MS and first % DAY_MS else "%d %b" if days < 300 else "%b %Y")
        labels.append(_text(frame.x(first), frame.height - 9, shown, "middle"))
        first += step
    return labels


def _path(frame: _Frame, line: Line) -> str:
    times, values = thinned(line.times, line.values)
    points = [f"{frame.x(t):.1f},{frame.y(v):.1f}" for t, v in zip(times.tolist(), values.tolist(), strict=True)]
    if not points:
        return ""
    title = f"<title>{escape(line.name)}</title>"
    drawn = f'<polyline class="line {line.css}" points="{" ".join(points)}">{title}</polyline>'
    if not line.filled:
        return drawn
    zero, first, last = frame.y(0), points[0].split(",")[0], points[-1].split(",")[0]
    area = f"{first},{zero:.1f} {' '.join(points)} {last},{zero:.1f}"
    return f'<polygon class="area {line.css}" points="{area}"/>{drawn}'


def _mark(frame: _Frame, mark: Mark) -> str:
    x, y, title = frame.x(mark.time_ms), frame.y(mark.value), f"<title>{escape(mark.tip)}</title>"
    if mark.shape == "dot":
        return f'<circle class="mark {mark.css}" cx="{x:.1f}" cy="{y:.1f}" r="3">{title}</circle>'
    sign = 1 if mark.shape == "up" else -1
    points = f"{x:.1f},{y:.1f} {x - 4:.1f},{y + sign * 8:.1f} {x + 4:.1f},{y + sign * 8:.1f}"
    return f'<polygon class="mark {mark.css}" points="{points}">{title}</polygon>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(parts: Sequence[str], height: int) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(parts)}</svg>'
