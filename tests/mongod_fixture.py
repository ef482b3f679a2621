"""A real database for tests: import the fixtures into the conftest.py of the folder that needs them."""

from collections.abc import Iterator

import pytest

from adapters.mongo import MongoStores
from adapters.mongod import EmbeddedMongod


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMongod]:
    """A server of our own in a scratch directory, shared by the tests of one folder."""
    server = EmbeddedMongod(data_dir=tmp_path_factory.mktemp("mongod"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _prepared(mongod: EmbeddedMongod) -> str:
    made = MongoStores(uri=mongod.uri, database="desk")
    made.prepare()
    made.close()
    return made.name


@pytest.fixture
def stores(mongod: EmbeddedMongod, _prepared: str) -> Iterator[MongoStores]:
    """Stores on a prepared, empty database."""
    made = MongoStores(uri=mongod.uri, database=_prepared)
    yield made
    made.close()
    cleaner = MongoStores(uri=mongod.uri, database=_prepared)
    database = cleaner.client[_prepared]
    for name in database.list_collection_names():
        database[name].delete_many({})
    cleaner.close()
