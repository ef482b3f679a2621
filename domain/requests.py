"""What a client may ask of the hub, checked and typed: one frozen value per client message of the protocol.

`KINDS` names the message type of each. Symbols are upper-case pairs; whether the desk knows them is the hub's to say.
"""

from dataclasses import dataclass
from decimal import Decimal

from domain.trading import OrderType, Side

ConfigValue = bool | int | str | Decimal | None | tuple["ConfigValue", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPositions:
    """All open positions with balance and equity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBalance:
    """Balance, equity and what is bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetTradeHistory:
    """Executions, newest first."""

    limit: int = 50
    symbol: str | None = None
    before_ms: int | None = None  # only trades earlier than this


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCryptoData:
    """24 h figures of one pair, or of all."""

    symbol: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCandles:
    """Newest candles of one series, oldest first."""

    symbol: str
    interval: str
    limit: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOrderBook:
    """The newest order book of one pair and the terms on which an order would be filled."""

    symbol: str
    limit: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteTrade:
    """A manual order (`execute_trade` and `paper_trade`). Exactly one of `amount` and `value_usdt` is given."""

    symbol: str
    side: Side
    order_type: OrderType = OrderType.MARKET
    amount: Decimal | None = None  # base, > 0
    value_usdt: Decimal | None = None  # quote, > 0
    price: Decimal | None = None  # the limit, or a stop's trigger; a hint for market orders
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    leverage: int = 1
    trade_id: str | None = None  # the client's idempotency key


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Take back a resting order."""

    order_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetOrders:
    """All resting orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePosition:
    """Close a share of a position at market."""

    symbol: str
    fraction: Decimal = Decimal(1)  # 0 < fraction <= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePosition:
    """Set or remove the stop and target of a position; at least one of the four is given."""

    symbol: str
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    remove_stop_loss: bool = False
    remove_take_profit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StartBot:
    """Switch trading (and analysis) on; `config` as dotted key and raw value, not checked yet."""

    config: tuple[tuple[str, ConfigValue], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StopBot:
    """Switch trading off; analysis goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBotStatus:
    """The bots' state and result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBotConfig:
    """The bot settings in force, of one pair or the defaults."""

    symbol: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateBotConfig:
    """Change bot settings, of one pair or the defaults; `config` as in StartBot."""

    config: tuple[tuple[str, ConfigValue], ...] = ()
    symbol: str | None = None
    reset: tuple[str, ...] = ()  # dotted keys: what operators changed of them is forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAnalysis:
    """Switch analysis on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAnalysis:
    """Switch analysis off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAnalysisStatus:
    """Whether analysis runs, and on what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAiAnalysis:
    """The newest analysis of one pair."""

    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAllAiAnalysis:
    """The newest analysis of these pairs; None: of all."""

    symbols: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAiOpportunities:
    """Fresh signals of at least this confidence."""

    min_confidence: Decimal = Decimal("0.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPendingTrades:
    """Trades that wait for an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptTrade:
    """Let a waiting trade be made, of another size if given."""

    symbol: str
    usdt_amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectTrade:
    """Drop a waiting trade."""

    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GetNewsData:
    """Newest stories, of one pair or all."""

    symbol: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GetAnalysts:
    """All analysts with state, cost and skill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetDecisions:
    """Decisions, newest first; `gate` and `outcome` choose among them."""

    symbol: str | None = None
    limit: int = 50
    before_ms: int | None = None
    gate: str | None = None  # the one that stopped it
    outcome: str | None = None  # traded | blocked
    features: bool = True  # with all that the analysts were shown


@dataclass(frozen=True, slots=True, kw_only=True)
class GetEquityCurve:
    """Equity over time, oldest first, thinned to `points`."""

    from_ms: int | None = None
    to_ms: int | None = None
    points: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStatistics:
    """Performance figures of the live account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetHealth:
    """State of all actors, the market and the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLogs:
    """The newest lines of the desk's log, oldest first."""

    limit: int = 100
    after: int = 0  # only lines of a greater number
    level: str = "DEBUG"  # and of at least this level


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """Choose what is delivered; the session answers it, the hub never sees it."""

    topics: tuple[str, ...] | None = None
    symbols: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe:
    """Drop what is delivered; the session answers it, the hub never sees it."""

    topics: tuple[str, ...] | None = None
    symbols: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadSettings:
    """Read settings.yaml anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PingServer:
    """Answered with pong by the session; the hub never sees it."""

    timestamp: Decimal | int | str | None = None


Request = (
    GetPositions
    | GetBalance
    | GetTradeHistory
    | GetCryptoData
    | GetCandles
    | GetOrderBook
    | ExecuteTrade
    | CancelOrder
    | GetOrders
    | ClosePosition
    | UpdatePosition
    | StartBot
    | StopBot
    | GetBotStatus
    | GetBotConfig
    | UpdateBotConfig
    | StartAnalysis
    | StopAnalysis
    | GetAnalysisStatus
    | GetAiAnalysis
    | GetAllAiAnalysis
    | GetAiOpportunities
    | GetPendingTrades
    | AcceptTrade
    | RejectTrade
    | GetNewsData
    | GetAnalysts
    | GetDecisions
    | GetEquityCurve
    | GetStatistics
    | GetHealth
    | GetLogs
    | Subscribe
    | Unsubscribe
    | ReloadSettings
    | PingServer
)

KINDS: dict[str, type[Request]] = {
    "get_positions": GetPositions,
    "get_balance": GetBalance,
    "get_trade_history": GetTradeHistory,
    "get_crypto_data": GetCryptoData,
    "get_candles": GetCandles,
    "get_order_book": GetOrderBook,
    "execute_trade": ExecuteTrade,
    "paper_trade": ExecuteTrade,
    "cancel_order": CancelOrder,
    "get_orders": GetOrders,
    "close_position": ClosePosition,
    "update_position": UpdatePosition,
    "start_bot": StartBot,
    "stop_bot": StopBot,
    "get_bot_status": GetBotStatus,
    "get_bot_config": GetBotConfig,
    "update_bot_config": UpdateBotConfig,
    "start_analysis": StartAnalysis,
    "stop_analysis": StopAnalysis,
    "get_analysis_status": GetAnalysisStatus,
    "get_ai_analysis": GetAiAnalysis,
    "get_all_ai_analysis": GetAllAiAnalysis,
    "get_ai_opportunities": GetAiOpportunities,
    "get_pending_trades": GetPendingTrades,
    "accept_trade": AcceptTrade,
    "reject_trade": RejectTrade,
    "get_news_data": GetNewsData,
    "get_analysts": GetAnalysts,
    "get_decisions": GetDecisions,
    "get_equity_curve": GetEquityCurve,
    "get_statistics": GetStatistics,
    "get_health": GetHealth,
    "get_logs": GetLogs,
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "reload_settings": ReloadSettings,
    "ping": PingServer,
}

READING = frozenset(kind for kind in KINDS if kind.startswith("get_")) | {"subscribe", "unsubscribe", "ping"}
"""What a viewer may send; everything else is a command and needs the operator's role."""
