"""A sweep: many trials, each recorded as it is done, so that a sweep that was stopped goes on where it was.

Walking forward, the best values of each training period are run on the period after it, which had no say in the choice.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backtest.deflated import deflated_sharpe, moments
from backtest.engines import LocalEngine, RayEngine
from backtest.search import OptunaSearch, Parameter, grid, randomly
from backtest.trials import Trial, Values, in_group

Record = dict[str, Any]
OBJECTIVES = ("sharpe", "sortino", "return", "profit_factor")
BATCH = 4  # proposals of Optuna that are run at once: the same on any machine


@dataclass(slots=True)
class Log:
    """The records of a sweep, one JSON object a line; a line that was cut off is run again."""

    path: Path | None
    known: dict[str, Record] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path is None or not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(line)
                self.known[record["key"]] = record
            except (ValueError, KeyError, TypeError):
                continue
        self.path.write_text("".join(json.dumps(each) + "\n" for each in self.known.values()), encoding="utf-8")

    def add(self, record: Record) -> None:
        self.known[record["key"]] = record
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is tried: values x pairs x periods."""

    parameters: tuple[Parameter, ...]
    search: str  # grid | random | optuna
    trials: int  # of random and optuna, for each group of pairs and each period
    seed: int
    objective: str
    bases: tuple[Trial, ...]  # one for each group of pairs, with the whole period
    folds: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = ()  # walking forward: (training, test)


@dataclass(slots=True)
class Sweep:
    """Runs a plan. `progress` is told (done, so far known in all)."""

    plan: Plan
    engine: LocalEngine | RayEngine
    log: Log
    progress: Callable[[int, int], None] | None = None
    done: int = 0

    def run(self) -> list[Record]:
        """Return the records of all trials, in the order of the plan."""
        records: list[Record] = []
        for base in self.plan.bases:
            if not self.plan.folds:
                records += self._search(base)
            for number, (train, test) in enumerate(self.plan.folds):
                tried = self._search(in_group(base, f"train {number}", *train))
                records += tried
                if (best := best_of(tried, self.plan.objective)) is not None:
                    chosen = in_group(with_values(base, best["values"]), f"test {number}", *test)
                    records += self._run([chosen])
        return records

    def _search(self, base: Trial) -> list[Record]:
        plan = self.plan
        if plan.search == "optuna":
            return self._propose(base)
        values = grid(plan.parameters) if plan.search == "grid" else randomly(plan.parameters, plan.trials, plan.seed)
        return self._run([with_values(base, dict(each)) for each in values])

    def _propose(self, base: Trial) -> list[Record]:
        study, records = OptunaSearch(self.plan.parameters, self.plan.seed), list[Record]()
        while len(records) < self.plan.trials:
            asked = study.propose(min(BATCH, self.plan.trials - len(records)))
            tried = self._run([with_values(base, dict(values)) for _, values in asked])
            for (trial, _), record in zip(asked, tried, strict=True):
                study.tell(trial, record[self.plan.objective])
            records += tried
        return records

    def _run(self, trials: Sequence[Trial]) -> list[Record]:
        """Return the records of the trials: known ones as they are, the others run and recorded."""
        new = list({trial.key: trial for trial in trials if trial.key not in self.log.known}.values())
        for record in self.engine.run(new) if new else ():
            self.log.add(record)
            self.done += 1
            if self.progress is not None:
                self.progress(self.done, len(self.log.known))
        return [self.log.known[trial.key] for trial in trials]


def with_values(base: Trial, values: dict[str, str]) -> Trial:
    """Return the trial with other values."""
    made: Values = tuple(values.items())
    return Trial(
        data=base.data,
        settings=base.settings,
        values=made,
        pairs=base.pairs,
        from_ms=base.from_ms,
        to_ms=base.to_ms,
        group=base.group,
    )


def best_of(records: Iterable[Record], objective: str) -> Record | None:
    """Return the record with the highest objective; of equals the first; None where none has one."""
    known = [record for record in records if record[objective] is not None]
    return max(known, key=lambda record: float(record[objective]), default=None)


def luck(records: Sequence[Record], chosen: Record) -> float | None:
    """Return the deflated Sharpe ratio of the chosen record among all that were tried in its group."""
    tried = [moments(np.array(each["returns"])) for each in records if each["group"] == chosen["group"]]
    ratios = [0.0 if found is None else found[0] for found in tried]  # one that never traded was tried as well
    return deflated_sharpe(np.array(chosen["returns"]), ratios)


def out_of_sample(records: Sequence[Record]) -> dict[str, Any] | None:
    """Return what the choices of the training periods earned in the periods after them, put together."""
    tests = [record for record in records if record["group"].startswith("test")]
    if not tests:
        return None
    returns = np.concatenate([np.array(record["returns"]) for record in tests])
    found = moments(returns)
    return {
        "periods": len(tests),
        "days": len(returns),
        "return": float(np.prod(1 + returns) - 1),
        "sharpe": None if found is None else found[0] * float(np.sqrt(365)),
        "trades": sum(record["trades"] for record in tests),
    }
