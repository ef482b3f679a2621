"""What analysts are shown of a pair: indicators per candle series, the newest candles, headlines, mood, position."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from domain import indicators as ind
from domain.analysis import Features, IntervalFeatures, OpenPosition
from domain.market import INTERVAL_MS, Candle, Quote, Ticker
from domain.news import FearGreed, NewsItem
from domain.trading import Position

LAST_CANDLES = 20
HEADLINES = 8
OF_ONE_SOURCE = 4  # no site fills more than half of what is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleColumns:
    """A candle series as arrays of equal length, oldest first: the one place where prices become floats."""

    open_ms: ind.IntArray
    open: ind.FloatArray  # quote per base, as the other prices
    high: ind.FloatArray
    low: ind.FloatArray
    close: ind.FloatArray
    volume: ind.FloatArray  # base


def candle_columns(candles: Sequence[Candle]) -> CandleColumns:
    """Return closed candles (oldest first) as float64 columns."""
    return CandleColumns(
        open_ms=np.array([candle.open_ms for candle in candles], dtype=np.int64),
        open=np.array([float(candle.open) for candle in candles], dtype=np.float64),
        high=np.array([float(candle.high) for candle in candles], dtype=np.float64),
        low=np.array([float(candle.low) for candle in candles], dtype=np.float64),
        close=np.array([float(candle.close) for candle in candles], dtype=np.float64),
        volume=np.array([float(candle.volume) for candle in candles], dtype=np.float64),
    )


def interval_features(interval: str, candles: CandleColumns) -> IntervalFeatures:
    """Return the indicators of one series at its newest closed candle.

    Args:
        interval: as in settings, such as `1m`.
        candles: closed candles, oldest first, at least one.

    Raises:
        InvariantError: a column is not finite, or the columns differ in length.
    """
    high, low, close = candles.high, candles.low, candles.close
    macd, macd_signal, macd_histogram = ind.macd(close)
    lower, middle, upper = ind.bollinger(close)
    slow_k, slow_d = ind.stochastic(high, low, close)
    return IntervalFeatures(
        interval=interval,
        close=float(close[-1]),
        change_percent=float((close[-1] / candles.open[-1] - 1.0) * 100.0),
        sma_20=ind.last(ind.sma(close, 20)),
        ema_9=ind.last(ind.ema(close, 9)),
        ema_12=ind.last(ind.ema(close, 12)),
        ema_20=ind.last(ind.ema(close, 20)),
        ema_21=ind.last(ind.ema(close, 21)),
        ema_26=ind.last(ind.ema(close, 26)),
        rsi_14=ind.last(ind.rsi(close)),
        macd=ind.last(macd),
        macd_signal=ind.last(macd_signal),
        macd_histogram=ind.last(macd_histogram),
        bollinger_lower=ind.last(lower),
        bollinger_middle=ind.last(middle),
        bollinger_upper=ind.last(upper),
        atr_14=ind.last(ind.atr(high, low, close)),
        stochastic_k=ind.last(slow_k),
        stochastic_d=ind.last(slow_d),
        adx_14=ind.last(ind.adx(high, low, close)),
        obv=ind.last(ind.obv(close, candles.volume)),
        vwap=ind.session_vwap(candles.open_ms, high, low, close, candles.volume),
        volatility=ind.volatility(close),
        candles=len(close),
    )


def build_features(
    *,
    pair: str,
    quote: Quote,
    candles: Mapping[str, Sequence[Candle]],
    headlines: Sequence[NewsItem] = (),
    fear_greed: FearGreed | None = None,
    ticker: Ticker | None = None,
    position: Position | None = None,
    news_since_ms: int = 0,
    columns: Mapping[str, CandleColumns] | None = None,
) -> Features:
    """Return what analysts are shown of `pair` now.

    Args:
        pair: e.g. BTCUSDT.
        quote: its newest price.
        candles: closed candles per interval, oldest first; an empty series is left out.
        headlines: any news items; those of the pair come first, untagged ones fill up, others are left out.
        fear_greed: the newest index, if known.
        ticker: 24 h statistics, if known.
        position: the pair's open position, if any.
        news_since_ms: older headlines are left out.
        columns: series that are known as arrays; then `candles` may hold only the newest 20 of them.

    Raises:
        InvariantError: a candle holds a number that is not finite.
    """
    return Features(
        pair=pair,
        price=quote.price,
        event_ms=quote.event_ms,
        source=quote.source.value,
        change_24h_percent=float(ticker.change_percent) if ticker else None,
        intervals=tuple(
            interval_features(interval, (columns or {}).get(interval) or candle_columns(candles[interval]))
            for interval in sorted(candles, key=_length_ms)
            if candles[interval]
        ),
        last_candles=tuple(candles.get("1m", ())[-LAST_CANDLES:]),
        headlines=pick_headlines(headlines, pair=pair, since_ms=news_since_ms),
        fear_greed=fear_greed.value if fear_greed else None,
        position=_open_position(position, quote.price) if position else None,
    )


def pick_headlines(items: Sequence[NewsItem], *, pair: str, since_ms: int = 0) -> tuple[NewsItem, ...]:
    """Return at most 8 headlines, newest first: those that speak of `pair`, then those that name no pair at all.

    Of one source at most 4, so that nobody who publishes more than others is heard alone.
    """
    fresh = sorted(
        (item for item in items if item.published_ms >= since_ms and (pair in item.pairs or not item.pairs)),
        key=lambda item: (pair not in item.pairs, -item.published_ms, item.item_id),
    )
    taken: Counter[str] = Counter()
    picked: list[NewsItem] = []
    for item in fresh:
        if len(picked) < HEADLINES and taken[item.source] < OF_ONE_SOURCE:
            taken[item.source] += 1
            picked.append(item)
    return tuple(sorted(picked, key=lambda item: (-item.published_ms, item.item_id)))


def _length_ms(interval: str) -> tuple[int, str]:
    return INTERVAL_MS.get(interval, 1 << 60), interval


def _open_position(position: Position, price: Decimal) -> OpenPosition:
    moved = (price / position.entry_price - 1) * 100 * position.direction.sign
    return OpenPosition(
        direction=position.direction,
        entry_price=position.entry_price,
        quantity=position.quantity,
        unrealized_pnl_percent=float(moved),
        opened_ms=position.opened_ms,
    )
