"""What models cost, as the endpoint's price list (GET /models) says."""

import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from domain import money

PRICE_HEADROOM = Decimal("1.5")  # a provider may cost this much more than the list says; calls are capped there
MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """USD per token, and per request."""

    prompt: Decimal
    completion: Decimal
    request: Decimal = Decimal(0)

    @property
    def capped(self) -> bool:
        """Whether a highest price can be asked for: not of free models."""
        return self.prompt > 0 or self.completion > 0

    def cost(self, prompt_tokens: int, completion_tokens: int) -> Decimal:
        """Return what one try with that many tokens costs."""
        return self.prompt * prompt_tokens + self.completion * completion_tokens + self.request

    def per_million(self, factor: Decimal) -> dict[str, str]:
        """Return the price times `factor` in USD per million tokens, as `provider.max_price` wants it."""
        return {
            "prompt": money.text(self.prompt * factor * MILLION),
            "completion": money.text(self.completion * factor * MILLION),
        }


def read_prices(body: str) -> dict[str, Price]:
    """Return the price of each model in an answer of GET /models; what is not understood is left out."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    rows = data.get("data") if isinstance(data, dict) else None
    prices: dict[str, Price] = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("id"), str) and (price := _price(row.get("pricing"))):
            prices[row["id"]] = price
    return prices


def _price(pricing: object) -> Price | None:
    if not isinstance(pricing, dict):
        return None
    prompt, completion = _usd(pricing.get("prompt")), _usd(pricing.get("completion"))
    if prompt is None or completion is None:
        return None
    return Price(prompt=prompt, completion=completion, request=_usd(pricing.get("request")) or Decimal(0))


def _usd(value: object) -> Decimal | None:
    """Negative prices (-1) stand for a router whose price is not known before."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        usd = Decimal(str(value))
    except InvalidOperation:
        return None
    return usd if usd.is_finite() and 0 <= usd < 1000 else None
