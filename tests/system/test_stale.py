"""A feed that falls silent stops decisions on a whole desk: blocked as stale, and traded again once it speaks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.faults import Fault
from sim.market import wall_ms
from sim.world import World
from tests.system import worlds
from tests.system.client import Client, Frame
from tests.system.desk_process import DeskProcess, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

ROUNDS_MS = 8_000  # eight rounds of analysis


@pytest.fixture
def world() -> Iterator[World]:
    with World(pairs=worlds.PAIRS) as world:
        yield world


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Iterator[DeskProcess]:
    """A desk that trades every few seconds and takes our exchange for Binance."""
    settings = worlds.simulated()
    settings["market"] = {
        "rest_urls": [world.rest_url],
        "stream_urls": [world.stream_url],
        "stale_after_seconds": 2,
    }
    settings["news"] |= {"rss": list(world.rss_urls), "fear_greed_url": world.fear_greed_url}
    settings["llm"]["base_url"] = world.openrouter_url
    desk = DeskProcess(tmp_path, settings, "--market", "binance", OPENROUTER_API_KEY="simulated")
    try:
        yield desk.start()
    finally:
        desk.clean_up()


def decided(frame: Frame, outcome: str) -> bool:
    return frame["type"] == "decision" and frame["data"]["outcome"] == outcome


def test_nothing_is_decided_on_stale_data(world: World, desk: DeskProcess) -> None:
    with Client(desk.address) as client:
        client.wait(lambda frame: decided(frame, "traded"), seconds=90)
        world.faults.add(Fault(kind="silence", on="stream"))
        since = client.mark
        for pair in worlds.PAIRS:
            client.wait(
                lambda frame, pair=pair: (
                    decided(frame, "blocked")
                    and (frame["data"]["symbol"], frame["data"]["gate"]) == (pair, "data_stale")
                ),
                since=since,
                seconds=90,
            )
        until_ms = wall_ms() + ROUNDS_MS  # every pair is known to be stale; the market goes on without the desk
        until(lambda: wall_ms() > until_ms, seconds=60)
        traded = [frame for frame in client.frames[since:] if decided(frame, "traded")]
        assert [frame for frame in traded if frame["data"]["timestamp"] > until_ms - ROUNDS_MS] == []
        since = client.mark
        world.faults.clear()
        client.wait(lambda frame: decided(frame, "traded"), since=since, seconds=90)
