"""Random outages, crashes and repeats: nothing acknowledged is lost, nothing is there twice, stored before told.

A broker is driven message by message, so that it can be lost between any two, with any part of a batch stored.
"""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import gevent
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.broker import BrokerActor
from actors.timers import VirtualTimers
from adapters.clock import VirtualClock
from domain import journal
from domain.desk import Desk
from domain.market import Candle, MarketState, OrderBook, PublicTrade, Source
from domain.messages import (
    AccountChanged,
    AmendProtection,
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
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    PositionAmended,
    RecordSettings,
    RulesChanged,
    SendMarketState,
    SendTrades,
    SetControl,
    SettingsRecorded,
    SubmitOrder,
    TradePrinted,
)
from domain.trading import Control, OrderSource, OrderType, Reason, Refusal, Side
from ledger.audit import audit
from settings import Settings
from tests.memory_ledger import MemoryArchive
from tests.model.faulty_ledger import FAULTS, FaultyLedger
from tests.model.profile import TIMEOUT, machine_settings
from tests.model.session import BTC, RULES, SEEN, START, T0, TICKS, XRP

MINUTE = 60_000
PAIRS = st.sampled_from([BTC, XRP])
EVENTS = (OrderAccepted, OrderFilled, OrderCancelled, PositionAmended, ControlChanged, SettingsRecorded)

pytestmark = TIMEOUT


class Listener:
    """Stands in for everybody the broker talks to, and judges what it says when it says it."""

    def __init__(self, machine: "LedgerMachine") -> None:
        self.machine = machine
        self.newest: dict[str, int] = {}  # receiver -> seq of the newest event it was told
        self.once: set[tuple] = set()
        self.told: dict[tuple, int] = {}  # event -> seq: what was announced
        self.answers: dict[str, list] = {}  # command id -> answers
        self.count = 0

    def tell(self, name: str, message: object) -> bool:
        if name == "broker":
            self.machine.put(message)
        elif name == "market":
            self.machine.asked.append(message)
        else:
            self.judge(name, message)
        return True

    def judge(self, name: str, message: object) -> None:
        self.count += 1
        durable = self.machine.store.durable
        match message:
            case OrderRefused(order_id=order_id, code=code):
                self.machine.tally[f"refused {code.value}"] += name == "hub"
                self.answers.setdefault(order_id, []).append(message)
            case AccountChanged(account=account):
                assert account.seq <= durable, "an account of events that are not stored was told"
            case LedgerAdvanced(seq=seq):
                assert seq <= durable
            case LedgerFailed(message=sentence):
                raise AssertionError(f"the ledger must never fail here: {sentence}")
            case OrderAccepted() | OrderFilled() | OrderCancelled() | PositionAmended() | ControlChanged():
                self.judge_event(name, message, durable)
            case SettingsRecorded(seq=seq):
                assert seq <= durable

    def judge_event(self, name: str, message, durable: int) -> None:
        assert message.seq <= durable, f"{type(message).__name__} {message.seq} was told, stored are {durable}"
        key = key_of(message)
        if isinstance(message, OrderAccepted):
            self.answers.setdefault(message.order.order_id, []).append(message)
        if isinstance(message, PositionAmended):
            self.answers.setdefault(message.amend_id, []).append(message)
        if key is None:
            return
        assert message.seq >= self.newest.get(name, 0), f"{name} was told {message.seq} after {self.newest[name]}"
        self.newest[name] = message.seq
        assert (name, key) not in self.once, f"{name} was told {key} twice"
        self.once.add((name, key))
        self.told[key] = message.seq


def key_of(message) -> tuple | None:
    """Return what names an event that must be told to nobody twice; None for answers to repeats and states."""
    if getattr(message, "repeated", False):
        return None
    match message:
        case OrderAccepted(order=order):
            return ("order", f"order:{order.order_id}")
        case OrderFilled(trade=trade, order=order):
            number = trade.trade_id.removeprefix(order.order_id).removeprefix(":") or "1"
            return ("fill", f"fill:{order.order_id}:{number}")
        case OrderCancelled(order=order, message=message) if message:
            return ("cancel", f"cancel:{order.order_id}") if " " in message else None
        case _:
            return None


class LedgerMachine(RuleBasedStateMachine):
    """One broker after another over one store."""

    has_books = True

    def __init__(self) -> None:
        super().__init__()
        self.store = FaultyLedger()
        self.clock = VirtualClock(start_ms=T0)
        self.listener = Listener(self)
        self.timers = VirtualTimers(peers=self.listener, clock=self.clock)
        self.archive = MemoryArchive()
        self.asked: list = []  # what the market was asked and has not answered
        self.sent: dict[str, list] = {}  # command id -> the command, and others of the same id
        self.mid = dict(START)
        self.trades: dict[str, list[PublicTrade]] = {BTC: [], XRP: []}
        self.candles: dict[str, list[Candle]] = {BTC: [], XRP: []}
        self.count = 0
        self.tally: Counter = Counter()
        self.start()

    # --- the broker ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.broker = BrokerActor(
            settings=Settings(),
            peers=self.listener,
            clock=self.clock,
            timers=self.timers,
            store=self.store,
            archive=self.archive,
            has_books=self.has_books,
            source=Source.BINANCE if self.has_books else Source.RECORDED,
        )
        self.listener.newest.clear()
        self.asked.clear()
        self.broker.on_start()

    def put(self, message: object) -> None:
        self.broker.actor_ref.tell(message)

    def handle(self, most: int) -> None:
        """Let the broker handle up to `most` messages, and what it began beside them come to an end."""
        inbox = self.broker.actor_inbox
        for _ in range(most):
            if inbox.empty():
                break
            self.broker.on_receive(inbox.get().message)
            gevent.sleep(0)

    def answer(self) -> None:
        """Let the market answer."""
        asked, self.asked = self.asked, []
        for question in asked:
            match question:
                case SendMarketState():
                    self.put(RulesChanged(rules=tuple(RULES.values())))
                    self.put(MarketStatusChanged(state=MarketState.LIVE, message="", at_ms=self.clock.now_ms()))
                    self.show_prices()
                case SendTrades():
                    self.put(self.missed(question))

    def missed(self, question: SendTrades) -> MissedTrades:
        since_ms, since_id = question.since_ms, question.since_trade_id
        trades = [
            trade
            for trade in self.trades[question.pair]
            if (trade.traded_ms > since_ms if since_id is None else trade.trade_id > since_id)
        ]
        candles = [candle for candle in self.candles[question.pair] if candle.open_ms + MINUTE - 1 > since_ms]
        found = {"trades": tuple(trades), "candles": tuple(candles)}
        return MissedTrades(pair=question.pair, request_id=question.request_id, **found)

    def settle(self) -> None:
        """Bring everything to rest: the database is there, the market answers, timers run for a while."""
        self.store.away = False
        self.store.faults.clear()
        end_ms = self.clock.now_ms() + 10_000
        while True:
            self.handle(10_000)
            if self.asked:
                self.answer()
                continue
            due = self.timers.next_due_ms()
            if due is None or due > end_ms:
                break
            self.clock.move_to(due)
            self.timers.fire_next()

    # --- the world ----------------------------------------------------------------------------------------------------

    def show_prices(self) -> None:
        """Show the newest books, or candles."""
        if not self.has_books and not self.candles[BTC]:
            self.minute(heard=False)
        for pair in (BTC, XRP):
            self.show(pair, 0, 5)
            if not self.has_books:
                self.tell_candle(pair, self.candles[pair][-1])

    def show(self, pair: str, delta: int, size: int) -> None:
        self.mid[pair] = min(max(self.mid[pair] + delta, 2000), 20_000)
        tick, mid = TICKS[pair], self.mid[pair]
        if not self.has_books:
            return
        self.count += 1
        amount = Decimal(size) * (1 if pair == BTC else 200)
        book = OrderBook(
            update_id=self.count,
            received_ms=self.clock.now_ms(),
            bids=((mid * tick, amount), ((mid - 2) * tick, amount)),
            asks=(((mid + 1) * tick, amount), ((mid + 3) * tick, amount)),
        )
        self.put(BookChanged(pair=pair, book=book))

    def print_trade(self, pair: str, *, heard: bool) -> None:
        trade = PublicTrade(
            trade_id=len(self.trades[pair]) + 1,
            price=self.mid[pair] * TICKS[pair],
            quantity=Decimal(1),
            traded_ms=self.clock.now_ms(),
            buyer_is_maker=len(self.trades[pair]) % 2 == 0,
        )
        self.trades[pair].append(trade)
        if heard:
            self.put(TradePrinted(pair=pair, trade=trade, catch_up=False))

    def pass_time(self, ms: int) -> None:
        """Move the clock; timers that are due are mail."""
        end_ms = self.clock.now_ms() + ms
        while (due := self.timers.next_due_ms()) is not None and due <= end_ms:
            self.clock.move_to(due)
            self.timers.fire_next()
        self.clock.move_to(end_ms)

    @rule(
        pair=PAIRS,
        delta=st.integers(-300, 300),
        size=st.integers(1, 6),
        ms=st.sampled_from([10, 100, 300]),
        busy=st.sampled_from([False, False, True]),
    )
    def market_moves(self, pair, delta, size, ms, busy) -> None:
        if not busy:
            self.catch_breath()
        self.pass_time(ms)
        self.show(pair, delta, size)
        if self.has_books:
            self.print_trade(pair, heard=True)
        else:
            self.minute(heard=True)

    def minute(self, *, heard: bool) -> None:
        """Let a minute of candles pass, where candles are all there is."""
        open_ms = self.clock.now_ms() // MINUTE * MINUTE
        self.pass_time(open_ms + MINUTE - self.clock.now_ms())
        for pair in (BTC, XRP):
            tick, mid = TICKS[pair], self.mid[pair]
            first = self.candles[pair][-1].close if self.candles[pair] else mid * tick
            high, low = max(first, mid * tick) + 20 * tick, min(first, mid * tick) - 20 * tick
            candle = Candle(open_ms=open_ms, open=first, high=high, low=low, close=mid * tick, volume=Decimal(1))
            self.candles[pair].append(candle)
            if heard:
                self.tell_candle(pair, candle)

    def tell_candle(self, pair: str, candle: Candle) -> None:
        """Tell that it closed, and that the next one opened."""
        self.put(CandleClosed(pair=pair, candle=candle, interval="1m", catch_up=False, source=Source.RECORDED))
        self.put(CandleOpened(pair=pair, open_ms=candle.open_ms + MINUTE, price=candle.close))

    # --- commands -----------------------------------------------------------------------------------------------------

    def send(self, name: str, command) -> None:
        self.sent.setdefault(name, []).append(command)
        busy = self.count % 3 == 0  # then it waits in the mailbox for what comes next
        if not busy:
            self.catch_breath()
        self.put(command)
        if not busy:
            self.handle(200)

    def held(self) -> bool:
        """Return whether the broker holds a position: only then closing and amending is worth a step."""
        exchange = self.broker._exchange
        return exchange is not None and bool(exchange.desk.holdings)

    def catch_breath(self) -> None:
        """Handle what waits, the market's answers too."""
        self.handle(200)
        if self.asked:
            self.answer()
            self.handle(200)

    @rule(
        pair=PAIRS,
        side=st.sampled_from(list(Side)),
        kind=st.sampled_from([OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT, OrderType.STOP]),
        value=st.integers(10, 400),
        offset=st.integers(0, 100),
        protected=st.booleans(),
    )
    def order(self, pair, side, kind, value, offset, protected) -> None:
        self.count += 1
        name, tick, mid = f"o{self.count}", TICKS[pair], self.mid[pair]
        sign = side.sign * (-1 if kind is OrderType.LIMIT else 1)
        command = SubmitOrder(
            order_id=name,
            pair=pair,
            side=side,
            order_type=kind,
            source=OrderSource.MANUAL,
            reason=Reason.ENTRY,
            reply_to="client",
            submitted_ms=self.clock.now_ms(),
            notional=Decimal(value),
            price=None if kind is OrderType.MARKET else (mid + sign * offset) * tick,
            stop_loss=(mid - side.sign * (150 + offset)) * tick if protected else None,
            take_profit=(mid + side.sign * (150 + offset)) * tick if protected else None,
            leverage=3,
        )
        self.send(name, command)

    @precondition(lambda self: self.held())
    @rule(pair=PAIRS, fraction=st.sampled_from(["0.5", "1"]))
    def close(self, pair, fraction) -> None:
        self.count += 1
        name = f"c{self.count}"
        command = ClosePosition(
            order_id=name,
            pair=pair,
            fraction=Decimal(fraction),
            source=OrderSource.MANUAL,
            reason=Reason.MANUAL,
            reply_to="client",
            submitted_ms=self.clock.now_ms(),
        )
        self.send(name, command)

    @precondition(lambda self: self.held())
    @rule(pair=PAIRS, offset=st.integers(150, 300))
    def amend(self, pair, offset) -> None:
        self.count += 1
        name = f"amend:{pair}:{self.count}"
        command = AmendProtection(
            amend_id=name,
            pair=pair,
            stop_loss=(self.mid[pair] - offset) * TICKS[pair],
            take_profit=None,
            remove_stop_loss=False,
            remove_take_profit=False,
            reply_to="client",
            submitted_ms=self.clock.now_ms(),
        )
        self.send(name, command)

    @rule(what=st.sampled_from(["control", "settings", "cancel"]), nth=st.integers(0, 30))
    def other_commands(self, what, nth) -> None:
        self.count += 1
        now = self.clock.now_ms()
        match what:
            case "control":
                control = Control(trading=nth % 2 == 0, trading_since_ms=now, analysis=True, analysis_since_ms=None)
                told = {"kind": "start_bot", "actor": "operator", "reply_to": "client", "submitted_ms": now}
                self.put(SetControl(control_id=f"k{nth % 5}", control=control, **told))
            case "settings":
                self.put(RecordSettings(settings_hash=f"s{nth % 3}", changed=(), values=(), submitted_ms=now))
            case "cancel" if orders := [name for name in self.sent if name.startswith("o")]:
                self.put(CancelOrder(order_id=orders[-1 - nth % len(orders)], reply_to="client", request_id="r"))

    @precondition(lambda self: self.sent)
    @rule(back=st.integers(0, 8), other_content=st.sampled_from([False, False, True]))
    def the_same_command_again(self, back, other_content) -> None:
        names = list(self.sent)
        name = names[-1 - back % len(names)]
        command = replace(self.sent[name][0], submitted_ms=self.clock.now_ms())
        if not other_content:
            self.put(command)
        elif isinstance(command, SubmitOrder):
            self.send(name, replace(command, notional=command.notional + 1))

    # --- mail, faults and failures ------------------------------------------------------------------------------------

    @rule(most=st.sampled_from([1, 2, 5, 50, 50]))
    def work(self, most) -> None:
        self.handle(most)

    @rule(ms=st.sampled_from([50, 1000, 3000]))
    def time_passes(self, ms) -> None:
        self.pass_time(ms)
        self.answer()
        self.handle(50)

    @rule(faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3))
    def appends_fail(self, faults) -> None:
        self.store.faults.extend(faults)

    @rule(ms=st.sampled_from([0, 100, 2000]), back=st.sampled_from([True, True, False]))
    def the_database_is_away(self, ms, back) -> None:
        """Orders are refused or wait; timers ask for it again."""
        self.store.away = True
        self.tally["outages"] += 1
        self.pass_time(ms)
        self.handle(50)
        self.store.away = not back

    @precondition(lambda self: self.store.away)
    @rule()
    def the_database_is_back(self) -> None:
        self.store.away = False

    @precondition(lambda self: self.count % 4 == 3)
    @rule(
        lost=st.integers(0, 10),
        ms=st.sampled_from([0, 500, 5000]),
        unheard=st.lists(PAIRS, max_size=3),
        again=st.lists(st.sampled_from([1, 1, 2]), max_size=3),
    )
    def crash(self, lost, ms, unheard, again) -> None:
        """The process dies: its mailbox and all that is not stored are gone; the market goes on.

        Commands that nobody answered are sent to the next broker at once, some of them twice.
        """
        self.tally["crashes"] += 1
        before = len(self.store.documents)
        self.store.lose_tail(lost)
        self.tally["documents rolled back"] += before - len(self.store.documents)
        self.pass_time_alone(ms)
        for pair in unheard:
            if self.has_books:
                self.print_trade(pair, heard=False)
            else:
                self.minute(heard=False)
        self.start()
        stored = {document.get("order_id") for document in self.store.documents}
        unanswered = [name for name in reversed(self.sent) if name not in stored]
        for times, name in zip(again, unanswered, strict=False):
            for _ in range(times):
                self.put(self.sent[name][0])
        self.nothing_told_is_lost()

    def pass_time_alone(self, ms: int) -> None:
        self.clock.move_to(self.clock.now_ms() + ms)

    @precondition(lambda self: self.count % 4 == 2)
    @rule(work=st.booleans())
    def clean_stop(self, work) -> None:
        if work:
            self.handle(1000)
        self.broker.on_stop()
        self.tally["stops"] += 1
        self.start()

    @rule()
    def everything_comes_to_rest(self) -> None:
        self.settle()
        self.live_state_equals_the_journal()

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def nothing_told_is_lost(self) -> None:
        stored = {document["_id"]: document["seq"] for document in self.store.documents}
        assert len(stored) == len(self.store.documents), "an event is stored twice"
        for (_, name), seq in self.listener.told.items():
            assert stored.get(name) == seq, f"{name} was told with seq {seq}, stored with {stored.get(name)}"

    def live_state_equals_the_journal(self) -> None:
        desk = Desk()
        for document in self.store.documents:
            journal.verify(document, seq=desk.seq + 1, prev=desk.head)
            desk.apply(document)
        exchange = self.broker._exchange
        assert exchange is not None and not exchange.pending
        assert (desk.seq, desk.head) == (exchange.desk.seq, exchange.desk.head)
        assert desk.part() == exchange.desk.part()
        for (account, _), balance in desk.balances.items():
            assert self.store.values[("balances", account)][1]["balance"] == balance, "a projection is not the newest"

    def teardown(self) -> None:
        self.settle()
        self.live_state_equals_the_journal()
        self.repeats_change_nothing()
        report = audit(self.store.documents)
        assert not report.findings, [str(finding) for finding in report.findings]
        SEEN.update(self.tally)
        SEEN.update(document["type"] for document in self.store.documents)
        SEEN.update({"runs": 1, "commands": len(self.sent), "documents": len(self.store.documents)})
        SEEN.update({"append faults": self.store.struck, "announcements": self.listener.count})

    def repeats_change_nothing(self) -> None:
        """Everybody asks again: what was taken is answered as taken and not done again; the rest has an answer, too."""
        taken = {document["order_id"] for document in self.store.documents if document["type"] == "order"}
        amended = {document["_id"] for document in self.store.documents if document["type"] == "amend"}
        before = len([d for d in self.store.documents if d["type"] == "order"])
        self.listener.answers.clear()
        names = [name for name in self.sent if name in taken or name in amended]
        for name in names:
            for command in self.sent[name]:
                self.put(replace(command, submitted_ms=self.clock.now_ms()))
        self.settle()
        for name in names:
            answers = self.listener.answers.get(name, [])
            assert answers, f"{name} must be answered"
            if name in taken:
                self.answered_as_before(name, answers)
        assert len([d for d in self.store.documents if d["type"] == "order"]) == before

    def answered_as_before(self, name, answers) -> None:
        """The one content that was taken is answered as taken; every other one of the same id is refused."""
        accepted = [answer for answer in answers if isinstance(answer, OrderAccepted)]
        assert accepted and all(answer.repeated for answer in accepted), f"{name} was taken, the answer is {answers}"
        codes = {answer.code for answer in answers if isinstance(answer, OrderRefused)}
        assert codes <= ({Refusal.DUPLICATE_ORDER} if len(self.sent[name]) > 1 else set()), (name, codes)


class CandleLedgerMachine(LedgerMachine):
    """The same where candles are all there is."""

    has_books = False


TestLedger = LedgerMachine.TestCase
TestLedger.settings = machine_settings(examples=120, steps=80)
TestCandleLedger = CandleLedgerMachine.TestCase
TestCandleLedger.settings = machine_settings(examples=60, steps=80)
