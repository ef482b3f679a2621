"""The ten rules that make the original frontend work, each by its number, over all that it sends."""

import json
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path

import pytest

from domain import messages, requests
from domain.trading import OrderSource, OrderStatus, OrderType, Refusal, Side
from tests import original_frontend as page
from tests.actors.hub_world import NOW, World, closed, control, filled, order, position, quote, signal, ticker, trade
from web import wire
from web.requests import Refused, parse

LINES = (Path(__file__).parent.parent / "data" / "original_frontend.jsonl").read_text().splitlines()
BTC = "BTCUSDT"


@pytest.fixture
def world(peers, clock, timers):
    made = World(peers=peers, clock=clock, timers=timers)
    made.send(messages.QuoteChanged(quote=quote()), messages.TickerChanged(pair=BTC, ticker=ticker()))
    made.begin().join()
    made.said()
    return made


def plain(told):
    """Return the data of a frame as the page gets it."""
    return json.loads(wire.message(told.kind, told.data))["data"]


def say(world, line):
    """Let the page say one recorded message; return all frames that come of it."""
    parsed = parse(line)
    world.said()
    world.ask(parsed.request, kind=parsed.kind, request_id=None, warnings=parsed.warnings)
    return world.said()


@pytest.mark.parametrize("line", LINES, ids=lambda line: json.loads(line)["type"])
def test_everything_the_page_sends_is_taken(world, line):
    parsed = parse(line)
    assert isinstance(parsed.request, requests.KINDS[parsed.kind])
    if parsed.kind != "ping":  # the session's own
        answers = say(world, line)
        commands = [sent for sent in world.peers.sent if sent[0] != "hub"]
        assert answers or commands


def test_1_bot_status_response_goes_to_all_after_every_change(world):
    world.send(messages.ControlChanged(seq=2, control=control(trading=True, trading_since_ms=NOW)))
    told = [item for item in world.said() if item.kind == "bot_status_response"][-1]
    assert told.to is None
    page.check_bot_status(plain(told))
    assert plain(told)["enabled"] is True


def test_2_a_price_update_has_numbers_and_both_volumes_and_the_cache_is_keyed_by_pair(world):
    world.said()
    world.send(messages.QuoteChanged(quote=quote(price="64001")))
    (told,) = (item for item in world.said() if item.kind == "price_update")
    page.check_price(plain(told))
    world.join("s2")
    (snapshot,) = (item for item in world.said() if item.kind == "initial_data")
    assert set(plain(snapshot)["price_cache"]) == {BTC}


@pytest.mark.parametrize("direction", ["buy", "BUY", "long", "LONG", "Long"])
@pytest.mark.parametrize("inside", [True, False])
def test_3_an_order_is_read_flat_and_inside_trade_data_in_any_case(direction, inside):
    fields = {"symbol": BTC, "direction": direction, "amount": 1}
    parsed = parse(json.dumps({"type": "execute_trade", **({"trade_data": fields} if inside else fields)}))
    assert parsed.request.side is Side.BUY


def executed(world):
    line = next(line for line in LINES if '"order_type": "market"' in line)
    say(world, line)
    order_id = json.loads(line)["trade_data"]["trade_id"]
    world.send(filled(2, order_id, position_=position()))
    return world.said()


def test_4_trade_executed_and_position_closed_have_trade_positions_and_new_balance(world):
    (told,) = (item for item in executed(world) if item.kind == "trade_executed" and item.to)
    page.check_trade(plain(told)["trade"])
    assert isinstance(plain(told)["positions"], dict) and isinstance(plain(told)["new_balance"], float)
    say(world, '{"type": "close_position", "symbol": "BTCUSDT"}')
    command = world.command("broker", messages.ClosePosition)
    gone = order(command.order_id, side=Side.SELL, reduce_only=True, status=OrderStatus.FILLED, filled=D("0.01"))
    world.send(filled(3, command.order_id, closed_=closed(3), order_=gone, trade_=trade(3, command.order_id)))
    (told,) = (item for item in world.said() if item.kind == "position_closed" and item.to)
    page.check_trade(plain(told)["trade"])
    assert plain(told)["positions"] == {}


def test_4_a_refusal_is_an_error_and_no_half_filled_message(world):
    say(world, '{"type": "close_position", "symbol": "BTCUSDT"}')
    command = world.command("broker", messages.ClosePosition)
    refused = messages.OrderRefused(
        order_id=command.order_id,
        pair=BTC,
        source=OrderSource.MANUAL,
        code=Refusal.NO_POSITION,
        message="there is no position in BTCUSDT",
        at_ms=world.clock.now_ms(),
    )
    world.send(refused)
    (told,) = world.said()
    assert (told.kind, told.data.code) == ("error", "no_position")


def test_5_what_the_page_calls_methods_of_is_of_the_right_kind(world):
    snapshot_source = world.join("s2")
    (snapshot,) = (item for item in snapshot_source.said() if item.kind == "initial_data")
    data = plain(snapshot)
    assert isinstance(data["recent_trades"], list) and isinstance(data["bot_status"]["pair_status"], dict)
    bought = replace(order("b", source=OrderSource.BOT), status=OrderStatus.FILLED, filled=D("0.01"))
    held = position(source=OrderSource.BOT)
    world.send(filled(2, "b", order_=bought, position_=held, trade_=trade(2, "b", source=OrderSource.BOT)))
    (told,) = (item for item in world.said() if item.kind == "bot_trade_executed")
    assert plain(told)["trade_data"]["direction"].lower() == "long"


def test_6_sides_and_the_units_of_times_and_shares(world):
    (told,) = (item for item in executed(world) if item.kind == "trade_executed" and item.to)
    assert plain(told)["trade"]["side"] == "buy" and 1e9 < plain(told)["trade"]["timestamp"] < 1e11
    world.send(messages.SignalFormed(signal=signal(), high_confidence=True))
    (log,) = (item for item in world.said() if item.kind == "analysis_log")
    page.check_log(plain(log))
    assert 0 <= plain(log)["confidence_score"] <= 1


def test_7_a_trade_record_has_what_the_panel_shows(world):
    sold = replace(order("b", side=Side.SELL, source=OrderSource.BOT), status=OrderStatus.FILLED, filled=D("0.01"))
    done = closed(3, source=OrderSource.BOT)
    world.send(filled(3, "b", order_=sold, closed_=done, trade_=trade(3, "b", source=OrderSource.BOT)))
    (told,) = (item for item in world.said() if item.kind == "bot_trade_closed")
    record = plain(told)["trade_record"]
    assert set(record) >= {"symbol", "direction", "entry_price", "exit_price", "profit_loss", "exit_reason"}


def test_8_crypto_entries_have_name_symbol_and_both_volumes(world):
    (told,) = say(world, '{"type": "get_crypto_data"}')
    entries = plain(told)
    for entry in entries.values():
        page.check_crypto(entry)
    assert entries[BTC]["symbol"] == BTC


def test_9_a_restart_closes_with_1012(serve, connect):
    server = serve()
    client = connect(server.port)
    assert client.upgrade("/").status() == 101
    server.stop()
    assert client.frames() == [(8, b"\x03\xf4")]


def test_10_an_unknown_type_is_an_error_and_older_messages_are_answered_in_both_shapes(world):
    with pytest.raises(Refused, match="There is no message type"):
        parse('{"type": "get_the_moon"}')
    world.send(messages.SignalFormed(signal=signal(), high_confidence=False))
    for line, under in (
        ('{"type": "get_all_ai_analysis"}', "analyses"),
        ('{"type": "get_ai_opportunities", "min_confidence": 0}', "opportunities"),
    ):
        (told,) = say(world, line)
        assert plain(told)[BTC] == plain(told)[under][BTC]
    (told,) = say(world, '{"type": "get_pending_trades"}')
    assert plain(told)["trades"] == []
    (told,) = say(world, '{"type": "get_balance"}')
    assert told.kind == "balance_update"


def test_a_limit_order_of_the_page_waits_and_is_answered(world):
    line = next(line for line in LINES if '"order_type": "limit"' in line)
    say(world, line)
    command = world.command("broker", messages.SubmitOrder)
    assert (command.order_type, command.price, command.leverage) == (OrderType.LIMIT, D(65000), 10)
