"""REST on a real socket: shapes of the recorded answers, consistency, error bodies, weights."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from sim.world import World
from tests.sim.conftest import NOON_MS

SAMPLES = json.loads((Path(__file__).parent.parent / "data/binance/rest_samples.json").read_text())
NOW_MS = NOON_MS + 2_096_789


def shape(value):
    """Return the structure of JSON: key names and kinds of values; a list by its first element."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, str):
        return "decimal" if value.replace(".", "").isdigit() else "text"
    return type(value).__name__


def get(world, name, **query):
    return requests.get(f"{world.rest_url}/api/v3/{name}", params=query, timeout=5)


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("time", {}),
        ("klines", {"interval": "1m"}),
        ("trades", {}),
        ("aggTrades", {}),
        ("depth", {}),
        ("ticker/bookTicker", {}),
        ("ticker/price", {}),
    ],
)
def test_answers_have_the_shape_of_the_recorded_ones(still_world, name, query):
    query = query if name == "time" else {"symbol": "BTCUSDT", **query}
    assert shape(get(still_world, name, **query).json()) == shape(SAMPLES[name])


def test_klines_have_twelve_columns_of_the_recorded_kinds(still_world):
    row = get(still_world, "klines", symbol="BTCUSDT", interval="1m").json()[0]
    assert [shape(column) for column in row] == [shape(column) for column in SAMPLES["klines"][0]]


def test_exchange_info_knows_all_that_the_recorded_one_did(still_world):
    recorded, ours = SAMPLES["exchangeInfo"], get(still_world, "exchangeInfo", symbol="BTCUSDT").json()
    assert set(recorded) <= set(ours)
    assert set(recorded["symbols"][0]) <= set(ours["symbols"][0])
    assert shape(ours["rateLimits"]) == shape(recorded["rateLimits"])


@pytest.mark.parametrize(
    ("pair", "tick", "step"),
    [
        ("BTCUSDT", "0.01", "0.00001"),
        ("ETHUSDT", "0.01", "0.0001"),
        ("XRPUSDT", "0.0001", "0.1"),
        ("BNBUSDT", "0.01", "0.001"),
        ("SOLUSDT", "0.01", "0.001"),
    ],
)
def test_filters_are_those_of_today(still_world, pair, tick, step):
    info = get(still_world, "exchangeInfo", symbol=pair).json()
    filters = {entry["filterType"]: entry for entry in info["symbols"][0]["filters"]}
    assert Decimal(filters["PRICE_FILTER"]["tickSize"]) == Decimal(tick)
    assert Decimal(filters["LOT_SIZE"]["stepSize"]) == Decimal(filters["LOT_SIZE"]["minQty"]) == Decimal(step)
    assert filters["NOTIONAL"]["minNotional"] == "5.00000000"
    assert filters["NOTIONAL"]["maxNotional"] == "9000000.00000000"
    assert "MIN_NOTIONAL" not in filters


def test_prices_and_quantities_are_on_their_grids(still_world):
    for pair, tick, step in (("BTCUSDT", "0.01", "0.00001"), ("XRPUSDT", "0.0001", "0.1")):
        book = get(still_world, "depth", symbol=pair, limit=100).json()
        trades = get(still_world, "trades", symbol=pair, limit=100).json()
        pairs = book["bids"] + book["asks"] + [[trade["price"], trade["qty"]] for trade in trades]
        assert all(Decimal(price) % Decimal(tick) == 0 and Decimal(size) % Decimal(step) == 0 for price, size in pairs)


def test_exchange_info_of_several_symbols(still_world):
    info = get(still_world, "exchangeInfo", symbols='["BTCUSDT","SOLUSDT"]').json()
    assert [symbol["symbol"] for symbol in info["symbols"]] == ["BTCUSDT", "SOLUSDT"]
    assert len(get(still_world, "exchangeInfo").json()["symbols"]) >= 10


def test_klines_equal_the_aggregate_of_the_trades(still_world):
    """Raw trades of one closed minute, fetched by id, rebuild the bar to the last digit."""
    bar = get(still_world, "klines", symbol="BTCUSDT", interval="1m", limit=2).json()[0]
    fills = get(still_world, "aggTrades", symbol="BTCUSDT", startTime=bar[0], endTime=bar[6], limit=1000).json()
    trades = get(still_world, "historicalTrades", symbol="BTCUSDT", fromId=fills[0]["f"], limit=bar[8]).json()
    assert trades[-1]["id"] == fills[-1]["l"]
    prices = [Decimal(trade["price"]) for trade in trades]
    volume = sum(Decimal(trade["qty"]) for trade in trades)
    quote = sum(Decimal(trade["price"]) * Decimal(trade["qty"]) for trade in trades)
    bought = sum(Decimal(trade["qty"]) for trade in trades if not trade["isBuyerMaker"])
    assert [prices[0], max(prices), min(prices), prices[-1]] == [Decimal(text) for text in bar[1:5]]
    assert (volume, len(trades), bought) == (Decimal(bar[5]), bar[8], Decimal(bar[9]))
    assert abs(quote - Decimal(bar[7])) < Decimal("0.00000001")


def test_aggregate_trades_are_the_trades_summed_by_order(still_world):
    fills = get(still_world, "aggTrades", symbol="ETHUSDT", limit=50).json()
    first = fills[0]["f"]
    trades = get(still_world, "historicalTrades", symbol="ETHUSDT", fromId=first, limit=1000).json()
    by_id = {trade["id"]: trade for trade in trades}
    for fill in fills:
        parts = [by_id[number] for number in range(fill["f"], fill["l"] + 1)]
        assert sum(Decimal(part["qty"]) for part in parts) == Decimal(fill["q"])
        assert {(part["price"], part["time"], part["isBuyerMaker"]) for part in parts} == {
            (fill["p"], fill["T"], fill["m"])
        }
    assert any(fill["l"] > fill["f"] for fill in fills)
    assert [fill["a"] for fill in fills] == list(range(fills[0]["a"], fills[0]["a"] + 50))


def test_pages_by_id_follow_each_other_up_to_now(still_world):
    start = NOW_MS - 1_800_000
    page = get(still_world, "aggTrades", symbol="BTCUSDT", startTime=start, limit=1000).json()
    rest = get(still_world, "aggTrades", symbol="BTCUSDT", fromId=page[-1]["a"] + 1, limit=1000).json()
    assert page[0]["T"] >= start
    assert rest[0]["a"] == page[-1]["a"] + 1
    assert len(page) == 1000 and rest[-1]["T"] <= NOW_MS
    newest = get(still_world, "aggTrades", symbol="BTCUSDT", limit=1).json()[0]
    last = rest if len(rest) < 1000 else get(still_world, "aggTrades", symbol="BTCUSDT", fromId=rest[-1]["a"]).json()
    assert last[-1]["a"] == newest["a"]


def test_ids_of_the_past_and_the_future(still_world):
    assert (
        get(still_world, "historicalTrades", symbol="BTCUSDT", fromId=0, limit=5).json()[0]["time"] > 1_735_689_599_999
    )
    assert get(still_world, "historicalTrades", symbol="BTCUSDT", fromId=10**18).json() == []
    assert get(still_world, "aggTrades", symbol="BTCUSDT", fromId=10**18).json() == []


def test_24_hour_statistics_are_those_of_the_candles(still_world):
    ticker = get(still_world, "ticker/24hr", symbol="BTCUSDT").json()
    bars = get(still_world, "klines", symbol="BTCUSDT", interval="1m", startTime=ticker["openTime"], limit=1000).json()
    bars += get(still_world, "klines", symbol="BTCUSDT", interval="1m", startTime=bars[-1][0] + 60_000).json()
    assert len(bars) == 1441 and bars[-1][6] > NOW_MS
    assert ticker["volume"] == str(sum(Decimal(bar[5]) for bar in bars))
    assert ticker["count"] == sum(bar[8] for bar in bars) == ticker["lastId"] - ticker["firstId"] + 1
    assert Decimal(ticker["highPrice"]) == max(Decimal(bar[2]) for bar in bars)
    assert (ticker["openPrice"], ticker["lastPrice"]) == (bars[0][1], bars[-1][4])
    change = Decimal(ticker["lastPrice"]) - Decimal(ticker["openPrice"])
    assert Decimal(ticker["priceChange"]) == change
    assert abs(Decimal(ticker["priceChangePercent"]) - change / Decimal(ticker["openPrice"]) * 100) < Decimal("0.001")


def test_the_average_price_is_that_of_five_minutes(still_world):
    answer = get(still_world, "avgPrice", symbol="BTCUSDT").json()
    bars = get(still_world, "klines", symbol="BTCUSDT", interval="1m", limit=6).json()[:5]
    mean = sum(Decimal(bar[7]) for bar in bars) / sum(Decimal(bar[5]) for bar in bars)
    assert answer["mins"] == 5
    assert abs(Decimal(answer["price"]) - mean) < Decimal("0.00000002")


def test_a_restarted_simulator_serves_the_same_past(still_world):
    asked = [
        ("klines", {"symbol": "BTCUSDT", "interval": "15m", "limit": 50}),
        ("trades", {"symbol": "BTCUSDT"}),
        ("depth", {"symbol": "BTCUSDT"}),
        ("ticker/24hr", {"symbols": '["BTCUSDT","ETHUSDT"]'}),
    ]
    before = [get(still_world, name, **query).content for name, query in asked]
    with World(seed=7, clock=lambda: NOW_MS) as other:
        assert [get(other, name, **query).content for name, query in asked] == before


@pytest.mark.parametrize(
    ("name", "query", "code", "text"),
    [
        ("klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120, "Invalid interval."),
        ("klines", {"symbol": "BTCUSDT", "interval": "1H"}, -1120, "Invalid interval."),
        ("klines", {"interval": "1m"}, -1102, "Mandatory parameter 'symbol' was not sent"),
        ("klines", {"symbol": "BTCUSDT"}, -1102, "Mandatory parameter 'interval' was not sent"),
        ("klines", {"symbol": "", "interval": "1m"}, -1105, "Parameter 'symbol' was empty."),
        ("klines", {"symbol": "NOSUCHUSDT", "interval": "1m"}, -1121, "Invalid symbol."),
        ("klines", {"symbol": "btcusdt", "interval": "1m"}, -1100, "Illegal characters found in parameter 'symbol'"),
        ("depth", {"symbol": "BTCUSDT", "limit": "many"}, -1100, "Illegal characters found in parameter 'limit'"),
        ("depth", {"symbol": "BTCUSDT", "limit": "-5"}, -1100, "Illegal characters found in parameter 'limit'"),
        ("depth", {"symbol": "BTCUSDT", "limit": "0"}, -1130, "Data sent for parameter 'limit' is not valid."),
        ("ping", {"a": "1"}, -1104, "read '0' parameter(s) but was sent '1'"),
        ("exchangeInfo", {"symbols": '["BTCUSDT","NOSUCHUSDT"]'}, -1121, "Invalid symbol."),
        ("exchangeInfo", {"symbols": "BTCUSDT"}, -1100, "Illegal characters found in parameter 'symbols'"),
        ("ticker/price", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128, "Combination of optional"),
        ("aggTrades", {"symbol": "BTCUSDT", "fromId": 1, "startTime": 2}, -1128, "Combination of optional"),
    ],
)
def test_bad_requests_get_binances_codes(still_world, name, query, code, text):
    answer = get(still_world, name, **query)
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert text in answer.json()["msg"]


def test_unknown_paths_are_404(still_world):
    assert get(still_world, "order").status_code == 404
    assert requests.get(f"{still_world.rest_url}/nothing", timeout=5).status_code == 404


@pytest.mark.parametrize(
    ("name", "query", "weight"),
    [
        ("ping", {}, 1),
        ("exchangeInfo", {}, 20),
        ("klines", {"symbol": "BTCUSDT", "interval": "1m"}, 2),
        ("depth", {"symbol": "BTCUSDT"}, 5),
        ("depth", {"symbol": "BTCUSDT", "limit": 500}, 25),
        ("depth", {"symbol": "BTCUSDT", "limit": 1000}, 50),
        ("depth", {"symbol": "BTCUSDT", "limit": 5000}, 250),
        ("trades", {"symbol": "BTCUSDT"}, 25),
        ("aggTrades", {"symbol": "BTCUSDT"}, 4),
        ("ticker/24hr", {"symbol": "BTCUSDT"}, 2),
        ("ticker/24hr", {"symbols": '["BTCUSDT","ETHUSDT"]'}, 2),
        ("ticker/24hr", {}, 80),
        ("ticker/price", {"symbol": "BTCUSDT"}, 2),
        ("ticker/price", {}, 4),
        ("avgPrice", {"symbol": "BTCUSDT"}, 2),
    ],
)
def test_each_request_costs_its_weight(still_world, name, query, weight):
    assert get(still_world, name, **query).headers["X-MBX-USED-WEIGHT-1M"] == str(weight)


def test_too_much_weight_is_429_with_retry_after_and_then_a_ban():
    with World(seed=7, weight_per_minute=20, clock=lambda: NOW_MS) as world:
        assert get(world, "exchangeInfo").status_code == 200
        refused = get(world, "ping")
        assert (refused.status_code, refused.json()["code"]) == (429, -1003)
        assert refused.headers["Retry-After"] == "4"  # 12:34:56.789: 3.211 s to the next minute
        assert refused.headers["X-MBX-USED-WEIGHT-1M"] == "21"
        statuses = [get(world, "ping").status_code for _ in range(11)]
        assert statuses == [429] * 9 + [418] * 2
        assert get(world, "ping").headers["Retry-After"] == "120"


def test_the_weight_is_forgotten_with_the_minute():
    now = [NOW_MS]
    with World(seed=7, weight_per_minute=20, clock=lambda: now[0]) as world:
        assert get(world, "exchangeInfo").status_code == 200
        assert get(world, "ping").status_code == 429
        now[0] += 4_000
        assert get(world, "ping").headers["X-MBX-USED-WEIGHT-1M"] == "1"


def test_a_listed_pair_of_ones_own_is_traded():
    with World(seed=7, pairs=("NEWCOINUSDT",), clock=lambda: NOW_MS) as world:
        bar = get(world, "klines", symbol="NEWCOINUSDT", interval="1m").json()[-1]
        assert Decimal(bar[1]) > 0
