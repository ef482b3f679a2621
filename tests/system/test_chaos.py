"""A desk that is hurt in every way, in a simulated world: it comes back each time, and its books and stops hold.

`make chaos` does it for QUORUM_CHAOS_MINUTES minutes at random and prints a report (docs/testing.md).
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import gevent
import pytest

from tests.system import chaos_faults as faults
from tests.system import chaos_report
from tests.system.chaos_compare import check_once
from tests.system.chaos_faults import FAULTS, Fault, Record, play
from tests.system.chaos_theatre import DATABASE, Theatre
from tests.system.chaos_verdict import orders_fault, stops_fault
from tests.system.desk_process import until
from tests.system.journal import Document, fills, read_embedded

MINUTES = float(os.environ.get("QUORUM_CHAOS_MINUTES", "0"))
SEED = int(os.environ.get("QUORUM_CHAOS_SEED", "1"))
AT_ONCE = 0.3  # how likely a second fault begins with the first
FEW: tuple[Fault, ...] = (
    Fault("actor killed", 1, lambda theatre, chance: faults.kill_actor(theatre, chance, name="bot-BTCUSDT")),
    Fault("actor killed", 1, lambda theatre, chance: faults.kill_actor(theatre, chance, name="broker")),
    Fault("actor hangs", 1, lambda theatre, chance: faults.hang_actor(theatre, chance, name="market")),
    Fault("clock set", 1, faults.jump_clock),
    Fault("mongod killed", 1, faults.kill_mongod),
    Fault("streams broken", 1, faults.break_streams),
    Fault("models broken", 1, faults.break_models),
    Fault("descriptors used up", 1, faults.exhaust_descriptors),
    Fault("desk killed", 1, faults.kill_desk),
)
pytestmark = [pytest.mark.system, pytest.mark.timeout(900 + MINUTES * 120)]


@pytest.fixture
def theatre(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Theatre]:
    folder = tmp_path / "desk"
    folder.mkdir()
    limits = {"hang": 2.0, "broker_hang": 30.0} if MINUTES else {"hang": 1.0, "broker_hang": 15.0}
    played = Theatre(folder, Random(SEED), **limits)
    yield played
    request.node.add_report_section("teardown", "log of the desk", played.desk.log[-30_000:])
    played.clean_up()


def test_a_desk_survives_one_fault_after_the_other(theatre: Theatre) -> None:
    begin(theatre)
    # Two at a time where they do not hide each other.
    records = play_together(theatre, FEW[:2])
    records += play_together(theatre, FEW[2:4])
    records += play_together(theatre, FEW[4:7])
    records += play_together(theatre, FEW[7:8])
    records += play_together(theatre, FEW[8:])
    check(theatre, records)


@pytest.mark.skipif(not MINUTES, reason="make chaos")
def test_a_desk_survives_chaos(theatre: Theatre) -> None:
    begin(theatre)
    records: list[Record] = []
    end = time.monotonic() + MINUTES * 60
    while time.monotonic() < end:
        number = 2 if theatre.chance.random() < AT_ONCE else 1
        chosen = theatre.chance.choices(FAULTS, weights=[fault.weight for fault in FAULTS], k=number)
        records += play_together(theatre, tuple(dict.fromkeys(chosen)))
        gevent.sleep(theatre.chance.uniform(0.0, 2.0))
    check(theatre, records)


def begin(theatre: Theatre) -> None:
    assert theatre.wait_well() is not None, theatre.desk.log
    until(lambda: theatre.trader.told, seconds=90, what="the first trade")


def play_together(theatre: Theatre, chosen: tuple[Fault, ...]) -> list[Record]:
    """Do all of them at once; then only who was hurt may have been restarted."""
    before = sum(theatre.ends.values())
    playing = [gevent.spawn(play, theatre, fault, Random(theatre.chance.random())) for fault in chosen]
    gevent.joinall(playing, raise_error=True)
    theatre.check_restarts(strict=sum(theatre.ends.values()) == before)
    return [record | {"alone": len(chosen) == 1} for record in (one.get() for one in playing)]


def check(theatre: Theatre, records: list[Record]) -> None:
    """Let everything come to rest, end the desk, and look at what it left behind."""
    trader = theatre.trader
    so_far = len(trader.told)
    until(lambda: len(trader.told) > so_far + 2, seconds=90, what="trading goes on")
    trader.quiet = True
    trader.ask_again()
    with suppress(AssertionError):
        until(lambda: not trader.waiting, seconds=90)
    if waiting := trader.waiting:
        theatre.violate(f"{len(waiting)} orders without answer, one is {trader.sent[waiting[0]]}")
    trader.stop()  # what is told after this, the journal that is read now need not have
    journal = read_embedded(theatre.desk.folder, DATABASE)
    ended_ms = time.time_ns() // 1_000_000
    code = theatre.stop()
    theatre.violations += found_in(theatre, journal, ended_ms)
    if code != 0:
        theatre.violate(f"the desk ended with {code}")
    audit = theatre.desk.ledger("audit")
    if audit.returncode != 0:
        theatre.violate(f"the audit found: {audit.stdout}{audit.stderr}")
    totals = {
        "faults": len(records),
        "lives": theatre.lives,
        "orders": len(trader.sent),
        "connections": trader.connections,
        "documents": len(journal),
        "fills": len(fills(journal)),
        "stops": sum(document.get("reason") in ("stop_loss", "trailing_stop") for document in fills(journal)),
        "healthy": theatre.healthy,
        "unhealthy": theatre.unhealthy,
        "violations": len(theatre.violations),
    }
    print(*chaos_report.lines(records, totals), sep="\n")  # noqa: T201 - what a long run is started for
    assert not theatre.violations, "\n".join(theatre.violations)


def found_in(theatre: Theatre, journal: list[Document], ended_ms: int) -> list[str]:
    """Return what is wrong with the journal, given what the client was told and what the market did."""
    check_once(journal)
    found = list(orders_fault(theatre.trader, journal))
    stops = stops_fault(theatre.world, journal, ended_ms=ended_ms, ahead_ms=theatre.clock.most, slow=theatre.slow)
    return found + [f"not honoured: {sentence}" for sentence in stops]
