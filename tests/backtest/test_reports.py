"""The command: its reports, its journal, its refusals."""

import gzip
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from backtest.__main__ import main
from ledger.verify import verify
from tests.backtest.test_files import lines
from tests.backtest.worlds import walk

SETTINGS = """
bots:
  defaults: {stop_loss_percent: 0.3, take_profit_percent: 0.4, cooldown_secs: 60, opportunity_cooldown_secs: 0}
"""
REMOTE = ("http://", "https://", "//", "url(", "@import", "<script")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    table = walk(minutes=600, seed=8)
    (tmp_path / "BTCUSDT-1m-x.csv.gz").write_bytes(gzip.compress("\n".join(lines(table)).encode()))
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    return tmp_path


def options(world: Path, *more: str) -> list[str]:
    return ["--pairs", "BTCUSDT", "--data", str(world), "--settings", str(world / "settings.yaml"), "--quiet", *more]


class Tags(HTMLParser):
    """Sees that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag not in ("meta", "br", "line", "rect", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "rect", "circle"):
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


def test_a_run_writes_a_page_that_needs_nothing_else_and_json_beside_it(world: Path, capsys) -> None:
    assert main(options(world, "--report", str(world / "out" / "run.html"))) == 0
    page = (world / "out" / "run.html").read_text()
    assert not [each for each in REMOTE if each in page]
    tags = Tags()
    tags.feed(page)
    assert (tags.open, {"svg", "polyline", "rect", "table"} <= tags.seen) == ([], True)
    report = json.loads((world / "out" / "run.json").read_text())
    printed = capsys.readouterr().out
    assert report["journal"]["head"] in printed
    assert f"{report['figures']['all']['trades']} closed" in printed
    assert len(report["trades"]) == report["figures"]["all"]["trades"] > 0
    assert report["candles"] == 600


def test_the_journal_it_writes_passes_the_audit(world: Path) -> None:
    assert main(options(world, "--journal", str(world / "journal.jsonl"))) == 0
    with (world / "journal.jsonl").open() as file:
        report = verify(file)
    assert not report.findings


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--from", "yesterday"], "--from must be a UTC date such as 2026-03-24, was yesterday"),
        (["--from", "2026-01-02", "--to", "2026-01-01"], "--to must be after --from"),
        (["--from", "2027-01-02"], "--from and --to must name a time of which candles are there"),
        (["--pairs", "ETHUSDT"], "--data must hold files ETHUSDT-INTERVAL"),
        (["--pairs", ","], "--pairs must name at least one pair"),
        (["--data", "nowhere"], "--data must name a file or folder that exists"),
        (["--opinions", "nowhere"], "--opinions must name a readable file"),
        (["--cutoff", "grok"], "--cutoff must be NAME=DATE"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_sentence(world: Path, capsys, more, sentence) -> None:
    assert main(options(world, *more)) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_bots_are_on_whatever_the_settings_say_of_their_start(world: Path, capsys) -> None:
    (world / "settings.yaml").write_text(SETTINGS + "  enabled_at_start: false\nanalysis: {enabled_at_start: false}\n")
    assert main(options(world)) == 0
    assert " 0 closed" not in capsys.readouterr().out
