"""The protocol as a script sees it: a WebSocket client against a whole desk in the simulated world."""

import re
from collections import Counter
from collections.abc import Iterator
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from itertools import pairwise
from typing import Any

import gevent
import pytest

from tests.protocol_check import check_frame
from tests.system.books import CENT_OF_MICRO, DAY_MS, ZERO, Books, after_each
from tests.system.client import Client, Frame, error_of, order
from tests.system.desk_process import DeskProcess
from tests.system.journal import read_embedded
from tests.system.quiet import DATABASE, PAIRS, price_of, quiet, wait_for_market

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

TAKER_FEE = Decimal("0.001")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskProcess]:
    """One desk for all these tests, its market live."""
    desk = DeskProcess(tmp_path_factory.mktemp("desk"), quiet())
    try:
        with Client(desk.start().address) as client:
            wait_for_market(client)
        yield desk
    finally:
        desk.clean_up()


@pytest.fixture
def client(desk: DeskProcess) -> Iterator[Client]:
    with Client(desk.address) as client:
        client.first()
        yield client
        seen = Counter()
        for text in client.texts:  # what a desk says is what its document says
            kind = text[9 : text.index('"', 9)]
            seen[kind] += 1
            if seen[kind] <= 5:
                check_frame(text)


def close(client: Client, pair: str) -> Frame:
    closed = client.ask("close_position", symbol=pair)
    assert closed["type"] == "position_closed", closed
    return closed


# --- the first frame and the questions ------------------------------------------------------------------------------


def test_the_first_frame_is_the_whole_snapshot(client: Client) -> None:
    first = client.frames[0]
    data = first["data"]
    assert first["type"] == "initial_data"
    assert first["ledger_seq"] == data["ledger"]["seq"] >= 1
    assert set(data) >= {
        *("paper_balance", "equity", "positions", "recent_trades", "price_cache", "crypto_data", "ai_insights"),
        *("bot_status", "analysis_status", "orders", "news", "analysts", "source", "server", "ledger"),
    }
    assert set(data["price_cache"]) == set(data["crypto_data"]) == set(PAIRS)
    assert data["source"]["kind"] == "simulated" and "not real" in data["source"]["banner"]
    assert data["market_status"]["state"] == "live"
    assert set(data["server"]) == {"version", "time", "settings_hash", "role"}
    assert re.fullmatch("[0-9a-f]{64}", data["ledger"]["hash"])
    assert data["bot_status"]["enabled"] is False
    assert len(data["news"]) <= 20 and data["news"]
    assert [analyst["name"] for analyst in data["analysts"]] == ["grok", "technical"]


QUESTIONS: list[tuple[str, dict[str, Any], str, set[str]]] = [
    ("get_positions", {}, "positions_response", {"balance", "equity", "positions"}),
    ("get_balance", {}, "balance_update", {"balance", "equity", "held", "margin", "unrealized_pnl", "fees_today"}),
    ("get_trade_history", {"limit": 5, "symbol": "btcusdt"}, "trade_history_response", {"trades"}),
    ("get_crypto_data", {}, "crypto_data_response", set(PAIRS)),
    ("get_candles", {"symbol": "ETHUSDT", "interval": "1m"}, "candles_response", {"symbol", "interval", "candles"}),
    (
        "get_order_book",
        {"symbol": "ETHUSDT", "limit": 5},
        "order_book_response",
        {"bids", "asks", "taker_fee", "tick_size"},
    ),
    ("get_orders", {}, "orders_response", {"orders"}),
    ("get_bot_status", {}, "bot_status_response", {"enabled", "active_trades", "pair_status", "win_rate", "config"}),
    ("get_bot_config", {"symbol": "BTCUSDT"}, "bot_config_response", {"config", "symbol"}),
    (
        *("get_analysis_status", {}, "analysis_status_response"),
        {"enabled", "start_time", "target_pairs", "interval_seconds", "analysts"},
    ),
    ("get_ai_analysis", {"symbol": "BTCUSDT"}, "ai_analysis_response", {"symbol"}),
    ("get_all_ai_analysis", {"symbols": ["BTCUSDT"]}, "all_ai_analysis_response", {"analyses"}),
    ("get_ai_opportunities", {"min_confidence": 0.8}, "ai_opportunities_response", {"opportunities"}),
    ("get_pending_trades", {}, "pending_trades_response", {"trades"}),
    ("get_news_data", {"limit": 3}, "news_data_response", {"news", "by_symbol", "fear_greed"}),
    ("get_analysts", {}, "analysts_response", {"analysts"}),
    ("get_decisions", {"limit": 3}, "decisions_response", {"decisions"}),
    ("get_equity_curve", {"points": 10}, "equity_curve_response", {"points"}),
    ("get_statistics", {}, "statistics_response", {"trades", "net_profit", "fees"}),
    ("get_health", {}, "health", {"actors", "market", "ledger", "source"}),
]


@pytest.mark.parametrize(("kind", "fields", "reply", "keys"), QUESTIONS, ids=lambda value: str(value)[:24])
def test_every_question_is_answered(
    client: Client, kind: str, fields: dict[str, Any], reply: str, keys: set[str]
) -> None:
    answer = client.ask(kind, **fields)
    assert answer["type"] == reply
    assert set(answer["data"]) >= keys
    assert "warnings" not in answer


def test_candles_are_rows_in_order_and_as_many_as_asked_for(client: Client) -> None:
    rows = client.ask("get_candles", symbol="btcusdt", interval="1m", limit=7)["data"]["candles"]
    assert len(rows) == 7
    assert [after[0] - before[0] for before, after in pairwise(rows)] == [60_000] * 6
    assert all(low <= min(opened, closed) <= max(opened, closed) <= high for _, opened, high, low, closed, _ in rows)


def test_health_names_every_actor(client: Client) -> None:
    actors = client.ask("get_health")["data"]["actors"]
    expected = {"market", "news", "broker", "hub", "analyst-technical", "analyst-grok", *(f"bot-{p}" for p in PAIRS)}
    assert set(actors) >= expected
    assert {actors[name]["state"] for name in expected} == {"running"}


def test_a_ping_is_answered_with_its_own_timestamp(client: Client) -> None:
    pong = client.ask("ping", timestamp=123.456)
    assert (pong["type"], pong["timestamp"]) == ("pong", Decimal("123.456"))
    assert "data" not in pong


def test_unknown_fields_are_named_and_ignored(client: Client) -> None:
    answer = client.ask("get_positions", flavour="sweet")
    assert answer["type"] == "positions_response"
    assert answer["warnings"] == ["unknown field ignored: flavour"]


def test_prices_and_candles_go_on_by_themselves(client: Client) -> None:
    since = client.mark
    for _ in range(2):
        frame = client.wait("price_update", since=since)
        assert set(frame["data"]) >= {"bid", "ask", "change_24h", "volume", "volume_24h", "high_24h", "low_24h"}
        since = client.frames.index(frame) + 1
    candle = client.wait("candle_update", since=since)["data"]
    assert candle["symbol"] in PAIRS and len(candle["candle"]) == 6


def test_a_subscription_leaves_only_what_it_names(client: Client) -> None:
    chosen = client.ask("subscribe", topics=["price_update"], symbols=["ETHUSDT"])
    assert chosen["data"] == {"topics": ["price_update"], "symbols": ["ETHUSDT"]}
    client.settle()
    since = client.mark
    for _ in range(3):
        client.wait("price_update", since=client.mark)
    assert {(frame["type"], frame["data"]["symbol"]) for frame in client.frames[since:]} == {
        ("price_update", "ETHUSDT")
    }
    assert client.ask("get_balance")["type"] == "balance_update"  # answers always come
    assert client.ask("unsubscribe", topics=["price_update"])["data"]["topics"] == []


# --- orders ---------------------------------------------------------------------------------------------------------


def test_a_market_buy_is_told_once_to_every_session_and_answered_to_its_sender(
    desk: DeskProcess, client: Client
) -> None:
    with Client(desk.address) as other, Client(desk.address) as third:
        other.first(), third.first()
        balance = client.ask("get_balance")["data"]["balance"]
        since = client.mark
        executed = client.ask("execute_trade", **order(symbol="BTCUSDT", direction="buy", amount=0.01))
        assert executed["type"] == "trade_executed"
        trade, position = executed["data"]["trade"], executed["data"]["positions"]["BTCUSDT"]
        assert (trade["side"], trade["direction"], trade["amount"]) == ("buy", "BUY", Decimal("0.01"))
        assert trade["value"] == trade["price"] * trade["amount"]
        assert trade["fee"] == (trade["value"] * TAKER_FEE).quantize(CENT_OF_MICRO, rounding=ROUND_UP)
        assert executed["data"]["new_balance"] == balance - trade["value"] - trade["fee"]
        assert (position["direction"], position["amount"], position["entry_price"]) == (
            "long",
            Decimal("0.01"),
            trade["price"],
        )
        paper = client.wait("paper_trade_response", since=since)
        assert paper["request_id"] == executed["request_id"]
        assert paper["data"]["success"] is True and paper["data"]["trade_data"] == trade
        for session in (client, other, third):
            updated = session.wait("position_update", since=since if session is client else 0)
            assert updated["ledger_seq"] == executed["ledger_seq"]
            session.wait("balance_update", since=since if session is client else 0)
            session.settle()
            told = session.told("trade_executed")
            assert [frame["data"]["trade"]["trade_id"] for frame in told] == [trade["trade_id"]]
            assert ("request_id" in told[0]) == (session is client)
        closed = close(client, "BTCUSDT")
        assert closed["data"]["positions"] == {}
        for session in (client, other, third):
            session.wait("position_closed")
            session.settle()
            assert len(session.told("position_closed")) == 1


def test_a_short_by_value_with_leverage_and_protection(client: Client) -> None:
    price = price_of(client, "ETHUSDT")
    executed = client.ask(
        "paper_trade",  # the older name, and the fields flat
        symbol="ethusdt",
        direction="SHORT",
        value_usdt="1000",
        leverage=5,
        stop_loss=float(price * Decimal("1.05")),
        take_profit=str(price * Decimal("0.9")),
    )
    assert executed["type"] == "trade_executed", executed
    trade, position = executed["data"]["trade"], executed["data"]["positions"]["ETHUSDT"]
    assert position["direction"] == "short" and position["leverage"] == 5
    assert Decimal(990) < trade["value"] <= Decimal(1001)
    assert position["margin"] == (trade["value"] / 5).quantize(CENT_OF_MICRO, rounding=ROUND_DOWN)
    assert position["take_profit"] < position["entry_price"] < position["stop_loss"] < position["liquidation_price"]
    closed = close(client, "ETHUSDT")
    assert closed["data"]["realized_pnl"] == trade["value"] - closed["data"]["trade"]["value"]


def test_a_resting_limit_holds_cash_until_it_is_cancelled(desk: DeskProcess, client: Client) -> None:
    before = client.ask("get_balance")["data"]
    price = (price_of(client, "BNBUSDT") * Decimal("0.7")).quantize(Decimal("0.01"))
    with Client(desk.address) as other:
        other.first()
        accepted = client.ask(
            "execute_trade",
            **order(symbol="BNBUSDT", direction="buy", amount=1, order_type="limit", price=str(price)),
        )
        assert accepted["type"] == "order_accepted", accepted
        resting = accepted["data"]["order"]
        assert (resting["status"], resting["order_type"], resting["price"], resting["filled"]) == (
            *("open", "limit"),
            price,
            0,
        )
        other.wait(lambda frame: frame["type"] == "order_update" and frame["data"]["order"] == resting)
        assert client.ask("get_orders")["data"]["orders"] == [resting]
        held = client.ask("get_balance")["data"]
        assert held["held"] == (price * (1 + TAKER_FEE)).quantize(CENT_OF_MICRO, rounding=ROUND_UP)
        assert held["balance"] == before["balance"] - held["held"]
        assert held["equity"] == before["equity"]
        cancelled = client.ask("cancel_order", order_id=resting["order_id"])
        assert cancelled["type"] == "order_cancelled"
        assert cancelled["data"]["order"]["status"] == "cancelled"
        other.wait(lambda frame: frame["type"] == "order_update" and frame["data"]["order"]["status"] == "cancelled")
    assert client.ask("get_orders")["data"]["orders"] == []
    assert client.ask("get_balance")["data"] == before


def test_a_limit_within_reach_fills_at_its_price_or_better(client: Client) -> None:
    limit = (price_of(client, "SOLUSDT") * Decimal("1.01")).quantize(Decimal("0.01"))
    since = client.mark
    accepted = client.ask(
        "execute_trade", **order(symbol="SOLUSDT", direction="buy", amount=2, order_type="limit", price=str(limit))
    )
    assert accepted["type"] == "order_accepted"
    filled = client.wait("trade_executed", since=since)
    assert filled["data"]["trade"]["order_id"] == accepted["data"]["order"]["order_id"]
    assert filled["data"]["trade"]["price"] < limit
    ended = client.wait(
        lambda frame: frame["type"] == "order_update" and frame["data"]["order"]["status"] == "filled", since=since
    )
    assert ended["data"]["order"]["filled"] == 2
    client.settle()
    assert len(client.told("trade_executed", since=since)) == 1
    close(client, "SOLUSDT")


def test_a_stop_order_waits_for_its_trigger(client: Client) -> None:
    """A stop closely above and one closely below: the market reaches one of them soon."""
    price, since = price_of(client, "BTCUSDT"), client.mark
    orders = []
    for direction, factor in (("buy", "1.00003"), ("sell", "0.99997")):
        trigger = str((price * Decimal(factor)).quantize(Decimal("0.01")))
        accepted = client.ask(
            "execute_trade",
            **order(symbol="BTCUSDT", direction=direction, amount=0.001, order_type="stop", price=trigger),
        )
        if accepted["type"] == "order_accepted":  # else the market passed the trigger meanwhile
            assert accepted["data"]["order"]["trigger_price"] == Decimal(trigger)
            orders.append(accepted["data"]["order"]["order_id"])
    assert orders
    triggered = client.wait("trade_executed", since=since, seconds=30)
    assert triggered["data"]["trade"]["order_type"] == "stop"
    assert triggered["data"]["trade"]["order_id"] in orders
    for order_id in orders:
        client.ask("cancel_order", order_id=order_id)
    if client.ask("get_positions")["data"]["positions"]:
        close(client, "BTCUSDT")


def test_stop_and_target_are_moved_and_removed(client: Client) -> None:
    executed = client.ask("execute_trade", **order(symbol="XRPUSDT", direction="long", amount=100))
    entry = executed["data"]["positions"]["XRPUSDT"]["entry_price"]
    low, high = f"{entry * Decimal('0.9'):.4f}", f"{entry * Decimal('1.1'):.4f}"
    since = client.mark
    moved = client.ask("update_position", symbol="XRPUSDT", stop_loss=low, take_profit=high)
    assert moved["type"] == "position_update"
    position = moved["data"]["positions"]["XRPUSDT"]
    assert (position["stop_loss"], position["take_profit"]) == (Decimal(low), Decimal(high))
    removed = client.ask("update_position", symbol="XRPUSDT", take_profit=None)["data"]["positions"]["XRPUSDT"]
    assert (removed["stop_loss"], removed["take_profit"]) == (Decimal(low), None)
    refused = client.ask("update_position", symbol="XRPUSDT", stop_loss=high)
    code, message = error_of(refused)
    assert code == "bad_message" and "stop_loss" in message and high.rstrip("0") in message
    assert len([frame for frame in client.frames[since:] if "request_id" in frame]) == 3
    close(client, "XRPUSDT")


def test_a_part_of_a_position_is_closed(client: Client) -> None:
    opened = client.ask("execute_trade", **order(symbol="ETHUSDT", direction="buy", amount="0.5"))["data"]["trade"]
    part = client.ask("close_position", symbol="ETHUSDT", fraction=0.4)
    assert part["data"]["trade"]["amount"] == Decimal("0.2")
    left = part["data"]["positions"]["ETHUSDT"]
    assert left["amount"] == Decimal("0.3")
    assert left["entry_price"] == opened["price"]
    cost = (opened["value"] * Decimal("0.2") / Decimal("0.5")).quantize(CENT_OF_MICRO, rounding=ROUND_DOWN)
    assert part["data"]["realized_pnl"] == part["data"]["trade"]["value"] - cost
    assert close(client, "ETHUSDT")["data"]["trade"]["amount"] == Decimal("0.3")


def test_a_trade_id_is_carried_out_once(desk: DeskProcess, client: Client) -> None:
    wanted = order(symbol="SOLUSDT", direction="buy", amount=1, trade_id="SOLUSDT-market-1-x")
    first = client.ask("execute_trade", **wanted)
    with Client(desk.address) as other:
        other.first()
        again = client.ask("execute_trade", **wanted)
        assert again["data"]["trade"] == first["data"]["trade"]
        assert again["data"]["positions"]["SOLUSDT"]["amount"] == 1
        changed = client.ask("execute_trade", **order(**{**wanted["trade_data"], "amount": 2}))
        assert error_of(changed)[0] == "duplicate_order"
        other.settle()
        assert other.told("trade_executed") == []
    assert close(client, "SOLUSDT")["data"]["trade"]["amount"] == 1


def test_a_second_buy_adds_and_a_larger_sell_turns_the_position(client: Client) -> None:
    for amount in ("0.01", "0.02"):
        client.ask("execute_trade", **order(symbol="BTCUSDT", direction="buy", amount=amount))
    position = client.ask("get_positions")["data"]["positions"]["BTCUSDT"]
    assert position["amount"] == Decimal("0.03")
    turned = client.ask("execute_trade", **order(symbol="BTCUSDT", direction="sell", amount="0.05"))
    client.settle()
    now = client.ask("get_positions")["data"]["positions"]["BTCUSDT"]
    assert (now["direction"], now["amount"]) == ("short", Decimal("0.02")), turned
    close(client, "BTCUSDT")


# --- bots and analysis ----------------------------------------------------------------------------------------------


def test_a_bad_bot_configuration_changes_nothing(client: Client) -> None:
    before = client.ask("get_bot_config")["data"]["config"]
    for config in ({"max_trades_per_day": -5}, {"trade_amount_usdt": "x"}, {"exits": "percent", "leverage": 0}):
        answer = client.ask("start_bot", config=config)
        assert answer["type"] == "start_bot_response"
        assert answer["data"]["success"] is False
        name, value = list(config.items())[-1]
        assert name in answer["data"]["error"] and str(value) in answer["data"]["error"]
    assert client.ask("get_bot_config")["data"]["config"] == before
    assert client.ask("get_bot_status")["data"]["enabled"] is False


def test_a_configuration_of_one_pair_is_that_pairs_only(client: Client) -> None:
    since = client.mark
    changed = client.ask("update_bot_config", symbol="BNBUSDT", trade_amount_usdt=333)
    assert changed["type"] == "update_bot_config_response"
    assert changed["data"]["config"]["trade_amount_usdt"] == 333
    client.wait("bot_status_response", since=since)
    assert client.ask("get_bot_config", symbol="BNBUSDT")["data"]["config"]["trade_amount_usdt"] == 333
    assert client.ask("get_bot_config", symbol="BTCUSDT")["data"]["config"]["trade_amount_usdt"] == 1000


def test_analysis_is_switched_and_told_to_all(desk: DeskProcess, client: Client) -> None:
    with Client(desk.address) as other:
        other.first()
        for kind, status, on in (("start_analysis", "started", True), ("stop_analysis", "stopped", False)):
            since = other.mark
            answer = client.ask(kind)
            assert (answer["type"], answer["data"]["success"]) == (f"{kind}_response", True)
            told = other.wait(
                lambda frame, status=status: frame["type"] == "analysis_status" and frame["data"]["status"] == status,
                since=since,
            )
            assert isinstance(told["data"]["timestamp"], int | Decimal)
            assert client.ask("get_analysis_status")["data"]["enabled"] is on


def test_bots_trade_when_started_and_a_client_that_joins_meanwhile_misses_nothing(
    desk: DeskProcess, client: Client
) -> None:
    """The busy half-minute: bots open and close, manual orders between them, clients come in the middle of it."""
    since = client.mark
    started = client.ask("start_bot", config={"max_concurrent_trades": 5})
    assert (started["type"], started["data"]["success"]) == ("start_bot_response", True)
    for kind in ("bot_status_update", "bot_status_response"):
        told = client.wait(lambda frame, kind=kind: frame["type"] == kind and frame["data"]["enabled"], since=since)
        assert told["data"]["start_time"] > 1_700_000_000
    assert client.ask("get_analysis_status")["data"]["enabled"] is True
    opened = client.wait("bot_trade_executed", since=since, seconds=25)["data"]
    assert set(opened["trade_data"]) >= {"symbol", "direction", "price", "amount", "stop_loss", "confidence_score"}
    assert opened["trade_data"]["direction"] in ("LONG", "SHORT")
    joined = []
    try:
        for number in range(12):
            if number % 3 == 0:
                joined.append(Client(desk.address))
            client.ask("execute_trade", **order(symbol="BNBUSDT", direction="buy", amount="0.1"))
            gevent.sleep(1.5)
            if number % 3 == 2:
                client.ask("close_position", symbol="BNBUSDT")
        closed = client.wait(_closed_by_rule, since=since)
        check_record(closed["data"]["trade_record"])
        for kind in ("analysis_log", "trade_log", "decision", "ai_insights"):
            client.wait(kind, since=since)
        stopped = client.ask("stop_bot")
        assert stopped["data"]["success"] is True
        client.ask("stop_analysis")
        client.wait(lambda frame: frame["type"] == "bot_status_response" and not frame["data"]["enabled"], since=since)
        _close_all(client)
        profit = client.ask("get_bot_status")["data"]["total_profit"]
        for session in (client, *joined):
            session.settle()
        documents = read_embedded(desk.folder, DATABASE)
        assert profit == after_each(documents)[len(documents)].bot_profit
        for session in (client, *joined):
            check_frames(session, documents)
    finally:
        for session in joined:
            session.close()
    fills = [document for document in documents if "fill" in document]
    assert len(fills) > 20


def _close_all(client: Client) -> None:
    """Close everything; an order that was on its way when its bot was stopped may still open something."""
    looks = 0
    while looks < 5:
        positions = client.ask("get_positions")["data"]["positions"]
        for pair in positions:
            client.ask("close_position", symbol=pair)
        looks = 0 if positions else looks + 1
        gevent.sleep(0.2)


def _closed_by_rule(frame: Frame) -> bool:
    rules = ("take_profit", "stop_loss", "trailing_stop", "timeout", "reversal")
    return frame["type"] == "bot_trade_closed" and frame["data"]["trade_record"]["exit_reason"] in rules


def check_record(record: Frame) -> None:
    """Net of both fees, to what mean prices of 12 decimals can say."""
    sign = 1 if record["direction"] == "LONG" else -1
    gross = sign * (record["exit_price"] - record["entry_price"]) * record["quantity"]
    assert abs(record["profit_loss"] - (gross - record["fees"])) < Decimal("0.0000001")
    assert record["hold_duration"] > 0


# --- frames against the journal -------------------------------------------------------------------------------------


def check_frames(session: Client, documents: list[dict[str, Any]]) -> None:
    """Every balance in every frame is the one that the journal's documents add up to, and none is older than one
    shown before. What tells a trade may show the account as it is after later ones that were stored with it."""
    books = after_each(documents)
    shown = 0  # the newest seq whose account was shown
    for frame in session.frames:
        data, seq = frame.get("data"), frame.get("ledger_seq", -1)
        match frame["type"]:
            case "initial_data":
                assert data["paper_balance"] == books[seq].cash
                check_positions(data["positions"], data["equity"], books[seq])
            case "balance_update":
                check_balance(data, books[seq], documents)
            case "position_update" | "positions_response":
                assert data["balance"] == books[seq].cash
                check_positions(data["positions"], data["equity"], books[seq])
            case "trade_executed" | "position_closed" | "bot_trade_executed" | "bot_trade_closed":
                fits = (at for at in range(max(seq, shown), len(books)) if shows(data, books[at]))
                seq = next(fits, -1)
            case _:
                continue
        assert shown <= seq, (frame["type"], frame["ledger_seq"], shown)
        shown = seq
    check_trades(session.frames[0], session, documents)


def shows(data: Frame, books: Books) -> bool:
    return bool(data["new_balance"] == books.cash) and signed(data["positions"]) == books.quantities


def signed(positions: Frame) -> dict[str, Decimal]:
    return {pair: data["amount"] * (1 if data["direction"] == "long" else -1) for pair, data in positions.items()}


def check_balance(data: Frame, books: Books, documents: list[dict[str, Any]]) -> None:
    assert (data["balance"], data["held"], data["margin"]) == (books.cash, books.held, books.margin)
    day = max((int(document["ts"]) // DAY_MS for document in documents), default=0)
    assert (data["realized_pnl_today"], data["fees_today"]) == books.earned.get(day, (ZERO, ZERO))
    assert data["equity"] == books.cash + books.held + books.margin + data["unrealized_pnl"]


def check_positions(positions: Frame, equity: Decimal, books: Books) -> None:
    assert signed(positions) == books.quantities
    unrealized = ZERO
    for pair, data in positions.items():
        assert data["margin"] == books.margin_of(pair)
        assert data["unrealized_pnl"] == books.unrealized(pair, data["current_price"])
        unrealized += data["unrealized_pnl"]
    assert equity == books.cash + books.held + books.margin + unrealized


def check_trades(first: Frame, session: Client, documents: list[dict[str, Any]]) -> None:
    """Snapshot and deltas together hold every execution once."""
    fills = {document["trade_id"]: int(document["seq"]) for document in documents if "fill" in document}
    kinds = ("trade_executed", "position_closed", "bot_trade_executed", "bot_trade_closed")
    known = [trade["trade_id"] for trade in reversed(first["data"]["recent_trades"])]
    told = [frame["data"]["trade"]["trade_id"] for frame in session.frames if frame["type"] in kinds]
    new = list(dict.fromkeys(told))
    assert known == [name for name, seq in fills.items() if seq <= first["ledger_seq"]][-50:]
    assert sorted(new, key=fills.__getitem__) == [name for name, seq in fills.items() if seq > first["ledger_seq"]]
