"""`make soak HOURS=n`: n hours of the whole desk with a hundred sessions, looked at every ten seconds.

Four processes: the desk (`supervisor.py`) with its database, the simulated world (`python -m sim`), the sessions
(`tests.soak.sessions`), and this one, which samples. The samples are written as they come, so that a run that is cut
short can be reported too: `python -m tests.soak.report FOLDER`.

What a desk keeps is bounded, but some of it fills for hours: opinions wait four hours for their last horizon, and 5,000
closed trades are many. With `--past` the desk that is looked at begins with both: see `tests.soak.past`.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import yaml

from tests.soak.past import repeat_opinions
from tests.soak.report import WARM_UP_MINUTES, write
from tests.soak.sampling import of_metrics, of_process, scrape
from tests.soak.sessions import PAIRS
from tests.system.desk_process import ROOT, DeskProcess, environment

SAMPLE_SECONDS = 10.0
SESSIONS = 100
PAST_SECONDS = 240.0  # of opinions, which are repeated
HURRY_SECONDS = 600.0  # in which the closed trades come that a desk keeps
VOLATILITY = 3  # times the usual, so that stops are reached


def settings_of(world: dict[str, str], *, port: int, rhythm: int) -> dict[str, Any]:
    """Return those of `make demo`, with the world's addresses: the desk takes it for the real exchange."""
    settings: dict[str, Any] = yaml.safe_load((ROOT / "sim" / "demo.yaml").read_text())
    settings["market"] = {
        "source": "binance",
        "rest_urls": [world["exchange, REST"]],
        "stream_urls": [world["exchange, streams"]],
    }
    settings["news"] |= {"rss": [world["RSS"]], "fear_greed_url": world["Fear & Greed"]}
    settings["llm"] |= {"base_url": world["models"]}
    settings["analysis"] |= {"interval_seconds": rhythm, "opinion_ttl_seconds": 6 * rhythm}
    settings["bots"]["pairs"] = {pair: {} for pair in PAIRS}
    return settings | {"server": {"port": port}, "storage": {}}


def start_world(log: Path) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    """Start a simulated world; return it and the address of each of its parts."""
    with log.open("wb") as output:
        world = subprocess.Popen(
            [sys.executable, "-m", "sim", "--volatility", str(VOLATILITY)],
            cwd=ROOT,
            env=environment(),
            stdout=output,
            stderr=output,
        )
    deadline = time.monotonic() + 60
    while "Fear & Greed" not in (said := log.read_text()):
        assert world.poll() is None and time.monotonic() < deadline, said
        time.sleep(0.1)
    lines = [line for line in said.splitlines() if "://" in line]
    return world, {line[:18].strip(): line[18:].strip() for line in lines}


class Watch:
    """The sessions' process and what it prints."""

    def __init__(self, address: str, *, hurry_seconds: float = 0.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.sessions", address, str(SESSIONS), str(hurry_seconds)],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
        )
        self._lines: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def take(self) -> dict[str, float]:
        """Return what came since the last call, the newest of each name, counts added up."""
        lines, self._lines = self._lines, []
        taken: dict[str, float] = {}
        for line in lines:
            for name, value in line.items():
                adds = not (name.startswith("answer_") or name == "sessions")
                taken[f"client_{name}"] = value + (taken.get(f"client_{name}", 0) if adds else 0)
        return taken

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(json.loads(line))


def sample(desk: DeskProcess, pids: dict[str, int], watch: Watch) -> dict[str, float]:
    """Look at everything once."""
    began = time.monotonic()
    taken = of_metrics(scrape(desk.address)) | {"scrape_seconds": time.monotonic() - began}
    for name, pid in pids.items():
        figures = of_process(pid)
        taken |= figures if name == "desk" else {f"{name}_{key}": value for key, value in figures.items()}
    return taken | watch.take() | {"load": os.getloadavg()[0], "at": time.time()}


def begin_with_past(desk: DeskProcess) -> None:
    """Let the desk trade a little, stop it, and leave it with the opinions of hours; it is not started again."""
    desk.start()
    watch = Watch(desk.address)
    time.sleep(PAST_SECONDS)
    watch.end()
    desk.terminate()
    repeat_opinions(desk.folder / "var")


def run(folder: Path, *, hours: float, port: int, past: bool, rhythm: int) -> int:
    """Soak; return how many samples failed."""
    folder.mkdir(parents=True, exist_ok=True)
    world, addresses = start_world(folder / "world.txt")
    settings = settings_of(addresses, port=port, rhythm=rhythm) | {"storage": {"data_dir": str(folder / "var")}}
    desk = DeskProcess(folder, settings, OPENROUTER_API_KEY="simulated")
    watch: Watch | None = None
    failed = 0
    try:
        if past:
            begin_with_past(desk)
        desk.start()
        watch = Watch(desk.address, hurry_seconds=HURRY_SECONDS if past else 0.0)
        mongod = desk.mongod_pid()
        assert mongod is not None
        pids = {"desk": desk.pid, "mongod": mongod, "world": world.pid}
        began = time.monotonic()
        with (folder / "samples.jsonl").open("w") as samples:
            for number in range(int(hours * 3600 / SAMPLE_SECONDS) + 1):
                time.sleep(max(0.0, began + number * SAMPLE_SECONDS - time.monotonic()))
                assert desk.is_running(), desk.log[-2000:]
                if watch.process.poll() is not None:
                    failed += 1
                    watch = Watch(desk.address)
                try:
                    taken = sample(desk, pids, watch)
                except OSError as error:
                    failed += 1
                    taken = {"failed": str(error)}
                line = {"seconds": round(time.monotonic() - began, 2)} | taken
                print(json.dumps(line), file=samples, flush=True)
        code, seconds = desk.terminate()
        (folder / "end.json").write_text(json.dumps({"exit_code": code, "stop_seconds": round(seconds, 2)}))
    finally:
        if watch is not None:
            watch.end()
        world.terminate()
        world.wait(20)
        desk.clean_up()
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--folder", type=Path, default=Path("var/soak"))
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--past", action="store_true", help="begin with what a desk keeps that has run for hours")
    parser.add_argument("--rhythm", type=int, default=10, metavar="SECONDS", help="between two rounds of analysis")
    given = parser.parse_args()
    failed = run(given.folder.resolve(), hours=given.hours, port=given.port, past=given.past, rhythm=given.rhythm)
    print(f"{failed} samples failed")
    write(given.folder, warm_up_minutes=min(WARM_UP_MINUTES, given.hours * 60 / 4))
    print(f"The samples, the report and its picture are in {given.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
