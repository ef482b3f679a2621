"""The worked example of docs/ledger.md, to the last decimal, and that the page says the same."""

import re
from pathlib import Path

import pytest

from domain.messages import OrderFilled
from domain.money import text
from domain.protection import liquidation_price
from domain.trading import Side
from tests.domain.paper import PAIR, T0, D, book, exchange, order, replayed, told, trade

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"


@pytest.fixture(scope="module")
def ex():
    made = exchange(balance="1000", maker_fee=D("0.001"))
    steps = (
        ("open", Side.BUY, "0.03", {"asks": (("20000.01", "0.01"), ("20000.50", "5"))}),
        ("add", Side.BUY, "0.01", {"asks": (("20100", "5"),)}),
        ("part", Side.SELL, "0.015", {"bids": (("20300", "5"),)}),
        ("flip", Side.SELL, "0.065", {"bids": (("19000", "5"),)}),
    )
    made.on_book(PAIR, book(0, bids=(("19999", "5"),), asks=(("20000", "5"),)), T0)
    for n, (order_id, side, quantity, levels) in enumerate(steps):
        now = n * 1000
        made.submit(order(order_id, side, quantity, submitted_ms=T0 + now, leverage=3), T0 + now)
        around = {"bids": (("19000", "1"),), "asks": (("26000", "1"),)} | levels
        made.on_book(PAIR, book(now + 100, update_id=n + 2, **around), T0 + now + 100)
    made.on_trade(PAIR, trade(1, "25500", 5000), catch_up=False, now_ms=T0 + 5000)
    made.on_book(PAIR, book(5010, bids=(("25000", "1"),), asks=(("26000", "1"),), update_id=9), T0 + 5010)
    return made


# event, document, notional, realized_pnl, fee, postings, position after (quantity, cost, margin)
TABLE = [
    ("open", "fill:open:1", "600.0101", "0", "0.6000101",
     {"cash": "-200.60337676", "margin:BTCUSDT": "200.00336666", "fees": "0.6000101"},
     ("0.03", "600.0101", "200.00336666")),
    ("add", "fill:add:1", "201", "0", "0.201",
     {"cash": "-67.201", "margin:BTCUSDT": "67", "fees": "0.201"}, ("0.04", "801.0101", "267.00336666")),
    ("partial close", "fill:part:1", "304.5", "4.1212125", "0.3045",
     {"cash": "103.94297499", "margin:BTCUSDT": "-100.12626249", "pnl:BTCUSDT": "-4.1212125", "fees": "0.3045"},
     ("0.025", "500.6313125", "166.87710417")),
    ("flip: close", "fill:flip:1", "475", "-25.6313125", "0.475",
     {"cash": "140.77079167", "margin:BTCUSDT": "-166.87710417", "pnl:BTCUSDT": "25.6313125", "fees": "0.475"},
     ("0", "0", "0")),
    ("flip: open", "fill:flip:2", "760", "0", "0.76",
     {"cash": "-254.09333333", "margin:BTCUSDT": "253.33333333", "fees": "0.76"}, ("0.04", "760", "253.33333333")),
    ("liquidation", "fill:liquidation:BTCUSDT:10:1", "1040", "-280", "1.04",
     {"margin:BTCUSDT": "-253.33333333", "pnl:BTCUSDT": "280", "fees": "1.04", "insurance": "-27.70666667"},
     ("0", "0", "0")),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_each_event_posts_what_the_page_says(ex, row):
    _, key, notional, pnl, fee, legs, position = row
    [document] = [one for one in ex.pending if one["_id"] == key]
    fill = document["fill"]
    assert (fill["notional"], fill["realized_pnl"], fill["fee"]) == (D(notional), D(pnl), D(fee))
    in_quote = {leg["account"]: leg["amount"] for leg in document["postings"] if leg["asset"] == "USDT"}
    assert in_quote == {account: D(amount) for account, amount in legs.items()}
    assert sum(in_quote.values()) == 0
    after = document["position"]
    assert (after["quantity"], after["cost"], after["margin"]) == tuple(map(D, position))


def test_the_accounts_at_the_end(ex):
    end = {account: balance for (account, _), balance in ex.desk.balances.items() if balance}
    assert end == {
        "deposits": D("-1000"),
        "cash": D("722.81605657"),
        "fees": D("3.3805101"),
        "pnl:BTCUSDT": D("301.5101"),
        "insurance": D("-27.70666667"),
    }
    assert replayed(ex.pending).part() == ex.desk.part()


def test_the_liquidation_price(ex):
    short = next(message.position for message in told(ex, OrderFilled) if message.trade.trade_id == "flip:2")
    assert liquidation_price(short) == D("25207.29684901")  # (760 + 253.33333333) / (0.04 x 1.005), rounded up


def test_the_page_holds_the_same_numbers():
    page = PAGE.read_text(encoding="utf-8")
    for event, key, notional, pnl, fee, legs, position in TABLE:
        [line] = [line for line in page.splitlines() if line.startswith(f"| {event} |")]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[1:5] == [f"`{key}`", notional, pnl, fee]
        assert dict(re.findall(r"(\S+) ([+-][\d.]+)", cells[5].replace("`", ""))) == {
            account: ("+" if D(amount) > 0 else "") + text(D(amount)) for account, amount in legs.items()
        }
        assert cells[6].split(" / ") == list(position)
