"""How the hub tells sessions what happened to orders, positions, balances and bots."""

from collections.abc import Callable
from decimal import Decimal

import gevent

from actors.hub_pending import Pending
from actors.hub_requests import RequestDesk
from actors.hub_state import HubState
from domain import account_views
from domain.analysis_views import DIRECTION, usd
from domain.messages import ClosePosition, ControlChanged, OrderAccepted, OrderFilled
from domain.money import mean_text, text
from domain.ports import Clock, Notices
from domain.trading import Account, ClosedTrade, Order, OrderSource, OrderStatus, OrderType, Trade
from domain.views import (
    ABSENT,
    BotTradeClosedView,
    BotTradeData,
    BotTradeExecutedView,
    OneOrderView,
    OpportunityView,
    OutcomeView,
    PaperTradeView,
    PositionClosedView,
    TradeExecutedView,
    TradeLogView,
    iso,
)

_DONE = {
    "start_bot": "The bots are on.",
    "stop_bot": "The bots are off; stops and targets of open positions stay armed.",
    "update_bot_config": "The configuration is in force.",
    "start_analysis": "Analysis is on.",
    "stop_analysis": "Analysis is off.",
}


class Announcer:
    """Publishes to all, replies to who asked. Reads the hub's state, never changes it.

    `when_handled` is called in another greenlet; it is to call `tell_bot_status` from the hub's own, behind its mail.
    """

    def __init__(
        self,
        *,
        state: HubState,
        desk: RequestDesk,
        clock: Clock,
        notices: Notices,
        when_handled: Callable[[], object],
    ) -> None:
        self._state = state
        self._desk = desk
        self._clock = clock
        self._notices = notices
        self._when_handled = when_handled
        self._status_due = False

    # --- account -----------------------------------------------------------------------------------------------------

    def account(self, old: Account | None, new: Account, *, but: str | None = None) -> None:
        """Tell what of the account is different: positions and marks, money."""
        if old is None or _held(old) != _held(new):
            view = account_views.positions_view(new)
            self._notices.publish("position_update", view, ledger_seq=new.seq, but=but)
        if old is None or _money(old) != _money(new):
            self._notices.publish("balance_update", account_views.balance_view(new), ledger_seq=new.seq)

    def order_accepted(self, pending: Pending, accepted: OrderAccepted) -> None:
        """Tell who ordered that the order rests."""
        order = account_views.order_view(accepted.order)
        more = (*pending.warnings, *accepted.warnings)
        self._desk.reply(pending.asked, "order_accepted", OneOrderView(order=order), seq=accepted.seq, more=more)
        view = PaperTradeView(
            success=True,
            message=f"{order.order_type.capitalize()} order accepted.",
            trade_data=order,
            new_balance=self._state.cash,
        )
        self._desk.reply(pending.asked, "paper_trade_response", view, seq=accepted.seq)

    def filled(self, message: OrderFilled, pending: Pending | None, *, new: bool) -> None:
        """Tell one execution: to all when it is new, to who asked in any case."""
        order, closed = message.order, message.closed
        if order.source is OrderSource.EXCHANGE or _closes(order, pending):
            manual = order.source is OrderSource.MANUAL or (closed is not None and closed.source is OrderSource.MANUAL)
            if manual or pending is not None:
                self._position_closed(message, pending, new=new)
        elif order.source is OrderSource.MANUAL:
            self._trade_executed(message, pending, new=new)
        elif closed is not None and closed.source is OrderSource.MANUAL:  # a bot's order turned a manual position
            self._position_closed(message, None, new=new)
        if new and order.order_type is not OrderType.MARKET and order.source is OrderSource.MANUAL:
            view = OneOrderView(order=account_views.order_view(order))
            self._notices.publish("order_update", view, symbol=order.pair, ledger_seq=message.seq)

    def _trade_executed(self, message: OrderFilled, pending: Pending | None, *, new: bool) -> None:
        view = TradeExecutedView(
            trade=self._state.trade_view(message.trade),
            new_balance=self._state.cash,
            positions=self._state.positions(),
        )
        if new:
            self._publish("trade_executed", view, message, but=pending)
        if pending is None:
            return
        more = (*pending.warnings, *message.warnings)
        self._desk.reply(pending.asked, "trade_executed", view, seq=message.seq, more=more)
        partial = message.order.status is not OrderStatus.FILLED
        trade = view.trade
        paper = PaperTradeView(
            success=True,
            message=f"{trade.direction} {text(trade.amount)} {trade.symbol} at {mean_text(trade.price)}"
            + (", the order is filled in part." if partial else "."),
            trade_data=trade,
            new_balance=view.new_balance,
        )
        self._desk.reply(pending.asked, "paper_trade_response", paper, seq=message.seq)

    def _position_closed(self, message: OrderFilled, pending: Pending | None, *, new: bool) -> None:
        view = PositionClosedView(
            trade=self._state.trade_view(message.trade),
            new_balance=self._state.cash,
            positions=self._state.positions(),
            realized_pnl=message.trade.realized_pnl,
        )
        if new:
            self._publish("position_closed", view, message, but=pending)
        if pending is not None:
            more = (*pending.warnings, *message.warnings)
            self._desk.reply(pending.asked, "position_closed", view, seq=message.seq, more=more)

    def _publish(self, kind: str, view: object, message: OrderFilled, *, but: Pending | None) -> None:
        excluded = but.asked.session if but is not None else None
        self._notices.publish(kind, view, symbol=message.trade.pair, ledger_seq=message.seq, but=excluded)

    def missed(self, trade: Trade) -> None:
        """Tell an execution that was booked while the broker restarted and could not be told."""
        closed = self._state.closed_by(trade)
        if trade.source is OrderSource.MANUAL:
            view = TradeExecutedView(
                trade=self._state.trade_view(trade), new_balance=self._state.cash, positions=self._state.positions()
            )
            self._notices.publish("trade_executed", view, symbol=trade.pair, ledger_seq=trade.seq)
        if closed is not None and closed.source is OrderSource.BOT:
            self._bot_closed(trade, closed)
            self.bot_status()
            return
        if closed is None and trade.source is OrderSource.BOT:
            position = self._state.position(trade.pair)
            self._bot_opened(trade, account_views.told_late(trade, position, self._state.closed))
            self.bot_status()
            return
        what = f"{trade.side.value} {text(trade.quantity)} at {mean_text(trade.price)} ({trade.reason.value})"
        profit = closed.realized_pnl - closed.fees if closed is not None else None
        self.trade_log(trade.ts_ms, "success", trade.pair, what, profit=profit)

    # --- bots --------------------------------------------------------------------------------------------------------

    def bot_trade(self, message: OrderFilled) -> None:
        """Tell what a bot opened or what became of its position, in both forms and in the log.

        Before the bots' control is known there is nobody to tell: sessions are welcomed with what contains it.
        """
        if self._state.control is None:
            return
        if message.closed is not None:
            self._bot_closed(message.trade, message.closed)
        else:
            data = account_views.bot_trade_data(message.order, message.trade, message.position)
            self._bot_opened(message.trade, data)
        self.bot_status()

    def _bot_opened(self, trade: Trade, data: BotTradeData) -> None:
        view = BotTradeExecutedView(
            symbol=trade.pair,
            trade_data=data,
            trade=self._state.trade_view(trade),
            new_balance=self._state.cash,
            positions=self._state.positions(),
            bot_status=self._state.bot_status(self._clock.now_ms()),
        )
        self._notices.publish("bot_trade_executed", view, symbol=trade.pair, ledger_seq=trade.seq)
        line = f"{data.direction} {text(trade.quantity)} opened at {mean_text(trade.price)}"
        self.trade_log(trade.ts_ms, "success", trade.pair, line, action=data.direction)

    def _bot_closed(self, trade: Trade, closed: ClosedTrade) -> None:
        record = account_views.trade_record(closed)
        view = BotTradeClosedView(
            symbol=closed.pair,
            trade_record=record,
            trade=self._state.trade_view(trade),
            new_balance=self._state.cash,
            positions=self._state.positions(),
            bot_status=self._state.bot_status(self._clock.now_ms()),
        )
        self._notices.publish("bot_trade_closed", view, symbol=closed.pair, ledger_seq=trade.seq)
        line = (
            f"{record.direction} {text(closed.quantity)} closed at {text(closed.exit_price)} by "
            f"{closed.reason.value}: {usd(record.profit_loss)}"
        )
        level = "success" if record.profit_loss >= 0 else "warning"
        self.trade_log(closed.closed_ms, level, closed.pair, line, profit=record.profit_loss)

    def bot_status(self) -> None:
        """See to it that all sessions are told the bots' state, once for all that changes it in this turn."""
        if not self._status_due:
            self._status_due = True
            gevent.spawn(self._when_handled)  # behind the mail of those who are told the same change now

    def tell_bot_status(self) -> None:
        """Tell all sessions the bots' state, under both names."""
        self._status_due = False
        if self._state.control is None or self._state.account is None:
            return
        view = self._state.bot_status(self._clock.now_ms())
        self._notices.publish("bot_status_update", view)
        self._notices.publish("bot_status_response", view)

    def control_answered(self, pending: Pending, message: ControlChanged) -> None:
        """Tell who switched something that it is in force."""
        kind = pending.asked.kind
        with_config = kind in ("start_bot", "update_bot_config")
        symbol = getattr(pending.asked.request, "symbol", None)
        view = OutcomeView(
            success=True,
            message=_DONE[kind],
            config=self._desk.config(message.control, symbol) if with_config else ABSENT,
        )
        self._desk.reply(pending.asked, f"{kind}_response", view, seq=message.seq or None, more=pending.warnings)

    # --- logs and alerts ---------------------------------------------------------------------------------------------

    def trade_log(
        self, at_ms: int, level: str, pair: str, line: str, *, action: str | None = None, profit: Decimal | None = None
    ) -> None:
        """Write a line of the trade log."""
        view = TradeLogView(
            timestamp=at_ms,
            time=iso(at_ms),
            level=level,
            symbol=pair,
            message=f"{pair}: {line}",
            action=ABSENT if action is None else action,
            profit=ABSENT if profit is None else profit,
        )
        self._notices.publish("trade_log", view, symbol=pair)

    def opportunity(
        self, pair: str, status: str, at_ms: int, *, gate: str | None = None, wait_until_ms: int | None = None
    ) -> None:
        """Tell a signal of high confidence and what became of it."""
        signal, analysis = self._state.signals.get(pair), self._state.analysis(pair)
        if signal is None or analysis is None:
            return
        view = OpportunityView(
            symbol=pair,
            analysis=analysis,
            confidence_score=signal.confidence,
            direction=DIRECTION[signal.action],
            status=status,
            timestamp=at_ms,
            time=iso(at_ms),
            wait_until=ABSENT if wait_until_ms is None else iso(wait_until_ms),
            gate=ABSENT if gate is None else gate,
        )
        self._notices.publish("ai_opportunity_alert", view, symbol=pair)


def _closes(order: Order, pending: Pending | None) -> bool:
    """Return whether `order` was made to close a position. An order of a client may also be one that only reduces."""
    if pending is not None:
        return isinstance(pending.command, ClosePosition)
    return order.reduce_only and order.order_type is OrderType.MARKET


def _held(account: Account) -> tuple[object, ...]:
    return account.positions, account.marks, account.cash, account.equity


def _money(account: Account) -> tuple[object, ...]:
    return account.cash, account.held, account.margin, account.realized_pnl_today, account.fees_today
