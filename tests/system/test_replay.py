"""A desk to which everything happens, killed and back, is replayed in a fresh process to the last hash."""

import sys
from pathlib import Path
from subprocess import run

import pytest
import yaml

from adapters.recorder_files import recordings
from tests.system.desk_process import environment, run_tool
from tests.system.journal import read_journal
from tests.system.worlds import simulated

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

DATABASE = "faulty"


def suffer(folder: Path, uri: str, *, seed: int, documents: int, kill: bool = False) -> None:
    """Run a desk on `folder` to which seeded faults happen, until its journal has so many documents."""
    done = run(
        [sys.executable, "-m", "tests.system.faulty_desk", str(folder / "settings.yaml"), "--seed", str(seed)]
        + ["--documents", str(documents)]
        + ["--kill"] * kill,
        cwd=folder,
        env=environment(PYTHONPATH=str(Path(__file__).parents[2]), MONGODB_URI=uri),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert " faults: " in done.stdout, done.stdout + done.stderr
    assert done.returncode == (-9 if kill else 0), done.stderr


def test_a_session_with_faults_and_a_kill_is_replayed_to_the_same_head(tmp_path: Path, mongodb_uri: str) -> None:
    own = {"server": {"port": 0}, "storage": {"data_dir": str(tmp_path / "var"), "database": DATABASE}}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(simulated() | own))
    suffer(tmp_path, mongodb_uri, seed=3, documents=12, kill=True)
    suffer(tmp_path, mongodb_uri, seed=4, documents=26)

    journal = read_journal(mongodb_uri, f"{DATABASE}_sim")
    replayed = run_tool("-m", "replay", str(tmp_path / "var"), folder=tmp_path, seconds=120)
    *said, last = replayed.stdout.splitlines()
    assert (replayed.returncode, last) == (0, f"head {journal[-1]['hash']} identical"), (
        replayed.stdout + replayed.stderr
    )
    assert sum("messages compared" in line for line in said) == len(recordings(tmp_path / "var" / "recordings")) == 2

    newest = recordings(tmp_path / "var" / "recordings")[-1]
    cautious = simulated(trade_amount_usdt=100)
    (tmp_path / "cautious.yaml").write_text(yaml.safe_dump(cautious))
    asked = run_tool("-m", "replay", str(newest), "--settings", "cautious.yaml", folder=tmp_path, seconds=120)
    assert asked.returncode == 0, asked.stdout + asked.stderr
    *_, difference = asked.stdout.splitlines()[:5]
    assert difference.startswith("difference of cautious.yaml to played again: ")

    data = bytearray(newest.read_bytes())
    data[len(data) // 8] ^= 1  # in its first block
    newest.write_bytes(data)
    damaged = run_tool("-m", "replay", str(newest), folder=tmp_path, seconds=120)
    *_, named, last = damaged.stdout.splitlines()
    assert damaged.returncode == 1, damaged.stdout
    assert newest.name in named and last.startswith("differs at seq ")
