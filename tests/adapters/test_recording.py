"""Recordings of every format, whole and damaged."""

import gzip
import json
import shutil
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.recording import Recording
from domain.errors import SettingsError
from domain.messages import BookReceived, CandleOpenReceived, CandleReceived, TickerReceived, TradeReceived

DATA = Path(__file__).parent.parent / "data"
MINUTES = DATA / "BTCUSDT-1m-20260329.csv"
STREAMS = DATA / "market" / "NKN.ws_raw.txt"
FIRST_MS = 1774742400000  # 2026-03-29T00:00:00Z
MINUTE = 60_000


def recording(path: Path, *pairs: str, intervals: tuple[str, ...] = ("1m", "1h")) -> Recording:
    return Recording(path, pairs=pairs or ("BTCUSDT",), intervals=intervals)


def rows(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def closes(made: Recording, interval: str) -> list[CandleReceived]:
    messages = [event.message for event in made.events()]
    return [message for message in messages if isinstance(message, CandleReceived) and message.interval == interval]


def test_candles_open_with_their_first_price_and_close_as_a_whole():
    events = list(recording(MINUTES).events())
    assert events[0] == (
        FIRST_MS,
        2,
        CandleOpenReceived(pair="BTCUSDT", open_ms=FIRST_MS, price=Decimal("66377.04")),
    )
    time_ms, rank, closed = events[1]
    assert (time_ms, rank) == (FIRST_MS + MINUTE, 0)
    assert closed.closed and closed.candle.open_ms == FIRST_MS and closed.candle.close == Decimal("66378.22")
    assert [event[:2] for event in events] == sorted(event[:2] for event in events)


def test_the_span_and_kind_are_known_before_it_is_played():
    made = recording(MINUTES, "BTCUSDT", "ETHUSDT")
    assert (made.first_ms, made.last_ms) == (FIRST_MS, FIRST_MS + 300 * MINUTE)
    assert not made.has_books
    assert made.missing == ("ETHUSDT",)
    assert [rules.pair for rules in made.rules] == ["BTCUSDT"]
    assert made.rules[0].tick_size == Decimal("0.01")


def test_hours_are_built_from_minutes_and_told_when_they_end():
    made = recording(MINUTES)
    hours = [
        event for event in made.events() if isinstance(event.message, CandleReceived) and event.message.interval == "1h"
    ]
    assert [event.time_ms for event in hours] == [FIRST_MS + 3_600_000 * n for n in range(1, 6)]
    minutes = closes(made, "1m")[:60]
    first = hours[0].message.candle
    assert first.high == max(message.candle.high for message in minutes)
    assert first.volume == sum(message.candle.volume for message in minutes)


def test_day_statistics_follow_each_candle():
    tickers = [event for event in recording(MINUTES).events() if isinstance(event.message, TickerReceived)]
    assert len(tickers) == 300
    assert tickers[-1].message.ticker.event_ms == FIRST_MS + 300 * MINUTE


def test_pairs_are_told_in_the_order_of_the_settings_at_one_time(tmp_path: Path):
    for pair in ("AAAUSDT", "BBBUSDT"):
        rows(tmp_path, f"{pair}-1m-x.csv", "60000,1,1,1,1,1", "120000,2,2,2,2,2")
    made = recording(tmp_path, "BBBUSDT", "AAAUSDT", intervals=("1m",))
    events = [event for event in made.events() if not isinstance(event.message, TickerReceived)]
    assert [(event.time_ms, event.rank, event.message.pair) for event in events] == [
        (60_000, 2, "BBBUSDT"),
        (60_000, 2, "AAAUSDT"),
        (120_000, 0, "BBBUSDT"),
        (120_000, 0, "AAAUSDT"),
        (120_000, 2, "BBBUSDT"),
        (120_000, 2, "AAAUSDT"),
        (180_000, 0, "BBBUSDT"),
        (180_000, 0, "AAAUSDT"),
    ]


def test_it_can_be_played_again():
    made = recording(MINUTES)
    assert list(made.events()) == list(made.events())


def test_minutes_are_preferred_to_other_intervals(tmp_path: Path):
    rows(tmp_path, "BTCUSDT-5m-a.csv", "0,1,1,1,1,1")
    rows(tmp_path, "BTCUSDT-1m-a.csv", "300000,2,2,2,2,2")
    made = recording(tmp_path, intervals=("1m", "5m"))
    assert made.finest_interval("BTCUSDT") == "1m"
    assert made.first_ms == 300_000


def test_without_minutes_the_finest_interval_is_played(tmp_path: Path):
    lines = [f"{300_000 * n},1,1,1,1,1" for n in range(12)]
    rows(tmp_path, "BTCUSDT-5m-a.csv", *lines)
    rows(tmp_path, "BTCUSDT-1h-a.csv", "0,1,1,1,1,1")
    made = recording(tmp_path)
    assert made.finest_interval("BTCUSDT") == "5m"
    assert len(closes(made, "5m")) == 12
    assert [message.candle.volume for message in closes(made, "1h")] == [Decimal(12)]


def test_microseconds_gzip_further_columns_and_no_header(tmp_path: Path):
    with gzip.open(tmp_path / "BTCUSDT-1m-2025.csv.gz", "wt") as file:
        file.write("1735689600000000,1,2,0.5,1.5,3,1735689659999999,4,5\n")
    (closed,) = closes(recording(tmp_path), "1m")
    assert closed.candle.open_ms == 1735689600000
    assert closed.candle.volume == 3


@pytest.mark.parametrize(
    "row",
    [
        "",
        "not,a,row",
        "120000,1,1,1,1",  # too short
        "120000,x,1,1,1,1",
        "120000,NaN,1,1,1,1",
        "120000,1,Infinity,1,1,1",
        "120000,1,0.5,1,1,1",  # high below open
        "120001,1,1,1,1,1",  # off the minute
        "60000,1,1,1,1,1",  # repeated
        "0,1,1,1,1,1",  # out of order
        "120000,-1,-1,-1,-1,1",
        "120000," + "9" * 50 + "e999999,1,1,1,1",
    ],
)
def test_bad_rows_are_left_out(tmp_path: Path, row: str):
    rows(tmp_path, "BTCUSDT-1m-x.csv", "open,o,h,l,c,v", "60000,1,1,1,1,1", row, "180000,3,3,3,3,3")
    assert [message.candle.open_ms for message in closes(recording(tmp_path), "1m")] == [60_000, 180_000]


def test_a_file_that_is_cut_off_ends_there(tmp_path: Path):
    whole = gzip.compress(MINUTES.read_bytes())
    (tmp_path / "BTCUSDT-1m-cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    made = recording(tmp_path)
    assert 10 < len(closes(made, "1m")) < 300
    assert made.last_ms == closes(made, "1m")[-1].candle.open_ms + MINUTE


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda path: path / "nowhere", "must name a file or folder that exists"),
        (lambda path: path, "holds none of them"),
        (lambda path: rows(path, "notes.txt", "hello"), "holds none of them"),
        (lambda path: rows(path, "BTCUSDT-1m-empty.csv", ""), "must hold data of a pair"),
        (lambda path: rows(path, "DOGEUSDT-1m-x.csv", "60000,1,1,1,1,1"), "must hold data of a pair"),
    ],
)
def test_a_useless_recording_is_one_clear_sentence(tmp_path: Path, prepare, said: str):
    with pytest.raises(SettingsError, match=said) as error:
        recording(prepare(tmp_path))
    assert str(error.value).startswith("market.recording must")


def test_trades_and_quotes_are_told_as_they_came():
    made = recording(DATA / "market", "BTCUSDT")
    assert made.has_books
    kinds = Counter(type(event.message).__name__ for event in made.events())
    assert (kinds["TradeReceived"], kinds["BookReceived"]) == (60, 30)
    events = list(made.events())
    assert made.first_ms == events[0].time_ms == 1610064000278
    assert made.last_ms == events[-1].time_ms
    books = [event.message.book for event in events if isinstance(event.message, BookReceived)]
    assert books[0].depth == 1
    assert books[0].bids == ((Decimal("39432.99"), Decimal("0.0031")),)
    assert [book.update_id for book in books] == list(range(1, 31))


def test_the_noise_of_floats_is_rounded_away():
    trades = [
        event.message.trade for event in recording(DATA / "market").events() if isinstance(event.message, TradeReceived)
    ]
    assert trades[2].quantity == Decimal("0.00031100")  # recorded as 0.00031099999999999997


def test_one_trades_file_is_played_alone():
    made = recording(DATA / "market" / "BTCUSDT-trades-20210108.csv")
    assert not any(isinstance(event.message, BookReceived) for event in made.events())


def test_bad_trades_and_quotes_are_left_out(tmp_path: Path):
    rows(tmp_path, "BTCUSDT-trades-x.csv", "1,1,10,1,True", "2,2,NaN,1,True", "3,1,10,1,True", "4,3,10,1,maybe")
    rows(tmp_path, "BTCUSDT-quotes-x.csv", "1,10,1,11,1", "2,12,1,11,1", "3,10,1,11,0", "0,10,1,11,1", "5,1")
    kinds = Counter(type(event.message).__name__ for event in recording(tmp_path).events())
    assert kinds["TradeReceived"] == 1
    assert kinds["BookReceived"] == 1  # crossed, empty, older and short ones are gone


def test_candles_are_built_from_trades_where_none_are_recorded(tmp_path: Path):
    lines = [f"{ms},{n},{price},1,False" for n, (ms, price) in enumerate([(1, 10), (60_000, 11), (90_000, 12)], 1)]
    rows(tmp_path, "BTCUSDT-trades-x.csv", *lines, "180000,4,13,1,False")
    closed = [message.candle for message in closes(recording(tmp_path), "1m") if message.closed]
    assert [(bar.open_ms, bar.high, bar.volume) for bar in closed] == [(60_000, 12, 2), (120_000, 12, 0)]


def test_candles_beside_trades_lead_up_to_them(tmp_path: Path):
    rows(tmp_path, "BTCUSDT-trades-x.csv", "180500,1,10,1,True", "299000,2,10,1,True")
    rows(tmp_path, "BTCUSDT-1m-x.csv", *(f"{MINUTE * n},1,1,1,1,1" for n in range(9)))
    made = recording(tmp_path, intervals=("1m",))
    (history,) = made.history()
    assert [bar.open_ms for bar in history.candles] == [0, 60_000, 120_000]
    assert [message.candle.open_ms for message in closes(made, "1m")] == [180_000]
    assert made.first_ms == 180_500


def test_candles_that_end_long_before_are_no_history(tmp_path: Path):
    rows(tmp_path, "BTCUSDT-trades-x.csv", "18000500,1,10,1,True")
    rows(tmp_path, "BTCUSDT-1m-x.csv", "0,1,1,1,1,1")
    assert recording(tmp_path).history() == ()


def test_raw_streams_give_whole_books_trades_and_candles():
    made = recording(STREAMS, "NKNUSDT")
    events = [event.message for event in made.events()]
    kinds = Counter(type(message).__name__ for message in events)
    assert kinds["TradeReceived"] == kinds["CandleReceived"] == 1
    books = [message.book for message in events if isinstance(message, BookReceived)]
    assert len(books) > 20
    assert all(len(book.bids) == len(book.asks) == 20 for book in books)
    (trade,) = [message.trade for message in events if isinstance(message, TradeReceived)]
    assert trade.trade_id == 19862790  # an aggregate bears the id of its last trade
    assert made.rules[0].min_notional == Decimal(10)  # exchangeInfo beside it, filter MIN_NOTIONAL


def test_the_books_best_prices_are_those_the_exchange_told_beside_them():
    """After each difference the best bid and ask equal the newest bookTicker that is not newer than the book."""
    tickers = {}
    for line in STREAMS.read_text().splitlines()[1:]:
        frame = json.loads(line.partition(": ")[2])
        if frame["stream"].endswith("@bookTicker"):
            data = frame["data"]
            tickers[data["u"]] = tuple(Decimal(data[name]) for name in ("b", "B", "a", "A"))
    compared = 0
    for event in recording(STREAMS, "NKNUSDT").events():
        if isinstance(event.message, BookReceived):
            book = event.message.book
            known = [update_id for update_id in tickers if update_id <= book.update_id]
            if known:
                assert (*book.bids[0], *book.asks[0]) == tickers[max(known)]
                compared += 1
    assert compared > 10


def test_damaged_frames_are_left_out(tmp_path: Path):
    shutil.copy(DATA / "market" / "NKN.rest_depth.txt", tmp_path)
    lines = STREAMS.read_text().splitlines()
    lines[3:3] = [
        "rubbish",
        "1633998512.9: {broken",
        '1633998512.9: {"stream":"nknusdt@trade","data":{"t":"x"}}',
        lines[2][:60],
    ]
    rows(tmp_path, "NKN.ws_raw.txt", *lines)
    damaged = list(recording(tmp_path, "NKNUSDT").events())
    assert damaged == list(recording(DATA / "market", "NKNUSDT").events())


def test_missing_depth_updates_silence_the_book(tmp_path: Path):
    shutil.copy(DATA / "market" / "NKN.rest_depth.txt", tmp_path)
    lines = [line for line in STREAMS.read_text().splitlines() if "@depth" in line]
    rows(tmp_path, "NKN.ws_raw.txt", *lines[:6], *lines[9:])
    books = [event for event in recording(tmp_path, "NKNUSDT").events() if isinstance(event.message, BookReceived)]
    whole = [event for event in recording(STREAMS, "NKNUSDT").events() if isinstance(event.message, BookReceived)]
    assert 0 < len(books) < 10 < len(whole)


def test_broken_rules_beside_a_recording_are_replaced_by_the_documented_ones(tmp_path: Path):
    shutil.copy(MINUTES, tmp_path)
    rows(tmp_path, "x.exchangeInfo.json", '{"symbols": [{"symbol": "BTCUSDT"')
    assert recording(tmp_path).rules[0].step_size == Decimal("0.00001")
