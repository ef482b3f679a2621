"""What a sweep is asked to do, and its report as text."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from backtest.files import Problems, read_tables
from backtest.question import add_period, desk_settings, period
from backtest.report_text import day, percent, ratio
from backtest.search import parse_parameter
from backtest.sweep import OBJECTIVES, Plan, Record, best_of, luck, out_of_sample
from backtest.trials import Trial
from domain.errors import SettingsError

DAY_MS = 86_400_000
SHOWN = 20


def parser() -> argparse.ArgumentParser:
    """Return the options of a sweep."""
    options = argparse.ArgumentParser(prog="python -m backtest sweep", description="Many runs with other settings.")
    add_period(options)
    add = options.add_argument
    add(
        "--param",
        action="append",
        required=True,
        metavar="KEY=A,B or KEY=LOW..HIGH:STEP",
        help="a key of the settings; one without a dot is of bots.defaults",
    )
    add("--search", choices=("grid", "random", "optuna"), default="grid")
    add("--trials", type=int, default=20, help="of random and optuna (default: 20)")
    add("--seed", type=int, default=1)
    add("--objective", choices=OBJECTIVES, default="sharpe")
    add("--each-pair", action="store_true", help="every pair on an account of its own")
    add("--walk-forward", metavar="TRAIN:TEST", help="days of the training periods and of the periods after them")
    add("--engine", choices=("local", "ray"), default="local")
    add("--address", help="of a Ray cluster; left out: one of this machine")
    add("--jobs", type=int, default=2, help="processes (default: 2)")
    add(
        "--out",
        type=Path,
        metavar="SWEEP.jsonl",
        help="one record a line; a sweep with the same file goes on where it was",
    )
    return options


def read_plan(given: argparse.Namespace) -> Plan:
    """Return the plan that the options ask for.

    Raises:
        SettingsError: they cannot be followed; settings that are not valid are found before anything runs.
    """
    if given.trials < 1 or given.jobs < 1:
        raise SettingsError(f"--trials and --jobs must be >= 1, were {given.trials} and {given.jobs}")
    parameters = tuple(map(parse_parameter, given.param))
    settings = desk_settings(given.settings, given.pairs)
    for parameter in parameters:
        for choice in parameter.choices:
            desk_settings(given.settings, given.pairs, ((parameter.key, choice),))
    pairs = tuple(settings.bots.pairs)
    from_ms, to_ms = period(given, read_tables(given.data, pairs, Problems()))
    file = given.settings or Path("settings.yaml")
    named = str(file.resolve()) if given.settings or file.is_file() else ""
    base = {"data": str(given.data.resolve()), "settings": named, "values": ()}  # a Ray worker is somewhere else
    groups = [(pair,) for pair in pairs] if given.each_pair else [pairs]
    return Plan(
        parameters=parameters,
        search=given.search,
        trials=given.trials,
        seed=given.seed,
        objective=given.objective,
        bases=tuple(Trial(**base, pairs=group, from_ms=from_ms, to_ms=to_ms) for group in groups),  # type: ignore[arg-type]  # as right above
        folds=tuple(_folds(given.walk_forward, from_ms, to_ms)) if given.walk_forward else (),
    )


def _folds(text: str, from_ms: int, to_ms: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    train, _, test = text.partition(":")
    if not (train.isdigit() and test.isdigit() and int(train) and int(test)):
        raise SettingsError(f"--walk-forward must be TRAIN:TEST in whole days, was {text}")
    first, train_ms, test_ms = from_ms, int(train) * DAY_MS, int(test) * DAY_MS
    if first + train_ms + test_ms > to_ms:
        days = (to_ms - from_ms) / DAY_MS
        raise SettingsError(f"--walk-forward must fit into the period, {train} + {test} days do not into {days:.1f}")
    while first + train_ms + test_ms <= to_ms:
        middle = first + train_ms
        yield (first, middle), (middle, middle + test_ms)
        first += test_ms


def text_report(records: Sequence[Record], plan: Plan) -> str:
    """Return the best trials, what of it is luck, and what came of them out of sample."""
    lines = []
    for base in plan.bases:
        own = [record for record in records if tuple(record["pairs"]) == base.pairs]
        lines += [f"{', '.join(base.pairs)}: {len(own)} trials by {plan.objective}", ""]
        lines += _outcome(own, plan) if plan.folds else _best(own, plan)
        lines.append("")
    return "\n".join(lines).rstrip()


def _best(records: Sequence[Record], plan: Plan) -> list[str]:
    known = sorted(
        (each for each in records if each[plan.objective] is not None), key=lambda each: -float(each[plan.objective])
    )
    lines = [_line(record) for record in known[:SHOWN]]
    if (best := best_of(records, plan.objective)) is None:
        return ["no trial has that figure: too few days or trades"]
    return [*lines, "", f"deflated Sharpe ratio of the best: {_probability(luck(records, best))}"]


def _outcome(records: Sequence[Record], plan: Plan) -> list[str]:
    lines = []
    for number in range(len(plan.folds)):
        tried = [each for each in records if each["group"] == f"train {number}"]
        test = next((each for each in records if each["group"] == f"test {number}"), None)
        best = best_of(tried, plan.objective)
        if best is None or test is None:
            lines.append(f"{number}: no trial has that figure in the training period")
            continue
        lines += [f"{number} train {_line(best)}  deflated Sharpe {_probability(luck(tried, best))}"]
        lines += [f"{number} test  {_line(test)}"]
    if (summary := out_of_sample(records)) is not None:
        lines += [
            "",
            f"out of sample: {summary['periods']} periods, {summary['days']} days, {summary['trades']} trades, return "
            f"{percent(summary['return'])}, Sharpe {ratio(summary['sharpe'])}",
        ]
    return lines


def _line(record: Record) -> str:
    values = " ".join(f"{key.removeprefix('bots.defaults.')}={value}" for key, value in record["values"].items())
    return (
        f"{day(record['from_ms'])} .. {day(record['to_ms'])}  {values}: return {percent(record['return'])}, Sharpe "
        f"{ratio(record['sharpe'])}, profit factor {ratio(record['profit_factor'])}, {record['trades']} trades"
    )


def _probability(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"
