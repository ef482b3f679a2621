"""Take the pictures of docs/pictures: every page of the dashboard, light and dark, on a desk in the simulated world.

Run: `python deploy/screenshots.py [SECONDS]`: how long the desk trades before its first picture (default 600).
CHROMIUM names another browser than the machine's.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
PAGES = ("desk", "quorum", "why", "bots", "results", "news", "system")
PHONE_PAGES = ("desk", "quorum")
WIDE, PHONE = (1440, 900), (390, 844)
LARGEST_BYTES = 250_000
START_SECONDS = 120
SETTLE_MS = 2500  # candles and lists are asked for when a page is opened
RUNNING = re.compile(r"^Quorum \S+ is running: (http://\S+)/$", re.M)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)


@contextmanager
def desk(folder: Path) -> Iterator[str]:
    """Run the demonstration's desk on `folder`; give its address."""
    settings = yaml.safe_load((ROOT / "sim" / "demo.yaml").read_text())
    settings["storage"] = {"data_dir": str(folder / "var"), "database": "pictures"}
    settings["server"] = {"port": 0}
    path, log = folder / "settings.yaml", folder / "log.txt"
    path.write_text(yaml.safe_dump(settings))
    command = [sys.executable, str(ROOT / "supervisor.py"), "--settings", str(path), "--market", "simulated"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
    try:
        yield address_in(log, process)
    finally:
        process.terminate()
        process.wait(timeout=60)


def address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := RUNNING.search(log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.2)
    sys.exit(f"screenshots: the desk did not start:\n{log.read_text(errors='replace')}")


def shoot(browser: Browser, address: str, scheme: str, size: tuple[int, int], pages: tuple[str, ...], end: str) -> None:
    """Take one picture of each page."""
    viewport = {"width": size[0], "height": size[1]}
    with browser.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce") as context:  # type: ignore[arg-type]  # of two words
        page = context.new_page()
        for name in pages:
            page.goto(f"{address}/#/{name}")
            page.locator("main .panel").first.wait_for()
            prepare(page, name)
            page.mouse.move(0, 0)
            page.wait_for_timeout(SETTLE_MS)
            path = PICTURES / f"{name}-{end}.png"
            page.screenshot(path=path)
            size_bytes = path.stat().st_size
            print(f"{path.relative_to(ROOT)}: {size_bytes // 1000} kB", flush=True)
            if size_bytes > LARGEST_BYTES:
                sys.exit(f"screenshots: {path.name} must be at most {LARGEST_BYTES} bytes, was {size_bytes}")


def prepare(page: Page, name: str) -> None:
    """Show what a page can do: indicators on the desk, the reasons of an opinion, the trace of a decision to trade."""
    if name == "desk":
        for indicator in ("EMA", "RSI"):
            button = page.get_by_role("group", name="Indicators").get_by_role("button", name=indicator)
            if button.get_attribute("aria-pressed") == "false":
                button.click()
    elif name == "quorum":
        page.locator(".matrix .signal button").first.click()
    elif name == "why":
        page.locator("#decision-list .traded").first.click()


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("screenshots: no chromium on PATH and CHROMIUM is not set")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, desk(Path(folder)) as address, sync_playwright() as playwright:
        print(f"screenshots: the desk trades for {seconds:.0f} s first", flush=True)
        time.sleep(seconds)
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for scheme in ("light", "dark"):
            shoot(browser, address, scheme, WIDE, PAGES, scheme)
        shoot(browser, address, "dark", PHONE, PHONE_PAGES, "phone")
        browser.close()


if __name__ == "__main__":
    main()
