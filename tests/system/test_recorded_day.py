"""A whole day of a recording: what was decided and why, and that reloaded settings lose nothing of it.

The day is a real one where `../shared/data` is there, else one of the simulated exchange.
"""

import gzip
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.gates import GATES
from domain.recorded_settings import settings_in_force
from tests.system.journal import Document, fills
from tests.system.recordings import write_recording
from tests.system.virtual_desk import Played, play
from tests.system.worlds import recorded

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SHARED = Path(__file__).parents[3] / "shared/data/klines/BTCUSDT-1m-20260323-20260407.csv.gz"
REAL_MS = 1_774_742_400_000  # 2026-03-29T00:00:00Z
PAIRS = ("BTCUSDT", "ETHUSDT")
HOURS = 2  # of the recording that settings are reloaded in
MINUTE_MS = 60_000
DAY = 1440  # minutes
RELOADS, A_MINUTE = 1000, 10
OWN_ORDER = re.compile(r"((?:stop_loss|take_profit|trailing_stop):[A-Z0-9]+:)([0-9]+)")  # then the opening's place


def day_settings(recording: object, *pairs: str) -> dict[str, Any]:
    """Return settings with which many gates have something to say."""
    settings = recorded(recording)
    settings["bots"]["pairs"] = {pair: {} for pair in pairs}
    settings["bots"]["defaults"] |= {"cooldown_secs": 300, "max_trades_per_day": 40}
    return settings


def _real_day(folder: Path) -> Path:
    """Cut 2026-03-29 out of the recorded candles."""
    with gzip.open(SHARED, "rt") as lines:
        rows = [line for line in lines if line[:1].isdigit() and 0 <= int(line[:13]) - REAL_MS < DAY * MINUTE_MS]
    assert len(rows) == DAY
    (folder / "real").mkdir()
    (folder / "real" / f"{PAIRS[0]}-1m-20260329.csv").write_text("".join(rows))
    return folder / "real"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("day")
    recording = _real_day(folder) if SHARED.is_file() else write_recording(folder / "seeded", PAIRS[:1], hours=24)
    yield play(day_settings(recording, PAIRS[0]), folder / "desk", uri=mongodb_uri)


def test_every_decision_of_a_day_is_a_trade_or_blocked_by_exactly_one_gate(day: Played) -> None:
    traded = [each for each in day.decisions if each["outcome"] == "traded"]
    blocked = [each for each in day.decisions if each["outcome"] == "blocked"]
    assert len(day.decisions) == len(traded) + len(blocked)
    for each in traded:
        assert "gate" not in each
        assert [check["gate"] for check in each["checks"]] == list(GATES)
        assert all(check["passed"] for check in each["checks"])
    for each in blocked:
        failed = [check["gate"] for check in each["checks"] if not check["passed"]]
        assert failed == [each["gate"]]
        assert [check["gate"] for check in each["checks"]] == list(GATES[: GATES.index(each["gate"]) + 1])
    assert len({each["gate"] for each in blocked}) >= 5
    print(len(traded), Counter(each["gate"] for each in blocked))  # noqa: T201 - the counts, for whoever runs it with -s


def test_there_is_one_decision_for_each_round_of_the_day(day: Played) -> None:
    times = Counter((each["symbol"], each["ts"] // MINUTE_MS) for each in day.decisions)
    assert set(times.values()) == {1}
    assert all(count >= DAY - 5 for count in Counter(pair for pair, _ in times).values())


def test_what_was_traded_stands_in_the_journal_and_nothing_else(day: Played) -> None:
    traded = {each["order_id"] for each in day.decisions if each["outcome"] == "traded"}
    opened = {fill["order_id"] for fill in fills(day.journal) if str(fill["order_id"]).startswith("bot:")}
    assert traded == opened
    assert len(traded) > 10


# --- 1,000 reloads ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str) -> tuple[Played, Played]:
    """The same recording, left alone and with its settings reloaded all the while."""
    folder = tmp_path_factory.mktemp("reloads")
    recording = write_recording(folder / "seeded", PAIRS, hours=HOURS)
    settings = day_settings(recording, *PAIRS)
    alone = play(settings, folder / "alone", uri=mongodb_uri)
    return alone, play(settings, folder / "reloaded", uri=mongodb_uri, reloads=RELOADS, a_minute=A_MINUTE)


def test_every_reload_is_answered_and_journaled_in_order(twice: tuple[Played, Played]) -> None:
    _, reloaded = twice
    assert [answer.error for answer in reloaded.reloads] == [None] * RELOADS
    recorded_hashes = [entry["settings"]["hash"] for entry in reloaded.journal if entry["type"] == "settings"]
    assert recorded_hashes[1:] == [answer.settings_hash for answer in reloaded.reloads]
    assert len(set(recorded_hashes)) == RELOADS + 1
    assert [entry["seq"] for entry in reloaded.journal] == list(range(1, len(reloaded.journal) + 1))


def test_the_journal_names_the_settings_of_every_event_and_decision(twice: tuple[Played, Played]) -> None:
    """Compared with what broker and bots had in memory at the moment, by a mark that each reload makes another."""
    _, reloaded = twice
    marks = {
        entry["settings"]["hash"]: dict((each["key"], each["value"]) for each in entry["settings"]["values"])
        for entry in reloaded.journal
        if entry["type"] == "settings"
    }
    named: dict[int, str] = {}
    for entry, settings_hash in zip(reloaded.journal, settings_in_force(reloaded.journal), strict=True):
        named[entry["seq"]] = settings_hash
        if entry["type"] == "settings":
            assert settings_hash == entry["settings"]["hash"]
        elif entry["type"] == "deposit":
            assert (entry["seq"], settings_hash) == (1, "")
        else:
            assert reloaded.had.at_seq[entry["seq"]] == marks[settings_hash]["paper.latency_ms"]
    events = [entry for entry in reloaded.journal if entry["type"] not in ("settings", "deposit")]
    assert len({named[entry["seq"]] for entry in events}) > 10
    for each in reloaded.decisions:
        mark = marks[each["settings_hash"]]["bots.defaults.approval_wait_secs"]
        assert reloaded.had.at_decision[each["_id"]] == mark
    assert len({each["settings_hash"] for each in reloaded.decisions}) >= RELOADS // A_MINUTE


def test_no_order_is_older_than_the_settings_it_was_decided_by(twice: tuple[Played, Played]) -> None:
    _, reloaded = twice
    decided = {each["order_id"]: each["settings_hash"] for each in reloaded.decisions if each.get("order_id")}
    in_force: set[str] = set()
    for entry, settings_hash in zip(reloaded.journal, settings_in_force(reloaded.journal), strict=True):
        in_force.add(settings_hash)
        if (order_id := entry.get("order_id")) in decided:
            assert decided[order_id] in in_force
    assert len(decided) >= 5


def test_reloads_lose_nothing(twice: tuple[Played, Played]) -> None:
    alone, reloaded = twice
    assert _events(reloaded.journal) == _events(alone.journal)
    assert [_decided(each) for each in reloaded.decisions] == [_decided(each) for each in alone.decisions]
    assert len(alone.decisions) >= len(PAIRS) * (60 * HOURS - 2)


def _events(journal: list[Document]) -> list[object]:
    """Return what happened, without the places in the chain: reloads take places, too."""
    events = [entry for entry in journal if entry["type"] not in ("settings", "checkpoint")]
    ranks = {str(entry["seq"]): str(rank) for rank, entry in enumerate(events)}
    return [_placed(entry, ranks) for entry in events]


def _placed(value: object, ranks: dict[str, str]) -> object:
    """Return a part of a document with ranks for the places that ids of the exchange's own orders name."""
    if isinstance(value, dict):
        place = ("seq", "prev", "hash", *(("_id",) if value.get("type") == "amend" else ()))
        return {name: _placed(part, ranks) for name, part in value.items() if name not in place}
    if isinstance(value, list):
        return [_placed(part, ranks) for part in value]
    if isinstance(value, str):
        return OWN_ORDER.sub(lambda found: f"{found[1]}{ranks[found[2]]}", value)
    return value


def _decided(each: Document) -> Document:
    return {name: value for name, value in each.items() if name not in ("settings_hash", "stored_at")}
