"""`make local-model`: a small language model on this machine, and a desk in the simulated world that asks it.

The model and its server (deploy/model.lock) go into an environment of their own, .venv/model, on the first run. Without
a compiler; 130 MB are fetched. Ctrl-C ends the desk, then the server.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from deploy import setup_env
from settings import load_settings

ROOT = setup_env.ROOT
LOCK = ROOT / "deploy" / "model.lock"
HOME = setup_env.VENV / "model"
PYTHON = HOME / "bin" / "python"
SETTINGS = ROOT / "sim" / "local_model.yaml"
LOADED_SECONDS = 300  # a busy machine takes its time to read the model


def main(arguments: list[str]) -> int:
    """Install what is missing, serve the model, run the desk on `arguments` or the settings of this folder."""
    install()
    settings = Path(arguments[0]) if arguments else SETTINGS
    url = load_settings(settings).llm.base_url
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    if is_taken(port):
        sys.exit(f"local-model: port {port} of llm.base_url must be free, something answers there")
    server = subprocess.Popen([PYTHON, ROOT / "deploy" / "model_server.py", str(port), str(os.cpu_count() or 1)])
    try:
        wait_until_loaded(server, port)
        return run_desk(settings)
    finally:
        server.terminate()
        server.wait()


def install() -> None:
    """Make the environment and install the locked packages; does nothing when that is done."""
    key = setup_env.digest([LOCK])
    if PYTHON.exists() and setup_env.is_done("model", key):
        return
    setup_env.say("fetching a small language model and its server")
    setup_env.run([sys.executable, "-m", "venv", "--clear", HOME], ROOT, {})
    wanted: list[str | Path] = ["--require-hashes", "--no-deps", "--only-binary=:all:", "-r", LOCK]
    setup_env.run([PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *wanted], ROOT, {})
    setup_env.note_done("model", key)


def wait_until_loaded(server: subprocess.Popen[bytes], port: int) -> None:
    """Return when the server says that it is ready."""
    until = time.monotonic() + LOADED_SECONDS
    while not is_loaded(port):
        if server.poll() is not None:
            sys.exit(f"local-model: the server ended with exit code {server.returncode}")
        if time.monotonic() > until:
            sys.exit(f"local-model: the model must be loaded within {LOADED_SECONDS} s, was not")
        time.sleep(0.5)


def is_loaded(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def run_desk(settings: Path) -> int:
    """Run the desk to its end; what stops this process stops the desk first."""
    command: list[str | Path] = [
        sys.executable,
        ROOT / "supervisor.py",
        "--settings",
        settings,
        "--market",
        "simulated",
    ]
    desk = subprocess.Popen(command)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda number, _: desk.send_signal(number))
    return desk.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
