"""What the broker tells and stores, given what it is told: first stored, then told; recovery; outages."""

from decimal import Decimal

import gevent
import gevent.event
import pykka
import pytest

from actors.base import Actor
from actors.broker import BatchWritten, BrokerActor
from domain import journal
from domain.errors import InvariantError, LedgerUnavailable
from domain.market import Candle, MarketState, Source
from domain.messages import (
    AccountChanged,
    AmendProtection,
    BookChanged,
    CancelOrder,
    CandleClosed,
    CandleOpened,
    ControlChanged,
    LedgerAdvanced,
    LedgerFailed,
    MarketStatusChanged,
    MissedTrades,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRefused,
    Ping,
    PositionAmended,
    RecentTrades,
    RecordSettings,
    RulesChanged,
    SendAccount,
    SendMarketState,
    SendTrades,
    SetControl,
    SettingsRecorded,
    StatisticsChanged,
    TimerFired,
    TradePrinted,
)
from domain.trading import Control, FillModel, OrderSource, OrderStatus, Reason, Refusal, Side
from settings import Settings
from tests.domain.paper import PAIR, RULES, T0, D, book, close, limit, order, trade, trailing
from tests.memory_ledger import MemoryArchive, MemoryLedger


class Crash:
    """Makes the actor fail."""


def fail(actor, message):
    raise RuntimeError("a bug")


class Desk:
    """One broker with everything around it, and what a test asks of it."""

    def __init__(self, peers, clock, timers, *, store=None, has_books=True, live=True, measures=None, audit=None):
        self.peers, self.clock, self.timers = peers, clock, timers
        self.store, self.archive, self.has_books = store or MemoryLedger(), MemoryArchive(), has_books
        self.source = Source.BINANCE if has_books else Source.RECORDED
        self.measures, self.audit = measures, audit
        self.start()
        if live:
            self.market_is_live()

    def start(self):
        self.peers.sent.clear()
        self.broker = BrokerActor.start(
            settings=Settings(),
            peers=self.peers,
            clock=self.clock,
            timers=self.timers,
            store=self.store,
            archive=self.archive,
            has_books=self.has_books,
            source=self.source,
            measures=self.measures,
            audit=self.audit,
        )
        self.settle()

    def crash(self):
        """Lose the broker as a failure does: nothing is flushed."""
        self.broker.tell(Crash())
        with pytest.raises(pykka.ActorDeadError):
            self.broker.ask(Ping(), timeout=30)

    def tell(self, *messages, at_ms=None):
        if at_ms is not None:
            self.clock.move_to(T0 + at_ms)
        for message in messages:
            self.broker.tell(message)
        self.settle()

    def settle(self):
        assert self.broker.ask(Ping(), timeout=30)
        self.broker.ask(Ping(), timeout=30)

    def market_is_live(self):
        self.tell(
            RulesChanged(rules=(RULES,)),
            MarketStatusChanged(state=MarketState.LIVE, message="", at_ms=self.clock.now_ms()),
        )

    def book(self, at_ms, **changes):
        self.tell(BookChanged(pair=PAIR, book=book(at_ms, **changes)), at_ms=at_ms)

    def trade(self, trade_id, price, at_ms, **changes):
        self.tell(TradePrinted(pair=PAIR, trade=trade(trade_id, price, at_ms), catch_up=False), at_ms=at_ms)

    def open_long(self, at_ms=0, **changes):
        self.book(at_ms)
        self.tell(order(submitted_ms=T0 + at_ms, **changes))
        self.book(at_ms + 100, update_id=2)

    def fire(self, key):
        self.tell(TimerFired(key=key, due_ms=self.clock.now_ms()))

    def retry(self):
        """Let the broker send the batch of unknown outcome again, and hand it the answer."""
        self.fire("retry")
        gevent.sleep(0)
        self.tell(self.to("broker", BatchWritten)[-1])

    def to(self, name, kind):
        return self.peers.to(name, kind)

    @property
    def kinds(self):
        return [document["type"] for document in self.store.documents]


@pytest.fixture(autouse=True)
def _crash_hook(monkeypatch):
    monkeypatch.setitem(Actor.test_hooks, Crash, fail)


@pytest.fixture
def desk(peers, clock, timers):
    return Desk(peers, clock, timers)


def test_an_empty_journal_begins_with_the_deposit(desk):
    [deposit] = desk.store.documents
    assert (deposit["_id"], deposit["seq"], deposit["epoch"], deposit["prev"]) == ("deposit", 1, 1, journal.GENESIS)
    assert desk.to("market", SendMarketState) == [SendMarketState(reply_to="broker")]
    assert desk.to("hub", AccountChanged)[-1].account.cash == D("100000")
    assert desk.to("bot-ETHUSDT", ControlChanged)[-1].control.trading is False


def test_an_order_is_stored_before_it_is_told(desk):
    told_before = []
    append = desk.store.append

    def watched(documents):
        told_before.extend(m for _, m in desk.peers.sent if isinstance(m, OrderAccepted | OrderFilled))
        append(documents)
        desk.peers.sent.clear()

    desk.store.append = watched
    desk.open_long(source=OrderSource.BOT, reply_to="bot-BTCUSDT")
    assert desk.kinds == ["deposit", "order", "fill"]
    assert [type(message) for message in told_before] == [OrderAccepted, OrderAccepted]  # told after the first write
    assert len(desk.to("hub", OrderFilled)) == 1


def test_a_fill_is_told_to_who_ordered_to_the_bot_and_to_the_hub_once(desk):
    desk.open_long(stop_loss="95", take_profit="110")
    for name in ("hub", "bot-BTCUSDT"):
        [filled] = desk.to(name, OrderFilled)
        assert filled.trade.price == D("100.01")
        assert filled.trade.fee == D("0.10001")
        assert filled.account.cash == D("100000") - D("100.01") - D("0.10001")
        assert filled.position.stop_loss == 95
    assert desk.to("bot-ETHUSDT", OrderFilled) == []
    assert desk.to("bot-ETHUSDT", AccountChanged)[-1].account.margin == D("100.01")


def test_a_repeat_is_answered_with_the_first_result(desk):
    desk.open_long()
    documents = len(desk.store.documents)
    desk.peers.sent.clear()
    desk.tell(order(reply_to="hub", submitted_ms=T0 + 5000))
    [accepted], [filled] = desk.to("hub", OrderAccepted), desk.to("hub", OrderFilled)
    assert accepted.repeated and filled.repeated and (accepted.seq, filled.seq) == (2, 3)
    assert filled.trade.price == D("100.01")
    assert len(desk.store.documents) == documents


def test_a_repeat_is_recognised_after_a_restart(desk):
    desk.open_long()
    desk.crash()
    desk.start()
    desk.tell(order())
    assert desk.to("hub", OrderAccepted) == []  # it waits: the pair is being caught up
    desk.tell(missed(desk))
    assert [message.repeated for message in desk.to("hub", OrderFilled)] == [True]
    assert desk.kinds.count("order") == 1


def missed(desk, *trades, candles=()):
    asked = [message for _, message in desk.peers.sent if isinstance(message, SendTrades)]
    request_id = asked[-1].request_id if asked else "catch-up:2:1"
    return MissedTrades(pair=PAIR, trades=tuple(trades), candles=tuple(candles), request_id=request_id)


def test_the_same_id_with_another_content_is_refused(desk):
    desk.open_long()
    desk.tell(order(quantity="2"))
    [refused] = desk.to("hub", OrderRefused)
    assert refused.code is Refusal.DUPLICATE_ORDER
    assert desk.kinds == ["deposit", "order", "fill"]


def test_a_refusal_books_nothing(desk):
    desk.book(0)
    desk.tell(order(quantity="-1"), order("o2", quantity="5000"))
    assert [message.code for message in desk.to("hub", OrderRefused)] == [
        Refusal.BAD_MESSAGE,
        Refusal.INSUFFICIENT_BALANCE,
    ]
    assert desk.kinds == ["deposit"]


def test_a_refused_order_that_comes_again_is_answered_with_the_first_result(desk):
    desk.tell(close("early"))
    desk.open_long()
    desk.tell(close("early"), close("late"))
    first, again = desk.to("hub", OrderRefused)
    assert first == again and first.code is Refusal.NO_POSITION
    assert desk.kinds == ["deposit", "order", "fill", "order", "fill"]  # the later one closed the position


LONG = D("999999.123456789012345678901234567891")


def amend(amend_id="amend:BTCUSDT:9", **changes):
    values = {"stop_loss": None, "take_profit": None, "remove_stop_loss": False, "remove_take_profit": False}
    return AmendProtection(amend_id=amend_id, pair=PAIR, reply_to="hub", submitted_ms=T0, **(values | changes))


def switch(control_id="k1", actor="operator", **changes):
    control = Control(trading=False, trading_since_ms=None, analysis=False, analysis_since_ms=None, **changes)
    return SetControl(
        control_id=control_id, control=control, kind="stop_bot", actor=actor, reply_to="hub", submitted_ms=T0
    )


@pytest.mark.parametrize(
    "command",
    [
        order("x", quantity=str(LONG)),
        order("x", quantity=None, notional=LONG),
        order("x", stop_loss=LONG),
        limit("x", Side.BUY, "1", "NaN"),
        limit("x", Side.BUY, "1", "1e-25"),
        order("x", max_slippage_bps=LONG),
        order("x", confidence=D("NaN")),
        order("\ud800"),
        order("x", decision_id="d" * 201),
        close(fraction="0.3333333333333333333333333"),
        close(fraction="NaN"),
        amend(take_profit=LONG),
        amend(amend_id=""),
        switch(control_id=""),
        switch(actor="a" * 1001),
        switch(defaults=(("leverage", 2**70),)),
        switch(pairs=((PAIR, (("exits", "\udfff"),)),)),
    ],
)
def test_a_command_that_no_journal_could_hold_is_refused(desk, command):
    desk.book(0)
    desk.tell(command)
    [refused] = desk.to("hub", OrderRefused)
    assert refused.code is Refusal.BAD_MESSAGE
    assert desk.kinds == ["deposit"]


@pytest.mark.parametrize("command", [order("x"), close("x"), amend("x"), switch("x")])
def test_a_command_that_the_broker_fails_of_is_answered_and_never_sent_again(desk, monkeypatch, command):
    def failing(*_args, **_more):
        raise RuntimeError("a bug")

    desk.open_long(order_id="other")
    for name in ("submit", "close", "amend", "set_control"):
        monkeypatch.setattr(f"domain.execution.Exchange.{name}", failing)
    desk.broker.tell(command)
    with pytest.raises(pykka.ActorDeadError):
        desk.broker.ask(Ping(), timeout=30)
    [refused] = [each for each in desk.to("hub", OrderRefused) if each.order_id == "x"]
    assert refused.code is Refusal.INTERNAL


def test_an_order_that_the_store_does_not_take_is_answered(desk, monkeypatch):
    def refusing(_documents):
        raise InvariantError("a journal document must fit into BSON")

    desk.book(0)
    monkeypatch.setattr(desk.store, "append", refusing)
    desk.broker.tell(order("x", source=OrderSource.BOT, reply_to="bot-BTCUSDT"))
    gevent.sleep(0)
    with pytest.raises(pykka.ActorDeadError):
        desk.broker.ask(Ping(), timeout=30)
    for name in ("hub", "bot-BTCUSDT"):
        assert [(each.order_id, each.code) for each in desk.to(name, OrderRefused)] == [("x", Refusal.INTERNAL)]


def test_no_new_risk_on_a_market_that_is_not_live_but_exits_go_on(desk):
    desk.open_long()
    desk.tell(MarketStatusChanged(state=MarketState.RECONNECTING, message="", at_ms=T0), at_ms=200)
    desk.tell(order("o2"), close(submitted_ms=T0 + 200))
    assert [message.code for message in desk.to("hub", OrderRefused)] == [Refusal.STALE_PRICE]
    desk.book(300, update_id=3)
    assert desk.to("hub", OrderFilled)[-1].position is None


def test_a_market_order_without_a_book_fills_at_the_last_price_with_slippage(desk):
    desk.trade(1, "100", 0)
    desk.tell(order())
    assert desk.timers.next_due_ms() == T0 + 1100
    desk.clock.move_to(T0 + 1100)
    desk.fire("deadline")
    [filled] = desk.to("bot-BTCUSDT", OrderFilled)
    assert (filled.trade.fill_model, filled.trade.price) == (FillModel.FALLBACK, D("100.05"))


def test_a_stop_fires_while_the_bots_are_dead(desk):
    desk.open_long(stop_loss="95")
    desk.trade(2, "94.90", 200)
    desk.book(210, bids=(("94.80", "5"),), asks=(("94.90", "5"),), update_id=3)
    filled = desk.to("hub", OrderFilled)[-1]
    assert (filled.trade.reason, filled.trade.price, filled.closed.realized_pnl) == (
        Reason.STOP_LOSS,
        D("94.80"),
        D("-5.21"),
    )


def test_cancelling_gives_the_hold_back(desk):
    desk.book(0)
    desk.tell(limit("l1", Side.BUY, "1", "90"))
    assert desk.to("hub", AccountChanged)[-1].account.held == D("90.09")
    desk.tell(CancelOrder(order_id="l1", reply_to="hub", request_id="r1"))
    [cancelled] = desk.to("hub", OrderCancelled)
    assert (cancelled.order.status, cancelled.request_id) == (OrderStatus.CANCELLED, "r1")
    account = desk.to("hub", AccountChanged)[-1].account
    assert (account.cash, account.held) == (D("100000"), 0)


def test_cancelling_an_unknown_order_is_refused_to_who_asked(desk):
    desk.tell(CancelOrder(order_id="nope", reply_to="hub", request_id="r1"))
    [refused] = desk.to("hub", OrderRefused)
    assert (refused.code, refused.request_id) == (Refusal.UNKNOWN_ORDER, "r1")


def test_protection_is_amended_and_journaled(desk):
    desk.open_long(stop_loss="95")
    amend = AmendProtection(
        amend_id="amend:BTCUSDT:1",
        pair=PAIR,
        stop_loss=D("97"),
        take_profit=D("120"),
        remove_stop_loss=False,
        remove_take_profit=False,
        reply_to="hub",
        submitted_ms=T0 + 200,
    )
    desk.tell(amend, amend)
    amended = desk.to("hub", PositionAmended)
    assert [(m.position.stop_loss, m.position.take_profit) for m in amended] == [(97, 120), (97, 120)]
    assert desk.kinds.count("amend") == 1
    assert len(desk.to("bot-BTCUSDT", PositionAmended)) == 1


def test_control_is_journaled_told_and_resumed(desk):
    control = Control(trading=True, trading_since_ms=T0, analysis=True, analysis_since_ms=T0, enabled_pairs=(PAIR,))
    command = SetControl(
        control_id="c1", control=control, kind="start_bot", actor="operator", reply_to="hub", submitted_ms=T0
    )
    desk.tell(command)
    assert desk.to("bot-SOLUSDT", ControlChanged)[-1].control == control
    desk.crash()
    desk.start()
    assert desk.to("bot-SOLUSDT", ControlChanged)[-1].control == control
    desk.tell(command)
    assert desk.kinds.count("control") == 1


def test_settings_are_recorded_when_they_differ(desk):
    record = RecordSettings(settings_hash="a" * 64, changed=(), values=(("paper.latency_ms", 100),), submitted_ms=T0)
    desk.tell(record, record)
    assert desk.kinds == ["deposit", "settings"]
    assert [(m.seq, m.settings_hash) for m in desk.to("supervisor", SettingsRecorded)] == [(2, "a" * 64)] * 2


def test_who_asks_is_told_account_control_statistics_and_recent_trades(desk):
    desk.open_long()
    desk.peers.sent.clear()
    desk.tell(SendAccount(reply_to="hub"))
    assert [type(message) for _, message in desk.peers.sent] == [
        LedgerAdvanced,
        AccountChanged,
        ControlChanged,
        StatisticsChanged,
        RecentTrades,
    ]
    assert desk.to("hub", RecentTrades)[0].trades[0].trade_id == "o1"


def test_statistics_of_bots_survive_a_restart(desk):
    desk.open_long(source=OrderSource.BOT, stop_loss="95")
    desk.trade(2, "94.90", 200)
    desk.book(210, bids=(("94.80", "5"),), asks=(("94.90", "5"),), update_id=3)
    told = desk.to("bot-BTCUSDT", StatisticsChanged)[-1].statistics
    assert (told.trades_today, told.total_trades, told.winning_trades) == (1, 1, 0)
    assert told.total_profit == D("-5.21") - D("0.10001") - D("0.0948")
    desk.crash()
    desk.start()
    assert desk.to("bot-BTCUSDT", StatisticsChanged)[-1].statistics == told


def test_a_clock_behind_the_exchange_does_not_make_a_restarted_broker_forget_what_it_saw(desk):
    """All since the entry would be gone through again: the stop of today would meet prices from before it was set."""
    desk.open_long(stop_loss="95")
    for trade_id, price, at_ms in ((8, "96", 3000), (9, "101", 3100)):
        desk.tell(TradePrinted(pair=PAIR, trade=trade(trade_id, price, at_ms), catch_up=False))  # our clock: T0 + 100
    desk.tell(amend(stop_loss=D("98")))
    desk.crash()
    desk.start()
    [ask] = desk.to("market", SendTrades)
    assert (ask.since_ms, ask.since_trade_id) == (T0 + 3100, 9)


def test_a_restarted_broker_goes_through_what_it_missed_before_newer_mail(desk):
    desk.trade(7, "100", 0)
    desk.open_long(stop_loss="95", take_profit="110")
    desk.crash()
    desk.start()
    [ask] = desk.to("market", SendTrades)
    assert (ask.pair, ask.since_ms, ask.since_trade_id) == (PAIR, T0, 7)
    desk.market_is_live()
    desk.trade(10, "111", 90_000)  # newer: the target would be reached, had the stop not been before it
    desk.tell(missed(desk, trade(8, "96", 60_000), trade(9, "94.5", 61_000)))
    [filled] = desk.to("hub", OrderFilled)
    assert (filled.trade.price, filled.trade.fill_model) == (D("94.5"), FillModel.TRADE)
    assert (filled.trade.ts_ms, filled.trade.catch_up) == (T0 + 61_000, True)
    assert filled.trade.reason is Reason.STOP_LOSS


def test_a_repeat_that_waited_for_the_catch_up_is_recognised(desk):
    desk.open_long()
    desk.crash()
    desk.start()
    desk.market_is_live()
    again = order("o2", Side.SELL, "1", submitted_ms=T0 + 200)
    desk.tell(again, again, order("o2", Side.SELL, "2", submitted_ms=T0 + 200))
    desk.tell(missed(desk))
    assert [message.repeated for message in desk.to("hub", OrderAccepted)] == [False, True]
    assert [message.code for message in desk.to("hub", OrderRefused)] == [Refusal.DUPLICATE_ORDER]
    assert desk.kinds == ["deposit", "order", "fill", "checkpoint", "order"]
    assert desk.to("supervisor", LedgerFailed) == []


def test_a_crash_between_acceptance_and_fill_loses_nothing(desk):
    desk.book(0)
    desk.tell(order())
    assert desk.kinds == ["deposit", "order"]
    desk.crash()
    desk.start()
    desk.market_is_live()
    desk.tell(missed(desk))
    desk.book(300, update_id=5)
    [filled] = desk.to("hub", OrderFilled)
    assert filled.trade.order_id == "o1"
    assert desk.store.documents[-1]["epoch"] == 2


def test_the_market_is_asked_again_when_it_does_not_answer(desk):
    desk.open_long()
    desk.crash()
    desk.start()
    desk.fire("catch_up")
    first, second = desk.to("market", SendTrades)
    assert first == second


def test_while_the_database_is_away_exits_are_decided_and_told_when_it_is_back(desk):
    desk.open_long(stop_loss="95")
    desk.store.away = True
    desk.peers.sent.clear()
    desk.trade(2, "94.90", 200)
    desk.book(210, bids=(("94.80", "5"),), asks=(("94.90", "5"),), update_id=3)
    assert desk.to("hub", OrderFilled) == []
    assert desk.to("hub", LedgerAdvanced)[-1].available is False
    desk.tell(order("o2", submitted_ms=T0 + 210))
    assert desk.to("hub", OrderRefused)[-1].code is Refusal.LEDGER_UNAVAILABLE

    desk.store.away = False
    desk.retry()
    [filled] = desk.to("hub", OrderFilled)
    assert filled.trade.reason is Reason.STOP_LOSS
    assert desk.to("hub", LedgerAdvanced)[-1].available is True
    assert desk.to("hub", AccountChanged)[-1].account.ledger_available is True
    assert desk.kinds == ["deposit", "order", "fill", "fill"]


def test_a_silent_database_is_asked_once_not_by_every_command(desk, monkeypatch):
    desk.open_long(order_id="a")
    desk.store.away = True
    asked = []
    find = desk.store.find
    monkeypatch.setattr(desk.store, "find", lambda document_id: (asked.append(document_id), find(document_id))[1])
    desk.tell(order(order_id="b", submitted_ms=T0 + 1000), order(order_id="c", submitted_ms=T0 + 1000), at_ms=1000)
    assert asked == ["order:b"]
    assert [refused.code for refused in desk.to("hub", OrderRefused)] == [Refusal.LEDGER_UNAVAILABLE] * 2
    assert not desk.to("hub", LedgerAdvanced)[-1].available

    desk.retry()
    assert isinstance(desk.to("broker", BatchWritten)[-1].error, LedgerUnavailable)
    desk.store.away = False
    desk.retry()
    assert desk.to("hub", LedgerAdvanced)[-1].available
    desk.tell(order(order_id="d", submitted_ms=T0 + 1000))
    assert desk.to("hub", OrderAccepted)[-1].order.order_id == "d"


def test_a_batch_is_stored_while_the_next_is_made(desk, monkeypatch):
    """The store answers the first batch only when the broker has made the second."""
    made, append, storing = gevent.event.Event(), desk.store.append, []

    def slow(documents):
        storing.append(True)
        if len(desk.store.batches) == 1:
            made.wait()
        append(documents)
        storing.pop()

    def lookup(document_ids):
        if storing:
            made.set()
        return {}

    monkeypatch.setattr(desk.store, "append", slow)
    monkeypatch.setattr(desk.store, "find_many", lookup)
    monkeypatch.setattr("actors.known_commands.AHEAD", 90)
    desk.book(0)
    for number in range(900):
        desk.broker.tell(order(f"o{number}", submitted_ms=T0 + 1000, quantity="0.1"))
    desk.settle()
    assert desk.store.batches == [1, 200, 200, 200, 200, 100]
    assert [document["seq"] for document in desk.store.documents] == list(range(1, 902))
    assert [message.seq for message in desk.to("hub", OrderAccepted)] == list(range(2, 902))


def test_a_flood_of_mail_holds_back_no_document(desk):
    """Market mail that never ends: what one message made is stored within as many messages as a batch is long."""
    desk.book(0)
    stored = []
    append = desk.store.append
    desk.store.append = lambda documents: (append(documents), stored.append(len(desk.broker.actor_inbox)))
    desk.broker.tell(order(submitted_ms=T0 + 1000))
    for number in range(1000):
        desk.broker.tell(TradePrinted(pair=PAIR, trade=trade(number, "100", 0), catch_up=False))
    desk.settle()
    assert stored[0] > 700


def test_a_broker_that_fails_waits_for_the_write_under_way(desk, monkeypatch):
    answered, append, reported = gevent.event.Event(), desk.store.append, []

    def slow(documents):
        answered.wait()
        append(documents)

    desk.book(0)
    monkeypatch.setattr(desk.store, "append", slow)
    monkeypatch.setattr(Actor, "on_failure", lambda *_: reported.append(True))
    for number in range(250):
        desk.broker.tell(order(f"o{number}", submitted_ms=T0 + 1000, quantity="0.1"))
    desk.broker.tell(Crash())
    gevent.sleep(0)
    gevent.sleep(0)
    assert not desk.broker.is_alive() and not reported
    answered.set()
    gevent.sleep(0)
    gevent.sleep(0)
    assert reported and len(desk.store.documents) == 201


def test_a_lost_answer_doubles_nothing(desk):
    desk.book(0)
    desk.store.lose_answers = 1
    desk.tell(order())
    assert desk.to("hub", OrderAccepted) == []
    desk.retry()
    assert len(desk.to("hub", OrderAccepted)) == 1
    assert desk.kinds == ["deposit", "order"]


def test_a_second_writer_fences_the_broker(desk):
    other = dict(desk.store.documents[0], _id="checkpoint:2", seq=2)
    desk.store.documents.append(other)
    desk.book(0)
    desk.tell(order(), order("o2"))
    [failed] = desk.to("supervisor", LedgerFailed)
    assert failed.fatal
    assert desk.to("hub", OrderAccepted) == []
    desk.tell(order("o3"))
    assert desk.to("hub", OrderRefused)[-1].code is Refusal.LEDGER_UNAVAILABLE


def correction(first, **changes):
    """Return the next document of a journal that holds `first` only."""
    late = {"_id": "late", "seq": 2, "type": "correction", "postings": [], "after": []}
    late |= {name: first[name] for name in ("ts", "recorded_at", "epoch")}
    return journal.seal(late | changes, first["hash"])


def test_an_older_writer_that_was_still_at_work_makes_the_broker_read_the_journal_again(desk):
    desk.crash()
    head = desk.store.head

    def head_before_a_late_write():
        found = head()
        desk.store.documents.append(correction(desk.store.documents[0]))
        desk.store.head = head
        return found

    desk.store.head = head_before_a_late_write
    with pytest.raises(pykka.ActorDeadError):
        desk.start()
    assert desk.to("supervisor", LedgerFailed) == []

    desk.start()
    desk.market_is_live()
    desk.book(0)
    desk.tell(order())
    assert len(desk.to("hub", OrderAccepted)) == 1
    assert [(document["type"], document["epoch"]) for document in desk.store.documents] == [
        ("deposit", 1),
        ("correction", 1),
        ("checkpoint", 2),
        ("order", 2),
    ]


def test_what_an_older_writer_appends_while_the_journal_is_read_is_read_too(desk):
    desk.crash()
    read = desk.store.read

    def read_before_a_late_write(*, after_seq):
        yield from list(read(after_seq=after_seq))
        desk.store.documents.append(correction(desk.store.documents[0]))
        desk.store.read = read

    desk.store.read = read_before_a_late_write
    desk.start()
    assert desk.to("supervisor", LedgerFailed) == []
    assert desk.kinds == ["deposit", "correction", "checkpoint"]


def test_a_start_after_no_clean_stop_claims_the_journal_at_once(desk):
    desk.crash()
    desk.start()
    assert [(document["type"], document["epoch"]) for document in desk.store.documents][1:] == [("checkpoint", 2)]
    desk.broker.stop(block=True)
    desk.start()
    assert desk.kinds == ["deposit", "checkpoint"]


def test_a_changed_document_makes_the_desk_read_only(desk):
    desk.open_long()
    desk.crash()
    desk.store.documents[2]["fill"]["fee"] = D("0.1")
    desk.start()
    [failed] = desk.to("supervisor", LedgerFailed)
    assert not failed.fatal and "fill:o1:1" in failed.message
    desk.tell(order("o2"))
    assert desk.to("hub", OrderRefused)[-1].code is Refusal.LEDGER_UNAVAILABLE
    assert len(desk.store.documents) == 3


def test_mail_before_recovery_waits_for_the_database(peers, clock, timers):
    store = MemoryLedger()
    store.away = True
    desk = Desk(peers, clock, timers, store=store, live=False)
    desk.market_is_live()
    desk.tell(SendAccount(reply_to="hub"))
    assert desk.to("hub", AccountChanged) == []
    store.away = False
    desk.fire("recover")
    assert desk.to("hub", AccountChanged)[-1].account.cash == D("100000")
    assert desk.kinds == ["deposit"]


def test_a_clean_stop_leaves_a_checkpoint_that_the_next_start_reads(desk):
    desk.open_long(stop_loss="95")
    desk.broker.stop()
    assert desk.kinds[-1] == "checkpoint"
    desk.start()
    account = desk.to("hub", AccountChanged)[-1].account
    assert account.positions[0].stop_loss == 95
    assert desk.store.documents[-1]["epoch"] == 1  # nothing new was written yet


def asked(desk):
    return [(each.since_ms - T0, each.since_trade_id) for each in desk.to("market", SendTrades)]


def test_what_the_market_did_since_the_last_document_is_kept_by_a_clean_stop(desk):
    desk.open_long(stop_loss="95")
    desk.broker.stop()
    desk.start()
    desk.tell(missed(desk))
    desk.trade(7, "100", 60_000)
    documents = len(desk.store.documents)
    desk.broker.stop()
    assert desk.kinds[documents:] == ["checkpoint"]
    desk.start()
    assert asked(desk) == [(60_000, 7)]
    desk.tell(missed(desk))
    desk.broker.stop()
    assert len(desk.store.documents) == documents + 1  # nothing new was seen


def test_a_limit_is_not_filled_by_what_was_judged_before_a_restart(desk):
    """Live, books decide: this trade through the limit was not in any. A restart must not think better of it."""
    desk.open_long()
    desk.tell(limit("l", Side.SELL, "1", "100.05", submitted_ms=T0 + 200), at_ms=200)
    desk.book(400, update_id=9, asks=(("100.06", "5"),))
    desk.trade(7, "100.06", 500)
    desk.broker.stop()
    desk.start()
    assert asked(desk) == [(500, 7)]
    desk.tell(missed(desk, trade(7, "100.06", 500)))
    assert desk.to("hub", OrderFilled) == []


def test_how_far_the_market_was_gone_through_is_kept_while_nothing_is_recorded(desk):
    desk.open_long(stop_loss="95")
    documents = len(desk.store.documents)
    desk.trade(7, "100", 4000)
    desk.fire("seen")
    desk.trade(8, "100", 6000)
    assert len(desk.store.documents) == documents
    desk.crash()
    desk.start()
    assert asked(desk) == [(4000, 7)]


def test_of_pairs_without_exposure_nothing_is_kept(desk):
    desk.trade(7, "100", 4000)
    desk.fire("seen")
    assert desk.store.projected("market_seen") == ()


@pytest.mark.parametrize("change", [{"seq": 99}, {"hash": "0" * 64}])
def test_what_was_kept_of_another_journal_does_not_count(desk, change):
    desk.open_long(stop_loss="95")
    desk.trade(7, "100", 4000)
    desk.fire("seen")
    [record] = desk.store.projected("market_seen")
    desk.store.project("market_seen", [(PAIR, change.get("seq", record["seq"]), record | change)])
    desk.crash()
    desk.start()
    assert asked(desk) == [(100, None)]


def test_nothing_is_kept_of_what_is_not_stored(desk):
    desk.open_long(stop_loss="95")
    desk.store.away = True
    desk.trade(7, "94", 4000)
    desk.book(4010, bids=(("93", "5"),), asks=(("94", "5"),), update_id=9)
    desk.fire("seen")
    assert desk.store.values.get(("market_seen", PAIR)) is None


def test_a_stop_that_waits_for_its_book_is_not_forgotten_by_what_is_kept(desk):
    desk.open_long(stop_loss="95")
    desk.trade(7, "100", 4000)
    desk.trade(8, "94", 5000)
    desk.fire("seen")
    desk.crash()
    desk.start()
    assert asked(desk) == [(4000, 7)]
    desk.tell(missed(desk, trade(8, "94", 5000)))
    assert desk.to("hub", OrderFilled)[-1].trade.reason is Reason.STOP_LOSS


def test_where_a_trailing_stop_is_is_stored_before_what_moved_it_is_kept_as_seen(desk):
    desk.open_long(trailing=trailing("1", "0.5"))
    desk.trade(7, "102", 4000)
    desk.trade(8, "102.4", 4010)
    assert desk.kinds.count("amend") == 1
    desk.fire("seen")
    assert desk.kinds.count("amend") == 2
    desk.crash()
    desk.start()
    assert asked(desk) == [(4010, 8)]
    assert desk.to("hub", AccountChanged)[-1].account.positions[0].trailing.stop == D("101.9")


def test_a_checkpoint_is_made_every_thousand_events(desk):
    desk.book(0)
    for n in range(600):
        desk.broker.tell(limit(f"l{n}", Side.BUY, "0.1", "90"))
        desk.broker.tell(CancelOrder(order_id=f"l{n}", reply_to="hub", request_id=""))
    desk.settle()
    seqs = [document["seq"] for document in desk.store.documents if document["type"] == "checkpoint"]
    assert seqs == [1001]
    assert max(desk.store.batches) <= 200
    assert [document["seq"] for document in desk.store.documents] == list(range(1, 1203))


def test_projections_are_absolute_and_carry_their_seq(desk):
    desk.open_long()
    projected = desk.store.values
    assert projected[("positions", PAIR)][0] == 3
    assert projected[("balances", "cash")][1]["balance"] == D("99899.88999")
    assert projected[("orders", "o1")][1]["status"] == "filled"
    assert projected[("trades", "o1")][1]["price"] == D("100.01")


def test_a_start_writes_projections_anew_that_were_lost(desk):
    desk.open_long()
    expected = {key: value[1] for key, value in desk.store.values.items()}
    desk.crash()
    desk.store.values.clear()
    desk.start()
    assert {key: value[1] for key, value in desk.store.values.items()} == expected
    desk.broker.stop()
    desk.store.values.clear()
    desk.start()
    assert {key: value[1] for key, value in desk.store.values.items()} == expected


def test_a_start_writes_all_projections_anew_where_they_were_dropped(desk, monkeypatch):
    monkeypatch.setattr("actors.broker.REPROJECTED", 1)
    desk.open_long()
    expected = {key: value[1] for key, value in desk.store.values.items()}
    desk.broker.stop()
    desk.store.values.clear()
    desk.start()
    assert ("balances", "deposits") in expected
    assert {key: value[1] for key, value in desk.store.values.items()} == expected


def test_marks_are_told_once_a_second_only_when_something_changed(desk):
    desk.open_long()
    desk.trade(2, "105", 300)
    desk.peers.sent.clear()
    desk.fire("mark")
    [changed] = desk.to("hub", AccountChanged)
    assert changed.account.unrealized_pnl == D("4.99")
    assert changed.account.equity == D("100000") + D("4.99") - D("0.10001")
    desk.fire("mark")
    assert len(desk.to("hub", AccountChanged)) == 1


def test_a_point_of_the_equity_curve_is_saved_each_minute(desk):
    desk.clock.move_to(T0 + 60_000)
    desk.fire("equity")
    [(name, point)] = desk.archive.saved
    assert name == "equity"
    assert (point["ts"], point["equity"], point["cash"]) == (T0 + 60_000, D("100000"), D("100000"))


def test_where_candles_are_all_orders_fill_at_the_next_open(peers, clock, timers):
    desk = Desk(peers, clock, timers, has_books=False)
    candle = Candle(open_ms=T0, open=D("100"), high=D("101"), low=D("99"), close=D("100.5"), volume=D("5"))
    closed = CandleClosed(pair=PAIR, interval="1m", candle=candle, catch_up=False, source=Source.RECORDED)
    desk.tell(closed, at_ms=60_000)
    desk.tell(order(submitted_ms=T0 + 60_000, stop_loss="95", source=OrderSource.BOT))
    assert desk.to("hub", OrderFilled) == []
    desk.tell(CandleOpened(pair=PAIR, open_ms=T0 + 60_000, price=Decimal("100.6")))
    [filled] = desk.to("bot-BTCUSDT", OrderFilled)
    assert (filled.trade.price, filled.trade.fill_model) == (D("100.6"), FillModel.CANDLE)
    assert filled.trade.ts_ms == T0 + 60_000
