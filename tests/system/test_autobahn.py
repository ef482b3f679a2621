"""The Autobahn conformance suite, cases 1 to 7 and 10, against the desk's WebSocket handler.

The suite is Python 2.7 code. `make autobahn` makes an environment for it in `build/py2` and runs this; without one the
test is skipped, and the cases in tests/web/test_safe_ws.py and tests/web/test_known_defects.py stand alone.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PYTHON2 = ROOT / "build" / "py2" / "bin" / "python"
SUITE = "autobahntestsuite==25.10.1"
CASES = 247
SPECIFICATION = {
    "cases": ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"],
    "exclude-cases": [],
    "exclude-agent-cases": {},
}
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(600)]


def works(*command, **environment):
    """Return whether a command can be run: a shim may be there and still fail."""
    try:
        done = subprocess.run([*command], env={**os.environ, **environment}, capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def python27():
    """Return how to call a Python 2.7: (command, environment); None where there is none."""
    for command, environment in (
        (os.environ.get("PYTHON27", ""), {}),
        ("python2.7", {}),
        ("python2.7", {"PYENV_VERSION": "2.7.18"}),
    ):
        if command and works(command, "--version", **environment):
            return command, environment
    return None


def install():
    """Make `build/py2` with the suite in it, where there is a Python 2.7."""
    found = python27()
    if found is None:
        return
    command, environment = found
    variables = {**os.environ, **environment}
    if not works(command, "-m", "virtualenv", "--version", **environment):
        subprocess.run([command, "-m", "pip", "install", "-q", "virtualenv"], env=variables, check=True)
    subprocess.run([command, "-m", "virtualenv", "-q", str(PYTHON2.parent.parent)], env=variables, check=True)
    subprocess.run([str(PYTHON2), "-m", "pip", "install", "-q", SUITE], check=True)


@pytest.fixture
def echo_port():
    command = [sys.executable, "-m", "tests.system.echo_server"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    yield int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def suite():
    if not works(str(PYTHON2), "-c", "import autobahntestsuite") and os.environ.get("QUORUM_AUTOBAHN"):
        install()
    if not works(str(PYTHON2), "-c", "import autobahntestsuite"):
        pytest.skip(
            "the suite is not installed: make autobahn" if python27() else "no Python 2.7 for autobahntestsuite"
        )
    return [str(PYTHON2), "-c", "from autobahntestsuite.wstest import run; run()"]


def test_no_case_of_the_autobahn_suite_fails(suite, echo_port, tmp_path):
    server = {"agent": "quorum", "url": f"ws://127.0.0.1:{echo_port}"}
    specification = {**SPECIFICATION, "outdir": str(tmp_path), "servers": [server]}
    (tmp_path / "spec.json").write_text(json.dumps(specification))
    command = [*suite, "-m", "fuzzingclient", "-s", str(tmp_path / "spec.json")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cases = json.loads((tmp_path / "index.json").read_text())["quorum"]
    bad = {
        name: (case["behavior"], case["behaviorClose"])
        for name, case in cases.items()
        if case["behavior"] not in GOOD or case["behaviorClose"] not in GOOD
    }
    sys.stdout.write(f"{len(cases)} cases: {dict(Counter(case['behavior'] for case in cases.values()))}\n")
    assert not bad
    assert len(cases) == CASES
