"""The protocol's documents: made from the message types, complete, valid, and of one mind with what the hub takes."""

import json
import re

import jsonschema
import pytest

from domain import requests
from domain.trading import Refusal
from domain.views import TOPICS
from tests.web.test_server import MINIMAL
from web import protocol
from web.requests import SHAPES, Refused, parse
from web.server_messages import ERROR_CODES, SERVER_MESSAGES

DOCUMENT = protocol.asyncapi()


def test_the_documents_are_those_of_the_code():
    stale = [path.name for path, content in protocol.documents().items() if path.read_text() != content]
    assert not stale, "make protocol"


def test_the_asyncapi_document_has_the_form_of_version_3():
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT) == {
        *("asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components")
    }
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")


def test_every_reference_of_the_document_leads_somewhere():
    for reference in re.findall(r'"\$ref": "#/([^"]*)"', json.dumps(DOCUMENT)):
        found = DOCUMENT
        for step in reference.split("/"):
            found = found[step]
        assert found


def test_every_payload_is_a_json_schema():
    for message in DOCUMENT["components"]["messages"].values():
        jsonschema.Draft202012Validator.check_schema({**message["payload"], "components": DOCUMENT["components"]})


def test_every_client_message_every_topic_and_every_refusal_is_documented():
    assert SHAPES.keys() == requests.KINDS.keys()
    assert set(TOPICS) <= SERVER_MESSAGES.keys()
    assert {code.value for code in Refusal} <= ERROR_CODES.keys()
    replies = {reply for shape in SHAPES.values() for reply in shape.replies}
    assert replies <= SERVER_MESSAGES.keys() | {"pong"}
    page = protocol.page()
    assert all(f"`{name}`" in page for name in (*SHAPES, *SERVER_MESSAGES, *ERROR_CODES))


def accepted(message):
    try:
        parse(json.dumps(message))
    except Refused:
        return False
    return True


def fits(message):
    payload = DOCUMENT["components"]["messages"][f"client.{message['type']}"]["payload"]
    return jsonschema.Draft202012Validator(payload).is_valid(message)


VALUES = [
    None,
    True,
    0,
    1,
    -1,
    0.5,
    2.5,
    600,
    1e13,
    "",
    "1",
    "0.5",
    "x",
    "BTCUSDT",
    "btcusdt",
    "buy",
    "LIMIT",
    "1m",
    [],
]
VALUES += [[], ["price_update"], ["BTCUSDT"], [1], ["a b"]]
NUMBERS_IN_TEXT = {"", "1", "0.5", "x"}  # the schema knows the form of a number in text, the hub its range too


@pytest.mark.parametrize("kind", [kind for kind in SHAPES if SHAPES[kind].fields])
def test_the_document_and_the_hub_agree_about_every_field(kind):
    minimal = {"type": kind, **MINIMAL.get(kind, {})}
    assert accepted(minimal) and fits(minimal)
    for field in SHAPES[kind].fields:
        for value in VALUES:
            message = {**minimal, field.name: value}
            if isinstance(value, str) and value in NUMBERS_IN_TEXT and "anyOf" in field.rule.schema:
                continue
            if accepted(message):
                assert fits(message), message
            elif not (SHAPES[kind].make and value in (None, 0, 1, 0.5, 2.5, 600)):  # fields that depend on each other
                inside_only = field.required and value is None and SHAPES[kind].inside
                assert inside_only or not fits(message) or field.name in ("value_usdt", "amount", "order_type"), message


def test_only_settings_and_stored_features_are_open_objects():
    """Everything else that clients are shown has its fields named, with their types."""
    schemas = DOCUMENT["components"]["schemas"].values()
    fields = [field for schema in schemas for field in schema["properties"].items()]
    assert {name for name, schema in fields if schema.get("additionalProperties") is True} == {
        "base",
        "config",
        "features",
    }
    assert not [name for name, schema in fields if schema.get("items") == {}]


def test_the_fields_inside_trade_data_are_documented_too():
    fields = {"symbol": "BTCUSDT", "direction": "buy", "amount": "0.1"}
    assert fits({"type": "execute_trade", "trade_data": fields})
    assert not fits({"type": "execute_trade", "trade_data": {**fields, "leverage": 21}})


def test_the_dashboard_has_a_type_for_the_fields_of_every_client_message():
    types = protocol.typescript()
    names = types.partition("export interface ClientFields {")[2].partition("}\n\nexport type")[0]
    for kind, shape in SHAPES.items():
        assert f"  {kind}: " in names
        assert all(re.search(rf"^  {field.name}\??: ", types, re.MULTILINE) for field in shape.fields)
