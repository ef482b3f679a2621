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
import gevent.lock
import openai

from adapters.openrouter_answers import Reading, error_reading, read_body
from adapters.openrouter_bounds import AnswerTooLong, bounded_client
from adapters.openrouter_price_list import PriceList
from adapters.openrouter_prices import PRICE_HEADROOM
from adapters.openrouter_requests import Call, EndpointRules, highest, request_body
from domain.budget import MAX_TRIES
from domain.ports import ModelAnswer

log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 0.5  # where the endpoint names no time
RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 520, 522, 524, 529})


class OpenRouterEndpoint:
    """The ModelEndpoint port.

    Args:
        base_url: the endpoint, such as https://openrouter.ai/api/v1.
        api_key: its key; None for a server that needs none, whose calls cost nothing: nobody could be billed. It stands
            in no message and no log line.
        max_cost_usd_per_call: what one try is taken to cost where the price list does not know the model.
        rules: how the endpoint is to be talked to.

    `on_called` is told the model and the answer of each whole call.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str | None,
        max_cost_usd_per_call: Decimal,
        rules: EndpointRules | None = None,
    ) -> None:
        self.pending = 0
        self.on_called: Callable[[str, ModelAnswer], object] = lambda model, answer: None
        self.max_cost_usd_per_call = max_cost_usd_per_call
        self.rules = rules or EndpointRules()
        self._slots = _Slots(self.rules.max_concurrent_calls)
        self._without_schema: set[str] = set()  # models that were refused with one
        self._key = api_key or ""
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            max_retries=0,
            default_headers={"X-Title": "Quorum"},
            http_client=bounded_client(with_key=bool(api_key)),
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
        fallbacks: tuple[str, ...] = (),
    ) -> ModelAnswer:
        """Make one call of at most MAX_TRIES tries that ends within `timeout_seconds`; see the port."""
        call = Call(
            model=model,
            fallbacks=fallbacks if self.rules.openrouter else (),
            messages=messages,
            schema=schema,
            max_completion_tokens=max_completion_tokens,
        )
        began = time.monotonic()
        tries: list[Reading] = []
        limit = gevent.Timeout(timeout_seconds)  # plain: the library can neither swallow nor retry it
        limit.start()
        slot = _Slot(self._slots_now())
        try:
            with slot:
                self._try(call, tries, deadline=began + timeout_seconds)
        except gevent.Timeout as error:
            if error is not limit:
                raise
            tries.append(_out_of_time(timeout_seconds, self.rules, begun=slot.taken))
        finally:
            limit.close()
        answer = self._answer(call, tries, latency_ms=round((time.monotonic() - began) * 1000))
        log.debug("%s answered %s after %s ms", model, answer.outcome, answer.latency_ms)
        self.on_called(model, answer)
        return answer

    def max_cost_usd(
        self, *, model: str, prompt_tokens: int, max_completion_tokens: int, fallbacks: tuple[str, ...] = ()
    ) -> Decimal:
        """Return what one try can cost at most. The first call fetches the price list."""
        if not self._key:
            return Decimal(0)
        asked = (model, *fallbacks) if self.rules.openrouter else (model,)
        price = highest([self._prices.of(each) for each in asked])
        if price is None:
            return self.max_cost_usd_per_call
        return price.cost(prompt_tokens, max_completion_tokens) * PRICE_HEADROOM

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _slots_now(self) -> gevent.lock.BoundedSemaphore:
        """Return the slots of as many calls at once as the rules allow now; calls under way keep those they have."""
        if self._slots.count != self.rules.max_concurrent_calls:
            self._slots = _Slots(self.rules.max_concurrent_calls)
        return self._slots

    def _request(self, call: Call) -> dict[str, Any]:
        price = highest([self._prices.known(model) for model in call.models])
        with_schema = call.model not in self._without_schema
        return request_body(call, self.rules, with_schema=with_schema, price=price)

    def _try(self, call: Call, tries: list[Reading], *, deadline: float) -> None:
        while True:
            request = self._request(call)
            tries.append(self._once(request, timeout_seconds=max(0.001, deadline - time.monotonic())))
            reading = tries[-1]
            again = self._knows_no_schema(call, request, reading) or reading.retry
            if len(tries) == MAX_TRIES or not again:
                return
            pause = RETRY_AFTER_SECONDS if reading.retry_after_seconds is None else reading.retry_after_seconds
            if time.monotonic() + pause >= deadline:
                return
            gevent.sleep(pause)

    def _knows_no_schema(self, call: Call, request: dict[str, Any], reading: Reading) -> bool:
        """Return whether the schema was what the endpoint did not take; from then on the prompt alone describes it."""
        if not reading.no_schema or self.rules.answer_format != "auto" or "response_format" not in request:
            return False
        log.warning("%s takes no JSON schema here: from now on only its prompt describes the answer", call.model)
        self._without_schema.add(call.model)
        return True

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

    def _answer(self, call: Call, tries: Sequence[Reading], *, latency_ms: int) -> ModelAnswer:
        last = tries[-1]
        return ModelAnswer(
            text=last.text,
            outcome=last.outcome,
            detail=self._without_key(last.detail),
            prompt_tokens=last.prompt_tokens,
            completion_tokens=last.completion_tokens,
            cost_usd=self._total_cost(call, tries),
            latency_ms=latency_ms,
            model=last.model or call.model,
            transient=last.transient,
            hopeless=last.hopeless,
            cached_tokens=last.cached_tokens,
            http_status=last.http_status,
        )

    def _total_cost(self, call: Call, tries: Sequence[Reading]) -> Decimal | None:
        """Return what all tries cost together; None when one is unknown."""
        total = Decimal(0)
        for each in tries:
            cost = Decimal(0) if not self._key else each.cost_usd
            price = self._prices.known(each.model) or highest([self._prices.known(model) for model in call.models])
            if cost is None and price and each.prompt_tokens is not None and each.completion_tokens is not None:
                cost = price.cost(each.prompt_tokens, each.completion_tokens)
            if cost is None:
                return None
            total += cost
        return total

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


class _Slots(gevent.lock.BoundedSemaphore):
    """As many calls as may be under way at once."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


class _Slot:
    """One of the slots, for the time of a `with`."""

    def __init__(self, slots: gevent.lock.BoundedSemaphore) -> None:
        self.taken = False
        self._slots = slots

    def __enter__(self) -> None:
        self._slots.acquire()
        self.taken = True

    def __exit__(self, *_: object) -> None:
        self._slots.release()


def _out_of_time(seconds: float, rules: EndpointRules, *, begun: bool) -> Reading:
    if begun:
        return Reading(outcome="timeout", detail=f"no whole answer within {seconds:g} s")
    detail = f"{rules.max_concurrent_calls} other calls were under way for {seconds:g} s"
    return Reading(outcome="busy", detail=detail, cost_usd=Decimal(0), transient=True)
