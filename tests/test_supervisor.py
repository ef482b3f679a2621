"""What the service itself decides, without a desk around it."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from domain.messages import ReloadSettings, SettingsReloaded
from settings import load_settings, parse_settings
from supervisor import Desk, _endpoint_rules, _inside

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


@pytest.mark.parametrize(
    ("base_url", "asked", "scripted"),
    [
        ("https://openrouter.ai/api/v1", "http://world/api/v1", True),
        ("http://127.0.0.1:8901/v1", "http://127.0.0.1:8901/v1", False),
        ("http://localhost:11434/v1", "http://localhost:11434/v1", False),
        ("https://models.example/v1", "http://world/api/v1", True),
    ],
)
def test_in_a_simulated_world_only_models_of_this_machine_are_asked_themselves(base_url, asked, scripted):
    world = SimpleNamespace(
        rest_url="http://world",
        stream_url="ws://world",
        rss_urls=(),
        cryptopanic_url="http://world/news",
        fear_greed_url="http://world/mood",
        openrouter_url="http://world/api/v1",
    )
    inside = _inside(world, parse_settings({"llm": {"base_url": base_url}}))
    assert inside.llm.base_url == asked
    assert _endpoint_rules(inside, world).openrouter is scripted
    assert inside.market.rest_urls == ("http://world",)
