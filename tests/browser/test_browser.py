"""The browser fixtures themselves."""

from collections.abc import Iterator

import pytest
from gevent.pywsgi import WSGIServer
from playwright.sync_api import Page


@pytest.fixture
def address() -> Iterator[str]:
    def answer(_environ: object, start_response: object) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b"<button onclick=\"this.textContent = 'pressed'\">press</button>"]

    server = WSGIServer(("127.0.0.1", 0), answer, log=None)
    server.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.stop(timeout=30)


@pytest.mark.browser
def test_a_page_served_by_this_process_is_driven(page: Page, address: str) -> None:
    page.goto(address)
    page.click("button")
    assert page.text_content("button") == "pressed"
