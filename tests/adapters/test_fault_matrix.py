"""Each fault of each path is noticed, and repaired without a missing or doubled trade or candle.

A part of the matrix runs with the suite; QUORUM_FAULTS=all runs all of it and writes JSON lines to QUORUM_FAULTS_OUT.
"""

import json
import os
from pathlib import Path

import pytest

from adapters import binance_rest
from sim.world import World
from tests.adapters.fault_matrix import QUIET, Cell, pairs_for, rest_cells, run_cells, stream_cells

ALL = os.environ.get("QUORUM_FAULTS") == "all"
AT_ONCE = 12
IN_SUITE = (
    *("silence on trade", "malformed on trade", "reorder on trade", "silence on depth20@100ms", "silence on kline_1s"),
    *("shutdown on all streams", "silence on all streams", "refuse 451 on all streams"),
    *("429 on REST trades", "418 on REST klines", "drop on REST aggTrades", "malformed on REST klines"),
)


def parts() -> list[list[Cell]]:
    cells = [*stream_cells(), *rest_cells()]
    if not ALL:
        cells = [cell for cell in cells if cell.name in IN_SUITE]
    return [cells[start : start + AT_ONCE] for start in range(0, len(cells), AT_ONCE)]


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("cells", parts(), ids=lambda cells: f"{cells[0].name} and {len(cells) - 1} more")
def test_every_fault_is_noticed_and_repaired_as_the_exchange_knows_it(cells: list[Cell], monkeypatch):
    monkeypatch.setattr(
        binance_rest, "PAGE", 5
    )  # the newest five trades only: older ones come as whole orders, in pages
    with World(seed=8, pairs=pairs_for(AT_ONCE)) as world:
        outcomes = run_cells(world, cells)
    if "QUORUM_FAULTS_OUT" in os.environ:
        with Path(os.environ["QUORUM_FAULTS_OUT"]).open("a") as out:
            for each in outcomes:
                row = {"fault": each.cell.name, "detected": each.detected_seconds, "repaired": each.repaired_seconds}
                out.write(json.dumps(row | {"states": each.states, "problems": each.problems}) + "\n")
    assert {each.cell.name: each.problems for each in outcomes if each.problems} == {}
    noticed = {each.cell.name: each.detected_seconds for each in outcomes}
    assert [name for name, seconds in noticed.items() if seconds is None and not name.startswith(QUIET)] == []
