"""The whole Binance connection against the simulated exchange over real sockets: no trade or candle lost or doubled."""

import contextlib
import re
import time
from collections.abc import Iterator
from itertools import pairwise

import gevent
import pytest

from adapters import binance
from adapters.binance import BinanceSource
from adapters.clock import SystemClock
from adapters.weight_governor import WeightGovernor
from domain.market import MarketState, Source
from domain.messages import (
    BookReceived,
    CandleReceived,
    HistoryReceived,
    RulesReceived,
    SourceStatusChanged,
    TickerReceived,
    TradeReceived,
    TradesFetched,
)
from sim.faults import Fault
from sim.market import wall_ms
from sim.world import World
from tests.adapters.waiting import eventually

PAIRS = ("BTCUSDT", "ETHUSDT")
DEAD_REST, DEAD_STREAM = "http://127.0.0.1:9", "ws://127.0.0.1:9"


@pytest.fixture
def world() -> Iterator[World]:
    with World(seed=5, ping_seconds=0.5) as running:
        yield running


class Connection:
    """A source under test and what it told."""

    def __init__(self, peers, *, rest: tuple[str, ...], streams: tuple[str, ...], pairs=PAIRS, **options) -> None:
        self.peers = peers
        self.source = BinanceSource(
            pairs=pairs,
            rest_urls=rest,
            stream_urls=streams,
            governor=WeightGovernor(weight_per_minute=6000),
            peers=peers,
            clock=SystemClock(),
            history=50,
            **({"stale_after_seconds": 2, "intervals": ("1m", "1h")} | options),
        )

    def told(self, kind: type) -> list:
        return self.peers.to("market", kind)

    def states(self) -> list[MarketState]:
        return [status.state for status in self.told(SourceStatusChanged)]

    def trade_ids(self, pair: str = "BTCUSDT") -> list[int]:
        return [message.trade.trade_id for message in self.told(TradeReceived) if message.pair == pair]

    def caught_up(self) -> list[TradeReceived]:
        return [message for message in self.told(TradeReceived) if message.catch_up]

    def assert_nothing_is_lost_or_doubled(self) -> None:
        for pair in PAIRS:
            ids = self.trade_ids(pair)
            assert all(after == before + 1 for before, after in pairwise(ids)), ids

    def forget(self) -> None:
        self.peers.sent.clear()


@contextlib.contextmanager
def connected(peers, world: World, **options) -> Iterator[Connection]:
    made = Connection(peers, rest=(world.rest_url,), streams=(world.stream_url,), **options)
    made.source.start()
    try:
        eventually(lambda: made.states()[-1:] == [MarketState.LIVE])
        eventually(lambda: all(made.trade_ids(pair) for pair in PAIRS))
        yield made
    finally:
        made.source.stop()


@pytest.mark.parametrize("leaked", [RuntimeError("nobody foresaw it"), gevent.Timeout(9)], ids=["error", "timeout"])
def test_whatever_ends_a_connection_from_inside_it_begins_anew(peers, world: World, monkeypatch, leaked):
    monkeypatch.setattr(binance, "LONGEST_WAIT_SECONDS", 0.05)
    made = Connection(peers, rest=(world.rest_url,), streams=(world.stream_url,))
    broken = [leaked]
    connect = made.source._connect

    def break_once():
        if broken:
            raise broken.pop()
        connect()

    monkeypatch.setattr(made.source, "_connect", break_once)
    made.source.start()
    try:
        eventually(lambda: made.states()[-1:] == [MarketState.LIVE])
        assert made.states()[0] is MarketState.UNREACHABLE
    finally:
        made.source.stop()


def test_rules_and_history_first_then_live_data(peers, world: World):
    with connected(peers, world, kind=Source.SIMULATED) as made:
        assert made.source.kind is Source.SIMULATED
        eventually(lambda: {message.interval for message in made.told(CandleReceived)} == {"1m", "1h"})
        eventually(lambda: {message.pair for message in made.told(BookReceived)} == set(PAIRS))
        assert made.states() == [MarketState.CONNECTING, MarketState.LIVE]
        assert [rule.pair for rule in made.told(RulesReceived)[0].rules] == list(PAIRS)
        history = {(told.pair, told.interval): told.candles for told in made.told(HistoryReceived)}
        assert set(history) == {(pair, interval) for pair in PAIRS for interval in ("1m", "1h")}
        for candles in history.values():
            assert len(candles) >= 49
            step = candles[1].open_ms - candles[0].open_ms
            assert all(after.open_ms == before.open_ms + step for before, after in pairwise(candles))
            assert candles[-1].open_ms + step <= time.time() * 1000  # closed ones only
        assert {told.pair for told in made.told(TickerReceived)} == set(PAIRS)
        book = made.told(BookReceived)[-1].book
        assert (len(book.bids), len(book.asks), book.depth) == (20, 20, 20)
        made.assert_nothing_is_lost_or_doubled()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="drop", on="stream", times=1),
        Fault(kind="silence", on="stream", for_seconds=3),
        Fault(kind="silence", on="stream", where="btcusdt@trade", for_seconds=8),
        Fault(kind="silence", on="stream", where="btcusdt@depth", for_seconds=3),
    ],
    ids=("drop", "silence", "silent trades", "silent depth"),
)
def test_a_lost_or_silent_stream_is_replaced_and_its_gap_filled(peers, world: World, fault: Fault):
    with connected(peers, world, stale_after_seconds=1) as made:
        fault.began = time.monotonic()
        world.faults.add(fault)
        eventually(lambda: MarketState.RECONNECTING in made.states())
        lost = len(made.trade_ids())
        eventually(lambda: made.states()[-1] is MarketState.LIVE and len(made.trade_ids()) > lost + 2)
        made.assert_nothing_is_lost_or_doubled()
        if fault.kind == "silence" and not fault.where:
            assert MarketState.STALE in made.states()
            assert made.caught_up()


@pytest.mark.parametrize("kind", ["reorder", "duplicate", "malformed"])
def test_a_damaged_trade_stream_is_put_right(peers, world: World, kind: str):
    with connected(peers, world) as made:
        before = len(made.trade_ids())
        world.faults.add(Fault(kind=kind, on="stream", where="btcusdt@trade", for_seconds=2.5))
        eventually(lambda: len(made.trade_ids()) > before + 4, 25)
        made.assert_nothing_is_lost_or_doubled()


def test_a_connection_is_replaced_in_time_without_a_break(peers, world: World):
    with connected(peers, world, max_age_seconds=1.5) as made:
        gone = len(made.told(BookReceived))
        eventually(lambda: len(made.told(BookReceived)) > gone + 60)
        assert made.states() == [MarketState.CONNECTING, MarketState.LIVE]  # nobody noticed
        made.assert_nothing_is_lost_or_doubled()


def test_a_whole_outage_is_said_and_made_good(peers, world: World):
    with connected(peers, world) as made:
        world.stop()
        eventually(lambda: MarketState.UNREACHABLE in made.states())
        unreachable = next(told for told in made.told(SourceStatusChanged) if told.state is MarketState.UNREACHABLE)
        assert world.stream_url in unreachable.message
        assert "trying again in" in unreachable.message
        world.start()
        eventually(lambda: made.states()[-1] is MarketState.LIVE)
        assert MarketState.CATCHING_UP in made.states()
        assert made.caught_up()
        made.assert_nothing_is_lost_or_doubled()


def test_while_the_gap_cannot_be_fetched_nothing_newer_is_told(peers, world: World):
    with connected(peers, world) as made:
        world.faults.add(Fault(kind="status", status=451))
        world.faults.add(Fault(kind="drop", on="stream", times=1))
        eventually(lambda: MarketState.CATCHING_UP in made.states())
        made.forget()
        gevent.sleep(1)
        assert made.told(TradeReceived) == made.told(BookReceived) == []
        world.faults.clear()
        eventually(lambda: made.states()[-1:] == [MarketState.LIVE])
        assert made.caught_up()


def test_without_any_network_it_stays_and_says_what_it_cannot_reach(peers):
    made = Connection(peers, rest=(DEAD_REST, "http://127.0.0.1:10"), streams=(DEAD_STREAM,))
    made.source.start()
    try:
        eventually(lambda: made.states().count(MarketState.UNREACHABLE) >= 2)
    finally:
        made.source.stop()
    message = made.told(SourceStatusChanged)[-1].message
    assert "http://127.0.0.1:9 (connection refused)" in message
    assert "http://127.0.0.1:10 (connection refused)" in message
    assert "trying again in" in message
    assert {type(told) for told in peers.to("market")} == {SourceStatusChanged}  # no price of any kind


def test_other_addresses_are_tried(peers, world: World):
    made = Connection(peers, rest=(DEAD_REST, world.rest_url), streams=(DEAD_STREAM, world.stream_url))
    made.source.start()
    try:
        eventually(lambda: made.states()[-1:] == [MarketState.LIVE])
    finally:
        made.source.stop()


def test_a_pair_that_the_exchange_does_not_list_leaves_the_others_alone(peers, world: World):
    with connected(peers, world, pairs=("NOSUCHUSDT", *PAIRS)) as made:
        assert {told.pair for told in made.told(HistoryReceived)} == set(PAIRS)


def test_missed_trades_are_fetched_and_told(peers, world: World):
    with connected(peers, world) as made:
        known = made.told(TradeReceived)[0].trade
        made.source.fetch_trades("BTCUSDT", since_ms=known.traded_ms - 60_000, since_trade_id=None, request_id="a")
        made.source.fetch_trades("BTCUSDT", since_ms=known.traded_ms - 60_000, since_trade_id=None, request_id="b")
        eventually(lambda: made.told(TradesFetched))
        (fetched,) = made.told(TradesFetched)
        assert fetched.request_id == "b"  # the newer request took the older one's place
        ids = [trade.trade_id for trade in fetched.trades]
        assert ids == list(range(ids[0], ids[-1] + 1))
        assert fetched.trades[0].traded_ms > known.traded_ms - 60_000


def test_after_a_restart_everything_is_told_anew_and_requests_are_not_forgotten(peers, world: World):
    with connected(peers, world) as made:
        world.faults.add(Fault(kind="status", status=500, where="trades"))
        since_ms = made.told(TradeReceived)[0].trade.traded_ms - 60_000
        made.source.fetch_trades("BTCUSDT", since_ms=since_ms, since_trade_id=None, request_id="r")
        made.source.stop()
        made.forget()
        gevent.sleep(0.3)
        assert peers.sent == []
        world.faults.clear()
        made.source.start()
        eventually(lambda: made.states()[-1:] == [MarketState.LIVE])
        eventually(lambda: made.told(TradesFetched))
        assert made.told(RulesReceived) and made.told(HistoryReceived)


def test_no_trade_is_lost_between_a_stop_and_the_first_data_after_it(peers, world: World):
    with connected(peers, world) as made:
        made.source.stop()
        gevent.sleep(1.5)  # real time by intent: the world trades on
        made.source.start()
        eventually(lambda: {told.pair for told in made.caught_up()} == set(PAIRS))
        eventually(lambda: made.states()[-1:] == [MarketState.LIVE])
        made.assert_nothing_is_lost_or_doubled()


def test_a_skewed_clock_is_measured_and_only_closed_candles_are_history(peers, world: World):
    world.faults.add(Fault(kind="clock_skew", skew_ms=90_000))
    with connected(peers, world) as made:
        assert 85_000 < made.source.offset_ms < 95_000
        newest = max(told.candles[-1].open_ms for told in made.told(HistoryReceived) if told.interval == "1m")
        assert newest + 60_000 <= time.time() * 1000 + 90_000
        assert newest + 120_000 > time.time() * 1000 + 85_000


class MovedClock(SystemClock):
    """A wall clock that a test sets ahead: what a sleeping machine's clock looks like when it wakes."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


def test_a_machine_that_wakes_up_connects_anew_and_fills_the_gap(peers, world: World, monkeypatch):
    monkeypatch.setattr(MovedClock, "ahead_ms", 0)
    monkeypatch.setattr("tests.adapters.test_binance.SystemClock", MovedClock)
    with connected(peers, world, stale_after_seconds=60) as made:
        before = made.source.offset_ms
        monkeypatch.setattr(MovedClock, "ahead_ms", 600_000)
        eventually(lambda: MarketState.RECONNECTING in made.states())
        stale = next(told for told in made.told(SourceStatusChanged) if told.state is MarketState.STALE)
        assert "this machine slept, or its clock was set, 600 s ahead" in stale.message
        eventually(lambda: made.states()[-1] is MarketState.LIVE)
        eventually(lambda: abs(made.source.offset_ms - before + 600_000) < 5_000)
        known = len(made.trade_ids())
        eventually(lambda: len(made.trade_ids()) > known + 2)
        made.assert_nothing_is_lost_or_doubled()
        now_ms = time.time() * 1000
        closed = [told for told in made.told(CandleReceived) if told.closed]
        assert all(told.candle.open_ms + 60_000 <= now_ms for told in closed)  # no open candle taken for a closed one


def test_pairs_are_added_and_let_go_while_it_runs(peers, world: World):
    with connected(peers, world) as made:
        (session,) = world.streams._sessions
        made.source.follow(("BTCUSDT", "ETHUSDT", "SOLUSDT", "NOSUCHUSDT"))
        eventually(lambda: made.trade_ids("SOLUSDT") and "solusdt@kline_1h" in session.streams)
        eventually(lambda: "SOLUSDT" in {told.pair for told in made.told(BookReceived)})
        assert {told.interval for told in made.told(HistoryReceived) if told.pair == "SOLUSDT"} == {"1m", "1h"}
        assert [rule.pair for rule in made.told(RulesReceived)[-1].rules] == ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
        made.source.follow(("ETHUSDT", "SOLUSDT"))
        eventually(lambda: not any(name.startswith("btcusdt") for name in session.streams))
        made.forget()
        eventually(lambda: made.trade_ids("SOLUSDT") and made.trade_ids("ETHUSDT"))
        assert made.trade_ids("BTCUSDT") == []
        assert set(world.streams._sessions) == {session}  # nobody was disconnected
        assert not {MarketState.RECONNECTING, MarketState.UNREACHABLE} & set(made.states())


def test_streams_go_on_where_an_answer_ended_that_was_given_before_them(peers, world: World, monkeypatch):
    made = Connection(peers, rest=(world.rest_url,), streams=(world.stream_url,))
    opened = made.source._open_streams

    def answer_first(feeds):
        since_ms = time.time_ns() // 1_000_000 - 2_000
        made.source.fetch_trades("BTCUSDT", since_ms=since_ms, since_trade_id=None, request_id="r1")
        eventually(lambda: made.told(TradesFetched))
        (answer,) = made.told(TradesFetched)
        market = world.market.pair("BTCUSDT")
        eventually(lambda: len(market.tape.trades_between(answer.trades[-1].traded_ms + 1, wall_ms())) > 2)
        opened(feeds)

    monkeypatch.setattr(made.source, "_open_streams", answer_first)
    made.source.start()
    try:
        eventually(lambda: len(made.trade_ids()) > 5)
        made.assert_nothing_is_lost_or_doubled()
        (answer,) = made.told(TradesFetched)
        assert made.trade_ids()[0] == answer.trades[-1].trade_id + 1
        assert made.caught_up()
    finally:
        made.source.stop()


def test_an_answer_reaches_the_streams_that_began_meanwhile(peers, world: World, monkeypatch):
    with connected(peers, world) as made:
        first_id = made.source._run.feeds["BTCUSDT"].first_id
        missed, shortened = made.source._missed, []

        def end_too_early(pair, wanted):
            trades, candles = missed(pair, wanted)
            if shortened:
                return trades, candles
            shortened.append(tuple(trade for trade in trades if trade.trade_id < first_id - 1))
            return shortened[0], candles

        monkeypatch.setattr(made.source, "_missed", end_too_early)
        since_ms = made.told(TradeReceived)[0].trade.traded_ms - 5_000
        made.source.fetch_trades("BTCUSDT", since_ms=since_ms, since_trade_id=None, request_id="r1")
        eventually(lambda: made.told(TradesFetched))
        (answer,) = made.told(TradesFetched)
        assert shortened[0]
        assert answer.trades[-1].trade_id >= first_id


def test_more_pairs_than_a_connection_carries_get_another(peers, world: World, monkeypatch):
    monkeypatch.setattr(binance, "STREAMS_PER_CONNECTION", 10)  # 5 streams each
    with connected(peers, world) as made:
        made.source.follow((*PAIRS, "SOLUSDT"))
        eventually(lambda: made.trade_ids("SOLUSDT"))
        assert len(world.streams._sessions) == 2
        eventually(lambda: made.states()[-1] is MarketState.LIVE)
        assert made.states().count(MarketState.CONNECTING) == 1  # the prices of the others went on
        made.source.follow(PAIRS)
        eventually(lambda: len(world.streams._sessions) == 1)
        eventually(lambda: made.states()[-1] is MarketState.LIVE)


def test_pairs_that_the_exchange_does_not_list_are_named_and_looked_for_again(peers, world: World, monkeypatch):
    monkeypatch.setattr(binance, "RULES_SECONDS", 0.05)
    made = Connection(peers, rest=(world.rest_url,), streams=(world.stream_url,), pairs=("NOSUCHUSDT",))
    made.source.start()
    try:
        eventually(lambda: made.states()[-1:] == [MarketState.UNREACHABLE])
        assert made.told(SourceStatusChanged)[-1].message == f"{world.rest_url} lists none of NOSUCHUSDT"
        made.source._pairs = PAIRS  # as if it listed them now
        eventually(lambda: made.states()[-1] is MarketState.LIVE)
        assert set(made.source._run.feeds) == set(PAIRS)
    finally:
        made.source.stop()


def test_an_interval_that_the_exchange_does_not_send_is_built_from_minutes(peers, world: World):
    made = Connection(peers, rest=(world.rest_url,), streams=(world.stream_url,), intervals=("1m", "10m"))
    made.source.start()
    try:
        eventually(lambda: made.states()[-1:] == [MarketState.LIVE])
    finally:
        made.source.stop()
    (built,) = (
        told.candles for told in made.told(HistoryReceived) if told.pair == "BTCUSDT" and told.interval == "10m"
    )
    candles, text = world.market.pair("BTCUSDT").candles, world.market.pair("BTCUSDT").listing
    assert len(built) >= 49
    for bar in built:
        truth = [candles.at("5m", bar.open_ms + part, bar.open_ms + part + 299_999) for part in (0, 300_000)]
        assert str(bar.open) == text.price_text(truth[0].open)
        assert str(bar.high) == text.price_text(max(part.high for part in truth))
        assert str(bar.volume) == text.quantity_text(sum(part.volume for part in truth))


def test_a_hole_that_cannot_be_fetched_is_named_and_its_candles_come_later(peers, world: World, monkeypatch):
    monkeypatch.setattr(binance, "GIVE_UP_GAP_SECONDS", 0.3)
    monkeypatch.setattr(binance, "LONGEST_WAIT_SECONDS", 0.5)
    with connected(peers, world) as made:
        world.faults.add(Fault(kind="status", status=500))
        world.faults.add(Fault(kind="drop", on="stream"))
        eventually(lambda: MarketState.CATCHING_UP in made.states())
        eventually(lambda: made.states()[-1] is MarketState.LIVE)
        assert "BTCUSDT has a hole before trade" in made.told(SourceStatusChanged)[-1].message
        made.forget()
        world.faults.clear()
        eventually(lambda: {told.pair for told in made.told(HistoryReceived)} == set(PAIRS))
        eventually(lambda: made.told(SourceStatusChanged) and "hole" not in made.told(SourceStatusChanged)[-1].message)
        assert made.states()[-1] is MarketState.LIVE


def test_trades_that_rest_never_gives_are_named_as_a_hole(peers, world: World, monkeypatch):
    monkeypatch.setattr(binance, "LAG_SECONDS", (0.05,))
    monkeypatch.setattr(binance, "LONGEST_WAIT_SECONDS", 0.5)
    monkeypatch.setattr(binance.catch_up, "trades_after", lambda *_, **__: ())
    with connected(peers, world) as made:
        world.faults.add(Fault(kind="silence", on="stream", where="btcusdt@trade", for_seconds=4))
        said = "live from .*; BTCUSDT has a hole before trade"
        eventually(lambda: any(re.match(said, told.message) for told in made.told(SourceStatusChanged)))
        eventually(lambda: "BTCUSDT" not in made.told(SourceStatusChanged)[-1].message)  # its candles are whole again
