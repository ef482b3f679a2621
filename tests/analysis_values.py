"""Candles, features and items that the tests of the analysis share."""

import csv
from decimal import Decimal
from pathlib import Path

from domain.analysis import Features
from domain.features import build_features
from domain.market import Candle, Quote, Source, Ticker
from domain.news import FearGreed, NewsItem

DATA = Path(__file__).parent / "data"
NOW_MS = 1_767_225_600_000  # as the clock fixture


def real_candles() -> tuple[Candle, ...]:
    """Return 300 recorded 1 m candles of BTCUSDT, from 2026-03-29 00:00 UTC."""
    with (DATA / "BTCUSDT-1m-20260329.csv").open() as lines:
        rows = list(csv.reader(lines))[1:]
    return tuple(
        Candle(
            open_ms=int(row[0]),
            open=Decimal(row[1]),
            high=Decimal(row[2]),
            low=Decimal(row[3]),
            close=Decimal(row[4]),
            volume=Decimal(row[5]),
        )
        for row in rows
    )


def flat_candles(count: int, price: str = "100") -> tuple[Candle, ...]:
    """Return `count` candles that never move."""
    at = Decimal(price)
    return tuple(
        Candle(open_ms=minute * 60_000, open=at, high=at, low=at, close=at, volume=Decimal(1))
        for minute in range(count)
    )


def quote(pair: str, price: str, event_ms: int = NOW_MS) -> Quote:
    return Quote(pair=pair, price=Decimal(price), bid=None, ask=None, event_ms=event_ms, source=Source.RECORDED)


def item(
    item_id: str,
    *,
    pairs: tuple[str, ...] = (),
    minutes_ago: int = 10,
    title: str = "A story",
    source: str = "example.org",
) -> NewsItem:
    published = NOW_MS - minutes_ago * 60_000
    return NewsItem(
        item_id=item_id,
        title=title,
        summary="",
        url="https://example.org/story",
        source=source,
        pairs=pairs,
        sentiment=0.25,
        label="neutral",
        published_ms=published,
        received_ms=published,
    )


def features(
    pair: str = "BTCUSDT",
    *,
    price: str | None = None,
    candles: tuple[Candle, ...] | None = None,
    headlines: tuple[NewsItem, ...] = (),
) -> Features:
    """Return features of `pair` over the recorded candles, at their last close unless `price` is given."""
    series = real_candles() if candles is None else candles
    return build_features(
        pair=pair,
        quote=quote(pair, price or str(series[-1].close)),
        candles={"1m": series},
        headlines=headlines,
        fear_greed=FearGreed(value=40, label="Fear", at_ms=NOW_MS),
        ticker=Ticker(
            change_percent=Decimal("-1.2345"),
            change=Decimal(-800),
            high=Decimal(70000),
            low=Decimal(60000),
            volume=Decimal(1000),
            quote_volume=Decimal(66000000),
            event_ms=NOW_MS,
        ),
    )
