"""A headless Chromium for the dashboard's tests and a desk to look at: `browser`, `page`, `console` and `desk`.

Playwright drives the machine's own Chromium (CHROMIUM names another one). Its waits give way to other greenlets, so the
server under test may run in the same process.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.driving import DIST, start
from tests.system.desk_process import DeskProcess
from tests.system.quiet import quiet

# Sandboxing needs rights that root in a container lacks; the rest keeps Chromium off the network.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests; without one they are skipped, but fail where CI is set."""
    names = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no chromium on PATH and CHROMIUM is not set")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a context of its own; an uncaught error in its scripts fails the test."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.set_default_timeout(30_000)  # on a busy machine
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
    assert not errors


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskProcess]:
    """One desk for many tests; each leaves it without positions and orders."""
    if not DIST.is_file():
        pytest.skip("the dashboard is not built: make setup")
    desk = DeskProcess(tmp_path_factory.mktemp("desk"), quiet())
    try:
        start(desk)
        desk.write_settings(quiet(port=int(desk.address.rpartition(":")[2])))  # the same one after a restart
        yield desk
    finally:
        desk.clean_up()


@pytest.fixture
def console(page: Page) -> list[str]:
    """What the page complains about."""
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    return complaints
