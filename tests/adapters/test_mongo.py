import pytest
from pymongo.errors import OperationFailure

from adapters.mongo import MongoStores, connect
from adapters.mongo_schema import journal_validator
from domain.errors import LedgerUnavailable, SettingsError
from tests.journal_documents import deposits


def test_preparing_again_changes_nothing(stores):
    database = stores.client[stores.name]
    before = {name: database[name].index_information() for name in database.list_collection_names()}
    stores.prepare()
    assert {name: database[name].index_information() for name in database.list_collection_names()} == before
    assert set(before["journal"]) == {"_id_", "seq", "symbol_ts", "order_id", "checkpoints"}
    assert before["journal"]["seq"]["unique"]


def test_a_validator_of_an_older_version_is_renewed(stores):
    database = stores.client[stores.name]
    database.command("collMod", "journal", validator={})
    stores.prepare()
    (info,) = database.list_collections(filter={"name": "journal"})
    assert info["options"]["validator"] == journal_validator()


def test_a_login_that_is_refused_is_an_error_of_the_settings(mongod):
    stores = MongoStores(uri=mongod.uri.replace("quorum:", "nobody:"), database="desk")
    with pytest.raises(SettingsError, match=r"MONGODB_URI must let the desk use desk, was refused \(code 18\)"):
        stores.prepare()
    stores.close()


def test_an_unknown_client_is_refused(mongod):
    client = connect(f"mongodb://127.0.0.1:{mongod._access.port}/?directConnection=true")
    with pytest.raises(OperationFailure) as refused:
        client["desk"]["journal"].find_one()
    assert refused.value.code == 13
    client.close()


@pytest.mark.parametrize("uri", ["mongodb://", "mongodb://user:sec ret@h:port/"])
def test_a_malformed_address_is_refused_without_repeating_it(uri):
    with pytest.raises(SettingsError) as refused:
        MongoStores(uri=uri, database="desk")
    assert "ret" not in str(refused.value).replace("refused", "")


def test_a_database_that_is_away_is_said_so(monkeypatch):
    monkeypatch.setattr("adapters.mongo.OPERATION_MS", 100)
    stores = MongoStores(uri="mongodb://127.0.0.1:1/", database="desk")
    assert not stores.is_up()
    with pytest.raises(LedgerUnavailable, match="the database did not answer"):
        stores.prepare()
    with pytest.raises(LedgerUnavailable, match="the journal could not be read"):
        stores.ledger.head()
    with pytest.raises(LedgerUnavailable):
        stores.ledger.append(deposits(1))
    assert stores.close()


def test_closing_writes_what_is_queued(stores, mongod):
    other = MongoStores(uri=mongod.uri, database=stores.name)
    assert other.is_up()
    for ts in range(500):
        other.archive.save("equity", {"_id": str(ts), "ts": ts})
    assert other.pending == 500
    assert other.close()
    assert stores.client[stores.name]["equity"].count_documents({}) == 500
