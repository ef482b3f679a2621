"""The container files: what is copied exists, nothing runs as root, nothing is written but where it may be."""

import re
from pathlib import Path
from typing import Any

import yaml

from settings import Secrets, load_settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
FINAL = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()


def test_what_is_copied_is_there_and_not_ignored() -> None:
    copied = [path for line in re.findall(r"^COPY (?!--)(.*)$", DOCKERFILE, re.M) for path in line.split()[:-1]]
    assert copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert path == "." or f"!{path.split('/')[0]}" in IGNORED, path


def test_no_secret_and_no_data_reach_the_image() -> None:
    assert IGNORED[0] == "*"
    allowed = {line[1:] for line in IGNORED if line.startswith("!")}
    assert all((ROOT / name).exists() for name in allowed)
    assert not allowed & {".env", "var", ".git", "tests"}


def test_the_final_image_runs_as_nobody_special_without_a_compiler() -> None:
    assert FINAL.startswith("\nFROM python:3.11-slim-bookworm\n")
    assert re.search(r"^USER \d{5}:\d{5}$", FINAL, re.M)
    assert not re.search(r"apt-get|gcc|npm|ziglang", FINAL)
    assert "/healthz" in FINAL
    assert FINAL.index("\nUSER ") < FINAL.index("\nENTRYPOINT ")


def test_the_settings_of_the_image_are_valid_and_need_a_token() -> None:
    path = ROOT / "deploy/settings.container.yaml"
    settings = load_settings(path, environ={"HUB_OPERATOR_TOKEN": "t" * 32, "HUB_VIEWER_TOKEN": ""}, env_files=())
    assert (settings.server.host, settings.storage.data_dir) == ("0.0.0.0", "/data")


def test_the_desk_of_compose_is_confined_and_gets_every_secret() -> None:
    desk, database = COMPOSE["services"]["desk"], COMPOSE["services"]["database"]
    assert desk["read_only"] is True
    assert desk["cap_drop"] == ["ALL"]
    assert desk["ports"] == ["127.0.0.1:8765:8765"]
    assert set(desk["environment"]) == {name.upper() for name in Secrets.model_fields}
    assert desk["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert "ports" not in database
    assert COMPOSE["networks"][database["networks"][0]] == {"internal": True}
