"""The broker: runs the paper exchange over the market's mail and is the only writer of the ledger."""

from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import islice, takewhile
from typing import Any, TypeGuard, cast

import gevent

from actors.base import Actor
from actors.catch_up import CatchUp, slices
from actors.disk_room import LOOK_SECONDS, DiskRoom
from actors.gevent_actor import Inbox
from actors.known_commands import KnownCommands
from actors.latencies import Latencies, NotMeasured
from actors.ledger_writer import BATCH, FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS, LedgerWriter
from domain import (
    acceptance,
    command_values,
    documents,
    execution,
    market_checks,
    market_seen,
    recorded_settings,
    recovery,
    repeats,
)
from domain.acceptance import PaperRules
from domain.audiences import audience, bot_of
from domain.command_values import Command
from domain.desk import Desk
from domain.errors import LedgerCorrupt, LedgerFenced, LedgerUnavailable
from domain.execution import Exchange
from domain.executor import DATABASE_AWAY
from domain.explanations import executed
from domain.market import INTERVAL_MS, Source
from domain.market_seen import SeenRecords
from domain.messages import (
    AccountChanged,
    ActorStarted,
    Alerted,
    AmendProtection,
    BatchWritten,
    BookChanged,
    CancelOrder,
    CandleClosed,
    CandleOpened,
    ClosePosition,
    ControlChanged,
    LedgerAdvanced,
    LedgerFailed,
    MarketStatusChanged,
    MissedTrades,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    Ping,
    PositionAmended,
    QuoteChanged,
    RecentTrades,
    RecordSettings,
    RulesChanged,
    SendAccount,
    SendMarketState,
    SetControl,
    SettingsApplied,
    StatisticsChanged,
    SubmitOrder,
    TickerChanged,
    TimerFired,
    TradePrinted,
)
from domain.ports import Archive, Clock, JournalDocument, LedgerAudit, LedgerStore, Measures, Peers, Timers
from domain.projections import Projection, Projections, projections
from domain.trading import Account, Control, MarketEvent, OrderSource, OrderStatus, Reason, Refusal
from domain.transcript import Transcript
from settings import Settings

DAY_MS = 86_400_000
CHECKPOINT_EVENTS = 1000
QUEUE_BOUND = 100_000
CATCH_UP_RETRY_SECONDS = 5
SEEN_SECONDS = 5  # how much of the market is gone through again after a crash, at most
REPROJECTED = 500  # events before a checkpoint whose projections may have been lost with the process
REFUSALS = 1000  # remembered, for orders that are sent again
SLICE = 500  # documents read before others get a turn


Mail = (
    RulesChanged
    | MarketStatusChanged
    | BookChanged
    | TradePrinted
    | CandleOpened
    | CandleClosed
    | QuoteChanged
    | MissedTrades
)


class BrokerActor(Actor):
    """Carries out what domain.execution decides: first stored, then told.

    Handles: SubmitOrder, ClosePosition, CancelOrder, AmendProtection, SetControl, RecordSettings, SendAccount,
        SettingsApplied, ActorStarted, LedgerFailed, RulesChanged, MarketStatusChanged, BookChanged, TradePrinted,
        CandleOpened, CandleClosed, QuoteChanged, TickerChanged, MissedTrades, BatchWritten, TimerFired (recover,
        retry, catch_up, deadline, mark, seen, equity, store, room).
    Tells: hub, bots and who asked: OrderAccepted, OrderRefused, OrderFilled, OrderCancelled, PositionAmended,
        AccountChanged, StatisticsChanged, ControlChanged, SettingsRecorded, RecentTrades; hub: LedgerAdvanced, Alerted;
        market: SendMarketState, SendTrades; supervisor: SettingsRecorded, LedgerFailed.
    State: the desk and its open orders. A restart loses nothing: it is rebuilt from the journal, and the market is
        asked for what was missed. Until then mail waits inside.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        peers: Peers,
        clock: Clock,
        timers: Timers,
        real_timers: Timers | None = None,
        store: LedgerStore,
        archive: Archive,
        has_books: bool,
        source: Source,
        measures: Measures | None = None,
        audit: LedgerAudit | None = None,
        free_bytes: Callable[[], int | None] | None = None,
        on_death: Callable[[str, str, str], None] | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        super().__init__(name="broker", on_death=on_death, transcript=transcript)
        self._settings = settings
        self._peers = peers
        self._clock = clock
        self._timers = timers
        self._real_timers = timers if real_timers is None else real_timers
        self._store = store
        self._archive = archive
        self._has_books = has_books
        self._source = source
        self._latencies = Latencies(NotMeasured() if measures is None else measures)
        self._audit = audit
        self._room = DiskRoom(free_bytes, settings.storage.min_free_mib)
        self._recorded: recorded_settings.Values = ()  # the settings in force, as the journal has them
        self._exchange: Exchange | None = None  # None until recovered
        self._writer: LedgerWriter | None = None
        self._early: deque[object] = deque()
        self._catch_up = CatchUp()
        self._known_commands = KnownCommands(store, waiting=self.mail_ahead, is_waiting=self._is_to_be_stored)
        self._writing: gevent.Greenlet[..., Exception | None] | None = None  # stores one batch while the next is made
        self._asked: dict[str, str] = {}  # order id or amend id -> who sent the command
        self._refusals: OrderedDict[tuple[str, str], OrderRefused] = OrderedDict()  # by order id and content
        self._recover_seconds = FIRST_RETRY_SECONDS
        self._read_only = ""  # why nothing is written any more
        self._unreadable = ""  # why the journal could not be read yet
        self._started_ms = 0
        self._deadline_ms: int | None = None
        self._held_back = 0  # messages handled since the last write, with documents waiting
        self._shown: Account | None = None
        self._marking = False  # the timer of the next mark to market is set
        self._day = 0
        self._handling: Command | None = None
        self._records = SeenRecords(())
        self._seen_due = False
        self._seen_kept: list[Projection] = []
        self._refused_events = 0  # market events that the exchange refused
        self._dropped = 0  # mail that found the mailbox full
        self._overrun_ms = 0  # when that was last seen
        self._unstorable: tuple[JournalDocument, ...] = ()  # what the store does not take, whoever sends it again

    def on_start(self) -> None:
        self._started_ms = self._clock.now_ms()
        for key in ("deadline", "catch_up", "mark", "seen"):  # of a broker before this one
            self._timers.cancel(self.name, key)
        for key in ("retry", "recover"):
            self._real_timers.cancel(self.name, key)
        self.actor_ref.tell(TimerFired(key="recover", due_ms=self._started_ms))

    def on_stop(self) -> None:
        """Write what waits and a checkpoint, so that the next start is short."""
        if self._exchange is None or self._writer is None or self._read_only:
            return
        desk, told = self._exchange.desk, self._exchange.books.told()
        if desk.seq > desk.checkpoint_seq or any(desk.seen.get(pair) != event for pair, event in told.items()):
            self._exchange.checkpoint(self._clock.now_ms())
        self._collect(self._exchange, self._writer)
        self._finish_writing(self._writer)
        while len(self._writer) and not self._writer.down and not self._read_only:
            self._write(self._writer)
        if len(self._writer):
            why = self._read_only or "the database is away"
            self.log.error("Stopped with %s events not stored: %s", len(self._writer), why)

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        """Let the write under way end first: whoever is started next reads a journal that stands still."""
        if self._writing is not None:
            self._writing.join()
        self._answer_failed()
        super().on_failure(exception_type, exception_value, traceback)

    def _answer_failed(self) -> None:
        """Answer the commands that this broker fails of, so that nobody sends them to the next one."""
        sentence = "the desk failed while it handled this; orders and positions show what became of it"
        if self._handling is not None:
            self._refuse(self._handling, Refusal.INTERNAL, sentence)
        for document in self._unstorable:
            if document["type"] == "order":
                self._tell_refused(document, sentence)

    def _tell_refused(self, accepted: JournalDocument, sentence: str) -> None:
        order = documents.read_order(cast(documents.Part, accepted["order"]))
        refused = OrderRefused(
            order_id=order.order_id,
            pair=order.pair,
            code=Refusal.INTERNAL,
            message=sentence,
            source=order.source,
            at_ms=self._clock.now_ms(),
        )
        for name in dict.fromkeys((self._asked.get(order.order_id, "hub"), "hub")):
            self._peers.tell(name, refused)

    def on_receive(self, message: object) -> object:
        answer = self._receive(message)
        if not isinstance(message, Ping):
            self._after_message()
        elif self._held_back:  # not now: an actor that fails of a question only tells who asked, and lives on
            self.actor_ref.tell(TimerFired(key="store", due_ms=self._clock.now_ms()))
        return answer

    def _receive(self, message: object) -> object:
        match message:
            case Ping():
                return super().on_receive(message)
            case TimerFired(key="recover"):
                self._on_recover()
            case _ if self._exchange is None:
                self._keep(message)
            case SettingsApplied() | ActorStarted() | TickerChanged() | LedgerFailed():
                self._on_news_of_the_desk(message)
            case TimerFired(key=key):
                self._on_timer(key)
            case BatchWritten():
                self._on_batch_written(message)
            case _ if not self._read_only and self._catch_up.keeps(message, self._exchange.desk):
                pass
            case _ if not self._handle(message):
                return super().on_receive(message)
        return None

    # --- start --------------------------------------------------------------------------------------------------------

    def _on_recover(self) -> None:
        """Read the journal; on success begin to serve, the mail that waited first."""
        desk = Desk()
        if self._audit is not None and self._audit.finding and not self._read_only:
            self._fail(LedgerCorrupt(self._audit.finding), fatal=False)
        try:
            self._records = SeenRecords(self._store.projected(market_seen.COLLECTION))
            desk = recovery.begin(self._store.latest_checkpoint())
            self._read_journal(desk)
            self._recorded = self._read_recorded(desk)
        except LedgerUnavailable as error:
            self.log.warning("The journal cannot be read yet: %s", error)
            self._peers.tell("hub", LedgerAdvanced(seq=0, hash="", available=False, message=str(error)))
            self._unreadable = str(error)
            self._refuse_entries()
            self._real_timers.after(self._recover_seconds, self.name, "recover")
            self._recover_seconds = min(self._recover_seconds * 2, LONGEST_RETRY_SECONDS)
            return
        except LedgerCorrupt as error:
            if not self._read_only:
                self._fail(error, fatal=False)  # what was read until there is shown, and nothing is written
        self._serve(desk)

    def _read_journal(self, desk: Desk) -> None:
        """Fold what follows the checkpoint; write its projections anew, and those of what came before as needed."""
        if desk.seq:
            self._project_before(desk)
        self._records.at(desk.seq, desk.head)
        self._fold(desk)
        while (head := self._store.head()) is not None and head.seq > desk.seq and self._fold(desk):
            self.log.warning("Another writer appends to the journal: it is read on")
        recovery.check_head(desk, head)

    def _project_before(self, desk: Desk) -> None:
        """Project again what came shortly before the checkpoint; where projections were dropped, all before it."""
        projected = {value["_id"] for value in self._store.projected("balances")}
        since_seq = max(0, desk.seq - REPROJECTED)
        if since_seq and any(account not in projected for account, _ in desk.balances):
            self.log.info("The projections were dropped: they are written anew from the whole journal")
            since_seq = 0
        before = takewhile(lambda each: each["_id"] != f"checkpoint:{desk.seq}", self._store.read(after_seq=since_seq))
        while read := list(islice(before, SLICE)):
            self._project(projections(read))
            gevent.sleep(0)

    def _fold(self, desk: Desk) -> bool:
        """Fold what the journal has after the desk's newest; return whether there was anything."""
        seq_before = desk.seq
        read: list[JournalDocument] = []
        for document in recovery.fold(desk, self._store.read(after_seq=desk.seq)):
            read.append(document)
            self._records.at(document["seq"], document["hash"])
            if len(read) == SLICE:
                self._project(projections(read))
                read.clear()
                gevent.sleep(0)
        self._project(projections(read))
        return desk.seq > seq_before

    def _read_recorded(self, desk: Desk) -> recorded_settings.Values:
        """Return the settings that the journal says are in force."""
        document = self._store.find(f"settings:{desk.settings_seq}") if desk.settings_seq else None
        return () if document is None else recorded_settings.read_values(document)

    def _serve(self, desk: Desk) -> None:
        now_ms, read_seq, read_hash = self._clock.now_ms(), desk.seq, desk.head
        self._writer = LedgerWriter(self._store, self._announce, stored_seq=read_seq, stored_hash=read_hash)
        self._exchange = execution.start(
            desk=desk,
            paper=self._paper(self._settings),
            stale_after_ms=self._stale_after_ms(),
            now_ms=now_ms,
            balance=None if self._read_only else self._settings.paper.balance_usdt,
            seen=self._records.seen,
            begins_anew=self._source is Source.RECORDED,
        )
        if desk.checkpoint_seq < read_seq and not self._read_only:
            self._exchange.checkpoint(now_ms)  # no clean stop: whoever is still writing is fenced at once
        self.log.info("Serving from journal seq %s", read_seq)
        self._day = now_ms // DAY_MS
        self._peers.tell("market", SendMarketState(reply_to=self.name))
        if not self._read_only:
            self._ask_for_missed(desk.exposed())
        self._timers.every(60, self.name, "equity")
        self._timers.every(SEEN_SECONDS, self.name, "seen")
        if self._room.free_bytes is not None:
            self._real_timers.every(LOOK_SECONDS, self.name, "room")
            self._look_for_room()
        for name in (*map(bot_of, self._settings.bots.pairs), "hub"):
            self._send_account(name, recent=name == "hub")
        self._after_message()
        early, self._early = self._early, deque()
        for message in early:
            self.on_receive(message)

    def _paper(self, settings: Settings) -> PaperRules:
        """Return the exchange's terms; they change with the journal, so that it names the settings of every event."""
        paper = PaperRules(
            taker_fee=settings.paper.taker_fee,
            maker_fee=settings.paper.maker_fee,
            latency_ms=settings.paper.latency_ms,
            fallback_slippage_bps=settings.paper.fallback_slippage_bps,
            has_books=self._has_books,
        )
        return recorded_settings.with_recorded_terms(paper, self._recorded)

    def _stale_after_ms(self) -> int:
        own = self._settings.market.stale_after_seconds
        return recorded_settings.recorded_stale_seconds(own, self._recorded) * 1000

    def _apply_terms(self) -> None:
        self._ex.executor.paper = self._paper(self._settings)
        self._ex.market.stale_after_ms = self._stale_after_ms()

    def _keep(self, message: object) -> None:
        """Keep mail that comes before the journal is read; books and quotes come again."""
        if isinstance(message, BookChanged | QuoteChanged | TickerChanged | TimerFired):
            return
        if self._unreadable and _may_open(message):
            self._refuse(message, Refusal.LEDGER_UNAVAILABLE, self._unreadable)
            return
        if len(self._early) >= QUEUE_BOUND:
            self._early.popleft()
            self.log.error("Mail was dropped: more than %s messages wait for the journal", QUEUE_BOUND)
        self._early.append(message)

    def _refuse_entries(self) -> None:
        """Answer orders that may open, rather than carry them out minutes late; exits wait."""
        early, self._early = self._early, deque()
        for message in early:
            self._keep(message)

    # --- mail ---------------------------------------------------------------------------------------------------------

    def _handle(self, message: object) -> bool:
        """Handle a command or market mail; return whether the message was one."""
        match message:
            case SubmitOrder() | ClosePosition() | CancelOrder() | AmendProtection() | SetControl():
                self._handling = message
                self._on_command(message)
                self._handling = None
            case RecordSettings():
                self._on_record_settings(message)
            case SendAccount(reply_to=name):
                self._send_account(name, recent=True)
            case (
                RulesChanged()
                | MarketStatusChanged()
                | BookChanged()
                | TradePrinted()
                | CandleOpened()
                | CandleClosed()
                | QuoteChanged()
                | MissedTrades()
            ):
                self._on_market(message)
            case _:
                return False
        return True

    @property
    def _ex(self) -> Exchange:
        assert self._exchange is not None  # on_receive keeps mail back until there is one
        return self._exchange

    @property
    def _wr(self) -> LedgerWriter:
        assert self._writer is not None
        return self._writer

    def _on_record_settings(self, message: RecordSettings) -> None:
        if not self._read_only:
            self._ex.record_settings(message, self._clock.now_ms())
            self._recorded = message.values or self._recorded
            self._apply_terms()

    def _on_news_of_the_desk(self, message: object) -> None:
        match message:
            case SettingsApplied(settings=Settings() as settings):
                self._settings = settings
                self._apply_terms()
            case ActorStarted(name="market", generation=generation) if generation > 1:
                self._peers.tell("market", SendMarketState(reply_to=self.name))
                self._ask_for_missed(self._ex.desk.exposed())
            case LedgerFailed(message=finding):
                self._on_ledger_failed(finding)
            case _:
                pass

    def _on_ledger_failed(self, finding: str) -> None:
        """Store and tell what was accepted until now, then write nothing any more."""
        if self._read_only:
            return
        if self._writer is not None:
            self._write_all(self._writer)
            self._writer.announce_stored()
        if not self._read_only:
            self._fail(LedgerCorrupt(finding), fatal=False)

    def _on_command(self, command: Command) -> None:
        if refused := command_values.check(command):
            self._refuse(command, refused.code, refused.message)
            return
        match command:
            case SubmitOrder() | ClosePosition():
                self._on_order(command)
            case CancelOrder():
                self._on_cancel(command)
            case AmendProtection():
                self._on_amend(command)
            case SetControl():
                self._on_set_control(command)

    def _on_order(self, command: SubmitOrder | ClosePosition) -> None:
        key, content = f"order:{command.order_id}", acceptance.content_of(command)
        known, unavailable = self._known(key)
        if known is not None and known.get("content") == content:
            self._repeat(known, command)
        elif known is not None:
            sentence = f"order_id must be new or repeat the same order, {command.order_id} was another"
            self._refuse(command, Refusal.DUPLICATE_ORDER, sentence)
        elif self._read_only:
            self._refuse(command, Refusal.LEDGER_UNAVAILABLE, self._read_only)
        elif (refused := self._refusals.get((command.order_id, content))) is not None:
            self._tell_refusal(refused, command.reply_to)
        else:
            self._asked[command.order_id] = command.reply_to
            self._take_risk_if(available=not unavailable)
            if isinstance(command, SubmitOrder):
                self._ex.submit(command, self._clock.now_ms(), content=content)
            else:
                self._ex.close(command, self._clock.now_ms(), content=content)
            self._take_risk_if(available=not self._wr.down)
            self._remember_refusal(command.order_id, content)

    def _remember_refusal(self, order_id: str, content: str) -> None:
        """Keep the refusal just made, so that the same order sent again gets the same answer.

        One for want of the ledger is not kept: what it left undone may be asked for again.
        """
        newest = self._ex.messages[-1] if self._ex.messages else None
        if isinstance(newest, OrderRefused) and newest.code is not Refusal.LEDGER_UNAVAILABLE:
            self._refusals[order_id, content] = newest
            if len(self._refusals) > REFUSALS:
                self._refusals.popitem(last=False)

    def _on_cancel(self, command: CancelOrder) -> None:
        self._asked[f"cancel:{command.order_id}"] = command.reply_to
        if self._read_only:
            self._refuse(command, Refusal.LEDGER_UNAVAILABLE, self._read_only)
        else:
            self._ex.cancel(command, self._clock.now_ms())

    def _on_amend(self, command: AmendProtection) -> None:
        known, _ = self._known(acceptance.amend_key(command))
        if self._read_only:
            self._refuse(command, Refusal.LEDGER_UNAVAILABLE, self._read_only)
        elif known is None:
            self._asked[command.amend_id] = command.reply_to
            self._ex.amend(command, self._clock.now_ms())
        elif (position := self._ex.desk.position(command.pair)) is not None:
            seq = self._ex.desk.seq
            answer = PositionAmended(seq=seq, position=position, amend_id=command.amend_id)
            self._wr.tell(seq, command.reply_to, answer)
        else:
            self._refuse(command, Refusal.NO_POSITION, f"a position in {command.pair} must be open, none is")

    def _on_set_control(self, command: SetControl) -> None:
        known, _ = self._known(f"control:{command.control_id}")
        if known is None and not self._read_only:
            self._ex.set_control(command, self._clock.now_ms())
        else:
            self._wr.tell(self._ex.desk.seq, command.reply_to, self._control(command.control_id, command.kind))

    def _known(self, document_id: str) -> tuple[JournalDocument | None, bool]:
        """Return the document of a command done before, and whether the journal could not be asked."""
        if (waiting := self._wr.find(document_id)) is not None:
            return waiting, False
        if not self._wr.down:
            try:
                return self._known_commands.find(document_id), False
            except LedgerUnavailable as error:
                self._finish_writing(self._wr)
                if not self._wr.down:
                    self._not_stored(error)  # the next command must not wait for the same silence
        content = self._ex.desk.answered.get(document_id)
        return (None if content is None else {"content": content}), True

    def _is_to_be_stored(self, document_id: str) -> bool:
        return self._wr.find(document_id) is not None

    def _repeat(self, known: JournalDocument, command: SubmitOrder | ClosePosition) -> None:
        """Answer a command that was done before with its first result."""
        if "order" not in known:
            sentence = "the ledger must be available to look up the first result, the database is away"
            self._refuse(command, Refusal.LEDGER_UNAVAILABLE, sentence)
            return

        def find(document_id: str) -> JournalDocument | None:
            return self._known(document_id)[0]

        for answer in repeats.order_answers(known, find, self._ex.account(self._clock.now_ms())):
            self._wr.tell(self._ex.desk.seq, command.reply_to, answer)

    def _refuse(self, command: Command, code: Refusal, sentence: str) -> None:
        refused = OrderRefused(
            order_id=_id_of(command),
            pair=getattr(command, "pair", ""),
            code=code,
            message=sentence,
            source=command.source if isinstance(command, SubmitOrder | ClosePosition) else OrderSource.MANUAL,
            at_ms=self._clock.now_ms(),
            request_id=command.request_id if isinstance(command, CancelOrder) else "",
        )
        self._tell_refusal(refused, command.reply_to)

    def _tell_refusal(self, refused: OrderRefused, reply_to: str) -> None:
        for name in dict.fromkeys((reply_to, "hub")):
            self._peers.tell(name, refused)

    def _on_market(self, message: Mail) -> None:
        now_ms, exchange = self._clock.now_ms(), self._ex
        match message:
            case RulesChanged(rules=rules):
                exchange.market.take_rules(rules)
            case MarketStatusChanged(pair=None, state=state):
                exchange.market.state = state
            case MarketStatusChanged(pair=str() as pair, state=state):
                exchange.market.pair(pair).state = state
            case QuoteChanged(quote=quote):
                usable = not quote.stale and market_checks.price_fault(quote.price) is None
                if usable and quote.source is self._source:
                    event = MarketEvent(kind="last", id=quote.event_ms, ts_ms=quote.event_ms)
                    exchange.market.pair(quote.pair).take_price(quote.price, event)
            case _ if self._read_only:
                pass
            case BookChanged(pair=pair, book=book):
                exchange.on_book(pair, book, now_ms)
            case TradePrinted(pair=pair, trade=trade, catch_up=catch_up):
                if not catch_up:
                    self._latencies.traded(pair, self.mail_arrived())
                exchange.on_trade(pair, trade, catch_up=catch_up, now_ms=now_ms)
                self._latencies.waits(pair, exchange.by_book.waits(pair))
            case CandleOpened(pair=pair, open_ms=open_ms, price=price):
                if not self._has_books:
                    exchange.on_candle_opened(pair, open_ms, price, now_ms)
            case CandleClosed(pair=pair, interval=interval, candle=candle, catch_up=catch_up, source=source):
                if not self._has_books and source is self._source:
                    exchange.on_candle(pair, candle, INTERVAL_MS[interval], catch_up=catch_up, now_ms=now_ms)
            case MissedTrades():
                self._on_missed_trades(message)
        if exchange.refused > self._refused_events:
            self._refused_events = exchange.refused
            what, pair = type(message).__name__, getattr(message, "pair", "")
            self.log.warning("Not used, it cannot be true: %s of %s (%s so far)", what, pair, exchange.refused)
        if not self._marking and self._ex.desk.holdings:
            self._marking = True
            self._timers.after(1, self.name, "mark")

    # --- catch-up -----------------------------------------------------------------------------------------------------

    def _ask_for_missed(self, pairs: tuple[str, ...]) -> None:
        """Ask for what the market did since the newest event gone through, for each pair; its mail waits until then."""
        for pair in pairs:
            self._peers.tell("market", self._catch_up.ask(pair, self._ex, self._clock.now_ms()))
        if pairs:
            self._timers.after(CATCH_UP_RETRY_SECONDS, self.name, "catch_up")

    def _on_missed_trades(self, missed: MissedTrades) -> None:
        """Go through the missed market, then through the mail that waited."""
        if not self._catch_up.is_answer(missed) or self.mail_lost() > self._dropped:
            return  # the second: it may lack what was lost since, and will be asked for anew
        now_ms = self._clock.now_ms()
        for part in slices(missed):
            self._ex.on_missed(part, now_ms)
            gevent.sleep(0)
        self.log.info("Caught up %s: %s trades, %s candles", missed.pair, len(missed.trades), len(missed.candles))
        waiting, some_lost = self._catch_up.done(missed.pair)
        for message in waiting:
            self._handle(message)
            self._collect(self._ex, self._wr)  # a repeat among the rest finds what this one made
        if some_lost:
            self._ask_for_missed((missed.pair,))

    # --- timers -------------------------------------------------------------------------------------------------------

    def _on_timer(self, key: str) -> None:
        match key:
            case "retry":
                if not self._read_only:
                    gevent.spawn(self._write_again, self._wr.next_batch())
            case "deadline":
                self._deadline_ms = None
                if not self._catch_up and not self._read_only:
                    self._ex.on_time(self._clock.now_ms())
            case "catch_up":
                self._ask_for_missed(tuple(self._catch_up.pairs))
            case "mark":
                self._on_mark(self._clock.now_ms())
            case "seen":
                self._seen_due = not self._read_only
                if self._seen_due:
                    self._ex.settle_trails()
            case "room":
                self._look_for_room()
            case "equity":
                self._on_minute(self._clock.now_ms())
            case _:
                pass

    def _on_mark(self, now_ms: int) -> None:
        """Mark to market, at most once a second and only after the market moved."""
        self._marking = False
        account = self._ex.account(now_ms)
        if self._shown is None or (account.equity, account.marks) != (self._shown.equity, self._shown.marks):
            self._show_account(account)

    def _on_minute(self, now_ms: int) -> None:
        """Save a point of the equity curve; tell the statistics anew when a UTC day has begun."""
        account = self._ex.account(now_ms)
        if now_ms // DAY_MS != self._day:
            self._day = now_ms // DAY_MS
            self._tell_all(StatisticsChanged(statistics=self._ex.desk.tally.statistics(now_ms)))
            self._show_account(account)
        if self._read_only or len(account.marks) < len(account.positions):
            return  # without a price of a position the figure would be wrong
        point: JournalDocument = {"_id": f"equity:{now_ms // 60_000}", "ts": now_ms}
        self._archive.save("equity", {**point, "equity": account.equity, "cash": account.cash})

    def _set_deadline(self) -> None:
        """Ask for timer mail when the next order stops waiting for a book."""
        due_ms = None if self._catch_up or self._read_only else self._ex.next_deadline_ms()
        if due_ms is None or due_ms == self._deadline_ms:
            return
        self._deadline_ms = due_ms
        self._timers.after(max(0, due_ms - self._clock.now_ms()) / 1000, self.name, "deadline")

    # --- storing and telling ------------------------------------------------------------------------------------------

    def _after_message(self) -> None:
        """Queue what the message made; store and tell when no more mail waits, or enough has gathered."""
        inbox = self.actor_inbox
        assert isinstance(inbox, Inbox)
        inbox.expected = self._is_retrying()
        if self._exchange is None or self._writer is None:
            return
        self._look_for_lost_mail()
        exchange, writer = self._exchange, self._writer
        if not self._read_only and exchange.desk.seq - exchange.desk.checkpoint_seq >= CHECKPOINT_EVENTS:
            exchange.checkpoint(self._clock.now_ms())
        self._collect(exchange, writer)
        self._held_back += 1
        if not writer.down and not self._read_only and len(writer):
            if not self.mail_waits():
                self._write_all(writer)
            elif writer.waiting >= BATCH or self._held_back >= BATCH:
                self._write_beside(writer)
            else:
                return
        self._held_back = 0
        self._set_deadline()
        writer.announce_stored()
        if self._seen_due and not len(writer):
            self._keep_seen(exchange)
        inbox.expected = self._is_retrying()

    def _look_for_lost_mail(self) -> None:
        """Ask for what the market did since now when the mailbox was full: what was lost is newer than all in it."""
        now_ms, dropped = self._clock.now_ms(), self.mail_lost()
        if dropped == self._dropped or (self._catch_up and now_ms < self._overrun_ms + 1000):
            return
        self._overrun_ms = now_ms
        lost, self._dropped = dropped - self._dropped, dropped
        self.log.error("%s messages were lost: the mailbox was full", lost)
        self._alert(
            "error", "mail_lost", f"The broker was overrun: {lost} messages were lost, the market is asked again."
        )
        if not self._read_only:
            self._catch_up.begin_anew()
            self._ask_for_missed(self._ex.desk.exposed())

    def _is_retrying(self) -> bool:
        """Return whether the database is asked again and again: mail about it will come, in real time."""
        if self._writer is None:
            return bool(self._unreadable)
        return self._writer.down and not self._read_only

    def _keep_seen(self, exchange: Exchange) -> None:
        """Keep how far the exposed pairs were gone through, now that all of it is stored (see docs/ledger.md)."""
        desk, told, moving = exchange.desk, exchange.books.told(), exchange.executor.trails
        exposed = [pair for pair in desk.exposed() if pair in told]
        self._seen_due = any(pair in moving for pair in exposed)  # where their stop is must be stored first
        kept = {pair: told[pair] for pair in exposed if pair not in moving}
        records = market_seen.records(kept, seq=desk.seq, head=desk.head)
        if records and records != self._seen_kept:
            self._seen_kept = records
            self._store.project(market_seen.COLLECTION, records)

    def _write_all(self, writer: LedgerWriter) -> None:
        """Store all there is: nothing else is to be done."""
        self._finish_writing(writer)
        while not writer.down and not self._read_only and len(writer):
            self._write(writer)

    def _write_beside(self, writer: LedgerWriter) -> None:
        """Begin to store one batch, once the one before is stored; what waits in the mailbox is handled meanwhile."""
        self._finish_writing(writer)
        if not writer.down and not self._read_only:
            self._writing = gevent.spawn(self._append, writer.next_batch())
            gevent.sleep(0)

    def _finish_writing(self, writer: LedgerWriter) -> None:
        """Wait for the batch that is being stored."""
        if self._writing is not None:
            error = self._writing.get()
            self._writing = None
            self._judge(error, writer)

    def _collect(self, exchange: Exchange, writer: LedgerWriter) -> None:
        if exchange.pending:
            self._known_commands.forget(document["_id"] for document in exchange.pending)
            self._latencies.made(exchange.pending, self.mail_arrived())
            writer.add(exchange.pending)
            exchange.pending.clear()
        for message in exchange.messages:
            names = audience(message, asked=self._asked, pairs=tuple(self._settings.bots.pairs))
            for name in names:
                if isinstance(message, OrderRefused):
                    self._peers.tell(name, message)  # nothing is booked: there is nothing to wait for
                else:
                    writer.tell(exchange.desk.seq, name, message)
            self._note(message, exchange, writer)
        exchange.messages.clear()

    def _note(self, message: object, exchange: Exchange, writer: LedgerWriter) -> None:
        """Forget who asked once an order has ended; raise the alarm about liquidations."""
        match message:
            case OrderRefused(order_id=order_id):
                self._asked.pop(order_id, None)
                self._asked.pop(f"cancel:{order_id}", None)
            case OrderCancelled(order=order) | OrderFilled(order=order) if order.status is not OrderStatus.OPEN:
                self._asked.pop(order.order_id, None)
                self._asked.pop(f"cancel:{order.order_id}", None)
            case PositionAmended(amend_id=amend_id):
                self._asked.pop(amend_id, None)
            case _:
                pass
        if isinstance(message, OrderFilled) and message.trade.reason is Reason.LIQUIDATION:
            sentence = f"The {message.trade.pair} position was liquidated at {message.trade.price:f}."
            alert = Alerted(level="error", code="liquidation", message=sentence, at_ms=message.trade.ts_ms)
            writer.tell(exchange.desk.seq, "hub", alert)

    def _write(self, writer: LedgerWriter) -> None:
        """Store one batch, in this greenlet: it answers within the adapter's time limit."""
        self._judge(self._append(writer.next_batch()), writer)

    def _append(self, batch: tuple[JournalDocument, ...]) -> Exception | None:
        """Store a batch; without one only see whether the store answers. Return what went wrong."""
        try:
            if batch:
                self._store.append(batch)
            else:
                self._store.head()
        except Exception as error:  # noqa: BLE001 - handed to the broker, which judges it
            return error
        return None

    def _judge(self, error: Exception | None, writer: LedgerWriter) -> None:
        """Take note of what became of a batch.

        Raises:
            LedgerFenced: by an older writer, which is fenced itself as soon as this broker has read what it wrote.
        """
        if error is None:
            self._stored(writer)
        elif isinstance(error, LedgerFenced) and error.epoch is not None and error.epoch < self._ex.books.epoch:
            self.log.warning("An older writer was still at work, the journal is read again: %s", error)
            raise error
        elif isinstance(error, LedgerUnavailable | LedgerFenced | LedgerCorrupt):
            self._not_stored(error)
        else:
            self._unstorable = writer.batch
            raise error

    def _write_again(self, batch: tuple[JournalDocument, ...]) -> None:
        """Send the batch of unknown outcome again, in a greenlet of its own: the broker goes on meanwhile."""
        self._peers.tell(self.name, BatchWritten(self._append(batch), _mark_of(batch)))

    def _on_batch_written(self, written: BatchWritten) -> None:
        error = written.error
        if not self._wr.down or written.batch != _mark_of(self._wr.batch):
            return  # of a broker before this one
        if error is None:
            self._take_risk_if(available=True)
            self._stored(self._wr)
            self._show_account(self._ex.account(self._clock.now_ms()))
            self.log.info("The ledger is available again at seq %s", self._wr.stored_seq)
            self._alert("info", "ledger_available", "The ledger is available again.")
        else:
            self._judge(error, self._wr)

    def _stored(self, writer: LedgerWriter) -> None:
        batch = writer.stored()
        self._latencies.stored(batch)
        writer.announce_stored()
        self._project(projections(batch))
        self._tell_ledger(available=True, sentence="")
        kinds = {document["type"] for document in batch}
        if kinds & {"deposit", "order", "fill", "liquidation", "cancel", "amend"}:
            self._show_account(self._ex.account(self._clock.now_ms()))
        if kinds & {"fill", "liquidation"}:
            now_ms = self._clock.now_ms()
            self._tell_all(StatisticsChanged(statistics=self._ex.desk.tally.statistics(now_ms)))

    def _project(self, projected: Projections) -> None:
        for collection, values in projected.items():
            self._store.project(collection, values)

    def _not_stored(self, error: Exception) -> None:
        """Keep the documents and try again; a definite no ends all writing."""
        if not isinstance(error, LedgerUnavailable):
            self._fail(error, fatal=True)
            return
        if not self._wr.down:
            self.log.warning("The ledger is unavailable, %s events wait: %s", len(self._wr), error)
            self._alert("error", "ledger_unavailable", "The ledger is unavailable: no new positions until it is back.")
        self._take_risk_if(available=False)
        self._real_timers.after(self._wr.failed(), self.name, "retry")
        self._tell_ledger(available=False, sentence=str(error))

    def _fail(self, error: Exception, *, fatal: bool) -> None:
        """Write nothing any more and say so, loudly."""
        self._read_only = f"the ledger is read-only: {error}"
        self.log.error("The ledger is read-only: %s", error)
        self._peers.tell("supervisor", LedgerFailed(fatal=fatal, message=str(error)))
        self._alert("error", "ledger_read_only", f"The ledger is read-only: {error}")
        self._tell_ledger(available=False, sentence=str(error))

    def _tell_ledger(self, *, available: bool, sentence: str) -> None:
        """Tell whether the ledger takes new risk; for want of room on its disk it does not, though it is there."""
        seq, head = (0, "") if self._writer is None else (self._writer.stored_seq, self._writer.stored_hash)
        self._peers.tell(
            "hub",
            LedgerAdvanced(
                seq=seq,
                hash=head,
                available=available and not self._room.short,
                read_only=bool(self._read_only),
                message=sentence or self._room.short,
            ),
        )

    def _take_risk_if(self, *, available: bool) -> None:
        """Let the exchange take new risk if the ledger is available and its disk has room."""
        executor = self._ex.executor
        executor.ledger_available = available and not self._room.short
        executor.away = self._room.short if available and self._room.short else DATABASE_AWAY

    def _look_for_room(self) -> None:
        """Refuse new risk while the database's disk is nearly full, and say so; exits go on."""
        if not self._room.look() or self._read_only:
            return
        self._take_risk_if(available=not self._wr.down)
        self._show_account(self._ex.account(self._clock.now_ms()))
        if self._room.short:
            self.log.warning("No new risk is taken: %s", self._room.short)
            self._alert("error", "disk_full", f"No new positions: {self._room.short}.")
        else:
            self.log.info("The database's disk has room again")
            self._alert("info", "disk_has_room", "The database's disk has room again.")
        self._tell_ledger(available=not self._wr.down, sentence="")

    def _alert(self, level: str, code: str, sentence: str) -> None:
        self._peers.tell("hub", Alerted(level=level, code=code, message=sentence, at_ms=self._clock.now_ms()))

    def _tell_all(self, message: object) -> None:
        """Tell the bots and the hub, once everything made so far is stored."""
        for name in audience(message, asked={}, pairs=tuple(self._settings.bots.pairs)):
            self._wr.tell(self._ex.desk.seq, name, message)

    def _announce(self, name: str, message: object) -> None:
        """Tell what is stored; log each execution once, as it is told to the hub."""
        self._peers.tell(name, message)
        if name == "hub" and isinstance(message, OrderFilled) and not message.repeated:
            self.log.info("Filled: %s", executed(message.trade, message.closed))

    def _show_account(self, account: Account) -> None:
        self._shown = account
        self._tell_all(AccountChanged(account=account))

    def _send_account(self, name: str, *, recent: bool) -> None:
        now_ms, desk = self._clock.now_ms(), self._ex.desk
        answers: list[object] = [
            AccountChanged(account=self._ex.account(now_ms)),
            self._control(),
            StatisticsChanged(statistics=desk.tally.statistics(now_ms)),
        ]
        if recent:
            answers.append(RecentTrades(trades=tuple(reversed(desk.trades)), closed=tuple(reversed(desk.closed))))
        if name == "hub":
            available = not self._wr.down and not self._read_only and not self._room.short
            answers.insert(
                0,
                LedgerAdvanced(
                    seq=desk.seq,
                    hash=desk.head,
                    available=available,
                    read_only=bool(self._read_only),
                    message=self._read_only or self._room.short,
                ),
            )
            if self._read_only:  # it was found before there was a hub to be told
                self._alert("error", "ledger_read_only", self._read_only[:1].upper() + self._read_only[1:])
        for answer in answers:
            self._wr.tell(desk.seq, name, answer)

    def _control(self, control_id: str = "", kind: str = "") -> ControlChanged:
        """Return what is switched: as journaled, else as the settings start."""
        desk = self._ex.desk
        control = desk.control
        if control is None:
            trading, analysis = self._settings.bots.enabled_at_start, self._settings.analysis.enabled_at_start
            control = Control(
                trading=trading,
                trading_since_ms=self._started_ms if trading else None,
                analysis=analysis,
                analysis_since_ms=self._started_ms if analysis else None,
            )
        return ControlChanged(seq=desk.control_seq, control=control, control_id=control_id, kind=kind)


def _mark_of(batch: tuple[JournalDocument, ...]) -> str:
    return str(batch[-1]["hash"]) if batch else ""


def _may_open(message: object) -> TypeGuard[SubmitOrder]:
    return isinstance(message, SubmitOrder) and not message.reduce_only


def _id_of(command: Command) -> str:
    match command:
        case AmendProtection(amend_id=key) | SetControl(control_id=key):
            return key
        case SubmitOrder(order_id=key) | ClosePosition(order_id=key) | CancelOrder(order_id=key):
            return key
