"""Files of candles: which there are under a folder, and their rows as one table per pair.

`PAIR-INTERVAL-*.csv`, also as .gz or .zip, or `.parquet`; flat or in the folders of Binance's public archive. The first
six columns are open time (ms or us), open, high, low, close and base volume; a header is optional.
"""

import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from adapters.recording_files import Faults, read_trades
from backtest.tables import FIGURES, CandleTable, FloatArray, IntArray
from domain.candles import CandleBuilder
from domain.errors import SettingsError
from domain.market import INTERVAL_MS

_NAME = re.compile(
    r"([A-Z0-9]{4,20})-(1s|1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d)(?:[-_.].*)?\.(csv|csv\.gz|zip|csv\.zip|parquet)"
)
_TRADES = re.compile(r"([A-Z0-9]{4,20})-trades(?:-.*)?\.csv(?:\.gz)?")
_NUMBER = r"^\s*[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?\s*$"
_MICROSECONDS = 100_000_000_000_000  # times from here on are microseconds
_COLUMNS = ("open_time", *FIGURES)
CHUNK = 1 << 16  # bytes unpacked at once: where a file breaks, what came before is kept
Problems = Counter[str]  # what was found, one sentence without its count


def find_files(folder: Path, pairs: Iterable[str]) -> dict[tuple[str, str], list[Path]]:
    """Return the candle files of `pairs` by pair and interval, each list by name.

    Raises:
        SettingsError: `folder` is not there.
    """
    if not folder.exists():
        raise SettingsError(f"--data must name a file or folder that exists, was {folder}")
    wanted, found = set(pairs), dict[tuple[str, str], list[Path]]()
    for path in sorted([folder] if folder.is_file() else folder.rglob("*"), key=lambda each: each.name):
        match = _NAME.fullmatch(path.name)
        if match and match[1] in wanted and path.is_file():
            found.setdefault((match[1], match[2]), []).append(path)
    return found


def read_tables(folder: Path, pairs: tuple[str, ...], problems: Problems) -> dict[str, CandleTable]:
    """Read the candles of all `pairs`, of the finest interval that all of them have (1 m where it is there).

    What was found and left out is counted in `problems`.

    Raises:
        SettingsError: a pair has no candles, or no interval in common with the others.
    """
    files = find_files(folder, pairs)
    traded = {pair: found for pair in pairs if (found := _trades_of(folder, pair)) and not _has(files, pair)}
    if traded:  # candles are made of them, as the desk makes them of a recording of trades
        made = {pair: _from_trades(found, pair, problems) for pair, found in traded.items()}
        others = tuple(pair for pair in pairs if pair not in made)
        missing = [pair for pair in others if (pair, "1m") not in files]
        if missing:
            raise SettingsError(f"beside trades all pairs must have 1m candles, {', '.join(missing)} has none")
        return {
            pair: made[pair] if pair in made else read_table(files[pair, "1m"], pair, "1m", problems) for pair in pairs
        }
    had = {pair: [interval for of, interval in files if of == pair] for pair in pairs}
    for pair, intervals in had.items():
        if not intervals:
            raise SettingsError(
                f"--data must hold files {pair}-INTERVAL-*.csv[.gz|.zip] or .parquet, {folder} has none"
            )
    common = set.intersection(*(set(intervals) for intervals in had.values()))
    if not common:
        listed = "; ".join(f"{pair} has {', '.join(sorted(had[pair]))}" for pair in pairs)
        raise SettingsError(f"all pairs must have candles of one interval: {listed}")
    interval = "1m" if "1m" in common else min(common, key=INTERVAL_MS.__getitem__)
    return {pair: read_table(files[pair, interval], pair, interval, problems) for pair in pairs}


def _has(files: Mapping[tuple[str, str], object], pair: str) -> bool:
    return any(of == pair for of, _ in files)


def _trades_of(folder: Path, pair: str) -> list[Path]:
    paths = [folder] if folder.is_file() else folder.rglob(f"{pair}-trades*")
    return sorted(
        (path for path in paths if (match := _TRADES.fullmatch(path.name)) and match[1] == pair),
        key=lambda path: path.name,
    )


def _from_trades(paths: list[Path], pair: str, problems: Problems) -> CandleTable:
    """Return the whole 1 m candles that trades make.

    Raises:
        SettingsError: they make none.
    """
    faults, builder = Faults(), CandleBuilder(interval_ms=INTERVAL_MS["1m"])
    candles = [candle for trade in read_trades(paths, faults) for candle in builder.add(trade)]
    problems.update({f"{name}: {reason}, rows": count for (name, reason), count in faults.items()})
    if not candles:
        raise SettingsError(f"the trades of {pair} must make at least one whole candle of 1m, they make none")
    texts = [[str(getattr(candle, figure)) for candle in candles] for figure in FIGURES]
    table = CandleTable(
        pair=pair,
        interval_ms=INTERVAL_MS["1m"],
        open_ms=np.array([candle.open_ms for candle in candles], dtype=np.int64),
        floats=np.array([[float(text) for text in column] for column in texts]),
        texts=tuple(pa.array(column, pa.string()) for column in texts),
    )
    _count_gaps(table, problems)
    return table


def read_table(paths: Iterable[Path], pair: str, interval: str, problems: Problems) -> CandleTable:
    """Read the candles of one pair and interval; unsound rows are left out, counted in `problems`.

    Raises:
        SettingsError: not one sound row is there.
    """
    parts = [table for path in paths for table in _read_file(path, problems)]
    columns = (
        [
            pa.chunked_array([part.column(n) for part in parts], type=pa.string()).combine_chunks()
            for n in range(len(_COLUMNS))
        ]
        if parts
        else []
    )
    table = _sound(columns, pair, INTERVAL_MS[interval], problems) if columns else None
    if table is None or not len(table):
        raise SettingsError(f"the {interval} candles of {pair} must be readable, not one row is")
    _count_gaps(table, problems)
    return table


def sentences(problems: Problems) -> tuple[str, ...]:
    """Return what was found, one sentence each."""
    return tuple(f"{what}: {count}" for what, count in sorted(problems.items()))


# --- reading --------------------------------------------------------------------------------------------------------


def _read_file(path: Path, problems: Problems) -> Iterator[Any]:
    """Yield tables of six text columns."""
    try:
        if path.suffix == ".parquet":
            yield _texts(pyarrow.parquet.read_table(path))
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in sorted(name for name in archive.namelist() if name.endswith(".csv")):
                    yield from _read_csv(archive.read(name), f"{path.name}/{name}", problems)
        elif path.suffix == ".gz":
            yield from _read_csv(_unzipped(path, problems), path.name, problems)
        else:
            yield from _read_csv(path.read_bytes(), path.name, problems)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, pa.ArrowException) as error:
        problems[f"{path.name} cannot be read ({type(error).__name__}), files"] += 1


def _unzipped(path: Path, problems: Problems) -> bytes:
    """Return what a gzip file holds, as far as it goes."""
    rest, parts, whole = path.read_bytes(), list[bytes](), True
    while rest and whole:
        unpacker = zlib.decompressobj(wbits=31)
        for first in range(0, len(rest), CHUNK):
            try:
                parts.append(unpacker.decompress(rest[first : first + CHUNK]))
            except zlib.error:
                break
        whole, rest = unpacker.eof, unpacker.unused_data
    joined = b"".join(parts)
    if not whole:
        problems[f"{path.name} is cut off or broken, files"] += 1
        return joined[: joined.rfind(b"\n") + 1]
    return joined


def _read_csv(content: bytes, name: str, problems: Problems) -> Iterator[Any]:
    first, _, rest = content.partition(b"\n")
    if not first[:1].isdigit():
        content = rest  # a header
    if not content.strip():
        return
    width = max(len(_COLUMNS), content.partition(b"\n")[0].count(b",") + 1)
    names = [*_COLUMNS, *(f"further_{n}" for n in range(width - len(_COLUMNS)))]

    def skip(_row: object) -> str:
        problems[f"{name} has rows with another number of columns"] += 1
        return "skip"

    table = pyarrow.csv.read_csv(
        io.BytesIO(content),
        read_options=pyarrow.csv.ReadOptions(column_names=names, use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=skip),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), include_columns=list(_COLUMNS), strings_can_be_null=False
        ),
    )
    yield table


def _texts(table: Any) -> Any:
    """Return the first six columns of a parquet file as text; a float is written as Python writes it."""
    columns = []
    for column in table.columns[: len(_COLUMNS)]:
        values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if pa.types.is_timestamp(values.type):
            values = values.cast(pa.timestamp("ms")).cast(pa.int64())
        if pa.types.is_floating(values.type):
            columns.append(
                pa.array([None if value is None else repr(value) for value in values.to_pylist()], pa.string())
            )
        else:
            columns.append(values.cast(pa.string()))
    return pa.table(dict(zip(_COLUMNS, (column.fill_null("") for column in columns), strict=True)))


# --- checking -------------------------------------------------------------------------------------------------------


def _sound(columns: list[Any], pair: str, interval_ms: int, problems: Problems) -> CandleTable:
    """Return the rows that are candles, by rising time; the others are counted."""
    readable = np.ones(len(columns[0]), dtype=bool)
    for column in columns:
        readable &= pc.match_substring_regex(column, _NUMBER).to_numpy(zero_copy_only=False)
    readable &= pc.match_substring_regex(columns[0], r"^\s*[0-9]{1,18}\s*$").to_numpy(zero_copy_only=False)
    columns = _keep(columns, readable, f"rows of {pair} that are no candles", problems)
    times, floats = _numbers(columns)
    if len(times) and (np.diff(times) < 0).any():  # files may overlap: daily ones beside the month's
        order = np.argsort(times, kind="stable")
        times, floats = times[order], floats[:, order]
        columns = [column.take(pa.array(order)) for column in columns]
    newest = (
        np.concatenate(
            ([-1], np.maximum.accumulate(np.where(_faults(times, floats, interval_ms) == 0, times, -1))[:-1])
        )
        if len(times)
        else times
    )
    faults = _faults(times, floats, interval_ms)
    late = (faults == 0) & (times <= newest)
    for number, what in enumerate(_FAULTS, 1):
        _count(problems, f"rows of {pair} with {what}", int((faults == number).sum()))
    _count(problems, f"rows of {pair} that are repeated or out of order", int(late.sum()))
    good = (faults == 0) & ~late
    mask = pa.array(good)
    return CandleTable(
        pair=pair,
        interval_ms=interval_ms,
        open_ms=np.ascontiguousarray(times[good]),
        floats=np.ascontiguousarray(floats[:, good]),
        texts=tuple(column.filter(mask) for column in columns[1:]),
    )


_FAULTS = (
    "a price or volume that is not finite",
    "a price that is not positive",
    "a high below or a low above another price",
    "an open time off the interval",
)


def _faults(times: IntArray, floats: FloatArray, interval_ms: int) -> IntArray:
    """Return the number of each row's first fault, 0 for none; the rules of `domain.market_checks.candle_fault`."""
    opened, high, low, close, volume = floats
    prices = floats[:4]
    faults = np.zeros(len(times), dtype=np.int64)
    checks = (
        ~np.isfinite(floats).all(axis=0),
        (prices.min(axis=0, initial=np.inf) <= 0) | (volume < 0),
        (high < prices.max(axis=0, initial=0.0)) | (low > np.minimum(np.minimum(opened, close), high)),
        (times % interval_ms) != 0,
    )
    for number, wrong in enumerate(checks, 1):
        faults[(faults == 0) & wrong] = number
    return faults


def _numbers(columns: list[Any]) -> tuple[IntArray, FloatArray]:
    times = pc.cast(pc.utf8_trim_whitespace(columns[0]), pa.int64()).to_numpy()
    times = np.where(times >= _MICROSECONDS, times // 1000, times)
    floats = np.array([pc.cast(pc.utf8_trim_whitespace(column), pa.float64()).to_numpy() for column in columns[1:]])
    return times, floats.reshape(len(FIGURES), len(times))


def _keep(columns: list[Any], good: Any, what: str, problems: Problems) -> list[Any]:
    _count(problems, what, int((~good).sum()))
    return columns if good.all() else [column.filter(pa.array(good)) for column in columns]


def _count_gaps(table: CandleTable, problems: Problems) -> None:
    steps = np.diff(table.open_ms)
    gaps = steps[steps > table.interval_ms]
    if len(gaps):
        missing = int((gaps // table.interval_ms - 1).sum())
        problems[f"candles of {table.pair} missing in {len(gaps)} gaps"] += missing


def _count(problems: Problems, what: str, count: int) -> None:
    if count:
        problems[what] += count
