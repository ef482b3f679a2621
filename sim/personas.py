"""Rule-following models: they read the features in the prompt and answer opinions, each in its own manner.

An answer depends on nothing but the model's id and the prompt.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """How a model weighs what it sees. Weights are of values in -1..1; negative = against."""

    trend: float  # EMA 9 against EMA 21, in ATRs
    momentum: float  # MACD histogram, in ATRs
    reversion: float  # RSI below 50 is a reason to buy
    news: float
    crowd: float  # Fear & Greed, above 50 is a reason to buy
    threshold: float  # a smaller score is HOLD
    boldness: float  # confidence per score
    horizon_minutes: int
    stop_atr: float
    target_atr: float
    voice: str


_PERSONAS = {
    "x-ai/": Persona(
        trend=0.5, momentum=0.8, reversion=-0.1, news=0.9, crowd=0.3, threshold=0.10, boldness=0.55,
        horizon_minutes=15, stop_atr=1.5, target_atr=3.0, voice="The crowd is moving",
    ),
    "anthropic/": Persona(
        trend=0.6, momentum=0.3, reversion=0.7, news=0.4, crowd=-0.3, threshold=0.18, boldness=0.35,
        horizon_minutes=60, stop_atr=2.0, target_atr=4.0, voice="On balance",
    ),
    "openai/": Persona(
        trend=1.0, momentum=0.5, reversion=0.2, news=0.5, crowd=0.0, threshold=0.14, boldness=0.42,
        horizon_minutes=30, stop_atr=1.8, target_atr=3.6, voice="Plan",
    ),
}  # fmt: skip


def persona_of(model: str) -> Persona:
    """Return the manner of `model`; ids of no known maker get one drawn from the id."""
    for maker, persona in _PERSONAS.items():
        if model.startswith(maker):
            return persona
    draw = [byte / 255 for byte in hashlib.sha256(model.encode()).digest()]
    return Persona(
        trend=0.3 + draw[0],
        momentum=draw[1],
        reversion=draw[2] - 0.3,
        news=draw[3],
        crowd=draw[4] - 0.5,
        threshold=0.08 + draw[5] / 8,
        boldness=0.3 + draw[6] / 4,
        horizon_minutes=15 + int(draw[7] * 4) * 15,
        stop_atr=1 + draw[8],
        target_atr=2 + 2 * draw[9],
        voice="In short",
    )


def opinions(model: str, prompts: Sequence[str]) -> dict[str, Any]:
    """Return {"opinions": [...]} for the pairs that the user's messages show.

    The first message with a JSON object that has the key `pairs` counts. Where the last one names some of its symbols,
    as a request to answer again does, only those are answered.
    """
    persona = persona_of(model)
    shown = next((found for prompt in prompts if (found := _shown(prompt))), None)
    pairs = _pairs(shown)
    if prompts and _shown(prompts[-1]) is None:
        pairs = [pair for pair in pairs if _symbol(pair) in prompts[-1]] or pairs
    return {"opinions": [_opinion(persona, pair, _mood(pair, shown)) for pair in pairs]}


def fitted(value: dict[str, Any], schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return `value` in the types the JSON schema asks for: numbers as text, only the named fields."""
    items = _dig(schema, "properties", "opinions", "items", "properties")
    if not isinstance(items, Mapping):
        return value
    return {"opinions": [_fitted_one(opinion, items) for opinion in value["opinions"]]}


def _fitted_one(opinion: dict[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    fitting: dict[str, Any] = {}
    for name, schema in properties.items():
        kinds = schema.get("type") if isinstance(schema, Mapping) else None
        kinds = [kinds] if isinstance(kinds, str) else kinds or []
        value = opinion.get(name)
        if "string" in kinds and not {"number", "integer"} & set(kinds) and isinstance(value, int | float):
            value = _plain(value)
        fitting[name] = value
    return fitting


def _dig(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _shown(prompt: str) -> dict[str, Any] | None:
    """Return the first JSON object in `prompt` that has the key `pairs`."""
    decoder = json.JSONDecoder()
    place = prompt.find("{")
    while place >= 0:
        try:
            value, end = decoder.raw_decode(prompt, place)
        except ValueError:
            end = place + 1
        else:
            if isinstance(value, dict) and isinstance(value.get("pairs"), list):
                return value
        place = prompt.find("{", end)
    return None


def _pairs(shown: dict[str, Any] | None) -> list[dict[str, Any]]:
    found = shown["pairs"] if shown else []
    return [
        pair for pair in found if isinstance(pair, dict) and isinstance(pair.get("symbol") or pair.get("pair"), str)
    ]


def _symbol(pair: dict[str, Any]) -> str:
    return str(pair.get("symbol") or pair.get("pair"))


def _mood(pair: dict[str, Any], shown: dict[str, Any] | None) -> float:
    """Return Fear & Greed, told for the pair or for all, as -1..1."""
    for place in (pair, pair.get("features"), shown):
        index = _dig(place, "fear_greed")
        value = _number(_dig(index, "value") if isinstance(index, dict) else index)
        if value is not None:
            return max(-1.0, min(1.0, (value - 50) / 50))
    return 0.0


def _opinion(persona: Persona, pair: dict[str, Any], mood: float) -> dict[str, Any]:
    price = _price(pair)
    reading = _Reading.of(pair, price)
    news = _news(pair)
    score = (
        persona.trend * reading.trend
        + persona.momentum * reading.momentum
        + persona.reversion * reading.reversion
        + persona.news * news
        + persona.crowd * mood
    )
    score = math.tanh(score)
    action = "HOLD" if abs(score) < persona.threshold else "BUY" if score > 0 else "SELL"
    sign = {"BUY": 1, "SELL": -1}.get(action, 0)
    stop = _beside(price, -sign * persona.stop_atr * reading.atr)
    target = _beside(price, sign * persona.target_atr * reading.atr)
    return {
        "symbol": _symbol(pair),
        "action": action,
        "confidence": round(min(0.95, 0.5 + persona.boldness * abs(score)), 3),
        "sentiment": round(max(-1.0, min(1.0, news if news else score / 2)), 3),
        "horizon_minutes": persona.horizon_minutes,
        "stop_loss": stop if sign else None,
        "take_profit": target if sign else None,
        "risk_level": "high" if reading.atr > price * 0.004 else "medium" if reading.atr > price * 0.0012 else "low",
        "reasoning": (
            f"{persona.voice}: trend {reading.trend:+.2f}, momentum {reading.momentum:+.2f}, "
            f"RSI {reading.rsi:.0f}, news {news:+.2f}, so {action}."
        ),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What a model makes of a pair's indicators: each -1..1, positive = buy; atr in quote."""

    trend: float
    momentum: float
    reversion: float
    rsi: float
    atr: float

    @classmethod
    def of(cls, pair: dict[str, Any], price: float) -> "_Reading":
        trends, momenta, rsis, atrs = [], [], [], []
        for features in _intervals(pair):
            atr = _number(features.get("atr_14")) or price * 0.001
            fast, slow = _number(features.get("ema_9")), _number(features.get("ema_21"))
            if fast is not None and slow is not None:
                trends.append(math.tanh((fast - slow) / atr))
            if (histogram := _number(features.get("macd_histogram"))) is not None:
                momenta.append(math.tanh(4 * histogram / atr))
            if (rsi := _number(features.get("rsi_14"))) is not None:
                rsis.append(rsi)
            atrs.append(atr)
        rsi = rsis[0] if rsis else 50.0
        return cls(
            trend=_weighted(trends),
            momentum=_weighted(momenta),
            reversion=max(-1.0, min(1.0, (50 - rsi) / 30)),
            rsi=rsi,
            atr=atrs[0] if atrs else price * 0.001,
        )


def _weighted(values: list[float]) -> float:
    """Return the mean; the first interval, the shortest, counts twice."""
    return sum([*values[:1], *values]) / (len(values) + 1) if values else 0.0


def _intervals(pair: dict[str, Any]) -> Iterator[dict[str, Any]]:
    features = pair.get("features")
    for place in (pair, features if isinstance(features, dict) else {}):
        some = place.get("intervals")
        if isinstance(some, dict):
            some = list(some.values())
        if isinstance(some, list):
            yield from (entry for entry in some if isinstance(entry, dict))
            return
    if isinstance(features, dict):
        nested = [entry for entry in features.values() if isinstance(entry, dict)]
        yield from nested or [features]


def _news(pair: dict[str, Any]) -> float:
    """Return the mean sentiment of the headlines, -1..1."""
    features = pair.get("features")
    for place in (pair, features if isinstance(features, dict) else {}):
        for name in ("headlines", "news"):
            if isinstance(items := place.get(name), list):
                marks = [_number(item.get("sentiment")) for item in items if isinstance(item, dict)]
                known = [max(-1.0, min(1.0, mark)) for mark in marks if mark is not None]
                return sum(known) / len(known) if known else 0.0
    return 0.0


def _price(pair: dict[str, Any]) -> float:
    price = _number(pair.get("price")) or _number(_dig(pair, "features", "price"))
    if price is None:
        closes = [_number(features.get("close")) for features in _intervals(pair)]
        price = next((close for close in closes if close), None)
    return price if price and price > 0 else 1.0


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _beside(price: float, distance: float) -> float:
    """Return price + distance to six significant figures, but never on the wrong side of the price nor below zero."""
    digits = max(0, 6 - math.floor(math.log10(price)))
    away = distance if abs(distance) > 10**-digits else math.copysign(10**-digits, distance)
    return round(max(price * 0.05, price + away), digits)


def _plain(value: float) -> str:
    return format(Decimal(repr(value)), "f")
