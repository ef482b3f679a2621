"""Market data as values: what the exchange said, with its own time and where it came from."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Source(StrEnum):
    """Where prices come from. Real and simulated prices never meet in one ledger."""

    BINANCE = "binance"
    SIMULATED = "simulated"
    RECORDED = "recorded"


class MarketState(StrEnum):
    """The state of the connection to the exchange, as clients are told it."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    RECONNECTING = "reconnecting"
    CATCHING_UP = "catching_up"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolRules:
    """The exchange's filters for one pair (Binance exchangeInfo). A zero switches that limit off."""

    pair: str  # e.g. BTCUSDT
    base: str
    quote: str
    tick_size: Decimal  # PRICE_FILTER.tickSize, quote per base
    step_size: Decimal  # LOT_SIZE.stepSize, base
    min_quantity: Decimal  # LOT_SIZE.minQty, base
    max_quantity: Decimal  # LOT_SIZE.maxQty, base
    min_notional: Decimal  # NOTIONAL or MIN_NOTIONAL, quote
    trading: bool = True  # status TRADING


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    """One bar. Prices in quote per base, volume in base."""

    open_ms: int  # open time, epoch ms UTC
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicTrade:
    """One trade print of the exchange."""

    trade_id: int
    price: Decimal
    quantity: Decimal  # base
    traded_ms: int  # exchange time
    buyer_is_maker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBook:
    """The best levels of one pair: bids falling, asks rising, (price, quantity in base) each.

    `depth` tells the fill model: 20 for depth20, 1 for best bid and ask only.
    """

    update_id: int
    received_ms: int  # depth20 carries no event time, so this is when we received it
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    depth: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticker:
    """Rolling 24 h statistics of one pair."""

    change_percent: Decimal
    change: Decimal  # quote
    high: Decimal
    low: Decimal
    volume: Decimal  # base
    quote_volume: Decimal
    event_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The price of one pair as shown to bots and clients."""

    pair: str
    price: Decimal  # last trade; until one is seen the middle of the book, or the close of the newest candle
    bid: Decimal | None
    ask: Decimal | None
    event_ms: int  # exchange time of the newest part
    source: Source
    stale: bool = False


# Candles that Binance does not send: they are built from its 1 m candles.
BUILT_INTERVALS: dict[str, int] = {
    "2m": 120_000,
    "10m": 600_000,
    "20m": 1_200_000,
    "45m": 2_700_000,
    "3h": 10_800_000,
}
INTERVAL_MS: dict[str, int] = {
    "1s": 1_000,
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
    **BUILT_INTERVALS,
}
