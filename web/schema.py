"""JSON Schemas of the values that clients are shown, made from their types and the comments beside their fields."""

import inspect
import re
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from domain.views import Absent

Schema = dict[str, Any]

_PLAIN: dict[object, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Decimal: {"type": "number"},
    types.NoneType: {"type": "null"},
    object: {},
}
_WORDS = re.compile(r"\w+( \| \w+)+")  # a comment that lists what may stand there
_COMMENT = re.compile(r"^ {4}(\w+): [^#\n]*# (.+)$", re.MULTILINE)


class Schemas:
    """Collects the schemas of dataclasses by name in `found`, each once."""

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """Return the schema of an annotation; dataclasses as references."""
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            return self._union([each for each in arguments if each is not Absent])
        if origin is tuple:
            return self._tuple(arguments)
        if origin is list:
            return {"type": "array", "items": self.of(arguments[0])}
        if inspect.isclass(origin) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(arguments[1]) or True}
        if is_dataclass(kind):
            return self._dataclass(kind)
        if inspect.isclass(kind) and issubclass(kind, Enum):
            return {"type": "string", "enum": [item.value for item in kind]}
        raise TypeError(f"{kind} is nothing that clients are shown")

    def _union(self, kinds: list[Any]) -> Schema:
        return self.of(kinds[0]) if len(kinds) == 1 else {"anyOf": [self.of(each) for each in kinds]}

    def _tuple(self, arguments: tuple[Any, ...]) -> Schema:
        if len(arguments) == 2 and arguments[1] is ...:
            return {"type": "array", "items": self.of(arguments[0])}
        prefix = [self.of(each) for each in arguments]
        return {"type": "array", "prefixItems": prefix, "items": False, "minItems": len(prefix)}

    def _dataclass(self, kind: Any) -> Schema:
        name = kind.__name__
        if name not in self.found:
            self.found[name] = {}  # taken, so that a value inside itself ends
            self.found[name] = self._object(kind)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, kind: Any) -> Schema:
        hints, comments = get_type_hints(kind), dict(_COMMENT.findall(inspect.getsource(kind)))
        properties, required = {}, []
        for item in fields(kind):
            schema = self.of(hints[item.name])
            if item.name in comments:
                schema = _commented(schema, comments[item.name])
            properties[item.name] = schema
            if Absent not in get_args(hints[item.name]):
                required.append(item.name)
        described = {"description": inspect.getdoc(kind)} if kind.__doc__ else {}
        return {"type": "object", **described, "properties": properties, "required": required}


def _commented(schema: Schema, comment: str) -> Schema:
    if schema.get("type") == "string" and _WORDS.fullmatch(comment):
        return {**schema, "enum": comment.split(" | ")}
    return {**schema, "description": comment}
