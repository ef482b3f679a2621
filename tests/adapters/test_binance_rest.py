"""Binance's REST side over real sockets: the simulated exchange, and servers that misbehave below HTTP."""

import contextlib
import time
from collections.abc import Iterator
from itertools import pairwise

import gevent
import pytest
from gevent.server import StreamServer

from adapters import binance_rest
from adapters.binance_rest import BinanceRest, RequestRefused, probe_binance
from adapters.binance_wire import rules_of
from adapters.weight_governor import WeightGovernor
from domain.errors import SourceUnavailable
from sim.faults import Fault
from sim.world import World

DEAD = "http://127.0.0.1:9"  # nobody listens there
MINUTE = 60_000


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(seed=3) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_fault_is_left(world: World) -> Iterator[None]:
    yield
    world.faults.clear()


def rest(*urls: str, timeout_seconds: float = 5.0) -> BinanceRest:
    return BinanceRest(urls=urls, governor=WeightGovernor(weight_per_minute=6000), timeout_seconds=timeout_seconds)


@contextlib.contextmanager
def server(*chunks: bytes, pause_seconds: float = 0.0) -> Iterator[str]:
    """Answer every connection with `chunks`, whatever is asked, and cut it."""

    def serve(socket, _address) -> None:
        socket.recv(65_536)
        with contextlib.suppress(OSError):
            for chunk in chunks:
                socket.sendall(chunk)
                gevent.sleep(pause_seconds)
        socket.close()

    listening = StreamServer(("127.0.0.1", 0), serve)
    listening.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.stop(timeout=0)


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


# --- what is read -----------------------------------------------------------------------------------------------------


def test_the_exchanges_time(world: World):
    assert abs(rest(world.rest_url).server_time_ms() - time.time() * 1000) < 2000


def test_rules_of_listed_pairs_alone(world: World):
    info = rest(world.rest_url).exchange_info(("BTCUSDT", "NOSUCHUSDT", "XRPUSDT"))
    rules = rules_of(info, ("BTCUSDT", "NOSUCHUSDT", "XRPUSDT"))
    assert [rule.pair for rule in rules] == ["BTCUSDT", "XRPUSDT"]
    assert all(rule.trading and rule.tick_size > 0 and rule.min_notional > 0 for rule in rules)


def test_klines_come_page_by_page_without_holes_or_repeats(world: World):
    asked = rest(world.rest_url)
    end_ms = asked.server_time_ms() // MINUTE * MINUTE - MINUTE
    start_ms = end_ms - 2499 * MINUTE
    candles = list(asked.klines("BTCUSDT", "1m", start_ms=start_ms, end_ms=end_ms))
    assert [candle.open_ms for candle in candles] == list(range(start_ms, end_ms + 1, MINUTE))


def test_the_newest_klines(world: World):
    candles = rest(world.rest_url).newest_klines("ETHUSDT", "1h", 5)
    assert len(candles) == 5
    assert candles[-1].open_ms + 3_600_000 > time.time() * 1000


def test_aggregates_come_page_by_page_and_carry_trade_ids(world: World):
    asked = rest(world.rest_url)
    aggregates = list(asked.aggregates_since("BTCUSDT", asked.server_time_ms() - 3_600_000))
    assert len(aggregates) > 1000
    assert all(after.f == before.l + 1 for before, after in pairwise(aggregates))
    newest = asked.newest_trades("BTCUSDT")
    assert newest[-1].id >= aggregates[-1].l
    assert [trade.id for trade in asked.trades_from("BTCUSDT", newest[0].id, 3)] == [
        newest[0].id + step for step in range(3)
    ]


def test_day_statistics(world: World):
    asked = rest(world.rest_url)
    assert {ticker.symbol for ticker in asked.tickers(("BTCUSDT", "ETHUSDT"))} == {"BTCUSDT", "ETHUSDT"}


def test_the_weight_header_is_read(world: World):
    governor = WeightGovernor(weight_per_minute=6000)
    BinanceRest(urls=(world.rest_url,), governor=governor).newest_trades("BTCUSDT")
    assert governor.used() == 25


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_dead_address_is_left_for_the_next_one_which_is_then_asked_first(world: World):
    asked = rest(DEAD, world.rest_url)
    assert asked.server_time_ms() > 0
    assert asked.url == world.rest_url


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(kind="status", status=451), "HTTP 451: it does not serve this location"),
        (Fault(kind="status", status=403), "HTTP 403"),
        (Fault(kind="status", status=504), "HTTP 504"),
        (Fault(kind="drop"), "connection failed"),
        (Fault(kind="malformed"), "unusable answer"),
        (Fault(kind="hang", seconds=3), "no answer within 0.3 s"),
    ],
)
def test_a_useless_answer_is_said_with_its_address(world: World, fault: Fault, said: str):
    world.faults.add(fault)
    began = time.monotonic()
    with pytest.raises(SourceUnavailable) as error:
        rest(world.rest_url, timeout_seconds=0.3).server_time_ms()
    assert world.rest_url in str(error.value)
    assert said in str(error.value)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(("status", "seconds"), [(429, 7), (418, 130)])
def test_when_the_exchange_asks_to_wait_nothing_more_is_sent(world: World, status: int, seconds: int):
    world.faults.add(Fault(kind="status", status=status, retry_after=seconds, times=1))
    governor = WeightGovernor(weight_per_minute=6000)
    asked = BinanceRest(urls=(world.rest_url, DEAD), governor=governor)
    with pytest.raises(SourceUnavailable, match=f"asks us to wait {seconds} s") as error:
        asked.server_time_ms()
    assert error.value.retry_after_seconds == seconds
    assert seconds - 1 < governor.blocked_seconds() <= seconds
    assert asked.url == world.rest_url  # a ban is for our address: another of their hosts is no way around it


def test_an_address_that_does_not_serve_this_location_is_not_asked_again_for_an_hour(world: World):
    now = 0.0
    with World(seed=3) as blocked:
        blocked.faults.add(Fault(kind="status", status=451))
        asked = BinanceRest(
            urls=(blocked.rest_url, world.rest_url),
            governor=WeightGovernor(weight_per_minute=6000),
            monotonic=lambda: now,
        )
        assert asked.server_time_ms() > 0
        blocked.faults.clear()
        world.faults.add(Fault(kind="status", status=500, times=1))
        with pytest.raises(SourceUnavailable) as error:
            asked.server_time_ms()
        assert blocked.rest_url not in str(error.value)
        now = 3601.0
        world.faults.add(Fault(kind="status", status=500))
        assert asked.server_time_ms() > 0
        assert asked.url == blocked.rest_url


def test_the_only_address_is_asked_although_it_did_not_serve_this_location(world: World):
    asked = rest(world.rest_url)
    world.faults.add(Fault(kind="status", status=451, times=1))
    with pytest.raises(SourceUnavailable, match="451"):
        asked.server_time_ms()
    assert asked.server_time_ms() > 0


@pytest.mark.parametrize(("limit", "weight"), [(20, 5), (500, 25), (1000, 50), (5000, 250)])
def test_a_depth_snapshot_costs_what_the_exchange_says(world: World, limit: int, weight: int):
    governor = WeightGovernor(weight_per_minute=6000)
    depth = BinanceRest(urls=(world.rest_url,), governor=governor).depth("BTCUSDT", limit)
    assert len(depth.bids) == len(depth.asks) == min(limit, 400)  # as deep as the simulated book is
    assert governor.used() == weight


def test_a_refusal_carries_the_exchanges_code(world: World):
    with pytest.raises(RequestRefused, match="Invalid symbol") as error:
        rest(world.rest_url).newest_trades("NOSUCHUSDT")
    assert error.value.code == -1121


def test_an_answer_that_drips_is_bounded_as_a_whole():
    drops = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b" "] * 100]
    with server(*drops, pause_seconds=0.05) as url:
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match=r"no whole answer within 0\.4 s"):
            rest(url, timeout_seconds=0.2).server_time_ms()
        assert time.monotonic() - began < 1


def test_a_redirect_is_not_followed(world: World):
    redirect = answer(b"", f"Location: {world.rest_url}/api/v3/time", status="302 Found")
    with server(redirect) as url, pytest.raises(SourceUnavailable, match="HTTP 302"):
        rest(url).server_time_ms()


def test_an_endless_body_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(binance_rest, "MAX_BODY_BYTES", 1000)
    with server(answer(b" " * 100_000)) as url, pytest.raises(SourceUnavailable, match="longer than 1000 bytes"):
        rest(url).server_time_ms()


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"serverTime": "soon"}', b"<html>", b"\xff\xfe"])
def test_a_body_that_is_not_the_answer_is_refused(body: bytes):
    with server(answer(body)) as url, pytest.raises(SourceUnavailable, match="unusable answer"):
        rest(url).server_time_ms()


@pytest.mark.parametrize("row", [b"[1]", b'[1,"x","1","1","1","1"]', b'[null,"1","1","1","1","1"]', b"[]"])
def test_a_kline_that_is_none_is_refused(row: bytes):
    with server(answer(b"[" + row + b"]")) as url, pytest.raises(SourceUnavailable, match="kline row"):
        rest(url).newest_klines("BTCUSDT", "1m", 1)


RUBBISH = ["many", "\N{SUPERSCRIPT TWO}", "9" * 5000, "-1", "1e3", ""]


@pytest.mark.parametrize("rubbish", RUBBISH, ids=lambda text: ascii(text[:6]))
def test_headers_full_of_rubbish_change_nothing(rubbish: str):
    headers = f"X-MBX-USED-WEIGHT-1M: {rubbish}", f"Retry-After: {rubbish}"
    with server(answer(b'{"serverTime": 5}', *headers)) as url:
        assert rest(url).server_time_ms() == 5


@pytest.mark.parametrize("rubbish", RUBBISH, ids=lambda text: ascii(text[:6]))
def test_a_wait_that_cannot_be_read_is_a_minute(rubbish: str):
    refusal = answer(b"{}", f"Retry-After: {rubbish}", status="429 Too Many Requests")
    with server(refusal) as url, pytest.raises(SourceUnavailable, match=r"asks us to wait 60 s \(HTTP 429\)"):
        rest(url).server_time_ms()


def test_no_address_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        rest()


# --- probe ------------------------------------------------------------------------------------------------------------


def test_the_probe_finds_the_one_address_that_answers(world: World):
    assert probe_binance((DEAD, world.rest_url), 2)


def test_the_probe_gives_up_in_time(world: World):
    world.faults.add(Fault(kind="hang", seconds=5))
    began = time.monotonic()
    assert not probe_binance((DEAD, world.rest_url, world.rest_url), 0.3)
    assert time.monotonic() - began < 1


def test_a_geo_block_is_no_answer(world: World):
    world.faults.add(Fault(kind="status", status=451))
    assert not probe_binance((world.rest_url,), 2)
