"""The trades of each minute, laid out inside its bar so that their sums are known without making them.

Every minute has four corner orders (open, first extreme, second extreme, close), each printed as two fills, and N pairs
of single fills. The two trades of a pair are equal in quantity and side, and their prices add up to high + low. So the
volume, the quote volume and the taker's shares of a minute follow from its bar and a few prefix sums, exactly: a month
of klines costs no trade, and still equals what the trades add up to.
"""

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from sim.noise import noise, seed_number
from sim.paths import MINUTE_MS, MinuteBar, PricePath
from sim.symbols import Listing

CORNER_FILLS = 8  # four orders of two fills each
CORNER_WEIGHT = 5  # of each fill, in units of the minute's trade size
_PAIRS = tuple(20 + byte % 31 for byte in noise("pairs of trades in each minute of an hour", 60))
_WEIGHTS = tuple(1 + byte * byte * byte // 600_000 for byte in noise("trade sizes", 256)) * 2
_EXTRAS = tuple(byte % 16 for byte in noise("trade sizes, fine", 256)) * 2
_BUYS = tuple(byte & 1 for byte in noise("trade sides", 256)) * 2
_WEIGHT_SUMS = tuple(accumulate(_WEIGHTS, initial=0))
_EXTRA_SUMS = tuple(accumulate(_EXTRAS, initial=0))
_BUY_WEIGHT_SUMS = tuple(accumulate((w * b for w, b in zip(_WEIGHTS, _BUYS, strict=True)), initial=0))
_BUY_EXTRA_SUMS = tuple(accumulate((e * b for e, b in zip(_EXTRAS, _BUYS, strict=True)), initial=0))
ORDERS_PER_HOUR = sum(4 + 2 * pairs for pairs in _PAIRS)
TRADES_PER_HOUR = sum(CORNER_FILLS + 2 * pairs for pairs in _PAIRS)


class Trade(NamedTuple):
    """One print. Fills of one taker order share `order_id`, time, price and side (an aggTrade)."""

    id: int
    order_id: int
    time_ms: int
    price: int  # ticks
    quantity: int  # steps
    buyer_is_maker: bool


class Sums(NamedTuple):
    """One candle: prices in ticks, volumes in steps, quote volumes in ticks x steps."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote: int
    trades: int
    buy_volume: int  # of taker buys
    buy_quote: int
    first_id: int
    last_id: int


class _Minute(NamedTuple):
    """A bar and the sizes of its trades."""

    number: int  # minutes since the epoch
    bar: MinuteBar
    pairs: int
    turn: int  # where the minute's part of the size table begins
    unit: int  # steps per weight
    rest: int  # steps that the first fill has more
    first_id: int
    first_order_id: int


def merge(parts: list[Sums], open_ms: int) -> Sums:
    """Return the candle over `parts` (one or more, in order of time)."""
    return Sums(
        open_ms,
        parts[0].open,
        max(part.high for part in parts),
        min(part.low for part in parts),
        parts[-1].close,
        sum(part.volume for part in parts),
        sum(part.quote for part in parts),
        sum(part.trades for part in parts),
        sum(part.buy_volume for part in parts),
        sum(part.buy_quote for part in parts),
        parts[0].first_id,
        parts[-1].last_id,
    )


def sums_of(trades: list[Trade], open_ms: int) -> Sums:
    """Return the candle of `trades` (one or more, in order)."""
    prices = [trade.price for trade in trades]
    buys = [trade for trade in trades if not trade.buyer_is_maker]
    return Sums(
        open_ms,
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        sum(trade.quantity for trade in trades),
        sum(trade.price * trade.quantity for trade in trades),
        len(trades),
        sum(trade.quantity for trade in buys),
        sum(trade.price * trade.quantity for trade in buys),
        trades[0].id,
        trades[-1].id,
    )


class Tape:
    """All trades of one pair, past and coming."""

    def __init__(self, *, listing: Listing, path: PricePath, seed: int) -> None:
        self._path = path
        self._key = f"{seed}:{listing.pair}:tape"
        # Ids of two pairs never look alike, so that mixing them up shows.
        self._first_id = seed_number(f"trades:{listing.pair}") % 10**9
        self._first_order_id = seed_number(f"orders:{listing.pair}") % 10**9
        self._hour = lru_cache(maxsize=48)(self._make_hour)
        self.hour_sums = lru_cache(maxsize=4096)(self._make_hour_sums)
        self.minute_trades = lru_cache(maxsize=16)(self._make_minute_trades)

    def minute_sums(self, minute: int) -> Sums:
        """Return the closed candle of that minute since the epoch."""
        return _sums(self._hour(minute // 60)[minute % 60])

    def trades_between(self, begin_ms: int, end_ms: int) -> list[Trade]:
        """Return the trades with begin_ms < time <= end_ms."""
        found: list[Trade] = []
        for minute in range(begin_ms // MINUTE_MS, end_ms // MINUTE_MS + 1):
            trades = self.minute_trades(minute)
            first = bisect_right(trades, begin_ms, key=_time)
            found += trades[first : bisect_right(trades, end_ms, key=_time)]
        return found

    def around(self, now_ms: int) -> tuple[Trade, Trade]:
        """Return the last trade at or before `now_ms` and the first after it."""
        minute = now_ms // MINUTE_MS
        trades = self.minute_trades(minute)
        place = bisect_right(trades, now_ms, key=_time)
        before = trades[place - 1] if place else self.minute_trades(minute - 1)[-1]
        after = trades[place] if place < len(trades) else self.minute_trades(minute + 1)[0]
        return before, after

    def minute_of_trade(self, trade_id: int) -> int:
        """Return the minute since the epoch in which the trade of that id happens."""
        hour = (trade_id - self._first_id) // TRADES_PER_HOUR
        minutes = self._hour(hour)
        return hour * 60 + bisect_right(minutes, trade_id, key=lambda minute: minute.first_id) - 1

    def minute_of_order(self, order_id: int) -> int:
        """Return the minute since the epoch of the aggregate trade of that id."""
        hour = (order_id - self._first_order_id) // ORDERS_PER_HOUR
        minutes = self._hour(hour)
        return hour * 60 + bisect_right(minutes, order_id, key=lambda minute: minute.first_order_id) - 1

    def _make_hour(self, hour: int) -> tuple[_Minute, ...]:
        data = noise(f"{self._key}:{hour}", 61)
        shift = data[60] % 60
        first_id = self._first_id + hour * TRADES_PER_HOUR
        first_order_id = self._first_order_id + hour * ORDERS_PER_HOUR
        minutes = []
        for place, bar in enumerate(self._path.bars(hour)):
            pairs = _PAIRS[(place + shift) % 60]
            minutes.append(_sized(hour * 60 + place, bar, pairs, data[place], first_id, first_order_id))
            first_id += CORNER_FILLS + 2 * pairs
            first_order_id += 4 + 2 * pairs
        return tuple(minutes)

    def _make_hour_sums(self, hour: int) -> Sums:
        minutes = self._hour(hour)
        return merge([_sums(minute) for minute in minutes], hour * 60 * MINUTE_MS)

    def _make_minute_trades(self, minute: int) -> list[Trade]:
        return _trades(self._hour(minute // 60)[minute % 60], f"{self._key}:minute:{minute}")


def _time(trade: Trade) -> int:
    return trade.time_ms


def _sized(index: int, bar: MinuteBar, pairs: int, turn: int, first_id: int, first_order_id: int) -> _Minute:
    extras = 2 * (_EXTRA_SUMS[turn + pairs] - _EXTRA_SUMS[turn])
    weights = CORNER_FILLS * CORNER_WEIGHT + 2 * (_WEIGHT_SUMS[turn + pairs] - _WEIGHT_SUMS[turn])
    # A minute too thin for its number of trades gets the least volume that gives each of them a step.
    unit, rest = divmod(max(bar.volume, weights + extras) - extras, weights)
    return _Minute(index, bar, pairs, turn, unit, rest, first_id, first_order_id)


def _sums(minute: _Minute) -> Sums:
    bar, turn, unit, rest = minute.bar, minute.turn, minute.unit, minute.rest
    end = turn + minute.pairs
    paired = unit * (_WEIGHT_SUMS[end] - _WEIGHT_SUMS[turn]) + _EXTRA_SUMS[end] - _EXTRA_SUMS[turn]
    bought = unit * (_BUY_WEIGHT_SUMS[end] - _BUY_WEIGHT_SUMS[turn]) + _BUY_EXTRA_SUMS[end] - _BUY_EXTRA_SUMS[turn]
    corner, mirror = 2 * CORNER_WEIGHT * unit, bar.high + bar.low
    ends, ends_quote = 2 * corner + rest, corner * (bar.open + bar.close) + rest * bar.open
    rising = bar.close >= bar.open
    trades = CORNER_FILLS + 2 * minute.pairs
    return Sums(
        minute.number * MINUTE_MS,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        ends + 2 * corner + 2 * paired,
        ends_quote + corner * mirror + mirror * paired,
        trades,
        corner + 2 * bought + (ends if rising else 0),
        corner * bar.high + mirror * bought + (ends_quote if rising else 0),
        minute.first_id,
        minute.first_id + trades - 1,
    )


class _Order(NamedTuple):
    price: int
    buy: bool
    fills: tuple[int, ...]


def _trades(minute: _Minute, key: str) -> list[Trade]:
    data = noise(key, 4 * minute.pairs + 2 * (4 + 2 * minute.pairs) + 1)
    orders = _orders(minute, data)
    slot = MINUTE_MS / len(orders)
    jitter = data[4 * minute.pairs :]
    trades: list[Trade] = []
    trade_id = minute.first_id
    for place, order in enumerate(orders):
        within = (jitter[2 * place] * 256 + jitter[2 * place + 1]) / 65536
        time_ms = minute.number * MINUTE_MS + int((place + within) * slot)
        for quantity in order.fills:
            order_id = minute.first_order_id + place
            trades.append(Trade(trade_id, order_id, time_ms, order.price, quantity, not order.buy))
            trade_id += 1
    return trades


def _orders(minute: _Minute, data: bytes) -> list[_Order]:
    """Return the minute's taker orders in order of time: three legs between four corners, a little shuffled."""
    bar, corner = minute.bar, CORNER_WEIGHT * minute.unit
    rising = bar.close >= bar.open
    # Mostly a rising minute makes its low first and a falling one its high.
    low_first = rising if data[-1] < 200 else not rising
    first, second = (bar.low, bar.high) if low_first else (bar.high, bar.low)
    legs: tuple[list[tuple[float, _Order]], ...] = ([], [], [])
    for place in range(minute.pairs):
        _lay_pair(legs, minute, place, first, second, data[4 * place : 4 * place + 4])
    early, middle, late = ([order for _, order in sorted(leg, key=lambda entry: entry[0])] for leg in legs)
    return [
        _Order(bar.open, rising, (corner + minute.rest, corner)),
        *early,
        _Order(first, not low_first, (corner, corner)),
        *middle,
        _Order(second, low_first, (corner, corner)),
        *late,
        _Order(bar.close, rising, (corner, corner)),
    ]


def _lay_pair(
    legs: tuple[list[tuple[float, _Order]], ...], minute: _Minute, place: int, first: int, second: int, data: bytes
) -> None:
    bar, index = minute.bar, minute.turn + place
    corners = (bar.open, first, second, bar.close)
    lengths = [abs(corners[leg + 1] - corners[leg]) for leg in range(3)]
    spot = data[0] / 256 * (sum(lengths) or 1)
    leg = 0 if spot < lengths[0] else 2 if spot >= lengths[0] + lengths[1] else 1
    share = data[1] / 255
    price = corners[leg] + round((corners[leg + 1] - corners[leg]) * share)
    fills = (_WEIGHTS[index] * minute.unit + _EXTRAS[index],)
    legs[leg].append((share + (data[2] - 128) / 1500, _Order(price, bool(_BUYS[index]), fills)))
    mirrored = bar.high + bar.low - price
    along = (mirrored - first) / (second - first) if second != first else 1 - share
    legs[1].append((along + (data[3] - 128) / 1500, _Order(mirrored, bool(_BUYS[index]), fills)))
