"""Sweeps: what is tried, going on after a stop, walking forward, and the same records on every engine."""

import gzip
import os
from pathlib import Path

import pytest

from backtest import sweep_question
from backtest.__main__ import main
from backtest.engines import LocalEngine, engine_of
from backtest.search import OptunaSearch, grid, parse_parameter, randomly
from backtest.sweep import Log, Sweep, best_of, out_of_sample
from domain.errors import SettingsError
from tests.backtest.test_files import lines
from tests.backtest.worlds import walk

DAYS = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("candles")
    table = walk(minutes=DAYS * 1440, seed=2, volatility=0.0004)
    (folder / "BTCUSDT-1m-x.csv.gz").write_bytes(gzip.compress("\n".join(lines(table)).encode()))
    return folder


def plan_of(data: Path, *more: str):
    given = ["--pairs", "BTCUSDT", "--data", str(data), "--quiet", *more]
    return sweep_question.read_plan(sweep_question.parser().parse_args(given))


PARAMS = ("--param", "stop_loss_percent=0.3,1", "--param", "bots.defaults.max_trades_per_day=2,4")


def test_a_grid_is_every_combination_and_a_span_every_step() -> None:
    spans = [parse_parameter("leverage=1..3:1"), parse_parameter("paper.taker_fee=0.001,0.002")]
    assert [dict(each) for each in grid(spans)][:3] == [
        {"bots.defaults.leverage": "1", "paper.taker_fee": "0.001"},
        {"bots.defaults.leverage": "1", "paper.taker_fee": "0.002"},
        {"bots.defaults.leverage": "2", "paper.taker_fee": "0.001"},
    ]
    assert parse_parameter("x=0.4..1.2:0.4").choices == ("0.4", "0.8", "1.2")


def test_random_values_are_those_of_the_seed_and_never_twice() -> None:
    spans = [parse_parameter("a=1..9:1"), parse_parameter("b=1,2")]
    tried = list(randomly(spans, 10, 7))
    assert tried == list(randomly(spans, 10, 7))
    assert len(set(tried)) == 10
    assert len(list(randomly(spans, 99, 7))) == 18


@pytest.mark.parametrize("text", ["", "a", "a=", "=1", "a=1..2", "a=2..1:1", "a=1..2:0", "a=x..2:1", "a=1..inf:1"])
def test_a_parameter_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="--param"):
        parse_parameter(text)


def test_optuna_proposes_the_same_values_for_the_same_seed_and_answers() -> None:
    pytest.importorskip("optuna")

    def proposals() -> list[object]:
        search, values = OptunaSearch([parse_parameter("a=1..9:1")], 3), []
        for _ in range(3):
            asked = search.propose(4)
            values += [each for _, each in asked]
            for trial, each in asked:
                search.tell(trial, float(each[0][1]))
        return values

    assert proposals() == proposals()


def test_a_sweep_that_was_stopped_goes_on_where_it_was(data: Path, tmp_path: Path) -> None:
    plan, path = plan_of(data, *PARAMS), tmp_path / "sweep.jsonl"
    whole = Sweep(plan, LocalEngine(1), Log(path))
    records = whole.run()
    assert (whole.done, len(records)) == (4, 4)
    text = path.read_text()
    path.write_text("".join(text.splitlines(keepends=True)[:2]) + '{"key": "cut o')
    again = Sweep(plan, LocalEngine(1), Log(path))
    assert again.run() == records
    assert again.done == 2
    assert path.read_text() == text


def test_other_data_or_settings_are_another_trial(data: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("paper: {balance_usdt: 1000}\n")
    one, other = plan_of(data, *PARAMS), plan_of(data, *PARAMS, "--settings", str(settings))
    key = other.bases[0].key
    assert one.bases[0].key != key
    settings.write_text("paper: {balance_usdt: 2000}\n")
    assert other.bases[0].key != key


def test_walking_forward_the_choice_is_made_before_the_period_it_is_run_on(data: Path) -> None:
    plan = plan_of(data, *PARAMS, "--walk-forward", "2:1", "--objective", "return")
    records = Sweep(plan, LocalEngine(1), Log(None)).run()
    for number in range(2):
        tried = [each for each in records if each["group"] == f"train {number}"]
        (test,) = [each for each in records if each["group"] == f"test {number}"]
        assert len(tried) == 4
        assert test["values"] == best_of(tried, "return")["values"]
        assert {each["to_ms"] for each in tried} == {test["from_ms"]}
        assert test["to_ms"] - test["from_ms"] == 86_400_000
    summary = out_of_sample(records)
    assert (summary["periods"], summary["days"]) == (2, 2)
    assert "out of sample: 2 periods" in sweep_question.text_report(records, plan)


@pytest.mark.parametrize(
    "engine",
    [
        "local",
        pytest.param("ray", marks=pytest.mark.skipif("QUORUM_RAY" not in os.environ, reason="QUORUM_RAY is not set")),
    ],
)
@pytest.mark.timeout(180)
def test_every_engine_gives_the_same_records(data: Path, engine: str) -> None:
    plan = plan_of(data, *PARAMS, "--search", "random", "--trials", "3")
    other = engine_of(engine, 2, None)
    try:
        records = Sweep(plan, other, Log(None)).run()
    finally:
        other.close()
    assert records == Sweep(plan, LocalEngine(1), Log(None)).run()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--param", "nonsense=1"], "bots.defaults.nonsense: unknown key"),
        (["--param", "leverage=1,300"], "bots.defaults.leverage: must be between 1 and 20, was 300"),
        (["--param", "leverage=1", "--walk-forward", "9:1"], "--walk-forward must fit into the period"),
        (["--param", "leverage=1", "--walk-forward", "x"], "--walk-forward must be TRAIN:TEST"),
        (["--param", "leverage=1", "--trials", "0"], "--trials and --jobs must be >= 1"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_anything_runs(data: Path, capsys, more, sentence) -> None:
    assert main(["sweep", "--pairs", "BTCUSDT", "--data", str(data), "--quiet", *more]) == 2
    assert sentence in capsys.readouterr().err
