"""From archived documents to what clients are shown."""

from collections.abc import Sequence
from decimal import Decimal

from domain import account_views
from domain.documents import read_trade_part
from domain.performance import Performance, performance
from domain.ports import JournalDocument
from domain.trading import Account, ClosedTrade
from domain.views import DecisionView, TradeView, iso

CurvePoint = tuple[int, Decimal, Decimal]  # epoch ms, equity, cash

_KEPT_BACK = ("_id", "ts", "pair", "stored_at", "decided_ms", "decision_id")


def trade_view(document: JournalDocument) -> TradeView:
    """Return an execution from the projection `trades`."""
    return account_views.trade_view(read_trade_part(document))


def decision_view(document: JournalDocument) -> dict[str, object]:
    """Return a decision from the collection `decisions`: its own fields under the protocol's names."""
    ts = document["ts"]
    if not isinstance(ts, int):
        raise TypeError(f"ts must be epoch ms, was {ts!r}")
    rest = {name: value for name, value in document.items() if name not in _KEPT_BACK}
    return {
        "id": document["_id"],
        "symbol": document.get("symbol", document.get("pair")),
        "time": iso(ts),
        "timestamp": ts,
        **rest,
    }


def equity_point(document: JournalDocument) -> CurvePoint:
    """Return a point of the collection `equity`."""
    ts, equity, cash = document["ts"], document["equity"], document["cash"]
    if not (isinstance(ts, int) and isinstance(equity, Decimal) and isinstance(cash, Decimal)):
        raise TypeError("a point of equity must hold ts, equity and cash")
    return ts, equity, cash


def equity_document(account: Account) -> JournalDocument:
    """Return the minute's point for the collection `equity`; its id makes a repeat harmless."""
    minute = account.ts_ms // 60_000 * 60_000
    return {
        "_id": f"equity:{minute}",
        "ts": account.ts_ms,
        "equity": account.equity,
        "cash": account.cash,
        "seq": account.seq,
    }


def identity(item: object) -> object:
    """Return what tells one shown item of the archive from another."""
    match item:
        case TradeView(trade_id=trade_id):
            return trade_id
        case DecisionView(id=decision_id) | {"id": decision_id}:
            return decision_id
        case (moment, *_):
            return moment
        case _:
            raise TypeError(f"an item of the archive must be known, was {type(item).__name__}")


def curve(newest_first: Sequence[object], account: Account | None) -> tuple[CurvePoint, ...]:
    """Return archived points and the present one, oldest first."""
    points = [item for item in reversed(newest_first) if isinstance(item, tuple)]
    if account is not None and (not points or account.ts_ms > points[-1][0]):
        points.append((account.ts_ms, account.equity, account.cash))
    return tuple(points)


def thinned(points: Sequence[CurvePoint], most: int) -> tuple[CurvePoint, ...]:
    """Return at most `most` (>= 2) of the points, evenly chosen, first and last among them."""
    if len(points) <= most:
        return tuple(points)
    step = (len(points) - 1) / (most - 1)
    return tuple(points[round(index * step)] for index in range(most))


def statistics(closed: Sequence[ClosedTrade], points: Sequence[CurvePoint]) -> Performance:
    """Return the performance figures of the live account."""
    return performance(closed, [(ms, equity) for ms, equity, _ in points])
