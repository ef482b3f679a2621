"""How much room a disk has."""

import os
from pathlib import Path


def free_bytes(folder: Path | str) -> int | None:
    """Return what the file system of `folder` has left for us; None when it does not say."""
    try:
        figures = os.statvfs(Path(folder).expanduser())
    except (OSError, AttributeError):  # the second: Windows
        return None
    return figures.f_bavail * figures.f_frsize
