"""Where chaos happens: a simulated world in this process, a desk in another, and whoever starts that one again."""

import os
import signal
import time
import urllib.error
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import gevent
from prometheus_client.parser import text_string_to_metric_families

from sim.world import World
from tests.system.chaos_patient import Gone, Patient
from tests.system.chaos_trader import Trader
from tests.system.chaos_verdict import AheadClock
from tests.system.desk_process import is_alive
from tests.system.worlds import PAIRS, simulated

BY_HAND = "XRPUSDT"  # its bot is off, the client trades it
ANALYSTS = ("technical", "grok", "scripted")
BOTS = tuple(f"bot-{pair}" for pair in (*PAIRS, BY_HAND))
ACTORS = ("market", "news", "broker", *(f"analyst-{name}" for name in ANALYSTS), *BOTS, "hub")
DATABASE = "chaos"
WELL_SECONDS = 90.0  # on a busy machine
RESTART_SECONDS = 0.5  # as the service manager waits before it starts a service again
HEALTH_SECONDS, HEALTH_FAILS = 0.5, 4  # between two looks at /healthz; misses in a row that count
FRESH_SECONDS = 2.0
SEED = 11


class Theatre:
    """A desk that trades in a simulated world, watched all the time.

    Args:
        hang, broker_hang: seconds after which the desk takes an actor for hung; a write may take the broker 10 s.
    """

    def __init__(self, folder: Path, chance: Random, *, hang: float, broker_hang: float) -> None:
        self.chance = chance
        self.world = World(seed=SEED, pairs=(*PAIRS, BY_HAND), volatility=3.0, think_seconds=0.2)
        self.world.start()
        limits = {"hang": hang, "broker_hang": broker_hang}
        self.desk = Patient(folder, settings_in(self.world), **limits, OPENROUTER_API_KEY="simulated")
        self.violations: list[str] = []
        self.ends: Counter[int] = Counter()  # exit codes of the process
        self.expected: Counter[str] = Counter()  # restarts of each actor in this life
        self.hits: dict[str, list[float]] = defaultdict(list)  # when each was hurt in this life
        self.clock = AheadClock()
        self.slow: list[tuple[int, int]] = []  # epoch ms, from and until: the broker may have had to wait
        self.began = time.monotonic()
        self.lives = self.healthy = self.unhealthy = 0
        self._excused = self._ends_awaited = 0
        self._stopping = False
        self._launch()
        self._greenlets = [gevent.spawn(self._start_again), gevent.spawn(self._watch_health)]
        self.trader = Trader(lambda: self.desk.address, BY_HAND, Random(chance.random()))

    def clock_set(self, ahead_seconds: float) -> None:
        """Take note that the desk's wall clock is so far ahead from now on."""
        self.clock.set(time.time_ns() // 1_000_000, int(ahead_seconds * 1000))

    def violate(self, sentence: str) -> None:
        """Take note of something that must not be."""
        self.violations.append(f"{time.monotonic() - self.began:.1f} s: {sentence}")

    # --- the desk's process, as a service manager keeps it

    def _launch(self) -> None:
        self.lives += 1
        self.expected.clear()
        self.hits.clear()
        self.desk.launch()

    def _start_again(self) -> None:
        while not self._stopping:
            if self.desk.is_running():
                gevent.sleep(0.05)
                continue
            code = self.desk.wait(1)
            self.ends[code] += 1
            if not self._ends_awaited:
                self.violate(f"the process ended with {code}, unasked: {self.desk.log[-300:]!r}")
            gevent.sleep(RESTART_SECONDS)
            self._launch()

    def stop(self) -> int:
        """End the desk as the service manager does; return its exit code."""
        self._stopping = True
        gevent.killall(self._greenlets)
        self.trader.stop()
        return self.desk.terminate()[0] if self.desk.is_running() else -1

    def clean_up(self) -> None:
        gevent.killall(self._greenlets)
        self.trader.stop()
        self.desk.clean_up()
        self.world.stop()

    @contextmanager
    def may_end(self) -> Iterator[None]:
        """Within it the process may end."""
        self._ends_awaited += 1
        try:
            yield
        finally:
            self._ends_awaited -= 1

    @contextmanager
    def excused(self) -> Iterator[None]:
        """Within it /healthz may be mute: there is no process, or it has no means to answer."""
        self._excused += 1
        try:
            yield
        finally:
            self._excused -= 1

    # --- looking

    def well(self) -> bool:
        """Return whether everything works: all actors, the ledger, fresh prices of all pairs."""
        try:
            ready = self.desk.is_running() and self.desk.ready()[0] == 200
            return ready and self._all_run() and self._fresh()
        except (OSError, ValueError, urllib.error.URLError, Gone):
            return False

    def wait_well(self, seconds: float = WELL_SECONDS) -> float | None:
        """Wait until everything works; return how long that took, None when it took too long."""
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            if self.well():
                return time.monotonic() - began
            gevent.sleep(0.05)
        return None

    def look(self) -> dict[str, dict[str, Any]]:
        """Return state, restarts, generation and error of each actor.

        Raises:
            Gone: the process ended.
        """
        found: dict[str, dict[str, Any]] = self.desk.command("look", seconds=20)["actors"]
        return found

    def _all_run(self) -> bool:
        found = self.look()
        return bool(found) and all(entry["state"] == "running" for entry in found.values())

    def _fresh(self) -> bool:
        ages = self._figures("quorum_market_staleness_seconds")
        return len(ages) == len(PAIRS) + 1 and max(ages) < FRESH_SECONDS

    def ledger_seq(self) -> int | None:
        """Return how far the journal has been acknowledged; None where the desk does not say it."""
        try:
            return int(self._figures("quorum_ledger_seq")[0])
        except (OSError, ValueError, IndexError, urllib.error.URLError):
            return None

    def _figures(self, name: str) -> list[float]:
        families = text_string_to_metric_families(self.desk.get("/metrics")[1])
        return [sample.value for family in families if family.name == name for sample in family.samples]

    def check_restarts(self, *, strict: bool = True) -> None:
        """Only who was hurt may have been restarted since the last look.

        Args:
            strict: a violation if not; else it is taken note of.
        """
        for name, entry in self.look().items():
            if strict and entry["restarts"] != self.expected[name]:
                told = f"{name} was restarted {entry['restarts']} times, {self.expected[name]} expected"
                self.violate(f"{told} ({entry['error']})")
            self.expected[name] = entry["restarts"] if strict else max(entry["restarts"], self.expected[name])

    def _watch_health(self) -> None:
        missed, life = 0, 0
        while True:
            gevent.sleep(HEALTH_SECONDS)
            excused = self._excused
            if life != self.lives or excused or not self.desk.is_running():
                missed, life = 0, self.lives if self.well() else 0
                continue
            try:
                answered = self.desk.get("/healthz")[0] == 200
            except (OSError, urllib.error.URLError):
                answered = False
            self.healthy += answered
            self.unhealthy += not answered
            missed = 0 if answered or self._excused or not self.desk.is_running() else missed + 1
            if missed == HEALTH_FAILS:
                self.violate(f"/healthz did not answer {HEALTH_FAILS} times in a row")

    # --- the database

    def mongod(self, number: signal.Signals) -> bool:
        """Send the database's process a signal; return whether there was one."""
        if (pid := self.desk.mongod_pid()) is None or not is_alive(pid):
            return False
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            return True
        return False


def settings_in(world: World) -> dict[str, Any]:
    """Return settings of a desk that trades all the time on what `world` serves."""
    raw = simulated(max_hold_seconds=20, stop_loss_percent=0.08, take_profit_percent=0.15)
    raw["market"] = {"rest_urls": [world.rest_url], "stream_urls": [world.stream_url], "stale_after_seconds": 3}
    raw["news"] = {"interval_seconds": 2, "rss": list(world.rss_urls), "fear_greed_url": world.fear_greed_url}
    raw["llm"] |= {"base_url": world.openrouter_url}
    raw["analysts"]["scripted"] = {"model": "scripted/chaos", "role": "planner"}
    raw["bots"]["pairs"][BY_HAND] = {"enabled": False}
    raw["server"] = {"messages_per_second": 1000}
    raw["storage"] = {"database": DATABASE}
    return raw
