"""What a run or sweep is asked to do: the options, and the settings, candles and opinions they name."""

import argparse
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from adapters.recording import recorded_rules
from backtest.engine import Job
from backtest.files import Problems, read_tables
from backtest.opinions import Cutoffs, read_opinions
from backtest.tables import CandleTable
from domain.errors import SettingsError
from domain.market import SymbolRules
from domain.symbols import derived_rules, known_rules
from settings import Settings, load_settings, parse_settings

DAY_MS = 86_400_000
SAMPLE = 500  # candles whose decimals tell the filters of an unknown pair


def parser() -> argparse.ArgumentParser:
    """Return the options of a run."""
    options = argparse.ArgumentParser(
        prog="python -m backtest", description="A historical run by the rules of the live desk."
    )
    add_period(options)
    options.add_argument("--opinions", type=Path, help="recorded opinions, JSON lines (collection `opinions`)")
    options.add_argument(
        "--cutoff",
        action="append",
        default=[],
        metavar="NAME=DATE",
        help="a model's knowledge cutoff, by analyst or model",
    )
    options.add_argument("--report", type=Path, metavar="OUT.html", help="writes the page, and OUT.json beside it")
    options.add_argument("--journal", type=Path, metavar="OUT.jsonl", help="writes the journal, for `ledger verify`")
    options.add_argument("--plain", action="store_true", help="go through every minute: slow, the same result")
    return options


def add_period(options: argparse.ArgumentParser) -> None:
    """Add what runs and sweeps have in common."""
    options.add_argument("--pairs", help="pairs, comma-separated; those of the settings when left out")
    options.add_argument(
        "--from", dest="since", metavar="DATE", help="first UTC day, YYYY-MM-DD; as recorded when left out"
    )
    options.add_argument("--to", dest="until", metavar="DATE", help="first UTC day after the period")
    options.add_argument("--data", type=Path, default=Path("data"), help="folder of candle files (default: data)")
    options.add_argument("--settings", type=Path, help="settings file (default: settings.yaml where it is)")
    options.add_argument("--quiet", action="store_true", help="no progress")


def read_job(given: argparse.Namespace, problems: Problems) -> tuple[Job, Cutoffs]:
    """Read settings, candles and opinions as the options name them.

    Raises:
        SettingsError: one of them cannot be used; the sentence names it.
    """
    settings = desk_settings(given.settings, given.pairs)
    pairs = tuple(settings.bots.pairs)
    tables = read_tables(given.data, pairs, problems)
    from_ms, to_ms = period(given, tables)
    opinions = None if given.opinions is None else read_opinions(given.opinions)
    if opinions is not None and (strangers := opinions.analysts - set(settings.analysts)):
        raise SettingsError(f"analysts must name all whose opinions are given, lacks {', '.join(sorted(strangers))}")
    job = Job(
        settings=settings,
        tables=tables,
        rules=filters(given.data, tables),
        from_ms=from_ms,
        to_ms=to_ms,
        opinions=opinions,
    )
    return job, Cutoffs(dict(map(_cutoff, given.cutoff)))


def desk_settings(path: Path | None, pairs: str | None, values: Iterable[tuple[str, str]] = ()) -> Settings:
    """Return the settings of the desk, its bots switched on and those of `pairs` alone.

    Args:
        values: dotted keys and what they are to be instead, as YAML writes it.

    Raises:
        SettingsError: they are not valid.
    """
    file = path or Path("settings.yaml")
    given = path is not None or file.is_file()
    settings = (
        load_settings(file, environ={}, env_files=(), serving=False) if given else parse_settings({}, serving=False)
    )
    if values:
        raw = yaml.safe_load(file.read_text(encoding="utf-8")) or {} if given else {}
        settings = parse_settings(_changed(raw, values), serving=False)
    market = settings.market.model_copy(update={"source": "recorded"})
    bots = settings.bots
    table = bots.pairs
    if pairs is not None:
        names = [name.strip().upper() for name in pairs.split(",") if name.strip()]
        if not names:
            raise SettingsError("--pairs must name at least one pair, was empty")
        table = {name: bots.pairs.get(name, {}) for name in names}
    bots = bots.model_copy(update={"enabled_at_start": True, "pairs": table})
    return settings.model_copy(update={"market": market, "bots": bots})


def _changed(raw: dict[str, Any], values: Iterable[tuple[str, str]]) -> dict[str, Any]:
    for key, value in values:
        *above, last = key.split(".")
        section = raw
        for name in above:
            inner = section.get(name)
            section[name] = section = inner if isinstance(inner, dict) else {}
        section[last] = yaml.safe_load(value)
    return raw


def period(given: argparse.Namespace, tables: Mapping[str, CandleTable]) -> tuple[int, int]:
    """Return the period asked for, epoch ms; what is left out is as the files have it.

    Raises:
        SettingsError: it is empty, or holds no candle.
    """
    first = min(int(table.open_ms[0]) for table in tables.values())
    last = max(int(table.open_ms[-1]) + table.interval_ms for table in tables.values())
    from_ms = first if given.since is None else date_ms(given.since, "--from")
    to_ms = last if given.until is None else date_ms(given.until, "--to")
    if from_ms >= to_ms and None not in (given.since, given.until):
        raise SettingsError(f"--to must be after --from, were {given.until} and {given.since}")
    from_ms, to_ms = max(from_ms, first), min(to_ms, last)
    if from_ms >= to_ms or not any(len(table.between(from_ms, to_ms)) for table in tables.values()):
        spans = f"{_text(first)} to {_text(last)}"
        raise SettingsError(f"--from and --to must name a time of which candles are there, these are of {spans}")
    return from_ms, to_ms


def filters(folder: Path, tables: Mapping[str, CandleTable]) -> dict[str, SymbolRules]:
    """Return the exchange's filters: of an exchangeInfo file beside the candles, as documented, or by the decimals."""
    found = {rules.pair: rules for rules in recorded_rules(folder, tuple(tables))}
    for pair, table in tables.items():
        if pair not in found:
            found[pair] = known_rules(pair) or _derived(pair, table)
    return {pair: found[pair] for pair in tables}


def date_ms(text: str, name: str) -> int:
    """Return a UTC date (or date and time) as epoch ms.

    Raises:
        SettingsError: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"{name} must be a UTC date such as 2026-03-24, was {text}") from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _derived(pair: str, table: CandleTable) -> SymbolRules:
    rows = [table.candle(row) for row in range(min(SAMPLE, len(table)))]
    prices = [price for row in rows for price in (row.open, row.high, row.low, row.close)]
    return derived_rules(pair, prices=prices, quantities=[row.volume for row in rows])


def _cutoff(text: str) -> tuple[str, int]:
    name, _, date = text.rpartition("=")
    if not name:
        raise SettingsError(f"--cutoff must be NAME=DATE, was {text}")
    return name, date_ms(date, "--cutoff")


def _text(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
