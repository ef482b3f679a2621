"""A real database for tests: import the fixtures into the conftest.py of the folder that needs them."""

import itertools
from collections.abc import Iterator

import pytest

from adapters.mongo import MongoStores
from adapters.mongod import EmbeddedMongod

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMongod]:
    """A server of our own in a scratch directory, shared by the tests of one folder."""
    server = EmbeddedMongod(data_dir=tmp_path_factory.mktemp("mongod"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def stores(mongod: EmbeddedMongod) -> Iterator[MongoStores]:
    """Stores on a database that no other test uses."""
    made = MongoStores(uri=mongod.uri, database=f"desk_{next(_numbers)}")
    made.prepare()
    yield made
    made.client.drop_database(made.name)
    made.close()
