"""What is asked of the endpoint: the body of one call, in OpenRouter's words or in those every server knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from adapters.openrouter_prices import PRICE_HEADROOM, Price

SCHEMA_NAME = "opinions"
OPENROUTER = "openrouter.ai"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRules:
    """How one endpoint is to be talked to; the fields but the first as the settings under `llm`."""

    openrouter: bool = True  # it knows OpenRouter's own fields: provider, models, usage
    answer_format: str = "auto"  # auto | json_schema | json_object | prompt
    max_concurrent_calls: int = 4
    provider_order: tuple[str, ...] = ()
    provider_only: tuple[str, ...] = ()
    provider_ignore: tuple[str, ...] = ()
    provider_fallbacks: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as it is to be made."""

    model: str
    fallbacks: tuple[str, ...]
    messages: Sequence[tuple[str, str]]
    schema: dict[str, object]
    max_completion_tokens: int

    @property
    def models(self) -> tuple[str, ...]:
        """Return all models that may answer, the wanted one first."""
        return (self.model, *self.fallbacks)


def is_openrouter(base_url: str) -> bool:
    """Return whether an address is OpenRouter's own."""
    host = (urlsplit(base_url).hostname or "").lower()
    return host == OPENROUTER or host.endswith(f".{OPENROUTER}")


def request_body(call: Call, rules: EndpointRules, *, with_schema: bool, price: Price | None) -> dict[str, Any]:
    """Return the arguments of the library's `create`.

    Args:
        call: what is asked.
        rules: of the endpoint.
        with_schema: whether the model is known to take one; the prompt describes the answer in any case.
        price: the highest of the models that may answer; None where one is unknown.
    """
    body: dict[str, Any] = {
        "model": call.model,
        "messages": [{"role": role, "content": content} for role, content in call.messages],
        "max_tokens": call.max_completion_tokens,
    }
    if (form := _response_format(call, rules, with_schema=with_schema)) is not None:
        body["response_format"] = form
    if rules.openrouter:
        body["extra_body"] = _own_fields(call, rules, price)
    return body


def _response_format(call: Call, rules: EndpointRules, *, with_schema: bool) -> dict[str, Any] | None:
    if rules.answer_format == "json_object":
        return {"type": "json_object"}
    if rules.answer_format == "prompt" or not with_schema:
        return None
    return {"type": "json_schema", "json_schema": {"name": SCHEMA_NAME, "strict": True, "schema": call.schema}}


def _own_fields(call: Call, rules: EndpointRules, price: Price | None) -> dict[str, Any]:
    provider: dict[str, Any] = {"require_parameters": True}
    named = {"order": rules.provider_order, "only": rules.provider_only, "ignore": rules.provider_ignore}
    provider |= {name: list(given) for name, given in named.items() if given}
    if not rules.provider_fallbacks:
        provider["allow_fallbacks"] = False
    if price is not None and price.capped:
        # Another provider of the same model may cost more than the list says.
        provider["max_price"] = price.per_million(PRICE_HEADROOM)
    fields: dict[str, Any] = {"provider": provider, "usage": {"include": True}}
    if call.fallbacks:
        fields["models"] = list(call.models)
    return fields


def highest(prices: Sequence[Price | None]) -> Price | None:
    """Return a price that none of `prices` (>= 1) passes in any part; None when one is unknown."""
    known = [price for price in prices if price is not None]
    if len(known) < len(prices):
        return None
    return Price(
        prompt=max(price.prompt for price in known),
        completion=max(price.completion for price in known),
        request=max((price.request for price in known), default=Decimal(0)),
    )
