"""The original frontend, unchanged, against a whole desk: what it sends is done, and no frame crashes it."""

import time
from collections.abc import Iterator

import pytest

from tests.original_frontend import OriginalFrontend, check_position
from tests.system.client import Client
from tests.system.desk_process import DeskProcess
from tests.system.quiet import PAIRS, quiet, wait_for_market

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

ANSWERS_ON_LOAD = {"positions_response", "trade_history_response", "crypto_data_response"}  # in any order
EAGER = {
    "max_trades_per_day": 50,
    "max_concurrent_trades": 10,
    "ai_confidence_threshold": 0.1,
    "trade_amount_usdt": 500,
    "trade_interval_secs": 30,
    "cooldown_secs": 60,
    "profit_target_usd": 0.1,
    "stop_loss_usd": 0.1,
    "trailing_trigger_usd": 0.1,
    "trailing_distance_usd": 0.1,
    "slippage_tolerance_percent": 1,
    "allowed_pairs": list(PAIRS),
    "signal_sources": ["grok"],
}
"""Within the limits of the page's own fields."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskProcess]:
    desk = DeskProcess(tmp_path_factory.mktemp("desk"), quiet())
    try:
        with Client(desk.start().address) as client:
            wait_for_market(client)
        yield desk
    finally:
        desk.clean_up()


@pytest.fixture
def page(desk: DeskProcess) -> Iterator[OriginalFrontend]:
    """A page that has loaded: it speaks to `/`, without a token or a sub-protocol, from a page of its own."""
    page = OriginalFrontend(desk.address.replace("http", "ws", 1) + "/", origin="http://localhost:3000")
    try:
        page.read_until("initial_data")
        page.load()
        page.read(until=lambda page, frame: {frame["type"] for frame in page.frames} >= ANSWERS_ON_LOAD)
        yield page
    finally:
        page.leave()


def test_the_page_shows_prices_balance_and_coins(page: OriginalFrontend) -> None:
    assert set(page.state["price_cache"]) == set(page.state["crypto_data"]) == set(PAIRS)
    assert page.state["paper_balance"] == pytest.approx(100_000, abs=1_000)
    for pair in PAIRS:
        entry = page.state["crypto_data"][pair]
        assert entry["symbol"] == pair and entry["name"]
        assert page.state["price_cache"][pair]["volume"] == page.state["price_cache"][pair]["volume_24h"] > 0
    page.read_until("price_update")


@pytest.mark.parametrize(("side", "direction"), [("buy", "long"), ("sell", "short")])
def test_a_market_order_shows_a_position_and_a_close_removes_it(
    page: OriginalFrontend, side: str, direction: str
) -> None:
    before = page.state["paper_balance"]
    trade_id = page.trade("ETHUSDT", side, 0.5, margin_mode="cross")
    executed = page.read_until("trade_executed")
    assert executed["trade"]["trade_id"] == trade_id == page.state["recent_trades"][0]["trade_id"]
    assert executed["trade"]["side"] == side
    position = page.state["positions"]["ETHUSDT"]
    assert (position["direction"], position["amount"], position["leverage"]) == (direction, 0.5, 10)
    check_position(position)
    assert page.state["paper_balance"] == pytest.approx(before - executed["trade"]["value"] * 0.101)  # margin and fee
    page.read_until("position_update")
    assert page.pnl("ETHUSDT") == pytest.approx(page.state["positions"]["ETHUSDT"]["unrealized_pnl"], abs=2)
    page.close_position("ETHUSDT")
    closed = page.read_until("position_closed")
    assert closed["realized_pnl"] == closed["trade"]["pnl"]
    assert page.state["positions"] == {}
    assert page.errors == []


def test_limit_and_stop_orders_are_taken_and_no_answer_of_them_crashes_the_page(page: OriginalFrontend) -> None:
    price = page.state["price_cache"]["BNBUSDT"]["price"]
    page.trade("BNBUSDT", "buy", 1, order_type="limit", price=round(price * 0.8, 2))
    limit = page.read_until("order_accepted")["order"]
    page.trade("BNBUSDT", "buy", 1, order_type="stop", price=round(price * 1.2, 2))
    stop = page.read_until("order_accepted")["order"]
    for order in (limit, stop):
        page.send({"type": "cancel_order", "order_id": order["order_id"]})
        page.read_until("order_cancelled")
    assert page.errors == []


def test_refusals_are_errors_with_a_sentence(page: OriginalFrontend) -> None:
    page.close_position("BTCUSDT")
    page.read_until("error")
    page.trade("BTCUSDT", "buy", 1_000_000)
    page.read_until("error")
    page.send({"type": "get_the_moon"})
    page.read_until("error")
    assert len(page.errors) == 3 and all(len(sentence) > 20 for sentence in page.errors)


def test_the_bot_panel_shows_all_it_reads_and_its_button_flips(page: OriginalFrontend) -> None:
    page.open_panel()
    page.read_until("bot_status_response")
    assert page.button == "Bot Stopped"
    page.start_bot(**EAGER)
    page.read(until=lambda page, frame: page.button == "Bot Running")
    page.update_config(**EAGER)
    page.read_until("update_bot_config_response")
    deadline = time.monotonic() + 60
    while not (page.bot_closed and page.analysis_logs and page.trade_logs):
        page.read(max(1.0, deadline - time.monotonic()), until=lambda page, frame: page.bot_closed)
        for pair in list(page.state["positions"]):
            page.close_position(pair)
    assert page.bot_opened[0]["trade_data"]["symbol"] in PAIRS
    page.read(until=lambda page, frame: page.bot_status["total_trades"] >= 1)
    assert set(page.bot_status["pair_status"]) == set(PAIRS)
    page.stop_bot()
    page.read(until=lambda page, frame: page.button == "Bot Stopped")


def test_the_other_messages_it_knows_are_answered_in_both_shapes(page: OriginalFrontend) -> None:
    for kind, fields, reply, under in (
        ("get_all_ai_analysis", {"symbols": list(PAIRS)}, "all_ai_analysis_response", "analyses"),
        ("get_ai_opportunities", {"min_confidence": 0}, "ai_opportunities_response", "opportunities"),
    ):
        page.send({"type": kind, **fields})
        answer = page.read_until(reply)
        assert all(answer[pair] == entry for pair, entry in answer[under].items())
    page.send({"type": "get_ai_analysis", "symbol": "BTCUSDT"})
    assert page.read_until("ai_analysis_response")["symbol"] == "BTCUSDT"
    page.send({"type": "get_pending_trades"})
    assert page.read_until("pending_trades_response")["trades"] == []
    page.send({"type": "accept_trade", "symbol": "BTCUSDT"})
    page.read_until("error")
    page.send({"type": "get_news_data"})
    news = page.read_until("news_data_response")
    assert set(news) >= {"grok_news", "cryptopanic_news"}
    assert news["cryptopanic_news"]["BTCUSDT"]["symbol"] == "BTCUSDT"
    page.send({"type": "get_balance"})
    page.read_until("balance_update")
    page.send({"type": "ping", "timestamp": 5})
    assert page.read_until("pong")["timestamp"] == 5


def test_a_restart_closes_with_a_code_that_the_page_reconnects_after(desk: DeskProcess) -> None:
    """Last: the desk is stopped. After 1000 the page would stay away."""
    page = OriginalFrontend(desk.address.replace("http", "ws", 1) + "/")
    page.read_until("initial_data")
    code, seconds = desk.terminate()
    assert code == 0 and seconds < 10
    with pytest.raises(ConnectionError):
        page.read(10, until=lambda page, frame: False)
    page.leave()
    assert page.closed_with == 1012
