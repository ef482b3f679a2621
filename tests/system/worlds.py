"""Settings of test desks that trade often: short rounds, tight stops, no pauses."""

from copy import deepcopy
from typing import Any

PAIRS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
_EAGER = {
    "max_trades_per_day": 10_000,
    "max_concurrent_trades": 5,
    "trade_amount_usdt": 1000,
    "ai_confidence_threshold": 0.0,
    "agreement": "any",
    "opportunity_cooldown_secs": 0,
    "max_spread_bps": 100,
    "slippage_tolerance_percent": 1,
    "daily_loss_limit_percent": 50,
    "protections": {"stoploss_guard": {"trades": 0}, "max_drawdown": {"percent": 0}, "losing_pair": {"trades": 0}},
}


def simulated(**bots: Any) -> dict[str, Any]:
    """Return settings for the simulated world, where every pair trades every few seconds; `bots` change defaults."""
    rhythm = {
        "trade_interval_secs": 1,
        "cooldown_secs": 0,
        "stop_loss_percent": 0.05,
        "take_profit_percent": 0.05,
        "trailing_enabled": True,
        "trailing_trigger_percent": 0.03,
        "trailing_distance_percent": 0.02,
        "max_hold_seconds": 3,
    }
    return deepcopy(
        {
            "market": {"source": "simulated"},
            "news": {"interval_seconds": 2},
            "llm": {"timeout_seconds": 5, "max_cost_usd_per_day": 50},
            "analysis": {"interval_seconds": 1, "opinion_ttl_seconds": 10, "min_move_atr": 0},
            "analysts": {
                "technical": {"model": "technical", "role": "technical"},
                "grok": {"model": "x-ai/grok-4.1-fast", "role": "sentiment"},
            },
            "bots": {
                "enabled_at_start": True,
                "defaults": _EAGER | rhythm | bots,
                "pairs": {pair: {} for pair in PAIRS},
            },
        }
    )


def recorded(folder: object) -> dict[str, Any]:
    """Return settings for a recording of 1 m candles in `folder`."""
    rhythm = {
        "ai_confidence_threshold": 0.05,
        "trade_interval_secs": 60,
        "cooldown_secs": 120,
        "stop_loss_percent": 0.3,
        "take_profit_percent": 0.4,
        "trailing_enabled": True,
        "trailing_trigger_percent": 0.2,
        "trailing_distance_percent": 0.1,
    }
    return deepcopy(
        {
            "market": {"recording": str(folder)},
            "analysis": {"interval_seconds": 60, "min_move_atr": 0},
            "analysts": {"technical": {"model": "technical", "role": "technical"}},
            "bots": {
                "enabled_at_start": True,
                "defaults": _EAGER | rhythm,
                "pairs": {pair: {} for pair in PAIRS},
            },
        }
    )
