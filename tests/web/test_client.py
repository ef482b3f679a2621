"""The client for scripts, its command line and the examples, against the desk's server."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import gevent
import pytest

from tests.web.test_server import TOKENS
from tests.web.test_siege import desk  # noqa: F401 - a fixture: the server with a real hub behind it
from web.client import Desk, DeskClosed, DeskRefused, main

ROOT = Path(__file__).parent.parent.parent


def url_of(server):
    return f"ws://127.0.0.1:{server.port}/ws"


def test_a_question_is_answered_and_other_frames_wait(desk):  # noqa: F811
    with Desk(url_of(desk)) as client:
        assert client.snapshot["type"] == "initial_data"
        assert client.ask("get_balance")["data"]["balance"] == Decimal(100_000)
        desk.notices.publish("alert", {"message": "first"})
        assert client.ask("ping", timestamp=5)["timestamp"] == 5
        assert next(client.frames())["data"] == {"message": "first"}


def test_a_refusal_is_raised_with_its_code(desk):  # noqa: F811
    with Desk(url_of(desk)) as client, pytest.raises(DeskRefused, match="no message type") as refused:
        client.ask("make_me_rich")
    assert refused.value.code == "unknown_type"


def test_the_end_of_the_session_says_its_code(desk):  # noqa: F811
    with Desk(url_of(desk)) as client:
        desk.notices.restarted()
        with pytest.raises(DeskClosed) as closed:
            for _ in client.frames():
                pass
    assert closed.value.code == 1012


def test_the_command_line_prints_one_line_of_json(desk, capsys):  # noqa: F811
    assert main(["--url", url_of(desk), "get_positions"]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "positions_response"


def test_the_command_line_reads_values_as_json_and_says_why_not(desk, capsys):  # noqa: F811
    assert main(["--url", url_of(desk), "get_trade_history", "limit=0"]) == 1
    assert capsys.readouterr().err.startswith("bad_message: limit must be a whole number from 1 to 500, was 0.")


def test_the_command_line_watches(desk, capsys):  # noqa: F811
    publishing = gevent.spawn(publish_for_ever, desk)
    assert main(["--url", url_of(desk), "--count", "2", "watch", "alert"]) == 0
    publishing.kill()
    kinds = [json.loads(line)["type"] for line in capsys.readouterr().out.splitlines()]
    assert kinds == ["initial_data", "alert", "alert"]


def publish_for_ever(server):
    while True:
        server.notices.publish("alert", {"message": "m"})
        server.notices.publish("price_update", {"symbol": "BTCUSDT", "price": Decimal(1)}, symbol="BTCUSDT")
        gevent.sleep(0.01)


def test_who_is_not_let_in_or_finds_nobody_gets_exit_code_2(serve, capsys, monkeypatch):
    monkeypatch.delenv("HUB_OPERATOR_TOKEN", raising=False)
    assert main(["--url", url_of(serve(**TOKENS)), "get_balance"]) == 2
    assert main(["--url", "ws://127.0.0.1:9/ws", "--timeout", "2", "get_balance"]) == 2
    assert "127.0.0.1:9" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["sync_client", "async_client"])
def test_an_example_runs(desk, name):  # noqa: F811
    publishing = gevent.spawn(publish_for_ever, desk)
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", f"examples.{name}", url_of(desk)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while process.poll() is None:
        gevent.sleep(0.05)
    publishing.kill()
    shown = process.stdout.read()
    process.stdout.close()
    assert process.returncode == 0, shown
    assert shown.startswith("free cash 100000") and shown.count("BTCUSDT 1") == 5
