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
from typing import Annotated, Any, Literal
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
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from domain import money
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
        return f"between {money.text(self.low)} and {money.text(self.high)}"

    def __get_pydantic_core_schema__(self, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._whole if source is int else self._decimal)

    def _decimal(self, raw: object) -> Decimal:
        number = _as_number(raw)
        if number is None:
            raise _rule(f"must be a number {self}")
        if not number.is_finite() or not self.low <= number <= self.high:
            raise _rule(f"must be {self}")
        if round(number, MAX_DECIMALS) != number:
            raise _rule(f"must have at most {MAX_DECIMALS} decimals")
        return number

    def _whole(self, raw: object) -> int:
        number = self._decimal(raw)
        if number != number.to_integral_value():
            raise _rule(f"must be a whole number {self}")
        return int(number)


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


def _without_noise(number: Decimal) -> Decimal:
    """Round what binary arithmetic left behind: 0.15000000000000002 was meant as 0.15."""
    if not number.is_finite() or number.adjusted() > 18:
        return number
    rounded = round(number, MAX_DECIMALS)
    return number if rounded == number else rounded


def _matching(pattern: str, rule: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(raw: str) -> str:
        if compiled.fullmatch(raw) is None:
            raise _rule(rule)
        return raw

    return AfterValidator(check)


def _url(raw: str, schemes: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(raw)
        well_formed = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        well_formed = False
    if not well_formed or parts.scheme not in schemes or not _is_visible_ascii(raw):
        raise _rule(f"must be an address that starts with {' or '.join(f'{s}://' for s in schemes)}")
    if "@" in parts.netloc:
        raise _rule("must not carry a user name or password")
    return raw


def _is_visible_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _http_url(raw: str) -> str:
    return _url(raw, ("https", "http"))


def _stream_url(raw: str) -> str:
    return _url(raw, ("wss", "ws"))


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


def _not_consensus(raw: str) -> str:
    if raw == "consensus":
        raise _rule("must not be 'consensus', which names the combined signal")
    return raw


def _file_name(raw: str) -> str:
    if not raw.strip() or not raw.isprintable():
        raise _rule("must be the name of a file or folder")
    return raw


def _database(raw: str) -> str:
    if raw in ("admin", "local", "config"):
        raise _rule("must not be admin, local or config, which are the server's own")
    if raw.endswith(("_sim", "_rec")):
        raise _rule("must not end in _sim or _rec, which mark simulated and recorded prices")
    return raw


def _number_as_text(raw: object) -> object:
    if isinstance(raw, int | Decimal) and not isinstance(raw, bool):
        return money.text(Decimal(raw))
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


# those of Binance whose candles are all of one length, and 2m, 10m, 20m, 45m, 3h, which are built from 1 m candles
Interval = Literal[
    "1s", "1m", "2m", "3m", "5m", "10m", "15m", "20m", "30m", "45m", "1h", "2h", "3h", "4h", "6h", "8h", "12h", "1d"
]  # fmt: skip
Source = Literal["auto", "binance", "simulated", "recorded"]
NotificationEvent = Literal["fill", "exit", "alert", "gave_up"]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
StreamUrl = Annotated[str, AfterValidator(_stream_url)]
Origin = Annotated[
    str,
    AfterValidator(str.lower),
    _matching(
        r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?",
        "must be an origin such as http://localhost:3000, without a path",
    ),
]
Host = Annotated[str, AfterValidator(_host)]
Network = Annotated[str, AfterValidator(_network)]
Pair = Annotated[str, _matching(r"[A-Z0-9]{2,20}USDT", "must be an upper-case pair quoted in USDT, such as BTCUSDT")]
AnalystName = Annotated[
    str,
    _matching(r"[a-z][a-z0-9_-]{0,30}", "must be a name of at most 31 of a-z, 0-9, _ and -, starting with a letter"),
    AfterValidator(_not_consensus),
]
ModelName = Annotated[
    str,
    _matching(
        r"[A-Za-z0-9~@][A-Za-z0-9._:/~@+-]{0,127}", "must be 'technical' or a model id such as openai/gpt-5-mini"
    ),
]
ProviderName = Annotated[
    str,
    _matching(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}", "must be a provider's name as OpenRouter spells it"),
]
FileName = Annotated[str, AfterValidator(_file_name)]
Database = Annotated[
    str,
    _matching(r"[A-Za-z0-9_-]{1,48}", "must be a database name of at most 48 of A-Z, a-z, 0-9, _ and -"),
    AfterValidator(_database),
]
ChatId = Annotated[
    str,
    BeforeValidator(_number_as_text),
    _matching(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{1,64}", "must be a Telegram chat number or @channel"),
]

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
    max_concurrent_calls: Annotated[int, Between(1, 100)] = 4
    answer_format: Literal["auto", "json_schema", "json_object", "prompt"] = "auto"
    provider_order: Annotated[tuple[ProviderName, ...], AfterValidator(_no_repeats)] = ()
    provider_only: Annotated[tuple[ProviderName, ...], AfterValidator(_no_repeats)] = ()
    provider_ignore: Annotated[tuple[ProviderName, ...], AfterValidator(_no_repeats)] = ()
    provider_fallbacks: StrictBool = True


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
    fallbacks: Annotated[tuple[ModelName, ...], AfterValidator(_no_repeats)] = ()


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
    min_free_mib: Annotated[int, Between(0, 1_048_576)] = 1024


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
    # It travels in a header, a WebSocket sub-protocol, a query and a cookie: none of them escapes these characters.
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


# --- reading the file -------------------------------------------------------------------------------------------------

_Problem = tuple[str, str]  # dotted path; what must hold and what was found

_WORDS: Mapping[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), Decimal("NaN")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), Decimal("Infinity")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), Decimal("-Infinity")),
}


def load_settings(
    path: Path | str = "settings.yaml",
    *,
    environ: Mapping[str, str] | None = None,
    env_files: Sequence[Path] | None = None,
    market: str | None = None,
    serving: bool = True,
) -> Settings:
    """Read the settings file, and the secrets from the environment and `.env`.

    Args:
        path: the settings file, YAML in UTF-8.
        environ: where secrets are looked up first; None = the process's environment.
        env_files: where they are looked up next, the last file wins; None = `.env` in the current folder and beside
            the settings file.
        market: replaces `market.source` (the command line's `--market`).
        serving: False for tools that open no port: the rules about exposing one are not applied.

    Raises:
        SettingsError: one line per error, sorted by path: `<path>: <rule>, was <value>`. No secret stands in it.
    """
    path = Path(path)
    raw, problems = _read_yaml(path)
    if market is not None:
        section = raw.get("market")
        raw["market"] = {**(section if isinstance(section, Mapping) else {}), "source": market}
    if env_files is None:
        env_files = (Path(".env"), path.parent / ".env")
    secrets, secret_problems = _read_secrets(os.environ if environ is None else environ, env_files)
    return _parse(raw, secrets, [*problems, *secret_problems], serving=serving)


def parse_settings(raw: Mapping[str, object], secrets: Secrets | None = None, *, serving: bool = True) -> Settings:
    """Return the settings that `raw`, the content of a settings file, and `secrets` make.

    Raises:
        SettingsError: as `load_settings`.
    """
    return _parse(raw, secrets or Secrets(), [], serving=serving)


def _parse(raw: Mapping[str, object], secrets: Secrets, problems: Iterable[_Problem], *, serving: bool) -> Settings:
    problems = list(problems)
    if "secrets" in raw:
        problems.append(("secrets", "must stand in the environment or .env (value not shown)"))
    try:
        settings = Settings.model_validate({**raw, "secrets": secrets})
    except ValidationError as error:
        problems += _problems(error)
    else:
        problems += _exposure_problems(settings) if serving else []
    if problems:
        raise _settings_error(problems, secrets)
    return settings


def _exposure_problems(settings: Settings) -> list[_Problem]:
    operator, viewer = settings.secrets.hub_operator_token, settings.secrets.hub_viewer_token
    found: list[_Problem] = []
    if operator and viewer and operator == viewer:
        found.append(("HUB_VIEWER_TOKEN", "must differ from HUB_OPERATOR_TOKEN (values not shown)"))
    if not is_loopback(settings.server.host):
        where = f"where server.host is not a loopback address, was {_found(settings.server.host)}"
        if operator is None:
            found.append(("HUB_OPERATOR_TOKEN", f"must be set {where}"))
        elif len(operator) < OPERATOR_TOKEN_LENGTH:
            found.append(("HUB_OPERATOR_TOKEN", f"must have at least {OPERATOR_TOKEN_LENGTH} characters {where}"))
    return found


def _read_secrets(environ: Mapping[str, str], env_files: Sequence[Path]) -> tuple[Secrets, list[_Problem]]:
    given = {name.lower(): environ[name] for name in SECRET_NAMES if environ.get(name, "").strip()}
    try:
        return Secrets(_env_file=env_files, **given), []  # type: ignore[arg-type]  # text becomes SecretStr
    except ValidationError as error:
        return Secrets(), [
            (str(details["loc"][0]).upper(), f"{_rule_of(details)} (value not shown)") for details in error.errors()
        ]
    except (OSError, UnicodeDecodeError) as error:
        return Secrets(), [(".env", f"must be a readable UTF-8 file, was not ({type(error).__name__})")]


def _read_yaml(path: Path) -> tuple[dict[str, object], list[_Problem]]:
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise SettingsError(f"{path}: must exist, was not found") from None
    except OSError as error:
        raise SettingsError(f"{path}: must be a readable file, was not ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: must be UTF-8, was not at byte {error.start}") from None
    return _parse_yaml(text, path.name)


def _parse_yaml(text: str, name: str) -> tuple[dict[str, object], list[_Problem]]:
    problems: list[_Problem] = []
    try:
        node = _NodeLoader(text).get_single_node()
        raw = _build(node, "", problems) if node else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "its end"
        raise SettingsError(f"{name}: must be valid YAML, was not at {where}: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise SettingsError(f"{name}: must be valid YAML, was not at line {line}: unprintable character") from None
    except RecursionError:
        raise SettingsError(f"{name}: must be valid YAML, was nested too deeply") from None
    if raw is not None and not isinstance(raw, dict):
        raise SettingsError(f"{name}: must be a mapping of sections, was {_kind(raw)}")
    return raw or {}, problems


_PLAIN_TAGS: Mapping[type[yaml.Node], str] = {
    yaml.MappingNode: "tag:yaml.org,2002:map",
    yaml.SequenceNode: "tag:yaml.org,2002:seq",
    yaml.ScalarNode: "tag:yaml.org,2002:str",
}


class _NodeLoader(yaml.SafeLoader):
    """Composes nodes and leaves their text alone: `_scalar` gives it a type.

    Aliases are refused, because a few lines of them can grow without bound.
    """

    def resolve(self, kind: type[yaml.Node], value: object, implicit: object) -> str:
        return _PLAIN_TAGS[kind]

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            alias = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it untyped
            raise yaml.composer.ComposerError(None, None, "aliases are not supported", alias.start_mark)
        return super().compose_node(parent, index)


def _build(node: yaml.Node, path: str, problems: list[_Problem]) -> object:
    if node.tag != _PLAIN_TAGS[type(node)]:
        problems.append((path, f"must not carry a tag (line {node.start_mark.line + 1})"))
    match node:
        case yaml.MappingNode():
            return _build_mapping(node, path, problems)
        case yaml.SequenceNode():
            return [_build(item, f"{path}[{index}]", problems) for index, item in enumerate(node.value)]
        case yaml.ScalarNode():
            return _scalar(node)
    raise TypeError(f"a YAML node must be a mapping, a sequence or a scalar, was {type(node).__name__}")


def _build_mapping(node: yaml.MappingNode, path: str, problems: list[_Problem]) -> dict[str, object]:
    built: dict[str, object] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append((path, f"must have plain keys, was {_kind(key_node.value)} (line {line})"))
            continue
        key = str(key_node.value)
        where = _join(path, key)
        if key.upper() in SECRET_NAMES:
            problems.append((where, f"must stand in the environment or .env (line {line}, value not shown)"))
        elif key in built:
            problems.append((where, f"must be given once, was given again (line {line})"))
        else:
            built[key] = _build(value_node, where, problems)
    return built


def _scalar(node: yaml.ScalarNode) -> object:
    text = str(node.value)
    if node.style is not None:  # quoted or block text
        return text
    if text in _WORDS:
        return _WORDS[text]
    # Built from the text itself: 0.1 is exactly 0.1, whatever binary would make of it.
    return Decimal(text) if _NUMBER.fullmatch(text) else text


# --- naming what is wrong ---------------------------------------------------------------------------------------------

_RULES = {
    "bool_type": "must be true or false",
    "extra_forbidden": "unknown key",
    "missing": "must be given",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), "must be a mapping"),
}
_PRIVATE = re.compile(r"key|token|secret|passw|credential|uri|webhook|mongodb", re.IGNORECASE)
_SECRET_LIKE = re.compile(r"\bsk-[\w-]{8,}|(?<=://)[^\s'\"]*@")
_UNSHOWN = frozenset({"mapping_type", "dict_type", "model_type"})


def _settings_error(problems: Iterable[_Problem], secrets: Secrets | None = None) -> SettingsError:
    text = "\n".join(f"{path}: {problem}" for path, problem in sorted(set(problems)))
    return SettingsError(_redacted(text, secrets))


def _redacted(text: str, secrets: Secrets | None) -> str:
    for name in Secrets.model_fields if secrets else ():
        secret: SecretStr | None = getattr(secrets, name)
        if secret:
            # By its beginning, because a long value may have been cut.
            text = re.sub(re.escape(secret.get_secret_value()[:8]) + r"[^\s'\"]*", "***", text)
    return _SECRET_LIKE.sub("***", text)


def _problems(error: ValidationError, prefix: str = "") -> list[_Problem]:
    return [_problem(details, prefix) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, prefix: str) -> _Problem:
    path = prefix
    for step in details["loc"]:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step != "[key]":
            path = _join(path, step)
    return path, f"{_rule_of(details)}{_was(details, path)}"


def _rule_of(details: ErrorDetails) -> str:
    if details["type"] == "literal_error":
        return f"must be {details['ctx']['expected']}"
    return _RULES.get(details["type"], details["msg"])


def _was(details: ErrorDetails, path: str) -> str:
    kind, value = details["type"], details["input"]
    if kind == "missing":
        return ", was not"
    if _PRIVATE.search(path.rpartition(".")[2]):
        return " (value not shown)"
    # Where a mapping must stand, text may be a line of `.env` that lost its way: its content is not repeated.
    return f", was {_kind(value) if kind in _UNSHOWN else _found(value)}"


def _found(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(value) if len(value) <= 60 else repr(value[:57] + "...")
    if isinstance(value, int | float | Decimal):
        text = str(value if isinstance(value, float) else Decimal(value))
        return text if len(text) <= 60 else "a number of more than 60 digits"
    return _kind(value)


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return _found(value) if value is None or isinstance(value, bool | int | float | Decimal) else type(value).__name__


def _join(path: str, key: str) -> str:
    key = key if len(key) <= 64 and key.isprintable() else repr(key[:61] + "...")
    return f"{path}.{key}" if path else key


# --- settings of one bot ----------------------------------------------------------------------------------------------

_USD_EXITS = frozenset({"stop_loss_usd", "profit_target_usd", "trailing_trigger_usd", "trailing_distance_usd"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BotConfigChange:
    """What a client asked for with `start_bot` or `update_bot_config`, checked."""

    changes: Mapping[str, object]  # keys of BotSettings only; `protections` is nested
    allowed_pairs: tuple[str, ...] | None  # exactly these pairs are to be enabled; None = not given
    signal_sources: tuple[str, ...] | None  # exactly these analysts, besides `technical`; None = not given
    ignored: tuple[str, ...]  # names nobody knows, in the order given: warnings


def _upper(raw: object) -> object:
    return raw.upper() if isinstance(raw, str) else raw


class _ClientKeys(Section):
    """The keys of a client's bot configuration that are no settings of a bot."""

    allowed_pairs: tuple[Annotated[Pair, BeforeValidator(_upper)], ...] | None = None
    signal_sources: tuple[AnalystName, ...] | None = None
    test_mode: StrictBool = True  # accepted and without effect: every order here is a paper order


def bot_settings(settings: Settings, pair: str) -> BotSettings:
    """Return the settings of `pair`: the defaults overlaid by the pair's own keys.

    Raises:
        SettingsError: `pair` has no entry in `bots.pairs`.
    """
    if pair not in settings.bots.pairs:
        raise SettingsError(f"bots.pairs: must name {_found(pair)}, was {_found(', '.join(settings.bots.pairs))}")
    return overlay(settings.bots.defaults, settings.bots.pairs[pair])


def overlay(bot: BotSettings, changes: Mapping[str, object]) -> BotSettings:
    """Return `bot` with `changes`; keys may be nested or dotted (`protections.stoploss_guard.trades`).

    Raises:
        SettingsError: all errors of `changes`; `bot` stays in force.
    """
    nested, problems = _nested(changes)
    everything = {name: _plain(value) for name, value in bot}
    try:
        changed = BotSettings.model_validate(_merged(everything, nested))
    except ValidationError as error:
        problems += _problems(error)
    if problems:
        raise _settings_error(problems)
    return changed


def parse_bot_config(raw: Mapping[str, object]) -> BotConfigChange:
    """Check the configuration that a client sent with `start_bot` or `update_bot_config`.

    Numbers may be JSON numbers or decimal strings. Exits in US dollars without `exits` select `exits: usd`.

    Raises:
        SettingsError: all errors of the known keys; nothing is to change.
    """
    nested, problems = _nested(raw)
    wanted = {key: _without_client_noise(value) for key, value in nested.items() if key in BotSettings.model_fields}
    separate = {key: value for key, value in nested.items() if key in _ClientKeys.model_fields}
    if _USD_EXITS & wanted.keys():
        wanted.setdefault("exits", "usd")
    try:
        changes = _given(BotSettings.model_validate(wanted))
    except ValidationError as error:
        problems += _problems(error)
    try:
        client = _ClientKeys.model_validate(separate)
    except ValidationError as error:
        problems += _problems(error)
    if problems:
        raise _settings_error(problems)
    return BotConfigChange(
        changes=changes,
        allowed_pairs=_once(client.allowed_pairs),
        signal_sources=_once(client.signal_sources),
        ignored=tuple(key for key in nested if key not in wanted and key not in separate),
    )


def _nested(flat: Mapping[str, object]) -> tuple[dict[str, object], list[_Problem]]:
    nested: dict[str, object] = {}
    problems: list[_Problem] = []
    for key, value in flat.items():
        first, *rest = key.split(".")
        for name in reversed(rest):
            value = {name: value}
        known = nested.get(first)
        if first not in nested:
            nested[first] = value
        elif isinstance(known, Mapping) and isinstance(value, Mapping):
            nested[first] = _merged(known, value)
        else:
            problems.append((key, "must be given once, was given again"))
    return nested, problems


def _merged(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    merged = dict(below)
    for key, value in above.items():
        known = merged.get(key)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(known, value) if both else value  # type: ignore[arg-type]  # both are mappings here
    return merged


def _without_client_noise(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_client_noise(item) for key, item in value.items()}
    return _without_noise(value) if isinstance(value, Decimal) else value


def _once(values: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(dict.fromkeys(values))


# --- plain form, hash, difference -------------------------------------------------------------------------------------

Plain = bool | int | str | list["Plain"] | dict[str, "Plain"]

RESTART = (
    *SECRET_NAMES,
    "server.host",
    "server.port",
    "market.source",
    "market.rest_urls",
    "market.stream_urls",
    "market.intervals",
    "market.history",
    "market.recording",
    "news.cryptopanic_url",
    "news.rss",
    "news.fear_greed_url",
    "llm.base_url",
    "analysis.enabled_at_start",
    "analysts.*",
    "analysts.*.model",
    "analysts.*.role",
    "paper.balance_usdt",
    "storage.data_dir",
    "storage.database",
    "storage.min_free_mib",
    "recorder.enabled",
    "recorder.max_gib",
    "logging.json_file",
    "logging.max_mib",
    "logging.keep",
    "bots.enabled_at_start",
    "bots.pairs.*",
)
"""Paths that take effect at the next start; `*` stands for one name. `analysts.*` and `bots.pairs.*` are whole entries
that came or went: each has an actor of its own. A pair that is added is followed at once all the same."""


def as_plain(section: Section) -> dict[str, Plain]:
    """Return `section` as JSON can hold it: fractions as text, absent for null, no float, no secret."""
    return {name: _plain(value) for name, value in section if value is not None and not isinstance(value, Secrets)}


def as_flat(section: Section | Mapping[str, object]) -> tuple[tuple[str, bool | int | str], ...]:
    """Return the plain form of `section` as sorted (dotted path, value); items of lists are numbered from 0."""
    return tuple(sorted(_leaves(_plain(section), "")))


DECIDES_NOTHING = (
    "logging",
    "market.recording",
    "market.rest_urls",
    "market.stream_urls",
    "notifications",
    "recorder",
    "server",
    "storage",
)
"""Where the desk listens, stores, logs and finds its data. The same desk at another place decides the same."""


def as_decided(settings: Settings) -> dict[str, Plain]:
    """Return the plain form of what decides opinions, orders and fills: all but the secrets and `DECIDES_NOTHING`."""
    plain = as_plain(settings)
    for path in DECIDES_NOTHING:
        *above, key = path.split(".")
        section = plain
        for name in above:
            inner = section[name]
            assert isinstance(inner, dict)
            section = inner
        section.pop(key, None)
    return plain


def as_recorded(settings: Settings) -> dict[str, Plain]:
    """Return the plain form of all that actors look at, without addresses: `parse_settings` makes the same of it."""
    return as_decided(settings) | {"storage": {"min_free_mib": _plain(settings.storage.min_free_mib)}}


def settings_hash(settings: Settings) -> str:
    """Return the SHA-256, in hexadecimal, of the canonical JSON of `as_decided`: runs with one hash are comparable."""
    text = json.dumps(as_decided(settings), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def diff(old: Settings, new: Settings) -> tuple[str, ...]:
    """Return the sorted dotted paths that differ; a secret is named by its environment variable.

    A list is one value. An analyst or pair that came or went is named by its own path (`bots.pairs.ADAUSDT`).
    """
    secrets = [
        name.upper() for name in Secrets.model_fields if getattr(old.secrets, name) != getattr(new.secrets, name)
    ]
    return tuple(sorted([*secrets, *_changed(as_plain(old), as_plain(new), "")]))


def needs_restart(paths: Iterable[str]) -> tuple[str, ...]:
    """Return those of `paths` that take effect only at the next start (`RESTART`)."""
    return tuple(path for path in paths if any(_matches(path, pattern) for pattern in RESTART))


def _plain(value: object) -> Plain:
    if isinstance(value, Section):
        return as_plain(value)
    if isinstance(value, Decimal):
        return money.text(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool | int | str):
        return value
    raise TypeError(f"a setting must be text, a number or true/false, was {type(value).__name__}")


def _leaves(value: Plain, path: str) -> list[tuple[str, bool | int | str]]:
    if isinstance(value, list):
        value = {str(index): item for index, item in enumerate(value)}
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in _leaves(item, _join(path, key))]
    return [(path, value)]


def _changed(old: Mapping[str, Plain], new: Mapping[str, Plain], path: str) -> list[str]:
    paths: list[str] = []
    for key in old.keys() | new.keys():
        before, after, where = old.get(key), new.get(key), _join(path, key)
        if isinstance(before, dict) and isinstance(after, dict):
            paths += _changed(before, after, where)
        elif before != after:
            paths.append(where)
    return paths


def _matches(path: str, pattern: str) -> bool:
    steps, wanted = path.split("."), pattern.split(".")
    return len(steps) == len(wanted) and all(want in ("*", step) for step, want in zip(steps, wanted, strict=True))
