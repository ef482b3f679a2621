"""The systemd unit: systemd itself reads it, and rates what the service could do."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import supervisor
from actors.supervision import SWEEP_SECONDS
from settings import Secrets

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "quorum.service"
MOST_EXPOSED = 15  # tenths; docs/operations.md has the score that was found
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return the unit as it is where the checkout is in place of /opt/quorum."""
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/quorum/.venv", str(tmp_path / ".venv")))
    return unit


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)


@needs_systemd
def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    done = analyze("verify", "--man=no", str(installed))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_the_service_is_little_exposed(installed: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", str(installed))
    assert done.returncode == 0, done.stdout
    assert re.search(r"Overall exposure level for quorum\.service: \d", done.stdout)


def lines() -> dict[str, list[str]]:
    """Return all values of each key, whatever its section."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def test_the_unit_and_the_desk_agree() -> None:
    unit = lines()
    assert unit["Type"] == ["notify"]
    assert unit["KillMode"] == ["mixed"]
    assert unit["Restart"] == ["on-failure"]
    assert unit["RestartPreventExitStatus"] == [f"{supervisor.EXIT_SETTINGS} {supervisor.EXIT_LEDGER}"]
    assert float(unit["WatchdogSec"][0]) > 40 * SWEEP_SECONDS
    assert float(unit["TimeoutStopSec"][0]) > supervisor.STOP_SECONDS + 5
    assert float(unit["TimeoutStartSec"][0]) > 300 + 30  # a broker may read its journal for 300 s
    assert int(unit["StartLimitBurst"][0]) <= 5  # equal limits at all levels multiply
    assert unit["LimitCORE"] == ["0"]  # secrets are in its memory


def test_the_command_of_the_unit_is_one_that_the_desk_takes() -> None:
    python, script, *arguments = lines()["ExecStart"][0].split()
    assert (ROOT / Path(script).relative_to("/opt/quorum")).is_file()
    assert Path(python).relative_to("/opt/quorum") == Path(".venv/bin/python")
    parsed = supervisor.parse_arguments(arguments)
    assert (parsed.market, str(parsed.settings)) == ("binance", "/etc/quorum/settings.yaml")


def test_the_env_example_names_every_secret_and_nothing_else() -> None:
    text = (ROOT / "deploy" / "quorum.env.example").read_text()
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string("[env]\n" + re.sub(r"^#(?=[A-Z_]+=)", "", text, flags=re.M))
    assert set(parser["env"]) == {name.upper() for name in Secrets.model_fields}
