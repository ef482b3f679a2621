"""Desks for system tests: each in a folder of its own, none left behind, its log shown when a test fails."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.mongod import EmbeddedMongod
from tests.system.desk_process import DeskProcess

SHOWN_CHARACTERS = 20_000  # of a log


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database server that outlives the desks of single tests."""
    server = EmbeddedMongod(data_dir=tmp_path_factory.mktemp("mongod"))
    yield server.start()
    server.stop()


@pytest.fixture
def desks(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., DeskProcess]]:
    """Return a function that makes a desk, not yet started; arguments as those of DeskProcess but the folder."""
    made: list[DeskProcess] = []

    def make(settings: dict[str, Any], *arguments: str, **variables: str) -> DeskProcess:
        folder = tmp_path / f"desk{len(made)}"
        folder.mkdir()
        made.append(DeskProcess(folder, settings, *arguments, **variables))
        return made[-1]

    yield make
    for number, desk in enumerate(made):
        request.node.add_report_section("teardown", f"log of desk {number}", desk.log[-SHOWN_CHARACTERS:])
    failures = []
    for desk in made:
        try:
            desk.clean_up()
        except AssertionError as error:
            failures.append(str(error))
    assert not failures
