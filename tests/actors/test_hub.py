"""The hub: snapshots that match the deltas, exactly one frame per event and session, commands and their answers."""

from dataclasses import replace
from decimal import Decimal as D

import gevent
import pytest

from actors.background_audit import Audited
from domain import messages, requests
from domain.analysis import Abstention, Action, Outcome
from domain.decision_documents import decision_document
from domain.documents import trade_part
from domain.errors import LedgerUnavailable
from domain.market import Candle, MarketState, OrderBook, Source
from domain.news import FearGreed, NewsItem, NewsSourceStatus
from domain.ports import LogLine
from domain.trading import Direction, OrderSource, OrderStatus, OrderType, Reason, Refusal, Side
from domain.views import ABSENT, RecommendationView
from settings import Settings
from tests.actors.hub_world import (
    NOW,
    World,
    account,
    analyst_status,
    closed,
    control,
    decision,
    filled,
    opinion,
    order,
    position,
    quote,
    signal,
    statistics,
    ticker,
    trade,
)
from tests.bots import SYMBOL

BTC = "BTCUSDT"


@pytest.fixture
def fresh(peers, clock, timers):
    """A hub that knows nothing yet."""
    return World(peers=peers, clock=clock, timers=timers)


@pytest.fixture
def world(fresh):
    """A hub that has heard the broker, with one session."""
    fresh.begin().join()
    fresh.said()
    return fresh


# --- start, restarts, snapshots --------------------------------------------------------------------------------------


def test_at_its_start_it_asks_everybody_and_sends_old_sessions_away(fresh, peers):
    assert fresh.notices.restarts == 1
    assert [(name, type(message)) for name, message in peers.sent] == [
        ("broker", messages.SendAccount),
        ("market", messages.SendMarketState),
        ("news", messages.SendNews),
        ("analyst-technical", messages.SendAnalystStatus),
        ("analyst-grok", messages.SendAnalystStatus),
        ("analyst-claude", messages.SendAnalystStatus),
        ("analyst-gpt", messages.SendAnalystStatus),
    ]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("broker", messages.SendAccount),
        ("market", messages.SendMarketState),
        ("news", messages.SendNews),
        ("analyst-grok", messages.SendAnalystStatus),
    ],
)
def test_what_restarts_is_asked_anew(fresh, peers, name, asked):
    peers.sent.clear()
    fresh.send(messages.ActorStarted(name=name, generation=2))
    assert [type(message) for message in peers.to(name)] == [asked]


def test_a_session_waits_until_the_ledger_has_spoken(fresh):
    fresh.join().ask(requests.GetBalance())
    assert fresh.kinds() == []
    fresh.begin()
    said = [kind for kind in fresh.kinds() if not kind.startswith("bot_status")]
    assert said[-2:] == ["initial_data>s1", "balance_update>s1"]


def test_a_session_is_sent_away_when_the_ledger_never_speaks(fresh):
    fresh.join()
    fresh.tick(9)
    assert fresh.notices.closed == []
    fresh.tick()
    assert fresh.notices.closed == [("s1", 1013)]


def test_each_session_is_told_its_own_role(fresh):
    fresh.join("s1").join("s2", role="viewer").join("s3").begin()
    welcomed = {item.to: item.data for item in fresh.said() if item.kind == "initial_data"}
    assert {name: data.server.role for name, data in welcomed.items()} == {
        "s1": "operator",
        "s2": "viewer",
        "s3": "operator",
    }
    assert welcomed["s1"] is welcomed["s3"]  # encoded once


def test_a_session_that_left_gets_nothing(fresh):
    fresh.join().send(messages.ClientLeft(session="s1")).begin()
    assert not [item for item in fresh.said() if item.to == "s1"]


def test_the_snapshot_is_whole(fresh):
    held = position(stop_loss=D(63000), source=OrderSource.BOT)
    fresh.send(
        messages.QuoteChanged(quote=quote()),
        messages.TickerChanged(pair=BTC, ticker=ticker()),
        messages.SignalFormed(signal=signal(), high_confidence=False),
        messages.AnalystChanged(status=analyst_status()),
        messages.NewsPublished(items=(story("a"),)),
        messages.LedgerAdvanced(seq=7, hash="abc", available=True),
        messages.MarketStatusChanged(state=MarketState.LIVE, message="live", at_ms=NOW),
        messages.ControlChanged(seq=5, control=control(trading=True, trading_since_ms=NOW - 5000)),
        messages.RecentTrades(trades=(trade(6),), closed=()),
        messages.AccountChanged(account=account(seq=7, positions=(held,), marks=((BTC, D(65000)),))),
    ).join()
    told = fresh.one("initial_data", "s1")
    data = told.data
    assert told.seq == 7
    assert (data.paper_balance, data.equity) == (D(100000), D(100640))
    assert data.positions[BTC].unrealized_pnl == D(10)
    assert data.positions[BTC].pnl_percent == D("1.5625")
    assert [item.trade_id for item in data.recent_trades] == ["o"]
    assert data.price_cache[BTC].change_24h == D("1.5")
    assert data.price_cache[BTC].volume == data.price_cache[BTC].volume_24h == D(12)
    assert (data.crypto_data[BTC].symbol, data.crypto_data[BTC].name) == (BTC, "Bitcoin")
    assert data.ai_insights[BTC].signal.action == "BUY"
    assert (data.bot_status.enabled, data.bot_status.running_duration, data.bot_status.active_trades) == (True, 5, 1)
    assert data.bot_status.pair_status[BTC] == "in_trade"
    assert data.analysis_status.enabled
    assert [item.id for item in data.news] == ["a"]
    assert [item.name for item in data.analysts] == ["grok"]
    assert (data.source.kind, data.source.banner) == ("recorded", "a recording")
    assert (data.server.version, data.server.time) == ("1.2.3", "2026-01-01T00:00:00.000Z")
    assert (data.ledger.seq, data.ledger.hash) == (7, "abc")


def test_the_hash_of_another_document_is_not_shown(fresh):
    fresh.begin(seq=7).send(messages.LedgerAdvanced(seq=8, hash="abc", available=True)).join()
    assert fresh.one("initial_data", "s1").data.ledger.hash is None


# --- consistency of snapshot and deltas ------------------------------------------------------------------------------


def test_an_account_that_overtook_its_fill_waits_for_it(world):
    """The mailbox may hand over the account of a later event first: a session joining then must not miss the event."""
    late = account(seq=3, cash="99000")
    world.hub.tell(messages.AccountChanged(account=late))
    world.hub.tell(messages.ClientArrived(session="s2", role="operator", address="x"))
    world.hub.tell(filled(2, position_=position()))
    world.hub.tell(filled(3, "p", position_=position()))
    told = world.said()
    snapshot = next(item for item in told if item.kind == "initial_data")
    after = told[told.index(snapshot) + 1 :]
    assert [item.seq for item in after if item.kind == "trade_executed"] == [
        seq for seq in (2, 3) if seq > snapshot.seq
    ]


def test_a_session_joining_between_an_event_and_its_account_waits(world):
    world.send(messages.OrderCancelled(seq=2, order=order(order_type=OrderType.LIMIT, status=OrderStatus.CANCELLED)))
    world.join("s2")
    assert "initial_data>s2" not in world.kinds()
    world.send(messages.AccountChanged(account=account(seq=2)))
    assert world.one("initial_data", "s2").seq == 2


@pytest.mark.parametrize(
    "event", [messages.ControlChanged(seq=2, control=control()), messages.SettingsRecorded(seq=2, settings_hash="h")]
)
def test_events_that_move_no_money_do_not_delay_snapshots(world, event):
    world.send(event).join("s2")
    assert world.one("initial_data", "s2").seq == 2


def test_an_older_account_is_not_shown(world):
    world.send(filled(5, position_=position()))
    world.said()
    world.send(messages.AccountChanged(account=account(seq=4, cash="1")))
    assert world.kinds() == []


def test_mark_to_market_updates_positions_only(world):
    held = position()
    world.send(messages.AccountChanged(account=account(seq=1, positions=(held,), marks=((BTC, D(64000)),))))
    world.said()
    world.send(messages.AccountChanged(account=account(seq=1, positions=(held,), marks=((BTC, D(64100)),))))
    assert world.kinds() == ["position_update"]


def test_an_account_that_changed_nothing_is_not_told(world):
    world.send(messages.AccountChanged(account=account(seq=1)))
    assert world.kinds() == []


# --- manual orders ---------------------------------------------------------------------------------------------------


def buy(**more):
    return requests.ExecuteTrade(**{"symbol": BTC, "side": Side.BUY, "amount": D("0.01"), **more})


def test_an_order_becomes_a_command_with_the_clients_key(world):
    world.ask(buy(trade_id="mine", stop_loss=D(63000), leverage=3))
    assert world.command("broker", messages.SubmitOrder) == messages.SubmitOrder(
        order_id="mine",
        pair=BTC,
        side=Side.BUY,
        order_type=OrderType.MARKET,
        source=OrderSource.MANUAL,
        reason=Reason.MANUAL,
        reply_to="hub",
        submitted_ms=NOW,
        quantity=D("0.01"),
        stop_loss=D(63000),
        leverage=3,
    )


def test_orders_without_a_key_get_one_of_their_own_each(world):
    world.ask(buy()).ask(buy(amount=None, value_usdt=D(50)))
    first, second = world.peers.to("broker", messages.SubmitOrder)
    assert (first.order_id, second.order_id) == (f"manual:{NOW}:1", f"manual:{NOW}:2")
    assert (second.quantity, second.notional) == (None, D(50))


def test_each_session_gets_exactly_one_trade_executed_and_the_sender_its_request_id(world):
    world.join("s2").said()
    world.ask(buy(trade_id="o"), warnings=("w",))
    world.send(messages.OrderAccepted(seq=2, order=order(), warnings=("stop ignored",)))
    world.send(filled(3, position_=position()))
    told = world.said()
    trades = [item for item in told if item.kind == "trade_executed"]
    assert [(item.to, item.but, item.request_id, item.seq) for item in trades] == [
        (None, "s1", None, 3),
        ("s1", None, "r", 3),
    ]
    assert trades[1].warnings == ("w", "stop ignored")
    view = trades[1].data
    assert (view.new_balance, view.trade.price, view.trade.side, view.trade.direction) == (
        D("99359.36"),
        D(64000),
        "buy",
        "BUY",
    )
    assert view.positions[BTC].direction == "long"
    paper = next(item for item in told if item.kind == "paper_trade_response")
    assert (paper.to, paper.data.success, paper.data.trade_data) == ("s1", True, view.trade)
    assert [item.kind for item in told if item.to is None] == ["trade_executed", "position_update", "balance_update"]


def test_a_resting_order_is_accepted_and_its_fill_is_for_all(world):
    limit = order(order_type=OrderType.LIMIT, limit_price=D(60000))
    world.ask(buy(trade_id="o", order_type=OrderType.LIMIT, price=D(60000)))
    world.send(messages.OrderAccepted(seq=2, order=limit))
    assert world.kinds() == ["order_accepted>s1", "paper_trade_response>s1", "order_update"]
    done = replace(limit, status=OrderStatus.FILLED, filled=limit.quantity)
    world.send(filled(3, order_=done, trade_=trade(3, order_type=OrderType.LIMIT), position_=position()))
    assert world.kinds() == ["trade_executed", "order_update", "position_update", "balance_update"]


def test_a_refusal_is_an_error_and_nothing_else(world):
    world.ask(buy(trade_id="o"))
    refused = messages.OrderRefused(
        order_id="o",
        pair=BTC,
        code=Refusal.INSUFFICIENT_BALANCE,
        message="free cash must cover 640, it is 5",
        source=OrderSource.MANUAL,
        at_ms=NOW,
    )
    world.send(refused, refused)  # the broker may tell it twice: as the one who asked and as the hub
    told = world.one("error", "s1")
    assert (told.data.code, told.request_id) == ("insufficient_balance", "r")


def test_a_repeated_command_is_answered_from_the_first_result_and_told_to_nobody_else(world):
    world.ask(buy(trade_id="o")).send(filled(2, position_=position()))
    world.said()
    world.ask(buy(trade_id="o"), request_id="again")
    world.send(messages.OrderAccepted(seq=2, order=order(), repeated=True))
    world.send(filled(2, position_=position(), repeated=True))
    told = world.said()
    assert [(item.kind, item.to, item.request_id) for item in told] == [
        ("trade_executed", "s1", "again"),
        ("paper_trade_response", "s1", "again"),
    ]


def test_the_two_trades_of_a_flip_are_told_each_once(world):
    world.ask(buy(trade_id="o", side=Side.SELL))
    world.send(filled(2, closed_=closed(2)), filled(3, trade_=trade(3, trade_id="o:2")))
    trades = [(item.to, item.data.trade.trade_id) for item in world.said() if item.kind == "trade_executed"]
    assert trades == [(None, "o"), ("s1", "o"), (None, "o:2")]


def test_an_order_that_ends_unfilled_is_refused(world):
    world.ask(buy(trade_id="o"))
    world.send(messages.OrderAccepted(seq=2, order=order()))
    ended = order(status=OrderStatus.EXPIRED)
    world.send(messages.OrderCancelled(seq=3, order=ended, message="no price was known to fill it at"))
    told = world.one("error", "s1")
    assert told.data.code == "no_price"
    assert told.data.message == "The order ended unfilled: no price was known to fill it at."


def test_of_many_analyses_an_unknown_symbol_is_answered_by_itself(world):
    world.send(messages.SignalFormed(signal=signal(), high_confidence=False))
    world.said()
    world.ask(requests.GetAllAiAnalysis(symbols=(BTC, "DOGEUSDT")))
    data = world.one("all_ai_analysis_response", "s1").data
    assert set(data["analyses"]) == {BTC, "DOGEUSDT"}
    assert (data["DOGEUSDT"].symbol, data["DOGEUSDT"].error) == ("DOGEUSDT", "DOGEUSDT is no pair of this desk.")
    assert data[BTC].symbol == BTC


def test_unknown_symbols_are_refused_by_the_hub(world, peers):
    world.ask(buy(symbol="DOGEUSDT"))
    assert world.one("error", "s1").data.code == "unknown_symbol"
    assert not peers.to("broker", messages.SubmitOrder)


def test_a_position_is_closed_with_its_own_message(world):
    world.join("s2").said()
    world.ask(requests.ClosePosition(symbol=BTC, fraction=D("0.5")))
    command = world.command("broker", messages.ClosePosition)
    assert (command.pair, command.fraction, command.reason) == (BTC, D("0.5"), Reason.MANUAL)
    done = order(command.order_id, side=Side.SELL, reduce_only=True, status=OrderStatus.FILLED)
    sold = trade(2, command.order_id, side=Side.SELL, realized_pnl=D(10))
    world.send(filled(2, order_=done, trade_=sold, closed_=closed(2)))
    told = [item for item in world.said() if item.kind in ("position_closed", "trade_executed")]
    assert [(item.kind, item.to, item.but) for item in told] == [
        ("position_closed", None, "s1"),
        ("position_closed", "s1", None),
    ]
    assert told[0].data.realized_pnl == D(10)


def test_an_order_of_a_client_that_only_reduces_is_told_as_a_trade(world):
    world.ask(buy(side=Side.SELL, trade_id="sale"))
    done = order("sale", side=Side.SELL, reduce_only=True, status=OrderStatus.FILLED)
    world.send(filled(2, order_=done, trade_=trade(2, "sale", side=Side.SELL), closed_=closed(2)))
    told = [(item.kind, item.to) for item in world.said() if item.kind in ("position_closed", "trade_executed")]
    assert told == [("trade_executed", None), ("trade_executed", "s1")]


def test_a_resting_order_of_a_client_that_only_reduces_is_told_as_a_trade(world):
    done = order("sale", side=Side.SELL, reduce_only=True, status=OrderStatus.FILLED, order_type=OrderType.LIMIT)
    world.send(filled(2, order_=done, trade_=trade(2, "sale", side=Side.SELL), closed_=closed(2)))
    assert "trade_executed" in world.kinds()


def test_a_stop_of_a_manual_position_is_told_as_a_close(world):
    stop = order("stop_loss:BTCUSDT:2", side=Side.SELL, reduce_only=True, source=OrderSource.EXCHANGE)
    sold = trade(4, "stop_loss:BTCUSDT:2", source=OrderSource.EXCHANGE, reason=Reason.STOP_LOSS)
    world.send(filled(4, order_=stop, trade_=sold, closed_=closed(4, reason=Reason.STOP_LOSS)))
    told = world.one("position_closed")
    assert (told.data.trade.trade_type, told.data.trade.reason) == ("MANUAL", "stop_loss")


def test_a_bots_order_that_turns_a_manual_position_is_told_as_its_close(world):
    turning = order("bot:BTCUSDT:1", side=Side.SELL, quantity=D("0.03"), filled=D("0.01"), source=OrderSource.BOT)
    sold = trade(4, "bot:BTCUSDT:1", side=Side.SELL, source=OrderSource.BOT, realized_pnl=D(10))
    world.send(filled(4, order_=turning, trade_=sold, closed_=closed(4)))
    told = world.said()
    assert [item.data.trade.trade_id for item in told if item.kind == "position_closed"] == ["bot:BTCUSDT:1"]
    assert "bot_trade_closed" not in [item.kind for item in told]


def test_cancelling_answers_who_asked_and_tells_all(world):
    world.ask(requests.CancelOrder(order_id="o"))
    command = world.command("broker", messages.CancelOrder)
    gone = order(order_type=OrderType.LIMIT, status=OrderStatus.CANCELLED)
    world.send(messages.OrderCancelled(seq=2, order=gone, request_id=command.request_id))
    assert world.kinds() == ["order_cancelled>s1", "order_update"]


def test_cancelling_what_is_not_there_is_unknown_order(world):
    world.ask(requests.CancelOrder(order_id="o"))
    command = world.command("broker", messages.CancelOrder)
    world.send(
        messages.OrderRefused(
            order_id="o",
            pair="",
            code=Refusal.UNKNOWN_ORDER,
            message="an open order o must exist, none does",
            source=OrderSource.MANUAL,
            at_ms=NOW,
            request_id=command.request_id,
        )
    )
    assert world.one("error", "s1").data.code == "unknown_order"


def test_a_moved_stop_answers_who_asked_and_tells_the_others(world):
    world.send(filled(2, position_=position()))
    world.said()
    world.ask(requests.UpdatePosition(symbol=BTC, stop_loss=D(63000), remove_take_profit=True))
    command = world.command("broker", messages.AmendProtection)
    assert (command.stop_loss, command.remove_stop_loss, command.remove_take_profit) == (D(63000), False, True)
    world.send(
        messages.PositionAmended(seq=3, position=position(stop_loss=D(63000)), amend_id=command.amend_id),
        messages.AccountChanged(
            account=account(seq=3, cash="99359.36", positions=(position(stop_loss=D(63000)),), marks=((BTC, D(64000)),))
        ),
    )
    told = [item for item in world.said() if item.kind == "position_update"]
    assert [(item.to, item.but, item.seq, item.request_id) for item in told] == [
        ("s1", None, 3, "r"),
        (None, "s1", 3, None),
    ]
    assert told[0].data.positions[BTC].stop_loss == D(63000)


# --- patience --------------------------------------------------------------------------------------------------------


def test_a_command_nobody_answers_is_refused_after_ten_seconds(world):
    world.ask(buy(trade_id="o"))
    world.tick(9)
    assert world.kinds() == []
    world.tick()
    assert world.one("error", "s1").data.code == "ledger_unavailable"


def test_a_market_order_in_the_ledger_waits_for_the_market_however_long(world):
    world.ask(buy(trade_id="o")).send(messages.OrderAccepted(seq=2, order=order()))
    world.tick(100)
    world.send(filled(3, position_=position()))
    assert "trade_executed>s1" in world.kinds()


def test_commands_on_their_way_are_told_again_to_a_restarted_broker(world, peers):
    world.ask(buy(trade_id="o"))
    peers.sent.clear()
    world.send(messages.ActorStarted(name="broker", generation=2))
    assert [type(message) for message in peers.to("broker")] == [messages.SendAccount, messages.SubmitOrder]


def test_a_command_is_told_again_twice_and_then_answered_internal(world, peers):
    world.ask(buy(trade_id="poison"))
    peers.sent.clear()
    for generation in (2, 3, 4, 5):
        world.send(messages.ActorStarted(name="broker", generation=generation))
    assert len(peers.to("broker", messages.SubmitOrder)) == 2
    [answer] = [item for item in world.said() if item.kind == "error"]
    assert (answer.to, answer.data.code) == ("s1", "internal")


def test_commands_of_others_are_still_told_again(world, peers):
    world.ask(buy(trade_id="first"))
    for generation in (2, 3):
        world.send(messages.ActorStarted(name="broker", generation=generation))
    world.ask(buy(trade_id="second"))
    peers.sent.clear()
    world.send(messages.ActorStarted(name="broker", generation=4))
    assert [message.order_id for message in peers.to("broker", messages.SubmitOrder)] == ["second"]


def test_trades_booked_while_the_broker_restarted_are_told(world):
    world.send(
        messages.AccountChanged(account=account(seq=3, cash="7")),
        messages.RecentTrades(trades=(trade(3, "b"), trade(2, "a")), closed=()),
    )
    told = [item.data for item in world.said() if item.kind == "trade_executed"]
    assert [view.trade.trade_id for view in told] == ["a", "b"]
    assert {view.new_balance for view in told} == {D(7)}  # as it is after them
    world.send(filled(3, "b", repeated=True))
    assert "trade_executed" not in world.kinds()


def test_trades_of_bots_booked_while_the_broker_restarted_are_told_as_such(world):
    key = "bot:BTCUSDT:1"
    held = position(source=OrderSource.BOT, trade_id=key, stop_loss=D(63000), confidence=D("0.7"), decision_id=key)
    opened = trade(2, key, source=OrderSource.BOT)
    world.send(
        messages.AccountChanged(account=account(seq=2, cash="99000", positions=(held,), marks=((BTC, D(64000)),))),
        messages.RecentTrades(trades=(opened,), closed=()),
    )
    told = world.said()
    view = next(item for item in told if item.kind == "bot_trade_executed").data
    assert (view.trade_data.direction, view.trade_data.stop_loss, view.trade_data.confidence_score) == (
        "LONG",
        D(63000),
        D("0.7"),
    )
    assert (view.trade_data.decision_id, view.new_balance, view.bot_status.active_trades) == (key, D(99000), 1)
    assert [item.kind for item in told].count("trade_log") == 1
    sold = trade(3, "take_profit:BTCUSDT:2", side=Side.SELL, source=OrderSource.EXCHANGE, reason=Reason.TAKE_PROFIT)
    ended = closed(3, source=OrderSource.BOT, trade_id=key, reason=Reason.TAKE_PROFIT)
    world.send(
        messages.AccountChanged(account=account(seq=3)), messages.RecentTrades(trades=(sold, opened), closed=(ended,))
    )
    told = world.said()
    view = next(item for item in told if item.kind == "bot_trade_closed").data
    assert (view.trade_record.exit_reason, view.trade_record.trade_id) == ("take_profit", key)
    assert [item.kind for item in told].count("bot_status_response") == 1
    assert "bot_trade_executed" not in [item.kind for item in told]


def test_an_entry_that_was_closed_again_before_anybody_was_told_is_told_with_what_is_known(world):
    key = "bot:BTCUSDT:1"
    sold = trade(3, "stop_loss:BTCUSDT:2", side=Side.SELL, source=OrderSource.EXCHANGE, reason=Reason.STOP_LOSS)
    ended = closed(3, source=OrderSource.BOT, trade_id=key, confidence=D("0.6"))
    world.send(
        messages.AccountChanged(account=account(seq=3)),
        messages.RecentTrades(trades=(sold, trade(2, key, source=OrderSource.BOT)), closed=(ended,)),
    )
    told = [item for item in world.said() if item.kind.startswith("bot_trade")]
    assert [item.kind for item in told] == ["bot_trade_executed", "bot_trade_closed"]
    assert (told[0].data.trade_data.confidence_score, told[0].data.trade_data.stop_loss) == (D("0.6"), None)


# --- bots ------------------------------------------------------------------------------------------------------------


def test_what_changes_the_bots_state_in_one_turn_is_told_once(world):
    world.hub.tell(messages.ControlChanged(seq=2, control=control(trading=True, trading_since_ms=NOW)))
    for pair in world.settings.bots.pairs:
        world.hub.tell(messages.PairStatusChanged(pair=pair, status="cooldown", until_ms=None))
    world.hub.tell(messages.StatisticsChanged(statistics=statistics(total_trades=3)))
    told = [item for item in world.said() if item.kind.startswith("bot_status")]
    assert [item.kind for item in told] == ["bot_status_update", "bot_status_response"]
    assert told[0].data.total_trades == 3
    assert set(told[0].data.pair_status.values()) == {"cooldown"}
    world.send(messages.PairStatusChanged(pair=BTC, status="idle", until_ms=None))
    assert world.kinds() == ["bot_status_update", "bot_status_response"]


def test_one_bot_trade_tells_the_bots_state_once(world):
    held = position(source=OrderSource.BOT)
    done = order("bot:BTCUSDT:1", source=OrderSource.BOT, status=OrderStatus.FILLED, filled=D("0.01"))
    world.send(
        filled(2, order_=done, trade_=trade(2, done.order_id, source=OrderSource.BOT), position_=held),
        messages.StatisticsChanged(statistics=statistics(trades_today=1)),
        messages.PairStatusChanged(pair=BTC, status="in_trade", until_ms=None),
    )
    kinds = world.kinds()
    assert (kinds.count("bot_trade_executed"), kinds.count("bot_status_response")) == (1, 1)
    assert kinds.index("bot_trade_executed") < kinds.index("bot_status_response")


def answer_control(world):
    command = world.command("broker", messages.SetControl)
    world.send(
        messages.ControlChanged(seq=2, control=command.control, control_id=command.control_id, kind=command.kind)
    )
    return command


def test_starting_the_bots_switches_trading_and_analysis_on(fresh):
    fresh.send(
        messages.AccountChanged(account=account()),
        messages.ControlChanged(seq=0, control=control(analysis=False, analysis_since_ms=None)),
        messages.RecentTrades(trades=(), closed=()),
    ).join()
    fresh.said()
    fresh.ask(requests.StartBot(config=(("trade_amount_usdt", D(75)), ("test_mode", False), ("odd", 1))))
    assert fresh.kinds() == []  # nothing is said that is not stored
    command = answer_control(fresh)
    assert command.control == control(
        trading=True,
        trading_since_ms=NOW,
        analysis=True,
        analysis_since_ms=NOW,
        defaults=(("trade_amount_usdt", "75"),),
    )
    assert (command.kind, command.actor) == ("start_bot", "operator 127.0.0.1")
    told = fresh.said()
    assert [item.kind for item in told] == [
        "start_bot_response",
        "analysis_status",
        "bot_status_update",
        "bot_status_response",
    ]
    assert told[0].data.success
    assert told[0].data.config["trade_amount_usdt"] == D(75)
    assert told[0].warnings == ("unknown field ignored: odd",)
    assert (told[2].data.enabled, told[2].data.start_time) == (True, D("1767225600"))
    assert told[1].data.status == "started"


def test_a_bad_configuration_changes_nothing_and_says_why(world, peers):
    world.ask(requests.StartBot(config=(("leverage", 99), ("trade_amount_usdt", -5))))
    told = world.one("start_bot_response", "s1")
    assert (told.data.success, told.request_id) == (False, "r")
    assert "leverage" in told.data.error and "trade_amount_usdt" in told.data.error
    assert told.data.config["leverage"] == 1
    assert not peers.to("broker", messages.SetControl)


def test_the_configuration_of_the_original_frontend_is_taken_whole(world):
    config = {
        "max_trades_per_day": 10,
        "trade_amount_usdt": 50,
        "ai_confidence_threshold": D("0.5"),
        "max_concurrent_trades": 3,
        "allowed_pairs": ("BTCUSDT", "ETHUSDT", "ADAUSDT"),
        "profit_target_usd": 2,
        "stop_loss_usd": 1,
        "trailing_enabled": True,
        "trailing_trigger_usd": 1,
        "trailing_distance_usd": D("0.5"),
        "trade_interval_secs": 60,
        "cooldown_secs": 300,
        "run_time_minutes": 180,
        "test_mode": False,
        "slippage_tolerance_percent": D("0.1"),
        "signal_sources": ("gpt", "claude"),
        "risk_per_trade_percent": D("1.0"),
        "manual_approval_mode": False,
    }
    world.ask(requests.StartBot(config=tuple(config.items())))
    command = answer_control(world)
    assert command.control.enabled_pairs == ("BTCUSDT", "ETHUSDT")
    assert command.control.signal_sources == ("technical", "gpt", "claude")
    assert dict(command.control.defaults)["exits"] == "usd"
    told = next(item for item in world.said() if item.kind == "start_bot_response")
    assert told.warnings == ("ADAUSDT is not traded by this desk",)
    assert told.data.config["allowed_pairs"] == ("BTCUSDT", "ETHUSDT")


def test_pairs_of_another_desk_alone_are_refused(world):
    world.ask(requests.StartBot(config=(("allowed_pairs", ("ADAUSDT",)),)))
    assert "allowed_pairs" in world.one("start_bot_response", "s1").data.error


def test_a_second_change_builds_on_the_one_on_its_way(world):
    world.ask(requests.StartBot()).ask(requests.StopAnalysis())
    second = world.command("broker", messages.SetControl).control
    assert (second.trading, second.analysis) == (True, False)


def test_a_change_that_was_never_answered_is_forgotten(world):
    world.ask(requests.StartBot())
    world.tick(10)
    world.ask(requests.StopAnalysis())
    assert world.command("broker", messages.SetControl).control.trading is False


def test_one_pair_can_be_configured_alone(world):
    world.ask(requests.UpdateBotConfig(symbol="ETHUSDT", config=(("leverage", 2),)))
    command = answer_control(world)
    assert command.control.pairs == (("ETHUSDT", (("leverage", 2),)),)
    assert world.one("update_bot_config_response", "s1").data.config["leverage"] == 2
    world.ask(requests.GetBotConfig(symbol="ETHUSDT")).ask(requests.GetBotConfig())
    assert [item.data.config["leverage"] for item in world.said()] == [2, 1]


def test_a_configuration_says_what_the_file_has_and_what_operators_changed(world):
    world.ask(requests.UpdateBotConfig(config=(("leverage", 3), ("protections.losing_pair.trades", 2))))
    answer_control(world)
    world.ask(requests.UpdateBotConfig(symbol="SOLUSDT", config=(("leverage", 2),)))
    answer_control(world)
    world.said()
    world.ask(requests.GetBotConfig()).ask(requests.GetBotConfig(symbol="SOLUSDT"))
    everywhere, sol = (item.data for item in world.said())
    assert (everywhere.config["leverage"], everywhere.base["leverage"]) == (3, 1)
    assert everywhere.changed == ("leverage", "protections.losing_pair.trades")
    assert (sol.config["leverage"], sol.base["leverage"], sol.base["trade_amount_usdt"]) == (2, 1, 30)
    assert sol.changed == ("leverage",)


def test_changes_are_forgotten_by_their_keys(world):
    world.ask(requests.UpdateBotConfig(config=(("leverage", 3), ("cooldown_secs", 7))))
    answer_control(world)
    world.ask(requests.UpdateBotConfig(symbol="SOLUSDT", config=(("leverage", 2),)))
    answer_control(world)
    world.ask(requests.UpdateBotConfig(symbol="SOLUSDT", reset=("leverage",)))
    assert answer_control(world).control.pairs == ()
    world.ask(requests.UpdateBotConfig(config=(("max_hold_seconds", 9),), reset=("leverage",)))
    assert answer_control(world).control.defaults == (("cooldown_secs", 7), ("max_hold_seconds", 9))
    world.said()
    world.ask(requests.UpdateBotConfig(reset=("moon",)))
    refused = world.one("update_bot_config_response", "s1").data
    assert (refused.success, refused.error) == (False, "reset: must name bot settings, was moon")


def test_stopping_leaves_analysis_on(world):
    world.ask(requests.StartBot())
    answer_control(world)
    world.ask(requests.StopBot())
    command = answer_control(world)
    assert (command.control.trading, command.control.analysis) == (False, True)
    assert world.said()[-1].data.enabled is False


BOT = {"source": OrderSource.BOT, "reason": Reason.ENTRY}


def test_a_bot_entry_is_told_with_the_statistics_that_came_with_it(world):
    entry = order("bot:BTCUSDT:1", **BOT, confidence=D("0.7"), decision_id="bot:BTCUSDT:1")
    held = position(source=OrderSource.BOT, stop_loss=D(63360), take_profit=D(65280))
    world.hub.tell(filled(2, order_=entry, trade_=trade(2, "bot:BTCUSDT:1", **BOT), position_=held))
    world.hub.tell(messages.StatisticsChanged(statistics=statistics(trades_today=1)))
    told = world.said()
    kinds = [item.kind for item in told]
    assert kinds.count("bot_trade_executed") == 1
    assert "trade_executed" not in kinds
    assert {"bot_status_response", "trade_log", "position_update", "balance_update"} <= set(kinds)
    view = next(item for item in told if item.kind == "bot_trade_executed").data
    assert (view.trade_data.direction, view.trade_data.stop_loss, view.trade_data.confidence_score) == (
        "LONG",
        D(63360),
        D("0.7"),
    )
    assert (view.bot_status.trades_today, view.bot_status.active_trades) == (1, 1)
    assert view.trade.trade_type == "BOT"


def test_a_bot_exit_is_told_with_its_record(world):
    stop = order("take_profit:BTCUSDT:2", side=Side.SELL, reduce_only=True, source=OrderSource.EXCHANGE)
    sold = trade(4, stop.order_id, side=Side.SELL, source=OrderSource.EXCHANGE, reason=Reason.TAKE_PROFIT)
    done = closed(4, source=OrderSource.BOT, reason=Reason.TAKE_PROFIT, confidence=D("0.7"))
    world.hub.tell(filled(4, order_=stop, trade_=sold, closed_=done))
    world.hub.tell(
        messages.StatisticsChanged(statistics=statistics(total_trades=3, winning_trades=2, total_profit=D("8.71")))
    )
    told = world.said()
    assert "position_closed" not in [item.kind for item in told]
    view = next(item for item in told if item.kind == "bot_trade_closed").data
    record = view.trade_record
    assert (record.profit_loss, record.fees, record.exit_reason) == (D("8.71"), D("1.29"), "take_profit")
    assert record.profit_loss_percent == D("1.3609")  # 8.71 of 640
    assert (record.direction, record.hold_duration) == ("LONG", D("0.004"))
    assert (view.bot_status.win_rate, view.bot_status.total_trades) == (D("66.6667"), 3)
    assert view.trade.trade_type == "BOT"
    log = next(item for item in told if item.kind == "trade_log").data
    assert (log.level, log.profit, log.timestamp) == ("success", D("8.71"), NOW + 4)


def test_a_bot_exit_in_catch_up_before_the_hub_knows_the_bots_state_waits_for_the_snapshot(fresh):
    stop = order("take_profit:BTCUSDT:2", side=Side.SELL, reduce_only=True, source=OrderSource.EXCHANGE)
    sold = trade(4, stop.order_id, side=Side.SELL, source=OrderSource.EXCHANGE, reason=Reason.TAKE_PROFIT)
    fresh.join().send(filled(4, order_=stop, trade_=sold, closed_=closed(4, source=OrderSource.BOT)))
    assert not [kind for kind in fresh.kinds() if kind.startswith("bot_trade")]
    fresh.begin(seq=4)
    assert "initial_data>s1" in fresh.kinds()


def test_closing_a_bot_position_by_hand_is_told_in_both_forms(world):
    world.ask(requests.ClosePosition(symbol=BTC))
    key = world.command("broker", messages.ClosePosition).order_id
    done = order(key, side=Side.SELL, reduce_only=True, status=OrderStatus.FILLED)
    world.send(filled(2, order_=done, trade_=trade(2, key), closed_=closed(2, source=OrderSource.BOT)))
    kinds = world.kinds()
    assert (kinds.count("position_closed>s1"), kinds.count("bot_trade_closed")) == (1, 1)


def test_a_bots_refused_order_is_logged(world):
    world.send(
        messages.OrderRefused(
            order_id="bot:BTCUSDT:1",
            pair=BTC,
            code=Refusal.STALE_PRICE,
            message="the price must be fresh",
            source=OrderSource.BOT,
            at_ms=NOW,
        )
    )
    assert world.one("trade_log").data.level == "warning"


def test_pair_states(world):
    world.send(messages.PairStatusChanged(pair=BTC, status="cooldown", until_ms=NOW + 1))
    assert world.kinds() == ["bot_status_update", "bot_status_response"]
    world.send(messages.PairStatusChanged(pair=BTC, status="cooldown", until_ms=NOW + 1))
    assert world.kinds() == []
    world.send(messages.PairStatusChanged(pair=BTC, status="cooldown", until_ms=NOW + 2))
    assert world.said()[-1].data.pair_until == {BTC: NOW + 2}
    only_eth = control(enabled_pairs=("ETHUSDT",))
    world.send(messages.ControlChanged(seq=0, control=only_eth)).ask(requests.GetBotStatus())
    states = world.said()[-1].data.pair_status
    assert (states[BTC], states["ETHUSDT"]) == ("disabled", "idle")
    world.ask(requests.GetBotStatus())
    assert world.said()[-1].data.pair_until == {}  # a pair that is off does not rest


# --- market ----------------------------------------------------------------------------------------------------------


def test_prices_are_told_conflated_per_symbol(world):
    world.send(messages.QuoteChanged(quote=quote()), messages.TickerChanged(pair=BTC, ticker=ticker()))
    first, second = world.said()
    assert (first.kind, first.symbol, first.conflate) == ("price_update", BTC, True)
    assert (first.data.change_24h, second.data.change_24h) == (D(0), D("1.5"))
    assert first.data.timestamp == D("1767225600")


def test_a_lost_market_marks_prices_stale_and_says_so(world):
    world.send(messages.QuoteChanged(quote=quote()))
    world.said()
    lost = messages.MarketStatusChanged(state=MarketState.STALE, message="silent for 10 s", at_ms=NOW)
    world.send(lost, lost)
    told = world.said()
    assert [item.kind for item in told] == ["market_status", "price_update"]
    assert told[1].data.stale is True
    assert world.notices.problems["market"] == "silent for 10 s"
    world.send(messages.MarketStatusChanged(state=MarketState.LIVE, message="live", at_ms=NOW))
    assert world.notices.problems["market"] is None


def test_one_stale_pair_does_not_spoil_the_market(world):
    world.send(messages.QuoteChanged(quote=quote()))
    world.said()
    before = world.notices.problems["market"]
    world.send(messages.MarketStatusChanged(state=MarketState.STALE, message="x", at_ms=NOW, pair=BTC))
    told = world.said()
    assert [(item.kind, item.symbol) for item in told] == [("market_status", BTC), ("price_update", BTC)]
    assert world.notices.problems["market"] == before


def candle(open_ms=0):
    return Candle(open_ms=open_ms, open=D(1), high=D(3), low=D(1), close=D(2), volume=D(9))


def test_candles(world):
    world.send(
        messages.CandleChanged(pair=BTC, interval="1m", candle=candle()),
        messages.CandleClosed(pair=BTC, interval="1m", candle=candle(), catch_up=False, source=Source.RECORDED),
    )
    told = world.said()
    assert [(item.data.closed, item.conflate) for item in told] == [(False, True), (True, False)]
    assert told[0].data.candle == (0, D(1), D(3), D(1), D(2), D(9))


def test_a_candle_history_comes_from_the_market(world):
    world.ask(requests.GetCandles(symbol=BTC, interval="1m", limit=2))
    command = world.command("market", messages.SendCandles)
    world.send(
        messages.CandleHistory(
            pair=BTC,
            interval="1m",
            candles=(candle(0), candle(60_000)),
            open_candle=candle(120_000),
            request_id=command.request_id,
        )
    )
    assert [row[0] for row in world.one("candles_response", "s1").data.candles] == [60_000, 120_000]


def test_the_newest_order_book_is_shown_with_the_terms_of_a_fill(world):
    levels = tuple((D(100 + step), D(step)) for step in range(1, 21))
    older = OrderBook(update_id=1, received_ms=1000, bids=((D(99), D(1)),), asks=levels[:1])
    newer = OrderBook(update_id=2, received_ms=2000, bids=((D(100), D(2)),), asks=levels)
    world.send(messages.BookChanged(pair=BTC, book=older), messages.BookChanged(pair=BTC, book=newer))
    world.send(messages.RulesChanged(rules=(SYMBOL,)))
    world.ask(requests.GetOrderBook(symbol=BTC, limit=2))
    told = world.one("order_book_response", "s1").data
    assert (told.bids, told.asks, told.timestamp) == (((D(100), D(2)),), levels[:2], 2000)
    assert (told.taker_fee, told.latency_ms, told.min_notional) == (D("0.001"), 100, SYMBOL.min_notional)


def test_where_no_order_book_is_known_the_terms_are_shown_alone(world):
    world.ask(requests.GetOrderBook(symbol=BTC))
    told = world.one("order_book_response", "s1").data
    assert (told.bids, told.asks, told.timestamp, told.tick_size) == ((), (), None, None)
    assert told.fallback_slippage_bps == 5


def test_an_interval_that_is_not_kept_is_refused(world):
    world.ask(requests.GetCandles(symbol=BTC, interval="5m"))
    told = world.one("error", "s1")
    assert (told.data.code, told.data.message) == ("bad_message", "interval must be one of 1m, 1h, was '5m'.")


def test_a_market_that_does_not_answer_is_internal(world):
    world.ask(requests.GetCandles(symbol=BTC, interval="1m"))
    world.tick(10)
    assert world.one("error", "s1").data.code == "internal"


# --- analysis --------------------------------------------------------------------------------------------------------


def test_opinions_and_abstentions_are_logged_with_their_source(world):
    withheld = Abstention(analyst="gpt", pair=BTC, reason="the answer was cut off", at_ms=NOW, round_id="x")
    world.send(
        messages.OpinionFormed(opinion=opinion(cost_usd=D("0.002"))), messages.OpinionWithheld(abstention=withheld)
    )
    first, second = (item.data for item in world.said())
    assert (first.source, first.action, first.confidence_score, first.cost_usd) == ("grok", "BUY", 0.7, D("0.002"))
    assert (first.timestamp, first.time) == (NOW, "2026-01-01T00:00:00.000Z")
    assert (second.level, second.action, second.reasoning) == ("warning", None, "the answer was cut off")


def test_a_consensus_is_told_with_every_opinion_in_the_older_shape_too(world):
    both = signal(opinion("claude", Action.SELL, 0.4, reasoning="too high"), opinion("gpt"))
    world.send(messages.SignalFormed(signal=both, high_confidence=True))
    insights, log = (item.data for item in world.said())
    assert insights.claude_analysis.recommendation == RecommendationView(action="SELL", reasoning="too high")
    assert insights.gpt_refinement.risk_level == "low"
    assert len(insights.opinions) == 2
    assert (log.source, log.level) == ("consensus", "high")


@pytest.mark.parametrize(
    ("made", "status", "gate"),
    [(decision(Outcome.TRADED, None), "executed", None), (decision(), "blocked", "cooldown")],
)
def test_a_strong_signal_is_alerted_with_what_became_of_it(world, made, status, gate):
    world.send(messages.SignalFormed(signal=signal(), high_confidence=True), messages.DecisionMade(decision=made))
    told = world.said()
    alert = next(item.data for item in told if item.kind == "ai_opportunity_alert")
    assert (alert.status, alert.direction) == (status, "LONG")
    assert gate is None or alert.gate == gate
    assert [item.kind for item in told].count("decision") == 1


def test_a_weak_signal_is_not_alerted(world):
    world.send(
        messages.SignalFormed(signal=signal(), high_confidence=False), messages.DecisionMade(decision=decision())
    )
    assert "ai_opportunity_alert" not in world.kinds()


def proposal(**more):
    values = {
        "pair": BTC,
        "decision_id": "bot:BTCUSDT:1",
        "signal": signal(),
        "price": D(64000),
        "stop_loss": None,
        "take_profit": None,
        "proposed_ms": NOW,
        "wait_until_ms": NOW + 90_000,
    }
    return messages.TradeProposed(**{**values, **more})


def test_a_trade_that_waits_is_shown_accepted_and_gone(world):
    world.send(messages.SignalFormed(signal=signal(), high_confidence=True))
    world.send(messages.DecisionMade(decision=decision(gate="awaiting_approval")), proposal())
    alert = world.one("ai_opportunity_alert").data
    assert (alert.status, alert.wait_until) == ("pending_approval", "2026-01-01T00:01:30.000Z")
    world.ask(requests.GetPendingTrades())
    listed = world.one("pending_trades_response", "s1").data
    assert (listed["trades"][0].remaining_seconds, listed[BTC].direction) == (90, "LONG")
    world.ask(requests.AcceptTrade(symbol=BTC, usdt_amount=D(20)))
    command = world.command(f"bot-{BTC}", messages.AcceptTrade)
    assert command.usdt_amount == D(20)
    world.send(
        messages.ProposalAnswered(
            pair=BTC, request_id=command.request_id, accepted=True, message="ordered", refusal=None
        )
    )
    answer = world.one("trade_accepted", "s1").data
    assert (answer.success, answer.trade_details.symbol) == (True, BTC)
    world.ask(requests.GetPendingTrades())
    assert world.one("pending_trades_response", "s1").data == {"trades": ()}


def test_a_withdrawn_trade_is_not_shown_any_more(world):
    world.send(proposal(), proposal(withdrawn=True))
    world.said()
    world.ask(requests.GetPendingTrades())
    assert world.one("pending_trades_response", "s1").data == {"trades": ()}


def test_what_is_not_pending_is_refused(world):
    world.ask(requests.RejectTrade(symbol=BTC))
    command = world.command(f"bot-{BTC}", messages.RejectTrade)
    world.send(
        messages.ProposalAnswered(
            pair=BTC,
            request_id=command.request_id,
            accepted=False,
            message="no trade waits",
            refusal=Refusal.NOT_PENDING,
        )
    )
    assert world.one("error", "s1").data.code == "not_pending"


def test_analyses_stand_under_their_key_and_at_the_top_level(world):
    world.send(messages.SignalFormed(signal=signal(), high_confidence=False))
    world.said()
    world.ask(requests.GetAllAiAnalysis()).ask(requests.GetAiOpportunities()).ask(
        requests.GetAiOpportunities(min_confidence=D("0.8"))
    )
    everything, found, none = (item.data for item in world.said())
    assert everything[BTC] == everything["analyses"][BTC]
    assert found[BTC] == found["opportunities"][BTC]
    assert none == {"opportunities": {}}
    world.ask(requests.GetAiAnalysis(symbol=BTC)).ask(requests.GetAiAnalysis(symbol="ETHUSDT"))
    known, unknown = (item.data for item in world.said())
    assert known.gpt_analysis.entry_price == D(64000)
    assert unknown.error == "ETHUSDT has not been analysed yet."


def test_an_old_signal_is_no_opportunity(world, clock):
    world.send(messages.SignalFormed(signal=signal(), high_confidence=True))
    clock.move_to(NOW + 301_000)
    world.said()
    world.ask(requests.GetAiOpportunities())
    assert world.one("ai_opportunities_response", "s1").data == {"opportunities": {}}


def test_steps_of_an_analysis(world):
    world.send(messages.AnalysisStepped(pair=BTC, step="asking", message="asking 3 analysts", at_ms=NOW))
    told = world.one("analysis_status")
    assert (told.data.symbol, told.data.step, told.data.status) == (BTC, "asking", "asking")


# --- news ------------------------------------------------------------------------------------------------------------


def story(item_id, published=NOW, pairs=(BTC,), sentiment=0.5):
    return NewsItem(
        item_id=item_id,
        title=f"title {item_id}",
        summary="",
        url="https://example.com/",
        source="example.com",
        pairs=pairs,
        sentiment=sentiment,
        label="bullish",
        published_ms=published,
        received_ms=published,
    )


def test_only_new_stories_are_told_newest_first(world):
    world.send(messages.NewsPublished(items=(story("a"), story("b", NOW + 1))))
    assert [item.id for item in world.one("news_update").data.items] == ["b", "a"]
    world.send(messages.NewsPublished(items=(story("a"),)))
    assert world.kinds() == []


def test_news_by_symbol_in_the_older_shape(world):
    world.send(
        messages.NewsPublished(items=(story("a"), story("b", pairs=("ETHUSDT",), sentiment=-0.5))),
        messages.FearGreedChanged(fear_greed=FearGreed(value=20, label="Fear", at_ms=NOW)),
    )
    world.said()
    world.ask(requests.GetNewsData(limit=5))
    data = world.one("news_data_response", "s1").data
    assert (data.by_symbol[BTC].news_count, data.by_symbol[BTC].sentiment_label) == (1, "bullish")
    assert data.by_symbol["ETHUSDT"].sentiment_label == "bearish"
    assert data.cryptopanic_news == data.by_symbol
    assert data.fear_greed.value == 20


# --- the desk --------------------------------------------------------------------------------------------------------


def test_actors_that_fail_and_come_back_are_told_once_each(world):
    failed = messages.ActorStatusChanged(name="news", state="restarting", restarts=1, error="boom")
    for status in (failed, failed, messages.ActorStatusChanged(name="news", state="running", restarts=1)):
        world.send(status)
    told = [item.data for item in world.said() if item.kind == "actor_status"]
    assert [(item.state, item.error) for item in told] == [("restarting", "boom"), ("running", "boom")]
    world.ask(requests.GetHealth())
    health = world.one("health", "s1").data
    assert (health.actors["news"].state, health.actors["news"].last_error) == ("running", "boom")


def test_health_shows_the_sources_of_news(world):
    status = NewsSourceStatus(name="a.example/rss", state="failing", detail="gone", last_ok_ms=1, next_ms=2, stories=3)
    world.send(messages.NewsSourcesChanged(sources=(status,)))
    world.ask(requests.GetHealth())
    (shown,) = world.one("health", "s1").data.news
    assert (shown.source, shown.state, shown.detail) == ("a.example/rss", "failing", "gone")
    assert (shown.last_ok, shown.next_try, shown.stories, shown.repeats) == (1, 2, 3, 0)


def test_health_shows_the_actors_as_the_supervisor_sees_them_now(world):
    seen = messages.ActorStatusChanged(name="broker", state="running", restarts=0, mailbox=4)
    world.send(
        messages.ClientRequest(
            session="s1", role="viewer", address="x", kind="get_health", request=requests.GetHealth(), actors=(seen,)
        )
    )
    assert world.one("health", "s1").data.actors["broker"].mailbox == 4


def test_health_shows_the_last_audit_and_what_is_stale(peers, clock, timers):
    audited = Audited(at_ms=NOW, seq=7, documents=7, whole=True)
    world = World(peers=peers, clock=clock, timers=timers, last_audit=lambda: audited).begin().join()
    world.send(
        messages.QuoteChanged(quote=quote()),
        messages.MarketStatusChanged(state=MarketState.STALE, message="silent", at_ms=NOW, pair=BTC),
    )
    world.said()
    world.ask(requests.GetHealth())
    health = world.one("health", "s1").data
    assert (health.audit.seq, health.audit.whole, health.audit.clean, health.audit.finding) == (7, True, True, "")
    assert health.stale == (BTC,)


def test_the_newest_lines_of_the_log_are_shown(peers, clock, timers):
    world = World(peers=peers, clock=clock, timers=timers, logs=Lines()).begin().join()
    world.said()
    world.ask(requests.GetLogs(limit=2)).ask(requests.GetLogs(after=1, level="WARNING"))
    told = [[(line.number, line.level) for line in item.data.lines] for item in world.said()]
    assert told == [[(2, "ERROR"), (3, "INFO")], [(2, "ERROR")]]


class Lines:
    """A log of three lines."""

    def lines(self, *, after=0):
        levels = ("WARNING", "ERROR", "INFO")
        lines = [
            LogLine(number=n, at_ms=NOW, level=level, logger="a", message="m") for n, level in enumerate(levels, 1)
        ]
        return tuple(lines[after:])


def test_a_ledger_that_is_away_is_reported(world):
    world.send(messages.LedgerAdvanced(seq=1, hash="x", available=False, message="the database is away"))
    assert world.notices.problems["broker"] == "the database is away"
    world.send(messages.LedgerAdvanced(seq=1, hash="x", available=True))
    assert world.notices.problems["broker"] is None
    world.send(messages.LedgerAdvanced(seq=1, hash="x", available=True, read_only=True, message="the chain is broken"))
    assert world.notices.problems["broker"] == "the chain is broken"


def test_each_second_the_metrics_get_what_the_hub_knows(world, clock):
    world.send(messages.QuoteChanged(quote=quote()), messages.AnalystChanged(status=analyst_status()))
    clock.move_to(NOW + 2500)
    world.tick()
    shown = world.notices.figures
    assert (shown.staleness_seconds, shown.ledger_seq, shown.ledger_available) == (((BTC, 2.5),), 1, True)
    assert shown.analysts == (analyst_status(),)


def test_nothing_is_ready_before_it_has_spoken(fresh):
    assert set(fresh.notices.problems) == {"market", "broker"}
    assert all(fresh.notices.problems.values())
    fresh.begin()
    assert fresh.notices.problems["broker"] is None


def test_alerts_of_others_are_passed_on(world):
    world.send(messages.Alerted(level="error", code="liquidation", message="gone", at_ms=NOW))
    told = world.one("alert")
    assert (told.data.code, told.data.timestamp) == ("liquidation", NOW)


def test_reloaded_settings_are_told_and_take_effect(world):
    world.ask(requests.ReloadSettings())
    command = world.command("supervisor", messages.ReloadSettings)
    changed = Settings().model_copy(update={"market": Settings().market.model_copy(update={"intervals": ("1m", "5m")})})
    world.send(
        messages.SettingsApplied(settings=changed, settings_hash="h2"),
        messages.SettingsReloaded(
            changed=("market.intervals",),
            restart=("market.intervals",),
            settings_hash="h2",
            error=None,
            request_id=command.request_id,
        ),
    )
    told = [item for item in world.said() if item.kind == "settings_reloaded"]
    assert [(item.to, item.but) for item in told] == [(None, "s1"), ("s1", None)]
    assert (told[0].data.changed, told[0].data.hash) == (("market.intervals",), "h2")
    world.ask(requests.GetCandles(symbol=BTC, interval="5m"))
    assert world.kinds() == []  # asked of the market
    world.send(messages.ClientArrived(session="s2", role="operator", address="127.0.0.1"))
    assert world.one("initial_data", "s2").data.server.settings_hash == "h2"


def test_bad_settings_are_an_error(world):
    world.ask(requests.ReloadSettings())
    command = world.command("supervisor", messages.ReloadSettings)
    world.send(
        messages.SettingsReloaded(
            changed=(), restart=(), settings_hash="", error="x: must be y", request_id=command.request_id
        )
    )
    told = world.said()
    assert [item.kind for item in told] == ["error", "alert"]


# --- the archive -----------------------------------------------------------------------------------------------------


def test_recent_decisions_come_from_memory(world):
    world.send(messages.DecisionMade(decision=decision()))
    world.said()
    world.ask(requests.GetDecisions(limit=1))
    assert [item.id for item in world.one("decisions_response", "s1").data.decisions] == ["bot:BTCUSDT:1"]
    assert world.archive.asked == []


def test_older_decisions_come_from_the_archive_in_the_same_shape_without_doubles(world, peers):
    old = decision(decision_id="bot:BTCUSDT:0", decided_ms=NOW - 1000, signal=signal(opinion("claude")))
    world.archive.documents["decisions"] = [decision_document(decision()), decision_document(old), {"_id": "broken"}]
    world.send(messages.DecisionMade(decision=decision()))
    world.said()
    world.ask(requests.GetDecisions(symbol=BTC, before_ms=NOW + 1))
    until_told(peers)
    decisions = world.one("decisions_response", "s1").data.decisions
    assert [item.id for item in decisions] == ["bot:BTCUSDT:1", "bot:BTCUSDT:0"]
    assert decisions[1].opinions[0].analyst == "claude"
    assert world.archive.asked == [("decisions", 50, {"symbol": BTC, "ts": {"$lt": NOW + 1}})]


def test_decisions_are_chosen_by_gate_and_outcome_and_shown_without_features(world, peers):
    traded = decision(Outcome.TRADED, gate=None, decision_id="bot:BTCUSDT:2")
    spread = decision(gate="spread", decision_id="bot:BTCUSDT:3")
    for made in (decision(), traded, spread):
        world.send(messages.DecisionMade(decision=made))
    world.archive.documents["decisions"] = [decision_document(spread)]
    world.said()
    world.ask(requests.GetDecisions(limit=1, outcome="traded", features=False))
    world.ask(requests.GetDecisions(limit=9, gate="spread", features=False))
    until_told(peers)
    one, other = (item.data.decisions for item in world.said())
    assert ([item.id for item in one], [item.id for item in other]) == (["bot:BTCUSDT:2"], ["bot:BTCUSDT:3"])
    assert [item.features for item in (*one, *other)] == [ABSENT, ABSENT]
    assert world.archive.asked == [("decisions", 9, {"gate": "spread"})]


def test_while_the_database_is_away_what_is_in_memory_is_answered(world, peers, monkeypatch):
    def away(*_, **__):
        raise LedgerUnavailable("decisions could not be read")

    monkeypatch.setattr(world.archive, "recent", away)
    world.send(messages.DecisionMade(decision=decision()))
    world.said()
    world.ask(requests.GetDecisions(limit=9))
    until_told(peers)
    assert [item.id for item in world.one("decisions_response", "s1").data.decisions] == ["bot:BTCUSDT:1"]


def until_told(peers):
    while not peers.to("hub", messages.ArchiveRead):
        gevent.sleep(0)


def test_older_trades_come_from_the_archive(world, peers):
    world.archive.documents["trades"] = [trade_part(trade(3, "b")), trade_part(trade(2, "a"))]
    world.send(filled(3, "b"))
    world.said()
    world.ask(requests.GetTradeHistory(limit=10))
    until_told(peers)
    trades = world.one("trade_history_response", "s1").data.trades
    assert [item.trade_id for item in trades] == ["b", "a"]


def test_the_trade_history_keeps_to_pair_and_time(world):
    world.send(filled(2, "a"), filled(3, "b"), filled(4, "c", trade_=trade(4, "c", pair="ETHUSDT")))
    world.said()
    world.ask(requests.GetTradeHistory(limit=1, symbol=BTC)).ask(requests.GetTradeHistory(limit=1, before_ms=NOW + 3))
    assert [[item.trade_id for item in told.data.trades] for told in world.said()] == [["b"], ["a"]]


def test_the_equity_curve_is_thinned_and_ends_now(world, peers, clock):
    points = [{"_id": f"equity:{n}", "ts": NOW - n * 60_000, "equity": D(n), "cash": D(n)} for n in range(1, 100)]
    world.archive.documents["equity"] = points
    world.ask(requests.GetEquityCurve(points=4))
    until_told(peers)
    curve = world.one("equity_curve_response", "s1").data.points
    assert len(curve) == 4
    assert curve[0][1] == D(99)
    assert curve[-1] == (NOW, D(100000), D(100000))


def test_statistics_come_from_what_was_closed_and_from_equity(world, peers):
    world.archive.documents["equity"] = [
        {"_id": "2", "ts": NOW - 60_000, "equity": D(90000), "cash": D(1)},
        {"_id": "1", "ts": NOW - 120_000, "equity": D(80000), "cash": D(1)},
    ]
    world.send(filled(2, closed_=closed(2)), filled(3, "b", closed_=closed(3, realized_pnl=D(-5))))
    world.said()
    world.ask(requests.GetStatistics())
    until_told(peers)
    figures = world.one("statistics_response", "s1").data
    assert (figures.trades, figures.wins, figures.net_profit) == (2, 1, D("2.42"))
    assert figures.start_equity == D(80000)


# --- every request is answered ---------------------------------------------------------------------------------------

READS = {
    "get_candles": requests.GetCandles(symbol=BTC, interval="1m"),
    "get_ai_analysis": requests.GetAiAnalysis(symbol=BTC),
    "get_order_book": requests.GetOrderBook(symbol=BTC),
}


@pytest.mark.parametrize("kind", sorted(kind for kind in requests.READING if kind.startswith("get_")))
def test_every_read_is_answered_or_asked_on(world, peers, kind):
    request = READS.get(kind) or requests.KINDS[kind]()
    world.ask(request, kind=kind)
    if kind in ("get_trade_history", "get_decisions", "get_equity_curve", "get_statistics"):
        until_told(peers)
    answers = [item for item in world.said() if item.to == "s1"]
    assert len(answers) == (0 if kind == "get_candles" else 1)
    assert all(item.request_id == "r" and item.kind != "error" for item in answers)


def test_mail_nobody_knows_is_only_logged(world):
    world.send("what is this")
    assert world.kinds() == []


def test_the_position_of_a_short_counts_the_other_way(world):
    held = position(direction=Direction.SHORT, margin=D(64), leverage=10)
    world.send(messages.AccountChanged(account=account(seq=2, positions=(held,), marks=((BTC, D(64640)),))))
    view = world.one("position_update").data.positions[BTC]
    assert (view.direction, view.unrealized_pnl, view.pnl_percent) == ("short", D("-6.4"), D("-1"))
    assert view.liquidation_price == D("70049.75124379")  # (640 + 64) / (0.01 x 1.005), away from the entry


COMMANDS = {
    "execute_trade": requests.ExecuteTrade(symbol=BTC, side=Side.BUY, amount=D(1)),
    "cancel_order": requests.CancelOrder(order_id="o"),
    "close_position": requests.ClosePosition(symbol=BTC),
    "update_position": requests.UpdatePosition(symbol=BTC, stop_loss=D(1)),
    "start_bot": requests.StartBot(),
    "stop_bot": requests.StopBot(),
    "update_bot_config": requests.UpdateBotConfig(),
    "start_analysis": requests.StartAnalysis(),
    "stop_analysis": requests.StopAnalysis(),
    "accept_trade": requests.AcceptTrade(symbol=BTC),
    "reject_trade": requests.RejectTrade(symbol=BTC),
    "reload_settings": requests.ReloadSettings(),
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_command_is_logged_with_role_and_address(world, caplog, kind):
    caplog.set_level("INFO", logger="actors.hub")
    world.ask(COMMANDS[kind], kind=kind, role="operator")
    (line,) = (record for record in caplog.records if kind in record.getMessage())
    assert {kind, "s1", "operator", "127.0.0.1"} <= set(line.args)
