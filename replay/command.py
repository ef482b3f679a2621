"""The command: which recordings are played, until when, and what is said of them."""

import argparse
import json
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from adapters.message_codec import tagged
from adapters.recorder import sources_hash
from adapters.recorder_files import RecordingDamaged, start_of
from domain.errors import SettingsError
from replay import what_if
from replay.comparison import Comparison, Difference, parts_that_differ
from replay.mail import candles_told
from replay.pace import Pace
from replay.player import Player
from replay.recording import RecordingError, Session, find_recordings
from replay.what_if_report import report
from settings import load_settings

ROOT = Path(__file__).parents[1]
EXIT_IDENTICAL, EXIT_DIFFERS, EXIT_USAGE = 0, 1, 2


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m replay",
        description="Replay what a desk has recorded and compare its journal, document by document.",
    )
    parser.add_argument("recording", type=Path, help="a recording, a folder of recordings, or a data directory")
    parser.add_argument("--until", type=_moment, metavar="TIME", help="stop there: 2026-01-31T12:00 (UTC)")
    parser.add_argument(
        "--from-checkpoint",
        action="store_true",
        help="play only the newest recording, from the checkpoint that its broker started with",
    )
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="play the newest recording with these settings and print what trades and equity would have been",
    )
    parser.add_argument(
        "--candles", type=Path, metavar="DIR", help="only write the 1 m candles that its bots were told, for a backtest"
    )
    parser.add_argument("--speed", type=_speed, default=0.0, metavar="N", help="N times real time; 0 = at once")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay and print; return 0 only if everything is identical."""
    parsed = parse_arguments(arguments)
    logging.basicConfig(level=logging.CRITICAL)
    try:
        paths = find_recordings(parsed.recording)
    except RecordingError as error:
        _say(str(error))
        return EXIT_USAGE
    if parsed.candles is not None:
        return _write_candles(paths[-1], parsed.candles)
    if parsed.settings is not None:
        return _what_if(paths[-1], parsed.settings)
    comparisons: dict[str, Comparison] = {}
    comparison = Comparison()
    for path in paths[-1:] if parsed.from_checkpoint else paths:
        comparison = _play(path, comparisons, Pace(speed=parsed.speed, until_ms=parsed.until))
        if comparison.difference is not None:
            _say_difference(comparison.difference)
            return EXIT_DIFFERS
    _say(f"head {comparison.head} identical")
    return EXIT_IDENTICAL


def _play(path: Path, comparisons: dict[str, Comparison], pace: Pace) -> Comparison:
    """Play one recording against what is known of its journal."""
    try:
        session = Session(path)
    except (RecordingError, RecordingDamaged) as error:
        comparison = Comparison()
        comparison.differs(str(error))
        return comparison
    comparison = comparisons.setdefault(session.header["database"], Comparison())
    if (made_by := session.header.get("sources")) is not None and made_by != sources_hash(ROOT):
        _say(f"{path.name} was recorded by another version of the code: what it decides otherwise will differ")
    compared, began = comparison.compared, time.monotonic()
    player = Player(session, comparison, before=pace.before)
    try:
        player.run()
    except RecordingDamaged as error:
        comparison.differs(str(error))
    for note in session.notes:
        _say(note)
    if not (session.ended or session.notes or comparison.difference or pace.stopped):
        _say(f"{path.name} has no end of its own: the desk was killed there, or its last part is missing")
    _say(
        f"{path.name}: {player.handled:,} messages of {player.actors} actors, "
        f"{comparison.compared - compared:,} documents and {player.agreed:,} messages compared, "
        f"{_text(session.base_ms)} to {_text(player.now_ms)}, in {time.monotonic() - began:.1f} s"
    )
    return comparison


def _what_if(path: Path, file: Path) -> int:
    """Play a recording with its own settings and with others, and print the difference."""
    try:
        other = load_settings(file, serving=False)
        own = what_if.recorded_settings(path)
        outcomes = (
            what_if.recorded_outcome(path),
            what_if.play(path, own, "played again"),
            what_if.play(path, other, file.name),
        )
    except (SettingsError, RecordingError, RecordingDamaged) as error:
        _say(str(error))
        return EXIT_USAGE
    for line in report(*outcomes):
        _say(line)
    return EXIT_IDENTICAL


def _write_candles(path: Path, folder: Path) -> int:
    """Write the candles of a session as files that `python -m backtest --data` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        found = candles_told(Session(path))
    except (RecordingError, RecordingDamaged) as error:
        _say(str(error))
        return EXIT_USAGE
    for pair, candles in found.items():
        file = folder / f"{pair}-1m-{start_of(path)}.csv"
        rows = (f"{c.open_ms},{c.open},{c.high},{c.low},{c.close},{c.volume}\n" for c in candles)
        file.write_text("".join(rows), encoding="utf-8")
        _say(f"written: {file}, {len(candles)} candles")
    return EXIT_IDENTICAL


def _say_difference(difference: Difference) -> None:
    _say(difference.sentence)
    if difference.recorded is not None and difference.replayed is not None:
        _say("differs in: " + ", ".join(parts_that_differ(difference.recorded, difference.replayed)))
        _say("recorded: " + json.dumps(tagged(difference.recorded), sort_keys=True))
        _say("replayed: " + json.dumps(tagged(difference.replayed), sort_keys=True))
    _say(f"differs at seq {difference.seq}")


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a date and time, 2026-01-31T12:00, was {text}") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if not 0 <= speed <= 100_000:
        raise argparse.ArgumentTypeError(f"must be a number between 0 and 100000, was {text}")
    return speed


def _text(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the command's answer
