"""Closed candles of one pair and interval as columns: exact figures for money, float64 for everything else."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.market import Candle

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
FIGURES = ("open", "high", "low", "close", "volume")
_STEP = Decimal("0.00000001")  # the exchange knows no finer figures; more decimals are noise of a float


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleTable:
    """Candles by rising open time, each time once.

    Attributes:
        open_ms: epoch ms, int64, shape (n,).
        floats: open, high, low, close in quote per base and volume in base: float64, shape (5, n).
        texts: the same five columns as they were written, indexable by row; what money is made of.
    """

    pair: str
    interval_ms: int
    open_ms: IntArray
    floats: FloatArray
    texts: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.open_ms)

    def price(self, figure: int, row: int) -> Decimal:
        """Return one figure exactly; `figure` counts as in FIGURES."""
        text = self.texts[figure][row]
        return exact(text if isinstance(text, str) else text.as_py())

    def candle(self, row: int) -> Candle:
        """Return one candle exactly."""
        opened, high, low, close, volume = (self.price(figure, row) for figure in range(5))
        return Candle(open_ms=int(self.open_ms[row]), open=opened, high=high, low=low, close=close, volume=volume)

    def part(self, first: int, last: int) -> "CandleTable":
        """Return the rows from `first` up to, not including, `last`."""
        return CandleTable(
            pair=self.pair,
            interval_ms=self.interval_ms,
            open_ms=self.open_ms[first:last],
            floats=np.ascontiguousarray(self.floats[:, first:last]),
            texts=tuple(column[first:last] for column in self.texts),
        )

    def between(self, from_ms: int, to_ms: int) -> "CandleTable":
        """Return the candles that open at or after `from_ms` and before `to_ms`."""
        first, last = np.searchsorted(self.open_ms, (from_ms, to_ms))
        return self.part(int(first), int(last))


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Candles of a coarser interval, for indicators alone: float64 columns as in CandleTable."""

    open_ms: IntArray
    floats: FloatArray
    last_row: IntArray  # of the finer table: with that candle this one is complete


def coarser(table: CandleTable, interval_ms: int) -> Columns:
    """Return the candles of `interval_ms` that are complete in `table`: one with a hole is not made."""
    parts, step = interval_ms // table.interval_ms, table.interval_ms
    first = np.flatnonzero(table.open_ms % interval_ms == 0)
    first = first[first + parts <= len(table)]
    first = first[table.open_ms[first + parts - 1] - table.open_ms[first] == (parts - 1) * step]
    rows = first[:, None] + np.arange(parts)[None, :]
    opened, high, low, close, volume = table.floats
    return Columns(
        open_ms=table.open_ms[first],
        floats=np.array(
            (
                opened[first],
                high[rows].max(axis=1, initial=0.0),
                low[rows].min(axis=1, initial=np.inf),
                close[first + parts - 1],
                volume[rows].sum(axis=1),
            )
        ),
        last_row=first + parts - 1,
    )


def exact(text: str) -> Decimal:
    """Return a figure of a file as a Decimal of at most eight decimals."""
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    return value.quantize(_STEP) if isinstance(exponent, int) and exponent < -8 else value
