"""The simulated exchange is read by other people's Binance clients, unpatched but for the base URL."""

import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from gevent import subprocess

from sim.world import World

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

SCRIPT = Path(__file__).with_name("third_party_clients.py")
PAIR = "BTCUSDT"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(seed=4) as running:
        yield running


def read(world: World, client: str) -> dict[str, Any]:
    """Return what `client`, a process of its own, read."""
    done = subprocess.run(
        [sys.executable, SCRIPT, client, str(world.port)], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def true_klines(world: World, rows: list[list[Any]]) -> list[list[float]]:
    """Return open time, prices and volume of the closed candles that open as `rows` do."""
    market = world.market.pair(PAIR)
    text, volume = market.listing.price_text, market.listing.quantity_text
    bars = [market.candles.at("1m", row[0], row[0] + 59_999) for row in rows]
    return [[bar.open_ms, *(float(text(price)) for price in bar[1:5]), float(volume(bar.volume))] for bar in bars]


def assert_no_trade_is_missing(world: World, ids: list[int]) -> None:
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    tape = world.market.pair(PAIR).tape
    minute = tape.minute_of_trade(ids[-1])
    assert ids[-1] in [trade.id for trade in tape.minute_trades(minute)]


def test_ccxt_reads_rules_candles_books_and_trades(world: World):
    told = read(world, "ccxt")
    pair, precision, min_notional = told["exchange_info"]
    assert (pair, precision["price"], precision["amount"], min_notional) == (PAIR, 0.01, 0.00001, 5)
    closed = told["klines"][:-1]
    assert closed == true_klines(world, closed)
    bids, asks = told["depth"]
    assert (len(bids), len(asks)) == (20, 20)
    assert bids[0][0] < asks[0][0]
    assert_no_trade_is_missing(world, told["trades"])
    assert told["ticker"] > 0
    assert abs(told["server_time"] - world.market.clock()) < 150_000
    assert told["refused"].startswith("BadSymbol")


def test_ccxt_pro_keeps_a_full_book_from_differences_and_follows_streams(world: World):
    told = read(world, "ccxt.pro")
    assert_no_trade_is_missing(world, told["trades"])
    books = world.market.pair(PAIR).books
    grid = (told["depth_id"] - books.update_id(0)) // (books.update_id(1) - books.update_id(0))
    listing, book = world.market.pair(PAIR).listing, books.book(grid, 20)
    true_levels = [
        [[float(listing.price_text(price)), float(listing.quantity_text(size))] for price, size in side]
        for side in (book.bids, book.asks)
    ]
    assert told["depth"] == true_levels
    if told["klines"][5]:  # before its first trade a candle is flat at the last price
        assert told["klines"][1] == true_klines(world, [told["klines"]])[0][1]
    assert told["ticker"] > 0


def test_python_binance_reads_rules_candles_books_and_trades(world: World):
    told = read(world, "python-binance")
    assert told["exchange_info"] == [PAIR, "0.00001000", "5.00000000"]
    closed = told["klines"][:-1]
    assert [[row[0], *map(float, row[1:6])] for row in closed] == true_klines(world, closed)
    assert [len(side) for side in told["depth"]] == [20, 20]
    assert_no_trade_is_missing(world, told["trades"])
    assert all(after[0] == before[1] + 1 for before, after in pairwise(told["aggregates"]))
    assert float(told["ticker"]) > 0
    assert abs(told["server_time"] - world.market.clock()) < 150_000
    assert "code=-1121" in told["refused"]


def test_python_binance_follows_streams(world: World):
    told = read(world, "python-binance-streams")
    assert_no_trade_is_missing(world, told["trades"])
    if told["klines"]["n"]:
        assert float(told["klines"]["o"]) == true_klines(world, [[told["klines"]["t"]]])[0][1]
    assert len(told["depth"]["bids"]) == 20
    assert told["combined"] == ["btcusdt@ticker"]
