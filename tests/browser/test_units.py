"""The dashboard's own unit tests, which run under Node.js."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FRONTEND = Path(__file__).parents[2] / "frontend"


@pytest.mark.timeout(180)
def test_the_units_of_the_dashboard_pass() -> None:
    beside = Path(sys.executable).parent  # where a Node.js from a package stands, if one was needed
    path = os.pathsep.join((str(beside), os.environ.get("PATH", os.defpath)))
    npm = shutil.which("npm", path=path)
    if npm is None or not (FRONTEND / "node_modules").is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the dashboard's packages are not installed: make setup")
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1"}
    done = subprocess.run(
        [npm, "test", "--silent"],
        cwd=FRONTEND,
        env=environment,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Tests +\d+ passed", done.stdout)
