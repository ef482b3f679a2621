"""From market values to what clients are shown."""

from decimal import Decimal

from domain.market import Candle, MarketState, OrderBook, Quote, SymbolRules, Ticker
from domain.views import ABSENT, CandleRow, CryptoView, MarketStatusView, OrderBookView, PriceView, iso, seconds

_ZERO = Decimal(0)

_NAMES = {
    "ADA": "Cardano",
    "BNB": "BNB",
    "BTC": "Bitcoin",
    "DOGE": "Dogecoin",
    "DOT": "Polkadot",
    "ETH": "Ethereum",
    "LINK": "Chainlink",
    "LTC": "Litecoin",
    "SOL": "Solana",
    "XRP": "XRP",
}


def price_view(quote: Quote, ticker: Ticker | None, *, stale: bool = False) -> PriceView:
    """Return the price entry of a pair; 24 h figures are 0 until the exchange has given them."""
    volume = ticker.volume if ticker else _ZERO
    return PriceView(
        symbol=quote.pair,
        price=quote.price,
        bid=quote.bid,
        ask=quote.ask,
        change_24h=ticker.change_percent if ticker else _ZERO,
        volume=volume,
        volume_24h=volume,
        high_24h=ticker.high if ticker else _ZERO,
        low_24h=ticker.low if ticker else _ZERO,
        market_cap=0,
        timestamp=seconds(quote.event_ms),
        time=iso(quote.event_ms),
        stale=True if stale or quote.stale else ABSENT,
    )


def crypto_view(quote: Quote, ticker: Ticker | None) -> CryptoView:
    """Return the crypto entry of a pair."""
    base = quote.pair.removesuffix("USDT")
    volume = ticker.volume if ticker else _ZERO
    return CryptoView(
        id=base.lower(),
        symbol=quote.pair,
        name=_NAMES.get(base, base),
        image="",
        current_price=quote.price,
        market_cap=0,
        market_cap_rank=0,
        total_volume=volume,
        volume_24h=volume,
        high_24h=ticker.high if ticker else _ZERO,
        low_24h=ticker.low if ticker else _ZERO,
        price_change_24h=ticker.change if ticker else _ZERO,
        price_change_percentage_24h=ticker.change_percent if ticker else _ZERO,
        circulating_supply=0,
        last_updated=iso(quote.event_ms),
    )


def order_book_view(
    pair: str,
    book: OrderBook | None,
    rules: SymbolRules | None,
    *,
    levels: int,
    taker_fee: Decimal,
    maker_fee: Decimal,
    latency_ms: int,
    fallback_slippage_bps: Decimal,
) -> OrderBookView:
    """Return the best `levels` of each side of a book, where one is known, with the terms of the paper exchange."""
    return OrderBookView(
        symbol=pair,
        bids=book.bids[:levels] if book else (),
        asks=book.asks[:levels] if book else (),
        timestamp=book.received_ms if book else None,
        time=iso(book.received_ms) if book else None,
        taker_fee=taker_fee,
        maker_fee=maker_fee,
        latency_ms=latency_ms,
        fallback_slippage_bps=fallback_slippage_bps,
        tick_size=rules.tick_size if rules else None,
        step_size=rules.step_size if rules else None,
        min_quantity=rules.min_quantity if rules else None,
        min_notional=rules.min_notional if rules else None,
    )


def candle_row(candle: Candle) -> CandleRow:
    """Return a candle as the row that clients draw."""
    return (candle.open_ms, candle.open, candle.high, candle.low, candle.close, candle.volume)


def market_status_view(state: MarketState, message: str, at_ms: int, pair: str | None) -> MarketStatusView:
    """Return the state of the connection, or of one pair."""
    return MarketStatusView(
        state=state.value, message=message, timestamp=at_ms, time=iso(at_ms), symbol=ABSENT if pair is None else pair
    )
