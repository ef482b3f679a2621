"""Write the lock files from the dependency groups of setup.cfg: versions pinned, files hashed, any platform."""

import configparser
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = "3.11"

# Lock file -> the groups of setup.cfg it holds; "" is install_requires. The dev lock contains the runtime lock.
LOCKS = {
    "requirements.lock": ("",),
    "requirements-dev.lock": ("", "ray", "optuna", "dev"),
    "deploy/build.lock": ("build",),
    "deploy/compiler.lock": ("compiler",),
    "deploy/node.lock": ("node",),
    "deploy/model.lock": ("model",),
}
ALONE = {"deploy/model.lock"}  # nothing that these packages ask for is installed with them


def requirements(group: str) -> list[str]:
    """Read one dependency group of setup.cfg.

    Args:
        group: a name of options.extras_require, or "" for install_requires.

    Returns: its requirement lines, without comments.
    """
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    text = config["options.extras_require"][group] if group else config["options"]["install_requires"]
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def write_lock(name: str, groups: tuple[str, ...], *, upgrade: bool) -> None:
    """Resolve the groups into one lock file; versions already locked stay unless upgrade is set."""
    command = ["uv", "pip", "compile", "-", "--output-file", name, "--universal", "--python-version", PYTHON]
    command += ["--generate-hashes", "--quiet", "--no-annotate", "--custom-compile-command", "make lock"]
    if upgrade:
        command.append("--upgrade")
    if name in ALONE:
        command.append("--no-deps")
    if name != "requirements.lock":
        command += ["--constraint", "requirements.lock"]
    lines = [line for group in groups for line in requirements(group)]
    subprocess.run(command, cwd=ROOT, input="\n".join(lines), text=True, check=True)


if __name__ == "__main__":
    for lock, members in LOCKS.items():
        write_lock(lock, members, upgrade="--upgrade" in sys.argv[1:])
