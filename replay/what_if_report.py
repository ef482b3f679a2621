"""The difference that other settings make, in lines of text."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal

from domain import money
from domain.trading import Trade
from replay.what_if import Outcome

MOST = 20  # trades of each side shown


def report(recorded: Outcome, again: Outcome, other: Outcome) -> Iterator[str]:
    """Yield the lines: the three outcomes, the difference of the last two, and the trades that one of them has."""
    width = max(len(each.name) for each in (recorded, again, other))
    yield f"{'':{width}}  trades  {'profit':>12}  {'fees':>12}  {'equity':>12}  {'its change':>12}"
    for each in (recorded, again, other):
        figures = (each.realized, each.fees, each.equity, each.change)
        yield f"{each.name:{width}}  {len(each.trades):6}" + "".join(f"  {_usdt(figure):>12}" for figure in figures)
    yield f"difference of {other.name} to {again.name}: {_difference(again, other)}"
    same = {_key(trade) for trade in again.trades.values()} & {_key(trade) for trade in other.trades.values()}
    yield f"{len(same)} trades are the same in both"
    for one, two in ((again, other), (other, again)):
        theirs = {_key(trade) for trade in two.trades.values()}
        yield from _only(one.name, [trade for trade in one.trades.values() if _key(trade) not in theirs])


def _difference(again: Outcome, other: Outcome) -> str:
    parts = [
        f"{len(other.trades) - len(again.trades):+} trades",
        f"profit {_signed(other.realized - again.realized)}",
        f"fees {_signed(other.fees - again.fees)}",
    ]
    if again.change is not None and other.change is not None:
        parts.append(f"equity {_signed(other.change - again.change)}")
    return ", ".join(parts)


def _only(name: str, trades: list[Trade]) -> Iterable[str]:
    if not trades:
        return
    yield f"{len(trades)} trades only with {name}" + (f", the first {MOST}:" if len(trades) > MOST else ":")
    for trade in sorted(trades, key=lambda trade: trade.ts_ms)[:MOST]:
        at = datetime.fromtimestamp(trade.ts_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        what = f"{trade.side} {money.text(trade.quantity)} {trade.pair} at {money.text(trade.price)} ({trade.reason})"
        yield f"  {at}  {what}, profit {_usdt(trade.realized_pnl)}"


def _key(trade: Trade) -> tuple[object, ...]:
    return trade.trade_id, trade.pair, trade.side, trade.quantity, trade.price


def _usdt(amount: Decimal | None) -> str:
    return "-" if amount is None else f"{amount:.2f}"


def _signed(amount: Decimal) -> str:
    return f"{amount:+.2f} USDT"
