"""Orders, positions, fills and control as parts of journal documents, and back. Absent values are left out."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.money import ZERO
from domain.trading import (
    ClosedTrade,
    Control,
    Direction,
    FillModel,
    MarketEvent,
    Order,
    OrderSource,
    OrderStatus,
    OrderType,
    Position,
    Reason,
    Side,
    Trade,
    Trailing,
)

Part = dict[str, object]
_SIDES = {str(side): side for side in Side}  # six times as fast as calling the class; an unknown one is a KeyError
_TYPES = {str(kind): kind for kind in OrderType}
_STATES = {str(status): status for status in OrderStatus}
_SOURCES = {str(source): source for source in OrderSource}
_REASONS = {str(reason): reason for reason in Reason}
_DIRECTIONS = {str(direction): direction for direction in Direction}
_MODELS = {str(model): model for model in FillModel}
FLAT = "flat"


def order_part(order: Order) -> Part:
    """Return `order` as a document's `order`."""
    return _present(
        order_id=order.order_id,
        symbol=order.pair,
        side=order.side.value,
        order_type=order.order_type.value,
        quantity=order.quantity,
        filled=order.filled,
        status=order.status.value,
        reduce_only=order.reduce_only,
        source=order.source.value,
        leverage=order.leverage,
        created=order.created_ms,
        reason=order.reason.value,
        limit_price=order.limit_price,
        trigger_price=order.trigger_price,
        stop_loss=order.stop_loss,
        take_profit=order.take_profit,
        trailing=trailing_part(order.trailing),
        held=order.held,
        decision_id=order.decision_id,
        confidence=order.confidence,
        max_slippage_bps=order.max_slippage_bps,
    )


def read_order(part: Mapping[str, Any]) -> Order:
    """Return the order of a document's `order`."""
    return Order(
        order_id=part["order_id"],
        pair=part["symbol"],
        side=_SIDES[part["side"]],
        order_type=_TYPES[part["order_type"]],
        quantity=part["quantity"],
        filled=part["filled"],
        status=_STATES[part["status"]],
        reduce_only=part["reduce_only"],
        source=_SOURCES[part["source"]],
        leverage=int(part["leverage"]),
        created_ms=int(part["created"]),
        reason=_REASONS[part["reason"]],
        limit_price=part.get("limit_price"),
        trigger_price=part.get("trigger_price"),
        stop_loss=part.get("stop_loss"),
        take_profit=part.get("take_profit"),
        trailing=read_trailing(part.get("trailing")),
        held=part["held"],
        decision_id=part.get("decision_id"),
        confidence=part.get("confidence"),
        max_slippage_bps=part.get("max_slippage_bps"),
    )


def position_part(position: Position) -> Part:
    """Return an open position as a document's `position`."""
    return _present(
        symbol=position.pair,
        direction=position.direction.value,
        quantity=position.quantity,
        cost=position.cost,
        margin=position.margin,
        entry_price=position.entry_price,
        leverage=position.leverage,
        opened=position.opened_ms,
        source=position.source.value,
        trade_id=position.trade_id,
        stop_loss=position.stop_loss,
        take_profit=position.take_profit,
        trailing=trailing_part(position.trailing),
        entry_fee=position.entry_fee,
        decision_id=position.decision_id,
        confidence=position.confidence,
    )


def flat_part(pair: str) -> Part:
    """Return `position` after the last of it was closed."""
    return {"symbol": pair, "direction": FLAT, "quantity": ZERO, "cost": ZERO, "margin": ZERO}


def read_position(part: Mapping[str, Any]) -> Position | None:
    """Return the position of a document's `position`, None when flat."""
    if part["direction"] == FLAT:
        return None
    return Position(
        pair=part["symbol"],
        direction=_DIRECTIONS[part["direction"]],
        quantity=part["quantity"],
        entry_price=part["entry_price"],
        cost=part["cost"],
        margin=part["margin"],
        leverage=int(part["leverage"]),
        opened_ms=int(part["opened"]),
        source=_SOURCES[part["source"]],
        trade_id=part["trade_id"],
        stop_loss=part.get("stop_loss"),
        take_profit=part.get("take_profit"),
        trailing=read_trailing(part.get("trailing")),
        entry_fee=part["entry_fee"],
        decision_id=part.get("decision_id"),
        confidence=part.get("confidence"),
    )


def trailing_part(trailing: Trailing | None) -> Part | None:
    if trailing is None:
        return None
    return _present(
        trigger=trailing.trigger, distance=trailing.distance, best_price=trailing.best_price, stop=trailing.stop
    )


def read_trailing(part: Mapping[str, Any] | None) -> Trailing | None:
    if part is None:
        return None
    return Trailing(
        trigger=part["trigger"], distance=part["distance"], best_price=part.get("best_price"), stop=part.get("stop")
    )


def event_part(event: MarketEvent) -> Part:
    return {"kind": event.kind, "id": event.id, "ts": event.ts_ms}


def read_event(part: Mapping[str, Any]) -> MarketEvent:
    return MarketEvent(kind=part["kind"], id=int(part["id"]), ts_ms=int(part["ts"]))


def read_trade(document: Mapping[str, Any]) -> Trade:
    """Return the execution that a document of type fill or liquidation records."""
    fill, order = document["fill"], document["order"]
    return Trade(
        trade_id=document["trade_id"],
        order_id=document["order_id"],
        seq=int(document["seq"]),
        pair=document["symbol"],
        side=_SIDES[fill["side"]],
        quantity=fill["quantity"],
        price=fill["price"],
        notional=fill["notional"],
        fee=fill["fee"],
        realized_pnl=fill["realized_pnl"],
        ts_ms=int(document["ts"]),
        order_type=_TYPES[order["order_type"]],
        source=_SOURCES[order["source"]],
        reason=_REASONS[document["reason"]],
        fill_model=_MODELS[document["model"]],
        liquidity=fill["liquidity"],
        catch_up=fill["catch_up"],
    )


def read_closed(document: Mapping[str, Any]) -> ClosedTrade | None:
    """Return what a fill or liquidation closed, None when it opened."""
    if (closed := document.get("closed")) is None:
        return None
    fill = document["fill"]
    return ClosedTrade(
        trade_id=closed["trade_id"],
        pair=document["symbol"],
        direction=_DIRECTIONS[closed["direction"]],
        entry_price=closed["entry_price"],
        exit_price=fill["price"],
        quantity=fill["quantity"],
        realized_pnl=fill["realized_pnl"],
        fees=closed["entry_fee"] + fill["fee"],
        reason=_REASONS[document["reason"]],
        opened_ms=int(closed["opened"]),
        closed_ms=int(document["ts"]),
        source=_SOURCES[closed["source"]],
        confidence=closed.get("confidence"),
    )


def closed_part(position: Position, entry_fee: Decimal) -> Part:
    """Return what a closing document says of the position it closes (a part of): `entry_fee` is that part's share."""
    return _present(
        trade_id=position.trade_id,
        direction=position.direction.value,
        entry_price=position.entry_price,
        entry_fee=entry_fee,
        opened=position.opened_ms,
        source=position.source.value,
        confidence=position.confidence,
        decision_id=position.decision_id,
    )


def trade_part(trade: Trade) -> Part:
    """Return one execution of ours as projections and checkpoints hold it."""
    return {
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "seq": trade.seq,
        "symbol": trade.pair,
        "side": trade.side.value,
        "quantity": trade.quantity,
        "price": trade.price,
        "notional": trade.notional,
        "fee": trade.fee,
        "realized_pnl": trade.realized_pnl,
        "ts": trade.ts_ms,
        "order_type": trade.order_type.value,
        "source": trade.source.value,
        "reason": trade.reason.value,
        "model": trade.fill_model.value,
        "liquidity": trade.liquidity,
        "catch_up": trade.catch_up,
    }


def read_trade_part(part: Mapping[str, Any]) -> Trade:
    return Trade(
        trade_id=part["trade_id"],
        order_id=part["order_id"],
        seq=int(part["seq"]),
        pair=part["symbol"],
        side=_SIDES[part["side"]],
        quantity=part["quantity"],
        price=part["price"],
        notional=part["notional"],
        fee=part["fee"],
        realized_pnl=part["realized_pnl"],
        ts_ms=int(part["ts"]),
        order_type=_TYPES[part["order_type"]],
        source=_SOURCES[part["source"]],
        reason=_REASONS[part["reason"]],
        fill_model=_MODELS[part["model"]],
        liquidity=part["liquidity"],
        catch_up=part["catch_up"],
    )


def closed_trade_part(closed: ClosedTrade) -> Part:
    """Return what a close came to, as checkpoints hold it."""
    return _present(
        trade_id=closed.trade_id,
        symbol=closed.pair,
        direction=closed.direction.value,
        entry_price=closed.entry_price,
        exit_price=closed.exit_price,
        quantity=closed.quantity,
        realized_pnl=closed.realized_pnl,
        fees=closed.fees,
        reason=closed.reason.value,
        opened=closed.opened_ms,
        closed=closed.closed_ms,
        source=closed.source.value,
        confidence=closed.confidence,
    )


def read_closed_trade(part: Mapping[str, Any]) -> ClosedTrade:
    return ClosedTrade(
        trade_id=part["trade_id"],
        pair=part["symbol"],
        direction=_DIRECTIONS[part["direction"]],
        entry_price=part["entry_price"],
        exit_price=part["exit_price"],
        quantity=part["quantity"],
        realized_pnl=part["realized_pnl"],
        fees=part["fees"],
        reason=_REASONS[part["reason"]],
        opened_ms=int(part["opened"]),
        closed_ms=int(part["closed"]),
        source=_SOURCES[part["source"]],
        confidence=part.get("confidence"),
    )


def control_part(control: Control) -> Part:
    """Return `control` as a document's `control`; keys with dots stand as values, not as field names."""
    return _present(
        trading=control.trading,
        trading_since=control.trading_since_ms,
        analysis=control.analysis,
        analysis_since=control.analysis_since_ms,
        defaults=_pairs(control.defaults),
        pairs=[{"symbol": pair, "changes": _pairs(changes)} for pair, changes in control.pairs],
        enabled_pairs=None if control.enabled_pairs is None else list(control.enabled_pairs),
        signal_sources=None if control.signal_sources is None else list(control.signal_sources),
    )


def read_control(part: Mapping[str, Any]) -> Control:
    enabled, sources = part.get("enabled_pairs"), part.get("signal_sources")
    return Control(
        trading=part["trading"],
        trading_since_ms=part.get("trading_since"),
        analysis=part["analysis"],
        analysis_since_ms=part.get("analysis_since"),
        defaults=_read_pairs(part["defaults"]),
        pairs=tuple((entry["symbol"], _read_pairs(entry["changes"])) for entry in part["pairs"]),
        enabled_pairs=None if enabled is None else tuple(enabled),
        signal_sources=None if sources is None else tuple(sources),
    )


def _pairs(changes: tuple[tuple[str, bool | int | str], ...]) -> list[Part]:
    return [{"key": key, "value": value} for key, value in changes]


def _read_pairs(changes: list[Mapping[str, Any]]) -> tuple[tuple[str, bool | int | str], ...]:
    return tuple((change["key"], change["value"]) for change in changes)


def _present(**values: object) -> Part:
    return {key: value for key, value in values.items() if value is not None}
