"""Model calls through the openai library: OpenRouter or any endpoint that speaks its protocol.

The library's own time limit is per read, so a dripping answer would never end: a plain gevent.Timeout bounds the whole
call, and it is caught here by identity. Tries are made here too, one after the other, so that each try's cost is known.
"""

import logging
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import gevent
import openai

from adapters.openrouter_answers import Reading, error_reading, read_body
from adapters.openrouter_bounds import AnswerTooLong, bounded_client
from adapters.openrouter_prices import PRICE_HEADROOM, Price, PriceList
from domain.budget import MAX_TRIES
from domain.ports import ModelAnswer

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 0.5  # where the endpoint names no time
RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 520, 522, 524, 529})
SCHEMA_NAME = "opinions"


class OpenRouterEndpoint:
    """The ModelEndpoint port.

    Args:
        base_url: the endpoint, such as https://openrouter.ai/api/v1.
        api_key: its key; None for a server that needs none. It stands in no message and no log line.
        max_cost_usd_per_call: what one try is taken to cost where the price list does not know the model.

    `on_called` is told the model and the answer of each whole call.
    """

    def __init__(self, *, base_url: str, api_key: str | None, max_cost_usd_per_call: Decimal) -> None:
        self.pending = 0
        self.on_called: Callable[[str, ModelAnswer], object] = lambda model, answer: None
        self.max_cost_usd_per_call = max_cost_usd_per_call
        self._key = api_key or ""
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            max_retries=0,
            default_headers={"X-Title": "Quorum"},
            http_client=bounded_client(),
        )
        self._prices = PriceList(self._client)

    def complete(
        self,
        *,
        model: str,
        messages: Sequence[tuple[str, str]],
        schema: dict[str, object],
        timeout_seconds: float,
        max_completion_tokens: int = 4096,
    ) -> ModelAnswer:
        """Make one call of at most MAX_TRIES tries that ends within `timeout_seconds`; see the port."""
        request = self._request(model, messages, schema, max_completion_tokens)
        began = time.monotonic()
        tries: list[Reading] = []
        limit = gevent.Timeout(timeout_seconds)  # plain: the library can neither swallow nor retry it
        limit.start()
        try:
            self._try(request, tries, deadline=began + timeout_seconds)
        except gevent.Timeout as error:
            if error is not limit:
                raise
            tries.append(Reading(outcome="timeout", detail=f"no whole answer within {timeout_seconds:g} s"))
        finally:
            limit.close()
        answer = self._answer(model, tries, latency_ms=round((time.monotonic() - began) * 1000))
        log.debug("%s answered %s after %s ms", model, answer.outcome, answer.latency_ms)
        self.on_called(model, answer)
        return answer

    def max_cost_usd(self, *, model: str, prompt_tokens: int, max_completion_tokens: int) -> Decimal:
        """Return what one try can cost at most. The first call fetches the price list."""
        price = self._prices.of(model)
        if price is None:
            return self.max_cost_usd_per_call
        return price.cost(prompt_tokens, max_completion_tokens) * PRICE_HEADROOM

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _request(
        self, model: str, messages: Sequence[tuple[str, str]], schema: dict[str, object], max_completion_tokens: int
    ) -> dict[str, Any]:
        provider: dict[str, object] = {"require_parameters": True}
        if (price := self._prices.known(model)) is not None and price.capped:
            # Another provider of the same model may cost more than the list says.
            provider["max_price"] = price.per_million(PRICE_HEADROOM)
        return {
            "model": model,
            "messages": [{"role": role, "content": content} for role, content in messages],
            "max_tokens": max_completion_tokens,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": SCHEMA_NAME, "strict": True, "schema": schema},
            },
            "extra_body": {"provider": provider, "usage": {"include": True}},
        }

    def _try(self, request: dict[str, Any], tries: list[Reading], *, deadline: float) -> None:
        while True:
            tries.append(self._once(request, timeout_seconds=max(0.001, deadline - time.monotonic())))
            reading = tries[-1]
            if len(tries) == MAX_TRIES or not reading.retry:
                return
            pause = RETRY_AFTER_SECONDS if reading.retry_after_seconds is None else reading.retry_after_seconds
            if time.monotonic() + pause >= deadline:
                return
            gevent.sleep(pause)

    def _once(self, request: dict[str, Any], *, timeout_seconds: float) -> Reading:
        try:
            raw = self._client.chat.completions.with_raw_response.create(**request, timeout=timeout_seconds)
            return read_body(raw.status_code, raw.text)
        except openai.APIStatusError as error:
            status = error.status_code
            return error_reading(
                status,
                error.response.text,
                retry_after=error.response.headers.get("retry-after"),
                retry=status in RETRIED,
                model=str(request["model"]),
            )
        except openai.APITimeoutError:
            return Reading(outcome="timeout", detail=f"no answer within {timeout_seconds:g} s", transient=True)
        except openai.APIConnectionError as error:
            return _unreachable(error)
        except AnswerTooLong as error:
            return Reading(outcome="error", detail=str(error))

    def _answer(self, model: str, tries: Sequence[Reading], *, latency_ms: int) -> ModelAnswer:
        last = tries[-1]
        return ModelAnswer(
            text=last.text,
            outcome=last.outcome,
            detail=self._without_key(last.detail),
            prompt_tokens=last.prompt_tokens,
            completion_tokens=last.completion_tokens,
            cost_usd=_total_cost(tries, self._prices.known(model)),
            latency_ms=latency_ms,
            model=last.model or model,
            transient=last.transient,
            http_status=last.http_status,
        )

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


def _unreachable(error: openai.APIConnectionError) -> Reading:
    """A connection that was never made cost nothing; one that broke may have."""
    cause = type(error.__cause__).__name__
    free = cause in ("ConnectError", "ConnectTimeout")
    return Reading(
        outcome="error",
        detail=f"the endpoint cannot be reached ({cause})" if free else f"the connection broke ({cause})",
        cost_usd=Decimal(0) if free else None,
        transient=True,
        retry=free,
    )


def _total_cost(tries: Sequence[Reading], price: Price | None) -> Decimal | None:
    """Return what all tries cost together; None when one is unknown."""
    total = Decimal(0)
    for each in tries:
        cost = each.cost_usd
        if cost is None and price and each.prompt_tokens is not None and each.completion_tokens is not None:
            cost = price.cost(each.prompt_tokens, each.completion_tokens)
        if cost is None:
            return None
        total += cost
    return total
