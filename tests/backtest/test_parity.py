"""A live session compared with its backtest: trades matched, differences named."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from backtest.__main__ import main
from backtest.engine import run
from backtest.parity import Closed, Difference, compare, read_trades, summary
from domain.errors import SettingsError
from ledger.export import write_json
from tests.backtest.worlds import job_of, walk

TRADE = Closed(
    pair="BTCUSDT",
    direction="long",
    entry=Decimal(100),
    exit=Decimal(99),
    quantity=Decimal(1),
    net=Decimal("-1.2"),
    reason="stop_loss",
    model="candle",
    opened_ms=1_000_000,
    closed_ms=1_060_000,
)


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({}, Difference.NONE),
        ({"model": "book20"}, Difference.NONE),
        ({"exit": Decimal("98.9"), "net": Decimal("-1.3"), "opened_ms": 1_040_000}, Difference.FILL_MODEL),
        ({"reason": "take_profit", "net": Decimal(2)}, Difference.INTRABAR),
        ({"reason": "signal_reversal"}, Difference.DECISION),
    ],
)
def test_a_difference_has_a_name(changes, difference) -> None:
    (line,) = compare([TRADE], [replace(TRADE, **changes)], 90_000)
    assert line.difference is difference


@pytest.mark.parametrize("changes", [{"direction": "short"}, {"pair": "ETHUSDT"}, {"opened_ms": 1_090_001}])
def test_other_trades_are_no_match(changes) -> None:
    lines = compare([TRADE], [replace(TRADE, **changes)], 90_000)
    assert sorted(line.difference for line in lines) == [Difference.ONLY_BACKTEST, Difference.ONLY_LIVE]


def test_each_trade_is_matched_once_with_the_nearest() -> None:
    far, near = replace(TRADE, opened_ms=1_050_000), replace(TRADE, opened_ms=1_010_000)
    lines = compare([TRADE], [far, near], 90_000)
    assert [(line.backtest, line.difference) for line in lines] == [
        (near, Difference.NONE),
        (far, Difference.ONLY_BACKTEST),
    ]
    assert summary(lines)[Difference.ONLY_BACKTEST] == (1, Decimal("-1.2"))


def test_a_journal_equals_itself_and_its_trades_add_up(tmp_path: Path, capsys) -> None:
    result = run(job_of(walk(minutes=400, seed=9)))
    path = tmp_path / "journal.jsonl"
    with path.open("w") as file:
        write_json(result.journal, file)
    trades = read_trades(path)
    assert sum(each.net for each in trades) == sum(each.realized_pnl - each.fees for each in result.closed)
    assert main(["parity", str(path), str(path)]) == 0
    assert capsys.readouterr().out == f"the same: {len(trades)} trades, the backtest's net is +0.0000\n"


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text(json.dumps({"closed": {}}))
    with pytest.raises(SettingsError, match="must be a journal"):
        read_trades(tmp_path / "x")
