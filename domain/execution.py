"""The paper exchange: orders and market events in, journal documents and messages out. No I/O, no clock.

Each public method takes `now_ms` and works on the desk's state at once; what it made waits in `pending` (documents) and
`messages` until the broker has stored it. Books decide fills where there are books; trades trigger stops; in catch-up
trades decide all; candles decide where they are all there is.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise

from domain import acceptance, market_checks, market_seen
from domain.acceptance import PaperRules, Situation
from domain.book_matching import BookMatching
from domain.bookkeeping import Bookkeeper
from domain.desk import Desk, OpenOrder
from domain.executor import Executor, OverExecutor
from domain.filters import Refused
from domain.market import Candle, OrderBook, PublicTrade
from domain.market_view import MarketView
from domain.messages import (
    AmendProtection,
    CancelOrder,
    ClosePosition,
    ControlChanged,
    MissedTrades,
    OrderAccepted,
    OrderRefused,
    RecordSettings,
    SetControl,
    SettingsRecorded,
    SubmitOrder,
)
from domain.path_matching import PathMatching
from domain.ports import JournalDocument
from domain.trading import (
    Account,
    MarketEvent,
    OrderSource,
    OrderStatus,
    OrderType,
    Refusal,
)
from domain.waiting import Waiting


@dataclass(slots=True)
class Exchange(OverExecutor):
    """One account's paper exchange. Besides the desk it knows only what the market tells again."""

    waiting: Waiting = field(default_factory=Waiting)
    refused: int = 0  # market events that cannot be true
    by_book: BookMatching = field(init=False)
    by_path: PathMatching = field(init=False)

    def __post_init__(self) -> None:
        self.by_book = BookMatching(self.executor, self.waiting)
        self.by_path = PathMatching(self.executor, self.waiting)

    @property
    def messages(self) -> list[object]:
        return self.executor.messages

    @property
    def pending(self) -> list[JournalDocument]:
        return self.books.pending

    def account(self, now_ms: int) -> Account:
        """Return the account marked to the newest prices."""
        self.books.now_ms = now_ms
        return self.executor.account()

    # --- commands -----------------------------------------------------------------------------------------------------

    def submit(self, command: SubmitOrder, now_ms: int, *, content: str = "") -> None:
        """Take or refuse an order that is not a repeat. `content`: its acceptance.content_of, where that is known."""
        self.books.now_ms = now_ms
        self._decide(command, acceptance.accept(command, self._situation(now_ms)), content)

    def close(self, command: ClosePosition, now_ms: int, *, content: str = "") -> None:
        """Take or refuse an order that closes a fraction of a position. `content`: as for `submit`."""
        self.books.now_ms = now_ms
        self._decide(command, acceptance.accept_close(command, self._situation(now_ms)), content)

    def cancel(self, command: CancelOrder, now_ms: int) -> None:
        """Take an open order off."""
        self.books.now_ms = now_ms
        if (entry := self.desk.orders.get(command.order_id)) is None:
            self._refuse(
                command.order_id,
                "",
                Refused(Refusal.UNKNOWN_ORDER, f"an open order {command.order_id} must exist, none does"),
                OrderSource.MANUAL,
                request_id=command.request_id,
            )
            return
        self.executor.cancel(
            entry.order,
            status=OrderStatus.CANCELLED,
            cause="cancelled",
            message="cancelled on request",
            request_id=command.request_id,
        )
        self.waiting.forget(command.order_id)

    def amend(self, command: AmendProtection, now_ms: int) -> None:
        """Move or remove the stop and target of an open position."""
        self.books.now_ms = now_ms
        levels = acceptance.amended(command, self._situation(now_ms))
        if isinstance(levels, Refused):
            self._refuse(command.amend_id, command.pair, levels, OrderSource.MANUAL)
            return
        self.executor.settle_trail(command.pair)
        position = replace(self.desk.holdings[command.pair].position, stop_loss=levels[0], take_profit=levels[1])
        self.executor.amend(acceptance.amend_key(command), position, reason="requested", amend_id=command.amend_id)

    def set_control(self, command: SetControl, now_ms: int) -> None:
        """Record what an operator switched."""
        self.books.now_ms = now_ms
        self.books.control(command.control_id, command.control, kind=command.kind, actor=command.actor)
        self.messages.append(
            ControlChanged(seq=self.desk.seq, control=command.control, control_id=command.control_id, kind=command.kind)
        )

    def record_settings(self, command: RecordSettings, now_ms: int) -> None:
        """Record the settings in force, when they differ from the last recorded."""
        self.books.now_ms = now_ms
        if command.settings_hash != self.desk.settings_hash:
            self.books.settings(command.settings_hash, command.changed, command.values)
        self.messages.append(SettingsRecorded(seq=self.desk.settings_seq, settings_hash=command.settings_hash))

    def checkpoint(self, now_ms: int) -> None:
        """Record the whole state, so that a start need not read further back."""
        self.books.now_ms = now_ms
        self.settle_trails()
        self.books.checkpoint()

    def settle_trails(self) -> None:
        """Record where all trailing stops are by now: what was seen up to here need not be seen again for them."""
        for pair in tuple(self.executor.trails):
            self.executor.settle_trail(pair)

    # --- market events ------------------------------------------------------------------------------------------------

    def on_book(self, pair: str, book: OrderBook, now_ms: int) -> None:
        """Take a new book and fill what it can."""
        if not market_checks.is_finite(book):
            self.refused += 1
            return
        self.books.now_ms = now_ms
        self.market.pair(pair).take_book(book)
        if self._exposed(pair):
            self.by_book.match(pair)
        self._settle()

    def on_trade(self, pair: str, trade: PublicTrade, *, catch_up: bool, now_ms: int) -> None:
        """Take a trade print: it marks, triggers stops and moves trailing stops; in catch-up it also fills."""
        if market_checks.trade_fault(trade) is not None:
            self.refused += 1
            return
        self.books.now_ms = now_ms
        seen = self.books.seen.get(pair)
        if seen is not None and trade.traded_ms <= seen.ts_ms and (seen.kind != "trade" or trade.trade_id <= seen.id):
            return
        event = MarketEvent(kind="trade", id=trade.trade_id, ts_ms=trade.traded_ms)
        self.books.seen[pair] = event
        self.market.pair(pair).take_price(trade.price, event)
        if not self._exposed(pair):
            return
        if catch_up:
            self.by_path.match_trade(pair, trade, event)
        else:
            if self.by_book.trigger(pair, trade, event):
                self.books.unsettled.setdefault(pair, seen)
            self.by_book.match(pair)
        self.by_path.trail(pair, trade.price, event, event.ts_ms)
        self._settle()

    def on_missed(self, missed: MissedTrades, now_ms: int) -> None:
        """Go through what was missed, in order, at its historical time."""
        candles, trades = deque(missed.candles), deque(missed.trades)
        steps = (after.open_ms - before.open_ms for before, after in pairwise(missed.candles))
        length_ms = min((step for step in steps if step > 0), default=self.market.pair(missed.pair).candle_ms)
        while candles or trades:
            if candles and (not trades or candles[0].open_ms <= trades[0].traded_ms):
                self.on_candle(missed.pair, candles.popleft(), length_ms, catch_up=True, now_ms=now_ms)
            else:
                self.on_trade(missed.pair, trades.popleft(), catch_up=True, now_ms=now_ms)

    def on_candle_opened(self, pair: str, open_ms: int, price: Decimal, now_ms: int) -> None:
        """Take the first price of a candle, where candles are all there is: gaps and waiting market orders fill."""
        if market_checks.price_fault(price) is not None:
            self.refused += 1
            return
        self.books.now_ms = now_ms
        seen = self.books.seen.get(pair)
        if (seen is not None and open_ms <= seen.ts_ms) or open_ms <= self.waiting.opened.get(pair, -1):
            return
        self.by_path.open_candle(pair, open_ms, price, catch_up=False)

    def on_candle(self, pair: str, candle: Candle, length_ms: int, *, catch_up: bool, now_ms: int) -> None:
        """Take a closed candle of `length_ms`: what waits fills along the worse order of high and low."""
        if market_checks.candle_fault(candle, 1) is not None:  # of its values: a missed candle may have any length
            self.refused += 1
            return
        self.books.now_ms = now_ms
        end_ms = candle.open_ms + length_ms - 1
        seen = self.books.seen.get(pair)
        if seen is not None and end_ms <= seen.ts_ms:
            return
        self.market.pair(pair).candle_ms = length_ms
        seq_before = self.desk.seq
        if self.waiting.opened.get(pair) != candle.open_ms:
            self.by_path.open_candle(pair, candle.open_ms, candle.open, catch_up=catch_up)
        event = MarketEvent(kind="candle", id=candle.open_ms, ts_ms=candle.open_ms)
        self.by_path.go_through(pair, candle, event, end_ms, catch_up=catch_up)
        self.books.seen[pair] = replace(event, ts_ms=end_ms)
        self.market.pair(pair).take_price(candle.close, replace(event, ts_ms=end_ms))
        if self.desk.seq > seq_before:  # gone through again, it would meet what came of it
            self.executor.settle_trail(pair)
            self.books.tell_seen()

    def on_time(self, now_ms: int) -> None:
        """Fill by fallback what waited too long for a book."""
        self.books.now_ms = now_ms
        self.by_book.fill_overdue()
        self._settle()

    def next_deadline_ms(self) -> int | None:
        """Return when `on_time` has something to do, None when nothing waits for a book."""
        return self.by_book.next_deadline_ms()

    # --- orders -------------------------------------------------------------------------------------------------------

    def _situation(self, now_ms: int) -> Situation:
        return Situation(
            desk=self.desk,
            market=self.market,
            paper=self.paper,
            now_ms=now_ms,
            ledger_available=self.executor.ledger_available,
            away=self.executor.away,
        )

    def _decide(
        self, command: SubmitOrder | ClosePosition, answer: acceptance.Accepted | Refused, content: str
    ) -> None:
        if isinstance(answer, Refused):
            self._refuse(command.order_id, command.pair, answer, command.source)
            return
        self.executor.settle_trail(command.pair)
        self.books.accept(answer.order, content or acceptance.content_of(command))
        self.messages.append(OrderAccepted(seq=self.desk.seq, order=answer.order, warnings=answer.warnings))
        self.by_book.match(command.pair)

    def _refuse(self, order_id: str, pair: str, refused: Refused, source: OrderSource, *, request_id: str = "") -> None:
        self.messages.append(
            OrderRefused(
                order_id=order_id,
                pair=pair,
                code=refused.code,
                message=refused.message,
                source=source,
                at_ms=self.books.now_ms,
                request_id=request_id,
                gate=refused.gate,
            )
        )

    def _settle(self) -> None:
        """Let the journal tell all that was seen of a pair again, once no stop waits there for its book."""
        for pair in tuple(self.books.unsettled):
            if not self.by_book.waits(pair):
                del self.books.unsettled[pair]

    def has_rested(self, entry: OpenOrder) -> bool:
        """Return whether a limit met the market before this start: it was filled, or the market went on after it."""
        order, seen = entry.order, self.books.seen.get(entry.order.pair)
        if order.order_type is not OrderType.LIMIT:
            return False
        return entry.fills > 0 or (seen is not None and seen.ts_ms >= self.by_book.reaches(order.created_ms))

    def _exposed(self, pair: str) -> bool:
        return pair in self.desk.holdings or any(entry.order.pair == pair for entry in self.desk.orders.values())


def start(
    *,
    desk: Desk,
    paper: PaperRules,
    stale_after_ms: int,
    now_ms: int,
    balance: Decimal | None,
    seen: Mapping[str, MarketEvent] | None = None,
    begins_anew: bool = False,
) -> Exchange:
    """Return the exchange over a recovered desk; on an empty journal the deposit of `balance` is its first document.

    Args:
        stale_after_ms: how old a price may be that new risk is taken on; without books a candle's length comes on top.
        balance: quote, > 0; None: nothing is deposited.
        seen: how far each pair was gone through, where records beside the journal tell it.
        begins_anew: `now_ms` may be before what was seen, because a recording is played again: then nothing was seen
            yet. A market that lives is only ahead of our clock, and all that was seen was seen.
    """
    market = MarketView(stale_after_ms=stale_after_ms, has_books=paper.has_books)
    books = Bookkeeper(desk=desk, epoch=desk.epoch + 1, quote=paper.quote, now_ms=now_ms)
    known = market_seen.newest(desk.seen, seen or {})
    books.seen = {pair: event for pair, event in known.items() if event.ts_ms <= now_ms or not begins_anew}
    exchange = Exchange(Executor(books=books, market=market, paper=paper))
    exchange.waiting.arrived |= {order_id for order_id, entry in desk.orders.items() if exchange.has_rested(entry)}
    if desk.seq == 0 and balance is not None:
        books.deposit(balance)
    if balance is not None:
        for pair in desk.exposed():  # the end of a batch may be lost with the process
            exchange.executor.end_reducing(pair)
    return exchange
