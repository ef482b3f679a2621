"""The import direction of docs/architecture.md, kept by a test."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "domain": {"domain", "numpy", "tulipy"},
    "adapters": {
        "adapters",
        "domain",
        "bson",
        "feedparser",
        "gevent",
        "msgspec",
        "numpy",
        "openai",
        "pydantic",
        "pymongo",
        "requests",
        "urllib3",
        "vaderSentiment",
        "websocket",
        "zstandard",
    },
    "actors": {"actors", "domain", "settings", "gevent", "pykka"},  # never adapters, never web: they are given ports
    "web": {"web", "domain", "gevent", "geventwebsocket", "msgspec", "prometheus_client", "websocket"},
    "examples": {"web", "websockets"},
    "sim": {
        "sim",
        "domain",
        "gevent",
        "geventwebsocket",
        "msgspec",
    },  # not adapters: a shared mistake would hide itself
    "replay": {"replay", "actors", "adapters", "domain", "settings", "gevent", "msgspec", "pykka"},
    "backtest": {
        "backtest",
        "actors",
        "adapters",
        "domain",
        "ledger",
        "settings",
        "joblib",
        "numpy",
        "optuna",
        "pyarrow",
        "ray",
        "tulipy",
        "yaml",
    },
    "ledger": {"ledger", "adapters", "domain", "settings", "bson", "gevent", "msgspec", "pymongo"},
}
NOT_IN_DOMAIN = {"logging", "os", "random", "secrets", "socket", "threading", "time", "uuid"}
READS_THE_CLOCK = {"now", "today", "utcnow", "time", "time_ns"}


def imported_roots(path: Path) -> set[str]:
    roots: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            roots.add(node.module.split(".")[0])
    return roots


def clock_reads(path: Path) -> set[str]:
    """Return the names by which a file reads the clock of the modules that have one."""
    attributes = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute))
    return {
        f"{node.value.id}.{node.attr}"
        for node in attributes
        if isinstance(node.value, ast.Name)
        and node.value.id in ("date", "datetime", "time")
        and node.attr in READS_THE_CLOCK
    }


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_a_layer_imports_only_what_it_may(layer):
    files = list((ROOT / layer).rglob("*.py"))
    assert files
    for path in files:
        outside = imported_roots(path) - sys.stdlib_module_names - MAY_IMPORT[layer]
        assert not outside, f"{path.relative_to(ROOT)} imports {sorted(outside)}"


def test_the_domain_reads_no_clock_and_does_no_io():
    for path in (ROOT / "domain").rglob("*.py"):
        banned = imported_roots(path) & NOT_IN_DOMAIN
        assert not banned, f"{path.relative_to(ROOT)} imports {sorted(banned)}"
        assert not clock_reads(path), f"{path.relative_to(ROOT)} reads the clock"


def test_actors_read_no_wall_clock():
    for path in (ROOT / "actors").rglob("*.py"):
        found = clock_reads(path)
        assert not found, f"{path.relative_to(ROOT)} reads the clock by {sorted(found)}: ask the Clock port"


def test_only_the_supervisor_creates_actors():
    for layer in ("adapters", "backtest", "domain", "web", "sim", "ledger"):
        for path in (ROOT / layer).rglob("*.py"):
            assert "pykka" not in imported_roots(path), f"{path.relative_to(ROOT)} knows about actors"
