"""The broker and a database that is away: when it starts, while it retries, in virtual time, after a restart."""

import gevent
import pytest

from actors.broker import BatchWritten, BrokerActor
from actors.timers import VirtualTimers
from domain.market import Source
from domain.messages import (
    Alerted,
    LedgerAdvanced,
    OrderAccepted,
    OrderFilled,
    OrderRefused,
    SendTrades,
    TimerFired,
)
from domain.trading import OrderSource, Reason, Refusal, Side
from settings import Settings
from tests.actors.test_broker import Desk, missed
from tests.domain.paper import PAIR, T0, close, order, trade
from tests.memory_ledger import MemoryArchive, MemoryLedger


def broker(peers, clock, timers, store, real_timers=None):
    return {
        "settings": Settings(),
        "peers": peers,
        "clock": clock,
        "timers": timers,
        "real_timers": real_timers,
        "store": store,
        "archive": MemoryArchive(),
        "has_books": True,
        "source": Source.BINANCE,
    }


def stopped_out(desk):
    """A stop fills while the database is away."""
    desk.open_long(stop_loss="95")
    desk.store.away = True
    desk.trade(2, "94.90", 200)
    desk.book(210, bids=(("94.80", "5"),), asks=(("94.90", "5"),), update_id=3)


@pytest.fixture
def desk(peers, clock, timers):
    return Desk(peers, clock, timers)


def test_while_the_journal_cannot_be_read_entries_are_answered_and_exits_wait(peers, clock, timers):
    store = MemoryLedger()
    Desk(peers, clock, timers, store=store).open_long()
    store.away = True
    desk = Desk(peers, clock, timers, store=store, live=False)
    entry = order("o2", source=OrderSource.BOT, reply_to="bot-BTCUSDT")
    desk.tell(entry, close("c"), order("r", Side.SELL, reduce_only=True))
    for name in ("hub", "bot-BTCUSDT"):
        [refused] = desk.to(name, OrderRefused)
        assert (refused.order_id, refused.code) == ("o2", Refusal.LEDGER_UNAVAILABLE)
    store.away = False
    desk.fire("recover")
    desk.market_is_live()
    desk.tell(missed(desk))
    assert [each.order.order_id for each in desk.to("hub", OrderAccepted)] == ["c", "r"]


def test_an_entry_that_came_before_the_journal_could_not_be_read_is_answered(peers, clock, timers):
    store = MemoryLedger()
    store.away = True
    actor = BrokerActor(**broker(peers, clock, timers, store))
    actor.on_receive(order("early"))
    assert peers.to("hub", OrderRefused) == []
    actor.on_receive(TimerFired(key="recover", due_ms=T0))
    assert [each.order_id for each in peers.to("hub", OrderRefused)] == ["early"]


def until(happened):
    """Let the others run until it has happened."""
    for _ in range(1000):
        if happened():
            return
        gevent.sleep(0)
    raise AssertionError("it has not happened")


def test_a_retry_runs_in_real_time_and_virtual_time_waits_for_it(peers, clock, timers):
    real, store = VirtualTimers(peers=peers, clock=clock), MemoryLedger()
    actor = BrokerActor.start(**broker(peers, clock, timers, store, real))
    inbox = actor.actor_inbox
    until(inbox.idle)
    store.away = True
    actor.tell(order("o", pair="DOGEUSDT"))
    until(lambda: inbox.waiting and not len(inbox))
    assert real.next_due_ms() == T0 + 50 and not inbox.idle()
    store.away = False
    actor.tell(TimerFired(key="retry", due_ms=T0))
    until(lambda: peers.to("broker", BatchWritten))
    assert not inbox.idle()
    actor.tell(peers.to("broker", BatchWritten)[-1])
    until(inbox.idle)


def test_a_start_that_cannot_read_is_tried_again_in_real_time(peers, clock, timers):
    real, store = VirtualTimers(peers=peers, clock=clock), MemoryLedger()
    store.away = True
    inbox = BrokerActor.start(**broker(peers, clock, timers, store, real)).actor_inbox
    until(lambda: inbox.handled == 1 and inbox.waiting)
    assert real.next_due_ms() == T0 + 50 and timers.next_due_ms() is None
    assert not inbox.idle()


def test_what_an_earlier_broker_wrote_is_no_answer_to_this_one(desk):
    stopped_out(desk)
    desk.tell(BatchWritten(None, batch=str(desk.store.documents[-1]["hash"])), BatchWritten(None))
    assert not desk.to("hub", LedgerAdvanced)[-1].available
    desk.store.away = False
    desk.retry()
    assert desk.to("hub", OrderFilled)[-1].trade.reason is Reason.STOP_LOSS
    assert desk.kinds == ["deposit", "order", "fill", "fill"]


def test_an_answer_that_comes_twice_counts_once(desk):
    stopped_out(desk)
    desk.store.away = False
    desk.retry()
    told = len(desk.to("hub", LedgerAdvanced))
    desk.tell(desk.to("broker", BatchWritten)[-1])
    assert len(desk.to("hub", LedgerAdvanced)) == told


def test_a_start_forgets_the_timers_of_the_broker_before(peers, clock, timers):
    for key in ("retry", "recover", "deadline", "catch_up", "mark"):
        timers.after(1, "broker", key)
    actor = BrokerActor.start(**broker(peers, clock, timers, MemoryLedger()))
    until(actor.actor_inbox.idle)
    clock.move_to(T0 + 1000)
    while (due_ms := timers.next_due_ms()) is not None and due_ms <= T0 + 1000:
        timers.fire_next()
    assert peers.to("broker", TimerFired) == []


def test_lost_mail_is_asked_for_again_and_alarmed(desk):
    desk.open_long(stop_loss="95")
    desk.trade(7, "100", 300)
    desk.broker.actor_inbox.dropped += 3
    desk.peers.sent.clear()
    desk.trade(11, "100", 400)
    [ask] = desk.to("market", SendTrades)
    assert (ask.pair, ask.since_trade_id) == (PAIR, 11)
    [alert] = desk.to("hub", Alerted)
    assert (alert.code, alert.level) == ("mail_lost", "error")
    desk.tell(missed(desk))
    desk.trade(12, "100", 500)
    assert len(desk.to("market", SendTrades)) == 1


def test_an_answer_that_lacks_what_was_lost_since_is_asked_for_again(desk):
    desk.open_long(stop_loss="95")
    desk.trade(7, "100", 300)
    desk.broker.actor_inbox.dropped += 3
    desk.trade(8, "100", 400)
    first = missed(desk)
    desk.broker.actor_inbox.dropped += 1
    desk.tell(first, at_ms=500)
    desk.trade(12, "100", 1400)  # waits, and a second is over
    [_, again] = desk.to("market", SendTrades)
    assert (again.since_trade_id, again.request_id == first.request_id) == (8, False)
    desk.tell(missed(desk, trade(10, "94", 450)))
    assert desk.to("hub", OrderFilled)[-1].trade.reason is Reason.STOP_LOSS


def test_an_execution_is_logged_once_in_one_line(desk, caplog):
    with caplog.at_level("INFO", logger="actors.broker"):
        stopped_out(desk)
        filled = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Filled")]
        assert filled == ["Filled: buy 1 BTCUSDT at 100.01 (entry, order o1, book20), fee 0.10"]
        caplog.clear()
        desk.store.away = False
        desk.retry()
        desk.tell(order())
    filled = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Filled")]
    assert filled == [
        "Filled: sell 1 BTCUSDT at 94.8 (stop_loss, order stop_loss:BTCUSDT:3, book20), P&L -5.21, fee 0.09"
    ]
