"""Pairs by name: their two assets, and the filters a recording is played with when it brings none of its own."""

from collections.abc import Iterable
from decimal import Decimal

from domain.market import SymbolRules

QUOTE_ASSETS = ("USDT", "FDUSD", "USDC", "TUSD", "BUSD", "USD1", "DAI", "EUR", "TRY", "BRL", "BTC", "ETH", "BNB")
MIN_NOTIONAL = Decimal(5)  # Binance filter NOTIONAL of the USDT pairs
_STEPS = {  # tick size, step size: Binance exchangeInfo, 2026
    "BTCUSDT": ("0.01", "0.00001"),
    "ETHUSDT": ("0.01", "0.0001"),
    "XRPUSDT": ("0.0001", "0.1"),
    "BNBUSDT": ("0.01", "0.001"),
    "SOLUSDT": ("0.01", "0.001"),
}


def split_pair(pair: str) -> tuple[str, str]:
    """Return base and quote asset: BTCUSDT -> BTC, USDT. An unknown quote asset is taken to be four letters long."""
    for quote in QUOTE_ASSETS:
        if pair.endswith(quote) and len(pair) > len(quote):
            return pair[: -len(quote)], quote
    return pair[:-4], pair[-4:]


def known_rules(pair: str) -> SymbolRules | None:
    """Return the filters of a pair this desk knows by heart, or None."""
    steps = _STEPS.get(pair)
    return None if steps is None else _rules(pair, Decimal(steps[0]), Decimal(steps[1]))


def derived_rules(pair: str, *, prices: Iterable[Decimal], quantities: Iterable[Decimal]) -> SymbolRules:
    """Return filters as fine as the decimals seen in `prices` (quote per base) and `quantities` (base)."""
    return _rules(pair, _finest_step(prices), _finest_step(quantities))


def _rules(pair: str, tick_size: Decimal, step_size: Decimal) -> SymbolRules:
    base, quote = split_pair(pair)
    return SymbolRules(
        pair=pair,
        base=base,
        quote=quote,
        tick_size=tick_size,
        step_size=step_size,
        min_quantity=step_size,
        max_quantity=Decimal(0),
        min_notional=MIN_NOTIONAL,
    )


def _finest_step(values: Iterable[Decimal]) -> Decimal:
    exponents = (value.normalize().as_tuple().exponent for value in values if value.is_finite())
    finest = min((exponent for exponent in exponents if isinstance(exponent, int)), default=-8)
    return Decimal(1).scaleb(max(min(finest, 0), -8))
