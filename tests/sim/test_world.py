"""The world as a whole: addresses, start and stop, the stand-alone program, the demo's settings."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from settings import load_settings
from sim.world import World, addresses

ROOT = Path(__file__).parent.parent.parent


def test_every_address_answers():
    with World() as world:
        for url in (f"{world.rest_url}/api/v3/ping", f"{world.openrouter_url}/models", *world.rss_urls):
            assert requests.get(url, timeout=5).status_code == 200
        assert requests.get(world.fear_greed_url, timeout=5).status_code == 200
        assert world.stream_url.startswith("ws://127.0.0.1:")
        assert len(addresses(world)) == 8


def test_a_stopped_world_cannot_be_reached_and_comes_back_at_the_same_place():
    world = World()
    world.start()
    url = f"{world.rest_url}/api/v3/ping"
    world.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=2)
    world.start()
    assert requests.get(url, timeout=5).status_code == 200
    world.stop()
    world.stop()


def test_volatility_must_be_positive():
    with pytest.raises(ValueError, match="volatility must be > 0, was 0"):
        World(volatility=0)


def test_a_taken_port_is_an_error():
    with World() as world, pytest.raises(OSError):
        World(port=world.port).start()


def test_the_program_prints_its_addresses_and_ends_on_a_signal():
    with subprocess.Popen(
        [sys.executable, "-m", "sim", "--port", "0", "--control"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        url = process.stdout.readline().split()[-1]
        assert requests.get(f"{url}/api/v3/ping", timeout=5).json() == {}
        assert requests.get(f"{url}/_sim/fault", timeout=5).json() == []
        process.terminate()
        assert process.wait(timeout=5) == 0


def test_the_demos_settings_are_valid():
    settings = load_settings(ROOT / "sim" / "demo.yaml", environ={}, env_files=())
    assert settings.market.source == "simulated"
    assert settings.bots.enabled_at_start and settings.analysis.enabled_at_start
    assert set(settings.analysts) == {"technical", "grok", "claude", "gpt"}
