"""Candle files: all formats give the same candles, what is unsound is left out and named in a sentence."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.recording_files import Faults, read_candles
from backtest.files import Problems, find_files, read_table, read_tables, sentences
from domain.errors import SettingsError
from tests.backtest.worlds import MINUTE, START, walk

ROWS = 200
ARCHIVE = Path("data/spot/monthly/klines/BTCUSDT/1m")  # as data.binance.vision has it


def lines(table, *, micros: bool = False, further: str = "") -> list[str]:
    factor = 1000 if micros else 1
    return [
        ",".join([str(int(ms) * factor), *(column[row].as_py() for column in table.texts)]) + further
        for row, ms in enumerate(table.open_ms)
    ]


def read(folder: Path):
    problems = Problems()
    return read_tables(folder, ("BTCUSDT",), problems)["BTCUSDT"], sentences(problems)


@pytest.fixture
def table():
    return walk(minutes=ROWS, seed=1)


def test_every_format_gives_the_same_candles(table, tmp_path: Path) -> None:
    header = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_base,taker_quote,ignore"
    text = "\n".join(lines(table)) + "\n"
    archived = "\n".join([header, *lines(table, micros=True, further=",1,2,3,4,5,0")]) + "\n"
    folders = {name: tmp_path / name for name in ("csv", "gz", "zip", "parquet", "archive")}
    for folder in folders.values():
        folder.mkdir()
    (folders["csv"] / "BTCUSDT-1m-2026.csv").write_text(text)
    (folders["gz"] / "BTCUSDT-1m-2026.csv.gz").write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(folders["zip"] / "BTCUSDT-1m-2026-01.zip", "w") as file:
        file.writestr("BTCUSDT-1m-2026-01.csv", text)
    columns = dict(zip(("a", "b", "c", "d", "e"), (column.cast(pa.float64()) for column in table.texts), strict=True))
    pyarrow.parquet.write_table(pa.table({"t": table.open_ms} | columns), folders["parquet"] / "BTCUSDT-1m.parquet")
    (folders["archive"] / ARCHIVE).mkdir(parents=True)
    (folders["archive"] / ARCHIVE / "BTCUSDT-1m-2026-01.csv").write_text(archived)
    for name, folder in folders.items():
        found, problems = read(folder)
        assert problems == (), name
        assert [found.candle(row) for row in range(ROWS)] == [table.candle(row) for row in range(ROWS)], name
        assert np.array_equal(found.floats, table.floats), name


def test_what_is_unsound_is_left_out_and_named(table, tmp_path: Path) -> None:
    rows = lines(table)
    bad = [
        "no candle at all,1,2,3,4,5",
        f"{START + 300 * MINUTE},1,2,0.5,nan,1",
        f"{START + 301 * MINUTE},1,2,0.5,-1,1",
        f"{START + 302 * MINUTE},1,2,0.5,0,1",
        f"{START + 303 * MINUTE},1,0.9,0.5,1,1",
        f"{START + 304 * MINUTE + 1},1,2,0.5,1,1",
        f"{START + 305 * MINUTE},1,2",
        rows[7],
    ]
    (tmp_path / "BTCUSDT-1m-x.csv").write_text("\n".join([*rows[:50], *rows[60:], *bad]) + "\n")
    found, problems = read(tmp_path)
    assert len(found) == ROWS - 10
    assert problems == (
        "BTCUSDT-1m-x.csv has rows with another number of columns: 1",
        "candles of BTCUSDT missing in 1 gaps: 10",
        "rows of BTCUSDT that are no candles: 3",
        "rows of BTCUSDT that are repeated or out of order: 1",
        "rows of BTCUSDT with a high below or a low above another price: 1",
        "rows of BTCUSDT with a price that is not positive: 1",
        "rows of BTCUSDT with an open time off the interval: 1",
    )


CELLS = st.sampled_from(["1", "2.5", "0", "-1", "nan", "1e400", "", "3.000000001", "2", "1.5"])
TIMES = st.integers(0, 12).map(lambda n: str(n * MINUTE)) | st.sampled_from(["7", "x", "60000000000000000"])


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(TIMES, CELLS, CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=30))
def test_the_same_rows_are_taken_as_the_desk_takes_of_a_recording(tmp_path_factory, rows) -> None:
    path = tmp_path_factory.mktemp("rows") / "BTCUSDT-1m-x.csv"
    path.write_text("0,1,1,1,1,1\n" + "\n".join(",".join(row) for row in rows) + "\n")
    desk = list(read_candles([path], "1m", Faults()))
    found = read_table([path], "BTCUSDT", "1m", Problems())
    assert [found.candle(row) for row in range(len(found))] == desk


def test_a_file_that_is_cut_off_is_read_as_far_as_it_goes(table, tmp_path: Path) -> None:
    packed = gzip.compress("\n".join(lines(table)).encode())
    (tmp_path / "BTCUSDT-1m-x.csv.gz").write_bytes(packed[: len(packed) * 2 // 3])
    found, problems = read(tmp_path)
    assert 0 < len(found) < ROWS
    assert "BTCUSDT-1m-x.csv.gz is cut off or broken, files: 1" in problems


def test_the_finest_interval_that_all_pairs_have_is_read(tmp_path: Path) -> None:
    for name in ("BTCUSDT-1m-a.csv", "BTCUSDT-1h-a.csv", "ETHUSDT-1h-a.csv"):
        (tmp_path / name).write_text(f"{START},1,1,1,1,1\n")
    assert {pair for pair, _ in find_files(tmp_path, ("BTCUSDT",))} == {"BTCUSDT"}
    tables = read_tables(tmp_path, ("BTCUSDT", "ETHUSDT"), Problems())
    assert {table.interval_ms for table in tables.values()} == {3_600_000}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "must hold files BTCUSDT-INTERVAL"),
        (["BTCUSDT-1m-a.csv", "ETHUSDT-5m-a.csv"], "must have candles of one interval: BTCUSDT has 1m; ETHUSDT has 5m"),
    ],
)
def test_a_folder_without_usable_candles_is_refused_in_one_sentence(tmp_path: Path, files, sentence) -> None:
    for name in files:
        (tmp_path / name).write_text(f"{START},1,1,1,1,1\n")
    with pytest.raises(SettingsError, match=sentence):
        read_tables(tmp_path, ("BTCUSDT", "ETHUSDT"), Problems())
