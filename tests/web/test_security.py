"""What docs/security.md promises, where no other test does, and that each test it names exists."""

import logging
import re
from pathlib import Path

import pytest

from tests.web.raw import text
from tests.web.test_server import TOKENS, arrive

ROOT = Path(__file__).parent.parent.parent
ROWS = re.findall(r"\| `(tests/[^`]+)` \|$", (ROOT / "docs" / "security.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ROWS)
def test_every_test_of_the_security_table_exists(name):
    path, _, test = name.partition("::")
    assert f"\ndef {test}(" in (ROOT / path).read_text()


def test_every_row_of_the_security_table_names_a_test():
    table = (ROOT / "docs" / "security.md").read_text().partition("| threat |")[2].strip().split("\n\n")[0]
    assert len(ROWS) == len(table.splitlines()) - 2 > 30


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/nothing", "/ws", "/?token=" + "o" * 40])
def test_every_answer_has_the_headers_that_keep_others_out(serve, connect, path):
    _, headers = connect(serve(**TOKENS).port).request(path=path).head()
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy.partition("script-src")[2].partition(";")[0]
    assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_token_in_the_address_reaches_no_log(serve, connect, caplog):
    caplog.set_level(logging.DEBUG)
    port = serve(**TOKENS).port
    assert connect(port).request(path="/?token=" + "o" * 40).status() == 303
    assert connect(port).request(path="/?token=wrong-and-secret").status() == 401
    assert connect(port).upgrade(Authorization="Bearer wrong-and-secret").status() == 401
    assert "o" * 40 not in caplog.text and "wrong-and-secret" not in caplog.text


def test_a_bug_is_answered_with_internal_and_nothing_of_the_inside(server, client, peers):
    arrive(server, client, peers)

    def fail(name, message):
        raise RuntimeError("/home/desk/secret.py")

    server._tell, told = fail, server._tell
    client.send(text({"type": "get_positions", "request_id": "r"}))
    answer = client.message()
    server._tell = told
    assert answer["data"]["code"] == "internal" and "secret" not in str(answer)
    client.send(text({"type": "ping"}))
    assert client.message()["type"] == "pong"
