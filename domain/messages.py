"""Every message one actor may send another. Reading this file is reading the system.

A command is imperative and has one addressee; an event is past tense and may have many. Sent means frozen: neither
side can change a message after `tell`. A message with a `conflate_key` replaces a waiting older one of the same key.
Times are epoch milliseconds, UTC. Values (orders, candles, opinions ...) are in the modules named after them.
"""

from dataclasses import dataclass
from decimal import Decimal

from domain.analysis import Abstention, AnalystStatus, Decision, Features, Opinion, Signal
from domain.market import Candle, MarketState, OrderBook, PublicTrade, Quote, Source, SymbolRules, Ticker
from domain.news import FearGreed, NewsItem, NewsSourceStatus
from domain.ports import ModelAnswer
from domain.requests import Request
from domain.savings import Savings
from domain.settlement import StoredScores
from domain.trading import (
    Account,
    BotStatistics,
    ClosedTrade,
    Control,
    Order,
    OrderSource,
    OrderType,
    Position,
    Reason,
    Refusal,
    Scalar,
    Side,
    Trade,
    Trailing,
)

# --- every actor ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ping:
    """Supervisor, tests -> any actor. Answered with True once all earlier mail is handled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired:
    """Timers -> the actor that asked for it. Time arrives as mail; a repeat is harmless."""

    key: str  # the actor's own name for the timer
    due_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorStarted:
    """Supervisor -> all. `name` is up (again), with generation > 1 after a restart: tell it anew what it must know."""

    name: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorStatusChanged:
    """Supervisor -> hub; notifier, when it gave up. An actor failed, restarted, gave up or recovered.

    A repeat is harmless.
    """

    name: str
    state: str  # starting | running | restarting | gave_up | stopped
    restarts: int
    mailbox: int = 0
    error: str | None = None  # one sentence

    @property
    def conflate_key(self) -> object:
        return ("actor", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskGaveUp:
    """Desk -> notifier. The process is about to end by itself. A repeat tells it twice."""

    reason: str  # one sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerted:
    """Any actor -> hub -> notifier. Something an operator must know."""

    level: str  # info | warning | error
    code: str
    message: str  # one sentence
    at_ms: int


# --- exchange adapter -> market -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesReceived:
    """Source -> market. The exchange's filters, all pairs we trade."""

    rules: tuple[SymbolRules, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookReceived:
    """Source -> market. Newest wins."""

    pair: str
    book: OrderBook

    @property
    def conflate_key(self) -> object:
        return ("book", self.pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeReceived:
    """Source -> market. Never conflated: trades trigger stops. A repeat is recognised by its trade id."""

    pair: str
    trade: PublicTrade
    catch_up: bool = False  # fetched after a gap


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleReceived:
    """Source -> market. An open candle so far (`closed` False), or a final one. A repeat is harmless."""

    pair: str
    interval: str
    candle: Candle
    closed: bool
    catch_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleOpenReceived:
    """Source -> market, only where candles are all there is: the first price of a new candle. A repeat is harmless."""

    pair: str
    open_ms: int
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReceived:
    """Source -> market. Closed candles, oldest first, to be merged into the series."""

    pair: str
    interval: str
    candles: tuple[Candle, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerReceived:
    """Source -> market. Newest wins."""

    pair: str
    ticker: Ticker

    @property
    def conflate_key(self) -> object:
        return ("ticker", self.pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatusChanged:
    """Source -> market. The connection's state, with one sentence for people."""

    state: MarketState
    message: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TradesFetched:
    """Source -> market. Answer to Source.fetch_trades: in order, complete from what was asked for.

    `candles` (1 m or 1 s) stand in where the exchange no longer has the trades.
    """

    pair: str
    trades: tuple[PublicTrade, ...]
    candles: tuple[Candle, ...]
    request_id: str


# --- market -> others -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesChanged:
    """Market -> broker, bots, hub. The exchange's filters. A repeat is harmless."""

    rules: tuple[SymbolRules, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteChanged:
    """Market -> bots, hub. Newest wins."""

    quote: Quote

    @property
    def conflate_key(self) -> object:
        return ("quote", self.quote.pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookChanged:
    """Market -> broker, hub. A checked book; newest wins."""

    pair: str
    book: OrderBook

    @property
    def conflate_key(self) -> object:
        return ("book", self.pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradePrinted:
    """Market -> broker. In order, never conflated. The broker recognises a repeat by its trade id."""

    pair: str
    trade: PublicTrade
    catch_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleOpened:
    """Market -> broker, only where candles are all there is (fill model `candle`): the open of a new 1 m candle."""

    pair: str
    open_ms: int
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleChanged:
    """Market -> hub. The open candle so far; newest wins."""

    pair: str
    interval: str
    candle: Candle

    @property
    def conflate_key(self) -> object:
        return ("candle", self.pair, self.interval)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleClosed:
    """Market -> bot, hub; analysts the 1 m ones; broker where candles are all there is. Final.

    A repeat is recognised by its open time.
    """

    pair: str
    interval: str
    candle: Candle
    catch_up: bool
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerChanged:
    """Market -> bots, hub. 24 h statistics; newest wins."""

    pair: str
    ticker: Ticker

    @property
    def conflate_key(self) -> object:
        return ("ticker", self.pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketStatusChanged:
    """Market -> bots, broker, hub. `pair` None: the whole connection."""

    state: MarketState
    message: str
    at_ms: int
    pair: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendCandles:
    """Bot, analyst, hub -> market. Answered with CandleHistory to `reply_to`. A repeat is harmless."""

    pair: str
    interval: str
    limit: int
    reply_to: str
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleHistory:
    """Market -> who asked. Closed candles, oldest first, and the open one where known."""

    pair: str
    interval: str
    candles: tuple[Candle, ...]
    open_candle: Candle | None
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMarketState:
    """Broker, bot, hub -> market, at their start. Answered with RulesChanged, MarketStatusChanged and newest quotes,
    books and tickers to `reply_to`. A repeat is harmless."""

    reply_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTrades:
    """Broker -> market. Everything of `pair` after `since_ms` / `since_trade_id`; answered with MissedTrades."""

    pair: str
    since_ms: int
    since_trade_id: int | None
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedTrades:
    """Market -> broker. The trades it missed, in order; candles stand in where trades are gone. Live mail follows."""

    pair: str
    trades: tuple[PublicTrade, ...]
    candles: tuple[Candle, ...]  # 1 m, oldest first
    request_id: str


# --- news -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsPublished:
    """News -> bots, hub. Only items not told before (a restarted news actor repeats: recognise `item_id`)."""

    items: tuple[NewsItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FearGreedChanged:
    """News -> bots, hub."""

    fear_greed: FearGreed


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsSourcesChanged:
    """News -> hub. All sources with their state; newest wins."""

    sources: tuple[NewsSourceStatus, ...]

    @property
    def conflate_key(self) -> object:
        return "news sources"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendNews:
    """Bot, hub -> news, at their start. Answered with NewsPublished, FearGreedChanged and, to the hub,
    NewsSourcesChanged to `reply_to`."""

    reply_to: str


# --- analysis -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FormOpinion:
    """Bot -> analyst. Answered with OpinionFormed or OpinionWithheld to the bot; of no use after `deadline_ms`."""

    round_id: str  # PAIR:<ms>
    features: Features
    reply_to: str
    deadline_ms: int
    settings_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionFormed:
    """Analyst -> bot, hub."""

    opinion: Opinion


@dataclass(frozen=True, slots=True, kw_only=True)
class OpinionWithheld:
    """Analyst -> bot, hub. An abstention with its reason."""

    abstention: Abstention


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystChanged:
    """Analyst -> hub, bots. Newest wins."""

    status: AnalystStatus

    @property
    def conflate_key(self) -> object:
        return ("analyst", self.status.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAnalystStatus:
    """Hub -> analyst, at the hub's start. Answered with AnalystChanged to `reply_to`."""

    reply_to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswered:
    """A call's greenlet -> its analyst. A late one is recognised by its `call_id`.

    `answer` None: no call was made, and `blocked` says why in one sentence.
    """

    call_id: str
    answer: ModelAnswer | None
    blocked: str
    reserved_usd: Decimal
    cost_usd: Decimal  # as settled: what the endpoint reported, else the reservation
    spent_today_usd: Decimal | None  # by this analyst on the call's UTC day, this call included; None: unknown
    over_budget: bool = False  # why no call was made


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRead:
    """A greenlet -> its analyst, at its start: what it has spent on that UTC day so far."""

    day: str  # YYYY-MM-DD
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsRead:
    """A greenlet -> its analyst, at its start: what was counted on this UTC day before. A repeat is ignored."""

    asked_ms: int  # when it was asked for, epoch ms: what was asked by a predecessor is not taken
    savings: Savings | None  # None: the database did not answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoresRead:
    """A greenlet -> its analyst, at its start: what it said and what of it was settled before. A repeat is ignored."""

    asked_ms: int  # when it was asked for, epoch ms: what was asked by a predecessor is not taken
    stored: StoredScores | None  # None: the database did not answer, nothing is known


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisStepped:
    """Bot -> hub. Progress of one analysis round, for the analysis panel."""

    pair: str
    step: str  # starting | collecting_data | asking | completed | error
    message: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFormed:
    """Bot -> hub. The consensus of one round."""

    signal: Signal
    high_confidence: bool  # at or above analysis.high_confidence_threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMade:
    """Bot -> hub. One per pair and round, with all its inputs."""

    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStatusChanged:
    """Bot -> hub. Newest wins."""

    pair: str
    status: str  # idle | in_trade | cooldown | paused | disabled
    until_ms: int | None

    @property
    def conflate_key(self) -> object:
        return ("pair status", self.pair)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeProposed:
    """Bot -> hub. A trade that waits for an operator (manual_approval_mode). `withdrawn` when it no longer does."""

    pair: str
    decision_id: str
    signal: Signal
    price: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    proposed_ms: int
    wait_until_ms: int
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptTrade:
    """Hub -> bot. Answered with ProposalAnswered to hub. A repeat is refused: nothing is pending any more."""

    pair: str
    usdt_amount: Decimal | None
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectTrade:
    """Hub -> bot. Answered with ProposalAnswered to hub."""

    pair: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalAnswered:
    """Bot -> hub. What became of AcceptTrade or RejectTrade; `refusal` None when it was done."""

    pair: str
    request_id: str
    accepted: bool
    message: str
    refusal: Refusal | None


# --- orders: bots, hub -> broker ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitOrder:
    """Bot, hub -> broker. Idempotent: the same id and content is answered with the first result.

    Exactly one of `quantity` and `notional` is given.
    """

    order_id: str  # bot:PAIR:<decision ms>, or the client's trade_id, or manual:<ms>:<n>
    pair: str
    side: Side
    order_type: OrderType
    source: OrderSource
    reason: Reason
    reply_to: str
    submitted_ms: int
    quantity: Decimal | None = None  # base
    notional: Decimal | None = None  # quote
    price: Decimal | None = None  # limit, or a stop's trigger; a hint for market orders
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    trailing: Trailing | None = None
    leverage: int = 1
    reduce_only: bool = False
    max_slippage_bps: Decimal | None = None
    max_spread_bps: Decimal | None = None
    decision_id: str | None = None
    confidence: Decimal | None = None
    max_open_positions: int | None = None  # refuse (gate concurrent_trades) an entry that would be one too many


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePosition:
    """Bot, hub -> broker. Close `fraction` (0 < x <= 1) at market. Idempotent by `order_id`."""

    order_id: str
    pair: str
    fraction: Decimal
    source: OrderSource
    reason: Reason
    reply_to: str
    submitted_ms: int
    decision_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Hub -> broker. Answered with OrderCancelled or OrderRefused (code unknown_order) to `reply_to`."""

    order_id: str
    reply_to: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendProtection:
    """Bot, hub -> broker. Set the stop and target of an open position; None leaves, `remove_…` removes."""

    amend_id: str  # idempotency key: amend:<PAIR>:<cause>
    pair: str
    stop_loss: Decimal | None
    take_profit: Decimal | None
    remove_stop_loss: bool
    remove_take_profit: bool
    reply_to: str
    submitted_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetControl:
    """Hub -> broker. Switch trading, analysis or bot settings; journaled, then told as ControlChanged."""

    control_id: str  # idempotency key
    control: Control  # the whole new state
    kind: str  # start_bot | stop_bot | update_bot_config | start_analysis | stop_analysis
    actor: str  # operator role and address, for the journal
    reply_to: str
    submitted_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSettings:
    """Supervisor -> broker. The settings now in force: journaled with their hash when they differ from the last."""

    settings_hash: str
    changed: tuple[str, ...]  # dotted paths
    values: tuple[tuple[str, Scalar], ...]  # every setting but secrets, dotted path and value
    submitted_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAccount:
    """Bot, hub -> broker, at their start. Answered with AccountChanged, ControlChanged, StatisticsChanged and
    RecentTrades to `reply_to`."""

    reply_to: str


# --- broker -> bots, hub --------------------------------------------------------------------------------------------
# Every event that comes from the ledger carries the `seq` of its journal document; it is stored before it is told.


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted:
    """Broker -> who ordered, hub. The order rests, or (market) waits for the first book after its latency."""

    seq: int
    order: Order
    repeated: bool = False  # answer to a command that had been done before
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefused:
    """Broker -> who ordered, hub. Nothing was booked."""

    order_id: str
    pair: str
    code: Refusal
    message: str  # one sentence: what must hold and what was found
    source: OrderSource
    at_ms: int
    request_id: str = ""
    gate: str = ""  # the bots' gate this belongs to, where the code alone does not tell: spread, concurrent_trades


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled:
    """Broker -> who ordered, the pair's bot, hub, notifier. One execution: what it closed, the position left."""

    seq: int
    order: Order
    trade: Trade
    closed: ClosedTrade | None
    position: Position | None
    account: Account
    repeated: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled:
    """Broker -> who cancelled, hub. Cancelled, or expired with the rest unfilled."""

    seq: int
    order: Order
    request_id: str = ""
    message: str = ""  # one sentence: why


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAmended:
    """Broker -> who asked, the pair's bot, hub. Stop, target or trailing stop moved."""

    seq: int
    position: Position
    amend_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanged:
    """Broker -> bots, hub. After each ledger event that moved the account, and marked to market once a second.

    Newest wins.
    """

    account: Account

    @property
    def conflate_key(self) -> object:
        return "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsChanged:
    """Broker -> bots, hub. What bots did so far; newest wins."""

    statistics: BotStatistics

    @property
    def conflate_key(self) -> object:
        return "statistics"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChanged:
    """Broker -> bots, analysts, hub. Trading, analysis and bot settings as journaled (seq 0: nothing journaled yet)."""

    seq: int
    control: Control
    control_id: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsRecorded:
    """Broker -> hub, supervisor. The settings' hash stands in the journal."""

    seq: int
    settings_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentTrades:
    """Broker -> hub and notifier, at their start. Newest first."""

    trades: tuple[Trade, ...]
    closed: tuple[ClosedTrade, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAdvanced:
    """Broker -> hub. The head of the journal; `read_only` after a mismatch. Newest wins."""

    seq: int
    hash: str
    available: bool
    read_only: bool = False
    message: str = ""

    @property
    def conflate_key(self) -> object:
        return "ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFailed:
    """Broker -> supervisor. Fenced or corrupt: the process must stop (exit code 3) or go read-only.
    Audit -> broker. The journal is not what it must be: nothing more may be written."""

    fatal: bool
    message: str


@dataclass(frozen=True, slots=True)
class BatchWritten:
    """The broker's writing greenlet -> broker. What became of the batch it sent again; `error` None: stored.

    A repeat is harmless: it names its batch.
    """

    error: Exception | None
    batch: str = ""  # the hash of its newest document; empty where the store was only asked whether it answers


# --- settings -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadSettings:
    """Hub, supervisor (SIGHUP) -> supervisor. Answered with SettingsReloaded to `reply_to`."""

    reply_to: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsReloaded:
    """Supervisor -> hub. `error` None when the file was good; `restart` names changed keys that need a restart."""

    changed: tuple[str, ...]
    restart: tuple[str, ...]
    settings_hash: str
    error: str | None
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsApplied:
    """Supervisor -> all. The settings now in force. A repeat is harmless."""

    settings: object  # a frozen settings.Settings, which domain/ does not import
    settings_hash: str


# --- web -> hub -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientArrived:
    """Web -> hub. A session opened; answered with its `initial_data`, its first frame."""

    session: str
    role: str  # operator | viewer
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRequest:
    """Web -> hub. A checked client message; every one gets a reply or an error."""

    session: str
    role: str
    address: str
    kind: str  # the client message's type
    request: Request
    request_id: str | None = None
    warnings: tuple[str, ...] = ()  # for the reply: unknown fields and the like
    actors: tuple[ActorStatusChanged, ...] = ()  # with get_health only: all actors as the supervisor sees them now


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLeft:
    """Web -> hub. The session is gone: nothing more is sent to it. A repeat is harmless."""

    session: str


# --- hub -> itself: mail in order, behind all that waits -------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountInOrder:
    """Hub -> itself. An AccountChanged that overtook events of the ledger; those are handled by now."""

    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class BotTradeBooked:
    """Hub -> itself. An execution for a bot, announced when the statistics told with it are known too."""

    filled: OrderFilled


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStatusDue:
    """Hub -> itself. The bots' state changed: told once, when all that changed it in this turn is handled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRead:
    """A reading greenlet -> hub. What clients are shown of the archive, newest first."""

    request_id: str
    items: tuple[object, ...]
