"""settings.yaml as frozen models: all of it is checked and every error is named, or nothing starts."""

import hashlib
import ipaddress
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    SecretStr,
    StrictBool,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from domain.errors import SettingsError

MAX_DECIMALS = 8  # money is posted in steps of 0.00000001; nothing finer is told apart
OPERATOR_TOKEN_LENGTH = 32  # characters a token needs before the hub may leave loopback

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,6})?", re.ASCII)


# --- rules of single values -------------------------------------------------------------------------------------------


class Between:
    """Range of a number, both ends included; on an `int` field the number must also be whole."""

    __slots__ = ("high", "low")

    def __init__(self, low: int | str, high: int | str) -> None:
        self.low, self.high = Decimal(low), Decimal(high)

    def __str__(self) -> str:
        return f"between {plain_decimal(self.low)} and {plain_decimal(self.high)}"

    def __get_pydantic_core_schema__(self, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._whole if source is int else self._decimal)

    def _decimal(self, raw: object) -> Decimal:
        number = _as_number(raw)
        if number is None:
            raise _rule(f"must be a number {self}")
        if not number.is_finite() or not self.low <= number <= self.high:
            raise _rule(f"must be {self}")
        if _decimals(number) > MAX_DECIMALS:
            raise _rule(f"must have at most {MAX_DECIMALS} decimals")
        return number

    def _whole(self, raw: object) -> int:
        number = self._decimal(raw)
        if number != number.to_integral_value():
            raise _rule(f"must be a whole number {self}")
        return int(number)


def plain_decimal(number: Decimal) -> str:
    """Return `number` as the ledger spells it: no exponent, no trailing zeros, no negative zero."""
    return format(number.normalize(), "f") if number else "0"


def is_loopback(host: str) -> bool:
    """Return whether a server bound to `host` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _rule(text: str) -> PydanticCustomError:
    return PydanticCustomError("rule", "{text}", {"text": text})


def _as_number(raw: object) -> Decimal | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, float):
        return _without_noise(Decimal(repr(raw)))
    if isinstance(raw, int | Decimal):
        return Decimal(raw)
    if isinstance(raw, str) and len(raw) <= 64 and _NUMBER.fullmatch(raw):
        return Decimal(raw)
    return None


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _without_noise(number: Decimal) -> Decimal:
    """Round what binary arithmetic left behind: 0.15000000000000002 was meant as 0.15."""
    if number.is_finite() and number.adjusted() < 18 and _decimals(number) > MAX_DECIMALS:
        return round(number, MAX_DECIMALS)
    return number


def _url(raw: str, schemes: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(raw)
        well_formed = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        well_formed = False
    if not well_formed or parts.scheme not in schemes or not _is_visible_ascii(raw):
        raise _rule(f"must be an address that starts with {' or '.join(f'{s}://' for s in schemes)}")
    if "@" in parts.netloc:
        raise PydanticCustomError("hidden", "must not carry a user name or password")
    return raw


def _is_visible_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _http_url(raw: str) -> str:
    return _url(raw, ("https", "http"))


def _stream_url(raw: str) -> str:
    return _url(raw, ("wss", "ws"))


def _origin(raw: str) -> str:
    if re.fullmatch(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?", raw.lower()) is None:
        raise _rule("must be an origin such as http://localhost:3000, without a path")
    return raw.lower()


def _host(raw: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})", raw):
        return raw.lower()
    try:
        return str(ipaddress.ip_address(raw))
    except ValueError:
        raise _rule("must be an IP address or a host name") from None


def _network(raw: str) -> str:
    try:
        ipaddress.ip_network(raw)
    except ValueError:
        raise _rule("must be an IP address or a network such as 10.0.0.0/8") from None
    return raw


def _pair(raw: str) -> str:
    if re.fullmatch(r"[A-Z0-9]{2,20}USDT", raw) is None:
        raise _rule("must be an upper-case pair quoted in USDT, such as BTCUSDT")
    return raw


def _analyst_name(raw: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", raw) is None:
        raise _rule("must be a name of at most 31 of a-z, 0-9, _ and -, starting with a letter")
    if raw == "consensus":
        raise _rule("must not be 'consensus', which names the combined signal")
    return raw


def _model_name(raw: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9~@][A-Za-z0-9._:/~@+-]{0,127}", raw) is None:
        raise _rule("must be 'technical' or a model id such as openai/gpt-5-mini")
    return raw


def _file_name(raw: str) -> str:
    if not raw.strip() or not raw.isprintable():
        raise _rule("must be the name of a file or folder")
    return raw


def _database(raw: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,48}", raw) is None or raw in ("admin", "local", "config"):
        raise _rule("must be a database name of at most 48 of A-Z, a-z, 0-9, _ and -, and not admin, local or config")
    if raw.endswith(("_sim", "_rec")):
        raise _rule("must not end in _sim or _rec, which mark simulated and recorded prices")
    return raw


def _chat_id(raw: object) -> object:
    if isinstance(raw, int | Decimal) and not isinstance(raw, bool):
        return plain_decimal(Decimal(raw))
    return raw


def _chat(raw: str) -> str:
    if re.fullmatch(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64}", raw) is None:
        raise _rule("must be a Telegram chat number or @channel")
    return raw


def _no_repeats(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise _rule("must not name anything twice")
    return values


def _not_empty(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise _rule("must name at least one")
    return values


def _with_minutes(values: tuple[str, ...]) -> tuple[str, ...]:
    if "1m" not in values:
        raise _rule("must contain '1m'")
    return values


Interval = Literal["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"]
Source = Literal["auto", "binance", "simulated", "recorded"]
NotificationEvent = Literal["fill", "exit", "alert", "gave_up"]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
StreamUrl = Annotated[str, AfterValidator(_stream_url)]
Origin = Annotated[str, AfterValidator(_origin)]
Host = Annotated[str, AfterValidator(_host)]
Network = Annotated[str, AfterValidator(_network)]
Pair = Annotated[str, AfterValidator(_pair)]
AnalystName = Annotated[str, AfterValidator(_analyst_name)]
ModelName = Annotated[str, AfterValidator(_model_name)]
FileName = Annotated[str, AfterValidator(_file_name)]
Database = Annotated[str, AfterValidator(_database)]
ChatId = Annotated[str, BeforeValidator(_chat_id), AfterValidator(_chat)]

Share = Annotated[Decimal, Between(0, 1)]  # a fraction of one
Usd = Annotated[Decimal, Between("0.01", "1e9")]
Budget = Annotated[Decimal, Between(0, "1e6")]  # US dollars; 0 = none
Seconds = Annotated[int, Between(1, 86400)]


# --- the sections -----------------------------------------------------------------------------------------------------


class Section(BaseModel):
    """A part of the settings file: frozen, no unknown keys, an empty one means its defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_means_defaults(cls, raw: Any) -> Any:
        return {} if raw is None else raw


class ServerSettings(Section):
    """The hub's address and the limits of its sessions."""

    host: Host = "127.0.0.1"
    port: Annotated[int, Between(0, 65535)] = 8765  # 0 = any free port
    allowed_origins: tuple[Origin, ...] = ("http://localhost:3000", "http://127.0.0.1:3000")
    max_sessions: Annotated[int, Between(1, 100_000)] = 500
    max_message_bytes: Annotated[int, Between(128, 16_777_216)] = 65536
    messages_per_second: Annotated[int, Between(1, 100_000)] = 20
    price_updates_per_second: Annotated[int, Between(1, 1000)] = 4
    trusted_proxies: tuple[Network, ...] = ()
    metrics_public: StrictBool = False


class MarketSettings(Section):
    """Where prices come from and what is kept of them."""

    source: Source = "auto"
    rest_urls: Annotated[tuple[HttpUrl, ...], AfterValidator(_not_empty), AfterValidator(_no_repeats)] = (
        "https://api.binance.com",
        "https://api1.binance.com",
        "https://data-api.binance.vision",
    )
    stream_urls: Annotated[tuple[StreamUrl, ...], AfterValidator(_not_empty), AfterValidator(_no_repeats)] = (
        "wss://stream.binance.com:9443",
        "wss://data-stream.binance.vision",
    )
    weight_per_minute: Annotated[int, Between(20, 6000)] = 3000
    stale_after_seconds: Annotated[int, Between(1, 3600)] = 10
    intervals: Annotated[tuple[Interval, ...], AfterValidator(_no_repeats), AfterValidator(_with_minutes)] = (
        "1m",
        "1h",
    )
    history: Annotated[int, Between(1, 1000)] = 500
    recording: FileName | None = Field(default=None, validate_default=True)

    @field_validator("recording")
    @classmethod
    def _recorded_needs_a_recording(cls, recording: str | None, info: ValidationInfo) -> str | None:
        if recording is None and info.data.get("source") == "recorded":
            raise _rule("must name a file or folder where market.source is recorded")
        return recording


class NewsSettings(Section):
    """News sources and how often they are asked."""

    interval_seconds: Seconds = 60
    cryptopanic_url: HttpUrl = "https://cryptopanic.com/api/developer/v2"
    rss: Annotated[tuple[HttpUrl, ...], AfterValidator(_no_repeats)] = (
        "https://www.coindesk.com/arc/outboundfeeds/rss/",
        "https://cointelegraph.com/rss",
        "https://decrypt.co/feed",
    )
    fear_greed_url: HttpUrl = "https://api.alternative.me/fng/"
    max_age_hours: Annotated[int, Between(1, 8760)] = 24


class LlmSettings(Section):
    """The endpoint all models are called through, and what the calls may cost."""

    base_url: HttpUrl = "https://openrouter.ai/api/v1"
    timeout_seconds: Annotated[int, Between(1, 3600)] = 45
    max_cost_usd_per_day: Budget = Decimal("2.00")
    max_cost_usd_per_call: Budget = Decimal("0.05")


class AnalysisSettings(Section):
    """Rhythm of the analysis rounds."""

    interval_seconds: Seconds = 60
    enabled_at_start: StrictBool = True
    high_confidence_threshold: Share = Decimal("0.5")
    opinion_ttl_seconds: Seconds = 300
    min_move_atr: Annotated[Decimal, Between(0, 100)] = Decimal("0.25")


class AnalystSettings(Section):
    """One analyst: a model with a role; the model `technical` is the built-in one."""

    model: ModelName
    role: Literal["technical", "sentiment", "planner"] = "technical"
    weight: Annotated[Decimal, Between(0, 100)] = Decimal("1.0")
    max_cost_usd_per_day: Budget | None = None  # None = only llm.max_cost_usd_per_day limits it


class PaperSettings(Section):
    """The paper exchange: start balance, fees, latency."""

    balance_usdt: Annotated[Decimal, Between("0.01", "1e12")] = Decimal("100000.0")
    taker_fee: Annotated[Decimal, Between(0, "0.1")] = Decimal("0.001")
    maker_fee: Annotated[Decimal, Between(0, "0.1")] = Decimal("0.001")
    latency_ms: Annotated[int, Between(0, 60_000)] = 100
    fallback_slippage_bps: Annotated[Decimal, Between(0, 1000)] = Decimal(5)


class StorageSettings(Section):
    """Where the desk keeps its files and its ledger."""

    data_dir: FileName = "var"
    database: Database = "crypto_trading"


class RecorderSettings(Section):
    """The recording of handled messages."""

    enabled: StrictBool = True
    max_gib: Annotated[Decimal, Between("0.001", 10_000)] = Decimal(5)


class LoggingSettings(Section):
    """Console and file logs."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    emoji: StrictBool = True
    json_file: StrictBool = True
    max_mib: Annotated[int, Between(1, 10_240)] = 50
    keep: Annotated[int, Between(0, 1000)] = 5


class NotificationSettings(Section):
    """Messages to people who are not looking at the dashboard."""

    webhook_url: HttpUrl | None = None
    telegram_chat_id: ChatId | None = None
    events: Annotated[tuple[NotificationEvent, ...], AfterValidator(_no_repeats)] = ("fill", "exit", "alert", "gave_up")
    per_minute: Annotated[int, Between(1, 1000)] = 10


class StoplossGuard(Section):
    """Pauses a pair after several stopped-out trades; trades 0 = off."""

    trades: Annotated[int, Between(0, 1000)] = 4
    window_minutes: Annotated[int, Between(1, 525_600)] = 60
    pause_minutes: Annotated[int, Between(0, 525_600)] = 60


class MaxDrawdown(Section):
    """Pauses trading after a fall of equity; percent 0 = off."""

    percent: Annotated[Decimal, Between(0, 100)] = Decimal(10)
    window_hours: Annotated[int, Between(1, 8760)] = 24
    pause_minutes: Annotated[int, Between(0, 525_600)] = 720


class LosingPair(Section):
    """Pauses a pair whose last trades lost; trades 0 = off."""

    trades: Annotated[int, Between(0, 1000)] = 4
    window_hours: Annotated[int, Between(1, 8760)] = 24
    min_profit_usdt: Annotated[Decimal, Between("-1e9", "1e9")] = Decimal(-5)
    pause_minutes: Annotated[int, Between(0, 525_600)] = 360


class Protections(Section):
    """What pauses a bot after losses."""

    stoploss_guard: StoplossGuard = StoplossGuard()
    max_drawdown: MaxDrawdown = MaxDrawdown()
    losing_pair: LosingPair = LosingPair()


class BotSettings(Section):
    """The whole tuning of one pair's bot. docs/settings.md has unit and meaning of each key."""

    enabled: StrictBool = True
    max_trades_per_day: Annotated[int, Between(0, 100_000)] = 10
    max_concurrent_trades: Annotated[int, Between(0, 1000)] = 3
    trade_amount_usdt: Usd = Decimal(50)
    sizing: Literal["fixed", "risk", "volatility", "kelly"] = "fixed"
    risk_per_trade_percent: Annotated[Decimal, Between("0.001", 100)] = Decimal("1.0")
    max_position_usdt: Usd = Decimal(5000)
    leverage: Annotated[int, Between(1, 20)] = 1
    allow_short: StrictBool = True
    ai_confidence_threshold: Share = Decimal("0.1")
    min_opinions: Annotated[int, Between(1, 100)] = 1
    agreement: Literal["any", "majority", "unanimous"] = "majority"
    min_risk_reward: Annotated[Decimal, Between(0, 100)] = Decimal("0.0")
    exits: Literal["percent", "usd", "atr", "opinion"] = "percent"
    stop_loss_percent: Annotated[Decimal, Between("0.001", 99)] = Decimal("1.0")
    take_profit_percent: Annotated[Decimal, Between("0.001", 1000)] = Decimal("2.0")
    stop_loss_usd: Usd = Decimal("1.0")
    profit_target_usd: Usd = Decimal("2.0")
    stop_loss_atr: Annotated[Decimal, Between("0.01", 100)] = Decimal("1.5")
    take_profit_atr: Annotated[Decimal, Between("0.01", 100)] = Decimal("3.0")
    trailing_enabled: StrictBool = True
    trailing_trigger_percent: Annotated[Decimal, Between(0, 1000)] = Decimal("1.0")
    trailing_distance_percent: Annotated[Decimal, Between("0.001", 99)] = Decimal("0.5")
    trailing_trigger_usd: Annotated[Decimal, Between(0, "1e9")] = Decimal("1.0")
    trailing_distance_usd: Usd = Decimal("0.5")
    max_hold_seconds: Annotated[int, Between(0, 31_536_000)] = 0
    trade_interval_secs: Seconds = 60
    cooldown_secs: Annotated[int, Between(0, 604_800)] = 300
    opportunity_cooldown_secs: Annotated[int, Between(0, 604_800)] = 900
    reversal_threshold: Share = Decimal("0.02")
    run_time_minutes: Annotated[int, Between(0, 525_600)] = 0
    slippage_tolerance_percent: Annotated[Decimal, Between(0, 100)] = Decimal("0.1")
    max_spread_bps: Annotated[Decimal, Between(0, 10_000)] = Decimal(20)
    daily_loss_limit_percent: Annotated[Decimal, Between(0, 100)] = Decimal("2.0")
    manual_approval_mode: StrictBool = False
    approval_wait_secs: Seconds = 1800
    protections: Protections = Protections()


class _OwnKeys:
    """Checks a pair's keys as `BotSettings` would and keeps only those that are given."""

    def __get_pydantic_core_schema__(self, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_given, handler.generate_schema(BotSettings))


def _given(section: Section) -> dict[str, object]:
    values = {name: getattr(section, name) for name in type(section).model_fields if name in section.model_fields_set}
    return {name: _given(value) if isinstance(value, Section) else value for name, value in values.items()}


def _default_analysts() -> dict[str, AnalystSettings]:
    return {
        "technical": AnalystSettings(model="technical", role="technical"),
        "grok": AnalystSettings(model="x-ai/grok-4.1-fast", role="sentiment", max_cost_usd_per_day=Decimal("1.00")),
        "claude": AnalystSettings(model="anthropic/claude-sonnet-latest", role="technical"),
        "gpt": AnalystSettings(model="openai/gpt-5-mini", role="planner"),
    }


def _default_pairs() -> dict[str, Mapping[str, object]]:
    return {
        "BTCUSDT": {},
        "ETHUSDT": {},
        "XRPUSDT": {},
        "BNBUSDT": {},
        "SOLUSDT": {"trade_amount_usdt": Decimal(30), "cooldown_secs": 600},
    }


class BotsSettings(Section):
    """All bots: the defaults and, per pair, the keys that differ (`bot_settings` puts them together)."""

    enabled_at_start: StrictBool = False
    defaults: BotSettings = BotSettings()
    pairs: Annotated[
        Mapping[Pair, Annotated[Mapping[str, object], _OwnKeys()]],
        BeforeValidator(lambda raw: _default_pairs() if raw is None else raw),
    ] = Field(default_factory=_default_pairs)


# --- secrets ----------------------------------------------------------------------------------------------------------


def _secret(raw: SecretStr | None) -> SecretStr | None:
    text = raw.get_secret_value().strip() if raw else ""
    if not _is_visible_ascii(text):
        raise _rule("must be printable ASCII without spaces")
    return SecretStr(text) if text else None


def _mongodb_uri(raw: SecretStr | None) -> SecretStr | None:
    if raw and not raw.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
        raise _rule("must start with mongodb:// or mongodb+srv://")
    return raw


def _hub_token(raw: SecretStr | None) -> SecretStr | None:
    # It travels in an HTTP header, a WebSocket sub-protocol, a query and a cookie: these characters need no escape in any.
    if raw and re.fullmatch(r"[A-Za-z0-9._~-]+", raw.get_secret_value()) is None:
        raise _rule("must consist of letters, digits and . _ ~ - only")
    return raw


Secret = Annotated[SecretStr | None, AfterValidator(_secret)]


class Secrets(BaseSettings):
    """What only the environment or `.env` may hold; None = absent."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    mongodb_uri: Annotated[Secret, AfterValidator(_mongodb_uri)] = None
    openrouter_api_key: Secret = None
    cryptopanic_api_key: Secret = None
    hub_operator_token: Annotated[Secret, AfterValidator(_hub_token)] = None
    hub_viewer_token: Annotated[Secret, AfterValidator(_hub_token)] = None
    telegram_bot_token: Secret = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what is passed in (the environment, see `load_settings`) and then `.env` files."""
        return init_settings, dotenv_settings


SECRET_NAMES = tuple(name.upper() for name in Secrets.model_fields)


class Settings(Section):
    """Everything the operator can set; `Settings()` holds the defaults and no secret."""

    server: ServerSettings = ServerSettings()
    market: MarketSettings = MarketSettings()
    news: NewsSettings = NewsSettings()
    llm: LlmSettings = LlmSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    analysts: Annotated[
        Mapping[AnalystName, AnalystSettings],
        BeforeValidator(lambda raw: _default_analysts() if raw is None else raw),
    ] = Field(default_factory=_default_analysts)
    paper: PaperSettings = PaperSettings()
    storage: StorageSettings = StorageSettings()
    recorder: RecorderSettings = RecorderSettings()
    logging: LoggingSettings = LoggingSettings()
    notifications: NotificationSettings = NotificationSettings()
    bots: BotsSettings = BotsSettings()
    secrets: Secrets = Field(default_factory=Secrets, repr=False)
