"""The rules of one bot, from the settings in force and what operators changed since."""

from dataclasses import fields

from actors.bot_config import effective, enabled_pairs
from domain.bot_rules import BotRules, ProtectionRules
from domain.trading import Control
from settings import BotSettings, Protections, Settings, bot_settings

_FROM_BOT = frozenset(BotSettings.model_fields) - {"protections", "enabled"}
MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def bot_rules(settings: Settings, control: Control | None, pair: str, settings_hash: str) -> BotRules:
    """Return the rules in force for `pair`: its settings, below what operators changed for all pairs and for this one.

    Raises:
        SettingsError: `pair` is not in the settings any more.
    """
    bot = bot_settings(settings, pair) if control is None else effective(settings, control, pair)
    enabled = bot.enabled if control is None else pair in enabled_pairs(settings, control)
    own = {field.name: getattr(bot, field.name) for field in fields(BotRules) if field.name in _FROM_BOT}
    return BotRules(
        **own,
        enabled=enabled,
        protections=_protections(bot.protections),
        high_confidence_threshold=settings.analysis.high_confidence_threshold,
        taker_fee=settings.paper.taker_fee,
        stale_after_ms=settings.market.stale_after_seconds * 1000,
        settings_hash=settings_hash,
    )


def _protections(protections: Protections) -> ProtectionRules:
    guard, drawdown, losing = protections.stoploss_guard, protections.max_drawdown, protections.losing_pair
    return ProtectionRules(
        stoploss_trades=guard.trades,
        stoploss_window_ms=guard.window_minutes * MINUTE_MS,
        stoploss_pause_ms=guard.pause_minutes * MINUTE_MS,
        drawdown_percent=drawdown.percent,
        drawdown_window_ms=drawdown.window_hours * HOUR_MS,
        drawdown_pause_ms=drawdown.pause_minutes * MINUTE_MS,
        losing_trades=losing.trades,
        losing_window_ms=losing.window_hours * HOUR_MS,
        losing_min_profit=losing.min_profit_usdt,
        losing_pause_ms=losing.pause_minutes * MINUTE_MS,
    )
