"""A desk whose journal contradicts itself or what is remembered of it: it can be looked at, and writes nothing."""

from collections.abc import Callable
from contextlib import closing
from decimal import Decimal

import pytest
from pymongo import MongoClient

from adapters.anchor import AnchorFile
from adapters.mongod import running_uri
from domain.ports import Head
from tests.system.desk_process import DeskProcess, until
from tests.system.journal import read_embedded
from tests.system.worlds import simulated

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

DATABASE = "crypto_trading_sim"
PAIR = "BTCUSDT"


def idle() -> dict:
    settings = simulated()
    settings["bots"] |= {"enabled_at_start": False, "pairs": {PAIR: {}}}
    settings["analysis"]["enabled_at_start"] = False
    return settings


def buy(desk: DeskProcess) -> dict:
    session = desk.session()
    session.wait("price_update", lambda frame: frame["data"]["bid"] and not frame["data"].get("stale"))
    return session.ask("execute_trade", symbol=PAIR, direction="buy", value_usdt=1000, leverage=2)


def is_read_only(desk: DeskProcess) -> str:
    """Return what /readyz says of it, empty as long as it says nothing."""
    status, body = desk.ready()
    return str(body) if status == 503 and ("journal" in str(body) or "hash" in str(body)) else ""


def check_nothing_is_written(desk: DeskProcess) -> None:
    count = len(read_embedded(desk.folder, DATABASE))
    assert buy(desk)["data"]["code"] == "ledger_unavailable"
    assert len(read_embedded(desk.folder, DATABASE)) == count


def test_a_journal_that_lacks_what_the_anchor_file_remembers_is_only_shown(
    desks: Callable[..., DeskProcess],
) -> None:
    desk = desks(idle()).start()
    assert buy(desk)["type"] == "trade_executed"
    assert desk.terminate()[0] == 0
    anchors = AnchorFile(data_dir=desk.folder / "var", database=DATABASE)
    anchors.append(Head(seq=99, hash="e" * 64), ts_ms=1)

    desk.start()
    until(lambda: is_read_only(desk), what="the desk says that it is read-only")
    shown = desk.session().initial
    assert shown["positions"].keys() == {PAIR}
    assert shown["paper_balance"] < Decimal(100_000)
    check_nothing_is_written(desk)
    assert desk.terminate()[0] == 0
    last = anchors.last()
    assert last is not None
    assert last.seq == 99  # the shorter journal did not become what is remembered
    assert desk.ledger("audit").returncode == 3


def test_a_document_that_a_start_does_not_read_is_found_beside_the_running_desk(
    desks: Callable[..., DeskProcess],
) -> None:
    desk = desks(idle()).start()
    assert buy(desk)["type"] == "trade_executed"
    until(lambda: "quorum_last_audit_clean 1.0" in desk.get("/metrics")[1], what="the first audit is over")
    with closing(MongoClient(running_uri(desk.folder / "var"))) as client:
        client[DATABASE]["journal"].update_one({"type": "fill"}, {"$set": {"fill.catch_up": True}})
    assert desk.terminate()[0] == 0  # with a checkpoint: the next start reads no further back

    desk.start()
    until(lambda: is_read_only(desk), what="the audit beside the desk found it")
    check_nothing_is_written(desk)
    assert "quorum_last_audit_clean 0.0" in desk.get("/metrics")[1]
    with closing(MongoClient(running_uri(desk.folder / "var"))) as client:
        (kept,) = client[DATABASE]["audits"].find({"clean": False})
    assert "hash: the content's hash is" in kept["finding"]
    assert desk.terminate()[0] == 0
