"""How tests drive the dashboard in a browser."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.system.client import Client
from tests.system.desk_process import ROOT, DeskProcess
from tests.system.quiet import wait_for_market

PAGE_NAMES = ("desk", "quorum", "why", "bots", "results", "news", "system")
MINUS = "\N{MINUS SIGN}"
DIST = ROOT / "frontend" / "dist" / "index.html"

expect.set_options(timeout=30_000)  # on a busy machine


def start(desk: DeskProcess) -> None:
    """Start a desk and wait until every pair has a price."""
    with Client(desk.start().address) as client:
        wait_for_market(client)


def number_of(text: str) -> float:
    """Return the first number of a text of the page."""
    found = re.search(rf"[-+{MINUS}]?\d[\d,]*\.?\d*", text)
    assert found, text
    return float(found[0].replace(",", "").replace(MINUS, "-"))


def number(page: Page, selector: str) -> float:
    return number_of(page.locator(selector).inner_text())


def until_number(page: Page, selector: str, wanted: float, *, within: float) -> None:
    """Wait until the page shows a number: what one command changes comes in several frames."""
    deadline = time.monotonic() + 30
    while abs(number(page, selector) - wanted) > within and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert number(page, selector) == pytest.approx(wanted, abs=within)


def until_changed(page: Page, selector: str) -> None:
    expect(page.locator(selector).first).not_to_have_text(page.locator(selector).first.inner_text())


def open_page(page: Page, desk: DeskProcess, name: str = "desk") -> None:
    page.goto(f"{desk.address}/#/{name}")
    expect(page.locator("#connection")).to_have_text("Connected")


def turn_to(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
