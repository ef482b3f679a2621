from tests.mongod_fixture import _prepared, mongod, stores

__all__ = ["_prepared", "mongod", "stores"]
