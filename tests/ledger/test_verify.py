import io
import json

import pytest

from ledger.export import write_json
from ledger.verify import verify
from tests.ledger.session import FINAL_BALANCES, session


def exported(documents=None) -> list[str]:
    file = io.StringIO()
    write_json(session() if documents is None else documents, file)
    return file.getvalue().splitlines(keepends=True)


def findings(lines: list[str]):
    return verify(io.StringIO("".join(lines))).findings


def test_an_exported_journal_is_clean_and_has_the_same_balances():
    report = verify(io.StringIO("".join(exported())))
    assert report.clean
    assert report.balances == FINAL_BALANCES
    assert report.hash == session()[-1]["hash"]


@pytest.mark.parametrize("offset", range(0, 900, 37))
def test_any_flipped_character_of_a_line_is_found(offset):
    lines = exported()
    line = lines[4]
    offset %= len(line) - 1
    flipped = chr(ord(line[offset]) ^ 1)
    lines[4] = line[:offset] + flipped + line[offset + 1 :]
    assert findings(lines)


def test_a_changed_price_names_its_document():
    lines = exported()
    lines[4] = lines[4].replace('"50010"', '"50020"')
    finding = findings(lines)[0]
    assert (finding.seq, finding.document_id, finding.rule) == (5, "fill:manual:1:1", "hash")


def test_a_missing_line_is_a_gap():
    lines = exported()
    del lines[6]
    assert findings(lines)[0].rule == "gap"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 13 must be a JSON document"),
        ("[]", "line 13 must be a JSON document: found a list"),
        ("[" * 100_000, "line 13 must be a JSON document"),
        ('{"a": NaN}', "a must be"),
        ('{"a": 1.5}', "a must be"),
        ('{"a": null}', "a must be"),
        ('{"a": {"b": "1", "b": "2"}}', "line 13 must be a JSON document: a field must stand once, 'b' does not"),
        ('{"a": "\\ud800"}', "'a' must be text in Unicode"),
        ('{"a": ' + "9" * 5000 + "}", "line 13 must be a JSON document"),
    ],
)
def test_lines_that_are_no_documents_are_findings(line, message):
    found = findings([*exported(), line])
    assert found[0].message.startswith(message)


@pytest.mark.parametrize("name", ["side", "direction", "type", "order_type", "kind", "model", "status"])
@pytest.mark.parametrize("value", [{"a": 1}, [], 7, True])
def test_a_value_of_another_kind_is_a_finding(name, value):
    lines = [_everywhere(json.loads(line), name, value) for line in exported()]
    assert findings([json.dumps(line) + "\n" for line in lines])


def _everywhere(part, name, value):
    if isinstance(part, list):
        return [_everywhere(item, name, value) for item in part]
    if not isinstance(part, dict):
        return part
    return {key: value if key == name else _everywhere(item, name, value) for key, item in part.items()}


def test_blank_lines_do_not_matter():
    assert not findings(["\n", *exported(), "  \n"])


def test_an_empty_file_is_not_clean():
    assert findings([])[0].message == "the file must hold at least one document, holds none"


def test_a_file_in_another_order_of_keys_is_the_same_journal():
    assert not findings([json.dumps(dict(reversed(json.loads(line).items()))) + "\n" for line in exported()])
