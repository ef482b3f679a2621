"""`python -m sim`: the simulated world on a port of its own, until interrupted."""

import argparse
import signal
import sys
from pathlib import Path

import gevent
from gevent.event import Event

from sim.world import DEFAULT_PAIRS, World, addresses


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit code."""
    options = _options(arguments)
    world = World(
        seed=options.seed,
        pairs=tuple(options.pairs.split(",")),
        volatility=options.volatility,
        host=options.host,
        port=options.port,
        recording=options.recording,
        control=options.control,
    )
    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        gevent.signal_handler(number, stopping.set)
    world.start()
    for what, address in addresses(world):
        sys.stdout.write(f"{what:18} {address}\n")
    sys.stdout.flush()
    stopping.wait()
    world.stop()
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sim", description="A simulated exchange, model endpoint and news.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", default=",".join(DEFAULT_PAIRS), help="comma-separated")
    parser.add_argument("--volatility", type=float, default=1.0, help="factor on all price moves")
    parser.add_argument("--recording", type=Path, help="file or folder of PAIR-1m-*.csv[.gz] klines to play")
    parser.add_argument("--control", action="store_true", help="serve /_sim/fault and /_sim/script/<name>")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
