"""Features, opinions, signals and decisions as values."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.market import Candle
from domain.news import NewsItem
from domain.savings import Saving
from domain.trading import Direction


class Action(StrEnum):
    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"

    @property
    def sign(self) -> int:
        return {"BUY": 1, "SELL": -1}.get(self.value, 0)


class RiskLevel(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class AnalystState(StrEnum):
    READY = "ready"
    BUSY = "busy"
    DISABLED = "disabled"  # no key
    BUDGET_USED = "budget_used"
    BREAKER_OPEN = "breaker_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalFeatures:
    """Indicators of one candle series at its newest closed candle. None: not enough candles, or no signal (flat)."""

    interval: str
    close: float
    change_percent: float  # of the newest closed candle
    sma_20: float | None
    ema_9: float | None
    ema_12: float | None
    ema_20: float | None
    ema_21: float | None
    ema_26: float | None
    rsi_14: float | None
    macd: float | None
    macd_signal: float | None
    macd_histogram: float | None
    bollinger_lower: float | None
    bollinger_middle: float | None
    bollinger_upper: float | None
    atr_14: float | None
    stochastic_k: float | None
    stochastic_d: float | None
    adx_14: float | None
    obv: float | None
    vwap: float | None  # of the UTC session
    volatility: float | None  # standard deviation of log returns, per candle
    candles: int  # how many closed candles the series holds


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPosition:
    """The pair's open position as an analyst is shown it."""

    direction: Direction
    entry_price: Decimal
    quantity: Decimal
    unrealized_pnl_percent: float
    opened_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """All that analysts are shown of one pair in one round."""

    pair: str
    price: Decimal
    event_ms: int  # exchange time of the newest price
    source: str
    change_24h_percent: float | None
    intervals: tuple[IntervalFeatures, ...]
    last_candles: tuple[Candle, ...]  # newest 1 m candles, oldest first, <= 20
    headlines: tuple[NewsItem, ...]  # newest first, <= 8, <= 4 of one source
    fear_greed: int | None  # 0..100
    position: OpenPosition | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One analyst's structured view of one pair."""

    analyst: str
    pair: str
    action: Action
    confidence: float  # 0..1, probability that the price moves in the action's direction over the horizon
    sentiment: float  # -1..1
    horizon_minutes: int
    stop_loss: Decimal | None
    take_profit: Decimal | None
    risk_level: RiskLevel
    reasoning: str  # <= 1000 characters
    price: Decimal  # when it was formed
    formed_ms: int
    round_id: str
    model: str
    cost_usd: Decimal = Decimal(0)
    latency_ms: int = 0
    prompt_hash: str | None = None  # of the fixed part of the prompt; None: by rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """An analyst gave no usable view; never a HOLD vote, never a trade."""

    analyst: str
    pair: str
    reason: str  # one sentence
    at_ms: int
    round_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """The combined direction and strength of the fresh opinions of one pair."""

    pair: str
    action: Action
    score: float  # -1..1
    confidence: float  # |score|
    agreed: bool  # the agreement rule holds
    opinions: tuple[Opinion, ...]
    abstentions: tuple[Abstention, ...]
    formed_ms: int
    round_id: str
    weights: tuple[tuple[str, Decimal], ...] = ()  # (analyst, weight) the opinions were combined with


class Outcome(StrEnum):
    TRADED = "traded"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCheck:
    """One gate of one decision: its value, its limit, and whether it let the trade pass."""

    gate: str
    value: str
    limit: str
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Why a bot traded, or why not: exactly one failed gate when blocked."""

    decision_id: str  # bot:PAIR:<decision time ms>
    pair: str
    decided_ms: int
    outcome: Outcome
    gate: str | None  # the first gate that failed
    explanation: str  # one sentence a trader understands
    signal: Signal | None
    checks: tuple[GateCheck, ...]  # in order, up to the one that failed
    features: Features | None
    order_id: str | None
    settings_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Opinions whose confidence fell into one bin: what was said against what happened."""

    low: float
    high: float
    count: int
    mean_confidence: float
    hit_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonScore:
    """How often BUY and SELL were right after one horizon; spaced ones only, see `domain.scorebook`."""

    horizon: str  # own | 15m | 1h | 4h
    settled: int = 0
    hit_rate: float | None = None  # 0..1, None before anything is settled
    low: float | None = None  # 95 % interval of the hit rate
    high: float | None = None
    effective: float = 0.0  # how many independent ones the settled ones are worth, <= settled


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowBooks:
    """What an analyst would have earned alone, and its null twins from the same moments; equity in quote."""

    analyst: Decimal
    random: Decimal  # the same trades with a coin's direction
    hold: Decimal  # never trades
    buy_and_hold: Decimal  # bought at the first trade of each pair, held to the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """What an analyst's settled BUY and SELL opinions show of its skill; by its own horizons unless said otherwise."""

    own: HorizonScore
    fixed: tuple[HorizonScore, ...]  # 15m, 1h, 4h
    verdict: str  # too_few | skilled | not_shown | worse_than_chance
    skill: Decimal  # factor of the vote's weight, 0.10..2.00; 1 before anything is settled
    brier: float | None = None
    log_score: float | None = None  # nats, lower is better; a coin flip said as such has 0.693
    calibration: tuple[CalibrationBin, ...] = ()
    mean_net_return: float | None = None  # fraction of the notional, after fees, slippage and the cost of the calls
    cost_usd: Decimal = Decimal(0)  # of the calls behind the settled ones
    books: ShadowBooks | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystStatus:
    """What clients are told about one analyst."""

    name: str
    model: str
    role: str
    state: AnalystState
    reason: str | None  # why not ready, one sentence
    weight: Decimal  # of its vote: as set, times its skill
    opinions: int
    abstentions: int
    cost_today_usd: Decimal
    budget_usd: Decimal
    latency_ms: int | None  # of the last call
    calls: int = 0  # on this UTC day
    cached_tokens: int = 0  # of their prompts, read from the provider's cache
    saved: tuple[Saving, ...] = ()  # questions of this UTC day that no call was made for
    card: Scorecard | None = None  # None: what was settled before is not read yet
