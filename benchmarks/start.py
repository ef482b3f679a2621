"""From the start of `supervisor.py` to ready, with the embedded database, on existing data, after a clean stop.

The whole desk as people run it, in the simulated world, without network. Ready is what /readyz says. The baseline is
the same mongod alone, on the same data, until it answers.

Run: `python benchmarks/start.py [ROUNDS]`. Prints one JSON line.
"""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from adapters.mongod import EmbeddedMongod
from benchmarks._exchange import report

ROOT = Path(__file__).parent.parent
RUNNING = re.compile(r"^Quorum \S+ is running: (http://\S+)/$", re.M)
SETTINGS = """
market: {source: simulated}
server: {port: 0}
storage: {data_dir: DATA}
recorder: {enabled: false}
"""


class Desk:
    """A process of supervisor.py in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log.txt"
        (folder / "settings.yaml").write_text(SETTINGS.replace("DATA", str(folder / "var")))

    def start(self) -> float:
        """Return the seconds until it is ready."""
        variables = {key: value for key, value in os.environ.items() if "PROXY" not in key.upper()}
        variables.pop("MONGODB_URI", None)
        began = time.perf_counter()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "supervisor.py"), "--settings", str(self.folder / "settings.yaml")],
                cwd=self.folder,
                env=variables,
                stdout=log,
                stderr=log,
            )
        while not self._ready():
            if self.process.poll() is not None or time.perf_counter() - began > 120:
                raise RuntimeError(f"the desk did not become ready:\n{self.log.read_text()}")
            time.sleep(0.01)
        seconds = time.perf_counter() - began
        self.cpu_seconds = sum(map(int, self._stat()[13:15])) / os.sysconf("SC_CLK_TCK")
        return seconds

    def _stat(self) -> list[str]:
        """Return the process's fields as `man proc` numbers them, from 0; its name has no space."""
        return Path(f"/proc/{self.process.pid}/stat").read_text().split()

    def stop(self) -> float:
        """Ask it to end; return the seconds that took."""
        began = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0
        return time.perf_counter() - began

    def _ready(self) -> bool:
        found = RUNNING.search(self.log.read_text(errors="replace"))
        if found is None:
            return False
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{found[1]}/readyz", timeout=5) as answer:
                return bool(json.loads(answer.read()))
        except (urllib.error.URLError, TimeoutError):
            return False


def database_seconds(folder: Path) -> float:
    mongod = EmbeddedMongod(data_dir=folder / "var")
    began = time.perf_counter()
    mongod.start(watch=False)
    seconds = time.perf_counter() - began
    mongod.stop()
    return seconds


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        desk = Desk(folder)
        first = desk.start()
        time.sleep(2)
        desk.stop()
        starts, spent, stops = [], [], []
        for _ in range(rounds):
            starts.append(desk.start())
            spent.append(desk.cpu_seconds)
            time.sleep(2)
            stops.append(desk.stop())
        alone = [database_seconds(folder) for _ in range(3)]
    report(
        "start",
        "start_to_ready_seconds",
        median=round(statistics.median(starts), 2),
        best=round(min(starts), 2),
        cpu_seconds=round(min(spent), 2),
        first_start_on_nothing=round(first, 2),
        database_alone=round(min(alone), 2),
        stop_median=round(statistics.median(stops), 2),
        rounds=rounds,
        required=5,
        aim=2.5,
    )


if __name__ == "__main__":
    main()
