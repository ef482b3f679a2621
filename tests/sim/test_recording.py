"""Recorded klines as the price path."""

import gzip
from decimal import Decimal

import pytest

from sim.market import SimulatedMarket
from sim.recording import recorded_files

ROWS = [
    "1774267740000,69979.98,70112.55,69973.41,70070.53,32.55652",
    "1774267800000,70070.53,70191.82,70054,70124,128.768",
    "1774267860000,70124,70124,70124,70124,0.00001",
]
MINUTE = 29_454_480  # a multiple of three


@pytest.fixture
def folder(tmp_path):
    text = "open_time_ms,open,high,low,close,volume\n" + "\n".join(ROWS)
    with gzip.open(tmp_path / "BTCUSDT-1m-20260323.csv.gz", "wt") as file:
        file.write(text)
    (tmp_path / "ETHUSDT-5m-20260323.csv").write_text(text)
    return tmp_path


def test_only_minute_files_are_taken(folder):
    assert list(recorded_files(folder)) == ["BTCUSDT"]


def test_a_folder_without_any_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="PAIR-1m"):
        recorded_files(tmp_path)


def test_minutes_play_the_rows_round_and_round(folder):
    pair = SimulatedMarket(seed=1, recording=folder).pair("BTCUSDT")
    for minute in (MINUTE, MINUTE + 3, MINUTE + 300):
        sums = pair.tape.minute_sums(minute)
        prices = [Decimal(pair.listing.price_text(price)) for price in sums[1:5]]
        assert prices == [Decimal(text) for text in ("69979.98", "70112.55", "69973.41", "70070.53")]
        assert Decimal(pair.listing.quantity_text(sums.volume)) == Decimal("32.55652")


def test_a_thin_minute_is_given_the_volume_its_trades_need(folder):
    pair = SimulatedMarket(seed=1, recording=folder).pair("BTCUSDT")
    trades = pair.tape.minute_trades(MINUTE + 2)
    assert {trade.price for trade in trades} == {7_012_400}
    assert all(trade.quantity >= 1 for trade in trades)


def test_pairs_without_a_file_are_seeded(folder):
    seeded = SimulatedMarket(seed=1).pair("ETHUSDT").tape.minute_sums(MINUTE)
    assert SimulatedMarket(seed=1, recording=folder).pair("ETHUSDT").tape.minute_sums(MINUTE) == seeded


def test_a_row_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "BTCUSDT-1m-x.csv").write_text("1774267740000,10,9,8,9,1")
    with pytest.raises(ValueError, match="must hold"):
        SimulatedMarket(seed=1, recording=tmp_path).pair("BTCUSDT")
