"""The hub: keeps the latest public state, tells sessions every change, and turns client messages into commands."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from actors.background_audit import Audited
from actors.base import Actor
from actors.hub_announcements import Announcer
from actors.hub_pending import Pending, PendingCommands
from actors.hub_requests import HUB, RequestDesk
from actors.hub_state import HubState, actor_view
from domain import account_views, analysis_views, market_views, messages
from domain.analysis import Outcome
from domain.market import MarketState, Source
from domain.ports import Archive, Clock, Notices, Peers, RecentLogs, Timers
from domain.trading import Account, OrderSource, OrderStatus, OrderType, Trade
from domain.views import (
    AlertView,
    AnalysisProgressView,
    CandlesView,
    CandleView,
    NewsUpdateView,
    OneOrderView,
    ProposalAnswerView,
    SettingsReloadedView,
    iso,
    seconds,
)
from settings import Settings

_WELCOME_TICKS = 10  # seconds a session waits for the ledger before it is sent away


@dataclass(slots=True)
class _Arrival:
    """A session that waits for its first frame, and what it asked meanwhile."""

    role: str
    requests: list[messages.ClientRequest] = field(default_factory=list)
    ticks: int = 0


class HubActor(Actor):
    """Serves all sessions from one state.

    Handles: ClientArrived, ClientRequest, ClientLeft; every event of market, news, analysts, bots, broker, supervisor.
    Tells: broker, market, news, analysts, bots, supervisor their commands; sessions through the Notices port.
    State: the newest public values, asked for again at each start; commands on their way, which a restart loses
    together with the sessions.

    Its timers should run in real time whatever the speed of the desk's clock: they say how long clients wait.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        peers: Peers,
        clock: Clock,
        timers: Timers,
        notices: Notices,
        archive: Archive,
        source: Source,
        banner: str | None,
        version: str,
        settings_hash: str,
        actor_states: Callable[[], tuple[messages.ActorStatusChanged, ...]] = tuple,
        last_audit: Callable[[], Audited | None] = lambda: None,
        logs: RecentLogs | None = None,
        on_death: Callable[[str, str, str], None] | None = None,
    ) -> None:
        super().__init__(name=HUB, on_death=on_death)
        self._peers = peers
        self._clock = clock
        self._timers = timers
        self._notices = notices
        self._archive = archive
        self._actor_states = actor_states
        self._state = HubState(
            settings=settings, settings_hash=settings_hash, source=source, banner=banner, version=version
        )
        self._pending = PendingCommands()
        self._desk = RequestDesk(
            state=self._state,
            pending=self._pending,
            peers=peers,
            clock=clock,
            notices=notices,
            archive=archive,
            last_audit=last_audit,
            logs=logs,
        )
        self._announcer = Announcer(
            state=self._state,
            desk=self._desk,
            clock=clock,
            notices=notices,
            when_handled=partial(peers.tell, self.name, messages.BotStatusDue()),
        )
        self._missed: list[Trade] = []  # executions that nobody was told of, until the account after them is known
        self._arrived: dict[str, _Arrival] = {}
        self._high: dict[str, str] = {}  # pair -> round of its newest signal of high confidence

    def on_start(self) -> None:
        self._notices.restarted()
        self._notices.report("market", "It has not said yet whether it is live.")
        self._notices.report("broker", "It has not read the ledger yet.")
        for told in self._actor_states():
            self._state.actors[told.name] = told
        for name in ("broker", "market", "news", *(f"analyst-{name}" for name in self._state.settings.analysts)):
            self._ask_anew(name)
        self._timers.every(1, self.name, "tick")

    def on_receive(self, message: object) -> object:
        match message:
            case messages.QuoteChanged():
                self._on_quote_changed(message)
            case messages.TickerChanged():
                self._on_ticker_changed(message)
            case messages.CandleChanged() | messages.CandleClosed():
                self._on_candle(message)
            case messages.BookChanged():
                self._state.books[message.pair] = message.book
            case messages.RulesChanged():
                self._state.rules.update((rules.pair, rules) for rules in message.rules)
            case messages.AccountChanged():
                self._on_account_changed(message)
            case messages.AccountInOrder():
                self._adopt(message.account)
            case messages.ClientRequest():
                self._on_client_request(message)
            case messages.ClientArrived():
                self._on_client_arrived(message)
            case messages.ClientLeft():
                self._arrived.pop(message.session, None)
            case messages.TimerFired(key="tick"):
                self._on_tick()
            case _:
                return self._on_trading(message)
        return None

    def _on_trading(self, message: object) -> object:
        match message:
            case messages.OrderAccepted():
                self._on_order_accepted(message)
            case messages.OrderRefused():
                self._on_order_refused(message)
            case messages.OrderFilled():
                self._on_order_filled(message)
            case messages.BotTradeBooked():
                self._announcer.bot_trade(message.filled)
            case messages.BotStatusDue():
                self._announcer.tell_bot_status()
            case messages.OrderCancelled():
                self._on_order_cancelled(message)
            case messages.PositionAmended():
                self._on_position_amended(message)
            case messages.StatisticsChanged():
                self._on_statistics_changed(message)
            case messages.ControlChanged():
                self._on_control_changed(message)
            case messages.RecentTrades():
                self._on_recent_trades(message)
            case messages.LedgerAdvanced():
                self._on_ledger_advanced(message)
            case messages.SettingsRecorded():
                self._state.moved_nothing(message.seq)
                self._welcome_all()
            case _:
                return self._on_analysis(message)
        return None

    def _on_analysis(self, message: object) -> object:
        match message:
            case messages.OpinionFormed():
                view = analysis_views.opinion_log(message.opinion)
                self._notices.publish("analysis_log", view, symbol=view.symbol)
            case messages.OpinionWithheld():
                view = analysis_views.abstention_log(message.abstention)
                self._notices.publish("analysis_log", view, symbol=view.symbol)
            case messages.AnalysisStepped():
                self._on_analysis_stepped(message)
            case messages.SignalFormed():
                self._on_signal_formed(message)
            case messages.DecisionMade():
                self._on_decision_made(message)
            case messages.PairStatusChanged():
                self._on_pair_status_changed(message)
            case messages.TradeProposed():
                self._on_trade_proposed(message)
            case messages.ProposalAnswered():
                self._on_proposal_answered(message)
            case messages.AnalystChanged():
                self._state.analysts[message.status.name] = message.status
                self._notices.publish("analyst_update", analysis_views.analyst_view(message.status))
            case messages.NewsPublished():
                self._on_news_published(message)
            case messages.FearGreedChanged():
                self._state.fear_greed = message.fear_greed
            case messages.NewsSourcesChanged():
                self._state.news_sources = message.sources
            case _:
                return self._on_desk(message)
        return None

    def _on_desk(self, message: object) -> object:
        match message:
            case messages.MarketStatusChanged():
                self._on_market_status_changed(message)
            case messages.ActorStatusChanged():
                self._on_actor_status_changed(message)
            case messages.ActorStarted():
                self._on_actor_started(message)
            case messages.Alerted():
                self._alert(message.level, message.code, message.message, message.at_ms)
            case messages.SettingsApplied():
                self._on_settings_applied(message)
            case messages.SettingsReloaded():
                self._on_settings_reloaded(message)
            case messages.CandleHistory():
                self._on_candle_history(message)
            case messages.ArchiveRead():
                if (pending := self._pending.take(message.request_id)) is not None:
                    self._desk.answer_archive(pending.asked, message.items)
            case _:
                return super().on_receive(message)
        return None

    # --- sessions --------------------------------------------------------------------------------------------------

    def _on_client_arrived(self, message: messages.ClientArrived) -> None:
        self._arrived[message.session] = _Arrival(message.role)
        self._welcome_all()

    def _on_client_request(self, message: messages.ClientRequest) -> None:
        if (waiting := self._arrived.get(message.session)) is not None:
            waiting.requests.append(message)
        else:
            self._desk.handle(message)

    def _welcome_all(self) -> None:
        """Send waiting sessions their snapshot, if it is whole and matches the deltas that follow."""
        self._tell_missed()
        if not self._arrived or not self._state.ready:
            return
        snapshot = self._state.initial_data(self._clock.now_ms())
        arrived, self._arrived = self._arrived, {}
        for role in sorted({each.role for each in arrived.values()}):  # one snapshot for all of a role
            shown = replace(snapshot, server=replace(snapshot.server, role=role))
            for session, waiting in arrived.items():
                if waiting.role == role:
                    self._notices.reply(session, "initial_data", shown, ledger_seq=self._state.seq)
        for waiting in arrived.values():
            for request in waiting.requests:
                self._desk.handle(request)

    def _tell_missed(self) -> None:
        """Tell what was booked while the broker restarted, with the account as it is after that."""
        if self._missed and self._state.settled:
            missed, self._missed = self._missed, []
            for trade in missed:
                self._announcer.missed(trade)

    def _on_tick(self) -> None:
        self._notices.show(self._state.figures(self._clock.now_ms()))
        for pending in self._pending.tick():
            self._give_up(pending)
        self._desk.settle_control()
        for session, waiting in tuple(self._arrived.items()):
            waiting.ticks += 1
            if waiting.ticks >= _WELCOME_TICKS:
                del self._arrived[session]
                self._notices.close(session, 1013, "the ledger is not ready")

    def _give_up(self, pending: Pending) -> None:
        if pending.to == "broker":
            text = "The ledger did not answer within 10 s; what was asked may still be done."
            self._desk.refuse(pending.asked, "ledger_unavailable", text)
        else:
            self._desk.refuse(pending.asked, "internal", "The answer took too long; try again.")

    # --- market ----------------------------------------------------------------------------------------------------

    def _on_quote_changed(self, message: messages.QuoteChanged) -> None:
        self._state.quotes[message.quote.pair] = message.quote
        self._publish_price(message.quote.pair)

    def _on_ticker_changed(self, message: messages.TickerChanged) -> None:
        self._state.tickers[message.pair] = message.ticker
        self._publish_price(message.pair)

    def _publish_price(self, pair: str) -> None:
        if (view := self._state.price(pair)) is not None:
            self._notices.publish("price_update", view, symbol=pair, conflate=True)

    def _on_candle(self, message: messages.CandleChanged | messages.CandleClosed) -> None:
        closed = isinstance(message, messages.CandleClosed)
        view = CandleView(
            symbol=message.pair,
            interval=message.interval,
            candle=market_views.candle_row(message.candle),
            closed=closed,
        )
        self._notices.publish("candle_update", view, symbol=message.pair, conflate=not closed)

    def _on_market_status_changed(self, message: messages.MarketStatusChanged) -> None:
        pair = message.pair
        view = market_views.market_status_view(message.state, message.message, message.at_ms, pair)
        if pair is None:
            if self._state.market is not None and self._state.market == message:
                return
            self._state.market = message
            self._notices.report("market", None if message.state is MarketState.LIVE else message.message)
        elif message.state in (MarketState.STALE, MarketState.UNREACHABLE):
            self._state.stale.add(pair)
        else:
            self._state.stale.discard(pair)
        self._notices.publish("market_status", view, symbol=pair)
        for changed in self._state.pairs if pair is None else (pair,):
            self._publish_price(changed)

    def _on_candle_history(self, message: messages.CandleHistory) -> None:
        if (pending := self._pending.take(message.request_id)) is None:
            return
        candles = [*message.candles, *([message.open_candle] if message.open_candle is not None else [])]
        limit = getattr(pending.asked.request, "limit", len(candles))
        rows = tuple(market_views.candle_row(candle) for candle in candles[-limit:])
        view = CandlesView(symbol=message.pair, interval=message.interval, candles=rows)
        self._desk.reply(pending.asked, "candles_response", view)

    # --- account ---------------------------------------------------------------------------------------------------

    def _on_account_changed(self, message: messages.AccountChanged) -> None:
        """An account of a newer event than those handled may have overtaken them: it waits until they are."""
        if self._state.account is None or message.account.seq <= self._state.seq:
            self._adopt(message.account)
        else:
            self._peers.tell(self.name, messages.AccountInOrder(account=message.account))

    def _adopt(self, account: Account) -> None:
        old = self._state.account
        if old is not None and account.seq < old.seq:
            return
        self._state.account = account
        self._state.saw(account.seq)
        self._announcer.account(old, account)
        if old is None and self._state.ledger is None:
            self._notices.report("broker", None if account.ledger_available else "The ledger is away.")
        self._welcome_all()

    def _on_order_accepted(self, message: messages.OrderAccepted) -> None:
        order = message.order
        self._state.saw(message.seq)
        resting = order.order_type is not OrderType.MARKET
        if not resting:
            self._pending.accept(order.order_id, message.warnings)
        elif (pending := self._pending.take(order.order_id)) is not None:
            self._announcer.order_accepted(pending, message)
        if resting and not message.repeated:
            view = OneOrderView(order=account_views.order_view(order))
            self._notices.publish("order_update", view, symbol=order.pair, ledger_seq=message.seq)
        if order.source is OrderSource.BOT and not message.repeated:
            self._announcer.trade_log(
                order.created_ms, "info", order.pair, f"{order.side.value} order of {order.quantity} placed"
            )

    def _on_order_refused(self, message: messages.OrderRefused) -> None:
        pending = (self._pending.take(message.request_id) if message.request_id else None) or self._pending.take(
            message.order_id
        )
        if pending is not None:
            self._desk.refuse(pending.asked, message.code.value, message.message)
        self._desk.settle_control()
        if message.source is OrderSource.BOT:
            self._announcer.trade_log(message.at_ms, "warning", message.pair, f"order refused: {message.message}")

    def _on_order_filled(self, message: messages.OrderFilled) -> None:
        state, trade = self._state, message.trade
        state.saw(message.seq)
        new = state.add_trade(trade, message.closed)
        old = state.account
        if old is None or message.account.seq >= old.seq:
            state.account = message.account
            state.saw(message.account.seq)
        pending = self._pending.take(message.order.order_id)
        self._announcer.filled(message, pending, new=new)
        if new and self._is_of_bot(message):
            self._peers.tell(self.name, messages.BotTradeBooked(filled=message))
        if state.account is not None:
            self._announcer.account(old, state.account)
        self._welcome_all()

    @staticmethod
    def _is_of_bot(message: messages.OrderFilled) -> bool:
        if message.closed is not None:
            return message.closed.source is OrderSource.BOT
        return message.order.source is OrderSource.BOT

    def _on_order_cancelled(self, message: messages.OrderCancelled) -> None:
        order = message.order
        new = message.seq > self._state.seq
        self._state.saw(message.seq)
        view = OneOrderView(order=account_views.order_view(order))
        if message.request_id and (asking := self._pending.take(message.request_id)) is not None:
            self._desk.reply(asking.asked, "order_cancelled", view, seq=message.seq)
        if (pending := self._pending.take(order.order_id)) is not None:
            code = "insufficient_balance" if order.status is OrderStatus.CANCELLED else "no_price"
            code = "no_position" if isinstance(pending.command, messages.ClosePosition) else code
            text = message.message or "nothing of it could be filled"
            self._desk.refuse(pending.asked, code, f"The order ended unfilled: {text}.")
        if new and order.order_type is not OrderType.MARKET:
            self._notices.publish("order_update", view, symbol=order.pair, ledger_seq=message.seq)
        if new and order.source is OrderSource.BOT and not order.filled:
            line = f"order ended unfilled: {message.message}" if message.message else "order ended unfilled"
            self._announcer.trade_log(self._clock.now_ms(), "warning", order.pair, line)

    def _on_position_amended(self, message: messages.PositionAmended) -> None:
        state = self._state
        pending = self._pending.take(message.amend_id)
        old = state.account
        if old is not None and old.seq <= message.seq:
            changed = tuple(message.position if item.pair == message.position.pair else item for item in old.positions)
            settled = state.settled
            state.account = replace(old, positions=changed, seq=message.seq if settled else old.seq)
        state.saw(message.seq)
        if pending is not None:
            self._desk.reply(pending.asked, "position_update", state.positions_view(), seq=message.seq)
        if state.account is not None:
            self._announcer.account(old, state.account, but=pending.asked.session if pending else None)
        self._welcome_all()

    def _on_statistics_changed(self, message: messages.StatisticsChanged) -> None:
        changed = message.statistics != self._state.statistics
        self._state.statistics = message.statistics
        if changed and self._state.account is not None:
            self._announcer.bot_status()

    def _on_control_changed(self, message: messages.ControlChanged) -> None:
        old = self._state.control
        self._state.control = message.control
        if message.seq:
            self._state.moved_nothing(message.seq)
        if (pending := self._pending.take(message.control_id)) is not None:
            self._announcer.control_answered(pending, message)
        self._desk.settle_control()
        if self._state.account is not None:
            self._announcer.bot_status()
        if old is not None and old.analysis != message.control.analysis:
            self._analysis_switched(message.control.analysis)
        self._welcome_all()

    def _analysis_switched(self, on: bool) -> None:
        now = self._clock.now_ms()
        view = AnalysisProgressView(
            status="started" if on else "stopped",
            message="Analysis is on." if on else "Analysis is off.",
            timestamp=seconds(now),
            time=iso(now),
        )
        self._notices.publish("analysis_status", view)

    def _on_recent_trades(self, message: messages.RecentTrades) -> None:
        for trade in self._state.recent(message):
            self._state.saw(trade.seq)
            self._missed.append(trade)
        self._welcome_all()

    def _on_ledger_advanced(self, message: messages.LedgerAdvanced) -> None:
        self._state.ledger = message
        problem = None if message.available and not message.read_only else message.message or "The ledger is away."
        self._notices.report("broker", problem)

    # --- analysis --------------------------------------------------------------------------------------------------

    def _on_analysis_stepped(self, message: messages.AnalysisStepped) -> None:
        view = AnalysisProgressView(
            status=message.step,
            step=message.step,
            symbol=message.pair,
            message=message.message,
            timestamp=seconds(message.at_ms),
            time=iso(message.at_ms),
        )
        self._notices.publish("analysis_status", view, symbol=message.pair)

    def _on_signal_formed(self, message: messages.SignalFormed) -> None:
        signal = message.signal
        self._state.signals[signal.pair] = signal
        if message.high_confidence:
            self._high[signal.pair] = signal.round_id
        self._notices.publish("ai_insights", analysis_views.insights_view(signal), symbol=signal.pair)
        view = analysis_views.signal_log(signal, high_confidence=message.high_confidence)
        self._notices.publish("analysis_log", view, symbol=signal.pair)

    def _on_decision_made(self, message: messages.DecisionMade) -> None:
        decision, state = message.decision, self._state
        state.decisions.appendleft(decision)
        if decision.features is not None:
            state.features[decision.pair] = decision.features
        self._notices.publish("decision", analysis_views.decision_view(decision), symbol=decision.pair)
        signal = decision.signal
        high = signal is not None and self._high.get(decision.pair) == signal.round_id
        if high and decision.gate != "awaiting_approval":  # that one is alerted with its TradeProposed
            status = "executed" if decision.outcome is Outcome.TRADED else "blocked"
            self._announcer.opportunity(decision.pair, status, decision.decided_ms, gate=decision.gate)

    def _on_pair_status_changed(self, message: messages.PairStatusChanged) -> None:
        state, pair = self._state, message.pair
        old = state.pair_status.get(pair), state.pair_until.get(pair)
        state.pair_status[pair], state.pair_until[pair] = message.status, message.until_ms
        if (
            old != (message.status, message.until_ms)
            and self._state.account is not None
            and self._state.control is not None
        ):
            self._announcer.bot_status()

    def _on_trade_proposed(self, message: messages.TradeProposed) -> None:
        if message.withdrawn:
            self._state.proposals.pop(message.pair, None)
            return
        self._state.proposals[message.pair] = message
        self._state.signals[message.pair] = message.signal
        self._announcer.opportunity(
            message.pair, "pending_approval", message.proposed_ms, wait_until_ms=message.wait_until_ms
        )

    def _on_proposal_answered(self, message: messages.ProposalAnswered) -> None:
        proposed = self._state.proposals.pop(message.pair, None) if message.refusal is None else None
        if (pending := self._pending.take(message.request_id)) is None:
            return
        if message.refusal is not None:
            self._desk.refuse(pending.asked, message.refusal.value, message.message)
            return
        now = self._clock.now_ms()
        details = (
            analysis_views.pending_trade_view(proposed, self._state.analysis(message.pair), now) if proposed else None
        )
        view = ProposalAnswerView(
            success=True,
            symbol=message.pair,
            message=message.message,
            new_balance=self._state.cash,
            trade_details=details,
        )
        self._desk.reply(pending.asked, "trade_accepted" if message.accepted else "trade_rejected", view)

    def _on_news_published(self, message: messages.NewsPublished) -> None:
        new = self._state.add_news(message.items)
        if new:
            newest_first = sorted(new, key=lambda item: item.published_ms, reverse=True)
            items = tuple(analysis_views.news_item_view(item) for item in newest_first)
            self._notices.publish("news_update", NewsUpdateView(items=items))

    # --- the desk --------------------------------------------------------------------------------------------------

    def _ask_anew(self, name: str) -> None:
        """Ask an actor for what the hub must know of it."""
        if name == "broker":
            self._peers.tell(name, messages.SendAccount(reply_to=self.name))
        elif name == "market":
            self._peers.tell(name, messages.SendMarketState(reply_to=self.name))
        elif name == "news":
            self._peers.tell(name, messages.SendNews(reply_to=self.name))
        elif name.startswith("analyst-"):
            self._peers.tell(name, messages.SendAnalystStatus(reply_to=self.name))

    def _on_actor_started(self, message: messages.ActorStarted) -> None:
        known = self._state.actors.get(message.name)
        self._state.actors[message.name] = messages.ActorStatusChanged(
            name=message.name,
            state="running",
            restarts=max(known.restarts if known else 0, message.generation - 1),
            mailbox=known.mailbox if known else 0,
            error=known.error if known else None,
        )
        self._ask_anew(message.name)
        for pending in self._pending.repeated_in_vain(message.name):
            text = "The desk failed while it handled this; see orders and positions for what became of it."
            self._desk.refuse(pending.asked, "internal", text)
        for pending in self._pending.to_repeat(message.name):
            self._peers.tell(message.name, pending.command)

    def _on_actor_status_changed(self, message: messages.ActorStatusChanged) -> None:
        known = self._state.actors.get(message.name)
        if message.error is None and known is not None:
            message = replace(message, error=known.error)  # the last error stays on show
        self._state.actors[message.name] = message
        if known is None or (known.state, known.restarts) != (message.state, message.restarts):
            self._notices.publish("actor_status", actor_view(message))

    def _alert(self, level: str, code: str, text: str, at_ms: int) -> None:
        view = AlertView(level=level, code=code, message=text, timestamp=at_ms, time=iso(at_ms))
        self._notices.publish("alert", view)
        self._peers.tell("notifier", messages.Alerted(level=level, code=code, message=text, at_ms=at_ms))

    def _on_settings_applied(self, message: messages.SettingsApplied) -> None:
        if isinstance(message.settings, Settings):
            self._state.settings, self._state.settings_hash = message.settings, message.settings_hash
            if self._state.account is not None and self._state.control is not None:
                self._announcer.bot_status()

    def _on_settings_reloaded(self, message: messages.SettingsReloaded) -> None:
        pending = self._pending.take(message.request_id)
        if message.error is not None:
            if pending is not None:
                self._desk.refuse(pending.asked, "bad_message", message.error)
            self._alert("warning", "settings_refused", message.error, self._clock.now_ms())
            return
        view = SettingsReloadedView(
            changed=message.changed, hash=message.settings_hash, restart_required=message.restart
        )
        self._notices.publish("settings_reloaded", view, but=pending.asked.session if pending else None)
        if pending is not None:
            self._desk.reply(pending.asked, "settings_reloaded", view)
