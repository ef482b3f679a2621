"""Client messages: JSON text to typed, checked requests. Wrong fields are refused, unknown ones named.

A field beside `type` wins over the same field inside `data`; numbers may be JSON numbers or decimal strings.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TypeVar

import msgspec

from domain import requests
from domain.requests import ConfigValue, Request
from domain.trading import OrderType, Side
from domain.views import TOPICS

MAX_REQUEST_ID = 64
MAX_DIGITS, MAX_DECIMALS = 30, 20  # of a number: a Decimal128 holds 34 digits, and products of two are to be exact
_LENGTH = f"must have at most {MAX_DIGITS} digits and {MAX_DECIMALS} decimals"
_MAX_DEPTH = 6  # of nested objects in a bot configuration
_MAX_WARNINGS = 50

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_SYMBOL = re.compile(r"[A-Z0-9]{2,30}", re.ASCII)
_TRADE_ID = re.compile(r"[A-Za-z0-9._~-]{1,100}", re.ASCII)
_ORDER_ID = re.compile(r"[!-~]{1,160}", re.ASCII)
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
    except _Bad as error:
        raise Refused("bad_message", f"{error}.", request_id) from None
    except _Unknown as error:
        raise Refused("unknown_type", str(error), request_id) from None


def _parse(raw: dict[str, object], request_id: str | None, only: frozenset[str] | None) -> Parsed:
    kind = raw.get("type")
    if not isinstance(kind, str):
        raise _Bad("type", "must be text", kind, given="type" in raw)
    reader = _READERS.get(kind)
    if reader is None:
        raise _Unknown(f"There is no message type {shown(kind)}.")
    if only is not None and kind not in only:
        raise Refused("forbidden", f"A viewer may not send {kind}.", request_id)
    given = _Fields(raw)
    request = reader(given)
    return Parsed(kind, request, request_id, given.warnings())


def shown(value: object) -> str:
    """Return a value as an error text may quote it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(value) if len(value) <= 60 else repr(value[:57] + "...")
    if isinstance(value, int | Decimal):
        text = str(value) if not isinstance(value, int) or abs(value) < 10**60 else "a very large number"
        return text if len(text) <= 60 else "a number of more than 60 digits"
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "something else"


class _Bad(Exception):
    """A field breaks its rule."""

    def __init__(self, name: str, rule: str, value: object, *, given: bool = True) -> None:
        super().__init__(f"{name} {rule}, was {shown(value) if given else 'missing'}")


class _Unknown(Exception):
    """No such message type."""


# --- fields of one message --------------------------------------------------------------------------------------------

_MISSING = object()


class _Fields:
    """The fields of one message by name, and which of them somebody asked for."""

    def __init__(self, raw: dict[str, object]) -> None:
        inner = raw.get("data")
        if inner is not None and not isinstance(inner, dict):
            raise _Bad("data", "must be an object", inner)
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
            raise _Bad(name, "must be an object", inner)
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


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and len(value) <= 64 and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, int) and abs(value) < 10**30:
        return Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        return None
    if value == 0:
        return Decimal(0)
    return None if value.adjusted() >= MAX_DIGITS or _is_too_long(value) else value


def _is_too_long(value: object) -> bool:
    """Return whether `value` is a number that an amount or price of the journal could not keep exactly."""
    if isinstance(value, str) and len(value) <= 64 and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        return False
    _, digits, exponent = value.as_tuple()
    return not isinstance(exponent, int) or exponent < -MAX_DECIMALS or len(digits) > MAX_DIGITS


def _between(low: str, high: str, *, above: bool = False) -> Callable[[str, object], Decimal]:
    floor, top = Decimal(low), Decimal(high)
    rule = f"must be a number {'greater than ' + low + ' and at most' if above else 'from ' + low + ' to'} {high}"

    def read(name: str, value: object) -> Decimal:
        number = _number(value)
        if number is None and _is_too_long(value):
            raise _Bad(name, _LENGTH, value)
        if number is None or number > top or number < floor or (above and number == floor):
            raise _Bad(name, rule, value, given=value is not None)
        return number

    return read


def _whole(low: int, high: int) -> Callable[[str, object], int]:
    def read(name: str, value: object) -> int:
        number = _number(value)
        if number is None or number != number.to_integral_value() or not low <= number <= high:
            raise _Bad(name, f"must be a whole number from {low} to {high}", value, given=value is not None)
        return int(number)

    return read


def _one_of(choices: Mapping[str, T]) -> Callable[[str, object], T]:
    rule = f"must be one of {', '.join(choices)}"

    def read(name: str, value: object) -> T:
        found = choices.get(value.lower()) if isinstance(value, str) else None
        if found is None:
            raise _Bad(name, rule, value, given=value is not None)
        return found

    return read


def _symbol(name: str, value: object) -> str:
    symbol = value.upper() if isinstance(value, str) and len(value) <= 30 else ""
    if _SYMBOL.fullmatch(symbol) is None:
        raise _Bad(name, "must be a pair such as BTCUSDT", value, given=value is not None)
    return symbol


def _matching(pattern: re.Pattern[str], rule: str) -> Callable[[str, object], str]:
    def read(name: str, value: object) -> str:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise _Bad(name, rule, value, given=value is not None)
        return value

    return read


def _list_of(read_item: Callable[[str, object], str]) -> Callable[[str, object], tuple[str, ...]]:
    def read(name: str, value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) > 1000:
            raise _Bad(name, "must be a list of at most 1000", value)
        return tuple(dict.fromkeys(read_item(f"{name}[{index}]", item) for index, item in enumerate(value)))

    return read


def _topic(name: str, value: object) -> str:
    if not isinstance(value, str) or value not in TOPICS:
        raise _Bad(name, "must be the type of a server message, such as price_update", value)
    return value


_positive = _between("0", "1000000000000", above=True)
_not_negative = _between("0", "1000000000000")
_trade_id = _matching(_TRADE_ID, "must be 1 to 100 letters, digits and . _ ~ -")
_order_id = _matching(_ORDER_ID, "must be 1 to 160 visible characters")
_interval = _matching(re.compile(r"[0-9]{1,2}[smhdwM]"), "must be an interval such as 1m")
_epoch_ms = _whole(0, 10**14)
_limit_500 = _whole(1, 500)


def _epoch_seconds(name: str, value: object) -> int:
    return int(_between("0", "100000000000")(name, value) * 1000)


# --- one reader per message type --------------------------------------------------------------------------------------


def _execute_trade(given: _Fields) -> Request:
    given.unfold("trade_data")
    order_type = given.or_default("order_type", OrderType.MARKET, _one_of({item.value: item for item in OrderType}))
    amount = given.optional("amount", _positive)
    value_usdt = given.optional("value_usdt", _positive)
    if (amount is None) == (value_usdt is None):
        found = "neither" if amount is None else "both"
        raise _Bad("amount", "or value_usdt must be given, one of the two", found)
    price = given.optional("price", _not_negative if order_type is OrderType.MARKET else _positive)
    if price is None and order_type is not OrderType.MARKET:
        raise _Bad("price", f"must be given for {order_type.value} orders", None, given=False)
    if given.or_default("margin_mode", "isolated", _one_of({"isolated": "isolated", "cross": "cross"})) == "cross":
        given.warn("margin_mode cross is treated as isolated")
    return requests.ExecuteTrade(
        symbol=given.required("symbol", _symbol),
        side=given.required("direction", _one_of(_SIDES)),
        order_type=order_type,
        amount=amount,
        value_usdt=value_usdt,
        price=price or None,
        stop_loss=given.optional("stop_loss", _positive),
        take_profit=given.optional("take_profit", _positive),
        leverage=given.or_default("leverage", 1, _whole(1, 20)),
        trade_id=given.optional("trade_id", _trade_id),
    )


def _update_position(given: _Fields) -> Request:
    symbol = given.required("symbol", _symbol)
    stop, target = given.raw("stop_loss"), given.raw("take_profit")
    if stop is _MISSING and target is _MISSING:
        raise _Bad("stop_loss", "or take_profit must be given", None, given=False)
    return requests.UpdatePosition(
        symbol=symbol,
        stop_loss=given.optional("stop_loss", _positive),
        take_profit=given.optional("take_profit", _positive),
        remove_stop_loss=stop is None,
        remove_take_profit=target is None,
    )


def _config(given: _Fields) -> tuple[tuple[str, ConfigValue], ...]:
    given.unfold("config")
    return tuple(_flat(given.rest(), "", 1))


def _flat(raw: dict[str, object], path: str, depth: int) -> list[tuple[str, ConfigValue]]:
    if depth > _MAX_DEPTH:
        raise _Bad(path, "must not be nested that deep", raw)
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
            raise _Bad(where, "must be a plain list of at most 1000", value)
        return tuple(_config_value(where, item) for item in value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and _number(value) is None:
        raise _Bad(where, _LENGTH, value)
    if value is None or isinstance(value, bool | int | str | Decimal):
        return value
    raise _Bad(where, "must be text, a number, true, false or a list of these", value)


def _ping(given: _Fields) -> Request:
    value = given.raw("timestamp")
    if value is _MISSING or value is None:
        return requests.PingServer()
    number = _number(value)
    if isinstance(value, str) and len(value) <= 64:
        return requests.PingServer(timestamp=value)
    if number is None or isinstance(value, str):
        raise _Bad("timestamp", "must be a number or a short text", value)
    return requests.PingServer(timestamp=number)


_READERS: dict[str, Callable[[_Fields], Request]] = {
    "get_positions": lambda given: requests.GetPositions(),
    "get_balance": lambda given: requests.GetBalance(),
    "get_trade_history": lambda given: requests.GetTradeHistory(
        limit=given.or_default("limit", 50, _limit_500),
        symbol=given.optional("symbol", _symbol),
        before_ms=given.optional("before", _epoch_seconds),
    ),
    "get_crypto_data": lambda given: requests.GetCryptoData(symbol=given.optional("symbol", _symbol)),
    "get_candles": lambda given: requests.GetCandles(
        symbol=given.required("symbol", _symbol),
        interval=given.required("interval", _interval),
        limit=given.or_default("limit", 500, _whole(1, 1000)),
    ),
    "execute_trade": _execute_trade,
    "paper_trade": _execute_trade,
    "cancel_order": lambda given: requests.CancelOrder(order_id=given.required("order_id", _order_id)),
    "get_orders": lambda given: requests.GetOrders(),
    "close_position": lambda given: requests.ClosePosition(
        symbol=given.required("symbol", _symbol),
        fraction=given.or_default("fraction", Decimal(1), _between("0", "1", above=True)),
    ),
    "update_position": _update_position,
    "start_bot": lambda given: requests.StartBot(config=_config(given)),
    "stop_bot": lambda given: requests.StopBot(),
    "get_bot_status": lambda given: requests.GetBotStatus(),
    "get_bot_config": lambda given: requests.GetBotConfig(symbol=given.optional("symbol", _symbol)),
    "update_bot_config": lambda given: requests.UpdateBotConfig(
        symbol=given.optional("symbol", _symbol), config=_config(given)
    ),
    "start_analysis": lambda given: requests.StartAnalysis(),
    "stop_analysis": lambda given: requests.StopAnalysis(),
    "get_analysis_status": lambda given: requests.GetAnalysisStatus(),
    "get_ai_analysis": lambda given: requests.GetAiAnalysis(symbol=given.required("symbol", _symbol)),
    "get_all_ai_analysis": lambda given: requests.GetAllAiAnalysis(
        symbols=given.optional("symbols", _list_of(_symbol))
    ),
    "get_ai_opportunities": lambda given: requests.GetAiOpportunities(
        min_confidence=given.or_default("min_confidence", Decimal("0.5"), _between("0", "1"))
    ),
    "get_pending_trades": lambda given: requests.GetPendingTrades(),
    "accept_trade": lambda given: requests.AcceptTrade(
        symbol=given.required("symbol", _symbol), usdt_amount=given.optional("usdt_amount", _positive)
    ),
    "reject_trade": lambda given: requests.RejectTrade(symbol=given.required("symbol", _symbol)),
    "get_news_data": lambda given: requests.GetNewsData(
        symbol=given.optional("symbol", _symbol), limit=given.or_default("limit", 50, _limit_500)
    ),
    "get_analysts": lambda given: requests.GetAnalysts(),
    "get_decisions": lambda given: requests.GetDecisions(
        symbol=given.optional("symbol", _symbol),
        limit=given.or_default("limit", 50, _limit_500),
        before_ms=given.optional("before", _epoch_ms),
    ),
    "get_equity_curve": lambda given: requests.GetEquityCurve(
        from_ms=given.optional("from", _epoch_ms),
        to_ms=given.optional("to", _epoch_ms),
        points=given.or_default("points", 500, _whole(2, 5000)),
    ),
    "get_statistics": lambda given: requests.GetStatistics(),
    "get_health": lambda given: requests.GetHealth(),
    "subscribe": lambda given: requests.Subscribe(
        topics=given.optional("topics", _list_of(_topic)), symbols=given.optional("symbols", _list_of(_symbol))
    ),
    "unsubscribe": lambda given: requests.Unsubscribe(
        topics=given.optional("topics", _list_of(_topic)), symbols=given.optional("symbols", _list_of(_symbol))
    ),
    "reload_settings": lambda given: requests.ReloadSettings(),
    "ping": _ping,
}
