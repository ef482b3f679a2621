"""From a model's text to opinions: exactly the agreed JSON becomes one, anything else a reason why not.

Tolerated are one code fence around the JSON, unknown extra fields, and opinions on symbols nobody asked for.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from domain import money
from domain.analysis import Action, Features, Opinion, RiskLevel
from domain.ports import ModelAnswer

MAX_ANSWER_LENGTH = 200_000
MAX_HORIZON_MINUTES = 10_080
REASONING_LENGTH = 1000
HIGHEST_PRICE = Decimal(10) ** 12

_FENCE = re.compile(r"```[ \t]*(?:json|JSON)?[ \t]*\r?\n(.*?)\r?\n?[ \t]*```", re.DOTALL)
_STEP = Decimal("0.00000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a model said of one pair, checked against the schema and the pair's price."""

    action: Action
    confidence: float
    sentiment: float
    horizon_minutes: int
    stop_loss: Decimal | None
    take_profit: Decimal | None
    risk_level: RiskLevel
    reasoning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """Why there is no view of a pair: one sentence without a full stop, fit for people and for the model."""

    reason: str


class _Bad(Exception):
    """Found while parsing; becomes an Unusable."""


def read_answer(answer: ModelAnswer, asked: Sequence[Features]) -> dict[str, View | Unusable]:
    """Return a view or a reason for every asked pair, in the order asked."""
    if answer.outcome != "ok":
        unusable = Unusable(reason=_OUTCOMES.get(answer.outcome, "the call failed") + _because(answer.detail))
        return {features.pair: unusable for features in asked}
    return parse_answer(answer.text, asked)


_OUTCOMES = {
    "timeout": "the model did not answer in time",
    "refused": "the model refused to answer",
    "cut_off": "the answer was cut off",
    "empty": "the answer was empty",
    "error": "the call failed",
    "busy": "no call was made",
}


def _because(detail: str) -> str:
    return f": {detail}" if detail else ""


def parse_answer(text: str, asked: Sequence[Features]) -> dict[str, View | Unusable]:
    """Return a view or a reason for every asked pair, in the order asked.

    Args:
        text: what the model wrote.
        asked: the features it was shown, one per pair; stop and target are checked against their price.
    """
    try:
        entries = _entries(text)
    except _Bad as error:
        return {features.pair: Unusable(reason=str(error)) for features in asked}
    return {features.pair: _view(entries, features) for features in asked}


def opinion(
    view: View,
    features: Features,
    *,
    analyst: str,
    model: str,
    round_id: str,
    formed_ms: int,
    cost_usd: Decimal,
    latency_ms: int,
    prompt_hash: str,
) -> Opinion:
    """Return `view` as the opinion of `analyst` on the pair of `features`."""
    return Opinion(
        analyst=analyst,
        pair=features.pair,
        action=view.action,
        confidence=view.confidence,
        sentiment=view.sentiment,
        horizon_minutes=view.horizon_minutes,
        stop_loss=view.stop_loss,
        take_profit=view.take_profit,
        risk_level=view.risk_level,
        reasoning=view.reasoning,
        price=features.price,
        formed_ms=formed_ms,
        round_id=round_id,
        model=model,
        cost_usd=cost_usd,
        latency_ms=latency_ms,
        prompt_hash=prompt_hash,
    )


def _entries(text: str) -> list[dict[str, object]]:
    """Return the objects of the `opinions` list."""
    if len(text) > MAX_ANSWER_LENGTH:
        raise _Bad(f"the answer must have at most {MAX_ANSWER_LENGTH} characters, had {len(text)}")
    bare = text.strip()
    if not bare:
        raise _Bad("the answer was empty")
    fenced = _FENCE.fullmatch(bare)
    data = _json(fenced[1] if fenced else bare)
    opinions = data.get("opinions") if isinstance(data, dict) else None
    if not isinstance(opinions, list):
        raise _Bad('the answer must be a JSON object with a list "opinions"')
    return [entry for entry in opinions if isinstance(entry, dict)]


def _json(text: str) -> object:
    try:
        return json.loads(
            text,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise _Bad(f"the answer must be JSON and nothing else, was not at character {error.pos}") from None
    except RecursionError:
        raise _Bad("the answer was nested too deeply") from None


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise _Bad("the answer held a number that is too large") from None


def _no_constant(text: str) -> object:
    raise _Bad(f"the answer must hold finite numbers only, held {text}")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    built = dict(pairs)
    if len(built) != len(pairs):
        raise _Bad("the answer named a field twice")
    return built


def _view(entries: list[dict[str, object]], features: Features) -> View | Unusable:
    own = [entry for entry in entries if entry.get("symbol") == features.pair]
    if len(own) != 1:
        return Unusable(reason="the symbol is missing" if not own else "the symbol was given more than once")
    try:
        return _checked(own[0], features.price)
    except _Bad as error:
        return Unusable(reason=str(error))


def _checked(entry: dict[str, object], price: Decimal) -> View:
    action = Action(_word(entry, "action", tuple(Action)))
    stop, target = _price(entry, "stop_loss"), _price(entry, "take_profit")
    if action is Action.HOLD:
        stop = target = None
    else:
        _check_side("stop_loss", stop, price, above=action is Action.SELL, action=action)
        _check_side("take_profit", target, price, above=action is Action.BUY, action=action)
    horizon = _between(entry, "horizon_minutes", 1, MAX_HORIZON_MINUTES)
    if horizon != horizon.to_integral_value():
        raise _Bad(f"horizon_minutes must be a whole number, was {_short(horizon)}")
    return View(
        action=action,
        confidence=float(_between(entry, "confidence", 0, 1)),
        sentiment=float(_between(entry, "sentiment", -1, 1)),
        horizon_minutes=int(horizon),
        stop_loss=stop,
        take_profit=target,
        risk_level=RiskLevel(_word(entry, "risk_level", tuple(RiskLevel))),
        reasoning=_reasoning(entry),
    )


def _field(entry: dict[str, object], name: str) -> object:
    if name not in entry:
        raise _Bad(f"{name} is missing")
    return entry[name]


def _word(entry: dict[str, object], name: str, allowed: tuple[str, ...]) -> str:
    value = _field(entry, name)
    if not isinstance(value, str) or value not in allowed:
        raise _Bad(f"{name} must be one of {', '.join(allowed)}, was {_short(value)}")
    return value


def _between(entry: dict[str, object], name: str, low: int, high: int) -> Decimal:
    value = _field(entry, name)
    if not isinstance(value, Decimal) or not value.is_finite() or not low <= value <= high:
        raise _Bad(f"{name} must be a number in {low}..{high}, was {_short(value)}")
    return value


def _price(entry: dict[str, object], name: str) -> Decimal | None:
    value = _field(entry, name)
    if value is None:
        return None
    if not isinstance(value, Decimal) or not value.is_finite() or not _STEP <= value <= HIGHEST_PRICE:
        raise _Bad(f"{name} must be a price > 0 or null, was {_short(value)}")
    return Decimal(money.text(value.quantize(_STEP)))


def _check_side(name: str, level: Decimal | None, price: Decimal, *, above: bool, action: Action) -> None:
    if level is not None and (level <= price if above else level >= price):
        side = "above" if above else "below"
        raise _Bad(f"{name} of a {action} must be {side} the price {price}, was {_short(level)}")


def _reasoning(entry: dict[str, object]) -> str:
    value = _field(entry, "reasoning")
    text = ""
    if isinstance(value, str):
        text = " ".join("".join(each if each.isprintable() else " " for each in value).split())
    if not text:
        raise _Bad(f"reasoning must be text, was {_short(value)}")
    return text if len(text) <= REASONING_LENGTH else text[: REASONING_LENGTH - 1] + "…"


def _short(value: object) -> str:
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case Decimal():
            written = str(value)
        case str():
            written = repr(value)
        case list():
            return "a list"
        case _:
            return "an object"
    return written if len(written) <= 40 else f"{written[:37]}..."


def still_holds(
    last: Opinion,
    features: Features,
    *,
    seen: frozenset[str],
    now_ms: int,
    ttl_seconds: int,
    min_move_atr: Decimal,
) -> bool:
    """Return whether asking again would tell nothing new, so that `last` can stand for another round.

    It holds while it is fresh, no headline came that is not in `seen` (item ids), and the price moved less than
    `min_move_atr` times the 1 m ATR 14 since it was formed.
    """
    atr = next((each.atr_14 for each in features.intervals if each.interval == "1m"), None)
    if atr is None or now_ms - last.formed_ms >= ttl_seconds * 1000:
        return False
    if any(item.item_id not in seen for item in features.headlines):
        return False
    return abs(float(features.price - last.price)) < float(min_move_atr) * atr
