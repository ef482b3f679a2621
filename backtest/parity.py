"""A live session against the backtest of its candles: trades matched one by one, each difference named.

Both are journals as `python -m ledger export` and `python -m backtest --journal` write them. What may differ by design:
the live desk fills at the book after its latency, the backtest at a candle's open; in a candle the order of high and
low is assumed, the worse one; and a round that began a moment earlier or later saw other prices.
"""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from backtest.report_text import day
from domain.errors import SettingsError
from domain.money import text as number


class Difference(StrEnum):
    """Why two trades, or a trade and its absence, differ."""

    NONE = "the same"
    FILL_MODEL = "fill model"  # the same decision and exit, filled at another price
    INTRABAR = "intrabar order"  # the same decision, another level of the position was reached first
    DECISION = "another decision"  # the position was closed by a signal or time in one, not in the other
    ONLY_LIVE = "only live"
    ONLY_BACKTEST = "only in the backtest"


LEVELS = frozenset({"stop_loss", "take_profit", "trailing_stop", "liquidation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """One position from its entry to its last exit."""

    pair: str
    direction: str
    entry: Decimal
    exit: Decimal
    quantity: Decimal
    net: Decimal
    reason: str
    model: str
    opened_ms: int
    closed_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the parity report."""

    difference: Difference
    live: Closed | None
    backtest: Closed | None


def read_trades(path: Path) -> list[Closed]:
    """Return the closed positions of an exported journal, by the time of their entry.

    Raises:
        SettingsError: the file is no journal.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            return sorted(_closed(json.loads(line) for line in lines if line.strip()), key=lambda each: each.opened_ms)
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise SettingsError(f"{path} must be a journal as `ledger export` writes it: {error}") from error


def _closed(documents: Iterable[Mapping[str, Any]]) -> Iterator[Closed]:
    for document in documents:
        closed = document.get("closed")
        if closed is None:
            continue
        yield Closed(
            pair=document["symbol"],
            direction=closed["direction"],
            entry=Decimal(closed["entry_price"]),
            exit=Decimal(document["fill"]["price"]),
            quantity=Decimal(document["fill"]["quantity"]),
            net=Decimal(document["fill"]["realized_pnl"])
            - Decimal(closed["entry_fee"])
            - Decimal(document["fill"]["fee"]),
            reason=document["reason"],
            model=document["model"],
            opened_ms=int(closed["opened"]),
            closed_ms=int(document["ts"]),
        )


def compare(live: Iterable[Closed], backtest: Iterable[Closed], tolerance_ms: int) -> list[Line]:
    """Match trades of one pair and direction that were opened within `tolerance_ms`, each with the nearest free one."""
    free, lines = list(backtest), list[Line]()
    for trade in live:
        near = [
            other
            for other in free
            if (other.pair, other.direction) == (trade.pair, trade.direction)
            and abs(other.opened_ms - trade.opened_ms) <= tolerance_ms
        ]
        match = min(near, key=lambda other: abs(other.opened_ms - trade.opened_ms), default=None)
        if match is not None:
            free.remove(match)
        lines.append(Line(difference=_difference(trade, match), live=trade, backtest=match))
    lines += [Line(difference=Difference.ONLY_BACKTEST, live=None, backtest=other) for other in free]
    return sorted(lines, key=lambda line: _opened_ms(line))


def _difference(live: Closed, backtest: Closed | None) -> Difference:
    if backtest is None:
        return Difference.ONLY_LIVE
    if live.reason != backtest.reason:
        both = {live.reason, backtest.reason}
        return Difference.INTRABAR if both <= LEVELS else Difference.DECISION
    same = (live.entry, live.exit, live.quantity, live.net) == (
        backtest.entry,
        backtest.exit,
        backtest.quantity,
        backtest.net,
    )
    return Difference.NONE if same else Difference.FILL_MODEL


def _opened_ms(line: Line) -> int:
    trade = line.live or line.backtest
    assert trade is not None  # a line has at least one
    return trade.opened_ms


def summary(lines: Iterable[Line]) -> dict[Difference, tuple[int, Decimal]]:
    """Return, for each kind of difference, how many lines it has and by how much the backtest's net is higher."""
    found: dict[Difference, tuple[int, Decimal]] = {}
    for line in lines:
        count, total = found.get(line.difference, (0, Decimal(0)))
        found[line.difference] = (count + 1, total + _net(line.backtest) - _net(line.live))
    return found


def _net(trade: Closed | None) -> Decimal:
    return Decimal(0) if trade is None else trade.net


def parser() -> argparse.ArgumentParser:
    """Return the options of a comparison."""
    options = argparse.ArgumentParser(prog="python -m backtest parity", description="A live session and its backtest.")
    options.add_argument("live", type=Path, help="the session's journal: ledger export --format json")
    options.add_argument("backtest", type=Path, help="the backtest's journal: backtest --journal")
    options.add_argument("--tolerance-seconds", type=int, default=90, help="between entries of one trade")
    return options


def text_report(lines: list[Line]) -> str:
    """Return one line for each trade that differs, and the sums."""
    shown = [_text(line) for line in lines if line.difference is not Difference.NONE]
    sums = [
        f"{difference}: {count} trades, the backtest's net is {total:+.4f}"
        for difference, (count, total) in sorted(summary(lines).items())
    ]
    return "\n".join([*shown, "", *sums] if shown else sums)


def _text(line: Line) -> str:
    trade = line.live or line.backtest
    assert trade is not None  # a line has at least one
    head = f"{day(trade.opened_ms)} {trade.pair} {trade.direction}: {line.difference}"
    if line.live is None or line.backtest is None:
        return f"{head}: {_one(trade)}"
    return f"{head}: live {_one(line.live)}; backtest {_one(line.backtest)}"


def _one(trade: Closed) -> str:
    seconds = (trade.closed_ms - trade.opened_ms) / 1000
    return (
        f"{number(trade.entry)} -> {number(trade.exit)} {trade.reason} after {seconds:.0f} s ({trade.model}), "
        f"net {trade.net:+.4f}"
    )
