"""What the hub does about each client message: answer from its state, or send a command and remember who asked."""

import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import gevent

from actors import bot_config
from actors.background_audit import Audited
from actors.bot_fields import bot_fields
from actors.hub_pending import Pending, PendingCommands
from actors.hub_state import HubState, by_symbol
from domain import account_views, analysis_views, archive_views, messages, requests
from domain.analysis import Action
from domain.errors import LedgerUnavailable, SettingsError
from domain.messages import ArchiveRead, ClientRequest
from domain.ports import Archive, Clock, JournalDocument, Notices, Peers, RecentLogs
from domain.trading import Control, OrderSource, Reason
from domain.views import (
    ABSENT,
    AnalystsView,
    BotConfigView,
    DecisionsView,
    DecisionView,
    EquityCurveView,
    ErrorView,
    LogLineView,
    LogsView,
    NoAnalysisView,
    OrdersView,
    OutcomeView,
    TradesView,
    TradeView,
    iso,
)

log = logging.getLogger("actors.hub")

HUB = "hub"
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_CURVE_POINTS = 20_000  # read at most: two weeks of minutes
_Reader = Callable[[JournalDocument], object]


class RequestDesk:
    """Handles ClientRequest. Shares the hub's state; answers through the notices."""

    def __init__(
        self,
        *,
        state: HubState,
        pending: PendingCommands,
        peers: Peers,
        clock: Clock,
        notices: Notices,
        archive: Archive,
        last_audit: Callable[[], Audited | None] = lambda: None,
        logs: RecentLogs | None = None,
    ) -> None:
        self._state = state
        self._pending = pending
        self._peers = peers
        self._clock = clock
        self._notices = notices
        self._archive = archive
        self._last_audit = last_audit
        self._logs = logs
        self._numbers = count(1)
        self._intended: Control | None = None  # the newest control sent, until it is answered

    # --- answering ---------------------------------------------------------------------------------------------------

    def reply(
        self, asked: ClientRequest, kind: str, data: object, *, seq: int | None = None, more: tuple[str, ...] = ()
    ) -> None:
        self._notices.reply(
            asked.session,
            kind,
            data,
            request_id=asked.request_id,
            ledger_seq=seq,
            warnings=(*asked.warnings, *more),
        )

    def refuse(self, asked: ClientRequest, code: str, text: str) -> None:
        self.reply(asked, "error", ErrorView(code=code, message=_sentence(text, code)))

    def config(self, control: Control, pair: str | None) -> dict[str, object]:
        """Return the configuration that `control` makes, of one pair or of all."""
        return bot_config.shown_config(self._state.settings, control, pair)

    def settle_control(self) -> None:
        """Forget what was intended once nothing is on its way."""
        if not any(isinstance(item.command, messages.SetControl) for item in self._pending):
            self._intended = None

    def _send(self, asked: ClientRequest, to: str, key: str, command: object, warnings: tuple[str, ...] = ()) -> None:
        self._pending.add(Pending(key=key, to=to, command=command, asked=asked, warnings=warnings))
        self._peers.tell(to, command)

    def _own_key(self, what: str) -> str:
        return f"{what}:{self._clock.now_ms()}:{next(self._numbers)}"

    # --- one client message ------------------------------------------------------------------------------------------

    def handle(self, asked: ClientRequest) -> None:
        request = asked.request
        for symbol in self._symbols(request):
            if symbol not in self._state.pairs:
                ours = ", ".join(self._state.pairs)
                self.refuse(asked, "unknown_symbol", f"symbol must be one of {ours}, was {symbol}.")
                return
        if asked.kind not in requests.READING:
            log.info("%s of %s by %s at %s", asked.kind, asked.session, asked.role, asked.address)
        self._dispatch(asked, request)

    @staticmethod
    def _symbols(request: object) -> tuple[str, ...]:
        """Return what must be pairs of the desk; of many analyses each unknown one is answered by itself."""
        if isinstance(request, requests.GetAllAiAnalysis):
            return ()
        symbol = getattr(request, "symbol", None)
        several = getattr(request, "symbols", None)
        return (() if symbol is None else (symbol,)) + (several or ())

    def _dispatch(self, asked: ClientRequest, request: requests.Request) -> None:
        match request:
            case requests.ExecuteTrade():
                self._execute_trade(asked, request)
            case requests.ClosePosition():
                self._close_position(asked, request)
            case requests.UpdatePosition():
                self._update_position(asked, request)
            case requests.CancelOrder(order_id=order_id):
                key = self._own_key("cancel")
                self._send(asked, "broker", key, messages.CancelOrder(order_id=order_id, reply_to=HUB, request_id=key))
            case requests.StartBot() | requests.StopBot() | requests.UpdateBotConfig():
                self._change_bots(asked, request)
            case requests.StartAnalysis() | requests.StopAnalysis():
                self._switch_analysis(asked, on=isinstance(request, requests.StartAnalysis))
            case requests.AcceptTrade(symbol=pair) | requests.RejectTrade(symbol=pair):
                self._answer_proposal(asked, request, pair)
            case requests.ReloadSettings():
                key = self._own_key("reload")
                self._send(asked, "supervisor", key, messages.ReloadSettings(reply_to=HUB, request_id=key))
            case _:
                self._read(asked, request)

    # --- commands ----------------------------------------------------------------------------------------------------

    def _execute_trade(self, asked: ClientRequest, request: requests.ExecuteTrade) -> None:
        order_id = request.trade_id or self._own_key("manual")
        order = messages.SubmitOrder(
            order_id=order_id,
            pair=request.symbol,
            side=request.side,
            order_type=request.order_type,
            source=OrderSource.MANUAL,
            reason=Reason.MANUAL,
            reply_to=HUB,
            submitted_ms=self._clock.now_ms(),
            quantity=request.amount,
            notional=request.value_usdt,
            price=request.price,
            stop_loss=request.stop_loss,
            take_profit=request.take_profit,
            leverage=request.leverage,
        )
        self._send(asked, "broker", order_id, order)

    def _close_position(self, asked: ClientRequest, request: requests.ClosePosition) -> None:
        order_id = self._own_key("close")
        command = messages.ClosePosition(
            order_id=order_id,
            pair=request.symbol,
            fraction=request.fraction,
            source=OrderSource.MANUAL,
            reason=Reason.MANUAL,
            reply_to=HUB,
            submitted_ms=self._clock.now_ms(),
        )
        self._send(asked, "broker", order_id, command)

    def _update_position(self, asked: ClientRequest, request: requests.UpdatePosition) -> None:
        amend_id = self._own_key(f"amend:{request.symbol}")
        command = messages.AmendProtection(
            amend_id=amend_id,
            pair=request.symbol,
            stop_loss=request.stop_loss,
            take_profit=request.take_profit,
            remove_stop_loss=request.remove_stop_loss,
            remove_take_profit=request.remove_take_profit,
            reply_to=HUB,
            submitted_ms=self._clock.now_ms(),
        )
        self._send(asked, "broker", amend_id, command)

    def _change_bots(
        self, asked: ClientRequest, request: requests.StartBot | requests.StopBot | requests.UpdateBotConfig
    ) -> None:
        control, now = self._base(), self._clock.now_ms()
        if isinstance(request, requests.StopBot):
            self._set_control(asked, replace(control, trading=False, trading_since_ms=None))
            return
        pair = request.symbol if isinstance(request, requests.UpdateBotConfig) else None
        try:
            if isinstance(request, requests.UpdateBotConfig):
                control = bot_config.without_changes(self._state.settings, control, request.reset, pair)
            control, warnings = bot_config.changed_control(self._state.settings, control, request.config, pair)
        except SettingsError as error:
            config = bot_config.shown_config(self._state.settings, self._base(), pair)
            view = OutcomeView(
                success=False, message="The configuration was not accepted.", config=config, error=str(error)
            )
            self.reply(asked, f"{asked.kind}_response", view)
            return
        if isinstance(request, requests.StartBot):
            control = _with_analysis(control, now)
            if not control.trading:
                control = replace(control, trading=True, trading_since_ms=now)
        self._set_control(asked, control, warnings)

    def _switch_analysis(self, asked: ClientRequest, *, on: bool) -> None:
        control = self._base()
        off = replace(control, analysis=False, analysis_since_ms=None)
        self._set_control(asked, _with_analysis(control, self._clock.now_ms()) if on else off)

    def _base(self) -> Control:
        """Return what the next change builds on: a change still on its way must not be undone."""
        control = self._intended or self._state.control
        assert control is not None  # sessions are welcomed only then
        return control

    def _set_control(self, asked: ClientRequest, control: Control, warnings: tuple[str, ...] = ()) -> None:
        key = self._own_key("control")
        command = messages.SetControl(
            control_id=key,
            control=control,
            kind=asked.kind,
            actor=f"{asked.role} {asked.address}",
            reply_to=HUB,
            submitted_ms=self._clock.now_ms(),
        )
        self._intended = control
        self._send(asked, "broker", key, command, warnings)

    def _answer_proposal(self, asked: ClientRequest, request: requests.Request, pair: str) -> None:
        key = self._own_key("proposal")
        command: object
        if isinstance(request, requests.AcceptTrade):
            command = messages.AcceptTrade(pair=pair, usdt_amount=request.usdt_amount, request_id=key)
        else:
            command = messages.RejectTrade(pair=pair, request_id=key)
        self._send(asked, f"bot-{pair}", key, command)

    # --- answers from the state --------------------------------------------------------------------------------------

    def _read(self, asked: ClientRequest, request: requests.Request) -> None:
        state, now = self._state, self._clock.now_ms()
        match request:
            case requests.GetPositions():
                self.reply(asked, "positions_response", state.positions_view(), seq=state.account_seq)
            case requests.GetBalance():
                self.reply(asked, "balance_update", state.balances(), seq=state.account_seq)
            case requests.GetOrders():
                orders = tuple(account_views.order_view(order) for order in state.orders)
                self.reply(asked, "orders_response", OrdersView(orders=orders), seq=state.account_seq)
            case requests.GetTradeHistory():
                self._trade_history(asked, request)
            case requests.GetCryptoData(symbol=symbol):
                self.reply(asked, "crypto_data_response", state.crypto(symbol))
            case requests.GetCandles():
                self._candles(asked, request)
            case requests.GetOrderBook(symbol=symbol, limit=limit):
                self.reply(asked, "order_book_response", state.order_book(symbol, limit))
            case requests.GetBotStatus():
                self.reply(asked, "bot_status_response", state.bot_status(now))
            case requests.GetBotConfig(symbol=symbol):
                self.reply(asked, "bot_config_response", self._bot_config(symbol))
            case requests.GetHealth():
                state.actors.update((told.name, told) for told in asked.actors)
                self.reply(asked, "health", state.health(self._last_audit()))
            case requests.GetLogs():
                self.reply(asked, "logs_response", self._log_lines(request))
            case requests.GetEquityCurve() | requests.GetStatistics():
                self._from_equity(asked, request)
            case _:
                self._read_analysis(asked, request)

    def _read_analysis(self, asked: ClientRequest, request: requests.Request) -> None:
        state, now = self._state, self._clock.now_ms()
        match request:
            case requests.GetAnalysisStatus():
                self.reply(asked, "analysis_status_response", state.analysis_status())
            case requests.GetAiAnalysis(symbol=symbol):
                none = NoAnalysisView(symbol=symbol, error=f"{symbol} has not been analysed yet.")
                self.reply(asked, "ai_analysis_response", state.analysis(symbol) or none)
            case requests.GetAllAiAnalysis(symbols=symbols):
                unknown = (symbol for symbol in symbols or () if symbol not in state.pairs)
                errors = {
                    symbol: NoAnalysisView(symbol=symbol, error=f"{symbol} is no pair of this desk.")
                    for symbol in unknown
                }
                analyses = {**state.analyses(symbols), **errors}
                self.reply(asked, "all_ai_analysis_response", by_symbol("analyses", analyses))
            case requests.GetAiOpportunities(min_confidence=least):
                self.reply(asked, "ai_opportunities_response", by_symbol("opportunities", self._found(float(least))))
            case requests.GetPendingTrades():
                waiting = state.pending_trades(now)
                view = {**{item.symbol: item for item in waiting}, "trades": waiting}
                self.reply(asked, "pending_trades_response", view)
            case requests.GetNewsData(symbol=symbol, limit=limit):
                self.reply(asked, "news_data_response", state.news_data(limit=limit, pair=symbol, now_ms=now))
            case requests.GetAnalysts():
                self.reply(asked, "analysts_response", AnalystsView(analysts=state.analyst_views()))
            case requests.GetDecisions():
                self._decisions(asked, request)
            case _:
                self.refuse(asked, "unknown_type", f"The hub does not answer {asked.kind}.")

    def _found(self, least: float) -> dict[str, object]:
        """Return the analyses of fresh signals to buy or sell of at least that confidence."""
        oldest = self._clock.now_ms() - 1000 * self._state.settings.analysis.opinion_ttl_seconds
        fresh = (
            signal.pair
            for signal in self._state.signals.values()
            if signal.confidence >= least and signal.action is not Action.HOLD and signal.formed_ms >= oldest
        )
        return self._state.analyses(tuple(fresh))

    def _candles(self, asked: ClientRequest, request: requests.GetCandles) -> None:
        intervals = self._state.settings.market.intervals
        if request.interval not in intervals:
            text = f"interval must be one of {', '.join(intervals)}, was {request.interval!r}."
            self.refuse(asked, "bad_message", text)
            return
        key = self._own_key("candles")
        command = messages.SendCandles(
            pair=request.symbol, interval=request.interval, limit=request.limit, reply_to=HUB, request_id=key
        )
        self._send(asked, "market", key, command)

    def _bot_config(self, symbol: str | None) -> BotConfigView:
        settings, control = self._state.settings, self._base()
        return BotConfigView(
            config=bot_config.shown_config(settings, control, symbol),
            symbol=symbol,
            base=bot_config.shown_config(settings, bot_config.untouched(control), symbol),
            changed=bot_config.changed_keys(control, symbol),
            fields=bot_fields(),
        )

    def _log_lines(self, request: requests.GetLogs) -> LogsView:
        lines = self._logs.lines(after=request.after) if self._logs is not None else ()
        least = _LEVELS.index(request.level)
        chosen = [line for line in lines if line.level not in _LEVELS[:least]][-request.limit :]
        return LogsView(
            lines=tuple(
                LogLineView(
                    number=line.number,
                    timestamp=line.at_ms,
                    time=iso(line.at_ms),
                    level=line.level,
                    logger=line.logger,
                    message=line.message,
                )
                for line in chosen
            )
        )

    # --- answers from the archive ------------------------------------------------------------------------------------

    def _trade_history(self, asked: ClientRequest, request: requests.GetTradeHistory) -> None:
        state, before = self._state, request.before_ms
        found = [
            trade
            for trade in state.trades
            if request.symbol in (None, trade.pair) and (before is None or trade.ts_ms < before)
        ][: request.limit]
        if len(found) == request.limit:
            trades = tuple(state.trade_view(trade) for trade in found)
            self.reply(asked, "trade_history_response", TradesView(trades=trades), seq=state.seq)
            return
        where = _where(request.symbol, before)
        known = tuple(state.trade_view(trade) for trade in found)
        self._read_archive(asked, "trades", request.limit, where, archive_views.trade_view, known)

    def _decisions(self, asked: ClientRequest, request: requests.GetDecisions) -> None:
        before = request.before_ms
        found = [
            item
            for item in self._state.decisions
            if request.symbol in (None, item.pair)
            and (before is None or item.decided_ms < before)
            and request.gate in (None, item.gate)
            and request.outcome in (None, item.outcome.value)
        ][: request.limit]
        known = tuple(analysis_views.decision_view(item, with_features=request.features) for item in found)
        if len(found) == request.limit:
            self.answer_decisions(asked, known)
            return
        where = _where(request.symbol, before)
        where |= {name: value for name, value in (("gate", request.gate), ("outcome", request.outcome)) if value}
        self._read_archive(asked, "decisions", request.limit, where, archive_views.decision_view, known)

    def _from_equity(self, asked: ClientRequest, request: requests.GetEquityCurve | requests.GetStatistics) -> None:
        where: JournalDocument = {}
        if isinstance(request, requests.GetEquityCurve):
            limits = {"$gte": request.from_ms, "$lte": request.to_ms}
            given = {name: value for name, value in limits.items() if value is not None}
            where = {"ts": given} if given else {}
        self._read_archive(asked, "equity", _CURVE_POINTS, where, archive_views.equity_point, ())

    def _read_archive(
        self,
        asked: ClientRequest,
        collection: str,
        limit: int,
        where: JournalDocument,
        read: _Reader,
        known: tuple[object, ...],
    ) -> None:
        """Read in a greenlet of its own: the database may take its time. Memory wins over the archive."""
        key = self._own_key("archive")
        self._pending.add(Pending(key=key, to=HUB, command=None, asked=asked))

        def run() -> None:
            items = {archive_views.identity(item): item for item in known}
            try:
                documents = self._archive.recent(collection, limit=limit, where=where or None)
            except LedgerUnavailable as error:  # what is in memory is answered all the same
                log.warning("%s", error)
                documents = ()
            for document in documents:
                try:
                    item = read(document)
                    items.setdefault(archive_views.identity(item), item)
                except (KeyError, TypeError, ValueError):
                    log.warning("a document of %s cannot be shown", collection)
            self._peers.tell(HUB, ArchiveRead(request_id=key, items=tuple(items.values())[:limit]))

        gevent.spawn(run)

    def answer_archive(self, asked: ClientRequest, items: tuple[object, ...]) -> None:
        """Finish what `_read_archive` began."""
        state = self._state
        match asked.request:
            case requests.GetTradeHistory():
                trades = tuple(item for item in items if isinstance(item, TradeView))
                self.reply(asked, "trade_history_response", TradesView(trades=trades), seq=state.seq)
            case requests.GetDecisions():
                self.answer_decisions(asked, items)
            case requests.GetEquityCurve(points=points):
                curve = archive_views.curve(items, state.account)
                view = EquityCurveView(points=archive_views.thinned(curve, points))
                self.reply(asked, "equity_curve_response", view)
            case _:
                curve = archive_views.curve(items, state.account)
                self.reply(asked, "statistics_response", archive_views.statistics(tuple(state.closed), curve))

    def answer_decisions(self, asked: ClientRequest, items: tuple[object, ...]) -> None:
        wanted = not isinstance(asked.request, requests.GetDecisions) or asked.request.features
        found = (item for item in items if isinstance(item, DecisionView))
        decisions = tuple(item if wanted else replace(item, features=ABSENT) for item in found)
        self.reply(asked, "decisions_response", DecisionsView(decisions=decisions))


def _sentence(text: str, code: str) -> str:
    """Return a refusal as a sentence; one that begins with a field's name keeps its spelling."""
    named = code in ("bad_message", "unknown_symbol") or "_" in text.partition(" ")[0]
    return (text if named else text[:1].upper() + text[1:]) + ("" if text.endswith(".") else ".")


def _with_analysis(control: Control, now_ms: int) -> Control:
    return control if control.analysis else replace(control, analysis=True, analysis_since_ms=now_ms)


def _where(pair: str | None, before_ms: int | None) -> JournalDocument:
    where: JournalDocument = {} if pair is None else {"symbol": pair}
    if before_ms is not None:
        where["ts"] = {"$lt": before_ms}
    return where
