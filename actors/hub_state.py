"""The latest public state of the desk, as the hub has heard it, and what clients are shown of it."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from actors import bot_config
from actors.background_audit import Audited
from domain import account_views, analysis_views, market_views
from domain.analysis import AnalystStatus, Decision, Features, Signal
from domain.market import MarketState, OrderBook, Quote, Source, SymbolRules, Ticker
from domain.messages import ActorStatusChanged, LedgerAdvanced, MarketStatusChanged, RecentTrades, TradeProposed
from domain.money import ZERO
from domain.news import FearGreed, NewsItem, NewsSourceStatus
from domain.ports import PublicFigures
from domain.trading import (
    Account,
    BotStatistics,
    ClosedTrade,
    Control,
    Order,
    OrderSource,
    Position,
    Trade,
)
from domain.views import (
    ABSENT,
    ActorView,
    AnalysisStatusView,
    AnalysisView,
    AnalystView,
    AuditView,
    BalanceView,
    BotStatusView,
    CryptoView,
    HealthView,
    InitialView,
    LedgerView,
    MarketStatusView,
    NewsDataView,
    OrderBookView,
    PendingTradeView,
    PositionsView,
    PositionViews,
    PriceView,
    ServerView,
    SourceView,
    TradeView,
    iso,
    seconds,
)
from settings import Settings

TRADES_KEPT = 500
CLOSED_KEPT = 5000
DECISIONS_KEPT = 500
NEWS_KEPT = 500

_NO_STATISTICS = BotStatistics(
    trades_today=0,
    trades_today_by_pair=(),
    total_trades=0,
    winning_trades=0,
    total_profit=ZERO,
    last_trade_ms=(),
    recent_closed=(),
)


@dataclass(slots=True)
class HubState:
    """Newest values by name. `seq` is the newest journal document whose event was handled, in order."""

    settings: Settings
    settings_hash: str  # as it stands in the journal: `settings` may hold the addresses of a simulated world
    source: Source
    banner: str | None
    version: str
    quotes: dict[str, Quote] = field(default_factory=dict)
    tickers: dict[str, Ticker] = field(default_factory=dict)
    books: dict[str, OrderBook] = field(default_factory=dict)
    rules: dict[str, SymbolRules] = field(default_factory=dict)
    market: MarketStatusChanged | None = None
    stale: set[str] = field(default_factory=set)
    account: Account | None = None
    control: Control | None = None
    statistics: BotStatistics = _NO_STATISTICS
    trades: deque[Trade] = field(default_factory=lambda: deque(maxlen=TRADES_KEPT))  # newest first
    trades_known: bool = False  # the broker has told the recent ones
    closed: deque[ClosedTrade] = field(default_factory=lambda: deque(maxlen=CLOSED_KEPT))  # oldest first
    openers: dict[str, OrderSource] = field(default_factory=dict)  # trade id of an exchange exit -> who had opened
    signals: dict[str, Signal] = field(default_factory=dict)
    features: dict[str, Features] = field(default_factory=dict)
    decisions: deque[Decision] = field(default_factory=lambda: deque(maxlen=DECISIONS_KEPT))  # newest first
    proposals: dict[str, TradeProposed] = field(default_factory=dict)
    pair_status: dict[str, str] = field(default_factory=dict)
    pair_until: dict[str, int | None] = field(default_factory=dict)  # until when that lasts, epoch ms
    news: dict[str, NewsItem] = field(default_factory=dict)  # by id, oldest first
    fear_greed: FearGreed | None = None
    news_sources: tuple[NewsSourceStatus, ...] = ()
    analysts: dict[str, AnalystStatus] = field(default_factory=dict)
    actors: dict[str, ActorStatusChanged] = field(default_factory=dict)
    ledger: LedgerAdvanced | None = None
    seq: int = 0
    trade_seq: int = 0  # newest execution told to clients
    _chosen: tuple[Settings, Control, tuple[str, ...], dict[str, object]] | None = None

    # --- what is known -------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether a snapshot would be whole and match the deltas that follow it."""
        return self.account is not None and self.control is not None and self.trades_known and self.settled

    @property
    def settled(self) -> bool:
        """Whether the account is that of the newest event handled."""
        return self.account is not None and self.account.seq >= self.seq

    @property
    def pairs(self) -> tuple[str, ...]:
        return tuple(self.settings.bots.pairs)

    def saw(self, seq: int) -> None:
        """Note a journal event that was handled in order."""
        self.seq = max(self.seq, seq)

    def moved_nothing(self, seq: int) -> None:
        """Note a journal event that leaves the account as it is."""
        if self.account is not None and self.settled and seq > self.account.seq:
            self.account = replace(self.account, seq=seq)
        self.saw(seq)

    def position(self, pair: str) -> Position | None:
        positions = self.account.positions if self.account else ()
        return next((item for item in positions if item.pair == pair), None)

    def add_trade(self, trade: Trade, closed: ClosedTrade | None) -> bool:
        """Take one execution; return whether it is new."""
        if trade.seq <= self.trade_seq:
            return False
        self.trade_seq = trade.seq
        self.trades.appendleft(trade)
        if closed is not None:
            self.closed.append(closed)
            self.openers[trade.trade_id] = closed.source
            while len(self.openers) > CLOSED_KEPT:
                del self.openers[next(iter(self.openers))]
        return True

    def recent(self, told: RecentTrades) -> tuple[Trade, ...]:
        """Take the broker's recent executions; return those that clients have not been told, oldest first."""
        closed = {(item.trade_id, item.closed_ms, item.quantity): item for item in (*self.closed, *told.closed)}
        self.closed = deque(sorted(closed.values(), key=lambda item: item.closed_ms), maxlen=CLOSED_KEPT)
        trades = {trade.seq: trade for trade in (*self.trades, *told.trades)}
        newest_first = sorted(trades.values(), key=lambda trade: trade.seq, reverse=True)
        for trade in newest_first:
            if trade.source is OrderSource.EXCHANGE and (found := self.closed_by(trade)) is not None:
                self.openers[trade.trade_id] = found.source
        self.trades = deque(newest_first, maxlen=TRADES_KEPT)
        missed = tuple(trade for trade in reversed(newest_first) if trade.seq > self.trade_seq)
        first, self.trades_known = not self.trades_known, True
        self.trade_seq = max([self.trade_seq, *(trade.seq for trade in newest_first)])
        return () if first else missed

    def closed_by(self, trade: Trade) -> ClosedTrade | None:
        """Return what an execution closed, where that is known."""
        return next((item for item in self.closed if item.pair == trade.pair and item.closed_ms == trade.ts_ms), None)

    # --- market --------------------------------------------------------------------------------------------------

    def price(self, pair: str) -> PriceView | None:
        quote = self.quotes.get(pair)
        if quote is None:
            return None
        lost = self.market is not None and self.market.state in (MarketState.STALE, MarketState.UNREACHABLE)
        return market_views.price_view(quote, self.tickers.get(pair), stale=lost or pair in self.stale)

    def prices(self) -> dict[str, PriceView]:
        found = ((pair, self.price(pair)) for pair in self.pairs)
        return {pair: view for pair, view in found if view is not None}

    def order_book(self, pair: str, levels: int) -> OrderBookView:
        paper = self.settings.paper
        return market_views.order_book_view(
            pair,
            self.books.get(pair),
            self.rules.get(pair),
            levels=levels,
            taker_fee=paper.taker_fee,
            maker_fee=paper.maker_fee,
            latency_ms=paper.latency_ms,
            fallback_slippage_bps=paper.fallback_slippage_bps,
        )

    def crypto(self, pair: str | None = None) -> dict[str, CryptoView]:
        chosen = self.pairs if pair is None else (pair,)
        return {
            item: market_views.crypto_view(self.quotes[item], self.tickers.get(item))
            for item in chosen
            if item in self.quotes
        }

    def market_status(self) -> MarketStatusView | None:
        told = self.market
        return market_views.market_status_view(told.state, told.message, told.at_ms, None) if told else None

    # --- account -------------------------------------------------------------------------------------------------

    def positions(self) -> PositionViews:
        return account_views.position_views(self.account) if self.account else {}

    def positions_view(self) -> PositionsView | None:
        return account_views.positions_view(self.account) if self.account else None

    def balances(self) -> BalanceView | None:
        return account_views.balance_view(self.account) if self.account else None

    @property
    def cash(self) -> Decimal:
        return self.account.cash if self.account else ZERO

    @property
    def account_seq(self) -> int:
        return self.account.seq if self.account else 0

    @property
    def orders(self) -> tuple[Order, ...]:
        return self.account.orders if self.account else ()

    def trade_view(self, trade: Trade) -> TradeView:
        return account_views.trade_view(trade, self.openers.get(trade.trade_id))

    # --- bots and analysis ---------------------------------------------------------------------------------------

    def bot_status(self, now_ms: int) -> BotStatusView:
        assert self.control is not None and self.account is not None
        return account_views.bot_status_view(
            control=self.control,
            statistics=self.statistics,
            account=self.account,
            pair_status=(states := self.pair_states()),
            config=self._choice()[1],
            now_ms=now_ms,
            pair_until=self._rests(states),
        )

    def _choice(self) -> tuple[tuple[str, ...], dict[str, object]]:
        """Return the enabled pairs and the configuration, worked out once for each settings and control."""
        settings, control = self.settings, self.control
        assert control is not None
        known = self._chosen
        if known is None or known[0] is not settings or known[1] is not control:
            pairs = bot_config.enabled_pairs(settings, control)
            known = self._chosen = (settings, control, pairs, bot_config.shown_config(settings, control))
        return known[2], known[3]

    def pair_states(self) -> dict[str, str]:
        enabled = self._choice()[0]
        return {pair: self._pair_state(pair) if pair in enabled else "disabled" for pair in self.pairs}

    def _rests(self, states: Mapping[str, str]) -> dict[str, int]:
        """Return until when pairs rest, epoch ms, where that is known."""
        told = ((pair, self.pair_until.get(pair)) for pair, state in states.items() if state in ("cooldown", "paused"))
        return {pair: until for pair, until in told if until is not None}

    def _pair_state(self, pair: str) -> str:
        position = self.position(pair)
        if position is not None and position.source is OrderSource.BOT:
            return "in_trade"
        told = self.pair_status.get(pair, "idle")
        return "idle" if told in ("in_trade", "disabled") else told

    def analysis_status(self) -> AnalysisStatusView:
        assert self.control is not None
        since = self.control.analysis_since_ms if self.control.analysis else None
        return AnalysisStatusView(
            enabled=self.control.analysis,
            start_time=None if since is None else seconds(since),
            target_pairs=self._choice()[0],
            interval_seconds=self.settings.analysis.interval_seconds,
            analysts=tuple(self.settings.analysts),
        )

    def analysis(self, pair: str) -> AnalysisView | None:
        signal = self.signals.get(pair)
        return analysis_views.analysis_view(signal, self.features.get(pair)) if signal else None

    def analyses(self, pairs: tuple[str, ...] | None = None) -> dict[str, object]:
        """Return the newest analysis of each of these pairs (None: of all) that has one."""
        found = ((pair, self.analysis(pair)) for pair in (self.pairs if pairs is None else pairs))
        return {pair: view for pair, view in found if view is not None}

    def pending_trades(self, now_ms: int) -> tuple[PendingTradeView, ...]:
        return tuple(
            analysis_views.pending_trade_view(item, self.analysis(item.pair), now_ms)
            for item in self.proposals.values()
            if item.wait_until_ms > now_ms
        )

    def analyst_views(self) -> tuple[AnalystView, ...]:
        known = [name for name in self.settings.analysts if name in self.analysts]
        return tuple(analysis_views.analyst_view(self.analysts[name]) for name in known)

    # --- news ----------------------------------------------------------------------------------------------------

    def add_news(self, items: tuple[NewsItem, ...]) -> tuple[NewsItem, ...]:
        """Take stories; return those not known yet."""
        new = tuple(item for item in items if item.item_id not in self.news)
        self.news.update((item.item_id, item) for item in new)
        while len(self.news) > NEWS_KEPT:
            del self.news[next(iter(self.news))]
        return new

    def stories(self, *, limit: int, pair: str | None = None) -> tuple[NewsItem, ...]:
        """Return the newest stories first."""
        chosen = [item for item in self.news.values() if pair is None or pair in item.pairs]
        return tuple(sorted(chosen, key=lambda item: item.published_ms, reverse=True)[:limit])

    def news_data(self, *, limit: int, pair: str | None, now_ms: int) -> NewsDataView:
        stories = self.stories(limit=limit, pair=pair)
        pairs = self.pairs if pair is None else (pair,)
        by_symbol = {
            item: analysis_views.pair_news_view(item, [story for story in stories if item in story.pairs], now_ms)
            for item in pairs
        }
        return NewsDataView(
            news=tuple(analysis_views.news_item_view(item) for item in stories),
            by_symbol=by_symbol,
            fear_greed=analysis_views.fear_greed_view(self.fear_greed) if self.fear_greed else None,
            cryptopanic_news=by_symbol,
            grok_news={},
        )

    # --- the desk ------------------------------------------------------------------------------------------------

    def ledger_view(self) -> LedgerView:
        told = self.ledger
        return LedgerView(
            seq=self.seq,
            hash=told.hash if told is not None and told.seq == self.seq else None,
            available=told.available if told else self.account is not None and self.account.ledger_available,
            read_only=told.read_only if told else False,
            message=told.message if told else "",
        )

    def figures(self, now_ms: int) -> PublicFigures:
        """Return what the metrics show of the desk."""
        ages = ((pair, max(0, now_ms - quote.event_ms) / 1000) for pair, quote in self.quotes.items())
        return PublicFigures(
            analysts=tuple(self.analysts.values()),
            staleness_seconds=tuple(ages),
            ledger_seq=self.seq,
            ledger_available=self.ledger_view().available,
            news_sources=self.news_sources,
        )

    def source_view(self) -> SourceView:
        return SourceView(kind=self.source.value, banner=self.banner or ABSENT)

    def health(self, audited: Audited | None = None) -> HealthView:
        return HealthView(
            actors={name: _actor_view(item, listed=True) for name, item in sorted(self.actors.items())},
            market=self.market_status(),
            ledger=self.ledger_view(),
            source=self.source_view(),
            news=tuple(analysis_views.news_source_view(source) for source in self.news_sources),
            audit=None if audited is None else _audit_view(audited),
            stale=tuple(pair for pair, view in self.prices().items() if view.stale is True),
        )

    def initial_data(self, now_ms: int) -> InitialView:
        """Return the whole snapshot. Only when `ready`."""
        assert self.account is not None
        insights = {pair: analysis_views.insights_view(signal) for pair, signal in self.signals.items()}
        return InitialView(
            paper_balance=self.account.cash,
            equity=self.account.equity,
            positions=self.positions(),
            recent_trades=tuple(self.trade_view(trade) for trade in list(self.trades)[:50]),
            price_cache=self.prices(),
            crypto_data=self.crypto(),
            ai_insights=insights or None,
            bot_status=self.bot_status(now_ms),
            analysis_status=self.analysis_status(),
            orders=tuple(account_views.order_view(order) for order in self.account.orders),
            news=tuple(analysis_views.news_item_view(item) for item in self.stories(limit=20)),
            analysts=self.analyst_views(),
            source=self.source_view(),
            server=ServerView(version=self.version, time=iso(now_ms), settings_hash=self.settings_hash),
            ledger=self.ledger_view(),
            market_status=self.market_status(),
            balances=self.balances(),
            pending_trades=self.pending_trades(now_ms),
            intervals=tuple(self.settings.market.intervals),
        )


def _actor_view(told: ActorStatusChanged, *, listed: bool) -> ActorView:
    error = told.error or ABSENT
    return ActorView(
        name=told.name,
        state=told.state,
        restarts=told.restarts,
        mailbox=told.mailbox,
        error=ABSENT if listed else error,
        last_error=error if listed else ABSENT,
    )


def _audit_view(audited: Audited) -> AuditView:
    return AuditView(
        timestamp=audited.at_ms,
        time=iso(audited.at_ms),
        seq=audited.seq,
        documents=audited.documents,
        whole=audited.whole,
        clean=audited.clean,
        finding=audited.finding,
    )


def actor_view(told: ActorStatusChanged) -> ActorView:
    """Return an actor as `actor_status` shows it."""
    return _actor_view(told, listed=False)


def by_symbol(name: str, entries: Mapping[str, object]) -> dict[str, object]:
    """Return entries both under their name and at the top level by symbol, as older clients expect."""
    return {**entries, name: dict(entries)}
