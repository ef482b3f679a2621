"""How much room is left where the desk keeps its files."""

import os
import shutil
from pathlib import Path

from adapters.disk import free_bytes


def test_room_is_what_is_left_for_us_now(tmp_path: Path) -> None:
    before, found, after = shutil.disk_usage(tmp_path).free, free_bytes(tmp_path), shutil.disk_usage(tmp_path).free
    assert found is not None
    slack = 256 * 1024 * 1024  # others write, too
    assert min(before, after) - slack <= found <= max(before, after) + slack


def test_a_folder_that_is_not_there_has_no_figure(tmp_path: Path) -> None:
    assert free_bytes(os.fspath(tmp_path / "missing")) is None
