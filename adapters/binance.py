"""The Binance connection of the desk: rules and history over REST, live data over streams, gaps filled, never given up.

It tells only what the exchange said. While the exchange cannot be reached it says so, and tries again.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import NamedTuple, TypeVar

import gevent
import msgspec
from gevent.pool import Pool

from adapters import binance_catch_up as catch_up
from adapters import binance_wire as wire
from adapters.binance_feed import PairFeed, ToldUntil
from adapters.binance_rest import BinanceRest
from adapters.binance_rest import probe_binance as probe_binance  # part of this module's interface
from adapters.binance_streams import (
    FAILS_UNTIL_UNREACHABLE,
    STREAMS_PER_CONNECTION,
    Down,
    StreamGroup,
    connection_pace,
)
from adapters.exchange_clock import ExchangeClock
from adapters.weight_governor import WeightGovernor
from domain.errors import QuorumError, SourceUnavailable
from domain.market import BUILT_INTERVALS, INTERVAL_MS, Candle, MarketState, PublicTrade, Source, SymbolRules
from domain.messages import (
    CandleReceived,
    HistoryReceived,
    RulesReceived,
    SourceStatusChanged,
    TickerReceived,
    TradesFetched,
)
from domain.ports import Clock, Peers

log = logging.getLogger(__name__)
T = TypeVar("T")

MARKET = "market"
PARALLEL_REQUESTS = 4
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0
GIVE_UP_GAP_SECONDS = 60.0  # then live data go on, the hole is named, and its candles are fetched when they can be
LAG_SECONDS = (0.2, 0.4, 0.8, 1.6, 3.2)  # REST may know the newest trades a little later than the streams
WATCH_SECONDS = 1.0  # how often the clocks are compared
SLEPT_MS = 10_000  # after so long a sleep all connections are replaced
MEASURE_AGAIN_SECONDS = 60.0
RULES_SECONDS = 3600.0  # the exchange's filters change now and then
CLOCK_WARNING_MS = 1000
HISTORY_LIMIT = 1000
SAY_AGAIN_SECONDS = 1.0  # another sentence about the same state waits at least this long
TICKERS_AT_ONCE = 100

_decoders: dict[str, msgspec.json.Decoder[object]] = {
    "depth20": msgspec.json.Decoder(wire.Depth),
    "trade": msgspec.json.Decoder(wire.TradeEvent),
    "kline": msgspec.json.Decoder(wire.KlineEvent),
    "ticker": msgspec.json.Decoder(wire.TickerEvent),
}


@dataclass(slots=True)
class _Group:
    """One connection and the pairs it carries."""

    feeds: list[PairFeed]
    streams: StreamGroup | None = None
    flowing: bool = False


class _Wanted(NamedTuple):
    """A request for missed trades."""

    request_id: str
    since_ms: int
    since_trade_id: int | None

    def told(self, trades: tuple[PublicTrade, ...]) -> ToldUntil | None:
        """Return up to where the asker knows the trades, once these are told; None when that has no id."""
        if trades:
            return ToldUntil(trades[-1].trade_id, trades[-1].traded_ms)
        return None if self.since_trade_id is None else ToldUntil(self.since_trade_id, self.since_ms)


@dataclass(slots=True)
class _Run:
    """What one start() made; stop() ends all of it."""

    greenlets: "list[gevent.Greenlet[..., None]]" = field(default_factory=list)
    feeds: dict[str, PairFeed] = field(default_factory=dict)
    groups: list[_Group] = field(default_factory=list)
    repairing: set[str] = field(default_factory=set)
    asking: set[str] = field(default_factory=set)  # for overdue candles
    told: dict[str, ToldUntil] = field(default_factory=dict)  # per pair: up to where, before its streams began
    catching_up: int = 0
    holes: dict[str, str] = field(default_factory=dict)  # per pair: what could not be fetched and is not there yet
    said_holes: str = ""
    connected: bool = False  # rules and history are loaded, streams opened


class BinanceSource:
    """Binance, or a simulator that speaks its protocol.

    Args:
        pairs, intervals: what is followed.
        rest_urls, stream_urls: base addresses, tried in turn.
        governor: the process's one weight budget.
        peers, clock: how and with what time the market actor is told.
        stale_after_seconds: a stream that tells nothing for so long is cut.
        history: closed candles fetched for each series, at most 999.
        kind: BINANCE or SIMULATED.
        random: jitter of the waits.
    """

    has_books = True

    def __init__(
        self,
        *,
        pairs: tuple[str, ...],
        intervals: tuple[str, ...],
        rest_urls: tuple[str, ...],
        stream_urls: tuple[str, ...],
        governor: WeightGovernor,
        peers: Peers,
        clock: Clock,
        stale_after_seconds: float = 10.0,
        history: int = 500,
        kind: Source = Source.BINANCE,
        random: Random | None = None,
        max_age_seconds: float = 23 * 3600.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kind = kind
        self.governor = governor
        self._pairs = pairs
        self._intervals = intervals
        self._rest = BinanceRest(urls=rest_urls, governor=governor, monotonic=monotonic)
        self._stream_urls = stream_urls
        self._peers = peers
        self._clock = clock
        self._time = ExchangeClock(clock=clock, monotonic=monotonic)
        self._measured_at = monotonic()
        self._connections = connection_pace(monotonic)
        self._stale_after_seconds = stale_after_seconds
        self._history = history
        self._random = random or Random(0)
        self._max_age_seconds = max_age_seconds
        self._monotonic = monotonic
        self._run = _Run()
        self._said: tuple[MarketState, str] | None = None
        self._said_at = 0.0
        self._wanted: dict[str, _Wanted] = {}  # per pair: trades asked for and not told yet
        self._told: dict[str, ToldUntil] = {}  # per pair: what an earlier run told last

    @property
    def offset_ms(self) -> int:
        """The exchange's clock minus ours."""
        return self._time.offset_ms

    @property
    def stale_after_seconds(self) -> float:
        """A stream that tells nothing for so long is cut."""
        return self._stale_after_seconds

    @stale_after_seconds.setter
    def stale_after_seconds(self, seconds: float) -> None:
        self._stale_after_seconds = seconds
        for group in self._run.groups:
            if group.streams is not None:
                group.streams.silence_seconds = seconds

    # --- port -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect in the background; returns at once."""
        self._run = _Run(told=dict(self._told))
        self._said = None
        self._spawn(self._connect)
        self._spawn(self._watch_clocks)
        for pair in self._wanted:  # asked for before the restart
            self._spawn(self._fetch, pair)

    def stop(self) -> None:
        """End all connections and requests at once."""
        for group in self._run.groups:
            if group.streams is not None:
                group.streams.stop()
        gevent.killall(self._run.greenlets, block=False)
        last = {pair: feed.last_trade for pair, feed in self._run.feeds.items()}
        self._told |= self._run.told
        self._told |= {pair: ToldUntil(trade.trade_id, trade.traded_ms) for pair, trade in last.items() if trade}
        self._run = _Run()

    def fetch_trades(self, pair: str, *, since_ms: int, since_trade_id: int | None, request_id: str) -> None:
        """Fetch all trades after that moment in the background, however long it takes; told as TradesFetched.

        A newer request for the same pair replaces one that is under way.
        """
        under_way = pair in self._wanted
        self._wanted[pair] = _Wanted(request_id, since_ms, since_trade_id)
        if not under_way:
            self._spawn(self._fetch, pair)

    def follow(self, pairs: tuple[str, ...]) -> None:
        """Follow these pairs from now on. What new ones need is fetched; their streams join connections that stand."""
        gone = [pair for pair in self._pairs if pair not in pairs]
        new = tuple(pair for pair in pairs if pair not in self._pairs)
        self._pairs = pairs
        for pair in gone:
            self._wanted.pop(pair, None)
            self._told.pop(pair, None)
            self._leave(pair)
        if new and self._run.connected:
            self._spawn(self._join)

    # --- start ------------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._say(MarketState.CONNECTING, f"connecting to {self._rest.url}")
        self._load_feeds(MarketState.UNREACHABLE)
        self._open_streams(tuple(self._run.feeds.values()))
        self._run.connected = True
        self._join()  # what came to be followed meanwhile
        while True:
            if not self._run.feeds:
                self._say(MarketState.UNREACHABLE, f"{self._rest.url} lists none of {', '.join(self._pairs)}")
            gevent.sleep(RULES_SECONDS)
            self._join()  # reads the rules anew; a pair may be listed by now

    def _load_feeds(self, state: MarketState | None) -> tuple[PairFeed, ...]:
        """Fetch rules, history and statistics of the pairs that have no feed yet; return their feeds."""
        rules = self._insist(self._load_rules, state)
        listed = {rule.pair for rule in rules}
        feeds = []
        for pair in self._pairs:
            if pair not in listed:
                log.warning("%s does not list %s: it stays without prices", self._rest.url, pair)
            elif pair not in self._run.feeds:
                feed = PairFeed(
                    pair=pair,
                    intervals=self._intervals,
                    tell=self._tell,
                    on_gap=self._on_gap,
                    monotonic=self._monotonic,
                    told=self._run.told.get(pair),
                )
                self._run.feeds[pair] = feed
                feeds.append(feed)
        self._in_parallel(self._load_history, feeds)
        self._insist(partial(self._load_tickers, tuple(feed.pair for feed in feeds)), state)
        return tuple(feeds)

    def _join(self) -> None:
        """Begin to follow the pairs that have no feed yet, beside those that have one."""
        if feeds := self._load_feeds(None):
            self._open_streams(tuple(feed for feed in feeds if self._run.feeds.get(feed.pair) is feed))

    def _leave(self, pair: str) -> None:
        feed = self._run.feeds.pop(pair, None)
        self._run.told.pop(pair, None)
        self._run.holes.pop(pair, None)
        for group in self._run.groups:
            if feed in group.feeds and group.streams is not None:
                group.feeds.remove(feed)
                group.streams.follow(self._streams_of(group.feeds))
                if not group.feeds:
                    group.streams.stop()
        self._run.groups = [group for group in self._run.groups if group.feeds]

    def _load_rules(self) -> tuple[SymbolRules, ...]:
        self._read_clock()
        rules = wire.rules_of(self._rest.exchange_info(self._pairs), self._pairs)
        self._tell(RulesReceived(rules=rules))
        return rules

    def _read_clock(self) -> None:
        self._time.measure(self._rest.server_time_ms)
        self._measured_at = self._monotonic()
        if abs(self.offset_ms) > CLOCK_WARNING_MS:
            log.warning("This machine's clock is %s ms behind the exchange's (negative: ahead)", self.offset_ms)

    def _watch_clocks(self) -> None:
        """Notice that the machine slept, or that its clock was set, and put everything right again."""
        while True:
            gevent.sleep(WATCH_SECONDS)
            jump_ms = self._time.jump_ms()
            if not jump_ms:
                continue
            if jump_ms < SLEPT_MS and self._monotonic() - self._measured_at < MEASURE_AGAIN_SECONDS:
                continue  # a clock that was set back runs slowly for a while: once a minute is enough
            log.warning("This machine's clock moved by %s ms against its own counter: asleep, or set", jump_ms)
            if jump_ms >= SLEPT_MS:
                for group in self._run.groups:
                    if group.streams is not None:
                        group.streams.cut(f"this machine slept, or its clock was set, {jump_ms // 1000} s ahead")
            self._insist(self._read_clock, None)

    def _load_history(self, feed: PairFeed) -> None:
        state = None if self._run.connected else MarketState.UNREACHABLE
        for interval in feed.sent_intervals:
            self._insist(partial(self._load_candles, feed, interval), state)
        for interval in feed.built_intervals:
            self._insist(partial(self._load_built, feed, interval), state)

    def _load_candles(self, feed: PairFeed, interval: str) -> None:
        candles = self._rest.newest_klines(feed.pair, interval, min(self._history + 2, HISTORY_LIMIT))
        last_ms = catch_up.last_closed_ms(interval, self._time.now_ms())
        closed = tuple(candle for candle in candles if candle.open_ms <= last_ms)
        if closed:
            feed.last_closed[interval] = closed[-1].open_ms
            self._tell(HistoryReceived(pair=feed.pair, interval=interval, candles=closed))
        for candle in candles[len(closed) :]:
            self._tell(CandleReceived(pair=feed.pair, interval=interval, candle=candle, closed=False))

    def _load_built(self, feed: PairFeed, interval: str) -> None:
        """Build the history of an interval that the exchange does not send from closed 1 m candles."""
        last_ms = feed.last_closed.get("1m")
        if last_ms is None:
            return
        step = INTERVAL_MS[interval]
        start_ms = last_ms - last_ms % step - self._history * step
        minutes = self._rest.klines(feed.pair, "1m", start_ms=max(0, start_ms), end_ms=last_ms)
        if built := feed.begin_building(interval, minutes):
            self._tell(HistoryReceived(pair=feed.pair, interval=interval, candles=built))

    def _load_tickers(self, pairs: tuple[str, ...]) -> None:
        for start in range(0, len(pairs), TICKERS_AT_ONCE):
            for ticker in self._rest.tickers(pairs[start : start + TICKERS_AT_ONCE]):
                self._tell(TickerReceived(pair=ticker.symbol, ticker=wire.rest_ticker_of(ticker)))

    def _streams_of(self, feeds: Iterable[PairFeed]) -> tuple[str, ...]:
        sent = tuple(f"kline_{interval}" for interval in self._intervals if interval not in BUILT_INTERVALS)
        kinds = ("depth20@100ms", "trade", "ticker", *sent)
        return tuple(f"{feed.pair.lower()}@{kind}" for feed in feeds for kind in kinds)

    def _open_streams(self, feeds: tuple[PairFeed, ...]) -> None:
        """Let connections that have room carry `feeds`, and make new ones for the others."""
        waiting = list(feeds)
        most = max(1, STREAMS_PER_CONNECTION // len(self._streams_of(feeds[:1]) or ("",)))  # pairs of a connection
        for group in self._run.groups:
            if group.streams is not None and (room := most - len(group.feeds)) > 0 and waiting:
                joining, waiting = waiting[:room], waiting[room:]
                for feed in joining:
                    feed.reconnected()
                group.feeds += joining
                group.streams.follow(self._streams_of(group.feeds))
        for start in range(0, len(waiting), most):
            self._new_group(waiting[start : start + most])

    def _new_group(self, feeds: list[PairFeed]) -> None:
        group = _Group(feeds=feeds)
        group.streams = StreamGroup(
            urls=self._stream_urls,
            streams=self._streams_of(feeds),
            on_data=self._on_data,
            on_up=partial(self._on_up, group),
            on_down=partial(self._on_down, group),
            judge=partial(self._judge, group),
            silence_seconds=self.stale_after_seconds,
            random=self._random,
            connections=self._connections,
            max_age_seconds=self._max_age_seconds,
            monotonic=self._monotonic,
        )
        self._run.groups.append(group)
        if not any(other.flowing for other in self._run.groups):
            self._say(MarketState.CONNECTING, f"connecting to {group.streams.url}")
        group.streams.start()

    # --- streams ----------------------------------------------------------------------------------------------------

    def _on_data(self, stream: str, data: msgspec.Raw) -> None:
        name, _, kind = stream.partition("@")
        feed = self._run.feeds.get(name.upper())
        decoder = _decoders.get(kind.partition("@")[0].partition("_")[0])
        if feed is None or decoder is None:
            return
        match decoder.decode(data):
            case wire.Depth() as depth:
                feed.take_book(wire.book_of(depth, self._clock.now_ms()))
            case wire.TradeEvent() as event:
                feed.take_trade(wire.trade_of(event))
            case wire.KlineEvent(k=bar):
                feed.take_candle(bar.i, wire.candle_of(bar), closed=bar.x)
            case wire.TickerEvent() as event:
                feed.take_ticker(event)

    def _judge(self, group: _Group) -> str | None:
        exchange_ms = self._time.now_ms()
        for feed in group.feeds:
            if (fault := feed.fault(self.stale_after_seconds)) is not None:
                return fault
            if feed.is_candle_overdue(exchange_ms) and feed.pair not in self._run.asking:
                self._spawn(self._fetch_overdue, feed)
        return None

    def _on_up(self, group: _Group) -> None:
        group.flowing = True
        for feed in group.feeds:
            feed.hold()
            feed.reconnected()
        self._spawn(self._catch_up, group)

    def _on_down(self, group: _Group, down: Down) -> None:
        group.flowing = False
        for feed in group.feeds:
            feed.hold()
        again = _again(down.retry_seconds)
        if down.fails >= FAILS_UNTIL_UNREACHABLE:
            self._say(MarketState.UNREACHABLE, f"cannot reach {down.url} ({down.reason}); {again}")
            return
        if down.silent:
            self._say(MarketState.STALE, f"{down.url}: {down.reason}")
        self._say(MarketState.RECONNECTING, f"lost {down.url} ({down.reason}); {again}")

    # --- gaps -------------------------------------------------------------------------------------------------------

    def _catch_up(self, group: _Group) -> None:
        """Fill the gap of every pair of a new connection."""
        if any(feed.last_trade is not None for feed in group.feeds):
            self._say(MarketState.CATCHING_UP, "connected again, fetching what was missed")
        self._run.catching_up += 1
        try:
            self._in_parallel(self._repair, group.feeds)
        finally:
            self._run.catching_up -= 1
        self._say_live()

    def _say_live(self) -> None:
        if not self._run.catching_up and not self._run.repairing and all(group.flowing for group in self._run.groups):
            urls = dict.fromkeys(group.streams.url for group in self._run.groups if group.streams is not None)
            holes = "".join(f"; {hole}" for hole in self._run.holes.values())
            self._say(MarketState.LIVE, f"live from {', '.join(urls)}{holes}", at_once=holes != self._run.said_holes)
            self._run.said_holes = holes

    def _on_gap(self, feed: PairFeed) -> None:
        if feed.pair not in self._run.repairing:
            log.warning("Data of %s are missing: they are fetched", feed.pair)
            self._spawn(self._repair, feed)

    def _repair(self, feed: PairFeed) -> None:
        """Fetch what is missing, and let the feed go on with it."""
        self._run.repairing.add(feed.pair)
        feed.hold()
        try:
            missing = self._fetch_missing(feed)
        finally:
            self._run.repairing.discard(feed.pair)
        is_whole = missing is not None and not feed.lags(*missing)
        feed.release(*(missing or ((), [])))
        if missing is None:
            self._skip_candles(feed)
        if not is_whole:
            self._name_hole(feed)
        self._say_live()

    def _fetch_overdue(self, feed: PairFeed) -> None:
        """Fetch closed candles that the stream did not tell; nothing else waits for them."""
        self._run.asking.add(feed.pair)
        try:
            feed.take_closed(self._missing_candles(feed))
        except QuorumError as error:
            log.warning("A candle of %s is overdue and cannot be fetched yet: %s", feed.pair, error)
        finally:
            self._run.asking.discard(feed.pair)

    def _fetch_missing(self, feed: PairFeed) -> tuple[tuple[PublicTrade, ...], list[tuple[str, Candle]]] | None:
        """Return what is missing; None when it could not be had for so long that live data must go on."""
        give_up = self._monotonic() + GIVE_UP_GAP_SECONDS
        tries, lags = 0, list(LAG_SECONDS)
        while True:
            try:
                missing = self._missing_of(feed)
            except QuorumError as error:
                if self._monotonic() > give_up:
                    log.error("What is missing of %s could not be fetched and is left out: %s", feed.pair, error)
                    return None
                tries += 1
                wait = self._wait_seconds(tries, error)
                self._say(MarketState.CATCHING_UP, f"fetching what was missed: {error}; {_again(wait)}")
                gevent.sleep(min(wait, max(0.1, give_up - self._monotonic() + 0.1)))
                continue
            if not feed.lags(*missing):
                return missing
            if not lags:
                log.error("What is missing of %s is not to be had from the exchange and is left out", feed.pair)
                return missing
            gevent.sleep(lags.pop(0))

    def _missing_candles(self, feed: PairFeed) -> list[tuple[str, Candle]]:
        exchange_ms = self._time.now_ms()
        return [
            (interval, candle)
            for interval, after_open_ms in feed.last_closed.items()
            for candle in catch_up.closed_candles_after(
                self._rest, feed.pair, interval, after_open_ms=after_open_ms, exchange_ms=exchange_ms
            )
        ]

    def _skip_candles(self, feed: PairFeed) -> None:
        """Let the candles of a hole be, so that later ones are told."""
        for interval, open_ms in feed.last_closed.items():
            feed.last_closed[interval] = max(open_ms, catch_up.last_closed_ms(interval, self._time.now_ms()))

    def _name_hole(self, feed: PairFeed) -> None:
        """Say what is missing, and fetch its candles as soon as they can be had."""
        last = feed.last_trade
        since = "" if last is None else f" before trade {last.trade_id}"
        if feed.pair not in self._run.holes:
            self._run.holes[feed.pair] = f"{feed.pair} has a hole{since}"
            self._spawn(self._fill_candles, feed)

    def _fill_candles(self, feed: PairFeed) -> None:
        """Fill the holes of the candle series; trades that came too late are never told out of order."""
        gevent.sleep(LONGEST_WAIT_SECONDS)
        for interval in feed.sent_intervals:
            self._insist(partial(self._tell_newest, feed.pair, interval), None)
        for interval in feed.built_intervals:
            self._insist(partial(self._load_built, feed, interval), None)
        self._run.holes.pop(feed.pair, None)
        log.info("The candles of %s are whole again", feed.pair)
        self._say_live()

    def _tell_newest(self, pair: str, interval: str) -> None:
        candles = self._rest.newest_klines(pair, interval, min(self._history + 2, HISTORY_LIMIT))
        last_ms = catch_up.last_closed_ms(interval, self._time.now_ms())
        closed = tuple(candle for candle in candles if candle.open_ms <= last_ms)
        self._tell(HistoryReceived(pair=pair, interval=interval, candles=closed))

    def _missing_of(self, feed: PairFeed) -> tuple[tuple[PublicTrade, ...], list[tuple[str, Candle]]]:
        candles = self._missing_candles(feed)
        last = feed.last_trade
        if last is None:
            return (), candles
        trades = catch_up.trades_after(self._rest, feed.pair, last_id=last.trade_id, last_ms=last.traded_ms)
        return trades, candles

    def _fetch(self, pair: str) -> None:
        lags = list(LAG_SECONDS)
        while (asked := self._wanted.get(pair)) is not None:
            trades, candles = self._insist(partial(self._missed, pair, asked), None)
            if (wanted := self._wanted.get(pair)) is None:
                return  # the pair is followed no longer
            if not self._joins(pair, asked.told(trades)) and lags:
                gevent.sleep(lags.pop(0))
                continue  # the streams began after that: what lies between can be had now
            if (wanted.since_ms, wanted.since_trade_id) == (asked.since_ms, asked.since_trade_id):
                del self._wanted[pair]
                fetched = TradesFetched(pair=pair, trades=trades, candles=candles, request_id=wanted.request_id)
                self._tell(fetched)
                return

    def _joins(self, pair: str, told: ToldUntil | None) -> bool:
        """Let the streams of `pair` go on where an answer ends; return whether nothing is missing between the two."""
        if told is None:
            return True
        feed = self._run.feeds.get(pair)
        if feed is not None:
            return feed.told_until(told)
        self._run.told.setdefault(pair, told)
        return True

    def _missed(self, pair: str, wanted: _Wanted) -> tuple[tuple[PublicTrade, ...], tuple[Candle, ...]]:
        return catch_up.missed(
            self._rest,
            pair,
            since_ms=wanted.since_ms,
            since_trade_id=wanted.since_trade_id,
            exchange_ms=self._time.now_ms(),
        )

    # --- helpers ----------------------------------------------------------------------------------------------------

    def _insist(self, ask: Callable[[], T], state: MarketState | None) -> T:
        """Return what `ask` returns, tried until it succeeds; `state` is what the desk is told meanwhile."""
        tries = 0
        while True:
            try:
                return ask()
            except QuorumError as error:
                tries += 1
                wait = self._wait_seconds(tries, error)
                message = f"{error}; {_again(wait)}"
                if state is not None:
                    self._say(state, message)
                else:
                    log.warning("%s", message)
                gevent.sleep(wait)

    def _wait_seconds(self, tries: int, error: QuorumError) -> float:
        asked = error.retry_after_seconds if isinstance(error, SourceUnavailable) else None
        longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(tries - 1, 16))
        return max(asked or 0.0, longest * self._random.uniform(0.5, 1.0))

    def _in_parallel(self, job: Callable[[PairFeed], None], feeds: Iterable[PairFeed]) -> None:
        """Do `job` for each feed, some at a time; a stop ends them all."""
        pool = Pool(PARALLEL_REQUESTS)
        try:
            for feed in tuple(feeds):
                self._run.greenlets.append(pool.spawn(self._guarded, job, feed))
            pool.join()
        finally:
            pool.kill(block=False)

    def _say(self, state: MarketState, message: str, *, at_once: bool = False) -> None:
        now = self._monotonic()
        same_state = self._said is not None and self._said[0] == state
        soon = same_state and not at_once and now - self._said_at < SAY_AGAIN_SECONDS
        if self._said != (state, message) and not soon:
            self._said, self._said_at = (state, message), now
            self._tell(SourceStatusChanged(state=state, message=message, at_ms=self._clock.now_ms()))

    def _spawn(self, job: Callable[..., None], *args: object) -> None:
        self._run.greenlets = [greenlet for greenlet in self._run.greenlets if not greenlet.dead]
        self._run.greenlets.append(gevent.spawn(self._guarded, job, *args))

    def _guarded(self, job: Callable[..., None], *args: object) -> None:
        """Begin anew after a failure nobody foresaw: a source that silently stands still would be worse."""
        try:
            job(*args)
        except (gevent.GreenletExit, KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a leaked gevent.Timeout is no Exception
            log.exception("The connection to the exchange failed")
            again = _again(LONGEST_WAIT_SECONDS)
            self._say(MarketState.UNREACHABLE, f"the connection failed by an internal error; {again}")
            gevent.spawn_later(LONGEST_WAIT_SECONDS, self._begin_anew, self._run)

    def _begin_anew(self, failed: _Run) -> None:
        if self._run is failed:
            self.stop()
            self.start()

    def _tell(self, message: object) -> None:
        self._peers.tell(MARKET, message)


def _again(seconds: float) -> str:
    return f"trying again in {seconds:.1f} s" if seconds < 10 else f"trying again in {seconds:.0f} s"
