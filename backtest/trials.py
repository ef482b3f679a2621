"""One trial of a sweep: settings with some keys changed, some pairs, a period; and its record of plain values."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from backtest.engine import Job, run
from backtest.figures import daily_returns, figures_of
from backtest.files import Problems, read_tables
from backtest.question import desk_settings, filters
from backtest.tables import CandleTable
from domain.market import SymbolRules

Values = tuple[tuple[str, str], ...]  # dotted key of the settings -> its value as YAML writes it
KEPT_TABLES = 4  # per process


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is to be run. All of it is text and numbers, so that any process can run it."""

    data: str
    settings: str  # path of the settings file, empty: the defaults
    values: Values
    pairs: tuple[str, ...]
    from_ms: int
    to_ms: int
    group: str = ""  # train or test of a walk forward, with its number

    @property
    def key(self) -> str:
        """Recognises the same trial when a sweep is taken up again."""
        named = {name: value for name, value in asdict(self).items() if name not in ("data", "settings")}
        content = Path(self.settings).read_bytes() if self.settings else b""
        text = json.dumps(named, sort_keys=True).encode() + content + "\n".join(data_marks(self.data)).encode()
        return hashlib.sha256(text).hexdigest()[:24]


@lru_cache(maxsize=KEPT_TABLES)
def data_marks(folder: str) -> tuple[str, ...]:
    """Return name and size of each file of the data: other data make another trial."""
    root = Path(folder)
    files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
    return tuple(f"{path.name} {path.stat().st_size}" for path in files)


def run_trial(trial: Trial) -> dict[str, Any]:
    """Run one trial; return its record. The same trial has the same record, wherever it is run."""
    settings = desk_settings(Path(trial.settings) if trial.settings else None, ",".join(trial.pairs), trial.values)
    tables, rules = _tables(trial.data, trial.pairs)
    job = Job(settings=settings, tables=tables, rules=rules, from_ms=trial.from_ms, to_ms=trial.to_ms)
    result = run(job)
    figures = figures_of(result)
    returns = daily_returns(result.times, result.equity, figures.start)
    return {
        "key": trial.key,
        "group": trial.group,
        "values": dict(trial.values),
        "pairs": list(trial.pairs),
        "from_ms": trial.from_ms,
        "to_ms": trial.to_ms,
        "trades": figures.all.trades,
        "net": str(figures.all.net),
        "fees": str(figures.fees),
        "return": figures.total_return,
        "sharpe": figures.sharpe,
        "sortino": figures.sortino,
        "profit_factor": figures.all.profit_factor,
        "max_drawdown": figures.drawdown.fraction,
        "exposure": figures.exposure,
        "returns": [round(float(each), 10) for each in returns],
        "head": result.head,
    }


@lru_cache(maxsize=KEPT_TABLES)
def _tables(data: str, pairs: tuple[str, ...]) -> tuple[Mapping[str, CandleTable], Mapping[str, SymbolRules]]:
    tables = read_tables(Path(data), pairs, Problems())
    return tables, filters(Path(data), tables)


def in_group(trial: Trial, group: str, from_ms: int, to_ms: int) -> Trial:
    """Return the trial for another period."""
    return replace(trial, group=group, from_ms=from_ms, to_ms=to_ms)
