import csv
import io
from decimal import Decimal

import pytest

from domain.recorded_settings import settings_in_force
from ledger.canonical import NotCanonical
from ledger.export import output, write_csv, write_json
from tests.ledger.session import FINAL_BALANCES, sealed, session


def rows(documents) -> list[dict[str, str]]:
    file = io.StringIO()
    assert write_csv(documents, file) == len(documents)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def test_each_posting_is_a_row_and_an_event_without_any_has_one():
    lines = rows(session())
    assert [line["seq"] for line in lines] == [
        *("1" * 2), "2", "3", "4", *("5" * 5), *("6" * 6), *("7" * 2), *("8" * 5), *("9" * 2), "10",
        *["11"] * 6, "12",
    ]  # fmt: skip
    assert lines[0] | {"ts": "", "_id": ""} == dict.fromkeys(lines[0], "") | {
        "seq": "1",
        "type": "deposit",
        "time": "2026-01-01 00:00:01",
        "account": "deposits",
        "asset": "USDT",
        "amount": "-1000",
        "balance": "-1000",
    }


def test_the_amounts_of_an_account_sum_to_its_balance():
    lines = rows(session())
    for (account, asset), balance in FINAL_BALANCES.items():
        amounts = [Decimal(line["amount"]) for line in lines if (line["account"], line["asset"]) == (account, asset)]
        assert sum(amounts) == balance


def test_a_fills_figures_stand_in_one_row_only():
    lines = rows(session())
    assert sum(Decimal(line["fee"] or 0) for line in lines) == Decimal("1.5691")
    assert sum(Decimal(line["realized_pnl"] or 0) for line in lines) == Decimal("-463.1")


def test_what_a_client_named_cannot_become_a_formula():
    documents = session()[:4]
    documents[3]["order_id"] = documents[3]["order"]["order_id"] = '=cmd|"/c calc"!A1'
    documents[3]["reason"] = "-1+1"
    line = rows(sealed(documents))[4]
    assert line["order_id"] == '\'=cmd|"/c calc"!A1'
    assert line["reason"] == "'-1+1"


def test_each_event_names_the_settings_it_was_made_under():
    documents = session()
    (place,) = [number for number, each in enumerate(documents) if each["type"] == "settings"]
    expected = [*[""] * place, *["a" * 64] * (len(documents) - place)]
    assert list(settings_in_force(documents)) == expected
    named = {int(line["seq"]): line["settings"] for line in rows(documents)}
    assert [named[seq] for seq in sorted(named)] == expected


def test_a_settings_document_that_says_nothing_is_exported_all_the_same():
    assert list(settings_in_force([{"type": "settings"}, {"type": "settings", "settings": {}}, {}])) == ["", "", ""]


def test_a_float_is_not_exported():
    with pytest.raises(NotCanonical, match="fee must be"):
        write_json([{"fee": 0.1}], io.StringIO())


def test_a_file_appears_only_when_it_is_complete(tmp_path):
    target = tmp_path / "journal.json"
    target.write_text("old")
    with pytest.raises(RuntimeError), output(str(target)) as file:
        file.write("half")
        raise RuntimeError
    assert target.read_text() == "old"
    with output(str(target)) as file:
        file.write("whole")
    assert target.read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["journal.json"]


def test_without_a_file_standard_output_is_written(capsys):
    with output(None) as file:
        file.write("x")
    assert capsys.readouterr().out == "x"
