"""What the service itself decides, without a desk around it."""

import subprocess
import sys
from pathlib import Path

from domain.messages import ReloadSettings, SettingsReloaded
from settings import load_settings
from supervisor import Desk

ROOT = Path(__file__).parent.parent


def test_a_refused_reload_names_the_file_without_its_folder(tmp_path, peers):
    path = tmp_path / "desk.yaml"
    path.write_text("{}")
    desk = Desk(load_settings(path), path=path)
    desk.directory = peers
    path.unlink()
    assert desk._reload(ReloadSettings(reply_to="hub", request_id="r")) is None
    (answer,) = peers.to("hub", SettingsReloaded)
    assert answer.error == "desk.yaml: must exist, was not found"


def test_the_model_library_is_not_imported_before_the_database_starts():
    code = "from gevent import monkey; monkey.patch_all(); import supervisor, sys; print('openai' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout == "False\n"
