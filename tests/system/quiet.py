"""A desk that waits for its clients: bots and analysis off until somebody starts them, then busy."""

from decimal import Decimal
from typing import Any

from tests.system.client import Client, Frame
from tests.system.worlds import simulated

PAIRS = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "BNBUSDT", "SOLUSDT")
DATABASE = "crypto_trading_sim"  # the default name, with the simulated world's suffix


def quiet(*, pairs: tuple[str, ...] = PAIRS, **server: Any) -> dict[str, Any]:
    """Return settings for the simulated world; `server` is its section, e.g. port."""
    settings = simulated(max_hold_seconds=4)
    settings["server"] = {"port": 0, "messages_per_second": 1000} | server
    settings["analysis"]["enabled_at_start"] = False
    settings["bots"]["enabled_at_start"] = False
    settings["bots"]["pairs"] = {pair: {} for pair in pairs}
    settings["paper"] = {"latency_ms": 20}
    settings["recorder"] = {"enabled": False}
    return settings


def wait_for_market(client: Client, pairs: tuple[str, ...] = PAIRS) -> None:
    """Wait until every pair has a price of now."""
    client.first()
    for pair in pairs:
        client.wait(lambda frame, pair=pair: _priced(frame, pair), seconds=60, what=f"price of {pair}")


def _priced(frame: Frame, pair: str) -> bool:
    prices = frame["data"]["price_cache"] if frame["type"] == "initial_data" else {}
    entry = frame["data"] if frame["type"] == "price_update" else prices.get(pair, {})
    return entry.get("symbol") == pair and entry["bid"] is not None and "stale" not in entry


def price_of(client: Client, pair: str) -> Decimal:
    return Decimal(client.ask("get_crypto_data", symbol=pair)["data"][pair]["current_price"])
