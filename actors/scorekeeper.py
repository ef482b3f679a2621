"""The scores of one analyst: settles its opinions by the market's closed candles, and stores what is settled."""

import logging
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

import gevent

from actors.stored_scores import read_scores
from domain.analysis import Opinion, Scorecard
from domain.errors import LedgerUnavailable
from domain.market import INTERVAL_MS, Candle
from domain.messages import CandleClosed, CandleHistory, ScoresRead, SendCandles
from domain.ports import Archive, Clock, Peers, Timers
from domain.scorebook import Scorebook
from domain.settlement import INTERVAL, Call, Settlement, StoredScores, call_of, settlement_document
from domain.shadow_trade import TradeCosts
from settings import Settings

RETRY_SECONDS = 10.0  # until the database is asked again for what was settled before
RETRY = "scores"  # key of that timer
MOST_EARLY = 20_000  # opinions kept until then; older ones are read back with the rest


@dataclass(slots=True, kw_only=True)
class Scorekeeper:
    """Keeps the analyst's scorebook. What it needs of before its start is read in a greenlet that mails ScoresRead.

    Until then new opinions wait, and so do candles: the market is asked for them again afterwards. While the database
    is away the reading is tried again by the timer `scores`: a card without its past would be another card, and what
    is settled in ignorance of it could be settled otherwise than before.
    """

    actor: str
    analyst: str
    settings: Settings
    peers: Peers
    clock: Clock
    timers: Timers
    archive: Archive
    log: logging.Logger
    card: Scorecard = field(init=False)
    _book: Scorebook = field(default_factory=Scorebook)
    _early: deque[Call] = field(default_factory=lambda: deque(maxlen=MOST_EARLY))
    _ready: bool = False
    _asked_ms: int = -1  # when the reading that is under way began
    _failed: bool = False  # the last one

    def __post_init__(self) -> None:
        self.card = self._drawn()

    @property
    def skill(self) -> Decimal:
        """Factor of the vote's weight."""
        return self.card.skill

    @property
    def shown(self) -> Scorecard | None:
        """The card; None until what was settled before has been read."""
        return self.card if self._ready else None

    def begin(self) -> bool:
        """Read in the background what was said and settled; return whether ScoresRead is to come."""
        if not self._ready:
            self._asked_ms = self.clock.now_ms()
            gevent.spawn(self._read, self._asked_ms)
        return not self._ready

    def read(self, message: ScoresRead) -> bool:
        """Take over what was read, once; return whether ScoresRead is still to come."""
        if self._ready or message.asked_ms != self._asked_ms:
            return not self._ready
        if message.stored is None:
            if not self._failed:
                self.log.warning("What was settled before could not be read: it is tried again until it is")
            self._failed = True
            self.timers.after(RETRY_SECONDS, self.actor, RETRY)
            return False
        self._book.restore(message.stored.with_calls(self._early))
        self._ready = True
        self._early.clear()
        self._draw_card()
        self.ask_candles()
        return False

    def apply(self, settings: Settings) -> None:
        """Take over other settings: fees and amounts of the shadow books."""
        self.settings = settings
        if self._ready:
            self._draw_card()

    def formed(self, opinion: Opinion) -> None:
        """Take a new opinion."""
        if self._ready:
            self._book.note(call_of(opinion))
        else:
            self._early.append(call_of(opinion))

    def candle_closed(self, message: CandleClosed) -> None:
        """Settle by a new candle; where one before it was missed, ask the market for all it has."""
        if not self._ready or message.interval != INTERVAL:
            return
        self._settle(message.pair, (message.candle,), history=False)
        interval_ms = INTERVAL_MS[INTERVAL]
        if self._book.overdue(message.pair, message.candle.open_ms + interval_ms, interval_ms):
            self._ask_candles(message.pair)

    def candle_history(self, message: CandleHistory) -> None:
        """Settle by all candles the market has."""
        if self._ready and message.interval == INTERVAL:
            self._settle(message.pair, message.candles, history=True)

    def ask_candles(self) -> None:
        """Ask the market for the candles of every pair of which something waits."""
        for pair in self._book.pairs():
            self._ask_candles(pair)

    def recalled(self, pair: str) -> tuple[Settlement, ...]:
        """Return what the analyst is reminded of: its newest settled opinions on `pair`, newest first."""
        return self._book.recalled(pair)

    def _ask_candles(self, pair: str) -> None:
        limit = self.settings.market.history
        self.peers.tell("market", SendCandles(pair=pair, interval=INTERVAL, limit=limit, reply_to=self.actor))

    def _settle(self, pair: str, candles: tuple[Candle, ...], *, history: bool) -> None:
        done = self._book.settle(pair, candles, interval_ms=INTERVAL_MS[INTERVAL], costs=self._costs(), history=history)
        for settlement in done:
            self.archive.save("settlements", settlement_document(self.analyst, settlement))
            self.log.debug("Settled %s after %s", settlement.call.opinion_id, settlement.label)
        if any(settlement.counted for settlement in done):
            self._draw_card()

    def _draw_card(self) -> None:
        before, self.card = self.card, self._drawn()
        if before.verdict != self.card.verdict:
            self.log.info("%s is now %s by %s settled opinions", self.analyst, self.card.verdict, self.card.own.settled)

    def _drawn(self) -> Scorecard:
        return self._book.card(
            balance=self.settings.paper.balance_usdt,
            amount=self.settings.bots.defaults.trade_amount_usdt,
            costs=self._costs(),
        )

    def _costs(self) -> TradeCosts:
        paper = self.settings.paper
        return TradeCosts(
            fee=float(paper.taker_fee),
            maker_fee=float(paper.maker_fee),
            slippage=float(paper.fallback_slippage_bps) / 10_000,
        )

    # --- in the greenlet ------------------------------------------------------------------------------------------

    def _read(self, asked_ms: int) -> None:
        stored: StoredScores | None = None
        try:
            stored = read_scores(self.archive, self.analyst, now_ms=asked_ms)
        except LedgerUnavailable as error:
            self.log.debug("What was settled before could not be read: %s", error)
        except Exception:  # the edge of the greenlet: without a result nothing would ever be settled
            if not self._failed:
                self.log.exception("What was settled before could not be read")
        self.peers.tell(self.actor, ScoresRead(asked_ms=asked_ms, stored=stored))
