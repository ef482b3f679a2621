"""SIGHUP: the settings file is read again, whole or not at all."""

import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.system.desk_process import DeskProcess, until
from tests.system.journal import read_journal
from tests.system.worlds import simulated

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

AMOUNT = "bots.defaults.trade_amount_usdt"


def test_sighup_applies_a_valid_file_and_leaves_everything_alone_on_an_invalid_one(
    desks: Callable[..., DeskProcess], mongodb_uri: str
) -> None:
    settings = simulated() | {"storage": {"database": "reload"}}
    settings["bots"]["enabled_at_start"] = False
    desk = desks(settings, MONGODB_URI=mongodb_uri).start()
    session = desk.session()
    started_with = session.initial["server"]["settings_hash"]

    settings["bots"]["defaults"]["trade_amount_usdt"] = 1500
    settings["server"] = {"port": 1}
    desk.write_settings(settings)
    desk.send_signal(signal.SIGHUP)
    told = session.wait("settings_reloaded")["data"]
    assert told["changed"] == [AMOUNT, "server.port"]
    assert told["restart_required"] == ["server.port"]
    assert told["hash"] != started_with
    assert session.ask("get_bot_config")["data"]["config"]["trade_amount_usdt"] == 1500

    settings["bots"]["pairs"]["ADAUSDT"] = {}
    del settings["bots"]["pairs"]["SOLUSDT"]
    settings["paper"] = {"balance_usdt": 5}
    desk.write_settings(settings)
    desk.send_signal(signal.SIGHUP)
    told = session.wait("settings_reloaded", lambda frame: "changed" in frame["data"], seconds=60)["data"]
    assert told["changed"] == ["bots.pairs.ADAUSDT", "bots.pairs.SOLUSDT", "paper.balance_usdt"]
    assert told["restart_required"] == ["bots.pairs.SOLUSDT", "paper.balance_usdt"]  # the pair may have a position
    for pair in ("ADAUSDT", "SOLUSDT"):
        session.wait("price_update", lambda frame, pair=pair: _is_priced(frame["data"], pair), seconds=60)
    until(lambda: _runs(session.ask("get_health"), "bot-ADAUSDT"), what="the new pair's bot")

    settings["bots"]["defaults"]["trade_amount_usdt"] = -1
    settings["analysis"]["interval_seconds"] = "often"
    desk.write_settings(settings)
    seen = len(session.frames)
    desk.send_signal(signal.SIGHUP)
    until(lambda: "Settings not reloaded" in desk.log, what="the refusal is logged")
    assert f"{AMOUNT}: must be" in desk.log
    assert "analysis.interval_seconds: must be" in desk.log
    assert session.ask("get_bot_config")["data"]["config"]["trade_amount_usdt"] == 1500
    reloads = [frame for frame in session.frames[seen:] if frame["type"] == "settings_reloaded"]
    assert all("error" in frame["data"] for frame in reloads)
    assert desk.session().initial["server"]["settings_hash"] == told["hash"]

    recorded = [entry for entry in read_journal(mongodb_uri, "reload_sim") if entry["type"] == "settings"]
    assert len(recorded) == 3
    assert told["hash"] in str(recorded[-1])
    balances = [dict(map(_key_value, entry["settings"]["values"]))["paper.balance_usdt"] for entry in recorded]
    assert balances[-1] == balances[0] != "5"  # what needs a restart is not in force, and not recorded as if it were
    assert desk.terminate()[0] == 0


def _key_value(entry: dict[str, Any]) -> tuple[str, Any]:
    return entry["key"], entry["value"]


def _is_priced(update: dict[str, Any], pair: str) -> bool:
    return update["symbol"] == pair and update["bid"] is not None


def _runs(health: dict[str, Any], actor: str) -> bool:
    return health["data"]["actors"].get(actor, {}).get("state") == "running"
