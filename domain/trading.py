"""Orders, fills, positions and the account as values. Money, prices and quantities are Decimals."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1


class Direction(StrEnum):
    LONG = "long"
    SHORT = "short"

    @property
    def side(self) -> Side:
        """The side of the order that opens this direction."""
        return Side.BUY if self is Direction.LONG else Side.SELL

    @property
    def sign(self) -> int:
        return 1 if self is Direction.LONG else -1


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


class OrderSource(StrEnum):
    BOT = "bot"
    MANUAL = "manual"
    EXCHANGE = "exchange"  # stops, targets, trailing stops and liquidations of the exchange itself


class OrderStatus(StrEnum):
    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class FillModel(StrEnum):
    """How a fill's price was found."""

    BOOK20 = "book20"
    TOP = "top"
    FALLBACK = "fallback"
    CANDLE = "candle"
    TRADE = "trade"


class Reason(StrEnum):
    """Why an order was made, where it was not simply asked for."""

    ENTRY = "entry"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"
    TIMEOUT = "timeout"
    SIGNAL_REVERSAL = "signal_reversal"
    MANUAL = "manual"
    LIQUIDATION = "liquidation"
    RUN_TIME_OVER = "run_time_over"


class Refusal(StrEnum):
    """Why the desk refuses an order. The values are PROTOCOL's error codes."""

    BAD_MESSAGE = "bad_message"
    UNKNOWN_SYMBOL = "unknown_symbol"
    NO_PRICE = "no_price"
    STALE_PRICE = "stale_price"
    UNKNOWN_ORDER = "unknown_order"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    FILTER_FAILURE = "filter_failure"
    SLIPPAGE_EXCEEDED = "slippage_exceeded"
    NO_POSITION = "no_position"
    PAIR_DISABLED = "pair_disabled"
    DUPLICATE_ORDER = "duplicate_order"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    NOT_PENDING = "not_pending"
    INTERNAL = "internal"  # the desk failed while it handled the command


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailing:
    """A trailing stop: once the best price since entry moved `trigger` in favour, the stop follows at `distance`."""

    trigger: Decimal  # quote per base, distance from the entry price, >= 0
    distance: Decimal  # quote per base, > 0
    best_price: Decimal | None = None  # best trade price seen since entry
    stop: Decimal | None = None  # the level now armed, None before the trigger


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketEvent:
    """What a fill was made from."""

    kind: str  # book | trade | candle | last
    id: int  # update id, trade id or open time
    ts_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A wish to trade, as the exchange holds it."""

    order_id: str
    pair: str
    side: Side
    order_type: OrderType
    quantity: Decimal  # base, on the lot grid
    filled: Decimal
    status: OrderStatus
    reduce_only: bool
    source: OrderSource
    leverage: int
    created_ms: int
    reason: Reason
    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    stop_loss: Decimal | None = None  # protection of the position this order opens
    take_profit: Decimal | None = None
    trailing: Trailing | None = None
    held: Decimal = Decimal(0)  # cash held for a resting order, quote
    decision_id: str | None = None
    confidence: Decimal | None = None
    max_slippage_bps: Decimal | None = None  # refuse or stop walking beyond this distance from the best price


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The one net holding of a pair."""

    pair: str
    direction: Direction
    quantity: Decimal  # base, > 0
    entry_price: Decimal  # mean, quote per base
    cost: Decimal  # notional at entry of what is still open, quote
    margin: Decimal  # quote
    leverage: int
    opened_ms: int
    source: OrderSource  # who opened it
    trade_id: str  # the order that opened it
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    trailing: Trailing | None = None
    entry_fee: Decimal = Decimal(0)  # fees paid for what is still open, quote
    decision_id: str | None = None
    confidence: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One execution of ours: one or more levels of one book, at their mean price."""

    trade_id: str  # the order's id for its first execution, then `<order_id>:2` ...
    order_id: str
    seq: int  # of its journal document
    pair: str
    side: Side
    quantity: Decimal
    price: Decimal
    notional: Decimal
    fee: Decimal
    realized_pnl: Decimal  # gross of fees; 0 for what opens
    ts_ms: int
    order_type: OrderType
    source: OrderSource
    reason: Reason
    fill_model: FillModel
    liquidity: str  # taker | maker
    catch_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTrade:
    """What closing (a part of) a position came to."""

    trade_id: str  # of the opening order
    pair: str
    direction: Direction
    entry_price: Decimal
    exit_price: Decimal
    quantity: Decimal
    realized_pnl: Decimal  # gross, quote
    fees: Decimal  # share of the entry fee plus the exit fee, quote
    reason: Reason
    opened_ms: int
    closed_ms: int
    source: OrderSource  # who opened it
    confidence: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The whole account after journal event `seq`, marked to the newest prices."""

    seq: int
    ts_ms: int
    cash: Decimal  # free, quote
    held: Decimal
    margin: Decimal
    unrealized_pnl: Decimal
    equity: Decimal  # cash + held + margin + unrealized_pnl
    realized_pnl_today: Decimal  # UTC day, gross
    fees_today: Decimal
    positions: tuple[Position, ...]
    marks: tuple[tuple[str, Decimal], ...]  # (pair, mark price) of the open positions: last trade price
    orders: tuple[Order, ...]  # open ones
    ledger_available: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStatistics:
    """What bots did so far, from the journal."""

    trades_today: int  # bot entries of this UTC day, all pairs
    trades_today_by_pair: tuple[tuple[str, int], ...]
    total_trades: int  # closed bot trades
    winning_trades: int
    total_profit: Decimal  # net of fees, quote
    last_trade_ms: tuple[tuple[str, int], ...]  # per pair, newest bot entry or exit
    recent_closed: tuple[ClosedTrade, ...]  # of the last 48 h, oldest first: for the protections


Scalar = bool | int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What operators switched: kept in the journal, resumed after a restart.

    `defaults` and `pairs` are changes over settings.yaml, as (key, value) with fractions written as text;
    a key may be dotted (`protections.stoploss_guard.trades`).
    """

    trading: bool
    trading_since_ms: int | None
    analysis: bool
    analysis_since_ms: int | None
    defaults: tuple[tuple[str, Scalar], ...] = ()
    pairs: tuple[tuple[str, tuple[tuple[str, Scalar], ...]], ...] = ()
    enabled_pairs: tuple[str, ...] | None = None  # None: as in settings
    signal_sources: tuple[str, ...] | None = None  # None: all analysts
