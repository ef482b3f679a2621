"""From account, orders and executions to what clients are shown."""

from collections.abc import Iterable
from decimal import Decimal

from domain.money import ZERO
from domain.protection import liquidation_price
from domain.trading import Account, BotStatistics, ClosedTrade, Control, Direction, Order, OrderSource, Position, Trade
from domain.views import (
    ABSENT,
    BalanceView,
    BotStatusView,
    BotTradeData,
    OrderView,
    PositionsView,
    PositionView,
    PositionViews,
    TradeRecord,
    TradeView,
    iso,
    seconds,
)


def percent(part: Decimal, whole: Decimal) -> Decimal:
    """Return `part` in percent of `whole`, with 4 decimals; 0 of nothing is 0."""
    return (part * 100 / whole).quantize(Decimal("0.0001")) if whole else ZERO


def position_view(position: Position, mark: Decimal) -> PositionView:
    """Return a position, valued at `mark` (quote per base)."""
    value = position.quantity * mark
    pnl = position.direction.sign * (value - position.cost)
    return PositionView(
        symbol=position.pair,
        direction=position.direction.value,
        amount=position.quantity,
        entry_price=position.entry_price,
        avg_price=position.entry_price,
        current_price=mark,
        margin=position.margin,
        leverage=position.leverage,
        unrealized_pnl=pnl,
        pnl_percent=percent(pnl, position.cost),
        value=value,
        stop_loss=position.stop_loss,
        take_profit=position.take_profit,
        trailing_stop=position.trailing.stop if position.trailing else None,
        liquidation_price=liquidation_price(position) or None,
        opened_at=iso(position.opened_ms),
        source=position.source.value,
    )


def position_views(account: Account) -> PositionViews:
    """Return the open positions by pair, valued at the account's own marks."""
    marks = dict(account.marks)
    return {item.pair: position_view(item, marks.get(item.pair, item.entry_price)) for item in account.positions}


def positions_view(account: Account) -> PositionsView:
    """Return balance, equity and positions."""
    return PositionsView(balance=account.cash, equity=account.equity, positions=position_views(account))


def balance_view(account: Account) -> BalanceView:
    """Return what is free, what is bound and what today brought."""
    return BalanceView(
        balance=account.cash,
        equity=account.equity,
        held=account.held,
        margin=account.margin,
        unrealized_pnl=account.unrealized_pnl,
        realized_pnl_today=account.realized_pnl_today,
        fees_today=account.fees_today,
    )


def trade_type(source: OrderSource) -> str:
    """Return MANUAL or BOT; what the exchange itself did for a position counts as its opener's, see `trade_view`."""
    return "BOT" if source is OrderSource.BOT else "MANUAL"


def trade_view(trade: Trade, opened_by: OrderSource | None = None) -> TradeView:
    """Return one execution. `opened_by`: who opened the position that an exchange order (stop, target) closed."""
    source = opened_by if trade.source is OrderSource.EXCHANGE and opened_by is not None else trade.source
    return TradeView(
        trade_id=trade.trade_id,
        order_id=trade.order_id,
        symbol=trade.pair,
        direction=trade.side.value.upper(),
        side=trade.side.value,
        amount=trade.quantity,
        price=trade.price,
        value=trade.notional,
        fee=trade.fee,
        pnl=trade.realized_pnl,
        timestamp=seconds(trade.ts_ms),
        time=iso(trade.ts_ms),
        trade_type=trade_type(source),
        status="executed",
        order_type=trade.order_type.value,
        reason=trade.reason.value,
        fill_model=trade.fill_model.value,
        catch_up=trade.catch_up,
    )


def order_view(order: Order) -> OrderView:
    """Return one order; `price` is its limit, a stop's trigger stands in `trigger_price` too."""
    return OrderView(
        order_id=order.order_id,
        symbol=order.pair,
        side=order.side.value,
        order_type=order.order_type.value,
        amount=order.quantity,
        filled=order.filled,
        price=order.limit_price if order.limit_price is not None else order.trigger_price,
        status=order.status.value,
        reduce_only=order.reduce_only,
        source=order.source.value,
        created_at=iso(order.created_ms),
        trigger_price=ABSENT if order.trigger_price is None else order.trigger_price,
    )


def bot_trade_data(order: Order, trade: Trade, position: Position | None) -> BotTradeData:
    """Return what a bot opened, with the protection of the position as it now stands."""
    protected = position if position is not None else order
    return _bot_trade_data(
        trade,
        stop_loss=protected.stop_loss,
        take_profit=protected.take_profit,
        confidence=order.confidence,
        decision_id=order.decision_id,
    )


def told_late(trade: Trade, position: Position | None, closed: Iterable[ClosedTrade]) -> BotTradeData:
    """Return what a bot opened, where the order itself is not known: from the position, or from what closed it."""
    if position is not None and position.trade_id == trade.order_id:
        return _bot_trade_data(
            trade,
            stop_loss=position.stop_loss,
            take_profit=position.take_profit,
            confidence=position.confidence,
            decision_id=position.decision_id,
        )
    confidence = next((item.confidence for item in closed if item.trade_id == trade.order_id), None)
    return _bot_trade_data(trade, stop_loss=None, take_profit=None, confidence=confidence, decision_id=trade.order_id)


def _bot_trade_data(
    trade: Trade,
    *,
    stop_loss: Decimal | None,
    take_profit: Decimal | None,
    confidence: Decimal | None,
    decision_id: str | None,
) -> BotTradeData:
    return BotTradeData(
        symbol=trade.pair,
        direction="LONG" if trade.side is Direction.LONG.side else "SHORT",
        price=trade.price,
        amount=trade.quantity,
        stop_loss=stop_loss,
        take_profit=take_profit,
        confidence_score=ZERO if confidence is None else confidence,
        trade_id=trade.trade_id,
        decision_id=decision_id,
        timestamp=seconds(trade.ts_ms),
        time=iso(trade.ts_ms),
    )


def trade_record(closed: ClosedTrade) -> TradeRecord:
    """Return what closing came to, net of its fees."""
    net = closed.realized_pnl - closed.fees
    return TradeRecord(
        trade_id=closed.trade_id,
        symbol=closed.pair,
        direction=closed.direction.value.upper(),
        entry_price=closed.entry_price,
        exit_price=closed.exit_price,
        quantity=closed.quantity,
        profit_loss=net,
        profit_loss_percent=percent(net, closed.entry_price * closed.quantity),
        fees=closed.fees,
        exit_reason=closed.reason.value,
        entry_time=iso(closed.opened_ms),
        exit_time=iso(closed.closed_ms),
        hold_duration=seconds(closed.closed_ms - closed.opened_ms),
        confidence_score=closed.confidence if closed.confidence is not None else ZERO,
    )


def bot_status_view(
    *,
    control: Control,
    statistics: BotStatistics,
    account: Account,
    pair_status: dict[str, str],
    config: dict[str, object],
    now_ms: int,
    pair_until: dict[str, int] | None = None,
) -> BotStatusView:
    """Return the bots' state and what they did so far."""
    since = control.trading_since_ms if control.trading else None
    return BotStatusView(
        enabled=control.trading,
        start_time=None if since is None else seconds(since),
        running_duration=0 if since is None else max(0, (now_ms - since) // 1000),
        active_trades=sum(position.source is OrderSource.BOT for position in account.positions),
        trades_today=statistics.trades_today,
        total_trades=statistics.total_trades,
        winning_trades=statistics.winning_trades,
        win_rate=percent(Decimal(statistics.winning_trades), Decimal(statistics.total_trades)),
        total_profit=statistics.total_profit,
        pair_status=pair_status,
        config=config,
        pair_until=pair_until or {},
    )
