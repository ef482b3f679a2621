"""The pairs the simulated exchange lists: filters as Binance has them today, and how lively each pair is."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

UNIT = 10**8  # Binance writes prices and quantities with eight decimals
QUOTE = "USDT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One listed pair. Prices are counted in ticks and quantities in steps: whole numbers, never floats."""

    pair: str
    price: float  # quote per base: the middle of the simulated price's range
    tick: int  # price step in 1e-8 quote
    step: int  # quantity step in 1e-8 base
    daily_volatility: float  # standard deviation of one day's log return
    minute_volume: int  # usual volume of one minute, steps

    @property
    def base(self) -> str:
        return self.pair.removesuffix(QUOTE)

    def price_text(self, ticks: int) -> str:
        return eight(ticks * self.tick)

    def quantity_text(self, steps: int) -> str:
        return eight(steps * self.step)

    def quote_text(self, amount: int) -> str:
        """Write a sum of price x quantity, given in ticks x steps, as Binance does: eight decimals, the rest cut."""
        return eight(amount * self.tick * self.step // UNIT)


def eight(units: int) -> str:
    """Write a whole number of 1e-8 with eight decimals, as Binance does."""
    if units < 0:
        return "-" + eight(-units)
    return f"{units // UNIT}.{units % UNIT:08d}"


# pair: price, tick, step, daily volatility, volume of a minute in USDT
_CATALOGUE: dict[str, tuple[str, str, str, float, float]] = {
    "BTCUSDT": ("71000", "0.01", "0.00001", 0.024, 900_000),
    "ETHUSDT": ("2150", "0.01", "0.0001", 0.032, 600_000),
    "XRPUSDT": ("1.42", "0.0001", "0.1", 0.036, 220_000),
    "BNBUSDT": ("640", "0.01", "0.001", 0.026, 160_000),
    "SOLUSDT": ("90", "0.01", "0.001", 0.040, 260_000),
    "DOGEUSDT": ("0.105", "0.00001", "1", 0.042, 120_000),
    "ADAUSDT": ("0.27", "0.0001", "0.1", 0.040, 60_000),
    "AVAXUSDT": ("9.6", "0.01", "0.01", 0.042, 30_000),
    "LINKUSDT": ("9.1", "0.01", "0.01", 0.038, 40_000),
    "LTCUSDT": ("55", "0.01", "0.001", 0.034, 30_000),
    "DOTUSDT": ("1.5", "0.001", "0.01", 0.041, 20_000),
    "TRXUSDT": ("0.31", "0.0001", "0.1", 0.018, 50_000),
    "ATOMUSDT": ("1.9", "0.001", "0.01", 0.040, 10_000),
    "UNIUSDT": ("3.6", "0.001", "0.01", 0.044, 15_000),
    "SHIBUSDT": ("0.0000061", "0.00000001", "1", 0.042, 20_000),
}


def listing(pair: str) -> Listing:
    """Return the listing of `pair`: the known one, or a plausible one that depends on nothing but the name."""
    known = _CATALOGUE.get(pair)
    if known is None:
        return _plausible(pair)
    price, tick, step, volatility, turnover = known
    return _listing(pair, float(price), _units(tick), _units(step), volatility, turnover)


def listings(pairs: Iterable[str]) -> dict[str, Listing]:
    """Return the exchange's list: the known pairs and, after them, those of `pairs` that are new."""
    return {pair: listing(pair) for pair in [*_CATALOGUE, *pairs]}


def _plausible(pair: str) -> Listing:
    digest = hashlib.sha256(pair.encode()).digest()
    price = 10 ** (digest[0] / 255 * 5 - 2)  # 0.01 .. 1000 USDT
    tick = max(1, 10 ** (len(str(int(price * UNIT))) - 5))  # five significant figures
    step = max(1, 10 ** (len(str(int(0.1 / price * UNIT))) - 1))  # about ten cents
    return _listing(pair, price, tick, step, 0.03 + digest[1] / 255 * 0.03, 5_000 + digest[2] * 100)


def _listing(pair: str, price: float, tick: int, step: int, volatility: float, turnover: float) -> Listing:
    volume = int(turnover / price * UNIT / step)
    return Listing(pair=pair, price=price, tick=tick, step=step, daily_volatility=volatility, minute_volume=volume)


def _units(text: str) -> int:
    return int(Decimal(text) * UNIT)
