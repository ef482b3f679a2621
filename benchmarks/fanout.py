"""Fan-out of the hub: processor time per delivered frame, latency, a stalled session, a storm of connects, memory.

The hub, a bare `socket.send` loop and `websockets`' broadcast run in processes of their own and have all their sessions
open at the same time; they send in turn, several rounds, so that what else the machine does meets all of them. The
receiving side is another process. Processor time is that of the sending process, kernel included.

Run: `python benchmarks/fanout.py [ROUNDS [SESSIONS ...]]`. Prints JSON lines.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SERVERS = ("bare", "hub", "websockets")
MESSAGES = 40  # of one burst
FRAMES_A_SECOND = 10_000  # at most, so that the receiving side is never what is measured
CONNECTS_A_SECOND = 1000


def report(figure: str, **values: object) -> None:
    print(json.dumps({"benchmark": "fanout", "figure": figure, **values}), flush=True)


class Child:
    """One program of this benchmark, told what to do line by line."""

    def __init__(self, name: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / name), *arguments],
            cwd=HERE.parent,
            env={"PYTHONPATH": str(HERE.parent), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def ask(self, *words: object) -> str:
        assert self.process.stdin is not None
        print(*words, file=self.process.stdin, flush=True)
        return self.read()

    def answer(self, *words: object) -> dict[str, Any]:
        return json.loads(self.ask(*words))  # type: ignore[no-any-return]


@contextmanager
def child(name: str, *arguments: str) -> Iterator[Child]:
    made = Child(name, *arguments)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()


@contextmanager
def server(kind: str) -> Iterator[tuple[Child, int]]:
    with child("_fanout_servers.py", kind) as made:
        yield made, int(made.read())


def processor_time(sessions: int, rounds: int) -> None:
    """Report µs per delivered frame of the three, and the ratios of each round."""
    with (
        server("bare") as bare,
        server("hub") as hub,
        server("websockets") as library,
        child("_fanout_clients.py") as clients,
    ):
        running = dict(zip(SERVERS, (bare, hub, library), strict=True))
        grown: dict[str, float] = {}
        for name, (process, port) in running.items():
            before = int(process.ask("sessions").split()[1])
            came = clients.answer("connect", port, sessions, 500)
            assert came["failed"] == 0, (name, came)
            grown[name] = (int(process.ask("sessions").split()[1]) - before) / sessions / 1024
        used: dict[str, list[float]] = {name: [] for name in SERVERS}
        latency: dict[str, list[dict[str, Any]]] = {name: [] for name in SERVERS}
        for number in range(rounds + 1):
            for name in SERVERS if number % 2 else SERVERS[::-1]:
                clients.ask("begin")
                seconds = float(running[name][0].ask("burst", MESSAGES, min(20, FRAMES_A_SECOND / sessions)))
                told = clients.answer("end")
                assert told["frames"] >= MESSAGES * sessions * 0.999, (name, told)
                if number:  # the first round warms
                    used[name].append(seconds / MESSAGES / sessions * 1e6)
                    latency[name].append(told)
    ratios = sorted(hub / bare for hub, bare in zip(used["hub"], used["bare"], strict=True))
    for name in SERVERS:
        report(
            "fanout_us_per_frame",
            sessions=sessions,
            server=name,
            median=round(statistics.median(used[name]), 2),
            least=round(min(used[name]), 2),
            to_bare=round(statistics.median(a / b for a, b in zip(used[name], used["bare"], strict=True)), 3),
            p50_ms=statistics.median(item["p50_ms"] for item in latency[name]),
            p99_ms=statistics.median(item["p99_ms"] for item in latency[name]),
            kib_per_session=round(grown[name], 1),
            rounds=rounds,
        )
    report("fanout_ratio", sessions=sessions, least=round(ratios[0], 3), median=round(statistics.median(ratios), 3),
           most=round(ratios[-1], 3), required=1.25, aim=1.05)  # fmt: skip


def one_stalled() -> None:
    """Report the latency of 100 sessions without and with one beside them that never reads."""
    with server("hub") as (hub, port), child("_fanout_clients.py") as clients, child("_fanout_clients.py") as stalled:
        clients.answer("connect", port, 100, 500)
        for name in ("none", "one"):
            if name == "one":
                stalled.answer("stall", port, 1)
            clients.ask("begin")
            hub.ask("burst", 4000, 400)
            told = clients.answer("end")
            left = int(hub.ask("sessions").split()[0])
            report("fanout_stalled", stalled=name, sessions_left=left, messages=4000, **told)


def storm() -> None:
    """Report how 1,000 connects within a second are welcomed, and what 100 sessions feel of it."""
    with server("hub") as (hub, port), child("_fanout_clients.py") as honest, child("_fanout_clients.py") as many:
        honest.answer("connect", port, 100, 500)
        honest.ask("begin")
        hub.ask("burst", 60, 20)
        report("fanout_storm", before=honest.answer("end"))
        assert many.process.stdin is not None
        print("connect", port, CONNECTS_A_SECOND, CONNECTS_A_SECOND, file=many.process.stdin, flush=True)
        used = float(hub.ask("burst", 60, 20))
        told = honest.answer("end")
        report("fanout_storm", during=told, processor_s=round(used, 2), **json.loads(many.read()))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for sessions in map(int, sys.argv[2:] or ("100", "500", "1000", "2000")):
        processor_time(sessions, rounds)
    one_stalled()
    storm()


if __name__ == "__main__":
    main()
