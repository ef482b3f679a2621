"""What clients are shown: the data of every server message, as frozen values with exact numbers.

Money, prices and quantities are Decimals; a field that is ABSENT is left out of the frame, None is written as null.
`timestamp` is epoch seconds where prices and trades stand, epoch milliseconds in logs; `time` is ISO 8601 UTC.
The names of the fields are the protocol's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum

from domain.analysis import CalibrationBin
from domain.savings import Saving


class Absent(Enum):
    """Marks an optional field that is left out."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


def iso(ms: int) -> str:
    """Return epoch milliseconds as ISO 8601 UTC with milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(ms: int) -> Decimal:
    """Return epoch milliseconds as exact epoch seconds."""
    return Decimal(ms).scaleb(-3)


# --- market ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceView:
    """`price_update`, and an entry of `price_cache`."""

    symbol: str
    price: Decimal
    bid: Decimal | None
    ask: Decimal | None
    change_24h: Decimal  # percent
    volume: Decimal  # base, 24 h; the same as volume_24h, under the name the original frontend reads
    volume_24h: Decimal
    high_24h: Decimal
    low_24h: Decimal
    market_cap: int
    timestamp: Decimal  # epoch seconds
    time: str
    stale: bool | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoView:
    """An entry of `crypto_data`. What the exchange does not give is 0, never invented."""

    id: str
    symbol: str  # the pair
    name: str
    image: str
    current_price: Decimal
    market_cap: int
    market_cap_rank: int
    total_volume: Decimal
    volume_24h: Decimal
    high_24h: Decimal
    low_24h: Decimal
    price_change_24h: Decimal
    price_change_percentage_24h: Decimal
    circulating_supply: int
    last_updated: str


CandleRow = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]  # t_ms, open, high, low, close, volume


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleView:
    """`candle_update`."""

    symbol: str
    interval: str
    candle: CandleRow
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBookView:
    """`order_book_response`: best levels first, (price, quantity in base) each, and the terms of the paper exchange.

    Without a known book there are no levels, and fills slip by `fallback_slippage_bps`. A limit of 0 is none.
    """

    symbol: str
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    timestamp: int | None  # ms, when the book was received
    time: str | None
    taker_fee: Decimal  # fraction of the value
    maker_fee: Decimal
    latency_ms: int  # from the order to the exchange
    fallback_slippage_bps: Decimal
    tick_size: Decimal | None  # step of prices; None until the exchange has said it
    step_size: Decimal | None  # step of quantities, base
    min_quantity: Decimal | None
    min_notional: Decimal | None  # quote


@dataclass(frozen=True, slots=True, kw_only=True)
class CandlesView:
    """`candles_response`."""

    symbol: str
    interval: str
    candles: tuple[CandleRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketStatusView:
    """`market_status`; `symbol` where only one pair is concerned."""

    state: str
    message: str
    timestamp: int  # ms
    time: str
    symbol: str | Absent = ABSENT


# --- account --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """One open position."""

    symbol: str
    direction: str  # long | short
    amount: Decimal
    entry_price: Decimal
    avg_price: Decimal
    current_price: Decimal
    margin: Decimal
    leverage: int
    unrealized_pnl: Decimal
    pnl_percent: Decimal  # of the notional at entry
    value: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    trailing_stop: Decimal | None  # None until it is armed
    liquidation_price: Decimal | None
    opened_at: str
    source: str


PositionViews = Mapping[str, PositionView]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeView:
    """One execution."""

    trade_id: str
    order_id: str
    symbol: str
    direction: str  # BUY | SELL
    side: str  # buy | sell
    amount: Decimal
    price: Decimal
    value: Decimal
    fee: Decimal
    pnl: Decimal
    timestamp: Decimal
    time: str
    trade_type: str  # MANUAL | BOT
    status: str
    order_type: str
    reason: str
    fill_model: str
    catch_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderView:
    """One order as the exchange holds it."""

    order_id: str
    symbol: str
    side: str
    order_type: str
    amount: Decimal
    filled: Decimal
    price: Decimal | None
    status: str
    reduce_only: bool
    source: str
    created_at: str
    trigger_price: Decimal | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsView:
    """`positions_response` and `position_update`."""

    balance: Decimal
    equity: Decimal
    positions: PositionViews


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceView:
    """`balance_update`."""

    balance: Decimal
    equity: Decimal
    held: Decimal
    margin: Decimal
    unrealized_pnl: Decimal
    realized_pnl_today: Decimal
    fees_today: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TradesView:
    """`trade_history_response`."""

    trades: tuple[TradeView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersView:
    """`orders_response`."""

    orders: tuple[OrderView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOrderView:
    """`order_accepted`, `order_cancelled` and `order_update`."""

    order: OrderView


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeExecutedView:
    """`trade_executed`."""

    trade: TradeView
    new_balance: Decimal
    positions: PositionViews


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionClosedView:
    """`position_closed`."""

    trade: TradeView
    new_balance: Decimal
    positions: PositionViews
    realized_pnl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTradeView:
    """`paper_trade_response`."""

    success: bool
    message: str
    trade_data: TradeView | OrderView
    new_balance: Decimal


# --- bots -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStatusView:
    """`bot_status_update` and `bot_status_response`."""

    enabled: bool
    start_time: Decimal | None
    running_duration: int  # seconds
    active_trades: int
    trades_today: int
    total_trades: int
    winning_trades: int
    win_rate: Decimal  # 0..100
    total_profit: Decimal
    pair_status: Mapping[str, str]  # by pair: idle, in_trade, cooldown, paused or disabled
    config: Mapping[str, object]  # the bot settings in force
    pair_until: Mapping[str, int] = field(default_factory=dict)  # by pair in cooldown or paused: until when, epoch ms


@dataclass(frozen=True, slots=True, kw_only=True)
class BotTradeData:
    """What a bot opened."""

    symbol: str
    direction: str  # LONG | SHORT
    price: Decimal
    amount: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    confidence_score: Decimal
    trade_id: str
    decision_id: str | None
    timestamp: Decimal
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotTradeExecutedView:
    """`bot_trade_executed`."""

    symbol: str
    trade_data: BotTradeData
    trade: TradeView
    new_balance: Decimal
    positions: PositionViews
    bot_status: BotStatusView


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRecord:
    """What closing (a part of) a position came to."""

    trade_id: str
    symbol: str
    direction: str  # LONG | SHORT
    entry_price: Decimal
    exit_price: Decimal
    quantity: Decimal
    profit_loss: Decimal  # net of fees
    profit_loss_percent: Decimal  # of the notional at entry
    fees: Decimal
    exit_reason: str
    entry_time: str
    exit_time: str
    hold_duration: Decimal  # seconds
    confidence_score: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BotTradeClosedView:
    """`bot_trade_closed`."""

    symbol: str
    trade_record: TradeRecord
    trade: TradeView
    new_balance: Decimal
    positions: PositionViews
    bot_status: BotStatusView


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeView:
    """What became of a command: `start_bot_response`, `stop_bot_response`, `start_analysis_response` and the like."""

    success: bool
    message: str
    config: Mapping[str, object] | Absent = ABSENT
    error: str | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class BotFieldView:
    """What one setting of a bot may be."""

    key: str  # dotted
    kind: str  # flag | choice | whole | number
    default: bool | int | str | Decimal  # where settings.yaml says nothing
    low: Decimal | Absent = ABSENT  # of a number, both ends included
    high: Decimal | Absent = ABSENT
    choices: tuple[str, ...] | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class BotConfigView:
    """`bot_config_response`."""

    config: Mapping[str, object]
    symbol: str | None
    base: Mapping[str, object] = field(default_factory=dict)  # the same as settings.yaml has it
    changed: tuple[str, ...] = ()  # dotted keys that operators changed, of this pair or for all
    fields: tuple[BotFieldView, ...] = ()


# --- analysis -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionView:
    """One analyst's view, inside `ai_insights` and analyses."""

    analyst: str
    model: str
    symbol: str
    action: str
    confidence_score: float
    sentiment: float
    horizon_minutes: int
    stop_loss: Decimal | None
    take_profit: Decimal | None
    risk_level: str
    reasoning: str
    price: Decimal
    cost_usd: Decimal
    latency_ms: int
    timestamp: int
    time: str
    age_ms: int | Absent = ABSENT  # when it was combined, in a decision


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalView:
    """The combined signal."""

    symbol: str
    action: str
    score: float
    confidence_score: float
    agreed: bool
    opinions: int
    abstentions: Mapping[str, str]  # analyst -> why
    weights: Mapping[str, Decimal]  # analyst -> weight of its vote
    timestamp: int
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationView:
    """What one view of the market comes to."""

    action: str  # BUY | SELL | HOLD
    reasoning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaudeView:
    """What older clients show as the first model's view; `analyst` says whose it is."""

    sentiment: str  # bullish | bearish | neutral
    bias: str  # bullish | bearish | neutral
    confidence: float  # 0..1
    recommendation: RecommendationView
    analyst: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinementView:
    """What older clients show as the second model's summary; `analyst` says whose it is."""

    summary: str
    risk_level: str  # low | medium | high
    timeframe: str
    analyst: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """What older clients show as the second model's plan; `analyst` says whose it is."""

    direction: str  # LONG | SHORT | HOLD
    confidence_score: float  # 0..1
    entry_price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    analyst: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDataView:
    """The price and the indicators of one interval that an analysis is of."""

    price: Decimal | None
    indicators: Mapping[str, float | None]  # by name, as RSI_14
    interval: str | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightsView:
    """`ai_insights`."""

    symbol: str
    claude_analysis: ClaudeView
    gpt_refinement: RefinementView
    opinions: tuple[OpinionView, ...]
    signal: SignalView
    timestamp: int
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisView:
    """`ai_analysis_response`, and an entry of the maps of analyses and opportunities."""

    symbol: str
    action: str
    direction: str
    confidence_score: float
    market_data: MarketDataView
    claude_analysis: ClaudeView
    gpt_analysis: PlanView
    opinions: tuple[OpinionView, ...]
    signal: SignalView
    timestamp: int
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnalysisView:
    """`ai_analysis_response` where there is none yet; of `all_ai_analysis_response` where there can be none."""

    symbol: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisStatusView:
    """`analysis_status_response`, and a part of `initial_data`."""

    enabled: bool
    start_time: Decimal | None
    target_pairs: tuple[str, ...]
    interval_seconds: int
    analysts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisProgressView:
    """`analysis_status`: `started` or `stopped`, or one step of one pair."""

    status: str
    message: str
    timestamp: Decimal
    time: str
    symbol: str | Absent = ABSENT
    step: str | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisLogView:
    """`analysis_log`."""

    timestamp: int  # ms
    time: str
    level: str  # info | high | warning | error
    symbol: str
    message: str
    action: str | None
    confidence_score: float | None
    reasoning: str
    entry_price: Decimal | None
    take_profit: Decimal | None
    stop_loss: Decimal | None
    source: str
    cost_usd: Decimal | Absent = ABSENT
    latency_ms: int | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeLogView:
    """`trade_log`."""

    timestamp: int  # ms
    time: str
    level: str  # success | info | warning
    symbol: str
    message: str
    action: str | Absent = ABSENT
    profit: Decimal | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunityView:
    """`ai_opportunity_alert`."""

    symbol: str
    analysis: AnalysisView
    confidence_score: float
    direction: str
    status: str  # pending_approval | executed | blocked
    timestamp: int
    time: str
    wait_until: str | Absent = ABSENT
    gate: str | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """One gate of one decision."""

    gate: str
    value: str
    limit: str
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """`decision`, and an item of `decisions_response`; only there with the features."""

    id: str
    symbol: str
    time: str
    timestamp: int  # ms
    outcome: str  # traded | blocked
    explanation: str
    checks: tuple[CheckView, ...]
    signal: SignalView | None
    opinions: tuple[OpinionView, ...]
    price: Decimal | None
    order_id: str | None
    settings_hash: str
    gate: str | Absent = ABSENT
    features: Mapping[str, object] | Absent = ABSENT  # all that the analysts were shown, as stored


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionsView:
    """`decisions_response`."""

    decisions: tuple[DecisionView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingTradeView:
    """An item of `pending_trades_response`."""

    symbol: str
    confidence_score: float
    direction: str
    status: str
    detected_time: str
    wait_until: str
    remaining_seconds: int
    remaining_minutes: float
    price: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    decision_id: str
    analysis: AnalysisView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalAnswerView:
    """`trade_accepted` and `trade_rejected`."""

    success: bool
    symbol: str
    message: str
    new_balance: Decimal
    trade_details: PendingTradeView | None
    error: str | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonView:
    """An analyst's hit rate after one fixed horizon."""

    horizon: str
    settled: int
    hit_rate: float | None
    hit_rate_interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NullEquityView:
    """What the null twins of an analyst would have: a coin at its moments, nobody, and who buys and holds."""

    random: Decimal
    hold: Decimal
    buy_and_hold: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystView:
    """`analyst_update`, and an item of `analysts_response`."""

    name: str
    model: str
    role: str
    state: str
    reason: str | None
    weight: Decimal
    opinions: int
    abstentions: int
    cost_today_usd: Decimal
    budget_usd: Decimal
    latency_ms: int | None
    calls: int  # on this UTC day
    cached_tokens: int
    saved: tuple[Saving, ...]  # questions that no call was made for
    hit_rate: float | None
    brier: float | None
    calibration: tuple[CalibrationBin, ...]
    shadow_equity: Decimal | None
    settled: int  # BUY and SELL that the scores count
    hit_rate_interval: tuple[float, float] | None  # 95 %
    log_score: float | None
    mean_net_return: float | None  # fraction of the notional
    verdict: str  # too_few | skilled | not_shown | worse_than_chance
    skill: Decimal  # factor within `weight`
    horizons: tuple[HorizonView, ...]
    null_equity: NullEquityView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystsView:
    """`analysts_response`."""

    analysts: tuple[AnalystView, ...]


# --- news -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsItemView:
    """One story."""

    id: str
    title: str
    summary: str
    url: str
    source: str
    symbols: tuple[str, ...]
    sentiment: float
    label: str
    published_at: str
    timestamp: int  # ms


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsUpdateView:
    """`news_update`."""

    items: tuple[NewsItemView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadlineView:
    """One story in the older shape."""

    title: str
    summary: str
    sentiment: str
    relevance_score: int  # 0..10
    source: str
    timestamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairNewsView:
    """The stories of one pair, in the older shape."""

    symbol: str
    news_count: int
    headlines: tuple[HeadlineView, ...]
    overall_sentiment: float  # -1..1
    sentiment_label: str
    search_queries_used: tuple[str, ...]
    timestamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FearGreedView:
    """The mood index."""

    value: int
    label: str
    timestamp: int
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsDataView:
    """`news_data_response`; `cryptopanic_news` and `grok_news` are where older clients look."""

    news: tuple[NewsItemView, ...]
    by_symbol: Mapping[str, PairNewsView]
    fear_greed: FearGreedView | None
    cryptopanic_news: Mapping[str, PairNewsView]
    grok_news: Mapping[str, PairNewsView]


# --- the desk -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorView:
    """`actor_status`, and an entry of `health`."""

    name: str
    state: str
    restarts: int
    mailbox: int
    error: str | Absent = ABSENT
    last_error: str | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """Where prices come from."""

    kind: str
    banner: str | Absent = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerView:
    """Who speaks, and to whom."""

    version: str
    time: str
    settings_hash: str
    role: str = "operator"  # operator | viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerView:
    """The head of the journal; `hash` None where it is not known for this `seq` yet."""

    seq: int
    hash: str | None
    available: bool
    read_only: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditView:
    """The newest audit of the journal, in `health`."""

    timestamp: int  # ms
    time: str
    seq: int  # of the last document that was audited
    documents: int  # audited this time
    whole: bool  # from the first document; else what was new
    clean: bool
    finding: str  # empty while nothing is wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsSourceView:
    """A source of news or mood in `health`."""

    source: str
    state: str  # starting | ok | failing | disabled
    detail: str
    last_ok: int | None  # ms
    next_try: int | None  # ms
    stories: int
    repeats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthView:
    """`health`."""

    actors: Mapping[str, ActorView]
    market: MarketStatusView | None
    ledger: LedgerView
    source: SourceView
    news: tuple[NewsSourceView, ...] = ()
    audit: AuditView | None = None  # None before the first
    stale: tuple[str, ...] = ()  # pairs whose prices are too old


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLineView:
    """One line of the desk's log."""

    number: int  # counts up from the start of the process
    timestamp: int  # ms
    time: str
    level: str  # DEBUG | INFO | WARNING | ERROR | CRITICAL
    logger: str  # who wrote it, such as actors.bot-BTCUSDT
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsView:
    """`logs_response`."""

    lines: tuple[LogLineView, ...]  # oldest first


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """`alert`."""

    level: str
    code: str
    message: str
    timestamp: int  # ms
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsReloadedView:
    """`settings_reloaded`."""

    changed: tuple[str, ...]
    hash: str
    restart_required: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribedView:
    """`subscribed`: all that the session gets now."""

    topics: tuple[str, ...]
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    """`error`."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityCurveView:
    """`equity_curve_response`."""

    points: tuple[tuple[int, Decimal, Decimal], ...]  # t_ms, equity, cash


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialView:
    """`initial_data`: the first frame of a session."""

    paper_balance: Decimal
    equity: Decimal
    positions: PositionViews
    recent_trades: tuple[TradeView, ...]
    price_cache: Mapping[str, PriceView]
    crypto_data: Mapping[str, CryptoView]
    ai_insights: Mapping[str, InsightsView] | None
    bot_status: BotStatusView
    analysis_status: AnalysisStatusView
    orders: tuple[OrderView, ...]
    news: tuple[NewsItemView, ...]
    analysts: tuple[AnalystView, ...]
    source: SourceView
    server: ServerView
    ledger: LedgerView
    market_status: MarketStatusView | None = None
    balances: BalanceView | None = None
    pending_trades: tuple[PendingTradeView, ...] = field(default=())
    intervals: tuple[str, ...] = field(default=())  # of the candle series that are kept


TOPICS = (
    "initial_data",
    "price_update",
    "candle_update",
    "position_update",
    "balance_update",
    "trade_executed",
    "position_closed",
    "order_update",
    "bot_trade_executed",
    "bot_trade_closed",
    "bot_status_update",
    "bot_status_response",
    "analysis_status",
    "analysis_log",
    "trade_log",
    "ai_insights",
    "ai_opportunity_alert",
    "decision",
    "news_update",
    "analyst_update",
    "actor_status",
    "market_status",
    "alert",
    "settings_reloaded",
)
"""The messages a session can subscribe to. Replies and `initial_data` come whatever it chose."""
