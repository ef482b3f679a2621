"""Every error code of the protocol, provoked on a whole desk."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import gevent
import pytest
import websocket

from sim.faults import Fault
from sim.world import World
from tests.system.client import Client, Frame, error_of, order
from tests.system.desk_process import DeskProcess
from tests.system.quiet import PAIRS, quiet, wait_for_market

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

OPERATOR, VIEWER = "operator-" + "o" * 32, "viewer-" + "v" * 32
STALE_SECONDS = 3


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """An exchange of our own, so that it can fail."""
    with World(pairs=PAIRS) as world:
        yield world


@pytest.fixture(scope="module")
def desk(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskProcess]:
    """One desk for all these tests: it takes our exchange for Binance, knows two tokens and asks for approval."""
    settings = quiet(messages_per_second=20)
    settings["market"] = {
        "rest_urls": [world.rest_url],
        "stream_urls": [world.stream_url],
        "stale_after_seconds": STALE_SECONDS,
    }
    settings["news"] |= {"rss": list(world.rss_urls), "fear_greed_url": world.fear_greed_url}
    settings["llm"]["base_url"] = world.openrouter_url
    secrets = {"HUB_OPERATOR_TOKEN": OPERATOR, "HUB_VIEWER_TOKEN": VIEWER, "OPENROUTER_API_KEY": "simulated"}
    desk = DeskProcess(tmp_path_factory.mktemp("desk"), settings, "--market", "binance", **secrets)
    try:
        yield desk.start()
    finally:
        desk.clean_up()


@pytest.fixture
def client(desk: DeskProcess) -> Iterator[Client]:
    with Client(desk.address, token=OPERATOR) as client:
        wait_for_market(client)
        yield client


# --- what a client can do wrong --------------------------------------------------------------------------------------

REFUSALS: list[tuple[str, str, dict[str, Any], tuple[str, ...]]] = [
    ("unknown_type", "fly", {}, ("'fly'",)),
    ("bad_message", "execute_trade", order(symbol="BTCUSDT", direction="buy", amount=-5), ("amount", "greater", "-5")),
    ("bad_message", "execute_trade", order(symbol="BTCUSDT", direction="up", amount=1), ("direction", "buy", "'up'")),
    ("bad_message", "execute_trade", order(symbol="BTCUSDT", direction="buy"), ("amount", "value_usdt", "neither")),
    ("bad_message", "execute_trade", order(symbol="BTCUSDT", direction="buy", amount=True), ("amount", "true")),
    (
        *("bad_message", "execute_trade"),
        order(symbol="BTCUSDT", direction="buy", amount=1, leverage=21),
        ("leverage", "1 to 20", "21"),
    ),
    (
        *("bad_message", "execute_trade"),
        order(symbol="BTCUSDT", direction="buy", amount=1, order_type="limit"),
        ("price", "limit", "missing"),
    ),
    ("bad_message", "get_candles", {"symbol": "BTCUSDT", "interval": "7m"}, ("interval", "1m, 1h", "'7m'")),
    ("bad_message", "get_trade_history", {"limit": 501}, ("limit", "1 to 500", "501")),
    ("bad_message", "close_position", {"symbol": "BTCUSDT", "fraction": 0}, ("fraction", "greater than 0", "0")),
    ("bad_message", "subscribe", {"topics": ["weather"]}, ("topics[0]", "'weather'")),
    ("unknown_symbol", "execute_trade", order(symbol="DOGEUSDT", direction="buy", amount=1), ("DOGEUSDT", "BTCUSDT")),
    ("unknown_symbol", "get_ai_analysis", {"symbol": "DOGEUSDT"}, ("DOGEUSDT",)),
    ("unknown_order", "cancel_order", {"order_id": "no-such-order"}, ("no-such-order",)),
    ("no_position", "close_position", {"symbol": "BNBUSDT"}, ("BNBUSDT",)),
    ("no_position", "update_position", {"symbol": "BNBUSDT", "stop_loss": 1}, ("BNBUSDT",)),
    (
        *("insufficient_balance", "execute_trade"),
        order(symbol="BTCUSDT", direction="buy", value_usdt=5_000_000),
        ("free cash", "was 100000"),
    ),
    (
        *("filter_failure", "execute_trade"),
        order(symbol="BTCUSDT", direction="buy", amount="0.00000001"),
        ("LOT_SIZE", "0.00000001"),
    ),
    ("filter_failure", "execute_trade", order(symbol="XRPUSDT", direction="buy", amount=1), ("NOTIONAL", "5")),
    (
        *("filter_failure", "execute_trade"),
        order(symbol="BTCUSDT", direction="buy", amount=1, order_type="limit", price=1),
        ("PERCENT_PRICE",),
    ),
    ("not_pending", "accept_trade", {"symbol": "BTCUSDT"}, ("BTCUSDT", "approval")),
    ("not_pending", "reject_trade", {"symbol": "BTCUSDT"}, ("BTCUSDT", "approval")),
]


@pytest.mark.parametrize(("code", "kind", "fields", "words"), REFUSALS, ids=lambda value: str(value)[:40])
def test_a_refusal_says_what_must_hold_and_what_was_found(
    client: Client, code: str, kind: str, fields: dict[str, Any], words: tuple[str, ...]
) -> None:
    before = client.ask("get_balance")["ledger_seq"]
    found, message = error_of(client.ask(kind, **fields))
    assert found == code, message
    assert all(word.lower() in message.lower() for word in words), message
    assert client.ask("get_balance")["ledger_seq"] == before  # nothing was booked, and the session is open


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("{", "bad_json", "JSON"),
        ("[1]", "bad_message", "object"),
        ('"hello"', "bad_message", "object"),
        ('{"type": 5}', "bad_message", "type"),
        ("{}", "bad_message", "type"),
        ('{"type": "execute_trade", "trade_data": {"symbol": "BTCUSDT", "direction": "buy", "amount": NaN}}', "", ""),
        ('{"type": "execute_trade", "trade_data": {"symbol": "BTCUSDT", "direction": "buy", "amount": 1e400}}', "", ""),
        ('{"type": "get_positions", "request_id": 7}', "bad_message", "request_id"),
    ],
)
def test_what_is_no_message_is_refused_and_the_session_stays(client: Client, text: str, code: str, word: str) -> None:
    since = client.mark
    client.send_text(text)
    found, message = error_of(client.wait("error", since=since))
    assert found in ((code,) if code else ("bad_json", "bad_message"))
    assert word in message
    client.settle()


# --- who may do what ----------------------------------------------------------------------------------------------


def test_a_viewer_reads_and_commands_nothing(desk: DeskProcess) -> None:
    with Client(desk.address, token=VIEWER) as viewer:
        assert viewer.first()["type"] == "initial_data"
        assert viewer.ask("get_positions")["type"] == "positions_response"
        assert viewer.ask("subscribe", topics=["price_update"])["type"] == "subscribed"
        for kind, fields in (
            ("execute_trade", order(symbol="BTCUSDT", direction="buy", amount="0.01")),
            ("start_bot", {}),
            ("close_position", {"symbol": "BTCUSDT"}),
            ("reload_settings", {}),
        ):
            code, message = error_of(viewer.ask(kind, **fields))
            assert code == "forbidden" and kind in message


@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_the_right_token_there_is_no_session(desk: DeskProcess, token: str | None) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        Client(desk.address, token=token)
    assert caught.value.status_code == 401


def test_a_client_that_asks_too_much_is_told_so_and_at_five_times_the_limit_sent_away(desk: DeskProcess) -> None:
    with Client(desk.address, token=OPERATOR) as client:
        client.first()
        for _ in range(60):
            client.send("get_orders")
        code, message = error_of(client.wait("error"))
        assert code == "rate_limited" and "20" in message
        assert client.close_code is None
    with Client(desk.address, token=OPERATOR) as client:
        client.first()
        with contextlib.suppress(websocket.WebSocketException, OSError):
            for _ in range(2000):
                client.send("ping")
        client.ended.wait(5)
        assert client.close_code == 1008


# --- approval ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def proposed(client: Client) -> Iterator[Callable[[], Frame]]:
    """Bots that ask first: wait until a trade is proposed."""
    client.ask("start_bot", manual_approval_mode=True)

    def wait() -> Frame:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if trades := client.ask("get_pending_trades")["data"]["trades"]:
                return trades[0]
            gevent.sleep(0.3)
        raise AssertionError("no trade was proposed")

    yield wait
    client.ask("stop_bot")
    client.ask("stop_analysis")


def test_a_proposed_trade_is_rejected_or_accepted(client: Client, proposed: Callable[[], Frame]) -> None:
    trade = proposed()
    pair = trade["symbol"]
    assert trade["status"] == "pending_approval" and 0 < trade["remaining_seconds"] <= 1800
    assert trade["direction"] in ("LONG", "SHORT") and 0 <= trade["confidence_score"] <= 1
    assert client.ask("get_pending_trades")["data"][pair]["symbol"] == pair  # as older clients expect
    rejected = client.ask("reject_trade", symbol=pair)
    assert (rejected["type"], rejected["data"]["success"]) == ("trade_rejected", True)
    assert error_of(client.ask("reject_trade", symbol=pair))[0] == "not_pending"

    pair, since = proposed()["symbol"], client.mark
    accepted = client.ask("accept_trade", symbol=pair, usdt_amount=500)
    assert accepted["type"] == "trade_accepted", accepted
    assert accepted["data"]["success"] is True
    opened = client.wait("bot_trade_executed", since=since)["data"]
    assert opened["symbol"] == pair
    assert Decimal(450) < opened["trade"]["value"] <= Decimal(505)


def test_what_is_accepted_must_pass_the_gates_of_now(client: Client, proposed: Callable[[], Frame]) -> None:
    pair = proposed()["symbol"]
    client.ask("update_bot_config", symbol=pair, max_spread_bps="0.00001")
    code, message = error_of(client.ask("accept_trade", symbol=pair))
    assert code == "slippage_exceeded" and "spread" in message
    client.ask("update_bot_config", symbol=pair, max_spread_bps=100, enabled=False)
    code, message = error_of(client.ask("accept_trade", symbol=pair))
    assert code == "pair_disabled" and "disabled" in message
    client.ask("update_bot_config", symbol=pair, enabled=True)


# --- what can fail around the desk ------------------------------------------------------------------------------------


def test_a_price_that_stands_still_is_not_traded_on(world: World, client: Client) -> None:
    world.faults.add(Fault(kind="silence", on="stream"))
    try:
        stale = client.wait(
            lambda frame: frame["type"] == "price_update" and frame["data"].get("stale") is True, seconds=20
        )
        assert stale["data"]["price"] > 0
        code, message = error_of(client.ask("execute_trade", **order(symbol="XRPUSDT", direction="buy", amount=100)))
        assert code == "stale_price" and "XRPUSDT" in message
    finally:
        world.faults.clear()
    since = client.mark
    client.wait(lambda frame: frame["type"] == "price_update" and "stale" not in frame["data"], since=since, seconds=30)


def test_without_the_database_nothing_new_is_begun(desk: DeskProcess, client: Client) -> None:
    bought = client.ask("execute_trade", **order(symbol="XRPUSDT", direction="buy", amount=100))
    assert bought["type"] == "trade_executed", bought
    pid = desk.mongod_pid()
    assert pid is not None
    since = client.mark
    os.kill(pid, signal.SIGSTOP)
    try:
        refused = client.ask("execute_trade", **order(symbol="BTCUSDT", direction="buy", amount="0.01"), seconds=25)
        code, message = error_of(refused)
        assert code == "ledger_unavailable", message
        client.send("close_position", symbol="XRPUSDT")  # an exit is kept until it can be written
        client.wait("alert", since=since, seconds=25)
        assert client.ask("get_positions")["type"] == "positions_response"  # the hub answers all the while
    finally:
        os.kill(pid, signal.SIGCONT)
    closed = client.wait("position_closed", since=since, seconds=40)
    assert closed["data"]["trade"]["symbol"] == "XRPUSDT"


def test_before_the_exchange_answered_there_is_no_price(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = quiet()
    settings["market"] = {"rest_urls": ["http://127.0.0.1:9"], "stream_urls": ["ws://127.0.0.1:9"]}
    settings["analysts"] = {"technical": {"model": "technical", "role": "technical"}}
    desk = DeskProcess(tmp_path_factory.mktemp("alone"), settings, "--market", "binance")
    try:
        with Client(desk.start().address) as client:
            assert client.first()["data"]["price_cache"] == {}
            code, message = error_of(
                client.ask("execute_trade", **order(symbol="XRPUSDT", direction="buy", amount=100))
            )
            assert code == "no_price" and "XRPUSDT" in message
            status = client.ask("get_health")["data"]["market"]
            assert (
                status["state"] in ("connecting", "unreachable", "reconnecting") and "127.0.0.1:9" in status["message"]
            )
    finally:
        desk.clean_up()
