"""What is built from recorded 5 m candles equals the hours, days and 24 h figures that the exchange itself gave."""

import csv
from decimal import Decimal
from pathlib import Path

from adapters.recording import Recording
from domain.messages import CandleReceived, TickerReceived

DATA = Path(__file__).parent.parent / "data" / "two_days"
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def truth(interval: str) -> list[tuple[int, ...]]:
    """Return open time, prices and volume of each candle that the exchange gave for `interval`."""
    with (DATA / f"BTCUSDT-{interval}-20250812.csv").open() as file:
        return [(int(row[0]), *map(Decimal, row[1:])) for row in list(csv.reader(file))[1:]]


def told() -> list[object]:
    made = Recording(DATA / "BTCUSDT-5m-20250812.csv.gz", pairs=("BTCUSDT",), intervals=("5m", "1h"))
    return [event.message for event in made.events()]


def test_hours_built_from_parts_are_those_of_the_exchange():
    hours = [message.candle for message in told() if isinstance(message, CandleReceived) and message.interval == "1h"]
    built = [(bar.open_ms, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in hours]
    assert len(built) == 48
    assert built == truth("1h")


def test_24_hour_figures_at_the_end_of_a_day_are_that_days_candle():
    at = {message.ticker.event_ms: message.ticker for message in told() if isinstance(message, TickerReceived)}
    for open_ms, opened, high, low, close, volume in truth("1d"):
        day = at[open_ms + DAY_MS]
        assert (day.high, day.low, day.volume, day.change) == (high, low, volume, close - opened)


def test_24_hour_figures_of_each_hour_are_those_of_the_exchanges_last_24_hours():
    at = {message.ticker.event_ms: message.ticker for message in told() if isinstance(message, TickerReceived)}
    hours = truth("1h")
    for last in range(23, 48):
        window = hours[last - 23 : last + 1]
        figures = at[window[-1][0] + HOUR_MS]
        assert figures.high == max(bar[2] for bar in window)
        assert figures.low == min(bar[3] for bar in window)
        assert figures.change == window[-1][4] - window[0][1]
        assert figures.volume == sum(bar[5] for bar in window)
