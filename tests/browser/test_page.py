"""The dashboard in a browser, on a whole desk in the simulated world."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import PAGE_NAMES, number, open_page, start, turn_to, until_changed, until_number
from tests.system.desk_process import DeskProcess
from tests.system.quiet import PAIRS, quiet

pytestmark = [pytest.mark.browser, pytest.mark.system, pytest.mark.timeout(120)]

MANY = (
    *PAIRS,
    *("ADAUSDT", "DOTUSDT", "LINKUSDT", "LTCUSDT", "DOGEUSDT", "TRXUSDT", "AVAXUSDT", "ATOMUSDT", "UNIUSDT"),
    *("ETCUSDT", "XLMUSDT", "NEARUSDT", "APTUSDT", "ARBUSDT", "OPUSDT", "FILUSDT", "INJUSDT", "SUIUSDT"),
)


def test_prices_and_balances_move_and_the_banner_says_they_are_not_real(
    page: Page, desk: DeskProcess, console: list[str], tmp_path: Path
) -> None:
    open_page(page, desk)
    expect(page.locator("#banner")).to_contain_text("not real prices")
    expect(page.locator("#market")).to_have_text("Market live")
    assert page.locator(".pair .name").all_inner_texts() == [pair.removesuffix("USDT") for pair in sorted(PAIRS)]
    assert number(page, "#equity") == pytest.approx(100_000, abs=1_000)
    until_changed(page, ".pair .price")
    expect(page.locator("#chart canvas").first).to_be_visible()
    turn_to(page, "News")
    expect(page.locator("#news-list [role=listitem]").first).to_be_visible()
    turn_to(page, "Quorum")
    expect(page.locator(".scorecard").first).to_be_visible()
    assert "of $0.00" not in page.locator("#scorecards").inner_text()  # the built-in analyst costs nothing
    assert page.screenshot(path=tmp_path / "page.png")[:4] == b"\x89PNG"
    assert console == []


def test_a_market_buy_fills_shows_a_position_and_a_close_removes_it(
    page: Page, desk: DeskProcess, console: list[str]
) -> None:
    open_page(page, desk)
    page.click(".pair[data-symbol=ETHUSDT]")
    expect(page.locator("#ticket h2")).to_have_text("Order ETHUSDT")
    page.fill("#ticket input[name=size]", "1,000")
    expect(page.locator("#estimate")).to_contain_text("Estimated from the order book of now.")
    assert number(page, "#estimate tr:has-text('Margin') td >> nth=0") == pytest.approx(1000, abs=5)
    before = number(page, "#balance")
    page.click("#ticket button[value=buy]")
    row = page.locator("#positions tr[data-symbol=ETHUSDT]")
    expect(row).to_contain_text("long")
    expect(page.locator("#notice")).to_contain_text("filled")
    until_number(page, "#balance", before - 1001, within=6)
    until_number(page, "#margin", 1000, within=5)
    until_changed(page, "#equity")
    page.reload()
    expect(row).to_contain_text("long")
    assert number(page, "#margin") == pytest.approx(1000, abs=5)  # at once, not with the next change
    row.get_by_role("button", name="Close ETHUSDT").click()
    page.get_by_role("button", name="Close all").click()
    expect(page.locator("#positions")).to_contain_text("No open position.")
    until_number(page, "#margin", 0, within=0)
    assert console == []


def test_a_limit_order_rests_at_the_price_that_was_offered_and_is_cancelled(
    page: Page, desk: DeskProcess, console: list[str]
) -> None:
    open_page(page, desk)
    page.click(".pair[data-symbol=BNBUSDT]")
    page.click("#ticket >> text=limit")
    price = page.get_by_label("Limit price")
    shown = float(price.input_value())
    assert shown == pytest.approx(number(page, ".pair[data-symbol=BNBUSDT] .price"), rel=0.01)
    price.fill(f"{shown * 0.8:.2f}")
    page.click("#ticket button[value=buy]")
    expect(page.locator("#orders tbody tr")).to_have_count(1)
    expect(price).to_have_value("")
    page.click("#orders >> text=Cancel")
    expect(page.locator("#orders")).to_contain_text("No order rests.")
    page.click("#ticket >> text=stop")
    page.get_by_label("Trigger price").fill(f"{shown * 0.8:.2f}")
    page.click("#ticket button[value=buy]")  # below the market: the hub says what must hold
    expect(page.locator("#notice .bad")).to_contain_text("stop must be above")
    assert console == []


def test_bots_are_started_trade_and_are_stopped(page: Page, desk: DeskProcess, console: list[str]) -> None:
    open_page(page, desk, "bots")
    expect(page.locator("#bot-state")).to_have_text("stopped")
    page.click("#bot-toggle")
    expect(page.locator("#bot-state")).to_have_text("running")
    expect(page.locator("#analysis-toggle")).to_have_text("Stop analysis")
    turn_to(page, "Why")
    page.select_option("#filter-outcome", "traded")
    expect(page.locator("#decision-list .traded").first).to_be_visible(timeout=60_000)
    turn_to(page, "Desk")
    expect(page.locator("#trade-log li").first).to_be_visible(timeout=60_000)
    turn_to(page, "Quorum")
    expect(page.locator("#analysis-log li").first).to_be_visible()
    turn_to(page, "Bots")
    page.click("#bot-toggle")
    expect(page.locator("#bot-state")).to_have_text("stopped")
    page.click("#analysis-toggle")
    expect(page.locator("#analysis-toggle")).to_have_text("Start analysis")
    assert console == []


def test_nothing_is_wider_than_the_screen(page: Page, desk: DeskProcess) -> None:
    for name in PAGE_NAMES:
        open_page(page, desk, name)
        for width in (360, 390, 768, 1024, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            if name == "desk":
                assert page.locator("#ticket select").bounding_box()["width"] > 70  # the unit can be read


def test_the_page_comes_back_by_itself_after_a_restart(page: Page, desk: DeskProcess) -> None:
    open_page(page, desk, "bots")
    loaded = page.evaluate("performance.timeOrigin")
    desk.terminate()
    expect(page.locator("#connection")).not_to_have_text("Connected")
    expect(page.locator("#bot-toggle")).to_be_disabled()
    start(desk)
    expect(page.locator("#connection")).to_have_text("Connected", timeout=30_000)
    expect(page.locator("#bot-toggle")).to_be_enabled()
    turn_to(page, "Desk")
    until_changed(page, ".pair .price")
    assert page.evaluate("performance.timeOrigin") == loaded


def test_many_pairs_fit_and_are_found(page: Page, console: list[str], tmp_path: Path) -> None:
    desk = DeskProcess(tmp_path, quiet(pairs=MANY))
    try:
        desk.start()
        open_page(page, desk)
        expect(page.locator(".pair")).to_have_count(len(MANY))
        assert page.locator(".pairs").bounding_box()["height"] < 260
        page.get_by_label("Find a pair").fill("sui")
        expect(page.locator(".pair")).to_have_count(1)
        page.click(".pair")
        expect(page.locator("#ticket h2")).to_have_text("Order SUIUSDT")
        expect(page.locator("#chart h2")).to_have_text(re.compile("SUIUSDT"))
        assert console == []
    finally:
        desk.clean_up()
