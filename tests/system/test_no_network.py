"""A desk on real prices that cannot reach the exchange: it stays up, says so, tries again, and shows no price."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from pymongo import MongoClient

from tests.system.desk_process import DeskProcess, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]

AGAIN = r"cannot reach \S+.*trying again in [\d.]+ s"


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine where nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def check_unreachable(desk: DeskProcess, mongodb_uri: str, *, host: str) -> None:
    session = desk.session()
    assert session.initial["price_cache"] == session.initial["crypto_data"] == {}
    source = session.initial["source"]
    assert (source["kind"], source.get("banner")) == ("binance", None)

    for _ in range(2):  # it goes on trying
        told = session.wait("market_status", lambda frame: frame["data"]["state"] == "unreachable")["data"]["message"]
        assert host in told
        assert re.search(AGAIN, told)
    assert re.search(AGAIN, desk.log)

    refused = session.ask("execute_trade", symbol="BTCUSDT", direction="buy", amount="0.001")
    assert (refused["type"], refused["data"]["code"]) == ("error", "no_price")
    assert session.ask("get_crypto_data")["data"] == {}
    kinds = {frame["type"] for frame in session.frames}
    assert not kinds & {"price_update", "ticker", "candle_update", "trade_executed"}

    status, body = desk.ready()
    assert status == 503
    assert list(body["missing"]) == ["market"]
    assert re.search(AGAIN, body["missing"]["market"])
    assert {actor["state"] for actor in body["actors"].values()} == {"running"}
    assert desk.get("/healthz") == (200, "ok\n")

    with closing(MongoClient(mongodb_uri)) as client:
        names = [name for name in client.list_database_names() if name.startswith("no_network")]
    assert names == ["no_network"]  # no suffix: these would be real prices
    code, seconds = desk.terminate()
    assert (code, seconds < 10) == (0, True)
    assert "Traceback" not in desk.log


def settings(**market: object) -> dict[str, object]:
    return {"storage": {"database": "no_network", "data_dir": "var"}, "market": market}


def test_closed_ports_are_named_and_tried_again(
    desks: Callable[..., DeskProcess], mongodb_uri: str, closed_port: int
) -> None:
    market = {
        "rest_urls": [f"http://127.0.0.1:{closed_port}"],
        "stream_urls": [f"ws://127.0.0.1:{closed_port}"],
        "stale_after_seconds": 2,
    }
    desk = desks(settings(**market), "--market", "binance", MONGODB_URI=mongodb_uri).start()
    until(lambda: "is stale" in desk.log, what="the pairs are stale")
    check_unreachable(desk, mongodb_uri, host=f"http://127.0.0.1:{closed_port}")


def test_without_any_network_the_public_addresses_are_named_and_tried_again(
    desks: Callable[..., DeskProcess], mongodb_uri: str
) -> None:
    if _reaches("api.binance.com"):
        pytest.skip("the exchange can be reached from here")
    desk = desks(settings(), "--market", "binance", MONGODB_URI=mongodb_uri).start()
    check_unreachable(desk, mongodb_uri, host="https://api.binance.com")


def _reaches(host: str) -> bool:
    try:
        socket.create_connection((host, 443), timeout=3).close()
    except OSError:
        return False
    return True
