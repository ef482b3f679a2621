"""What the service itself decides, without a desk around it."""

from domain.messages import ReloadSettings, SettingsReloaded
from settings import load_settings
from supervisor import Desk


def test_a_refused_reload_names_the_file_without_its_folder(tmp_path, peers):
    path = tmp_path / "desk.yaml"
    path.write_text("{}")
    desk = Desk(load_settings(path), path=path)
    desk.directory = peers
    path.unlink()
    assert desk._reload(ReloadSettings(reply_to="hub", request_id="r")) is None
    (answer,) = peers.to("hub", SettingsReloaded)
    assert answer.error == "desk.yaml: must exist, was not found"
