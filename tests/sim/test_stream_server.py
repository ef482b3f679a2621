"""Streams on a real socket, read by websocket-client: shapes, order, consistency with REST, the protocol."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
import requests
import websocket

from sim.world import World
from tests.sim.conftest import fast_clock
from tests.sim.test_binance import shape

SAMPLES = json.loads((Path(__file__).parent.parent / "data/binance/stream_samples.json").read_text())


@pytest.fixture
def connect():
    sockets = []

    def open_one(world, path):
        sockets.append(websocket.create_connection(world.stream_url + path, timeout=5))
        return sockets[-1]

    yield open_one
    for each in sockets:
        each.shutdown()


def messages(ws, count, wanted=lambda message: True):
    found = []
    while len(found) < count:
        message = json.loads(ws.recv())
        if wanted(message):
            found.append(message)
    return found


def rest(world, name, **query):
    return requests.get(f"{world.rest_url}/api/v3/{name}", params=query, timeout=5).json()


@pytest.mark.parametrize(
    ("stream", "sample"),
    [
        ("aggTrade", "aggTrade"),
        ("bookTicker", "bookTicker"),
        ("kline_1m", "kline_1m"),
        ("depth@100ms", "depth"),
    ],
)
def test_combined_messages_have_the_shape_of_the_recorded_ones(fast_world, connect, stream, sample):
    ws = connect(fast_world, f"/stream?streams=btcusdt@{stream}")
    message = messages(ws, 1, lambda each: each["data"].get("b") != [] and each["data"].get("a") != [])[0]
    recorded = SAMPLES[sample]
    if sample == "depth":
        recorded["data"]["a"] = recorded["data"]["b"]  # the recorded one has no asks
    assert message["stream"] == f"btcusdt@{stream}"
    assert shape(message["data"]) == shape(recorded["data"])


def test_trades_have_the_recorded_shape_but_the_order_ids_that_are_gone_now(fast_world, connect):
    message = messages(connect(fast_world, "/ws/btcusdt@trade"), 1)[0]
    recorded = {name: kind for name, kind in shape(SAMPLES["trade"]["data"]).items() if name not in "ab"}
    assert shape(message) == recorded


def test_the_24_hour_ticker_has_the_documented_fields(fast_world, connect):
    message = messages(connect(fast_world, "/ws/btcusdt@ticker"), 1)[0]
    assert list(message) == list(SAMPLES["ticker"])


def test_streamed_trades_are_those_of_rest_without_a_gap(fast_world, connect):
    trades = messages(connect(fast_world, "/ws/btcusdt@trade"), 100)
    ids = [trade["t"] for trade in trades]
    assert ids == list(range(ids[0], ids[0] + 100))
    asked = rest(fast_world, "historicalTrades", symbol="BTCUSDT", fromId=ids[0], limit=100)
    assert [(t["t"], t["p"], t["q"], t["T"], t["m"]) for t in trades] == [
        (t["id"], t["price"], t["qty"], t["time"], t["isBuyerMaker"]) for t in asked
    ]
    assert all(trade["T"] <= trade["E"] for trade in trades)


def test_a_closed_candle_comes_once_and_is_that_of_rest(fast_world, connect):
    ws = connect(fast_world, "/ws/xrpusdt@kline_1m")
    closed = messages(ws, 2, lambda message: message["k"]["x"])
    assert closed[1]["k"]["t"] == closed[0]["k"]["t"] + 60_000
    for message in closed:
        k = message["k"]
        bar = rest(fast_world, "klines", symbol="XRPUSDT", interval="1m", startTime=k["t"], limit=1)[0]
        assert [k["t"], k["o"], k["h"], k["l"], k["c"], k["v"], k["T"], k["q"], k["n"], k["V"], k["Q"]] == bar[:11]
        assert message["E"] > k["T"]


def test_open_candles_grow(fast_world, connect):
    ws = connect(fast_world, "/ws/btcusdt@kline_1h")
    messages(ws, 1, lambda message: message["k"]["x"])  # the hour begins
    volumes = [Decimal(message["k"]["v"]) for message in messages(ws, 5)]
    assert volumes == sorted(volumes) and volumes[0] < volumes[-1]


def test_a_book_built_from_snapshot_and_differences_is_that_of_the_partial_stream(fast_world, connect):
    """Binance's own recipe: drop events up to the snapshot, apply the rest, and compare with depth20."""
    ws = connect(fast_world, "/stream?streams=ethusdt@depth@100ms/ethusdt@depth20@100ms")
    messages(ws, 3)
    snapshot = rest(fast_world, "depth", symbol="ETHUSDT", limit=100)
    book = {"b": dict(map(tuple, snapshot["bids"])), "a": dict(map(tuple, snapshot["asks"]))}
    last, compared = snapshot["lastUpdateId"], 0
    while compared < 5:
        message = json.loads(ws.recv())
        data = message["data"]
        if message["stream"].endswith("depth20@100ms"):
            if data["lastUpdateId"] == last and compared is not None:
                bids = sorted(book["b"].items(), key=lambda level: -Decimal(level[0]))[:20]
                asks = sorted(book["a"].items(), key=lambda level: Decimal(level[0]))[:20]
                assert [list(level) for level in bids] == data["bids"]
                assert [list(level) for level in asks] == data["asks"]
                compared += 1
        elif data["u"] > last:
            assert data["U"] <= last + 1 <= data["u"]
            for side in "ba":
                for price, quantity in data[side]:
                    if Decimal(quantity):
                        book[side][price] = quantity
                    else:
                        book[side].pop(price, None)
            last = data["u"]


def test_partial_books_are_uncrossed_and_their_ids_grow(fast_world, connect):
    books = messages(connect(fast_world, "/ws/btcusdt@depth20@100ms"), 20)
    assert all(list(book) == ["lastUpdateId", "bids", "asks"] for book in books)
    assert all(len(book["bids"]) == len(book["asks"]) == 20 for book in books)
    assert all(Decimal(book["bids"][0][0]) < Decimal(book["asks"][0][0]) for book in books)
    ids = [book["lastUpdateId"] for book in books]
    assert ids == sorted(set(ids))


def test_a_restarted_world_goes_on_with_the_same_path(connect):
    clock = fast_clock()
    with World(seed=7, clock=clock) as world:
        before = messages(connect(world, "/ws/btcusdt@trade"), 5)
        port = world.port
        world.stop()
        world.start()
        assert world.port == port
        after = messages(connect(world, "/ws/btcusdt@trade"), 5)
        asked = rest(world, "historicalTrades", symbol="BTCUSDT", fromId=before[0]["t"], limit=1000)
    by_id = {trade["id"]: trade["price"] for trade in asked}
    assert [by_id[trade["t"]] for trade in before + after] == [trade["p"] for trade in before + after]
    assert list(by_id) == list(range(before[0]["t"], before[0]["t"] + len(by_id)))


# --- the protocol -----------------------------------------------------------------------------------------------------


def ask(ws, **request):
    ws.send(json.dumps(request))
    return messages(ws, 1, lambda message: "id" in message or "code" in message)[0]


def test_subscribing_and_unsubscribing(still_world, connect):
    ws = connect(still_world, "/stream")
    assert ask(ws, method="SUBSCRIBE", params=["btcusdt@depth5", "nosuchusdt@trade"], id=1) == {"result": None, "id": 1}
    assert ask(ws, method="LIST_SUBSCRIPTIONS", id="some-uuid")["result"] == ["btcusdt@depth5", "nosuchusdt@trade"]
    assert ask(ws, method="UNSUBSCRIBE", params=["nosuchusdt@trade"], id=None) == {"result": None, "id": None}
    assert ask(ws, method="LIST_SUBSCRIPTIONS", id=2) == {"result": ["btcusdt@depth5"], "id": 2}


def test_a_subscription_brings_messages_in_the_form_of_the_path(fast_world, connect):
    raw, combined = connect(fast_world, "/ws/0"), connect(fast_world, "/stream")
    for ws in (raw, combined):
        ask(ws, method="SUBSCRIBE", params=["btcusdt@trade"], id=1)
    assert messages(raw, 1)[0]["e"] == "trade"
    assert messages(combined, 1)[0]["data"]["e"] == "trade"


def test_the_combined_property(fast_world, connect):
    ws = connect(fast_world, "/ws/btcusdt@trade")
    assert ask(ws, method="GET_PROPERTY", params=["combined"], id=1) == {"result": False, "id": 1}
    assert ask(ws, method="SET_PROPERTY", params=["combined", True], id=2) == {"result": None, "id": 2}
    assert "stream" in messages(ws, 1)[0]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", 3),
        ("[]", 2),
        ('{"id": 1}', 2),
        ('{"method": "BUY", "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": "btcusdt@trade", "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": [5], "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": [], "id": 1.5}', 2),
        ('{"method": "SET_PROPERTY", "params": ["other", true], "id": 1}', 0),
        ('{"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}', 1),
    ],
)
def test_bad_requests_are_answered_with_a_code(still_world, connect, text, code):
    ws = connect(still_world, "/ws/0")
    ws.send(text)
    assert messages(ws, 1)[0]["code"] == code


def end_of(ws):
    """Read until the connection ends; return the close code, or None for a bare cut."""
    try:
        while True:
            opcode, data = ws.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(data[:2], "big")
    except (websocket.WebSocketConnectionClosedException, ConnectionError):
        return None


def test_more_than_five_messages_a_second_end_the_connection(still_world, connect):
    ws = connect(still_world, "/ws/0")
    for number in range(6):
        ws.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
    assert end_of(ws) == 1008


def test_too_many_streams_end_the_connection(still_world, connect):
    ws = connect(still_world, "/ws/0")
    ws.send(json.dumps({"method": "SUBSCRIBE", "params": [f"x{k}@trade" for k in range(1025)], "id": 1}))
    assert end_of(ws) == 1008


def test_pings_carry_the_time_and_an_answered_one_keeps_the_connection(connect):
    with World(seed=7, ping_seconds=0.1, pong_seconds=0.3) as world:
        ws = connect(world, "/ws/0")
        payloads = []
        while len(payloads) < 6:  # twice as long as an unanswered ping is waited for
            opcode, frame = ws.recv_data_frame(control_frame=True)
            assert opcode == websocket.ABNF.OPCODE_PING
            payloads.append(int(frame.data))
        assert payloads == sorted(payloads)


def test_a_ping_not_answered_with_its_own_payload_ends_the_connection(connect):
    with World(seed=7, ping_seconds=0.1, pong_seconds=0.3) as world:
        ws = connect(world, "/ws/0")
        ws.pong = lambda payload="": ws.send("another", websocket.ABNF.OPCODE_PONG)  # what the library calls
        assert end_of(ws) is None


def test_a_connection_ends_with_its_age(connect):
    with World(seed=7, max_age_seconds=0.3) as world:
        assert end_of(connect(world, "/ws/0")) is None


def test_a_clients_close_is_answered(still_world, connect):
    ws = connect(still_world, "/ws/btcusdt@trade")
    ws.send_close(1000, b"bye")
    assert end_of(ws) == 1000


def test_a_plain_request_to_a_stream_path_is_refused(still_world):
    assert requests.get(f"{still_world.rest_url}/ws/btcusdt@trade", timeout=5).status_code == 404
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(f"{still_world.stream_url}/other", timeout=5)
