"""A desk that was away for an hour of the market: what was crossed meanwhile, in the order in which it was crossed."""

import contextlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from settings import Secrets, Settings, parse_settings
from supervisor import Desk
from tests.system.desk_process import ROOT, Session, run_tool, until
from tests.system.journal import Document, fills, read_journal

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

PAIR = "BTCUSDT"
HOUR_MS = 3_600_000
SPEED = 20  # the desk is stopped long before the recording comes to what it shall miss
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
STEP_MS = 5_000
REAL_CANDLES = ROOT / "tests" / "data" / "BTCUSDT-1m-20260329.csv"


class LaterDesk(Desk):
    """A desk that comes back to a recording which went on without it for `away_ms`."""

    away_ms = 0

    def _recorded_ms(self) -> int | None:
        recorded_ms = super()._recorded_ms()
        return None if recorded_ms is None else recorded_ms + self.away_ms


@contextlib.contextmanager
def running(settings: Settings, folder: Path, *, away_ms: int = 0) -> Iterator[str]:
    """Run a desk on the recording; yield its address."""
    desk = LaterDesk(settings, path=folder / "settings.yaml", speed=SPEED)
    desk.away_ms = away_ms
    try:
        desk.start()
        yield desk.address.rstrip("/")
    finally:
        desk.stop()


def settings_of(recording: Path, folder: Path, database: str, uri: str) -> Settings:
    raw = {
        "server": {"port": 0},
        "market": {"source": "recorded", "recording": str(recording), "stale_after_seconds": 3600},
        "analysis": {"enabled_at_start": False},
        "analysts": {"technical": {"model": "technical"}},
        "bots": {"pairs": {PAIR: {}}},
        "storage": {"data_dir": str(folder), "database": database},
    }
    return parse_settings(raw, Secrets(mongodb_uri=SecretStr(uri)))


def missed(tmp_path: Path, uri: str, recording: Path, *, stop: str, target: str) -> tuple[list[Document], dict]:
    """Buy, stop the desk, come back an hour later; return the journal and what a session is then shown first."""
    database = tmp_path.name[-30:]
    settings = settings_of(recording, tmp_path, database, uri)
    with running(settings, tmp_path) as address, contextlib.closing(Session(address)) as session:
        session.wait("price_update", lambda frame: not frame["data"].get("stale"), seconds=60)
        order = {"symbol": PAIR, "direction": "buy", "value_usdt": 1000, "stop_loss": stop, "take_profit": target}
        assert session.ask("execute_trade", **order)["type"] == "trade_executed"
        until(lambda: fills(read_journal(uri, f"{database}_rec")), what="the position is open")
    with running(settings, tmp_path, away_ms=HOUR_MS) as address:
        until(lambda: len(fills(read_journal(uri, f"{database}_rec"))) > 1, what="the position was closed")
        with contextlib.closing(Session(address)) as session:
            shown = session.initial
    audit(tmp_path, uri, f"{database}_rec")
    return read_journal(uri, f"{database}_rec"), shown


def audit(folder: Path, uri: str, database: str) -> None:
    (folder / "settings.yaml").write_text(f"storage: {{data_dir: {folder}}}")
    answer = run_tool("-m", "ledger", "audit", "--database", database, folder=folder, MONGODB_URI=uri)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def check_closed(journal: list[Document], shown: dict, expected: Document, *, fill: Document) -> None:
    """Check that the second and last fill closed what the first had opened, just as expected."""
    opened, closed = fills(journal)
    assert (opened["fill"]["catch_up"], opened["position"]["direction"]) == (False, "long")
    assert {name: closed[name] for name in expected} == expected
    assert {name: closed["fill"][name] for name in fill} == fill
    assert closed["fill"]["quantity"] == opened["fill"]["quantity"]
    assert closed["position"]["direction"] == "flat"
    assert closed["recorded_at"].timestamp() * 1000 >= closed["ts"] + HOUR_MS / 2  # written long after it happened
    assert shown["positions"] == {}


def write_trades(folder: Path, prices: dict[int, str]) -> Path:
    """Write 80 minutes of trades and quotes, one each 5 s; `prices` by the number of the trade, each until the next."""
    folder.mkdir()
    trades, quotes = [], []
    price = Decimal(prices[0])
    for number in range(80 * 12):
        price = Decimal(prices.get(number, price))
        at_ms = START_MS + number * STEP_MS
        trades.append(f"{at_ms},{number + 1},{price},0.5,true")
        quotes.append(f"{at_ms},{price},10,{price + Decimal('0.10')},10")
    (folder / f"{PAIR}-trades-made.csv").write_text("\n".join(trades))
    (folder / f"{PAIR}-quotes-made.csv").write_text("\n".join(quotes))
    return folder


def test_a_stop_crossed_before_the_target_closed_at_the_trade_that_crossed_it(tmp_path: Path, mongodb_uri: str) -> None:
    # 20000; from minute 20 on falling: the stop at 19000 is crossed by a trade at 18960.5; from minute 40 on 21500,
    # beyond the target at 21000.
    prices = {0: "20000", 240: "19500", 252: "19000.1", 264: "18960.5", 265: "18950", 480: "21500"}
    recording = write_trades(tmp_path / "recording", prices)
    journal, shown = missed(tmp_path, mongodb_uri, recording, stop="19000", target="21000")
    crossed_ms = START_MS + 264 * STEP_MS
    expected = {
        "reason": "stop_loss",
        "model": "trade",
        "ts": crossed_ms,
        "market_event": {"kind": "trade", "id": 265, "ts": crossed_ms},
    }
    check_closed(journal, shown, expected, fill={"price": Decimal("18960.5"), "catch_up": True, "liquidity": "taker"})


def test_where_only_candles_are_known_the_stop_closed_at_its_level(tmp_path: Path, mongodb_uri: str) -> None:
    # 2026-03-29: from 01:20 on the lows fall to 66427.87 in the candle of 01:37, which opens at 66456.13; the high of
    # 02:14 is 66647.
    rows = REAL_CANDLES.read_text().splitlines()
    recording = tmp_path / "recording"
    recording.mkdir()
    (recording / f"{PAIR}-1m-cut.csv").write_text("\n".join(rows[81:]))
    journal, shown = missed(tmp_path, mongodb_uri, recording, stop="66450", target="66640")
    candle_ms = 1_774_748_220_000
    expected = {
        "reason": "stop_loss",
        "model": "candle",
        "ts": candle_ms + 59_999,
        "market_event": {"kind": "candle", "id": candle_ms, "ts": candle_ms},
    }
    check_closed(journal, shown, expected, fill={"price": Decimal("66450"), "catch_up": True, "liquidity": "taker"})


def test_a_desk_that_was_only_away_until_the_target_sells_at_the_target(tmp_path: Path, mongodb_uri: str) -> None:
    prices = {0: "20000", 240: "20999.9", 252: "21010", 480: "18000"}
    recording = write_trades(tmp_path / "recording", prices)
    journal, shown = missed(tmp_path, mongodb_uri, recording, stop="19000", target="21000")
    expected = {"reason": "take_profit", "model": "trade", "ts": START_MS + 252 * STEP_MS}
    check_closed(journal, shown, expected, fill={"price": Decimal("21000"), "catch_up": True, "liquidity": "maker"})
