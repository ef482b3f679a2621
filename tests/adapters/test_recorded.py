"""Playing a recording: by the clock, stepped by a driver, paused and gone on with."""

from decimal import Decimal
from pathlib import Path

import gevent
import pytest

from adapters.clock import ScaledClock, VirtualClock
from adapters.recorded import RecordedSource
from adapters.recording import Recording
from domain.market import MarketState, Source
from domain.messages import (
    CandleReceived,
    HistoryReceived,
    RulesReceived,
    SourceStatusChanged,
    TickerReceived,
    TradeReceived,
    TradesFetched,
)

DATA = Path(__file__).parent.parent / "data"
FIRST_MS = 1774742400000
MINUTE = 60_000


def minutes() -> Recording:
    return Recording(DATA / "BTCUSDT-1m-20260329.csv", pairs=("BTCUSDT",), intervals=("1m", "1h"))


def trades() -> Recording:
    return Recording(DATA / "market", pairs=("BTCUSDT",), intervals=("1m",))


def source(peers, recording: Recording, **options) -> RecordedSource:
    clock = VirtualClock(start_ms=recording.first_ms)
    return RecordedSource(recording=recording, peers=peers, clock=clock, speed=0, **options)


def play(made: RecordedSource, until_ms: int) -> list[object]:
    """Take what is due up to and including `until_ms`, as a driver does: one event is always taken ahead."""
    taken = []
    for event in made.events():
        if event.time_ms > until_ms:
            break
        taken.append(event.message)
    return taken


def test_it_tells_rules_and_that_it_plays(peers):
    made = source(peers, minutes())
    made.start()
    rules, status = peers.to("market")
    assert isinstance(rules, RulesReceived)
    assert status.state is MarketState.LIVE
    assert "2026-03-29 00:00:00 UTC" in status.message
    assert made.kind is Source.RECORDED
    assert not made.has_books


def test_a_restarted_market_gets_what_was_played_and_nothing_from_the_future(peers):
    made = source(peers, minutes())
    made.start()
    play(made, FIRST_MS + 65 * MINUTE)
    peers.sent.clear()
    made.stop()
    made.start()
    histories = {message.interval: message.candles for message in peers.to("market", HistoryReceived)}
    assert [bar.open_ms for bar in histories["1m"]] == [FIRST_MS + MINUTE * n for n in range(65)]
    assert [bar.open_ms for bar in histories["1h"]] == [FIRST_MS]
    (ticker,) = peers.to("market", TickerReceived)
    assert ticker.ticker.event_ms == FIRST_MS + 65 * MINUTE


def test_missed_candles_are_those_that_end_after_the_moment(peers):
    made = source(peers, minutes())
    play(made, FIRST_MS + 10 * MINUTE)
    made.fetch_trades("BTCUSDT", since_ms=FIRST_MS + 8 * MINUTE, since_trade_id=None, request_id="r")
    (fetched,) = peers.to("market", TradesFetched)
    assert [bar.open_ms for bar in fetched.candles] == [FIRST_MS + 8 * MINUTE, FIRST_MS + 9 * MINUTE]
    assert (fetched.trades, fetched.request_id) == ((), "r")


def test_what_is_no_longer_kept_is_read_again(peers):
    made = source(peers, minutes(), history=3)
    play(made, FIRST_MS + 10 * MINUTE)
    made.fetch_trades("BTCUSDT", since_ms=FIRST_MS, since_trade_id=None, request_id="r")
    (fetched,) = peers.to("market", TradesFetched)
    assert [bar.open_ms for bar in fetched.candles] == [FIRST_MS + MINUTE * n for n in range(10)]


def test_missed_trades_follow_the_last_known_id(peers):
    made = source(peers, trades())
    played = [message.trade for message in play(made, 1610064002000) if isinstance(message, TradeReceived)]
    made.fetch_trades("BTCUSDT", since_ms=0, since_trade_id=played[4].trade_id, request_id="r")
    made.fetch_trades("BTCUSDT", since_ms=0, since_trade_id=None, request_id="all")
    fetched, everything = peers.to("market", TradesFetched)
    assert list(fetched.trades) == played[5:]
    assert list(everything.trades) == played


def test_an_unknown_pair_has_missed_nothing(peers):
    made = source(peers, minutes())
    made.fetch_trades("ETHUSDT", since_ms=0, since_trade_id=None, request_id="r")
    (fetched,) = peers.to("market", TradesFetched)
    assert (fetched.trades, fetched.candles) == ((), ())


def test_an_earlier_run_is_gone_on_with(peers):
    resumed = source(peers, minutes(), resume_ms=FIRST_MS + 61 * MINUTE)
    resumed.start()
    histories = {message.interval: message.candles for message in peers.to("market", HistoryReceived)}
    assert len(histories["1m"]) == 60
    first = next(iter(resumed.events()))
    assert first.time_ms == FIRST_MS + 61 * MINUTE
    assert isinstance(first.message, CandleReceived)


def test_by_the_clock_everything_is_told_in_order_and_then_that_it_ended(peers):
    recording = trades()
    clock = ScaledClock(start_ms=recording.first_ms, speed=100_000)
    made = RecordedSource(recording=recording, peers=peers, clock=clock, speed=100_000)
    made.start()
    with gevent.Timeout(10):
        while not any(message.state is MarketState.STALE for message in peers.to("market", SourceStatusChanged)):
            gevent.sleep(0.001)
    told = [message for message in peers.to("market") if not isinstance(message, RulesReceived | SourceStatusChanged)]
    assert told == [event.message for event in recording.events()]
    assert "recording ended at 2021-01-08" in peers.to("market")[-1].message
    peers.sent.clear()
    made.stop()
    made.start()
    assert peers.to("market")[-1].state is MarketState.STALE  # it stays ended


def test_nothing_is_told_before_it_is_due_or_while_it_is_paused(peers):
    recording = trades()
    clock = VirtualClock(start_ms=recording.first_ms)  # stands still
    made = RecordedSource(recording=recording, peers=peers, clock=clock, speed=1000)
    made.start()
    gevent.sleep(0.01)
    assert len(peers.to("market", TradeReceived)) == 1
    made.stop()
    clock.move_to(recording.last_ms)
    gevent.sleep(0.01)
    assert len(peers.to("market", TradeReceived)) == 1
    made.start()
    gevent.sleep(0.01)
    assert len(peers.to("market", TradeReceived)) == 60
    made.stop()


def test_a_negative_speed_is_refused(peers):
    recording = minutes()
    with pytest.raises(ValueError, match="speed must be >= 0"):
        RecordedSource(recording=recording, peers=peers, clock=VirtualClock(start_ms=0), speed=-1)


def test_prices_are_exact(peers):
    first = play(source(peers, minutes()), FIRST_MS)[0]
    assert first.price == Decimal("66377.04")
