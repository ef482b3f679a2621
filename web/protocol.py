"""The protocol's documents, made from the message types: `python -m web.protocol` writes them, a test keeps them.

docs/protocol.md for people, docs/asyncapi.json (AsyncAPI 3) for tools, frontend/src/messages.ts for the dashboard.
That is also told what docs/settings.md says of each bot setting: frontend/src/meanings.ts.
"""

import json
import re
from pathlib import Path
from typing import Any

from domain.gates import GATES
from domain.money import text
from domain.requests import READING
from web.requests import MAX_REQUEST_ID, SHAPES, Field, Shape
from web.schema import Schema, Schemas
from web.server_messages import CLOSE_CODES, ERROR_CODES, LISTED, SERVER_MESSAGES, ServerMessage

ROOT = Path(__file__).parent.parent
MADE = "Made by `make protocol` from the message types; not to be edited."


# --- schemas ---------------------------------------------------------------------------------------------------------


def client_schema(kind: str, shape: Shape) -> Schema:
    """Return what one client message may look like, its fields beside `type`."""
    own = {field.name: field_schema(field) for field in shape.fields}
    properties: Schema = {
        "type": {"const": kind},
        "request_id": {"type": "string", "maxLength": MAX_REQUEST_ID},
        **own,
    }
    if shape.inside:
        properties[shape.inside] = {"type": "object", "description": "may hold the fields instead", "properties": own}
    required = ["type"] if shape.inside else ["type", *(field.name for field in shape.fields if field.required)]
    return {
        "type": "object",
        "description": (shape.request.__doc__ or "").strip(),
        "properties": properties,
        "required": required,
    }


def field_schema(field: Field) -> Schema:
    schema = dict(field.rule.schema)
    if not field.required:
        schema = {"anyOf": [schema, {"type": "null"}]}
    if field.default is not None:
        schema["default"] = _plain(field.default)
    return {**schema, "description": f"{field.rule.words}{'; ' + field.note if field.note else ''}"}


def _plain(value: object) -> object:
    if isinstance(value, bool | int | str):
        return getattr(value, "value", value)
    return json.loads(text(value))  # type: ignore[arg-type]  # a Decimal is all that is left


def server_schema(kind: str, message: ServerMessage, schemas: Schemas) -> Schema:
    """Return the schema of one frame of the server."""
    data = schemas.of(message.data)
    if message.by_symbol:
        entries = (
            {"type": "array", "items": data} if kind in LISTED else {"type": "object", "additionalProperties": data}
        )
        data = {
            "type": "object",
            "properties": {message.by_symbol: entries},
            "additionalProperties": data,
            "required": [message.by_symbol],
        }
    return {
        "type": "object",
        "properties": {
            "type": {"const": kind},
            "data": data,
            "request_id": {"type": "string", "description": "the request's, in answers"},
            "ledger_seq": {"type": "integer", "description": "the journal event that this frame belongs to"},
            "warnings": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["type", "data"],
        "additionalProperties": False,
    }


PONG: Schema = {
    "type": "object",
    "properties": {
        "type": {"const": "pong"},
        "timestamp": {"type": ["number", "string"], "description": "the ping's own, else epoch seconds"},
        "request_id": {"type": "string"},
    },
    "required": ["type", "timestamp"],
    "additionalProperties": False,
}


# --- AsyncAPI --------------------------------------------------------------------------------------------------------


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3 document."""
    schemas = Schemas()
    client = {kind: client_schema(kind, shape) for kind, shape in SHAPES.items()}
    server = {kind: server_schema(kind, message, schemas) for kind, message in SERVER_MESSAGES.items()}
    messages = {
        **{f"client.{kind}": {"name": kind, "payload": schema} for kind, schema in client.items()},
        **{f"server.{kind}": {"name": kind, "payload": schema} for kind, schema in {**server, "pong": PONG}.items()},
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Quorum's hub",
            "version": "1.0.0",
            "description": f"One JSON object per text frame. {MADE}",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:8765", "protocol": "ws", "pathname": "/ws"}},
        "channels": {
            "session": {
                "address": "/ws",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            }
        },
        "operations": {
            **{f"ask.{kind}": _ask(kind, shape) for kind, shape in SHAPES.items()},
            "tell": {
                "action": "send",
                "channel": {"$ref": "#/channels/session"},
                "summary": "What the hub tells by itself.",
                "messages": [_in_channel(f"server.{kind}") for kind in server],
            },
        },
        "components": {"messages": messages, "schemas": dict(sorted(schemas.found.items()))},
    }


def _ask(kind: str, shape: Shape) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": "#/channels/session"},
        "summary": (shape.request.__doc__ or "").strip(),
        "messages": [_in_channel(f"client.{kind}")],
        "reply": {
            "channel": {"$ref": "#/channels/session"},
            "messages": [_in_channel(f"server.{reply}") for reply in (*shape.replies, "error")],
        },
    }


def _in_channel(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/session/messages/{name}"}


# --- the page --------------------------------------------------------------------------------------------------------

INTRODUCTION = f"""# Protocol

{MADE}

One port: an upgrade on `/` or `/ws` opens a session. One JSON object per text frame. The server's frames are
`{{"type", "data"}}`, with `request_id` in answers, `ledger_seq` where the ledger is concerned, `warnings` where
something was ignored. The client's are `{{"type", …fields}}`; fields may also stand inside `data`, and a field beside
`type` wins. Unknown fields are ignored and named in `warnings`; a known field with a wrong value is refused. Numbers
may be JSON numbers or decimal strings. A client applies `initial_data`, then every frame whose `ledger_seq` is greater
than the snapshot's.

`price_update` and `candle_update` of a session that reads slowly are conflated, the newest wins; everything else
arrives in order or the session is closed with 1013. [asyncapi.json](asyncapi.json) says the same as AsyncAPI 3.
"""


def page() -> str:
    """Return docs/protocol.md."""
    parts = [INTRODUCTION, "## Client messages\n"]
    parts += [_client_section(kind, shape) for kind, shape in SHAPES.items()]
    parts += ["## Server messages\n", "| type | when | data |", "|---|---|---|"]
    schemas = Schemas()
    for kind, message in SERVER_MESSAGES.items():
        shown = _type(schemas.of(message.data))
        shown = f"map of {shown} under `{message.by_symbol}` and by symbol" if message.by_symbol else shown
        parts.append(f"| `{kind}` | {message.when} | {shown} |")
    parts.append("| `pong` | the answer to ping; `timestamp` stands beside `type` | |")
    parts.append("\n## Values\n")
    parts += [_value_section(name, schema) for name, schema in sorted(schemas.found.items())]
    parts += ["## Errors\n", "| code | meaning |", "|---|---|"]
    parts += [f"| `{code}` | {meaning} |" for code, meaning in ERROR_CODES.items()]
    parts += ["\n## Close codes\n", "| code | meaning |", "|---|---|"]
    parts += [f"| {code} | {meaning} |" for code, meaning in CLOSE_CODES.items()]
    return "\n".join(parts) + "\n"


def _client_section(kind: str, shape: Shape) -> str:
    who = "operator and viewer" if kind in READING else "operator"
    lines = [f"### `{kind}`\n", f"{(shape.request.__doc__ or '').strip()} ({who})\n"]
    if shape.inside:
        lines.append(f"The fields may stand inside `{shape.inside}`.\n")
    if shape.open:
        lines.append("All other fields are bot settings (docs/settings.md); they are checked together.\n")
    for field in shape.fields:
        default = f"; default {_plain(field.default)}" if field.default is not None else ""
        needed = "needed, " if field.required else ""
        note = f"; {field.note}" if field.note else ""
        lines.append(f"- `{field.name}`: {needed}{field.rule.words.removeprefix('must be ')}{default}{note}")
    if shape.fields:
        lines.append("")
    lines.append(f"Answered by {', '.join(f'`{reply}`' for reply in shape.replies)} or `error`.\n")
    return "\n".join(lines)


def _value_section(name: str, schema: Schema) -> str:
    lines = [f"### {name}\n", f"{schema.get('description', '')}\n", "| field | type | |", "|---|---|---|"]
    for field, inner in schema["properties"].items():
        mark = "" if field in schema["required"] else "?"
        lines.append(f"| `{field}{mark}` | {_type(inner)} | {inner.get('description', '').replace('|', 'or')} |")
    return "\n".join(lines) + "\n"


def _type(schema: Schema) -> str:
    """Return a schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if schema.get("type") == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(map(_type, schema['prefixItems']))}]"
        return f"list of {_type(schema['items'])}"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"map of {_type(inner)}" if isinstance(inner, dict) else "object"
    return str(schema.get("type", "anything"))


# --- TypeScript ------------------------------------------------------------------------------------------------------


def typescript() -> str:
    """Return the dashboard's types."""
    schemas = Schemas()
    data = {kind: _ts_data(kind, message, schemas) for kind, message in SERVER_MESSAGES.items()}
    lines = [f"/** The hub's messages. {MADE} */", ""]
    for name, schema in sorted(schemas.found.items()):
        lines += [f"/** {schema.get('description', '').replace(chr(10), ' ')} */", f"export interface {name} {{"]
        for field, inner in schema["properties"].items():
            comment = f" // {inner['description']}" if "description" in inner else ""
            mark = "" if field in schema["required"] else "?"
            lines.append(f"  {field}{mark}: {_ts(inner)};{comment}")
        lines += ["}", ""]
    lines += ["/** The `data` of each message by its type. */", "export interface ServerData {"]
    lines += [f"  {kind}: {shown};" for kind, shown in data.items()]
    lines += ["}", "", "export type ServerKind = keyof ServerData;", ""]
    lines += ["/** What a client may send. */", "export type ClientKind =", *(f'  | "{kind}"' for kind in SHAPES)]
    lines[-1] += ";"
    lines += ["", *_ts_requests(), "/** The fields of each message of a client. */", "export interface ClientFields {"]
    lines += [f"  {kind}: {_ts_fields(shape)};" for kind, shape in SHAPES.items()]
    lines += ["}"]
    lines += ["", "export type ErrorCode =", *(f'  | "{code}"' for code in ERROR_CODES)]
    lines[-1] += ";"
    return "\n".join(lines) + "\n"


def _ts_data(kind: str, message: ServerMessage, schemas: Schemas) -> str:
    shown = _ts(schemas.of(message.data))
    if not message.by_symbol:
        return shown
    inner = f"({shown})[]" if kind in LISTED else f"Record<string, {shown}>"
    return f"{{ {message.by_symbol}: {inner} }}"


def _ts_requests() -> list[str]:
    """Return an interface for each kind of request that has fields."""
    lines: list[str] = []
    for shape in {shape.request: shape for shape in SHAPES.values() if shape.fields or shape.open}.values():
        lines += [f"/** {(shape.request.__doc__ or '').strip()} */", f"export interface {shape.request.__name__} {{"]
        for field in shape.fields:
            kind = _ts(field_schema(field))
            lines.append(f"  {field.name}: {kind};" if field.required else f"  {field.name}?: {kind} | undefined;")
        lines += [*(["  [setting: string]: unknown;"] if shape.open else []), "}", ""]
    return lines


def _ts_fields(shape: Shape) -> str:
    if not shape.fields and not shape.open:
        return "Record<string, never>"
    name = shape.request.__name__
    return f"{name} | {{ {shape.inside}: {name} }}" if shape.inside else name


def _ts(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " | ".join(map(_ts, schema["anyOf"]))
    if schema.get("type") == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(map(_ts, schema['prefixItems']))}]"
        inner = _ts(schema["items"])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if "enum" in schema:
        return " | ".join(f'"{word}"' for word in schema["enum"])
    if schema.get("type") == "object":
        values: Any = schema.get("additionalProperties")
        return f"Record<string, {_ts(values) if isinstance(values, dict) else 'unknown'}>"
    return {"string": "string", "boolean": "boolean", "integer": "number", "number": "number", "null": "null"}.get(
        str(schema.get("type")), "unknown"
    )


_SETTING = re.compile(r"^\| `bots\.defaults\.([\w.]+)` \| (?:.*? \| ){3}(.*?) \|$", re.M)


def meanings() -> str:
    """Return what the dashboard says of each bot setting and the order of the gates."""
    told = dict(_SETTING.findall((ROOT / "docs" / "settings.md").read_text()))
    quoted = {key: json.dumps(meaning, ensure_ascii=False) for key, meaning in told.items()}
    lines = ["/** Words of docs/settings.md and the gates in order. Made by `make protocol`; not to be edited. */", ""]
    lines += ["/** The meaning of each bot setting by its dotted key; its unit comes first. */"]
    lines += ["export const MEANINGS: Record<string, string> = {"]
    lines += [f'  "{key}": {meaning},' for key, meaning in quoted.items()]
    lines += ["};", "", "/** The gates of a decision, in the order they are checked. */", "export const GATES = ["]
    lines += [f'  "{gate}",' for gate in GATES]
    return "\n".join([*lines, "] as const;"]) + "\n"


def documents() -> dict[Path, str]:
    """Return every document by its path."""
    return {
        ROOT / "docs" / "protocol.md": page(),
        ROOT / "docs" / "asyncapi.json": json.dumps(asyncapi(), indent=1, ensure_ascii=False) + "\n",
        ROOT / "frontend" / "src" / "messages.ts": typescript(),
        ROOT / "frontend" / "src" / "meanings.ts": meanings(),
    }


def main() -> None:
    for path, content in documents().items():
        path.write_text(content)


if __name__ == "__main__":
    main()
