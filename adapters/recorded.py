"""The market source that plays a recording: by the clock, or stepped by a virtual driver through `events`."""

import logging
from collections import deque
from collections.abc import Iterator
from itertools import chain

import gevent

from adapters.recording import Recording, utc_text
from domain.market import INTERVAL_MS, Candle, MarketState, PublicTrade, Source, Ticker
from domain.messages import (
    CandleReceived,
    HistoryReceived,
    RulesReceived,
    SourceStatusChanged,
    TickerReceived,
    TradeReceived,
    TradesFetched,
)
from domain.ports import Clock, Peers, RecordedEvent
from domain.tape import TradeTape

log = logging.getLogger(__name__)

MARKET = "market"
LONGEST_NAP_SECONDS = 0.5  # the clock is looked at again at least this often
EVENTS_IN_A_ROW = 20  # others get a turn after so many events that are due at once


class RecordedSource:
    """Plays a Recording. What was played stays known, so a restarted market actor is filled up again.

    Args:
        recording: what to play.
        peers: how the market actor is told.
        clock: says when an event is due.
        speed: how many times faster than real time `clock` runs; 0 when a driver steps through `events`.
        history: candles kept of each series.
        resume_ms: what is older counts as played: an earlier run goes on from there.
    """

    kind = Source.RECORDED

    def __init__(
        self,
        *,
        recording: Recording,
        peers: Peers,
        clock: Clock,
        speed: float,
        history: int = 500,
        resume_ms: int | None = None,
    ) -> None:
        if speed < 0:
            raise ValueError(f"speed must be >= 0, was {speed}")
        self.has_books = recording.has_books
        self._recording = recording
        self._peers = peers
        self._clock = clock
        self._speed = speed
        self._history = history
        self._played = self._play()
        self._due: RecordedEvent | None = None  # taken from the recording, not yet told
        self._position_ms = recording.first_ms
        self._ended = False
        self._player: gevent.Greenlet[..., None] | None = None
        self._candles: dict[tuple[str, str], deque[Candle]] = {}
        self._tapes: dict[str, TradeTape] = {}
        self._tickers: dict[str, Ticker] = {}
        for message in recording.history():
            self._keep_candles(message.pair, message.interval).extend(message.candles)
        while resume_ms is not None and (event := next(self._played, None)) is not None:
            if event.time_ms >= resume_ms:
                self._due = event
                break

    def start(self) -> None:
        """Tell rules, what was played so far and the state; go on playing from there."""
        self._tell(RulesReceived(rules=self._recording.rules))
        for (pair, interval), candles in self._candles.items():
            self._tell(HistoryReceived(pair=pair, interval=interval, candles=tuple(candles)))
        for pair, ticker in self._tickers.items():
            self._tell(TickerReceived(pair=pair, ticker=ticker))
        self._tell(self._ended_status() if self._ended else self._playing_status())
        if self._speed > 0 and not self._ended:
            self._player = gevent.spawn(self._play_by_the_clock)

    def stop(self) -> None:
        """Pause."""
        if self._player is not None:
            self._player.kill(block=False)
            self._player = None

    def events(self) -> Iterator[RecordedEvent]:
        """Return what is still to be played, for a driver that tells the market actor itself."""
        due, self._due = self._due, None
        return self._played if due is None else chain((due,), self._played)

    def follow(self, pairs: tuple[str, ...]) -> None:
        """Go on with what is played: a recording is read for the pairs of the start."""
        if missing := [pair for pair in pairs if pair not in self._recording.pairs]:
            log.warning("The recording is played without %s, which came to be followed later", ", ".join(missing))

    def fetch_trades(self, pair: str, *, since_ms: int, since_trade_id: int | None, request_id: str) -> None:
        """Tell what was played of `pair` after that moment: trades, or candles where only they are recorded."""
        trades: tuple[PublicTrade, ...] = ()
        candles: tuple[Candle, ...] = ()
        if self.has_books:
            trades = self._trades_since(pair, since_ms, since_trade_id)
        else:
            candles = self._candles_since(pair, since_ms)
        self._tell(TradesFetched(pair=pair, trades=trades, candles=candles, request_id=request_id))

    # --- playing ----------------------------------------------------------------------------------------------------

    def _play(self) -> Iterator[RecordedEvent]:
        for event in self._recording.events():
            yield event
            self._position_ms = event.time_ms  # only now: who takes an event holds it back until it is due
            self._remember(event.message)
        self._ended = True

    def _remember(self, message: object) -> None:
        match message:
            case CandleReceived(closed=True):
                self._keep_candles(message.pair, message.interval).append(message.candle)
            case TradeReceived():
                self._tapes.setdefault(message.pair, TradeTape()).add(message.trade)
            case TickerReceived():
                self._tickers[message.pair] = message.ticker

    def _keep_candles(self, pair: str, interval: str) -> deque[Candle]:
        return self._candles.setdefault((pair, interval), deque(maxlen=self._history))

    def _play_by_the_clock(self) -> None:
        in_a_row = 0
        while True:
            if self._due is None:
                self._due = next(self._played, None)
            if self._due is None:
                self._tell(self._ended_status())
                return
            wait_seconds = (self._due.time_ms - self._clock.now_ms()) / 1000 / self._speed
            if wait_seconds > 0:
                gevent.sleep(min(wait_seconds, LONGEST_NAP_SECONDS))
                in_a_row = 0
                continue
            self._tell(self._due.message)
            self._due = None
            in_a_row += 1
            if in_a_row % EVENTS_IN_A_ROW == 0:
                gevent.sleep(0)

    # --- what was played --------------------------------------------------------------------------------------------

    def _trades_since(self, pair: str, since_ms: int, since_trade_id: int | None) -> tuple[PublicTrade, ...]:
        tape = self._tapes.get(pair)
        if tape is not None and tape.covers(since_ms=since_ms, since_trade_id=since_trade_id):
            return tape.since(since_ms=since_ms, since_trade_id=since_trade_id)
        trades = (event.message.trade for event in self._again(pair) if isinstance(event.message, TradeReceived))
        if since_trade_id is None:
            return tuple(trade for trade in trades if trade.traded_ms > since_ms)
        return tuple(trade for trade in trades if trade.trade_id > since_trade_id)

    def _candles_since(self, pair: str, since_ms: int) -> tuple[Candle, ...]:
        interval = self._recording.finest_interval(pair)
        if interval is None:
            return ()
        length_ms = INTERVAL_MS[interval]
        known = tuple(self._candles.get((pair, interval), ()))
        if not known or known[0].open_ms > since_ms:
            known = tuple(
                event.message.candle
                for event in self._again(pair)
                if isinstance(event.message, CandleReceived) and event.message.interval == interval
            )
        return tuple(candle for candle in known if candle.open_ms + length_ms > since_ms)

    def _again(self, pair: str) -> Iterator[RecordedEvent]:
        for event in self._recording.events((pair,)):
            if event.time_ms > self._position_ms:
                return
            yield event

    # --- states -----------------------------------------------------------------------------------------------------

    def _playing_status(self) -> SourceStatusChanged:
        recording = self._recording
        pace = f"at {self._speed:g} times real time" if self._speed else "in virtual time"
        message = (
            f"playing {recording.path.name} from {utc_text(recording.first_ms)} to {utc_text(recording.last_ms)} {pace}"
        )
        return SourceStatusChanged(state=MarketState.LIVE, message=message, at_ms=self._clock.now_ms())

    def _ended_status(self) -> SourceStatusChanged:
        message = f"recording ended at {utc_text(self._recording.last_ms)}"
        return SourceStatusChanged(state=MarketState.STALE, message=message, at_ms=self._clock.now_ms())

    def _tell(self, message: object) -> None:
        self._peers.tell(MARKET, message)
