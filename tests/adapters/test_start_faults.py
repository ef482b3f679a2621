"""A start that meets a fault of a REST path says so, tells nothing made up, and has everything in the end."""

from dataclasses import replace
from decimal import Decimal

import gevent
import pytest

from adapters.binance import BinanceSource
from adapters.clock import SystemClock
from adapters.weight_governor import WeightGovernor
from domain.market import MarketState
from domain.messages import HistoryReceived, RulesReceived, SourceStatusChanged, TickerReceived
from sim import wire as truth
from sim.faults import Fault
from sim.world import World
from tests.adapters.waiting import eventually
from tests.conftest import RecordingPeers

PAIR, MINUTE = "BTCUSDT", 60_000
TIMES = 2  # requests that a fault spoils
FAULTS = (
    *(Fault(kind="status", status=status, times=TIMES) for status in (403, 451, 500)),
    *(Fault(kind="status", status=status, times=TIMES, retry_after=1) for status in (418, 429)),
    *(Fault(kind=kind, times=TIMES, seconds=0.5) for kind in ("hang", "drop", "malformed", "delay")),
)


def start_under(fault: Fault) -> None:
    """Start a source on a simulated exchange of its own that has `fault`, and compare what it tells."""
    with World(seed=8, pairs=(PAIR,)) as world:
        world.faults.add(fault)
        peers = RecordingPeers()
        source = BinanceSource(
            pairs=(PAIR,),
            intervals=("1m",),
            rest_urls=(world.rest_url,),
            stream_urls=(world.stream_url,),
            governor=WeightGovernor(weight_per_minute=6000),
            peers=peers,
            clock=SystemClock(),
            history=30,
        )
        source.start()
        try:
            eventually(lambda: states(peers)[-1:] == [MarketState.LIVE])
        finally:
            source.stop()
        assert fault.times < TIMES, "the start never met the fault"
        assert (MarketState.UNREACHABLE in states(peers)) == (fault.kind != "delay")
        compare(world, peers)


def states(peers: RecordingPeers) -> list[MarketState]:
    return [told.state for told in peers.to("market", SourceStatusChanged)]


def compare(world: World, peers: RecordingPeers) -> None:
    market = world.market.pair(PAIR)
    assert [rule.pair for rule in peers.to("market", RulesReceived)[-1].rules] == [PAIR]
    (history,) = peers.to("market", HistoryReceived)
    opens = [bar.open_ms for bar in history.candles]
    assert len(opens) >= 30
    assert opens == list(range(opens[0], opens[0] + len(opens) * MINUTE, MINUTE))
    for bar in history.candles:
        sums = market.candles.at("1m", bar.open_ms, bar.open_ms + MINUTE - 1)
        prices = tuple(Decimal(market.listing.price_text(price)) for price in sums[1:5])
        assert prices == (bar.open, bar.high, bar.low, bar.close)
        assert Decimal(market.listing.quantity_text(sums.volume)) == bar.volume
    ticker = peers.to("market", TickerReceived)[0].ticker
    true = truth.ticker_24h(market, ticker.event_ms)
    assert Decimal(true["highPrice"]) == ticker.high
    assert Decimal(true["volume"]) == ticker.volume


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", ["time", "exchangeInfo", "klines", "ticker/24hr"])
def test_a_start_gets_over_every_fault_of_a_path(path: str):
    faults = [replace(fault, where=f"/{path}") for fault in FAULTS]
    gevent.joinall([gevent.spawn(start_under, fault) for fault in faults], raise_error=True)
