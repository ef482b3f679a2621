"""The pages Desk and Results in a browser: what they do and show is what the journal holds."""

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, WebSocketRoute, expect

from tests.browser.driving import PAGE_NAMES, number, number_of, open_page, turn_to
from tests.system.client import Client, order
from tests.system.desk_process import ROOT, DeskProcess

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(180)]

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
PAIR = "SOLUSDT"
ROW = f"#positions tr[data-symbol={PAIR}]"


@pytest.fixture
def client(desk: DeskProcess) -> Iterator[Client]:
    """A session beside the page: it asks the desk what is booked, and leaves nothing open."""
    with Client(desk.address) as client:
        client.first()
        yield client
        for symbol in position_map(client):
            client.ask("close_position", symbol=symbol)


def position_map(client: Client) -> dict[str, Any]:
    return client.ask("get_positions")["data"]["positions"]


def price_of(client: Client) -> Decimal:
    return Decimal(client.ask("get_crypto_data", symbol=PAIR)["data"][PAIR]["current_price"])


def buy(client: Client, **more: Any) -> Decimal:
    """Buy some, with a stop 10 % below and a target 10 % above; return the price of before."""
    price = price_of(client)
    levels = {"stop_loss": f"{price * Decimal('0.9'):.2f}", "take_profit": f"{price * Decimal('1.1'):.2f}"}
    told = client.ask("execute_trade", **order(symbol=PAIR, direction="buy", amount=10, **levels | more))
    assert told["type"] == "trade_executed", told
    return price


def show(page: Page, desk: DeskProcess) -> Locator:
    """Open the desk's page on the pair; return the row of its position."""
    open_page(page, desk)
    page.click(f".pair[data-symbol={PAIR}]")
    row = page.locator(ROW)
    expect(row).to_be_visible()
    return row


def handle(page: Page, name: str) -> Locator:
    return page.get_by_role("slider", name=f"{name} of {PAIR}")


def until_booked(client: Client, name: str, value: Decimal | None) -> None:
    """Wait until the journal's position has a level; it may have it already."""
    if position_map(client)[PAIR][name] != value:
        client.wait(
            lambda frame: frame["type"] == "position_update" and frame["data"]["positions"][PAIR][name] == value,
            what=f"{name} at {value}",
        )


def test_a_stop_is_dragged_on_the_chart_and_booked_once_confirmed(
    page: Page, desk: DeskProcess, client: Client, console: list[str]
) -> None:
    price = buy(client, stop_loss=f"{price_of(client) * Decimal('0.994'):.2f}", take_profit=None)
    row = show(page, desk)
    stop = handle(page, "stop")
    expect(stop).to_be_visible()
    before = Decimal(str(position_map(client)[PAIR]["stop_loss"]))
    stop.hover(position={"x": 20, "y": 10})  # waits until it stands still: a new price moves the scale
    page.mouse.down()
    box = stop.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 25, steps=4)
    page.mouse.up()
    asked = page.get_by_role("group", name="Move the stop")
    expect(asked).to_contain_text("if reached, before fees")
    assert position_map(client)[PAIR]["stop_loss"] == before  # nothing is sent before it is confirmed
    wanted = Decimal(stop.get_attribute("aria-valuenow") or "0")
    assert wanted < before < price
    asked.get_by_role("button", name="Set stop").click()
    expect(asked).to_have_count(0)
    until_booked(client, "stop_loss", wanted)
    expect(row.locator("[data-name=Stop]")).to_have_text(f"{wanted:,.2f}")
    assert console == []


def test_a_target_is_moved_with_the_keys_or_left_where_it_was(
    page: Page, desk: DeskProcess, client: Client, console: list[str]
) -> None:
    price = buy(client, stop_loss=None, take_profit=f"{price_of(client) * Decimal('1.006'):.2f}")
    show(page, desk)
    target = handle(page, "target")
    expect(target).to_be_visible()
    before = Decimal(target.get_attribute("aria-valuenow") or "0")
    target.press("ArrowUp")
    expect(page.get_by_role("group", name="Move the target")).to_be_visible()
    target.press("Escape")
    expect(page.get_by_role("group", name="Move the target")).to_have_count(0)
    for _ in range(3):
        target.press("ArrowUp")
    wanted = Decimal(target.get_attribute("aria-valuenow") or "0")
    assert wanted > before > price
    page.get_by_role("button", name="Set target").click()
    until_booked(client, "take_profit", wanted)
    assert console == []


def test_stop_and_target_are_set_and_removed_in_a_dialog(
    page: Page, desk: DeskProcess, client: Client, console: list[str]
) -> None:
    price = buy(client)
    row = show(page, desk)
    row.get_by_role("button", name=f"Stops of {PAIR}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Stop loss").fill(f"{price * 2:.2f}")
    expect(dialog).to_contain_text("must be below the price")
    expect(dialog.get_by_role("button", name="Set")).to_be_disabled()
    wanted = Decimal(f"{price * Decimal('0.8'):.2f}")
    dialog.get_by_label("Stop loss").fill(str(wanted))
    dialog.get_by_label("Take profit").fill("")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog).to_have_count(0)
    until_booked(client, "stop_loss", wanted)
    assert position_map(client)[PAIR]["take_profit"] is None
    expect(row.locator("[data-name=Target]")).to_have_text("none")
    assert console == []


def test_a_part_is_closed_and_the_rest_stays(page: Page, desk: DeskProcess, client: Client, console: list[str]) -> None:
    buy(client)
    row = show(page, desk)
    row.get_by_role("button", name=f"Close {PAIR}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="25 %").click()
    dialog.get_by_role("button", name="Close 25 %").click()
    expect(row.locator("[data-name=Amount]")).to_have_text("7.5")
    assert position_map(client)[PAIR]["amount"] == Decimal("7.5")
    assert console == []


def test_the_ticket_says_what_the_fill_then_costs(
    page: Page, desk: DeskProcess, client: Client, console: list[str]
) -> None:
    open_page(page, desk)
    page.click(f".pair[data-symbol={PAIR}]")
    page.get_by_label("Unit of size").select_option("base")
    page.fill("#ticket input[name=size]", "3")
    leverage = page.locator("#ticket").get_by_label("Leverage")
    leverage.fill("99")
    expect(page.locator("#ticket")).to_contain_text("Must be a whole number from 1 to 20.")
    expect(page.locator("#ticket button[value=buy]")).to_be_disabled()
    leverage.fill("5")
    expect(page.locator("#estimate")).to_contain_text("Estimated from the order book of now.")
    fee, margin = (number(page, f"#estimate tr:has-text('{name}') td >> nth=0") for name in ("Fee", "Margin"))
    page.click("#ticket button[value=buy]")
    expect(page.locator(ROW)).to_be_visible()
    (trade,) = client.ask("get_trade_history", limit=1)["data"]["trades"]
    position = position_map(client)[PAIR]
    assert (trade["symbol"], trade["amount"], position["leverage"]) == (PAIR, 3, 5)
    assert float(trade["fee"]) == pytest.approx(fee, rel=0.05, abs=0.01)
    assert float(position["margin"]) == pytest.approx(margin, rel=0.05)
    assert console == []


def test_intervals_and_indicators_are_chosen_and_kept(page: Page, desk: DeskProcess, console: list[str]) -> None:
    open_page(page, desk)
    for interval in ("5m", "1h", "4h", "1m"):
        page.get_by_role("group", name="Candle interval").get_by_role("button", name=interval, exact=True).click()
        expect(page.get_by_role("img", name=re.compile(f"Candle chart of .*, {interval}"))).to_be_visible()
    for name in ("EMA", "BB", "RSI"):
        page.get_by_role("group", name="Indicators").get_by_role("button", name=name, exact=True).click()
    expect(page.locator("#chart .legend")).to_contain_text("Bollinger 20, 2")
    page.reload()
    expect(page.locator("#chart .legend")).to_contain_text("RSI 14")
    assert console == []


def test_the_results_are_those_of_the_journal(
    page: Page, desk: DeskProcess, client: Client, console: list[str]
) -> None:
    buy(client)
    client.ask("close_position", symbol=PAIR)
    figures = client.ask("get_statistics")["data"]
    trades = client.ask("get_trade_history", limit=500)["data"]["trades"]
    open_page(page, desk, "results")
    expect(page.locator("#trades [role=status]")).to_have_text(f"{len(trades)} of {len(trades)}")
    tile = page.locator(".tile", has_text="Trades closed")
    expect(tile).to_contain_text(f"{figures['wins']} won, {figures['losses']} lost")
    assert number_of(tile.locator("dd").first.inner_text()) == figures["trades"]
    net = page.locator(".tile", has_text="Net profit").locator("dd").first
    assert number_of(net.inner_text()) == pytest.approx(float(figures["net_profit"]), abs=0.006)
    newest = page.locator("#trade-table tbody tr").first
    cells = {
        name: newest.locator(f"[data-name={name}]").inner_text() for name in ("Pair", "Amount", "Price", "Fee", "Gain")
    }
    assert cells["Pair"] == trades[0]["symbol"] == PAIR
    for name, field in {"Amount": "amount", "Price": "price", "Fee": "fee"}.items():
        assert number_of(cells[name]) == pytest.approx(float(trades[0][field]), abs=0.006), name
    gain = float(trades[0]["pnl"])  # 0 where the price moved by just the spread: such an exit looks like an entry
    assert number_of(cells["Gain"] or "0") == pytest.approx(gain, abs=0.006)
    assert console == []


def test_trades_are_sorted_filtered_and_saved(
    page: Page, desk: DeskProcess, client: Client, console: list[str]
) -> None:
    buy(client)
    client.ask("close_position", symbol=PAIR, fraction="0.5")
    trades = client.ask("get_trade_history", limit=500)["data"]["trades"]
    ours = [trade for trade in trades if trade["symbol"] == PAIR]
    open_page(page, desk, "results")
    expect(page.locator("#trades [role=status]")).to_have_text(f"{len(trades)} of {len(trades)}")
    page.get_by_label("Pair", exact=True).select_option(PAIR)
    expect(page.locator("#trades [role=status]")).to_have_text(f"{len(ours)} of {len(trades)}")
    page.locator("#trade-table").get_by_role("button", name="Value").click()
    largest = max(float(trade["value"]) for trade in ours)
    assert number(page, "#trade-table tbody tr:first-child [data-name=Value]") == pytest.approx(largest, abs=0.006)
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save as CSV").click()
    with open(saving.value.path(), newline="") as file:
        rows = {row["trade_id"]: row for row in csv.DictReader(file)}
    assert len(rows) == len(ours)
    for trade in ours:
        row = rows[trade["trade_id"]]
        assert all(Decimal(row[name]) == trade[name] for name in ("amount", "price", "fee", "pnl"))
    assert console == []


def serious(violations: list[dict[str, Any]]) -> list[str]:
    """Return what axe found, each with the first element that it found it of."""
    kept = [one for one in violations if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in kept]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_used_by_everybody(
    page: Page, desk: DeskProcess, client: Client, console: list[str], scheme: Any
) -> None:
    """No serious finding of axe on any page, wide and on a phone."""
    if not AXE.is_file():
        pytest.skip("the dashboard's packages are not installed: make setup")
    buy(client)
    page.emulate_media(color_scheme=scheme)
    open_page(page, desk)
    page.evaluate(AXE.read_text())
    found = []
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for name in PAGE_NAMES:
            turn_to(page, name.capitalize())
            expect(page.locator("main .panel").first).to_be_visible()
            result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            found += [f"{name} {width}: {text}" for text in serious(result["violations"])]
    assert not found, "\n".join(found)
    assert console == []


def test_the_colours_are_chosen_and_kept(page: Page, desk: DeskProcess) -> None:
    page.emulate_media(color_scheme="light")
    open_page(page, desk)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.click("#theme")
    page.click("#theme")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate(ground) != light
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_price_that_is_not_of_now_is_grey_and_says_so(page: Page, desk: DeskProcess, client: Client) -> None:
    buy(client)

    def spoil(socket: WebSocketRoute) -> None:
        """Let each price be told as a stale one."""
        server = socket.connect_to_server()
        socket.on_message(server.send)
        server.on_message(lambda text: socket.send(str(text).replace('"market_cap":0', '"market_cap":0,"stale":true')))

    page.route_web_socket(re.compile("/ws$"), spoil)
    row = show(page, desk)
    pair = page.locator(f".pair[data-symbol={PAIR}]")
    expect(pair.locator(".status")).to_have_text("stale")
    colour = "(element) => getComputedStyle(element).color"
    muted = page.locator(".figure dt").first.evaluate(colour)
    assert pair.locator(".price").evaluate(colour) == muted
    assert row.locator("[data-name=Price]").evaluate(colour) == muted
