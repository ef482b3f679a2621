"""No form of a known secret leaves the process."""

import io
import json
from urllib.parse import quote

import pytest

from adapters.redaction import RedactedStream, Redactor

URI = "mongodb://desk:p%40ss-w0rd@db.example:27017/crypto"
HOOK = "https://user:hook-pass@hooks.example/services/T000/B111?sig=abcdef123"


@pytest.mark.parametrize(
    ("secret", "text"),
    [
        ("sk-or-1234567", "Authorization: Bearer sk-or-1234567"),
        ("a/b+c d=12345", quote("a/b+c d=12345", safe="")),
        ('quo"te\\n-123', json.dumps({"key": 'quo"te\\n-123'})),
        (URI, f"could not connect to {URI}"),
        (URI, "p%40ss-w0rd"),
        (URI, "password 'p@ss-w0rd' refused"),
        (HOOK, "POST /services/T000/B111?sig=abcdef123 HTTP/1.1"),
        (HOOK, "services/T000/B111"),
        (HOOK, "sig=abcdef123"),
        (HOOK, "Basic dXNlcjpob29rLXBhc3M="),
    ],
)
def test_each_form_of_a_secret_is_hidden(secret, text):
    shown = Redactor([secret]).redact(f"before {text} after")
    assert "***" in shown and shown.startswith("before ") and shown.endswith(" after")
    for part in ("sk-or", "p@ss", "p%40ss", "T000", "abcdef", "hook-pass", "dXNlc", "a%2Fb", "quo"):
        assert part not in shown


def test_the_host_and_the_name_of_the_database_stay():
    redactor = Redactor([URI, HOOK])
    assert (
        redactor.redact("db.example:27017 has no crypto; hooks.example")
        == "db.example:27017 has no crypto; hooks.example"
    )


def test_what_becomes_known_later_is_hidden_from_then_on():
    redactor = Redactor()
    assert redactor.redact("token-1 token-2") == "token-1 token-2"
    redactor.hide(["token-1"])
    redactor.hide(["token-2", ""])
    assert redactor.redact("token-1 token-2") == "*** ***"


def test_a_broken_address_is_hidden_as_a_whole():
    assert Redactor(["http://[::1"]).redact("at http://[::1") == "at ***"


def test_a_stream_hides_what_is_written_in_pieces():
    out = io.StringIO()
    stream = RedactedStream(out, Redactor(["secret-token"]))
    for piece in ("Error: sec", "ret-tok", "en here\nnext", " line"):
        stream.write(piece)
    assert out.getvalue() == "Error: *** here\n"
    stream.flush()
    assert out.getvalue() == "Error: *** here\nnext line"


def test_a_stream_stays_what_it_was():
    out = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    stream = RedactedStream(out, Redactor())
    assert (stream.encoding, stream.isatty(), stream.writable()) == ("latin-1", False, True)
    print("line", file=stream, flush=True)
    assert out.buffer.getvalue() == b"line\n"
