"""The built-in technical analyst: rules that fade a stretched 1 m price, in the shape of a model's opinion.

On 1 m candles of the big pairs a price that has run away from its averages comes back within a quarter of an hour more
often than it runs on, the more so the stronger the run. So four measures of the stretch are averaged, and the opinion
points the other way; docs/analysts.md has the formulas and how often they were right.
"""

from dataclasses import dataclass
from decimal import Decimal
from math import sqrt

from domain.analysis import Abstention, Action, Features, IntervalFeatures, Opinion, RiskLevel

INTERVAL = "1m"
MIN_CANDLES = 50
HORIZON_MINUTES = 15
THRESHOLD = 0.45  # |score| from which the analyst takes a side
EDGE = 0.08  # of confidence per score: measured, docs/analysts.md
STOP_RANGES = 1.5  # distances from the price, in ranges of the horizon
TARGET_RANGES = 3.0
MODEL = "technical"

_WEIGHTS = {"trend": 0.25, "momentum": 0.10, "rsi": 0.35, "band": 0.30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """How far the price has run, each part -1..1 (negative: down), and the score -1..1 (positive: buy)."""

    trend: float  # (EMA 9 - EMA 21) / ATR 14
    momentum: float  # MACD histogram / (ATR 14 / 4)
    rsi: float  # (RSI 14 - 50) / 25
    band: float  # (close - middle) / (upper - middle) of the Bollinger bands
    strength: float  # 0..1: ADX 14 / 40
    score: float
    atr: float  # quote per base
    rsi_14: float
    adx_14: float


def technical_opinion(features: Features, *, analyst: str, round_id: str, now_ms: int) -> Opinion | Abstention:
    """Return what the rules say of the pair, or why they say nothing.

    Args:
        features: of one pair; the 1 m series needs 50 closed candles.
        analyst: name the opinion carries.
        round_id: the round it is formed for.
        now_ms: epoch ms.

    Returns:
        An opinion with stop and target for BUY and SELL, none for HOLD. `confidence` of BUY and SELL is
        0.5 + 0.08 * |score|: about the share of such calls that were right; of HOLD it is 1 - |score|.
    """
    series = next((each for each in features.intervals if each.interval == INTERVAL), None)
    count = series.candles if series else 0
    stretch = measure(series) if series and count >= MIN_CANDLES else None
    if stretch is None:
        reason = (
            f"needs {MIN_CANDLES} closed {INTERVAL} candles, has {count}"
            if count < MIN_CANDLES
            else f"the {INTERVAL} candles are flat, so the indicators have no value"
        )
        return Abstention(analyst=analyst, pair=features.pair, reason=reason, at_ms=now_ms, round_id=round_id)
    action = _action(stretch.score)
    stop, target = _exits(features.price, stretch.atr, action)
    return Opinion(
        analyst=analyst,
        pair=features.pair,
        action=action,
        confidence=_confidence(stretch.score, action),
        sentiment=round(stretch.score, 4),
        horizon_minutes=HORIZON_MINUTES,
        stop_loss=stop,
        take_profit=target,
        risk_level=_risk(stretch.atr / float(features.price)),
        reasoning=_reasoning(stretch, action),
        price=features.price,
        formed_ms=now_ms,
        round_id=round_id,
        model=MODEL,
    )


def measure(series: IntervalFeatures) -> Stretch | None:
    """Return the stretch of one series; None where an indicator has no value or the price has no range."""
    parts = (series.ema_9, series.ema_21, series.macd_histogram, series.rsi_14, series.adx_14)
    bands = (series.bollinger_middle, series.bollinger_upper, series.atr_14)
    if None in parts or None in bands or not series.atr_14:
        return None
    fast, slow, histogram, rsi, adx = (part or 0.0 for part in parts)
    middle, upper, atr = (band or 0.0 for band in bands)
    trend = _clipped((fast - slow) / atr)
    momentum = _clipped(histogram / (atr / 4.0))
    stretched = _clipped((rsi - 50.0) / 25.0)
    band = _clipped((series.close - middle) / (upper - middle))
    strength = min(adx / 40.0, 1.0)
    total = (
        _WEIGHTS["trend"] * trend
        + _WEIGHTS["momentum"] * momentum
        + _WEIGHTS["rsi"] * stretched
        + _WEIGHTS["band"] * band
    )
    return Stretch(
        trend=trend,
        momentum=momentum,
        rsi=stretched,
        band=band,
        strength=strength,
        score=-total * (0.75 + 0.25 * strength),
        atr=atr,
        rsi_14=rsi,
        adx_14=adx,
    )


def _clipped(value: float) -> float:
    return max(-1.0, min(1.0, value))


def _action(score: float) -> Action:
    if abs(score) < THRESHOLD:
        return Action.HOLD
    return Action.BUY if score > 0 else Action.SELL


def _confidence(score: float, action: Action) -> float:
    return round(1.0 - abs(score) if action is Action.HOLD else 0.5 + EDGE * abs(score), 4)


def _exits(price: Decimal, atr: float, action: Action) -> tuple[Decimal | None, Decimal | None]:
    """Stop and target, in ranges of the horizon: a range grows with the square root of time."""
    if action is Action.HOLD:
        return None, None
    horizon_range = atr * sqrt(HORIZON_MINUTES)
    stop = float(price) - action.sign * STOP_RANGES * horizon_range
    target = float(price) + action.sign * TARGET_RANGES * horizon_range
    return (_price(stop, price), _price(target, price)) if min(stop, target) > 0 else (None, None)


def _price(value: float, like: Decimal) -> Decimal:
    """Return `value` with the decimals of `like`, but at least six digits, so that it stays off the price itself."""
    exponent = like.as_tuple().exponent
    decimals = max(-int(exponent), 5 - like.adjusted(), 0)
    return Decimal(f"{value:.{decimals}f}")


def _risk(range_fraction: float) -> RiskLevel:
    """By the mean range of a 1 m candle: below 0.05 %, below 0.15 %, above."""
    if range_fraction < 0.0005:
        return RiskLevel.LOW
    return RiskLevel.MEDIUM if range_fraction < 0.0015 else RiskLevel.HIGH


def _reasoning(stretch: Stretch, action: Action) -> str:
    side = "above" if stretch.trend >= 0 else "below"
    facts = (
        f"RSI {stretch.rsi_14:.0f}, close at {stretch.band:+.1f} of the Bollinger band, EMA 9 {abs(stretch.trend):.1f} "
        f"ATR {side} EMA 21, ADX {stretch.adx_14:.0f}"
    )
    match action:
        case Action.BUY:
            return f"The price has run down too far ({facts}), so a rebound within 15 minutes is the likelier move."
        case Action.SELL:
            return f"The price has run up too far ({facts}), so a pullback within 15 minutes is the likelier move."
        case _:
            return f"The price is not stretched far enough either way ({facts}), so there is nothing to do."
