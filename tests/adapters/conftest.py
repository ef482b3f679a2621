from tests.mongod_fixture import mongod, stores

__all__ = ["mongod", "stores"]
