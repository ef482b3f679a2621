"""Each fault does what it says, over real sockets."""

import json
import time

import pytest
import requests
import websocket

from sim import stream_server
from sim.faults import Fault, Faults, fault_from_json
from sim.world import World


def control(world, **fault):
    return requests.post(f"{world.rest_url}/_sim/fault", json=fault, timeout=5)


def ask(world, path="/api/v3/time", timeout=5):
    return requests.get(world.rest_url + path, timeout=timeout)


@pytest.fixture
def connect():
    sockets = []

    def open_one(world, path="/ws/btcusdt@trade"):
        sockets.append(websocket.create_connection(world.stream_url + path, timeout=5))
        return sockets[-1]

    yield open_one
    for each in sockets:
        each.shutdown()


# --- the schedule -----------------------------------------------------------------------------------------------------


def test_a_fault_is_used_as_often_as_it_says():
    faults = Faults()
    faults.add(Fault(kind="status", times=2))
    assert [faults.take("http", ("status",), "/api") is not None for _ in range(3)] == [True, True, False]


def test_a_fault_counts_only_where_it_belongs():
    faults = Faults()
    faults.add(Fault(kind="status", where="klines"))
    faults.add(Fault(kind="silence", on="stream", where="btcusdt"))
    assert faults.take("http", ("status",), "/api/v3/depth?") is None
    assert faults.take("stream", ("status",), "klines") is None
    assert faults.take("stream", ("silence",), "ethusdt@trade") is None
    assert faults.take("stream", ("silence",), "btcusdt@trade") is not None


def test_a_fault_ends_with_its_time():
    faults = Faults()
    faults.add(Fault(kind="status", for_seconds=0))
    assert faults.take("http", ("status",), "") is None
    assert faults.as_json() == []


@pytest.mark.parametrize(
    "raw",
    [
        {},
        [],
        "drop",
        {"kind": "fire"},
        {"kind": "silence"},
        {"kind": "status", "on": "stream"},
        {"kind": "drop", "x": 1},
    ],
)
def test_a_fault_that_cannot_be_is_refused(raw):
    with pytest.raises(ValueError, match="must be"):
        fault_from_json(raw)


# --- HTTP -------------------------------------------------------------------------------------------------------------


def test_the_control_path_lists_and_clears(still_world):
    assert control(still_world, kind="status", status=500).json()[0]["status"] == 500
    assert requests.get(f"{still_world.rest_url}/_sim/fault", timeout=5).json()[0]["kind"] == "status"
    assert requests.delete(f"{still_world.rest_url}/_sim/fault", timeout=5).json() == []
    assert ask(still_world).status_code == 200
    assert control(still_world, kind="fire").status_code == 400


@pytest.mark.parametrize(
    ("status", "code"), [(429, -1003), (418, -1003), (451, 0), (403, 0), (500, -1000), (503, -1000), (504, -1007)]
)
def test_a_status_comes_with_binances_body(still_world, status, code):
    control(still_world, kind="status", status=status, retry_after=3, times=1)
    answer = ask(still_world)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers.get("Retry-After") == ("3" if status in (418, 429) else None)
    assert ask(still_world).status_code == 200


def test_a_status_for_the_model_endpoint_has_its_body(still_world):
    control(still_world, kind="status", status=502, where="chat/completions")
    answer = requests.post(f"{still_world.openrouter_url}/chat/completions", json={}, timeout=5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, 502)


def test_dropped_hanging_and_malformed_answers(still_world):
    control(still_world, kind="drop", times=1)
    with pytest.raises(requests.ConnectionError):
        ask(still_world)
    control(still_world, kind="hang", seconds=30, times=1)
    with pytest.raises(requests.Timeout):
        ask(still_world, timeout=0.2)
    control(still_world, kind="malformed", times=1)
    with pytest.raises(ValueError, match="Expecting"):
        ask(still_world).json()
    control(still_world, kind="delay", seconds=0.2, times=1)
    began = time.monotonic()
    assert ask(still_world).status_code == 200
    assert time.monotonic() - began >= 0.2


def test_the_exchanges_clock_can_be_wrong(still_world):
    right = ask(still_world).json()["serverTime"]
    control(still_world, kind="clock_skew", skew_ms=-90_000)
    assert ask(still_world).json()["serverTime"] == right - 90_000


# --- streams ----------------------------------------------------------------------------------------------------------


def ids(ws, count):
    return [json.loads(ws.recv())["t"] for _ in range(count)]


def test_dropped_connections(fast_world, connect):
    dropped, other = connect(fast_world), connect(fast_world, "/ws/ethusdt@trade")
    ids(dropped, 1)
    control(fast_world, kind="drop", on="stream", where="btcusdt")
    with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionError)):
        ids(dropped, 1000)
    ids(other, 3)
    ids(connect(fast_world), 1)  # it was once


def test_an_announced_shutdown(fast_world, connect):
    raw, combined = connect(fast_world), connect(fast_world, "/stream?streams=btcusdt@trade")
    control(fast_world, kind="shutdown", on="stream", seconds=0)
    last = [json.loads(text) for text in iter(raw.recv, "")][-1]
    assert last["e"] == "serverShutdown"
    assert [json.loads(text) for text in iter(combined.recv, "")][-1]["stream"] == "!serverShutdown"


def test_a_refused_connection_is_answered_as_the_fault_says(still_world, connect):
    for status, wait in ((451, None), (429, "7"), (503, None)):
        still_world.faults.add(
            Fault(kind="refuse", on="stream", times=1, status=status, retry_after=int(wait) if wait else None)
        )
        with pytest.raises(websocket.WebSocketBadStatusException) as error:
            connect(still_world)
        assert error.value.status_code == status
        assert error.value.resp_headers.get("retry-after") == wait


def test_who_connects_too_often_is_refused(still_world, connect, monkeypatch):
    monkeypatch.setattr(stream_server, "CONNECTIONS", 2)
    connect(still_world)
    connect(still_world)
    with pytest.raises(websocket.WebSocketBadStatusException, match="429"):
        connect(still_world)


def test_refused_connections(still_world):
    control(still_world, kind="refuse", on="stream", times=1)
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(f"{still_world.stream_url}/ws/btcusdt@trade", timeout=5)


def test_silence_is_a_gap_and_the_connection_stays(fast_world, connect):
    ws = connect(fast_world)
    before = ids(ws, 1)[0]
    fast_world.faults.add(Fault(kind="silence", on="stream", times=20))
    numbers = ids(ws, 40)
    jumps = [b - a for a, b in zip([before, *numbers], numbers, strict=False)]
    assert sorted(set(jumps)) == [1, 21]


def test_repeated_messages(fast_world, connect):
    ws = connect(fast_world)
    fast_world.faults.add(Fault(kind="duplicate", on="stream", times=10))
    numbers = ids(ws, 40)
    assert len(numbers) - len(set(numbers)) in (9, 10)  # one pair may have gone before the first was read
    assert numbers == sorted(numbers)


def test_swapped_messages(fast_world, connect):
    ws = connect(fast_world)
    fast_world.faults.add(Fault(kind="reorder", on="stream", times=10))
    numbers = ids(ws, 40)
    assert numbers != sorted(numbers)
    assert sorted(numbers) == list(range(min(numbers), min(numbers) + 40))


def test_halved_messages(fast_world, connect):
    ws = connect(fast_world)
    fast_world.faults.add(Fault(kind="malformed", on="stream", times=1))
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        ids(ws, 100)


def test_late_messages(fast_world, connect):
    ws = connect(fast_world)
    ids(ws, 1)
    fast_world.faults.add(Fault(kind="delay", on="stream", seconds=0.3, times=3))
    numbers = ids(ws, 40)
    assert numbers != sorted(numbers)


def test_control_is_off_unless_it_is_asked_for():
    with World() as world:
        assert requests.get(f"{world.rest_url}/_sim/fault", timeout=5).status_code == 404
        assert requests.post(f"{world.rest_url}/_sim/script/x", json=["a"], timeout=5).status_code == 404
