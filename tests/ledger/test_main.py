import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import gevent
import pytest
from bson import DatetimeMS, Decimal128, encode
from bson.raw_bson import RawBSONDocument

from adapters.anchor import AnchorFile
from adapters.mongo import MongoStores
from adapters.mongod import EmbeddedMongod
from domain.errors import LedgerCorrupt
from domain.journal import verify
from domain.ports import Head
from domain.projections import projections
from ledger.__main__ import main
from ledger.audit import Auditor
from ledger.export import write_json
from tests.ledger.session import session, switches

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def desk(stores, mongod, tmp_path, monkeypatch):
    """A desk that runs, with the worked session in its journal."""
    stores.ledger.append(session())
    monkeypatch.delenv("MONGODB_URI", raising=False)
    return Desk(stores=stores, data_dir=mongod.files.folder.parent, folder=tmp_path)


class Desk:
    def __init__(self, *, stores: MongoStores, data_dir: Path, folder: Path) -> None:
        self.stores = stores
        self.journal = stores.client[stores.name]["journal"]
        self.settings = folder / "settings.yaml"
        self.anchor = AnchorFile(data_dir=data_dir, database=stores.name)
        self.anchor.path.unlink(missing_ok=True)
        self.settings.write_text(f"storage: {{data_dir: '{data_dir}', database: {stores.name}}}\n")

    def run(self, command: str, *arguments: str) -> int:
        return main([command, "--settings", str(self.settings), *arguments])


def test_a_clean_journal_of_a_running_desk(desk, capsys):
    assert desk.run("audit") == 0
    out = capsys.readouterr().out
    assert "12 documents, head seq 12" in out
    assert "cash 602.6764" in out
    assert out.splitlines()[-1].startswith("clean")


def test_one_changed_byte_names_the_document_and_exits_3(desk, capsys):
    desk.journal.update_one({"seq": 5}, {"$set": {"fill.liquidity": "tbker"}})
    assert desk.run("audit") == 3
    assert "MISMATCH  seq 5 (fill:manual:1:1) format: fill.liquidity must be one of" in capsys.readouterr().out


def test_a_float_that_got_past_the_database_is_found(desk, capsys):
    command = {"update": "journal", "updates": [{"q": {"seq": 5}, "u": {"$set": {"fill.fee": 1.0001}}}]}
    desk.stores.client[desk.stores.name].command({**command, "bypassDocumentValidation": True})
    assert desk.run("audit") == 3
    assert "MISMATCH  seq 5 (fill:manual:1:1) format: fill.fee must be" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "bytes_", "message"),
    [
        ("reason", b"man\xffal", "MISMATCH  seq 5 (fill:manual:1:1) format: 'reason' must be text in Unicode"),
        ("recorded_at", None, "MISMATCH  seq 5 (fill:manual:1:1) hash: the content's hash is"),
    ],
)
def test_what_the_driver_cannot_decode_is_named(desk, name, bytes_, message, capsys):
    value = DatetimeMS(2**60) if bytes_ is None else "man?al"
    change = encode({"$set": {name: value}}).replace(b"man?al", bytes_ or b"")
    command = {"update": "journal", "updates": [{"q": {"seq": 5}, "u": RawBSONDocument(change)}]}
    desk.stores.client[desk.stores.name].command({**command, "bypassDocumentValidation": True})
    assert desk.run("audit") == 3
    assert message in capsys.readouterr().out
    documents = iter(desk.stores.ledger.read(after_seq=4))
    with pytest.raises(LedgerCorrupt, match=r"'fill:manual:1:1' .* cannot be hashed"):
        verify(next(documents), seq=5, prev=session()[3]["hash"])


def test_a_document_without_a_seq_is_found(desk, capsys):
    database = desk.stores.client[desk.stores.name]
    database.command({"insert": "journal", "documents": [{"_id": "planted"}], "bypassDocumentValidation": True})
    assert desk.run("audit") == 3
    assert "(planted) format: type must be one of" in capsys.readouterr().out


def test_a_cut_off_tail_is_found_through_the_anchor_file(desk, capsys):
    head = desk.stores.ledger.head()
    desk.anchor.append(head, ts_ms=1)
    assert desk.run("audit") == 0
    desk.journal.delete_many({"seq": {"$gt": 9}})
    assert desk.run("audit") == 3
    assert "the journal must reach seq 12, which the anchor file remembers" in capsys.readouterr().out


def test_a_journal_that_was_written_anew_is_found_through_the_anchor_file(desk, capsys):
    desk.anchor.append(Head(seq=7, hash="e" * 64), ts_ms=1)
    assert desk.run("audit") == 3
    assert "seq 7 (order:manual:2) anchor:" in capsys.readouterr().out


def projected(desk) -> None:
    """Have the desk project its journal, as the broker does."""
    for collection, values in projections(session()).items():
        desk.stores.ledger.project(collection, values)
    with gevent.Timeout(5):
        while desk.stores.ledger.pending:
            gevent.sleep(0.005)


def test_the_projections_of_the_desk_are_compared(desk, capsys):
    projected(desk)
    assert desk.run("audit") == 0
    assert "compared  19 projections, 0 anchors" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("collection", "key", "field", "value", "message"),
    [
        ("balances", "cash", "balance", Decimal128("602.6765"), "balances cash: balance must be '602.6764'"),
        ("positions", "BTCUSDT", "direction", "long", "positions BTCUSDT: direction must be 'flat'"),
        ("orders", "manual:2", "status", "open", "orders manual:2: status must be 'cancelled'"),
        ("trades", "manual:1", "fee", Decimal128("1"), "trades manual:1: fee must be '1.0001'"),
        ("bot_state", "control", "trading", False, "bot_state control: trading must be True"),
        ("positions", "BTCUSDT", "quantity", 0.0, "positions BTCUSDT: quantity must be"),
        ("positions", "BTCUSDT", "seq", None, "positions BTCUSDT: seq must be"),
        ("positions", "BTCUSDT", "seq", "11", "positions BTCUSDT must carry the seq it reflects"),
        ("positions", "BTCUSDT", "seq", 9, "positions BTCUSDT: the event it reflects did not touch it"),
        ("positions", "BTCUSDT", "seq", 0, "positions BTCUSDT: the journal has no such event"),
    ],
)
def test_a_wrong_projection_is_found(desk, collection, key, field, value, message, capsys):
    projected(desk)
    desk.stores.client[desk.stores.name][collection].update_one({"_id": key}, {"$set": {field: value}})
    assert desk.run("audit") == 3
    assert f"projection: {message}" in capsys.readouterr().out


def test_projections_that_lag_are_told_and_are_no_mismatch(desk, capsys):
    for collection, values in projections(session()[:8]).items():
        desk.stores.ledger.project(collection, values)
    with gevent.Timeout(5):
        while desk.stores.ledger.pending:
            gevent.sleep(0.005)
    assert desk.run("audit") == 0
    assert "(10 behind: the next start writes them anew)" in capsys.readouterr().out


def test_a_projection_beyond_the_journal_shows_a_cut_off_tail(desk, capsys):
    desk.stores.client[desk.stores.name]["positions"].insert_one({"_id": "BTCUSDT", "seq": 13})
    assert desk.run("audit") == 3
    assert "positions BTCUSDT reflects an event that the journal, up to seq 12, lacks" in capsys.readouterr().out


def test_an_export_verifies_offline(desk, tmp_path, capsys):
    target = tmp_path / "journal.json"
    assert desk.run("export", str(target)) == 0
    assert main(["verify", str(target)]) == 0
    assert "12 documents" in capsys.readouterr().out
    target.write_text(target.read_text().replace('"50010"', '"50011"'))
    assert main(["verify", str(target)]) == 3
    assert "MISMATCH  seq 5 (fill:manual:1:1)" in capsys.readouterr().out


def test_export_writes_csv_to_standard_output(desk, capsys):
    assert desk.run("export", "--format", "csv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("seq,_id,type,ts,time,symbol")
    assert len(lines) == 1 + 33


def test_a_journal_with_a_float_is_not_exported(desk, tmp_path, capsys):
    command = {"update": "journal", "updates": [{"q": {"seq": 5}, "u": {"$set": {"fill.fee": 1.0001}}}]}
    desk.stores.client[desk.stores.name].command({**command, "bypassDocumentValidation": True})
    assert desk.run("export", str(tmp_path / "x.json")) == 3
    assert not (tmp_path / "x.json").exists()


@pytest.fixture
def family(desk, mongod):
    """The same desk with a simulated and a recorded ledger besides."""
    others = [MongoStores(uri=mongod.uri, database=desk.stores.name + suffix) for suffix in ("_sim", "_rec")]
    for number, other in enumerate(others, start=1):
        other.ledger.append(switches(number))
    yield desk
    for other in others:
        other.client.drop_database(other.name)
        other.close()


@pytest.mark.parametrize(("source", "documents"), [("auto", 12), ("binance", 12), ("simulated", 1), ("recorded", 2)])
def test_the_settings_say_which_ledger_is_audited(family, source, documents, capsys):
    recording = f", recording: '{ROOT}'" if source == "recorded" else ""
    family.settings.write_text(family.settings.read_text() + f"market: {{source: {source}{recording}}}\n")
    assert family.run("audit") == 0
    out = capsys.readouterr().out
    assert f"{documents} documents" in out
    assert "also there: " in out


def test_a_named_database_is_audited(family, capsys):
    assert family.run("audit", "--database", "desk_rec") == 0
    out = capsys.readouterr().out
    assert "database  desk_rec" in out
    assert "2 documents" in out


def test_the_only_journal_is_audited_where_the_settings_mean_another(desk, capsys):
    desk.settings.write_text(desk.settings.read_text() + "market: {source: simulated}\n")
    assert desk.run("audit") == 0
    assert "market.source simulated means desk_sim, which has no journal" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--database", "nowhere"], "--database must name a database with a journal, nowhere has none"),
        (["--database", "a b"], "--database must be the name of a database, was 'a b'"),
        (["--database", ""], "--database must be the name of a database, was ''"),
        (["--database", "x" * 64], f"--database must be the name of a database, was '{'x' * 64}'"),
        (["--settings", "/nowhere.yaml"], "/nowhere.yaml: must exist, was not found"),
    ],
)
def test_what_cannot_be_found_exits_2(desk, arguments, message, capsys):
    assert desk.run("audit", *arguments) == 2
    assert capsys.readouterr().err == f"ledger: {message}\n"


def test_an_empty_database_exits_2(desk, capsys):
    desk.journal.delete_many({})
    assert desk.run("audit") == 2
    assert "there must be a journal in desk, desk_sim, desk_rec, none was found" in capsys.readouterr().err


def test_a_directory_without_a_database_is_left_as_it_is(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MONGODB_URI", raising=False)
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"storage: {{data_dir: '{tmp_path}/var'}}\n")
    assert main(["audit", "--settings", str(settings)]) == 2
    assert "storage.data_dir must hold a database" in capsys.readouterr().err
    assert not (tmp_path / "var").exists()


def test_mongodb_uri_is_used_and_not_repeated(desk, tmp_path, mongod, capsys, monkeypatch):
    settings = tmp_path / "remote.yaml"
    settings.write_text("storage: {data_dir: nowhere, database: desk}\n")
    monkeypatch.setenv("MONGODB_URI", mongod.uri)
    assert main(["audit", "--settings", str(settings)]) == 0
    out = capsys.readouterr().out
    assert "(MONGODB_URI)" in out
    assert mongod.uri not in out


def test_a_database_that_does_not_answer_exits_2(tmp_path, capsys, monkeypatch):
    settings = tmp_path / "settings.yaml"
    settings.write_text("{}\n")
    monkeypatch.setenv("MONGODB_URI", "mongodb://user:secret@127.0.0.1:1/")
    monkeypatch.setattr("ledger.connection.SERVER_SELECTION_MS", 200)
    assert main(["audit", "--settings", str(settings)]) == 2
    err = capsys.readouterr().err
    assert err == "ledger: the database did not answer (ServerSelectionTimeoutError)\n"


def test_a_server_that_freezes_in_the_middle_exits_2(desk, mongod, capsys, monkeypatch):
    monkeypatch.setattr("ledger.connection.SERVER_SELECTION_MS", 300)
    monkeypatch.setattr("ledger.connection.ANSWER_MS", 300)
    monkeypatch.setattr("ledger.__main__.BATCH", 5)
    checked = Auditor.check

    def freezing(auditor, document):
        if document["seq"] == 3:
            os.kill(mongod.pid, signal.SIGSTOP)
        checked(auditor, document)

    monkeypatch.setattr(Auditor, "check", freezing)
    began = time.monotonic()
    try:
        assert desk.run("audit") == 2
    finally:
        os.kill(mongod.pid, signal.SIGCONT)
    assert time.monotonic() - began < 5
    assert "ledger: the database did not answer (" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["settle"], ["verify"], ["export", "--format", "xml"]])
def test_wrong_usage_exits_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def test_a_missing_file_exits_2(tmp_path, capsys):
    assert main(["verify", str(tmp_path / "none.json")]) == 2
    assert capsys.readouterr().err == f"ledger: {tmp_path}/none.json: No such file or directory\n"


def run_verify(file, **streams) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "ledger", "verify", str(file)],
        cwd=ROOT,
        env=os.environ | {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **streams,
    )


def test_standard_input_that_is_no_text_is_a_finding(tmp_path):
    with (tmp_path / "x.json").open("wb") as file:
        write_json(session(), text := io.StringIO())
        file.write(text.getvalue().encode().replace(b"manual:1", b"manual\xff1"))
    with (tmp_path / "x.json").open() as file:
        done = run_verify("-", stdin=file)
        out, err = done.communicate(timeout=60)
    assert (done.returncode, err) == (3, "")
    assert "(fill:manual\\udcff1:1) format: " in out


def test_a_reader_that_has_left_changes_no_exit_code(tmp_path):
    with (tmp_path / "x.json").open("w") as file:
        write_json(session()[:-1], file)
    done = run_verify(tmp_path / "x.json")
    done.stdout.close()
    assert (done.wait(timeout=60), done.stderr.read()) == (0, "")


@pytest.mark.slow
def test_commands_start_a_stopped_desks_database_one_after_the_other_and_stop_it_again(tmp_path):
    server = EmbeddedMongod(data_dir=tmp_path / "var")
    stores = MongoStores(uri=server.start(watch=False), database="crypto_trading")
    stores.prepare()
    stores.ledger.append(session())
    stores.close()
    server.stop()
    (tmp_path / "settings.yaml").write_text("storage: {data_dir: var}\n")
    environment = {name: value for name, value in os.environ.items() if name != "MONGODB_URI"}
    audits = [
        subprocess.Popen(
            [sys.executable, "-m", "ledger", "audit"],
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for audit in audits:
        output, errors = audit.communicate(timeout=100)
        assert (audit.returncode, errors) == (0, "")
        assert "12 documents" in output
        assert "started for this command" in output
    assert (tmp_path / "var/db/mongo/data/mongod.lock").read_text() == ""  # ended cleanly
