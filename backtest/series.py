"""The candles of one pair as a run sees them: how far they are closed, and the indicators at that place.

Nothing after the newest closed candle is ever looked at here; `signals.py` only says where to look.
"""

from collections.abc import Sequence

import numpy as np

from backtest.tables import CandleTable, Columns, FloatArray, IntArray, coarser
from domain import indicators as ind
from domain.analysis import Features, IntervalFeatures
from domain.features import LAST_CANDLES, CandleColumns, interval_features
from domain.market import INTERVAL_MS, Candle, Quote

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)


class PairSeries:
    """Candle series of one pair, each as long as the desk keeps it.

    Attributes:
        table: all candles of the finest interval, the warm-up first.
        rows: how many of them are closed by now.
    """

    def __init__(self, table: CandleTable, *, intervals: Sequence[str], history: int, rows: int = 0) -> None:
        self.table = table
        self.rows = rows
        self.history = history
        self._finest = next(name for name, length in INTERVAL_MS.items() if length == table.interval_ms)
        self._coarser: dict[str, Columns] = {
            name: coarser(table, INTERVAL_MS[name])
            for name in intervals
            if INTERVAL_MS[name] > table.interval_ms and INTERVAL_MS[name] % table.interval_ms == 0
        }
        self._wanted = self._finest in intervals

    def last_candles(self) -> tuple[Candle, ...]:
        """Return the newest closed 1 m candles, oldest first."""
        if self._finest != "1m":
            return ()
        return tuple(self.table.candle(row) for row in range(max(0, self.rows - LAST_CANDLES), self.rows))

    def features(self, pair: str, quote: Quote, *, whole: bool) -> Features:
        """Return what analysts are shown; not `whole`: only what rules, exits and sizes of the desk depend on."""
        return Features(
            pair=pair,
            price=quote.price,
            event_ms=quote.event_ms,
            source=quote.source.value,
            change_24h_percent=None,
            intervals=tuple(
                interval_features(name, columns) if whole else needed_features(name, columns)
                for name, columns in sorted(self._columns(), key=lambda each: INTERVAL_MS[each[0]])
            ),
            last_candles=self.last_candles() if whole else (),
            headlines=(),
            fear_greed=None,
            position=None,
        )

    def _columns(self) -> list[tuple[str, CandleColumns]]:
        if not self.rows:
            return []
        known = []
        if self._wanted:
            known.append((self._finest, self._cut(self.table.open_ms, self.table.floats, self.rows)))
        for name, columns in self._coarser.items():
            closed = int(np.searchsorted(columns.last_row, self.rows))
            if closed:
                known.append((name, self._cut(columns.open_ms, columns.floats, closed)))
        return known

    def _cut(self, open_ms: IntArray, floats: FloatArray, end: int) -> CandleColumns:
        first = max(0, end - self.history)
        opens, highs, lows, closes, volumes = (floats[figure, first:end] for figure in range(5))
        return CandleColumns(open_ms=open_ms[first:end], open=opens, high=highs, low=lows, close=closes, volume=volumes)


def needed_features(interval: str, candles: CandleColumns) -> IntervalFeatures:
    """Return those of `domain.features.interval_features` that the built-in analyst, exits and sizes look at.

    The same functions on the same candles; what nobody asks for is left out.
    """
    high, low, close = candles.high, candles.low, candles.close
    _, middle, upper = ind.bollinger(close)
    return IntervalFeatures(
        interval=interval,
        close=float(close[-1]),
        change_percent=0.0,
        sma_20=None,
        ema_9=ind.last(ind.ema(close, 9)),
        ema_12=None,
        ema_20=None,
        ema_21=ind.last(ind.ema(close, 21)),
        ema_26=None,
        rsi_14=ind.last(ind.rsi(close)),
        macd=None,
        macd_signal=None,
        macd_histogram=ind.last(ind.macd(close)[2]),
        bollinger_lower=None,
        bollinger_middle=ind.last(middle),
        bollinger_upper=ind.last(upper),
        atr_14=ind.last(ind.atr(high, low, close)),
        stochastic_k=None,
        stochastic_d=None,
        adx_14=ind.last(ind.adx(high, low, close)),
        obv=None,
        vwap=None,
        volatility=ind.volatility(close),
        candles=len(close),
    )
