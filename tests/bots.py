"""Values that tests of bots are built from; what a test is about it names itself."""

from dataclasses import replace
from decimal import Decimal

from domain.analysis import Action, Features, IntervalFeatures, Opinion, RiskLevel
from domain.bot_rules import BotRules, ProtectionRules
from domain.bot_state import BotState
from domain.consensus import combine
from domain.market import MarketState, Quote, Source, SymbolRules
from domain.trading import (
    Account,
    BotStatistics,
    ClosedTrade,
    Control,
    Direction,
    FillModel,
    Order,
    OrderSource,
    OrderStatus,
    OrderType,
    Position,
    Reason,
    Side,
    Trade,
)

NOW = 1_767_225_600_000  # 2026-01-01T00:00:00Z
MINUTE, HOUR = 60_000, 3_600_000
PAIR = "BTCUSDT"

SYMBOL = SymbolRules(
    pair=PAIR,
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.00001"),
    min_quantity=Decimal("0.00001"),
    max_quantity=Decimal(9000),
    min_notional=Decimal(5),
)

NO_PROTECTIONS = ProtectionRules(
    stoploss_trades=0,
    stoploss_window_ms=HOUR,
    stoploss_pause_ms=HOUR,
    drawdown_percent=Decimal(0),
    drawdown_window_ms=24 * HOUR,
    drawdown_pause_ms=12 * HOUR,
    losing_trades=0,
    losing_window_ms=24 * HOUR,
    losing_min_profit=Decimal(-5),
    losing_pause_ms=6 * HOUR,
)

RULES = BotRules(
    enabled=True,
    max_trades_per_day=10,
    max_concurrent_trades=3,
    trade_amount_usdt=Decimal(50),
    sizing="fixed",
    risk_per_trade_percent=Decimal(1),
    max_position_usdt=Decimal(5000),
    leverage=1,
    allow_short=True,
    ai_confidence_threshold=Decimal("0.1"),
    min_opinions=1,
    agreement="majority",
    min_risk_reward=Decimal(0),
    exits="percent",
    stop_loss_percent=Decimal(1),
    take_profit_percent=Decimal(2),
    stop_loss_usd=Decimal(1),
    profit_target_usd=Decimal(2),
    stop_loss_atr=Decimal("1.5"),
    take_profit_atr=Decimal(3),
    trailing_enabled=True,
    trailing_trigger_percent=Decimal(1),
    trailing_distance_percent=Decimal("0.5"),
    trailing_trigger_usd=Decimal(1),
    trailing_distance_usd=Decimal("0.5"),
    max_hold_seconds=0,
    trade_interval_secs=60,
    cooldown_secs=300,
    opportunity_cooldown_secs=900,
    reversal_threshold=Decimal("0.02"),
    run_time_minutes=0,
    slippage_tolerance_percent=Decimal("0.1"),
    max_spread_bps=Decimal(20),
    daily_loss_limit_percent=Decimal(2),
    manual_approval_mode=False,
    approval_wait_secs=1800,
    protections=NO_PROTECTIONS,
    high_confidence_threshold=Decimal("0.5"),
    taker_fee=Decimal("0.001"),
    stale_after_ms=10_000,
    settings_hash="hash",
)

ACCOUNT = Account(
    seq=1,
    ts_ms=NOW,
    cash=Decimal(100_000),
    held=Decimal(0),
    margin=Decimal(0),
    unrealized_pnl=Decimal(0),
    equity=Decimal(100_000),
    realized_pnl_today=Decimal(0),
    fees_today=Decimal(0),
    positions=(),
    marks=(),
    orders=(),
)

STATISTICS = BotStatistics(
    trades_today=0,
    trades_today_by_pair=(),
    total_trades=0,
    winning_trades=0,
    total_profit=Decimal(0),
    last_trade_ms=(),
    recent_closed=(),
)

CONTROL = Control(trading=True, trading_since_ms=NOW, analysis=True, analysis_since_ms=NOW)


def opinion(analyst="technical", action=Action.BUY, confidence=0.6, **changes):
    known = Opinion(
        analyst=analyst,
        pair=PAIR,
        action=action,
        confidence=confidence,
        sentiment=0.0,
        horizon_minutes=15,
        stop_loss=None,
        take_profit=None,
        risk_level=RiskLevel.LOW,
        reasoning="because",
        price=Decimal(100_000),
        formed_ms=NOW,
        round_id=f"{PAIR}:{NOW}",
        model="technical",
    )
    return replace(known, **changes)


def signal(*opinions, weights=None, agreement="majority", **changes):
    """The signal of `opinions`, all of weight 1 unless told."""
    weights = weights or {each.analyst: Decimal(1) for each in opinions}
    made = combine(opinions, (), weights, agreement, pair=PAIR, round_id=f"{PAIR}:{NOW}", now_ms=NOW)
    return replace(made, **changes)


def quote(price=100_000, *, bid=None, ask=None, **changes):
    known = Quote(
        pair=PAIR,
        price=Decimal(price),
        bid=Decimal(price) if bid is None else Decimal(bid),
        ask=Decimal(price) if ask is None else Decimal(ask),
        event_ms=NOW,
        source=Source.SIMULATED,
    )
    return replace(known, **changes)


def position(direction=Direction.LONG, **changes):
    known = Position(
        pair=PAIR,
        direction=direction,
        quantity=Decimal("0.0005"),
        entry_price=Decimal(100_000),
        cost=Decimal(50),
        margin=Decimal(50),
        leverage=1,
        opened_ms=NOW,
        source=OrderSource.BOT,
        trade_id=f"bot:{PAIR}:{NOW}",
    )
    return replace(known, **changes)


def closed(pnl, *, at_ms=NOW, reason=Reason.STOP_LOSS, **changes):
    """A closed trade that came to `pnl` without fees, held for a minute."""
    known = ClosedTrade(
        trade_id=f"bot:{PAIR}:{at_ms}",
        pair=PAIR,
        direction=Direction.LONG,
        entry_price=Decimal(100_000),
        exit_price=Decimal(99_000),
        quantity=Decimal("0.0005"),
        realized_pnl=Decimal(pnl),
        fees=Decimal(0),
        reason=reason,
        opened_ms=at_ms - MINUTE,
        closed_ms=at_ms,
        source=OrderSource.BOT,
    )
    return replace(known, **changes)


def state(**changes):
    """A bot that would trade the next good signal."""
    known = BotState(
        pair=PAIR,
        quote=quote(),
        symbol=SYMBOL,
        connection=MarketState.LIVE,
        seen_ms=NOW,
        account=ACCOUNT,
        day_equity=Decimal(100_000),
        statistics=STATISTICS,
        statistics_ms=NOW,
        control=CONTROL,
        weights={"technical": Decimal(1), "grok": Decimal(1), "gpt": Decimal(1)},
        status=("idle", None),
    )
    return replace(known, **changes)


def order(command, *, filled=0, status=OrderStatus.OPEN):
    """The exchange's view of a SubmitOrder or ClosePosition."""
    quantity = getattr(command, "quantity", None) or Decimal("0.0005")
    return Order(
        order_id=command.order_id,
        pair=command.pair,
        side=getattr(command, "side", Side.SELL),
        order_type=OrderType.MARKET,
        quantity=quantity,
        filled=Decimal(filled),
        status=status,
        reduce_only=not hasattr(command, "side"),
        source=command.source,
        leverage=1,
        created_ms=command.submitted_ms,
        reason=command.reason,
        decision_id=command.decision_id,
    )


def trade(command, price=100_000, *, ts_ms=NOW):
    """The whole of a command executed at `price`."""
    held = order(command)
    return Trade(
        trade_id=held.order_id,
        order_id=held.order_id,
        seq=2,
        pair=held.pair,
        side=held.side,
        quantity=held.quantity,
        price=Decimal(price),
        notional=held.quantity * Decimal(price),
        fee=Decimal(0),
        realized_pnl=Decimal(0),
        ts_ms=ts_ms,
        order_type=held.order_type,
        source=held.source,
        reason=held.reason,
        fill_model=FillModel.BOOK20,
        liquidity="taker",
        catch_up=False,
    )


def features(*, atr=None, volatility=None, interval="1m"):
    """Features that know only what is named."""
    names = [
        name for name in IntervalFeatures.__slots__ if name not in ("interval", "close", "change_percent", "candles")
    ]
    known = dict.fromkeys(names) | {"atr_14": atr, "volatility": volatility}
    series = IntervalFeatures(interval=interval, close=100_000.0, change_percent=0.0, candles=100, **known)
    return Features(
        pair=PAIR,
        price=Decimal(100_000),
        event_ms=NOW,
        source="simulated",
        change_24h_percent=None,
        intervals=(series,),
        last_candles=(),
        headlines=(),
        fear_greed=None,
        position=None,
    )
