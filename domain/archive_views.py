"""From archived documents to what clients are shown."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from domain import account_views
from domain.documents import read_trade_part
from domain.performance import Performance, performance
from domain.ports import JournalDocument
from domain.trading import Account, ClosedTrade, OrderSource
from domain.views import ABSENT, CheckView, DecisionView, OpinionView, SignalView, TradeView, iso

CurvePoint = tuple[int, Decimal, Decimal]  # epoch ms, equity, cash


def trade_view(document: JournalDocument) -> TradeView:
    """Return an execution from the projection `trades`."""
    body: Mapping[str, Any] = document
    closed = body.get("closed")
    opened_by = OrderSource(closed["source"]) if closed else None
    return account_views.trade_view(read_trade_part(body), opened_by)


def decision_view(document: JournalDocument) -> DecisionView:
    """Return a decision from the collection `decisions`."""
    body: Mapping[str, Any] = document
    signal, features = body.get("signal"), body.get("features", {})
    return DecisionView(
        id=body["_id"],
        symbol=body["symbol"],
        time=iso(body["ts"]),
        timestamp=body["ts"],
        outcome=body["outcome"],
        explanation=body["explanation"],
        checks=tuple(CheckView(**check) for check in body.get("checks", ())),
        signal=None if signal is None else _signal(body["symbol"], signal),
        opinions=() if signal is None else tuple(_opinion(body["symbol"], item) for item in signal["opinions"]),
        price=features.get("price"),
        order_id=body.get("order_id"),
        settings_hash=body["settings_hash"],
        gate=body.get("gate", ABSENT),
        features=body.get("features", ABSENT),
    )


def _signal(pair: str, signal: Mapping[str, Any]) -> SignalView:
    return SignalView(
        symbol=pair,
        action=signal["action"],
        score=signal["score"],
        confidence_score=signal["confidence"],
        agreed=signal["agreed"],
        opinions=len(signal["opinions"]),
        abstentions={item["analyst"]: item["reason"] for item in signal["abstentions"]},
        weights=signal.get("weights", {}),
        timestamp=signal["formed_at"],
        time=iso(signal["formed_at"]),
    )


def _opinion(pair: str, opinion: Mapping[str, Any]) -> OpinionView:
    return OpinionView(
        analyst=opinion["analyst"],
        model=opinion["model"],
        symbol=pair,
        action=opinion["action"],
        confidence_score=opinion["confidence"],
        sentiment=opinion["sentiment"],
        horizon_minutes=opinion["horizon_minutes"],
        stop_loss=opinion.get("stop_loss"),
        take_profit=opinion.get("take_profit"),
        risk_level=opinion["risk_level"],
        reasoning=opinion["reasoning"],
        price=opinion["price"],
        cost_usd=opinion["cost_usd"],
        latency_ms=opinion["latency_ms"],
        timestamp=opinion["formed_at"],
        time=iso(opinion["formed_at"]),
        age_ms=opinion["age_ms"],
    )


def equity_point(document: JournalDocument) -> CurvePoint:
    """Return a point of the collection `equity`."""
    ts, equity, cash = document["ts"], document["equity"], document["cash"]
    if not (isinstance(ts, int) and isinstance(equity, Decimal) and isinstance(cash, Decimal)):
        raise TypeError("a point of equity must hold ts, equity and cash")
    return ts, equity, cash


def identity(item: object) -> object:
    """Return what tells one shown item of the archive from another."""
    match item:
        case TradeView(trade_id=trade_id):
            return trade_id
        case DecisionView(id=decision_id):
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
