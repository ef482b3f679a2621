"""The endpoint's price list, fetched once an hour."""

import logging
import time
from collections.abc import Mapping

import gevent
import gevent.lock
import openai

from adapters.openrouter_prices import Price, read_prices

log = logging.getLogger(__name__)

FETCH_SECONDS = 10.0
FRESH_SECONDS = 3600.0
RETRY_SECONDS = 60.0


class PriceList:
    """All prices of one endpoint. Without a list every price is unknown, and it is asked for again after a minute."""

    def __init__(self, client: openai.OpenAI) -> None:
        self._client = client
        self._prices: Mapping[str, Price] = {}
        self._fetch_at = 0.0  # time.monotonic()
        self._lock = gevent.lock.BoundedSemaphore()

    def of(self, model: str) -> Price | None:
        """Return the price of `model`, fetching the list first when it is due; None when unknown."""
        with self._lock:  # analysts that start together fetch once
            if time.monotonic() >= self._fetch_at:
                self._fetch()
        return self.known(model)

    def known(self, model: str) -> Price | None:
        """Return the price of `model` by the list at hand."""
        return self._prices.get(model)

    def _fetch(self) -> None:
        limit = gevent.Timeout(FETCH_SECONDS)
        limit.start()
        try:
            raw = self._client.with_options(timeout=FETCH_SECONDS).models.with_raw_response.list()
            prices = read_prices(raw.text)
        except gevent.Timeout as error:
            if error is not limit:
                raise
            prices = {}
        except openai.OpenAIError:
            prices = {}
        finally:
            limit.close()
        self._prices = prices or self._prices
        self._fetch_at = time.monotonic() + (FRESH_SECONDS if prices else RETRY_SECONDS)
        if not prices:
            log.warning("The model endpoint gave no price list; unknown models are reserved at the configured cost")
