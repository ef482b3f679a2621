"""The rules one bot decides by: the settings of its pair, with units, as one frozen value."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionRules:
    """What pauses a bot after losses. A count or percent of 0 switches that protection off."""

    stoploss_trades: int  # stopped-out trades of the pair
    stoploss_window_ms: int
    stoploss_pause_ms: int
    drawdown_percent: Decimal  # fall from the highest equity, over all pairs
    drawdown_window_ms: int
    drawdown_pause_ms: int
    losing_trades: int  # trades of the pair after which its result is judged
    losing_window_ms: int
    losing_min_profit: Decimal  # quote, net of fees
    losing_pause_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BotRules:
    """All numbers a decision needs. Names, units and ranges are those of `bots.defaults` in settings.yaml."""

    enabled: bool
    max_trades_per_day: int
    max_concurrent_trades: int
    trade_amount_usdt: Decimal
    sizing: str  # fixed | risk | volatility | kelly
    risk_per_trade_percent: Decimal
    max_position_usdt: Decimal
    leverage: int
    allow_short: bool
    ai_confidence_threshold: Decimal
    min_opinions: int
    agreement: str  # any | majority | unanimous
    min_risk_reward: Decimal
    exits: str  # percent | usd | atr | opinion
    stop_loss_percent: Decimal
    take_profit_percent: Decimal
    stop_loss_usd: Decimal
    profit_target_usd: Decimal
    stop_loss_atr: Decimal
    take_profit_atr: Decimal
    trailing_enabled: bool
    trailing_trigger_percent: Decimal
    trailing_distance_percent: Decimal
    trailing_trigger_usd: Decimal
    trailing_distance_usd: Decimal
    max_hold_seconds: int
    trade_interval_secs: int
    cooldown_secs: int
    opportunity_cooldown_secs: int
    reversal_threshold: Decimal
    run_time_minutes: int
    slippage_tolerance_percent: Decimal
    max_spread_bps: Decimal
    daily_loss_limit_percent: Decimal
    manual_approval_mode: bool
    approval_wait_secs: int
    protections: ProtectionRules
    high_confidence_threshold: Decimal  # analysis.high_confidence_threshold
    taker_fee: Decimal  # paper.taker_fee, fraction of the notional
    stale_after_ms: int  # market.stale_after_seconds: age from which a quote of a live book is not traded on
    settings_hash: str
