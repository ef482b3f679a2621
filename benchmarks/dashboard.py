"""The dashboard in a browser: its size, the time to the first price, and 50 pairs with 10 prices a second each.

The frame rate and the main thread's time are measured for SECONDS on the desk's page, and on an empty page of the same
browser before and after it (the baseline): what else the machine does meets both. Chromium is headless and draws
without a graphics card, so painting costs more here than where there is one.

Run: `python benchmarks/dashboard.py [SECONDS [PAIRS [PER_SECOND]]]`. Prints JSON lines. CHROMIUM names the browser.
"""

import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

ROOT = Path(__file__).parents[1]
DIST = ROOT / "frontend" / "dist"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
CONTEXT: Any = {"viewport": {"width": 1440, "height": 900}, "bypass_csp": True}  # waiting evaluates a text
OPENINGS = 5
THREAD_TIMES = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")

FIRST_PRICE = """
new MutationObserver((_, observer) => {
  const price = document.querySelector('.pair .price');
  if (!price || !/[0-9]/.test(price.textContent)) return;
  observer.disconnect();
  window.firstPrice = performance.now();
}).observe(document, {childList: true, subtree: true, characterData: true});
"""

FRAMES = """
async (seconds) => {
  const gaps = [], long = [];
  const note = (list) => list.getEntries().forEach((one) => long.push(one.duration));
  new PerformanceObserver(note).observe({entryTypes: ['longtask']});
  let last = await new Promise(requestAnimationFrame);
  const end = last + seconds * 1000;
  while (last < end) {
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
  }
  return {gaps, long};
}
"""


def report(figure: str, **values: object) -> None:
    print(json.dumps({"benchmark": "dashboard", "figure": figure, **values}), flush=True)


@contextmanager
def server(pairs: int, rate: float) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "_dashboard_server.py"), str(pairs), str(rate)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdin is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(timeout=30)


def size() -> None:
    files = [path for path in sorted(DIST.rglob("*")) if path.suffix in (".html", ".js", ".css")]
    zipped = {path.suffix[1:]: 0 for path in files}
    for path in files:
        zipped[path.suffix[1:]] += len(gzip.compress(path.read_bytes()))
    report("size", gzip_bytes=sum(zipped.values()), bytes=sum(path.stat().st_size for path in files), **zipped)


def first_price(browser: Browser, address: str) -> None:
    """From the start of the navigation to a price in the page, nothing cached."""
    took = []
    for _ in range(OPENINGS):
        with browser.new_context(**CONTEXT) as context:
            page = context.new_page()
            page.add_init_script(FIRST_PRICE)
            page.goto(address)
            page.wait_for_function("window.firstPrice", timeout=60_000)
            took.append(page.evaluate("window.firstPrice"))
    report("first_price_ms", median=round(statistics.median(took)), worst=round(max(took)), load=os.getloadavg()[0])


def thread_times(session: CDPSession) -> dict[str, float]:
    told = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return {name: told[name] for name in THREAD_TIMES}


def frames(page: Page, seconds: float, figure: str) -> float:
    """Measure one page; return its frames a second."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    before = thread_times(session)
    found: dict[str, Any] = page.evaluate(FRAMES, seconds)
    after = thread_times(session)
    gaps = sorted(found["gaps"])
    rate: float = 1000 * len(gaps) / sum(gaps)
    busy = {
        name.removesuffix("Duration").lower() + "_percent": round(100 * (after[name] - before[name]) / seconds, 1)
        for name in THREAD_TIMES
    }
    report(
        figure,
        frames_per_second=round(rate, 1),
        gap_ms={
            "median": round(gaps[len(gaps) // 2], 1),
            "p95": round(gaps[int(len(gaps) * 0.95)], 1),
            "worst": round(gaps[-1], 1),
        },
        long_tasks=len(found["long"]),
        longest_task_ms=round(max(found["long"], default=0)),
        main_thread=busy,
        load=round(os.getloadavg()[0], 1),
    )
    return rate


def received(page: Page, seconds: float) -> float:
    """Return the frames of the WebSocket that come in a second; counting them costs, so it is done by itself."""
    session = page.context.new_cdp_session(page)
    came = 0

    def count(_event: object) -> None:
        nonlocal came
        came += 1

    session.on("Network.webSocketFrameReceived", count)
    session.send("Network.enable")
    page.wait_for_timeout(seconds * 1000)
    session.detach()
    return came / seconds


def main() -> None:
    given = [float(argument) for argument in sys.argv[1:]]
    seconds, pairs, rate = (*given, *(15.0, 50.0, 10.0)[len(given) :])
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or not DIST.is_dir():
        report("skipped", reason="it needs Chromium (CHROMIUM) and the built dashboard (make setup)")
        return
    size()
    with server(int(pairs), rate) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        first_price(browser, address)
        with browser.new_context(**CONTEXT) as context:
            empty = [frames(context.new_page(), seconds / 3, "empty_page")]
            page = context.new_page()
            page.goto(f"{address}/#/desk")
            page.wait_for_function("document.querySelectorAll('.spark path[d^=M]').length > 20", timeout=120_000)
            page.wait_for_timeout(3000)
            desk = frames(page, seconds, "desk_page")
            report("messages", per_second=round(received(page, 5), 1), pairs=int(pairs), prices_per_second=rate)
            page.close()
            empty.append(frames(context.new_page(), seconds / 3, "empty_page"))
            report("frame_rate_ratio", desk_over_empty=round(desk / statistics.mean(empty), 3))
        browser.close()


if __name__ == "__main__":
    main()
