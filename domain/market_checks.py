"""What market data must satisfy before anything uses it: each check returns None, or the reason to refuse."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from operator import gt, lt

from domain.market import Candle, OrderBook, PublicTrade, Ticker

Levels = tuple[tuple[Decimal, Decimal], ...]


def candle_fault(candle: Candle, interval_ms: int) -> str | None:
    """Return why `candle` of an interval of `interval_ms` must not be used, None when it is sound."""
    prices = (candle.open, candle.high, candle.low, candle.close)
    if not all(price.is_finite() for price in prices) or not candle.volume.is_finite():
        return "not_finite"
    if min(prices) <= 0 or candle.volume < 0:
        return "not_positive"
    if candle.high < max(prices) or candle.low > min(prices):
        return "high_below_low"
    if candle.open_ms < 0 or candle.open_ms % interval_ms:
        return "off_the_interval"
    return None


def trade_fault(trade: PublicTrade) -> str | None:
    """Return why `trade` must not be used, None when it is sound."""
    if not trade.price.is_finite() or not trade.quantity.is_finite():
        return "not_finite"
    if trade.price <= 0 or trade.quantity <= 0:
        return "not_positive"
    if trade.trade_id < 0 or trade.traded_ms < 0:
        return "negative_id"
    return None


def book_fault(book: OrderBook) -> str | None:
    """Return why `book` must not be used, None when it is sound: sorted, positive, finite and not crossed."""
    if not book.bids and not book.asks:
        return "empty_book"
    if max(len(book.bids), len(book.asks)) > book.depth:
        return "too_many_levels"
    if _is_sound(book):
        return None
    if (fault := _level_fault(book.bids) or _level_fault(book.asks)) is not None:
        return fault
    if book.bids and book.asks and book.bids[0][0] >= book.asks[0][0]:
        return "crossed_book"
    if not _falls(book.bids) or not _falls(book.asks[::-1]):
        return "unsorted_book"
    return None


def is_finite(book: OrderBook) -> bool:
    """Return whether all of a book's numbers are: what a consumer checks again, at a quarter of `book_fault`'s cost."""
    for price, quantity in book.bids:
        if not (price.is_finite() and quantity.is_finite()):
            return False
    return all(price.is_finite() and quantity.is_finite() for price, quantity in book.asks)


def ticker_fault(ticker: Ticker) -> str | None:
    """Return why these 24 h statistics must not be used, None when they are sound."""
    figures = (ticker.change_percent, ticker.change, ticker.high, ticker.low, ticker.volume, ticker.quote_volume)
    if not all(figure.is_finite() for figure in figures):
        return "not_finite"
    if min(ticker.low, ticker.volume, ticker.quote_volume) < 0:
        return "not_positive"
    if ticker.high < ticker.low:
        return "high_below_low"
    return None


def price_fault(price: Decimal) -> str | None:
    """Return why a single price must not be used, None when it is sound."""
    if not price.is_finite():
        return "not_finite"
    return None if price > 0 else "not_positive"


def _is_sound(book: OrderBook) -> bool:
    """Return whether nothing at all is wrong: the quick answer for nearly every book, in loops that run in C."""
    try:
        return (
            bool(book.bids and book.asks)
            and book.bids[0][0] < book.asks[0][0]
            and book.bids[-1][0] > 0
            and book.asks[-1][0].is_finite()
            and _is_sound_side(book.bids, gt)
            and _is_sound_side(book.asks, lt)
        )
    except InvalidOperation:  # a NaN has no place in an order
        return False


def _is_sound_side(levels: Levels, better: Callable[[Decimal, Decimal], bool]) -> bool:
    prices, quantities = zip(*levels, strict=True)
    return (
        all(map(better, prices, prices[1:]))
        and all(quantities)  # none is zero
        and all(map(Decimal.is_finite, quantities))
        and not any(map(Decimal.is_signed, quantities))
    )


def _level_fault(levels: Levels) -> str | None:
    for price, quantity in levels:
        if not (price.is_finite() and quantity.is_finite()):
            return "not_finite"
        if price <= 0 or quantity <= 0:
            return "not_positive"
    return None


def _falls(levels: Levels) -> bool:
    return all(better[0] > worse[0] for better, worse in pairwise(levels))
