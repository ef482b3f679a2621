"""The scores of one analyst: settles its opinions by the market's closed candles, and stores what is settled."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

import gevent

from domain.analysis import Opinion, Scorecard
from domain.market import INTERVAL_MS, Candle
from domain.messages import CandleClosed, CandleHistory, ScoresRead, SendCandles
from domain.ports import Archive, Clock, JournalDocument, Peers
from domain.scorebook import KEPT, LONGEST_FIXED, Scorebook
from domain.settlement import (
    ENTRY,
    INTERVAL,
    LABELS,
    MINUTE_MS,
    OWN,
    Call,
    Settlement,
    TradeCosts,
    call_of,
    read_call,
    read_settlement,
    settlement_document,
)
from settings import Settings

RECENT_MS = 12 * 60 * MINUTE_MS  # longer than the market's history reaches back, or any fixed horizon
LONG_MS = 8 * 24 * 60 * MINUTE_MS  # longer than any horizon
MOST_OPINIONS, MOST_SETTLEMENTS, MOST_LONG = 5_000, 20_000, 2_000


@dataclass(slots=True, kw_only=True)
class Scorekeeper:
    """Keeps the analyst's scorebook. What it needs of before its start is read in a greenlet that mails ScoresRead.

    Until then new opinions wait, and so do candles: the market is asked for them again afterwards.
    """

    actor: str
    analyst: str
    settings: Settings
    peers: Peers
    clock: Clock
    archive: Archive
    log: logging.Logger
    card: Scorecard = field(init=False)
    _book: Scorebook = field(default_factory=Scorebook)
    _early: list[Opinion] = field(default_factory=list)
    _ready: bool = False

    def __post_init__(self) -> None:
        self.card = self._drawn()

    @property
    def skill(self) -> Decimal:
        """Factor of the vote's weight."""
        return self.card.skill

    def begin(self) -> bool:
        """Read in the background what was said and settled; return that ScoresRead is to come."""
        gevent.spawn(self._read, self.clock.now_ms())
        return True

    def read(self, message: ScoresRead) -> bool:
        """Take over what was read; return that nothing more is to come."""
        self._book.restore(message.calls, message.settlements)
        self._ready = True
        for opinion in self._early:
            self._book.note(call_of(opinion))
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
            self._early.append(opinion)

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
        return TradeCosts(fee=float(paper.taker_fee), slippage=float(paper.fallback_slippage_bps) / 10_000)

    # --- in the greenlet ------------------------------------------------------------------------------------------

    def _read(self, now_ms: int) -> None:
        calls: tuple[Call, ...] = ()
        settlements: tuple[Settlement, ...] = ()
        try:
            calls, settlements = self._stored_calls(now_ms), self._stored_settlements(now_ms)
        except Exception:  # the edge of the greenlet: without a result nothing would ever be settled
            self.log.exception("What was settled before could not be read")
        self.peers.tell(self.actor, ScoresRead(calls=calls, settlements=settlements))

    def _stored_calls(self, now_ms: int) -> tuple[Call, ...]:
        long: JournalDocument = {"horizon_minutes": {"$gt": LONGEST_FIXED}}
        documents = (
            *self._recent("opinions", MOST_OPINIONS, now_ms - RECENT_MS, now_ms),
            *self._recent("opinions", MOST_LONG, now_ms - LONG_MS, now_ms, long),
        )
        return tuple({str(each["_id"]): read_call(each) for each in documents}.values())

    def _stored_settlements(self, now_ms: int) -> tuple[Settlement, ...]:
        long: tuple[JournalDocument, ...] = (
            {"label": OWN, "horizon_minutes": {"$gt": LONGEST_FIXED}},
            {"label": ENTRY},
        )
        documents: Iterable[JournalDocument] = (
            *self._recent("settlements", MOST_SETTLEMENTS, now_ms - RECENT_MS, now_ms),
            *(
                each
                for label in LABELS
                for each in self._recent("settlements", KEPT, 0, now_ms, {"label": label, "counted": True})
            ),
            *(
                each
                for where in long
                for each in self._recent("settlements", MOST_LONG, now_ms - LONG_MS, now_ms, where)
            ),
        )
        return tuple({str(each["_id"]): read_settlement(each) for each in documents}.values())

    def _recent(
        self, collection: str, limit: int, since_ms: int, until_ms: int, where: JournalDocument | None = None
    ) -> tuple[JournalDocument, ...]:
        """Return documents of this analyst, none of them from later than now: a replay knows no future."""
        span = {"ts": {"$gte": since_ms, "$lte": until_ms}}
        return self.archive.recent(collection, limit=limit, where={"analyst": self.analyst, **span, **(where or {})})
