"""Client messages: JSON text to typed, checked requests. Wrong fields are refused, unknown ones named.

A field beside `type` wins over the same field inside `data`; numbers may be JSON numbers or decimal strings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec

from domain import requests
from domain.requests import ConfigValue, Request
from domain.trading import OrderType, Side
from web import rules
from web.rules import Bad, Rule, shown

MAX_REQUEST_ID = 64
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_MAX_DEPTH = 6  # of nested objects in a bot configuration
_MAX_WARNINGS = 50

_SIDES = {"buy": Side.BUY, "long": Side.BUY, "sell": Side.SELL, "short": Side.SELL}

T = TypeVar("T")


class Refused(Exception):
    """The message is not accepted; the session stays open."""

    def __init__(self, code: str, text: str, request_id: str | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class Parsed:
    """One accepted client message."""

    kind: str
    request: Request
    request_id: str | None
    warnings: tuple[str, ...]


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("Infinity")  # an exponent beyond all measure: refused by every range


_decode = msgspec.json.Decoder(float_hook=_decimal).decode


class _OnlyId(msgspec.Struct):
    request_id: object = None


_decode_id = msgspec.json.Decoder(_OnlyId).decode


def request_id_of(text: str) -> str | None:
    """Return the message's request_id where it has a good one, without looking at the rest."""
    try:
        raw = _decode_id(text).request_id
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    return raw if isinstance(raw, str) and len(raw) <= MAX_REQUEST_ID else None


def parse(text: str, *, only: frozenset[str] | None = None) -> Parsed:
    """Return what one text frame asks for.

    Args:
        only: the types a viewer may send; None: all. What is forbidden is refused before its fields are looked at.

    Raises:
        Refused: with code bad_json, bad_message, unknown_type or forbidden.
    """
    try:
        raw = _decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise Refused("bad_json", "A message must be one JSON object.") from None
    if not isinstance(raw, dict):
        raise Refused("bad_message", f"A message must be a JSON object, was {shown(raw)}.")
    request_id = raw.get("request_id")
    if request_id is not None and (not isinstance(request_id, str) or len(request_id) > MAX_REQUEST_ID):
        raise Refused("bad_message", f"request_id must be text of at most 64 characters, was {shown(request_id)}.")
    try:
        return _parse(raw, request_id, only)
    except Bad as error:
        raise Refused("bad_message", f"{error}.", request_id) from None
    except _Unknown as error:
        raise Refused("unknown_type", str(error), request_id) from None


def _parse(raw: dict[str, object], request_id: str | None, only: frozenset[str] | None) -> Parsed:
    kind = raw.get("type")
    if not isinstance(kind, str):
        raise Bad("type", "must be text", kind, given="type" in raw)
    shape = SHAPES.get(kind)
    if shape is None:
        raise _Unknown(f"There is no message type {shown(kind)}.")
    if only is not None and kind not in only:
        raise Refused("forbidden", f"A viewer may not send {kind}.", request_id)
    given = _Fields(raw)
    request = shape.read(given)
    return Parsed(kind, request, request_id, given.warnings())


class _Unknown(Exception):
    """No such message type."""


# --- fields of one message --------------------------------------------------------------------------------------------

_MISSING = object()


class _Fields:
    """The fields of one message by name, and which of them somebody asked for."""

    def __init__(self, raw: dict[str, object]) -> None:
        inner = raw.get("data")
        if inner is not None and not isinstance(inner, dict):
            raise Bad("data", "must be an object", inner)
        self._raw = {**(inner or {}), **{key: value for key, value in raw.items() if key != "data"}}
        self._known = {"type", "request_id", "data"}
        self._prefix: dict[str, str] = {}
        self._warnings: list[str] = []

    def unfold(self, name: str) -> None:
        """Let the fields of the object `name` count as the message's own; the message's own win."""
        inner = self.raw(name)
        if inner is _MISSING or inner is None:
            return
        if not isinstance(inner, dict):
            raise Bad(name, "must be an object", inner)
        self._prefix = {key: f"{name}.{key}" for key in inner if key not in self._raw}
        self._raw = {**inner, **self._raw}

    def raw(self, name: str) -> object:
        self._known.add(name)
        return self._raw.get(name, _MISSING)

    def rest(self) -> dict[str, object]:
        """Return all fields that nobody asked for, and count them as known."""
        rest = {key: value for key, value in self._raw.items() if key not in self._known}
        self._known |= rest.keys()
        return rest

    def warn(self, text: str) -> None:
        self._warnings.append(text)

    def warnings(self) -> tuple[str, ...]:
        unknown = [self._prefix.get(key, key)[:64] for key in self._raw if key not in self._known]
        return tuple([*self._warnings, *(f"unknown field ignored: {name}" for name in unknown)])[:_MAX_WARNINGS]

    def optional(self, name: str, read: Callable[[str, object], T]) -> T | None:
        value = self.raw(name)
        return None if value is _MISSING or value is None else read(name, value)

    def or_default(self, name: str, default: T, read: Callable[[str, object], T]) -> T:
        value = self.raw(name)
        return default if value is _MISSING or value is None else read(name, value)

    def required(self, name: str, read: Callable[[str, object], T]) -> T:
        value = self.raw(name)
        return read(name, None if value is _MISSING else value)


# --- the shape of each message type -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a client message."""

    name: str
    rule: Rule[object]
    into: str = ""  # the attribute of the request, where it has another name
    required: bool = False
    default: object = None  # what counts where the field is left out or null
    note: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """One client message: what the hub reads, and what its documents say.

    `make` builds the request where fields depend on each other; else each field goes into its attribute.
    """

    request: type[Request]
    fields: tuple[Field, ...] = ()
    replies: tuple[str, ...] = ()
    make: Callable[["_Fields", dict[str, Any]], Request] | None = None
    inside: str = ""  # an object that may hold the fields
    open: bool = False  # other fields are a bot configuration

    def read(self, given: "_Fields") -> Request:
        if self.inside:
            given.unfold(self.inside)
        values: dict[str, Any] = {field.into or field.name: self._value(field, given) for field in self.fields}
        if self.make is not None:
            return self.make(given, values)
        return self.request(**values)

    @staticmethod
    def _value(field: Field, given: "_Fields") -> object:
        if field.required:
            return given.required(field.name, field.rule)
        return given.or_default(field.name, field.default, field.rule)


def _execute_trade(given: _Fields, values: dict[str, Any]) -> Request:
    amount, order_type = values["amount"], values["order_type"]
    if (amount is None) == (values["value_usdt"] is None):
        found = "neither" if amount is None else "both"
        raise Bad("amount", "or value_usdt must be given, one of the two", found)
    price = values["price"]
    if price is None and order_type is not OrderType.MARKET:
        raise Bad("price", f"must be given for {order_type.value} orders", None, given=False)
    if order_type is not OrderType.MARKET:
        rules.POSITIVE("price", price)
    if values.pop("margin_mode") == "cross":
        given.warn("margin_mode cross is treated as isolated")
    return requests.ExecuteTrade(**{**values, "price": price or None})


def _update_position(given: _Fields, values: dict[str, Any]) -> Request:
    stop, target = given.raw("stop_loss"), given.raw("take_profit")
    if stop is _MISSING and target is _MISSING:
        raise Bad("stop_loss", "or take_profit must be given", None, given=False)
    return requests.UpdatePosition(**values, remove_stop_loss=stop is None, remove_take_profit=target is None)


def _start_bot(given: _Fields, values: dict[str, Any]) -> Request:
    return requests.StartBot(config=tuple(_flat(given.rest(), "", 1)))


def _update_bot_config(given: _Fields, values: dict[str, Any]) -> Request:
    return requests.UpdateBotConfig(**values, config=tuple(_flat(given.rest(), "", 1)))


def _flat(raw: dict[str, object], path: str, depth: int) -> list[tuple[str, ConfigValue]]:
    if depth > _MAX_DEPTH:
        raise Bad(path, "must not be nested that deep", raw)
    flat: list[tuple[str, ConfigValue]] = []
    for key, value in raw.items():
        where = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            flat += _flat(value, where, depth + 1)
        else:
            flat.append((where, _config_value(where, value)))
    return flat


def _config_value(where: str, value: object) -> ConfigValue:
    if isinstance(value, list):
        if len(value) > 1000 or any(isinstance(item, dict | list) for item in value):
            raise Bad(where, "must be a plain list of at most 1000", value)
        return tuple(_config_value(where, item) for item in value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and rules.number(value) is None:
        raise Bad(where, rules.TOO_LONG, value)
    if value is None or isinstance(value, bool | int | str | Decimal):
        return value
    raise Bad(where, "must be text, a number, true, false or a list of these", value)


_ANY_SYMBOL = Field("symbol", rules.SYMBOL)
_ONE_SYMBOL = Field("symbol", rules.SYMBOL, required=True)
_LIMIT = Field("limit", rules.LIMIT_500, default=50)
_CHOICE = (Field("topics", rules.list_of(rules.TOPIC)), Field("symbols", rules.list_of(rules.SYMBOL)))
_ORDER = Shape(
    requests.ExecuteTrade,
    (
        Field("order_type", rules.one_of({item.value: item for item in OrderType}), default=OrderType.MARKET),
        Field("amount", rules.POSITIVE, note="in the base asset; either this or value_usdt"),
        Field("value_usdt", rules.POSITIVE, note="either this or amount"),
        Field("price", rules.NOT_NEGATIVE, note="the limit, or the trigger of a stop; needed by both, > 0"),
        Field(
            "margin_mode",
            rules.one_of({"isolated": "isolated", "cross": "cross"}),
            default="isolated",
            note="cross is treated as isolated, with a warning",
        ),
        _ONE_SYMBOL,
        Field("direction", rules.one_of(_SIDES), into="side", required=True),
        Field("stop_loss", rules.POSITIVE),
        Field("take_profit", rules.POSITIVE),
        Field("leverage", rules.whole(1, 20), default=1),
        Field("trade_id", rules.TRADE_ID, note="an idempotency key"),
    ),
    ("trade_executed", "order_accepted", "paper_trade_response"),
    make=_execute_trade,
    inside="trade_data",
)

SHAPES: dict[str, Shape] = {
    "get_positions": Shape(requests.GetPositions, replies=("positions_response",)),
    "get_balance": Shape(requests.GetBalance, replies=("balance_update",)),
    "get_trade_history": Shape(
        requests.GetTradeHistory,
        (_LIMIT, _ANY_SYMBOL, Field("before", rules.EPOCH_SECONDS, into="before_ms", note="epoch seconds")),
        ("trade_history_response",),
    ),
    "get_crypto_data": Shape(requests.GetCryptoData, (_ANY_SYMBOL,), ("crypto_data_response",)),
    "get_candles": Shape(
        requests.GetCandles,
        (
            _ONE_SYMBOL,
            Field("interval", rules.INTERVAL, required=True),
            Field("limit", rules.whole(1, 1000), default=500),
        ),
        ("candles_response",),
    ),
    "get_order_book": Shape(
        requests.GetOrderBook,
        (_ONE_SYMBOL, Field("limit", rules.whole(1, 20), default=20)),
        ("order_book_response",),
    ),
    "execute_trade": _ORDER,
    "paper_trade": _ORDER,
    "cancel_order": Shape(
        requests.CancelOrder, (Field("order_id", rules.ORDER_ID, required=True),), ("order_cancelled",)
    ),
    "get_orders": Shape(requests.GetOrders, replies=("orders_response",)),
    "close_position": Shape(
        requests.ClosePosition,
        (_ONE_SYMBOL, Field("fraction", rules.between("0", "1", above=True), default=Decimal(1))),
        ("position_closed",),
    ),
    "update_position": Shape(
        requests.UpdatePosition,
        (
            _ONE_SYMBOL,
            Field("stop_loss", rules.POSITIVE, note="null removes it; left out it stays"),
            Field("take_profit", rules.POSITIVE, note="null removes it; left out it stays"),
        ),
        ("position_update",),
        make=_update_position,
    ),
    "start_bot": Shape(requests.StartBot, replies=("start_bot_response",), make=_start_bot, inside="config", open=True),
    "stop_bot": Shape(requests.StopBot, replies=("stop_bot_response",)),
    "get_bot_status": Shape(requests.GetBotStatus, replies=("bot_status_response",)),
    "get_bot_config": Shape(requests.GetBotConfig, (_ANY_SYMBOL,), ("bot_config_response",)),
    "update_bot_config": Shape(
        requests.UpdateBotConfig,
        (
            Field("symbol", rules.SYMBOL, note="that pair only"),
            Field(
                "reset", rules.list_of(rules.SETTING), default=(), note="what operators changed of these is forgotten"
            ),
        ),
        ("update_bot_config_response",),
        make=_update_bot_config,
        inside="config",
        open=True,
    ),
    "start_analysis": Shape(requests.StartAnalysis, replies=("start_analysis_response",)),
    "stop_analysis": Shape(requests.StopAnalysis, replies=("stop_analysis_response",)),
    "get_analysis_status": Shape(requests.GetAnalysisStatus, replies=("analysis_status_response",)),
    "get_ai_analysis": Shape(requests.GetAiAnalysis, (_ONE_SYMBOL,), ("ai_analysis_response",)),
    "get_all_ai_analysis": Shape(
        requests.GetAllAiAnalysis, (Field("symbols", rules.list_of(rules.SYMBOL)),), ("all_ai_analysis_response",)
    ),
    "get_ai_opportunities": Shape(
        requests.GetAiOpportunities,
        (Field("min_confidence", rules.between("0", "1"), default=Decimal("0.5")),),
        ("ai_opportunities_response",),
    ),
    "get_pending_trades": Shape(requests.GetPendingTrades, replies=("pending_trades_response",)),
    "accept_trade": Shape(
        requests.AcceptTrade, (_ONE_SYMBOL, Field("usdt_amount", rules.POSITIVE)), ("trade_accepted",)
    ),
    "reject_trade": Shape(requests.RejectTrade, (_ONE_SYMBOL,), ("trade_rejected",)),
    "get_news_data": Shape(requests.GetNewsData, (_ANY_SYMBOL, _LIMIT), ("news_data_response",)),
    "get_analysts": Shape(requests.GetAnalysts, replies=("analysts_response",)),
    "get_decisions": Shape(
        requests.GetDecisions,
        (
            _ANY_SYMBOL,
            _LIMIT,
            Field("before", rules.EPOCH_MS, into="before_ms", note="epoch milliseconds"),
            Field("gate", rules.GATE, note="that stopped it"),
            Field("outcome", rules.one_of({"traded": "traded", "blocked": "blocked"})),
            Field("features", rules.FLAG, default=True, note="with all that the analysts were shown"),
        ),
        ("decisions_response",),
    ),
    "get_equity_curve": Shape(
        requests.GetEquityCurve,
        (
            Field("from", rules.EPOCH_MS, into="from_ms", note="epoch milliseconds"),
            Field("to", rules.EPOCH_MS, into="to_ms", note="epoch milliseconds"),
            Field("points", rules.whole(2, 5000), default=500),
        ),
        ("equity_curve_response",),
    ),
    "get_statistics": Shape(requests.GetStatistics, replies=("statistics_response",)),
    "get_health": Shape(requests.GetHealth, replies=("health",)),
    "get_logs": Shape(
        requests.GetLogs,
        (
            Field("limit", rules.LIMIT_500, default=100),
            Field("after", rules.whole(0, 10**14), default=0, note="lines of a greater number"),
            Field("level", rules.one_of({level.lower(): level for level in LOG_LEVELS}), default="DEBUG"),
        ),
        ("logs_response",),
    ),
    "subscribe": Shape(requests.Subscribe, _CHOICE, ("subscribed",)),
    "unsubscribe": Shape(requests.Unsubscribe, _CHOICE, ("subscribed",)),
    "reload_settings": Shape(requests.ReloadSettings, replies=("settings_reloaded",)),
    "ping": Shape(requests.PingServer, (Field("timestamp", rules.TIMESTAMP),), ("pong",)),
}
"""Every client message: what is checked, documented and typed for the dashboard comes from here."""
