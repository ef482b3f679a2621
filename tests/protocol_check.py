"""Frames of the hub against the protocol's own document."""

import json
from functools import cache

import jsonschema

from web import protocol


@cache
def validator(kind):
    document = protocol.asyncapi()
    payload = document["components"]["messages"][f"server.{kind}"]["payload"]
    return jsonschema.Draft202012Validator({**payload, "components": document["components"]})


def check_frame(frame):
    """Fail where a frame (text, or what was read from it with floats) is not as documented."""
    frame = json.loads(frame) if isinstance(frame, str | bytes) else frame
    errors = [f"{error.json_path}: {error.message[:300]}" for error in validator(frame["type"]).iter_errors(frame)]
    assert not errors, f"{frame['type']}: {errors[:5]}"
