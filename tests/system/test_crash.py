"""A desk that is killed in the middle of trading, and one that is told to end: nothing announced is ever lost."""

import io
import json
import random
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import gevent
import pytest

from ledger.verify import verify
from tests.system.desk_process import DeskProcess, Session, is_alive, until
from tests.system.journal import Document, balances, fills, positions, read_embedded
from tests.system.worlds import simulated

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

DATABASE = "crypto_trading_sim"
PROTECTED = ("stop_loss", "take_profit")


def announced(session: Session) -> set[str]:
    """Return the ids of all trades the session was told of."""
    return {frame["data"]["trade"]["trade_id"] for frame in session.frames if "trade" in frame["data"]}


def trade_ids(journal: list[Document]) -> set[str]:
    return {fill["trade_id"] for fill in fills(journal)}


def check_snapshot(initial: dict[str, Any], journal: list[Document]) -> None:
    """Compare a session's first frame with the journal as it was at that moment, to the last decimal."""
    seq = initial["ledger"]["seq"]
    past = journal[:seq]
    assert past[-1]["seq"] == seq
    assert initial["ledger"]["hash"] in (past[-1]["hash"], None)  # None: not told yet
    sums, held = balances(past), positions(past)
    assert initial["paper_balance"] == sums["cash", "USDT"]
    assert initial["positions"].keys() == held.keys()
    for pair, shown in initial["positions"].items():
        quantity = sums[f"position:{pair}", pair.removesuffix("USDT")]
        assert shown["direction"] == held[pair]["direction"] == ("long" if quantity > 0 else "short")
        assert shown["amount"] == abs(quantity)
        assert shown["margin"] == sums[f"margin:{pair}", "USDT"]
        assert [shown[name] for name in PROTECTED] == [held[pair].get(name) for name in PROTECTED]


def check_audit(desk: DeskProcess) -> None:
    audit = desk.ledger("audit")
    assert audit.returncode == 0, audit.stdout + audit.stderr


def buy(session: Session, pair: str, *, stop: str) -> None:
    """Buy by hand as soon as there is a price, with a stop at `stop` times the price of this moment."""
    session.wait("price_update", lambda frame: priced(frame, pair))
    for _ in range(5):  # the price may pass the stop on the way
        answer = session.ask("get_crypto_data", symbol=pair)  # price frames that wait in the socket are old
        level = str(answer["data"][pair]["current_price"] * Decimal(stop))
        bought = session.ask("execute_trade", symbol=pair, direction="buy", value_usdt=1000, stop_loss=level)
        if bought["type"] == "trade_executed":
            return
    raise AssertionError(bought)


def priced(frame: dict[str, Any], pair: str) -> bool:
    return frame["data"]["symbol"] == pair and frame["data"]["bid"] is not None and not frame["data"].get("stale")


def test_a_killed_desk_comes_back_with_the_same_positions_balances_and_stops(
    desks: Callable[..., DeskProcess],
) -> None:
    moment = random.Random(7)
    settings = simulated()
    settings["bots"]["pairs"]["BTCUSDT"] = {"enabled": False}
    desk = desks(settings)
    sessions: list[Session] = []
    for _ in range(3):
        sessions.append(session := desk.start().session())
        if len(sessions) == 1:
            buy(session, "BTCUSDT", stop="0.9")
        session.wait("bot_trade_executed", seconds=60)
        session.listen(moment.uniform(0.0, 2.5))
        database = desk.mongod_pid()
        assert database is not None
        desk.kill()
        until(lambda pid=database: not is_alive(pid), seconds=20, what="the database ends with the desk")
        assert session.wait_closed(seconds=5) is None  # nobody was there to say why
    sessions.append(desk.start().session())
    journal = read_embedded(desk.folder, DATABASE)

    for session in sessions:
        check_snapshot(session.initial, journal)
        assert announced(session) <= trade_ids(journal)
    snapshots = [session.initial for session in sessions]
    assert all("BTCUSDT" in snapshot["positions"] for snapshot in snapshots[1:])
    assert all(shown["stop_loss"] for snapshot in snapshots for shown in snapshot["positions"].values())
    epochs = [document["epoch"] for document in journal]
    assert epochs == sorted(epochs)
    assert set(epochs) >= {1, 2, 3}
    assert len(trade_ids(journal)) == len(fills(journal))

    assert desk.terminate()[0] == 0
    check_audit(desk)


def test_a_stop_fires_after_a_crash(desks: Callable[..., DeskProcess]) -> None:
    settings = simulated()
    pairs = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "BNBUSDT", "SOLUSDT")
    settings["bots"] |= {"enabled_at_start": False, "pairs": {pair: {} for pair in pairs}}
    settings["analysis"]["enabled_at_start"] = False
    desk = desks(settings)
    session = desk.start().session()
    for pair in pairs:
        buy(session, pair, stop="0.9997")  # a minute moves by about 0.07 %
    desk.kill()

    desk.start()
    fired = until(lambda: stopped_since(read_embedded(desk.folder, DATABASE), 1), seconds=90, what="a stop")
    journal = read_embedded(desk.folder, DATABASE)
    opened = positions(document for document in journal if document["epoch"] == 1)
    for fill in fired:
        assert fill["order_id"].startswith("stop_loss:")
        assert fill["fill"]["side"] == "sell"
        assert fill["fill"]["quantity"] == opened[fill["symbol"]]["quantity"]
    assert desk.terminate()[0] == 0
    check_audit(desk)


def stopped_since(journal: list[Document], epoch: int) -> list[Document]:
    return [fill for fill in fills(journal) if fill["epoch"] > epoch and fill.get("reason") == "stop_loss"]


def test_a_desk_killed_while_it_starts_starts_again(desks: Callable[..., DeskProcess]) -> None:
    moment = random.Random(11)
    desk = desks(simulated())
    for latest in (1.0, 2.5):
        desk.launch()
        time.sleep(moment.uniform(latest - 0.7, latest))
        desk.kill()
    session = desk.start().session()
    session.wait("bot_trade_executed", seconds=60)
    assert desk.terminate()[0] == 0
    check_audit(desk)


def test_sigterm_under_load_closes_the_sessions_and_stores_everything(desks: Callable[..., DeskProcess]) -> None:
    settings = simulated()
    settings["server"] = {"port": 0, "messages_per_second": 1000}
    desk = desks(settings).start()
    sessions = [desk.session() for _ in range(5)]
    sessions[0].wait("bot_trade_executed", seconds=60)
    for number in range(100):
        side = ("buy", "sell")[number % 2]
        sessions[number % 5].send("execute_trade", symbol="ETHUSDT", direction=side, value_usdt=100 + number)
    sessions[0].wait("trade_executed")
    readers = [gevent.spawn(session.wait_closed) for session in sessions]  # as clients do: all the time
    code, seconds = desk.terminate()

    assert (code, seconds < 10) == (0, True), f"exit code {code} after {seconds:.1f} s"
    assert [reader.get(timeout=30) for reader in readers] == [1012] * len(sessions)
    assert desk.mongod_pid() is None
    lines = exported(desk)
    assert verify(io.StringIO("\n".join(lines))).clean
    journal: list[Document] = [json.loads(line) for line in lines]
    assert journal[-1]["type"] == "checkpoint"
    for session in sessions:
        assert announced(session) <= {document["trade_id"] for document in journal if "fill" in document}


def exported(desk: DeskProcess) -> list[str]:
    answer = desk.ledger("export")
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()
